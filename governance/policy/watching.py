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
QUANTILE = 0.95
BETWEEN_GROUPS = ("selection_ratio", "selection_difference", "tpr_difference")
FALLING = frozenset({"selection_ratio"})
"""Signals that are the worse the smaller they are."""


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
class Latency(Limits):
    """How long answers may take: milliseconds, of a quantile (0..1) of the records' ``latency_ms``."""

    quantile: float


@dataclass(frozen=True, slots=True)
class Kpi(Limits):
    """A figure of the business beside predictions: by how much its mean may worsen, in its own unit, and which way."""

    name: str
    better: str


@dataclass(frozen=True, slots=True)
class Performance(Limits):
    """By how much a metric may be worse than on the reference, in its unit.

    ``min_n``: labelled records that it needs; without labels, that the estimate needs.
    """

    metric: str
    min_n: int


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
        latency, kpis, performance, estimated_performance: what else is measured; None or empty: it is not.
        labels_after: how long labels take to come: figures with labels are of the window that ended so long before.
        selection_ratio: of two groups' shares of favourable decisions; the smaller, the worse.
        selection_difference, tpr_difference: between two groups' shares of favourable decisions; among those who should
            have had one (with labels).
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
    latency: Latency | None = None
    kpis: tuple[Kpi, ...] = ()
    performance: Performance | None = None
    estimated_performance: Performance | None = None
    labels_after: timedelta = timedelta(0)
    selection_ratio: Limits | None = None
    selection_difference: Limits | None = None
    tpr_difference: Limits | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the terms as JSON values; ``every`` and ``labels_after`` in days."""
        return asdict(self) | {
            "every": self.every.days,
            "on_breach": list(self.on_breach),
            "kpis": [asdict(kpi) for kpi in self.kpis],
            "labels_after": self.labels_after.days,
        }


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
        **_measured(data),
    )


def monitoring_problems(source: Source, terms: Monitoring) -> list[Problem]:
    """Return what the schema can't say: a watch beyond its limit, a window without length."""
    problems = []
    for place, limits in _limits_of(terms).items():
        beyond = limits.watch < limits.limit if place[0] in FALLING else limits.watch > limits.limit
        if beyond:
            message = f"`watch` ({limits.watch:g}) lies beyond `limit` ({limits.limit:g}); it is to come first."
            problems.append(problem_at(source, (WHERE, *place), message))
    if terms.every < timedelta(days=1):
        problems.append(problem_at(source, (WHERE, "every"), "Give a window a day at least."))
    if terms.volume.least >= terms.volume.most:
        message = f"`least` ({terms.volume.least:g}) is to be below `most` ({terms.volume.most:g})."
        problems.append(problem_at(source, (WHERE, "volume"), message))
    return problems


def _limits_of(terms: Monitoring) -> dict[tuple[str, ...], Limits]:
    """Return every pair of limits that the terms hold, by where it stands below ``monitoring``."""
    always: dict[tuple[str, ...], Limits] = {
        (name,): getattr(terms, name) for name in ("numeric", "categorical", "missing", "new_categories")
    }
    for name in ("latency", "performance", "estimated_performance", *BETWEEN_GROUPS):
        if (limits := getattr(terms, name)) is not None:
            always[name,] = limits
    return always | {("kpis", kpi.name): kpi for kpi in terms.kpis}


def _measured(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a policy has measured besides columns."""
    found: dict[str, Any] = {
        "kpis": tuple(
            Kpi(**_pair(kpi), name=str(name), better=kpi["better"]) for name, kpi in data.get("kpis", {}).items()
        )
    }
    if latency := data.get("latency"):
        found["latency"] = Latency(**_pair(latency), quantile=float(latency.get("quantile", QUANTILE)))
    for name in ("performance", "estimated_performance"):
        if metric := data.get(name):
            least = int(metric.get("min_n", data.get("min_n", UNSAID.min_n)))
            found[name] = Performance(**_pair(metric), metric=metric["metric"], min_n=least)
    if "labels_after" in data:
        found["labels_after"] = duration(data["labels_after"])
    return found | {name: Limits(**_pair(data[name])) for name in BETWEEN_GROUPS if name in data}


def _pair(data: Mapping[str, Any]) -> dict[str, float]:
    return {"watch": float(data["watch"]), "limit": float(data["limit"])}


def _measure(data: Mapping[str, Any] | None, unsaid: Measure) -> Measure:
    return unsaid if data is None else Measure(float(data["watch"]), float(data["limit"]), data["method"])


def _limits(data: Mapping[str, Any] | None, unsaid: Limits) -> Limits:
    return unsaid if data is None else Limits(float(data["watch"]), float(data["limit"]))
