"""What a monitor takes in beside features and predictions, what it leaves out, and for how long it keeps records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from governance.common.retention.table import row
from monitoring.errors import InvalidSettings
from monitoring.schema import AT_COLUMN, ID_COLUMN, PREDICTION, ColumnType

LATENCY, LABEL, SUBJECT, LABELLED_AT = "latency_ms", "label", "subject_id", "labelled_at"
_KEPT = row("records")
MIN_RETENTION_DAYS = _KEPT.least.days if _KEPT.least else 1
"""Of the table of retention: 184 are the longest six months; of 183 days some are shorter by the calendar."""
MAX_RETENTION_DAYS = 36_525
MAX_NAMES = 100
SIX_MONTHS = (
    f"retention_days must be at least {MIN_RETENTION_DAYS}: Articles 19 and 26(6) of Regulation (EU) 2024/1689 ask "
    "that logs are kept for at least six months"
)


@dataclass(frozen=True)
class IntakeSettings:
    """What records of one monitor may hold and what becomes of it.

    Attributes:
        kpis: columns of numbers that stand beside the predictions, such as a margin.
        sensitive: columns of the reference data that are no features and may be sent.
        keep_out: columns that are dropped at the door; neither features, nor prediction, time or id.
        hash: columns of texts that are kept as HMAC-SHA256 alone: ``subject_id``, ``prediction_id``, or sensitive ones.
        quarantine: put rows that do not fit aside, with the reason, instead of refusing the batch.
        retention_days: how many days after its own day (UTC) a record is kept, 184 to 36,525.
    """

    kpis: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    keep_out: tuple[str, ...] = ()
    hash: tuple[str, ...] = ()
    quarantine: bool = False
    retention_days: int = _KEPT.period.days

    def __post_init__(self) -> None:
        """Check what can be checked without the reference."""
        days = self.retention_days
        rules = {SIX_MONTHS: days >= MIN_RETENTION_DAYS, "retention_days is at most 36525": days <= MAX_RETENTION_DAYS}
        for field in ("kpis", "sensitive", "keep_out", "hash"):
            names = getattr(self, field)
            rules[f"{field} names at most {MAX_NAMES} columns, each once"] = len(names) <= MAX_NAMES and len(
                set(names)
            ) == len(names)
            rules[f"a name in {field} has 1 to 200 characters"] = all(1 <= len(name) <= 200 for name in names)
        twice = {*self.kpis} & {*self.sensitive}
        rules[f"{_and(twice)} can not be both a KPI and sensitive"] = not twice
        lost = {*self.keep_out} & {*self.kpis, *self.sensitive, *self.hash}
        rules[f"{_and(lost)} can not be kept out and taken"] = not lost
        _require(rules)

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Self:
        """Read settings; what is absent keeps its default, and None is absent as a whole.

        Raises:
            InvalidSettings: an unknown name, a wrong type or a value out of range.
        """
        data = data or {}
        known = {field.name: field for field in fields(cls)}
        _require({f"there is no setting {name!r}": name in known for name in data})
        rules, values = {}, dict(data)
        for name, value in data.items():
            default = known[name].default
            if isinstance(default, bool):
                rules[f"{name} is true or false"] = isinstance(value, bool)
            elif isinstance(default, int):
                rules[f"{name} is a whole number"] = isinstance(value, int) and not isinstance(value, bool)
            else:
                is_list = isinstance(value, Sequence) and not isinstance(value, str)
                rules[f"{name} is a list of names"] = is_list and all(isinstance(item, str) for item in value)
                values[name] = tuple(value) if is_list else value
        _require(rules)
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def check_fits(self, features: Sequence[str], columns: Mapping[str, ColumnType]) -> None:
        """Hold the names against the reference data.

        Args:
            features: of the reference.
            columns: types of all its columns that records can hold.
        Raises:
            InvalidSettings: a name stands for another thing, or the reference has no such column.
        """
        fixed = {*features, PREDICTION, AT_COLUMN, ID_COLUMN}
        own = fixed | {LATENCY, LABEL, SUBJECT}
        texts = {name for name in self.sensitive if columns.get(name) == "string"} | {SUBJECT, ID_COLUMN}
        _require(
            {
                **{f"{name!r} can not be a KPI; records use that name for another thing": name not in own
                   for name in self.kpis},
                **{f"{name!r} is a feature or a column of every record, so it is not sensitive alone": name not in own
                   for name in self.sensitive},
                **{f"the reference data has no column {name!r} of numbers, texts or booleans": name in columns
                   for name in self.sensitive if name not in own},
                **{f"{name!r} can not be kept out; every record needs it": name not in fixed for name in self.keep_out},
                **{f"{name!r} can not be hashed; subject_id, prediction_id and sensitive texts can": name in texts
                   for name in self.hash},
            }
        )  # fmt: skip


def _require(rules: Mapping[str, bool]) -> None:
    broken = [rule for rule, kept in rules.items() if not kept]
    if broken:
        raise InvalidSettings(f"The intake's settings can not be used: {'; '.join(broken)}.")


def _and(names: set[str]) -> str:
    return " and ".join(repr(name) for name in sorted(names)) or "a column"
