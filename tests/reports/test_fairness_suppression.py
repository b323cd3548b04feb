"""What is published of small groups, held against somebody who solves everything published for the rest."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from monitoring import suppression
from monitoring.suppression import INSIDE, SHOWN, SMALL, WITHHELD, Rows, protect
from tests.proving import count

K = 5


class Attacker:
    """Knows the totals by outcome, every published cell by outcome, and what the states of the others mean."""

    def __init__(self, rows, published, *, k, least, references):
        self.shape = (*rows.sizes, rows.counts.shape[1])
        self.equal, self.at_most = [], []
        outcomes = range(self.shape[-1])
        for c in outcomes:
            self.equal.append((self.line({}, c), int(rows.counts[:, c].sum())))
        for feature, states in enumerate(published.groups):
            table = rows.by(feature)
            for group, state in enumerate(states):
                self.learn({feature: group}, state, table[group], k)
                compared = table[group].sum() >= least
                if state == WITHHELD and feature not in published.whole and group != references[feature]:
                    line = self.line({feature: group})
                    self.at_most.append((-line, -least) if compared else (line, least - 1))
                if state == WITHHELD and feature not in published.whole:
                    self.at_most.append((-self.line({feature: group}), -k))
        for pair, cells in published.pairs.items():
            if cells is None:
                continue
            table = rows.by(*pair)
            for i, j in product(range(table.shape[0]), range(table.shape[1])):
                self.learn({pair[0]: i, pair[1]: j}, cells[i][j], table[i, j], k)
                if cells[i][j] == WITHHELD:
                    self.at_most.append((-self.line({pair[0]: i, pair[1]: j}), -k))

    def learn(self, where, state, counts, k):
        if state == SHOWN:
            self.equal += [(self.line(where, c), int(counts[c])) for c in range(self.shape[-1])]
        elif state == SMALL:
            self.at_most.append((self.line(where), k - 1))

    def line(self, where, outcome=None):
        chosen = np.zeros(self.shape)
        index = tuple(where.get(f, slice(None)) for f in range(len(self.shape) - 1))
        chosen[(*index, slice(None) if outcome is None else outcome)] = 1
        return chosen.ravel()

    def solve(self, objective, *, more=()):
        equal = [*self.equal, *more]
        return linprog(
            objective,
            A_eq=np.array([a for a, _ in equal]),
            b_eq=np.array([b for _, b in equal]),
            A_ub=np.array([a for a, _ in self.at_most]) if self.at_most else None,
            b_ub=np.array([b for _, b in self.at_most]) if self.at_most else None,
            bounds=(0, None),
        )

    def interval(self, where):
        line = self.line(where)
        low, high = self.solve(line), self.solve(-line)
        assert (low.status, high.status) == (0, 0)
        return low.fun, -high.fun

    def rate_can_be(self, where, outcomes, value):
        """Whether all (1) or none (0) of a cell with at least one row could have one of ``outcomes``."""
        others = [c for c in range(self.shape[-1]) if (c in outcomes) != bool(value)]
        none_of_them = [(self.line(where, c), 0) for c in others]
        found = self.solve(-self.line(where), more=none_of_them)
        return found.status == 0 and -found.fun >= 1 - 1e-7


def hidden_of(published):
    for feature, states in enumerate(published.groups):
        for group, state in enumerate(states):
            if state != SHOWN:
                yield {feature: group}, "inside" if feature in published.whole else state
    for pair, cells in published.pairs.items():
        if cells is not None:
            for i, j in product(range(len(cells)), range(len(cells[0]))):
                if cells[i][j] != SHOWN:
                    yield {pair[0]: i, pair[1]: j}, cells[i][j]


def attack(rows, *, k=K, least=0, pairs=None):
    features = len(rows.sizes)
    pairs = [(a, b) for a in range(features) for b in range(a + 1, features)] if pairs is None else pairs
    references = [int(rows.by(f).sum(axis=1).argmax()) for f in range(features)]
    published = protect(rows, k=k, least=least, references=references, pairs=pairs)
    attacker = Attacker(rows, published, k=k, least=least, references=references)
    everybody = rows.counts.sum(axis=0)
    for where, state in hidden_of(published):
        low, high = attacker.interval(where)
        if state == SMALL:
            assert low == pytest.approx(0, abs=1e-6), (where, low, high)
            assert high == pytest.approx(k - 1, abs=1e-6), (where, low, high)
            for c in np.flatnonzero(everybody):
                assert attacker.rate_can_be(where, {int(c)}, 1), (where, c)
            if np.count_nonzero(everybody) > 1:
                assert all(attacker.rate_can_be(where, {int(c)}, 0) for c in np.flatnonzero(everybody))
        else:
            assert high - low >= 1 - 1e-6, (where, state, low, high)
    # Of a table withheld as a whole the other tables say nothing that the groups by themselves do not say.
    groups_alone = suppression.Published(published.groups, {}, published.whole)
    outsider = Attacker(rows, groups_alone, k=k, least=least, references=references)
    for pair in (pair for pair in pairs if published.pairs[pair] is None):
        for i, j in np.argwhere(rows.by(*pair).sum(axis=2) < k):
            where = {pair[0]: int(i), pair[1]: int(j)}
            (low, high), (lowest, highest) = attacker.interval(where), outsider.interval(where)
            assert high - low >= min(1, highest - lowest) - 1e-6, (pair, i, j, low, high)
    return published


def rows_of(table):
    """Rows of a full table, shape (groups, ..., outcomes)."""
    table = np.asarray(table, dtype=np.int64)
    codes = np.array(list(product(*map(range, table.shape[:-1]))), dtype=np.int64)
    return Rows(codes, table.reshape(len(codes), -1), table.shape[:-1])


def drawn(rng, shape, outcomes, size):
    shares = rng.dirichlet(np.full(int(np.prod(shape)) * outcomes, 0.5))
    return rows_of(rng.multinomial(size, shares).reshape(*shape, outcomes))


@settings(deadline=None, max_examples=count(1500, 60))
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(2, 2), (3, 2), (4, 3), (2, 2, 2), (3, 2, 2), (3, 3, 2), (6,)]),
    st.sampled_from([1, 2, 4]),
    st.integers(3, 9),
    st.sampled_from([40, 120, 400, 2000]),
    st.sampled_from([0.0, 0.05, 0.2]),
)
def test_nobody_can_pin_what_is_not_shown(seed, shape, outcomes, k, size, min_share):
    rows = drawn(np.random.default_rng(seed), shape, outcomes, size)
    attack(rows, k=k, least=int(np.ceil(min_share * size)))


def test_where_nothing_is_small_everything_is_shown():
    published = attack(rows_of(np.full((3, 2, 4), 20)))
    assert {state for states in published.groups for state in states} == {SHOWN}
    assert {state for cells in published.pairs.values() for line in cells for state in line} == {SHOWN}


def test_a_small_group_takes_the_smallest_uncompared_one_with_it():
    table = np.array([[900, 900], [80, 80], [20, 20], [2, 2]])
    published = attack(rows_of(table), k=10, least=102)
    assert published.groups == ((SHOWN, SHOWN, WITHHELD, SMALL),)


def test_of_two_groups_neither_can_be_shown():
    published = attack(rows_of([[500, 500], [2, 1]]), k=10)
    assert published.groups == ((WITHHELD, WITHHELD),)
    assert published.whole == {0}


def test_a_small_intersection_is_hidden_by_a_rectangle_and_the_groups_stay():
    table = np.full((3, 3, 4), 30)
    table[1, 2] = [1, 0, 1, 1]
    published = attack(rows_of(table), k=10)
    states = published.pairs[0, 1]
    assert states[1][2] == SMALL
    assert sum(state == WITHHELD for line in states for state in line) == 3
    assert {state for group in published.groups for state in group} == {SHOWN}


def test_the_row_of_a_hidden_group_is_hidden_in_its_intersections():
    table = np.full((4, 2, 2), 100)
    table[3] = 1
    table[2] = 12
    published = attack(rows_of(table), k=10, least=60)
    assert published.groups[0] == (SHOWN, SHOWN, WITHHELD, SMALL)
    assert published.pairs[0, 1][2] == published.pairs[0, 1][3] == (INSIDE, INSIDE)


def test_the_attacker_finds_what_primary_suppression_alone_leaves_open():
    rows = rows_of([[500, 500], [80, 80], [2, 1]])
    alone = suppression.Published(((SHOWN, SHOWN, SMALL),))
    attacker = Attacker(rows, alone, k=10, least=0, references=[0])
    assert attacker.interval({0: 2}) == (pytest.approx(3), pytest.approx(3))
    table = np.full((3, 3, 4), 30)
    table[1, 2] = [1, 0, 1, 1]
    cells = [[SHOWN] * 3 for _ in range(3)]
    cells[1][2] = SMALL
    alone = suppression.Published(((SHOWN,) * 3,) * 2, {(0, 1): tuple(map(tuple, cells))})
    attacker = Attacker(rows_of(table), alone, k=10, least=0, references=[0, 0])
    assert attacker.interval({0: 1, 1: 2}) == (pytest.approx(3), pytest.approx(3))


def test_a_copy_of_a_feature_gives_nothing_away():
    """Two columns that say the same thing, crossed with a third: the table of one is the table of the other."""
    single = np.full((3, 3, 2), 40)
    single[1, 2] = [2, 1]
    table = np.zeros((3, 3, 3, 2), dtype=int)
    for g in range(3):
        table[g, :, g] = single[g]
    attack(rows_of(table), k=10)
