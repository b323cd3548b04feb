"""What is wrong with a policy document, and where: the one error shape of this package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from governance.common.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right in a policy document.

    Attributes:
        path: where in the document, such as ``checks[2].expr``; empty for the document as a whole.
        line: line of the YAML text, counted from 1.
        message: one sentence or two: what is wrong and, where that is known, what to write.
    """

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        where = f"{self.path}, line {self.line}" if self.path else f"line {self.line}"
        return f"{where}: {self.message}"


class InvalidPolicy(InvalidInput):
    """The text is not a policy document; ``problems`` says why, in the order of the lines, and is never empty."""

    title = "The policy document is not valid"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__(
            "\n".join(str(problem) for problem in self.problems),
            errors=[asdict(problem) for problem in self.problems],
        )
