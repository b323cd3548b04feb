"""Which counts of people may be published: those of a few not, nor those that would give a few away.

A cell is the people of one group, or of one group of each of two features. What is published of a cell is all of it
(its rows, rates and comparisons), what is not is none of it. Somebody who knows everything published, and the totals,
can still not tell:

- of a cell shown as below ``k``: how many there are between 0 and ``k - 1``, nor whether any of its rates is 0 or 1
  (as long as anybody at all had that outcome);
- of a cell withheld for its sake, or in the row or column of a hidden group: how many there are;
- of the cells of a table withheld as a whole: more than the groups by themselves say.

Each is kept by an exchange of people between cells that changes no published figure, and that the rows have: between
two hidden groups of a feature, or around a rectangle of hidden cells, people with the same outcome and the same other
features. The tests hold the result against a linear programme over all tables that fit what is published.

Source: Cox (1980), Suppression methodology and statistical disclosure control, J. Am. Stat. Assoc. 75(370), 377-385;
    the rectangles are his, the exchange within the other features is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from math import inf

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64]

SHOWN, SMALL, WITHHELD = "shown", "small", "withheld"
INSIDE = "inside"  # of an intersection: in the row or column of a group that is not shown
LARGEST = 20_000_000  # entries of the table of one pair by outcome and all other features

Pair = tuple[int, int]


@dataclass(frozen=True)
class Rows:
    """Rows by the groups they are in: one line for each combination that occurs.

    ``codes``: shape (lines, features), the group of each feature. ``counts``: shape (lines, outcomes), how many rows.
    ``sizes``: how many groups each feature has.
    """

    codes: Codes
    counts: Counts
    sizes: tuple[int, ...]

    @property
    def n(self) -> int:
        """All rows."""
        return int(self.counts.sum())

    def by(self, *features: int) -> Counts:
        """Return the counts by the groups of some features, shape (groups, ..., outcomes)."""
        shape = tuple(self.sizes[f] for f in features)
        flat = np.zeros((int(np.prod(shape)), self.counts.shape[1]), dtype=np.int64)
        if len(self.codes):
            np.add.at(flat, np.ravel_multi_index(tuple(self.codes[:, f] for f in features), shape), self.counts)
        return flat.reshape(*shape, -1)


@dataclass(frozen=True)
class Published:
    """What may be published: the state of every group of every feature, and of every cell of every pair.

    A pair that is withheld as a whole is None. ``whole``: features none of whose groups is shown.
    """

    groups: tuple[tuple[str, ...], ...]
    pairs: dict[Pair, tuple[tuple[str, ...], ...] | None] = field(default_factory=dict)
    whole: frozenset[int] = frozenset()


def protect(rows: Rows, *, k: int, least: int, references: Sequence[int], pairs: Sequence[Pair] = ()) -> Published:
    """Return what may be published of ``rows`` when cells of fewer than ``k`` people may not.

    Args:
        k: the smallest number of rows of a cell that is shown; 1 shows everything.
        least: groups with fewer rows are not compared, which everybody is told: it bounds how large they can be.
        references: the reference group of each feature; the last one to be withheld.
        pairs: pairs of features whose intersections are to be published.
    """
    groups: list[tuple[str, ...]] = []
    whole: set[int] = set()
    for feature in range(len(rows.sizes)):
        states = _groups(rows.by(feature), k=k, least=least, reference=references[feature])
        if states is None:
            whole.add(feature)
            states = (WITHHELD,) * rows.sizes[feature]
        groups.append(states)
    found: dict[Pair, tuple[tuple[str, ...], ...] | None] = {}
    guarded: set[Pair] = set()
    for pair in pairs:
        if whole & set(pair):
            found[pair] = None
            continue
        found[pair] = _cells(rows, pair, (groups[pair[0]], groups[pair[1]]), k=k)
        if found[pair] is None:
            guarded.add(pair)
    _cut_ways_around(found, guarded)
    return Published(tuple(groups), found, frozenset(whole))


def _groups(counts: Counts, *, k: int, least: int, reference: int) -> tuple[str, ...] | None:
    """Return the states of one feature's groups, None when no group can be shown."""
    n = counts.sum(axis=1)
    small = [g for g in range(len(n)) if n[g] < k]
    if not small:
        return (SHOWN,) * len(n)
    others = sorted((g for g in range(len(n)) if n[g] >= k), key=lambda g: (g == reference, n[g] >= least, n[g], g))
    # That a group is not compared bounds it from above: where that alone nearly tells its size, it hides nothing.
    able = [g for g in others if g == reference or n[g] >= least or least >= 2 * k]
    attempts = [[], *([g] for g in able), *(able[:size] for size in range(2, len(able) + 1))]
    for victims in attempts:
        if len(victims) < len(others) and _hides(counts, small, victims, k=k, least=least, reference=reference):
            return tuple(SMALL if g in small else WITHHELD if g in victims else SHOWN for g in range(len(n)))
    return None


def _hides(counts: Counts, small: Sequence[int], victims: Sequence[int], *, k: int, least: int, reference: int) -> bool:
    n = counts.sum(axis=1)
    bounds: dict[int, tuple[float, float]] = dict.fromkeys(small, (0, k - 1))
    for g in victims:
        compared = n[g] >= least
        low = k if g == reference or not compared else max(k, least)
        bounds[g] = (low, inf if g == reference or compared else least - 1)
    for g in small:
        rest = [h for h in bounds if h != g]
        if sum(n[h] - bounds[h][0] for h in rest) < k - 1 - n[g] or sum(bounds[h][1] - n[h] for h in rest) < n[g]:
            return False
    together = counts[list(bounds)].sum(axis=0)
    return bool(np.all((together > 0) | (counts.sum(axis=0) == 0)))


def _cells(
    rows: Rows, pair: Pair, states: tuple[tuple[str, ...], tuple[str, ...]], *, k: int
) -> tuple[tuple[str, ...], ...] | None:
    """Return the states of a pair's cells, None when the table must be withheld."""
    table = rows.by(*pair)
    n = table.sum(axis=2)
    found = np.full(n.shape, SHOWN, dtype=object)
    hidden = [[g for g, state in enumerate(axis) if state != SHOWN] for axis in states]
    found[hidden[0], :] = INSIDE
    found[:, hidden[1]] = INSIDE
    # A column that no hidden row reaches would say of each of them that it has nobody there.
    for axis, lines in enumerate((n, n.T)):
        if hidden[axis] and not np.all(lines[hidden[axis]].sum(axis=0) > 0):
            return None
    small = np.argwhere((found == SHOWN) & (n < k))
    if not len(small):
        return _as_states(found)
    within = _within(rows, pair)
    if within is None:
        return None
    found[tuple(small.T)] = SMALL
    for i, j in small[np.argsort(-n[tuple(small.T)], kind="stable")]:
        corner = _cheapest(within, found, n, (int(i), int(j)), k=k)
        if corner is None:
            return None
        for cell in ((i, corner[1]), (corner[0], j), corner):
            if found[cell] == SHOWN:
                found[cell] = WITHHELD
    return _as_states(found)


def _within(rows: Rows, pair: Pair) -> Counts | None:
    """Return counts by the pair's groups, all other features together, and outcome; None when there are too many."""
    others = [f for f in range(len(rows.sizes)) if f not in pair]
    _, rest = np.unique(rows.codes[:, others], axis=0, return_inverse=True)
    shape = (rows.sizes[pair[0]], rows.sizes[pair[1]], int(rest.max(initial=0)) + 1, rows.counts.shape[1])
    if np.prod([float(side) for side in shape]) > LARGEST:
        return None
    out = np.zeros(shape, dtype=np.int64)
    np.add.at(out, (rows.codes[:, pair[0]], rows.codes[:, pair[1]], rest.ravel()), rows.counts)
    return out


def _cheapest(
    within: Counts, states: npt.NDArray[np.object_], n: Counts, cell: Pair, *, k: int
) -> tuple[int, int] | None:
    """Return the opposite corner of the rectangle that hides ``cell`` and hides the fewest rows besides."""
    i, j = cell
    best: tuple[int, int] | None = None
    least_cost = inf
    everybody = within.sum(axis=(0, 1, 2))
    for a, b in product(range(n.shape[0]), range(n.shape[1])):
        if a == i or b == j:
            continue
        corners = ((i, b), (a, j), (a, b))
        cost = sum(int(n[at]) for at in corners if states[at] == SHOWN)
        if cost < least_cost and _exchanges(within, states, n, cell, (a, b), everybody, k=k):
            best, least_cost = (a, b), cost
    return best


def _exchanges(
    within: Counts,
    states: npt.NDArray[np.object_],
    n: Counts,
    cell: Pair,
    opposite: Pair,
    everybody: Counts,
    *,
    k: int,
) -> bool:
    """Return whether people can be exchanged around a rectangle until ``cell`` holds any number below ``k``."""
    (i, j), (a, b) = cell, opposite
    bounds = {at: _bounds(states[at], int(n[at]), k) for at in ((i, b), (a, j), (a, b))}
    more, fewer = k - 1 - int(n[i, j]), int(n[i, j])
    into = np.minimum(within[i, b], within[a, j]).sum(axis=0)  # by outcome: how many can come in
    out = np.minimum(within[i, j], within[a, b]).sum(axis=0)
    return bool(
        into.sum() >= more
        and np.all(out >= within[i, j].sum(axis=0))
        and np.all((into + within[i, j].sum(axis=0) > 0) | (everybody == 0))
        and n[i, b] - more >= bounds[i, b][0]
        and n[a, j] - more >= bounds[a, j][0]
        and n[a, b] + more <= bounds[a, b][1]
        and n[i, b] + fewer <= bounds[i, b][1]
        and n[a, j] + fewer <= bounds[a, j][1]
        and n[a, b] - fewer >= bounds[a, b][0]
    )


def _bounds(state: str, n: int, k: int) -> tuple[float, float]:
    """Return what is known of a hidden cell, or of a shown one once it is withheld."""
    if state == INSIDE:
        return 0, inf
    return (0, k - 1) if n < k else (k, inf)


def _cut_ways_around(found: dict[Pair, tuple[tuple[str, ...], ...] | None], guarded: set[Pair]) -> None:
    """Withhold tables until no two features of a guarded one are linked by others, which would narrow it down."""
    waiting = list(guarded)
    while waiting:
        a, b = waiting.pop()
        while way := _way(found, a, b):
            worst = max(way, key=lambda pair: sum(state != SHOWN for line in found[pair] or () for state in line))
            if any(state == SMALL for line in found[worst] or () for state in line):
                waiting.append(worst)
            found[worst] = None


def _way(found: dict[Pair, tuple[tuple[str, ...], ...] | None], start: int, end: int) -> list[Pair]:
    """Return published pairs that lead from one feature to another, none if there is no way."""
    ways: dict[int, list[Pair]] = {start: []}
    queue = [start]
    while queue:
        at = queue.pop(0)
        for pair in (pair for pair, table in found.items() if table is not None and at in pair):
            other = pair[0] if pair[1] == at else pair[1]
            if other not in ways:
                ways[other] = [*ways[at], pair]
                queue.append(other)
    return ways.get(end, [])


def _as_states(found: npt.NDArray[np.object_]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(str(state) for state in line) for line in found)
