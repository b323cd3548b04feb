"""Summaries of records that can be added up: what the reference looked like, and what each partition looked like.

A reference profile fixes the bins once. A window profile only counts into them, so profiles of partitions are added
and the sum is the same in any order. Only integers and outer bounds are kept for windows: nothing in them depends on
the order of addition. Which texts are kept by name is said for each partition (:mod:`monitoring.kept`).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Self

import numpy as np
import rfc8785
from numpy.typing import ArrayLike

from monitoring import binning
from monitoring.errors import InvalidProfile
from monitoring.kept import (
    CategoryCounts,
    ColumnCounts,
    Json,
    NumericCounts,
    bounded,
    counts_json,
    counts_of,
    pooled,
)
from monitoring.schema import ColumnType, Kind, RecordSchema, kind_of

REFERENCE_FORMAT = "placet-reference-profile/1"
WINDOW_FORMAT = "placet-window-profile/1"
FINER = 10
"""Fine bins per bin of the index: the distance of Kolmogorov-Smirnov needs narrower bins than the index."""
LARGEST_SQUARED = 1e150


@dataclass(frozen=True)
class ReferenceColumn:
    """One column of the reference: its type, its bins and what the reference put into them.

    Attributes:
        type: of a record's value.
        counts: the reference's own rows.
        edges: upper edges of the fine bins; empty for categories.
        index_edges: the subset of ``edges`` that the population stability index uses.
        mean, sd: of the reference's finite values (population standard deviation); None if there are none, or
            one is so large that its square has no floating-point number.
    """

    type: ColumnType
    counts: ColumnCounts
    edges: tuple[float, ...] = ()
    index_edges: tuple[float, ...] = ()
    mean: float | None = None
    sd: float | None = None

    @property
    def name(self) -> str:
        """The column's name."""
        return self.counts.name

    @property
    def kind(self) -> Kind:
        """How the column is compared."""
        return kind_of(self.type)

    @property
    def empty(self) -> ColumnCounts:
        """A window of this column without rows: the neutral element of addition."""
        if isinstance(self.counts, NumericCounts):
            return NumericCounts(self.name, (0,) * (len(self.edges) + 1), 0, None, None)
        return CategoryCounts(self.name, {}, 0)

    def count(self, values: ArrayLike | Sequence[object]) -> ColumnCounts:
        """Count ``values`` (None and NaN are missing, so are infinities) into this column's bins."""
        if self.kind == "numeric":
            return self.kept(_numeric(self.name, values, self.edges))
        return self.kept(_categorical(self.name, values))

    def kept(self, counts: ColumnCounts) -> ColumnCounts:
        """Return the exact counts of a partition as they are kept."""
        if isinstance(counts, NumericCounts) and isinstance(self.counts, NumericCounts):
            return bounded(counts, self.counts.low, self.counts.high)
        if isinstance(counts, CategoryCounts) and isinstance(self.counts, CategoryCounts) and self.type != "boolean":
            return pooled(counts, self.counts.counts)
        return counts

    def named_by_reference(self, counts: ColumnCounts) -> ColumnCounts:
        """Return counts in which only the reference's texts have names: whatever the partitions, the same."""
        if isinstance(counts, CategoryCounts) and isinstance(self.counts, CategoryCounts):
            return pooled(counts, self.counts.counts, named_from=math.inf)
        return counts


@dataclass(frozen=True)
class ReferenceProfile:
    """The reference window of one monitor: columns with bins and counts, and which column is the model's score."""

    columns: tuple[ReferenceColumn, ...]
    n: int
    prediction: str | None = None
    digest: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Check that the columns belong together, then take the digest over the canonical JSON."""
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names) or not names:
            raise InvalidProfile("A reference profile needs at least one column, and each name once.")
        if self.prediction is not None and self.prediction not in names:
            raise InvalidProfile(f"The prediction column {self.prediction!r} is not among the columns.")
        for column in self.columns:
            if column.counts.n != self.n:
                raise InvalidProfile(f"Column {column.name!r} counts {column.counts.n} rows, the profile {self.n}.")
        object.__setattr__(self, "digest", _digest(self.to_json()))

    @classmethod
    def of(
        cls,
        columns: Mapping[str, ArrayLike | Sequence[object]],
        *,
        schema: RecordSchema,
        bins: int = 10,
    ) -> Self:
        """Profile the reference window.

        Args:
            columns: one sequence of equal length per column; None and NaN are missing values.
            schema: the types; it also fixes which columns are profiled, and their order.
            bins: bins of the population stability index, at least 2; ten times as many fine ones are kept.
        Raises:
            InvalidProfile: a column of ``schema`` is absent, lengths differ, or a value does not fit its column's type.
        """
        absent = [name for name in schema.types if name not in columns]
        if absent:
            raise InvalidProfile(f"The reference data has no column {', '.join(map(repr, absent))}.")
        made = tuple(_reference_column(name, columns[name], kind, bins) for name, kind in schema.types.items())
        lengths = {column.counts.n for column in made}
        if len(lengths) > 1:
            raise InvalidProfile(f"Columns of different lengths: {sorted(lengths)}.")
        return cls(columns=made, n=lengths.pop() if lengths else 0, prediction=schema.prediction)

    @property
    def schema(self) -> RecordSchema:
        """What records of this monitor look like."""
        return RecordSchema({column.name: column.type for column in self.columns}, self.prediction)

    @property
    def empty(self) -> WindowProfile:
        """A window without rows over this reference."""
        return WindowProfile(self.digest, 0, tuple(column.empty for column in self.columns))

    def profile(self, columns: Mapping[str, ArrayLike | Sequence[object]]) -> WindowProfile:
        """Count a window that is in memory; :func:`monitoring.engine.profile` counts large ones where they lie."""
        counted = []
        for column in self.columns:
            if column.name not in columns:
                raise InvalidProfile(f"The window has no column {column.name!r}.")
            counted.append(column.count(columns[column.name]))
        lengths = {counts.n for counts in counted}
        if len(lengths) > 1:
            raise InvalidProfile(f"Columns of different lengths: {sorted(lengths)}.")
        return WindowProfile(self.digest, lengths.pop(), tuple(counted))

    def named_by_reference(self, window: WindowProfile) -> WindowProfile:
        """Return a window in which only the reference's texts have names, so that it is comparable with another."""
        pairs = zip(self.columns, window.columns, strict=True)
        return WindowProfile(
            self.digest, window.n, tuple(column.named_by_reference(counts) for column, counts in pairs)
        )

    def to_json(self) -> Json:
        """Return the profile as JSON values."""
        return {
            "format": REFERENCE_FORMAT,
            "n": self.n,
            "prediction": self.prediction,
            "columns": [
                {
                    **counts_json(column.counts),
                    "type": column.type,
                    "edges": list(column.edges),
                    "index_edges": list(column.index_edges),
                    "mean": column.mean,
                    "sd": column.sd,
                }
                for column in self.columns
            ],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read a profile back; the digest is the same.

        Raises:
            InvalidProfile: another format, or fields are missing or do not fit each other.
        """
        _require(data, REFERENCE_FORMAT)
        try:
            columns = tuple(
                ReferenceColumn(
                    type=column["type"],
                    counts=counts_of(column),
                    edges=tuple(map(float, column["edges"])),
                    index_edges=tuple(map(float, column["index_edges"])),
                    mean=column["mean"],
                    sd=column["sd"],
                )
                for column in data["columns"]
            )
            for column in columns:
                if isinstance(column.counts, NumericCounts) and len(column.counts.counts) != len(column.edges) + 1:
                    raise InvalidProfile(f"Column {column.name!r} has counts that do not fit its edges.")
                if any(a >= b for a, b in pairwise(column.edges)) or not {*column.index_edges} <= {*column.edges}:
                    raise InvalidProfile(f"Column {column.name!r} has edges that do not rise or do not nest.")
            return cls(columns=columns, n=int(data["n"]), prediction=data["prediction"])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidProfile(f"Not a reference profile: {error!r}.") from error


@dataclass(frozen=True)
class WindowProfile:
    """Counts of one partition, or of any number of them added up, in the bins of one reference."""

    reference_digest: str
    n: int
    columns: tuple[ColumnCounts, ...]

    def __post_init__(self) -> None:
        """Check that each column counts every row."""
        for column in self.columns:
            if column.n != self.n:
                raise InvalidProfile(f"Column {column.name!r} counts {column.n} rows, the profile {self.n}.")

    def __add__(self, other: WindowProfile) -> WindowProfile:
        """Return the profile of both partitions together.

        Raises:
            InvalidProfile: they were counted against different references.
        """
        return self.together([self, other])

    @classmethod
    def together(cls, parts: Sequence[WindowProfile]) -> WindowProfile:
        """Return the profile of all partitions together, whatever their order; there is at least one.

        Raises:
            InvalidProfile: they were counted against different references.
        """
        first = parts[0]
        for part in parts:
            if part.reference_digest != first.reference_digest or len(part.columns) != len(first.columns):
                raise InvalidProfile(
                    "Profiles of different references can not be added; count again against one of them."
                )
        columns: list[ColumnCounts] = []
        for same in zip(*(part.columns for part in parts), strict=True):
            kind = type(same[0])
            if any(type(column) is not kind for column in same):
                raise InvalidProfile(f"Column {same[0].name!r} is numeric in one profile and categorical in another.")
            columns.append(kind.together(same))
        return cls(first.reference_digest, sum(part.n for part in parts), tuple(columns))

    @property
    def digest(self) -> str:
        """Digest over the canonical JSON, ``sha256:<hex>``."""
        return _digest(self.to_json())

    def to_json(self) -> Json:
        """Return the profile as JSON values."""
        return {
            "format": WINDOW_FORMAT,
            "reference_digest": self.reference_digest,
            "n": self.n,
            "columns": [counts_json(column) for column in self.columns],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read a profile back.

        Raises:
            InvalidProfile: another format, or fields are missing or do not fit each other.
        """
        _require(data, WINDOW_FORMAT)
        try:
            return cls(data["reference_digest"], int(data["n"]), tuple(counts_of(c) for c in data["columns"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidProfile(f"Not a window profile: {error!r}.") from error


def category_of(value: object) -> str | None:
    """Return the category a value counts for; None for a missing one. Booleans read ``true`` and ``false``."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    raise InvalidProfile(f"{value!r} is not a category; categories are strings or booleans.")


def _reference_column(name: str, values: ArrayLike | Sequence[object], type_: ColumnType, bins: int) -> ReferenceColumn:
    if kind_of(type_) == "categorical":
        return ReferenceColumn(type=type_, counts=_categorical(name, values))
    array = _numbers(name, values)
    finite = array[np.isfinite(array)]
    if not finite.size:
        return ReferenceColumn(type=type_, counts=_numeric(name, array, ()))
    if finite.min() == finite.max():
        # A bin for the one value, and one on either side for whatever else may come.
        edges = index_edges = binning.edges_around(float(finite[0]))
    else:
        edges = tuple(binning.quantile_edges(finite, bins=bins * FINER).tolist())
        index_edges = tuple(binning.quantile_edges(finite, bins=bins).tolist())
    mean = sd = None
    if np.abs(finite).max() < LARGEST_SQUARED:
        mean = math.fsum(finite) / finite.size
        sd = math.sqrt(math.fsum((finite - mean) ** 2) / finite.size)
    return ReferenceColumn(type_, _numeric(name, array, edges), edges, index_edges, mean, sd)


def _numbers(name: str, values: ArrayLike | Sequence[object]) -> binning.Floats:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidProfile(f"Column {name!r} holds a value that is not a number: {error}.") from error
    if array.ndim != 1:
        raise InvalidProfile(f"Column {name!r} must be one-dimensional; its shape is {array.shape}.")
    return array


def _numeric(name: str, values: ArrayLike | Sequence[object], edges: Sequence[float]) -> NumericCounts:
    array = _numbers(name, values)
    finite = array[np.isfinite(array)] + 0.0  # -0.0 and 0.0 are one value with two spellings
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (None, None)
    counts = tuple(binning.bin_counts(finite, np.asarray(edges)).tolist())
    return NumericCounts(name, counts, int(array.size - finite.size), low, high)


def _categorical(name: str, values: ArrayLike | Sequence[object]) -> CategoryCounts:
    counts: dict[str, int] = {}
    missing = 0
    for value in np.asarray(values, dtype=object).tolist():
        category = category_of(value)
        if category is None:
            missing += 1
        else:
            counts[category] = counts.get(category, 0) + 1
    return CategoryCounts(name, dict(sorted(counts.items())), missing)


def _require(data: Mapping[str, Any], format_: str) -> None:
    if data.get("format") != format_:
        raise InvalidProfile(f"The format is {data.get('format')!r}, not {format_!r}.")


def _digest(data: Json) -> str:
    return f"sha256:{hashlib.sha256(rfc8785.dumps(data)).hexdigest()}"
