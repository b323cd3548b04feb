"""What does not fit in a batch: by column, kind and row; refused as a whole, or row by row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from monitoring.errors import SchemaDrift

ROWS_NAMED = 10
MAX_PROBLEMS = 100
OF_THE_COLUMN = {"unknown", "missing"}


@dataclass
class Problem:
    """One way in which a column does not fit: what was expected and found, in how many rows, and the first of them."""

    column: str
    kind: str
    expected: str
    found: str
    count: int = 0
    rows: list[int] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the problem as JSON values; rows count from 1."""
        return dict(vars(self))

    @property
    def said(self) -> str:
        """The problem in a few words, without its rows."""
        return f"{self.column!r} {self.kind}: expected {self.expected}, found {self.found}"


class Report:
    """Problems by column and kind, with counts and the first row numbers; and since :meth:`begin`, every row's own."""

    def __init__(self) -> None:
        self.problems: dict[tuple[str, str, str], Problem] = {}
        self._since: list[tuple[Problem, np.ndarray[Any, Any]]] = []

    def add(self, column: str, kind: str, *, expected: str, found: str, rows: Iterable[int] = ()) -> None:
        """Note a problem; without ``rows`` it is one of the whole column."""
        key = column, kind, found
        if key not in self.problems and len(self.problems) >= MAX_PROBLEMS:
            self.check()  # a batch with that many is another table altogether
        problem = self.problems.setdefault(key, Problem(column, kind, expected, found))
        named = rows if isinstance(rows, np.ndarray) else np.fromiter(rows, np.int64)
        problem.count += len(named)
        problem.rows += named[: ROWS_NAMED - len(problem.rows)].tolist()
        if len(named):
            self._since.append((problem, named))

    def begin(self) -> None:
        """Forget which row has which problem; what :meth:`check` says stays."""
        self._since = []

    def reasons(self) -> dict[int, list[str]]:
        """Return what was noted since :meth:`begin`, by row."""
        found: dict[int, list[str]] = {}
        for problem, rows in self._since:
            for row in rows.tolist():
                found.setdefault(row, []).append(problem.said)
        return found

    @property
    def bad_rows(self) -> np.ndarray[Any, Any]:
        """Every row that has a problem since :meth:`begin`, in order."""
        return np.unique(np.concatenate([rows for _, rows in self._since])) if self._since else np.empty(0, np.int64)

    def check_columns(self) -> None:
        """Refuse the batch if a column is unknown or missing.

        Raises:
            SchemaDrift: as :meth:`check`.
        """
        if any(problem.kind in OF_THE_COLUMN for problem in self.problems.values()):
            self.check()

    def check(self) -> None:
        """Refuse the batch if anything was noted.

        Raises:
            SchemaDrift: its sentence tells the three most frequent problems, ``extra["problems"]`` all of them.
        """
        if not self.problems:
            return
        worst = sorted(self.problems.values(), key=lambda p: -p.count)
        sentences = [p.said + (f" in {p.count} rows (first: row {p.rows[0]})" if p.rows else "") for p in worst[:3]]
        more = f"; and {len(worst) - 3} more problems" if len(worst) > 3 else ""
        raise SchemaDrift(
            f"Nothing of the batch was kept. {'; '.join(sentences)}{more}. Correct the records and send them again.",
            problems=[problem.to_json() for problem in worst],
        )
