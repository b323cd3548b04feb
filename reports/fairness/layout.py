"""Which groups and intersections there are, which of them are compared, and which may be shown: before any figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from monitoring.suppression import INSIDE, SHOWN, SMALL, WITHHELD, Counts, Pair, Published, Rows, protect
from reports.fairness.asked import Asked
from reports.fairness.coding import Feature
from reports.fairness.tensor import CHUNK

DENSE = 4_000_000  # combinations of groups that are counted in one array
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Entry:
    """One group, or one intersection of two: ``place`` is its index in the counts of its table."""

    label: str
    of: tuple[str, ...]
    place: int
    n: int
    state: str
    compared: bool

    @property
    def shown(self) -> bool:
        """Its figures may be published."""
        return self.state == SHOWN


@dataclass(frozen=True)
class Table:
    """The groups of one feature or the cells of one pair, the reference first, hidden ones last and by name.

    ``counts``: shape (entries, outcomes), by ``place``. ``withheld``: why the whole table is, else None.
    """

    features: tuple[int, ...]
    entries: tuple[Entry, ...]
    reference: Entry
    counts: Counts
    withheld: str | None = None

    @property
    def compared(self) -> list[Entry]:
        """What can be compared with the reference and shown."""
        return [entry for entry in self.entries if entry.compared and entry.shown] if self.reference.shown else []


@dataclass(frozen=True)
class Layout:
    """Every table of a run, and the limits it was laid out by."""

    features: tuple[Feature, ...]
    n: int
    k: int
    min_share: float
    groups: tuple[Table, ...]
    crossed: tuple[Table, ...]

    def why(self, state: str) -> str:
        """Say why an entry is not shown."""
        return {
            SMALL: f"fewer than {self.k} people",
            WITHHELD: f"withheld, so that nobody can work out a cell of fewer than {self.k} people",
            INSIDE: "withheld, as one of its groups is",
        }[state]


def lay_out(features: Sequence[Feature], outcome: npt.NDArray[np.integer], outcomes: int, asked: Asked) -> Layout:
    """Return the tables of some coded features.

    Args:
        outcome: shape (n,), 0 to ``outcomes - 1``: what is counted of each row (truth and decision, or nothing).
    Raises:
        ValueError: there are fewer rows than a cell must have.
    """
    n = len(outcome)
    k = asked.suppress_below if asked.suppress_below > 1 else 0
    if n < k:
        msg = f"{n} rows are fewer than the {k} people of the smallest cell that may be shown (suppress_below)."
        raise ValueError(msg)
    rows = fold(features, outcome, outcomes)
    least = math.ceil(asked.min_share * n - 1e-9)
    pairs = asked.pairs([feature.name for feature in features])
    published = protect(rows, k=k, least=least, references=[feature.reference for feature in features], pairs=pairs)
    return Layout(
        features=tuple(features),
        n=n,
        k=k,
        min_share=asked.min_share,
        groups=tuple(_of_feature(rows, features, published, f, least) for f in range(len(features))),
        crossed=tuple(_of_pair(rows, features, published, pair, least) for pair in pairs),
    )


def fold(features: Sequence[Feature], outcome: npt.NDArray[np.integer], outcomes: int) -> Rows:
    """Return the rows by all features together and outcome: one pass, in chunks; additive over partitions."""
    sizes = tuple(len(feature.groups) for feature in features)
    combinations = math.prod(sizes)
    dense = np.zeros(combinations * outcomes, dtype=np.int64) if combinations * outcomes <= DENSE else None
    found: list[npt.NDArray[np.int64]] = []
    for start in range(0, len(outcome), CHUNK):
        part = slice(start, start + CHUNK)
        key = features[0].codes[part].astype(np.int64)
        for feature in features[1:]:
            key *= len(feature.groups)
            key += feature.codes[part]
        key *= outcomes
        key += outcome[part]
        if dense is not None:
            dense += np.bincount(key, minlength=len(dense))
        else:
            found.append(np.stack(np.unique(key, return_counts=True)))
    if dense is not None:
        counts = dense.reshape(-1, outcomes)
        lines = np.flatnonzero(counts.any(axis=1))
        counts = counts[lines]
    else:
        together = np.concatenate(found, axis=1)
        keys, amounts = together[0], together[1]
        lines = np.unique(keys // outcomes)
        place = np.searchsorted(lines, keys // outcomes)
        counts = np.zeros((len(lines), outcomes), dtype=np.int64)
        np.add.at(counts, (place, keys % outcomes), amounts)
    codes = np.stack(np.unravel_index(lines, sizes), axis=1).astype(np.int64)
    return Rows(codes, counts, sizes)


def described(
    layout: Layout,
    table: Table,
    shown: Callable[[Entry], dict[str, Any]],
    hidden: Callable[[Entry, str], dict[str, Any]],
) -> list[dict[str, Any]]:
    """Return the table as a payload writes it; a hidden entry has no count and no share."""
    lines = []
    for entry in table.entries:
        line: dict[str, Any] = {"group": entry.label}
        if len(entry.of) > 1:
            line["of"] = list(entry.of)
        line["n"] = entry.n if entry.shown else None
        line["share"] = entry.n / layout.n if entry.shown else None
        line |= {"state": entry.state, "compared": entry.compared}
        lines.append(line | (shown(entry) if entry.shown else hidden(entry, layout.why(entry.state))))
    return lines


def features_described(layout: Layout, groups: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return the head of each feature with its groups: the reference, and where numbers were cut."""
    return [
        {
            "feature": feature.name,
            "reference_group": feature.groups[feature.reference],
            "bins": None if feature.edges is None else {"edges": list(feature.edges), "from": feature.edges_from},
            "groups": lines,
        }
        for feature, lines in zip(layout.features, groups, strict=True)
    ]


def crossed_described(layout: Layout, groups: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return each pair of features with its cells, or why there are none."""
    return [
        {
            "features": [layout.features[f].name for f in table.features],
            "reference_group": table.reference.label,
            "withheld": table.withheld,
            "groups": lines,
        }
        for table, lines in zip(layout.crossed, groups, strict=True)
    ]


def suppression_described(layout: Layout) -> dict[str, Any]:
    """Return how much is not shown: cells below the limit, cells withheld for their sake, and whole tables."""
    states = [entry.state for table in (*layout.groups, *layout.crossed) for entry in table.entries]
    return {
        "below": layout.k or 1,
        "small": states.count(SMALL),
        "withheld": states.count(WITHHELD) + states.count(INSIDE),
        "tables": sum(table.withheld is not None for table in layout.crossed),
    }


def _of_feature(rows: Rows, features: Sequence[Feature], published: Published, f: int, least: int) -> Table:
    feature, counts = features[f], rows.by(f)
    sizes = counts.sum(axis=1)
    entries = [
        Entry(
            label=group,
            of=(group,),
            place=place,
            n=int(sizes[place]),
            state=published.groups[f][place],
            # Where no group is shown, none is said to be large enough either.
            compared=bool(
                place != feature.reference
                and published.groups[f][place] != SMALL
                and (f in published.whole or sizes[place] >= least)
            ),
        )
        for place, group in enumerate(feature.groups)
    ]
    reference = entries[feature.reference]
    return Table((f,), _ordered(entries, reference), reference, counts)


def _of_pair(rows: Rows, features: Sequence[Feature], published: Published, pair: Pair, least: int) -> Table:
    a, b = (features[f] for f in pair)
    counts = rows.by(*pair)
    sizes, flat = counts.sum(axis=2), counts.reshape(-1, counts.shape[2])
    cells = published.pairs[pair]
    entries = []
    for i, j in np.ndindex(sizes.shape):
        state = cells[i][j] if cells is not None else WITHHELD
        is_reference = (i, j) == (a.reference, b.reference)
        entries.append(
            Entry(
                label=f"{a.groups[i]} {TIMES} {b.groups[j]}",
                of=(a.groups[i], b.groups[j]),
                place=i * sizes.shape[1] + j,
                n=int(sizes[i, j]),
                state=state,
                compared=bool(state == SHOWN and not is_reference and sizes[i, j] >= max(1, least)),
            )
        )
    reference = entries[a.reference * sizes.shape[1] + b.reference]
    if cells is None:
        nobody = published.whole & set(pair)
        why = "no group of one of them can be shown" if nobody else "its small cells can't be hidden one by one"
        return Table(pair, (), reference, flat, why)
    return Table(pair, _ordered(entries, reference), reference, flat)


def _ordered(entries: Sequence[Entry], reference: Entry) -> tuple[Entry, ...]:
    """The reference first, then shown ones by size; hidden ones by name, as their order by size would tell it."""
    return tuple(
        sorted(
            entries,
            key=lambda entry: (entry is not reference, not entry.shown, -entry.n if entry.shown else 0, entry.label),
        )
    )
