"""A signal before and after it is judged: one figure with its limits, its test, and what people are to read with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from governance.policy.watching import Limits

Json = dict[str, Any]
BY_CHANCE = "At or beyond its limits, but it can not be told from chance."


@dataclass(frozen=True)
class Signal:
    """One figure of a window.

    Attributes:
        name: what it is of; one of the schema's.
        column: which column or group of columns; None for the window as a whole.
        value, low, high: the figure and its 95 % interval, in the unit of its limits; None where undefined.
        n: rows that it is of.
        watch, limit: from where on it is to be watched, and a breach; a limit of None is never reached.
        p: of "nothing is different"; None where there is no test, or there are too few rows for it.
        reason: why it can't be judged; it is ``insufficient`` then.
        falls: the smaller, the worse.
        judged: the outcome of what has no test; empty for what is judged by limits and p.
        facts: what else stands in its row.
    """

    name: str
    column: str | None
    value: float | None
    n: int
    watch: float | None
    limit: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    reason: str = ""
    falls: bool = False
    judged: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def row(self, p_adjusted: float | None, *, fdr: float) -> Json:
        """Return the row of a ``drift/v1`` payload.

        Args:
            p_adjusted: of its test, together with all others of the window.
            fdr: at or below which that is no chance.
        """
        outcome, reason = "stable", self.reason
        if reason or self.value is None:
            outcome = "insufficient"
        elif self.judged:
            outcome = self.judged
        elif self._reaches(self.watch):
            if p_adjusted is None or p_adjusted > fdr:
                outcome, reason = "insufficient", BY_CHANCE
            else:
                outcome = "breach" if self._reaches(self.limit) else "watch"
        return {
            "signal": self.name,
            "column": self.column,
            "value": self.value,
            "low": _finite(self.low),
            "high": _finite(self.high),
            "n": self.n,
            "watch": self.watch,
            "limit": self.limit,
            "p_adjusted": p_adjusted,
            "outcome": outcome,
            **self.facts,
            **({"reason": reason} if reason else {}),
        }

    def _reaches(self, limit: float | None) -> bool:
        if limit is None or self.value is None:
            return False
        return self.value <= limit if self.falls else self.value >= limit


def undefined(name: str, column: str | None, limits: Limits, *, n: int, reason: str, **facts: Any) -> Signal:
    """Return a signal that has no figure, and why."""
    return Signal(name, column, None, n, limits.watch, limits.limit, reason=reason, facts=facts)


def figure(value: float, interval: tuple[float, float], n: int) -> Json:
    """Return a figure that a signal compares, with its interval; what is infinite is None."""
    return {"value": value, "low": _finite(interval[0]), "high": _finite(interval[1]), "n": n}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
