"""By what a window is judged: what the policy says, and what is left to the monitor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from typing import Any, Self

from governance.policy.watching import (
    BETWEEN_GROUPS,
    UNSAID,
    Kpi,
    Latency,
    Limits,
    Measure,
    Monitoring,
    Performance,
    Volume,
)
from monitoring.errors import InvalidSettings

Json = dict[str, Any]


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True)
class Sampling:
    """What a policy leaves to the monitor.

    Attributes:
        sample: rows per window that Evidently sees, at least 1.
        bins: bins of a numeric column, 10 to 100: with fewer, a change of spread would not show.
    """

    sample: int = 5000
    bins: int = 10

    def __post_init__(self) -> None:
        """Check the ranges."""
        rules = {
            "sample must be a whole number of at least 1": _whole(self.sample) and self.sample >= 1,
            "bins must be a whole number from 10 to 100": _whole(self.bins) and 10 <= self.bins <= 100,
        }
        broken = [rule for rule, kept in rules.items() if not kept]
        if broken:
            raise InvalidSettings(f"The monitor's settings can not be used: {'; '.join(broken)}.")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read settings; what is absent keeps its default.

        Raises:
            InvalidSettings: an unknown name, a wrong type or a value out of range.
        """
        unknown = sorted(set(data) - {field.name for field in fields(cls)})
        if unknown:
            raise InvalidSettings(
                f"The monitor's settings can not be used: there is no {', '.join(unknown)}. Methods and limits are the "
                "policy's; a monitor has `sample` and `bins`."
            )
        return cls(**data)

    def to_json(self) -> Json:
        """Return the settings as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class DriftSettings:
    """What a window is judged by: a policy's terms, with what the monitor adds. Units are those of the measures.

    What the policy does not name (None, or empty) is not measured, and not written.
    """

    numeric: Measure = UNSAID.numeric
    categorical: Measure = UNSAID.categorical
    missing: Limits = UNSAID.missing
    new_categories: Limits = UNSAID.new_categories
    volume: Volume = UNSAID.volume
    fdr: float = UNSAID.fdr
    min_n: int = UNSAID.min_n
    share: float | None = UNSAID.share
    sampling: Sampling = Sampling()
    latency: Latency | None = None
    kpis: tuple[Kpi, ...] = ()
    performance: Performance | None = None
    estimated_performance: Performance | None = None
    labels_after: timedelta = timedelta(0)
    selection_ratio: Limits | None = None
    selection_difference: Limits | None = None
    tpr_difference: Limits | None = None

    @classmethod
    def of(cls, terms: Monitoring, sampling: Mapping[str, Any]) -> Self:
        """Return what a policy's terms and a monitor's settings make together."""
        names = {field.name for field in fields(cls)} - {"sampling"}
        return cls(**{name: getattr(terms, name) for name in names}, sampling=Sampling.from_json(sampling))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote."""
        return cls(**{name: _READ[name](value) if name in _READ else value for name, value in data.items()})

    def to_json(self) -> Json:
        """Return the settings as JSON values; ``labels_after`` in days."""
        found = asdict(self) | {"kpis": [asdict(kpi) for kpi in self.kpis], "labels_after": self.labels_after.days}
        return {name: value for name, value in found.items() if name not in _NAMED or value}


_READ: dict[str, Callable[[Any], Any]] = {
    "numeric": lambda data: Measure(**data),
    "categorical": lambda data: Measure(**data),
    "missing": lambda data: Limits(**data),
    "new_categories": lambda data: Limits(**data),
    "volume": lambda data: Volume(**data),
    "sampling": lambda data: Sampling(**data),
    "latency": lambda data: Latency(**data),
    "kpis": lambda data: tuple(Kpi(**kpi) for kpi in data),
    "performance": lambda data: Performance(**data),
    "estimated_performance": lambda data: Performance(**data),
    "labels_after": lambda days: timedelta(days=days),
    **dict.fromkeys(BETWEEN_GROUPS, lambda data: Limits(**data)),
}
_NAMED = frozenset({"latency", "kpis", "performance", "estimated_performance", "labels_after", *BETWEEN_GROUPS})
