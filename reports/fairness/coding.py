"""Sensitive columns as group codes: names of the groups, 'not stated' for what is missing, bins for numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

CODE = np.int16
Codes = npt.NDArray[np.int16]

NOT_STATED = "not stated"
QUANTILE_BINS = 4
MOST_NUMBERS = 12  # different numbers that still are groups of their own; a column with more is cut into bins
MOST_GROUPS = 100
DASH = "\N{EN DASH}"


@dataclass(frozen=True)
class Feature:
    """One sensitive feature by row.

    ``groups``: names, sorted (bins in their order). ``codes``: shape (n,), index into ``groups``. ``reference``: index
    of the reference group. ``edges``: where numbers were cut, None for a feature that has groups of its own;
    ``edges_from``: ``policy`` or ``quantiles``.
    """

    name: str
    groups: tuple[str, ...]
    codes: Codes
    reference: int
    edges: tuple[float, ...] | None = None
    edges_from: str | None = None


def code(column: pd.Series, name: str, reference: str | None, *, edges: Sequence[float] | None = None) -> Feature:
    """Return the groups of one sensitive column.

    Args:
        column: shape (n,), n at least 1; a missing value is the group 'not stated'.
        reference: name of the reference group; of a binned column also a number inside the bin that is meant.
        edges: where to cut numbers: ``[25, 40, 60]`` makes ``under 25``, ``25-39``, ``40-59`` and ``60 and over``. None
            cuts a column of more than 12 different numbers at its quartiles, which are stored.
    Raises:
        ValueError: the reference group has no row, a column to be binned holds no numbers, edges do not rise, or there
            are more than 100 groups.
    """
    source = None
    if edges is not None:
        numbers, cuts, source = _numbers(column, name), _rising(edges, name), "policy"
    elif _has_many_numbers(column):
        numbers = _numbers(column, name)
        quantiles = np.quantile(numbers[np.isfinite(numbers)], np.linspace(0, 1, QUANTILE_BINS + 1)[1:-1])
        cuts, source = tuple(float(cut) for cut in np.unique(quantiles)), "quantiles"
    if source is None:
        groups, codes, sizes = _named(column, name)
        return Feature(name, groups, codes, _reference(name, reference, groups, sizes))
    whole = bool(np.all(np.mod(numbers[np.isfinite(numbers)], 1) == 0)) and all(cut.is_integer() for cut in cuts)
    groups = _labels(cuts, whole=whole)
    codes = np.searchsorted(np.array(cuts), numbers, side="right").astype(CODE)
    missing = np.isnan(numbers)
    if missing.any():
        codes[missing] = len(groups)
        groups = (*groups, NOT_STATED)
    meant = _bin_meant(reference, groups, cuts)
    counts = np.bincount(codes, minlength=len(groups))
    seen = counts > 0  # a bin that nobody is in is no group, as a name that nobody has
    groups = tuple(group for group, there in zip(groups, seen, strict=True) if there)
    codes = (np.cumsum(seen) - 1).astype(CODE)[codes]
    return Feature(name, groups, codes, _reference(name, meant, groups, counts[seen].tolist()), cuts, source)


def code_all(
    frame: pd.DataFrame, references: Mapping[str, str], edges: Mapping[str, Sequence[float]]
) -> tuple[Feature, ...]:
    """Return every column of ``frame`` coded.

    Raises:
        ValueError: as :func:`code`; or edges are named for a column that is not there.
    """
    unknown = [name for name in edges if name not in frame.columns]
    if unknown:
        msg = f"bins names {', '.join(unknown)}, which is not among the sensitive features {list(frame.columns)}."
        raise ValueError(msg)
    return tuple(
        code(frame[name], str(name), references.get(str(name)), edges=edges.get(str(name))) for name in frame.columns
    )


def _named(column: pd.Series, name: str) -> tuple[tuple[str, ...], Codes, list[int]]:
    """Return the groups that have rows, the code of each row, and the rows of each group."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        raw, levels = column.cat.codes.to_numpy(), column.cat.categories
    else:
        raw, levels = pd.factorize(column)
    if len(levels) > MOST_GROUPS:
        msg = f"{name} has {len(levels):,} different values, and {MOST_GROUPS} groups at most can be compared."
        raise ValueError(msg)
    named = [*(str(level) for level in levels), NOT_STATED]  # a missing value's code, -1, takes the last one
    missing = bool(raw.min(initial=0) < 0)
    counts = np.bincount(raw + 1 if missing else raw, minlength=len(named) if missing else len(levels))
    counts = np.roll(counts, -1) if missing else np.append(counts, 0)
    groups = tuple(sorted({name for name, n in zip(named, counts, strict=True) if n}))
    places = {group: place for place, group in enumerate(groups)}
    codes = np.array([places.get(name, 0) for name in named], dtype=CODE)[raw]
    sizes = [int(sum(n for name, n in zip(named, counts, strict=True) if name == group)) for group in groups]
    return groups, codes, sizes


def _has_many_numbers(column: pd.Series) -> bool:
    return (
        pd.api.types.is_numeric_dtype(column)
        and not pd.api.types.is_bool_dtype(column)
        and column.nunique() > MOST_NUMBERS
    )


def _numbers(column: pd.Series, name: str) -> npt.NDArray[np.float64]:
    as_numbers = pd.to_numeric(column.astype("object"), errors="coerce") if column.dtype == object else column
    if not pd.api.types.is_numeric_dtype(as_numbers):
        as_numbers = pd.to_numeric(column, errors="coerce")
    values: npt.NDArray[np.float64] = as_numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    lost = np.isnan(values) & column.notna().to_numpy()
    if lost.any():
        example = column[lost].iloc[0]
        msg = f"{name} is to be cut into bins, but {int(lost.sum()):,} values are no numbers, such as {example!r}."
        raise ValueError(msg)
    if np.isinf(values).any():
        msg = f"{name} is to be cut into bins, but holds infinite values."
        raise ValueError(msg)
    return values


def _rising(edges: Sequence[float], name: str) -> tuple[float, ...]:
    numbers = tuple(float(edge) for edge in edges if isinstance(edge, int | float) and not isinstance(edge, bool))
    if not numbers or len(numbers) != len(edges) or not np.all(np.isfinite(numbers)) or np.any(np.diff(numbers) <= 0):
        msg = f"The bins of {name} are {list(edges)}; give rising numbers, such as [25, 40, 60]."
        raise ValueError(msg)
    return numbers


def _labels(cuts: Sequence[float], *, whole: bool) -> tuple[str, ...]:
    def said(value: float) -> str:
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:.6g}"

    if not cuts:
        return ("all",)
    between = [
        (said(low) if high - 1 == low else f"{said(low)}{DASH}{said(high - 1)}")
        if whole
        else f"{said(low)} to under {said(high)}"
        for low, high in pairwise(cuts)
    ]
    return (f"under {said(cuts[0])}", *between, f"{said(cuts[-1])} and over")


def _bin_meant(reference: str | None, groups: tuple[str, ...], cuts: Sequence[float]) -> str | None:
    """Return the bin that a reference written as a number lies in; a hyphen in a label is taken for a dash."""
    if reference is None or reference in groups:
        return reference
    try:
        return groups[int(np.searchsorted(np.array(cuts), float(reference), side="right"))]
    except ValueError:
        return reference.replace("-", DASH)


def _reference(name: str, reference: str | None, groups: tuple[str, ...], sizes: Sequence[int]) -> int:
    present = [group for group, n in zip(groups, sizes, strict=True) if n]
    if reference not in present:
        only = " Every row is without a value." if present == [NOT_STATED] else ""
        msg = f"The reference group of {name} is {reference!r}; name one of {present}.{only}"
        raise ValueError(msg)
    return groups.index(reference)
