"""By what a window is judged: what the policy says, and what is left to the monitor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from governance.policy.watching import UNSAID, Limits, Measure, Monitoring, Volume
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
    """What a window is judged by: a policy's terms, with what the monitor adds. Units are those of the measures."""

    numeric: Measure = UNSAID.numeric
    categorical: Measure = UNSAID.categorical
    missing: Limits = UNSAID.missing
    new_categories: Limits = UNSAID.new_categories
    volume: Volume = UNSAID.volume
    fdr: float = UNSAID.fdr
    min_n: int = UNSAID.min_n
    share: float | None = UNSAID.share
    sampling: Sampling = Sampling()

    @classmethod
    def of(cls, terms: Monitoring, sampling: Mapping[str, Any]) -> Self:
        """Return what a policy's terms and a monitor's settings make together."""
        names = {field.name for field in fields(cls)} - {"sampling"}
        return cls(**{name: getattr(terms, name) for name in names}, sampling=Sampling.from_json(sampling))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote."""
        kinds: dict[str, Any] = {
            "numeric": Measure,
            "categorical": Measure,
            "missing": Limits,
            "new_categories": Limits,
            "volume": Volume,
            "sampling": Sampling,
        }
        return cls(**{name: kinds[name](**value) if name in kinds else value for name, value in data.items()})

    def to_json(self) -> Json:
        """Return the settings as JSON values."""
        return asdict(self)
