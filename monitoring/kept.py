"""Counts of one column, and what a window's keep of it: nothing by which the records of one person could be told. Pure.

A text that the reference does not know may be somebody's employer, and a highest number somebody's income. Profiles
outlive the records that they count, so they keep such a text by name only where enough records have it, and of numbers
beyond the reference only how far out they are at most.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from monitoring.errors import InvalidProfile

Json = dict[str, Any]

NAMED_FROM = 10
"""Records of a partition that have a text, from which on it is kept by name though the reference does not know it."""
OTHER = "other texts"


@dataclass(frozen=True)
class NumericCounts:
    """One numeric column: counts per fine bin, rows without a finite value, and between what all the others lie.

    Of a reference ``low`` and ``high`` are its own lowest and highest value; of a window they are only bounds
    (:func:`monitoring.kept.bounded`).
    """

    name: str
    counts: tuple[int, ...]
    missing: int
    low: float | None
    high: float | None

    @property
    def n(self) -> int:
        """Rows, with and without a value."""
        return sum(self.counts) + self.missing

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """Return the counts of all parts, of which there is at least one.

        Raises:
            InvalidProfile: they are of different columns or bins.
        """
        first = parts[0]
        if any(part.name != first.name or len(part.counts) != len(first.counts) for part in parts):
            raise InvalidProfile(f"Counts of column {first.name!r} can not be added: another column, or other bins.")
        return cls(
            name=first.name,
            counts=tuple(map(sum, zip(*(part.counts for part in parts), strict=True))),
            missing=sum(part.missing for part in parts),
            low=min((part.low for part in parts if part.low is not None), default=None),
            high=max((part.high for part in parts if part.high is not None), default=None),
        )


@dataclass(frozen=True)
class CategoryCounts:
    """One categorical column: exact rows per category, rows without one, rows with a text that is not kept by name."""

    name: str
    counts: Mapping[str, int]
    missing: int
    other: int = 0

    @property
    def n(self) -> int:
        """Rows, with and without a value."""
        return sum(self.counts.values()) + self.other + self.missing

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """Return the counts of all parts, of which there is at least one.

        Raises:
            InvalidProfile: they are of different columns.
        """
        found: Counter[str] = Counter()
        for part in parts:
            if part.name != parts[0].name:
                raise InvalidProfile(f"Column {parts[0].name!r} can not be added to column {part.name!r}.")
            found.update(part.counts)
        missing, other = sum(part.missing for part in parts), sum(part.other for part in parts)
        return cls(parts[0].name, dict(sorted(found.items())), missing, other)


ColumnCounts = NumericCounts | CategoryCounts


def pooled(counts: CategoryCounts, known: Mapping[str, int], *, named_from: float = NAMED_FROM) -> CategoryCounts:
    """Return counts with the texts in one, those apart that the reference knows or that enough records have.

    Args:
        known: the reference's texts.
        named_from: records from which on a text is kept by name; infinite for none.
    """
    named = {name: n for name, n in counts.counts.items() if name in known or n >= named_from}
    return replace(counts, counts=named, other=counts.other + sum(counts.counts.values()) - sum(named.values()))


def bounded(counts: NumericCounts, low: float | None, high: float | None) -> NumericCounts:
    """Return counts whose ends are those of the reference, moved out in steps until all values lie between them.

    The first step is as wide as the reference, each further one twice as wide as that before it. So of partitions the
    outer ones are those of the whole, in any order, and none is anybody's value unless it is the reference's.

    Args:
        low, high: the reference's lowest and highest value; None if it has none.
    """
    if counts.low is None or counts.high is None:
        return counts
    low, high = (0.0, 0.0) if low is None or high is None else (low, high)
    width = min(high / 2 - low / 2, sys.float_info.max / 4) * 2 or max(abs(high), 1.0)
    return replace(counts, low=-_out(-low, -counts.low, width) + 0.0, high=_out(high, counts.high, width) + 0.0)


def _out(end: float, value: float, width: float) -> float:
    bound, step = end, width
    while bound < value:
        bound, step = end + step, 2 * step
    return bound if math.isfinite(bound) else sys.float_info.max


def counts_json(column: ColumnCounts) -> Json:
    """Return the counts of one column as JSON values."""
    if isinstance(column, NumericCounts):
        extra: Json = {"counts": list(column.counts), "low": column.low, "high": column.high}
    else:
        extra = {"categories": dict(column.counts), **({"other": column.other} if column.other else {})}
    return {"name": column.name, "missing": column.missing, **extra}


def counts_of(data: Mapping[str, Any]) -> ColumnCounts:
    """Read the counts of one column back."""
    if "categories" in data:
        categories = {str(name): int(count) for name, count in sorted(data["categories"].items())}
        return CategoryCounts(data["name"], categories, int(data["missing"]), int(data.get("other", 0)))
    return NumericCounts(data["name"], tuple(map(int, data["counts"])), int(data["missing"]), data["low"], data["high"])
