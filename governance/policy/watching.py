"""What a policy says about watching what it let through: how often, by which measure, and what a breach does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from governance.policy.problems import Problem
from governance.policy.requirements import duration
from governance.policy.shape import problem_at
from governance.policy.source import Source

WHERE = "monitoring"


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on a figure is to be watched, and from where on it is a breach; both in the unit of its measure."""

    watch: float
    limit: float


@dataclass(frozen=True, slots=True)
class Measure(Limits):
    """How a kind of column is compared with its reference; ``method`` is one of the schema's."""

    method: str


@dataclass(frozen=True, slots=True)
class Volume:
    """Records in a window, as multiples of the median of the windows before it: fewer or more is to be watched.

    ``same_weekday``: only windows that began on the same day of the week count as before.
    """

    least: float
    most: float
    same_weekday: bool


@dataclass(frozen=True, slots=True)
class Monitoring:
    """How what is live is watched.

    Attributes:
        every: length of a window, and how often one is measured.
        numeric, categorical: how columns are compared.
        missing: by how much the share of missing values in a column may rise.
        new_categories: share of records with a category that the reference has not.
        fdr: expected share of false alarms among the columns of a window that alarm, 0..1, open.
        min_n: records that a window and the reference need.
        share: share of all columns that must be in breach for the window to be; None: any one column.
        on_breach: what is done besides ``approval.on_drift``: ``rereview``, ``ask_rollback``, ``retrain``.
    """

    every: timedelta = timedelta(days=7)
    numeric: Measure = Measure(0.1, 0.25, "psi")
    categorical: Measure = Measure(0.1, 0.25, "psi")
    missing: Limits = Limits(0.05, 0.2)
    new_categories: Limits = Limits(0.02, 0.1)
    volume: Volume = Volume(0.5, 2.0, same_weekday=False)
    fdr: float = 0.01
    min_n: int = 100
    share: float | None = None
    on_breach: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the terms as JSON values; ``every`` in days."""
        return asdict(self) | {"every": self.every.days, "on_breach": list(self.on_breach)}


UNSAID = Monitoring()
"""What holds where a policy says nothing about monitoring."""


def monitoring_of(data: Mapping[str, Any]) -> Monitoring:
    """Read the section ``monitoring`` of a policy that fits the schema; what is left out keeps its default."""
    volume = data.get("volume", {})
    return Monitoring(
        every=duration(data["every"]) if "every" in data else UNSAID.every,
        numeric=_measure(data.get("numeric"), UNSAID.numeric),
        categorical=_measure(data.get("categorical"), UNSAID.categorical),
        missing=_limits(data.get("missing"), UNSAID.missing),
        new_categories=_limits(data.get("new_categories"), UNSAID.new_categories),
        volume=Volume(
            least=float(volume.get("least", UNSAID.volume.least)),
            most=float(volume.get("most", UNSAID.volume.most)),
            same_weekday=volume.get("compare", "previous") == "same_weekday",
        ),
        fdr=float(data.get("fdr", UNSAID.fdr)),
        min_n=int(data.get("min_n", UNSAID.min_n)),
        share=float(data["share"]) if "share" in data else None,
        on_breach=tuple(data.get("on_breach", ())),
    )


def monitoring_problems(source: Source, terms: Monitoring) -> list[Problem]:
    """Return what the schema can't say: a watch beyond its limit, a window without length."""
    problems = []
    for name in ("numeric", "categorical", "missing", "new_categories"):
        limits: Limits = getattr(terms, name)
        if limits.watch > limits.limit:
            message = f"`watch` ({limits.watch:g}) lies beyond `limit` ({limits.limit:g}); it is to come first."
            problems.append(problem_at(source, (WHERE, name), message))
    if terms.every < timedelta(days=1):
        problems.append(problem_at(source, (WHERE, "every"), "Give a window a day at least."))
    if terms.volume.least >= terms.volume.most:
        message = f"`least` ({terms.volume.least:g}) is to be below `most` ({terms.volume.most:g})."
        problems.append(problem_at(source, (WHERE, "volume"), message))
    return problems


def _measure(data: Mapping[str, Any] | None, unsaid: Measure) -> Measure:
    return unsaid if data is None else Measure(float(data["watch"]), float(data["limit"]), data["method"])


def _limits(data: Mapping[str, Any] | None, unsaid: Limits) -> Limits:
    return unsaid if data is None else Limits(float(data["watch"]), float(data["limit"]))
