"""The contingency tensor and the intervals, against known answers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.credit import dataset
from monitoring import intervals
from reports.fairness import tensor

untimed = settings(deadline=None, max_examples=80)

# The table of Fairlearn's user guide, "Common fairness metrics".
TRUTH = np.array([0, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1], dtype=bool)
DECISION = np.array([0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0], dtype=bool)
GROUP = np.array([1, 1, 0, 1, 1, 2, 2, 2, 0, 0, 2, 0, 1, 2, 2, 1, 2, 2])

cells = st.integers(0, 60)
tables = st.lists(st.tuples(cells, cells, cells, cells), min_size=1, max_size=4).map(
    lambda rows: np.array(rows, dtype=np.int64).reshape(-1, 2, 2)
)
trials = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_the_rates_are_those_of_fairlearns_user_guide():
    rates = tensor.rates(tensor.fold(TRUTH, DECISION, GROUP, 3))
    np.testing.assert_allclose(rates["tpr"], [0.5, 0.6, 0.4])
    np.testing.assert_allclose(rates["fpr"], [1, 0, 2 / 3])
    np.testing.assert_allclose(rates["selection_rate"], [0.75, 0.5, 0.5])


def test_german_credit_as_a_whole_gives_the_published_figures():
    data = dataset.load()
    good = (data["credit_risk"] == "good").to_numpy()

    def selection(groups):
        return tensor.rates(tensor.fold(good, good, groups.to_numpy().astype(int), 2))["selection_rate"]

    men, women = selection(data["sex"] == "female")
    assert (data["sex"] == "female").sum() == 310
    assert women - men == pytest.approx(-0.0748, abs=5e-5)
    assert women / men == pytest.approx(0.8966, abs=5e-5)
    older, young = selection(data["age_group"] == "up to 25")
    assert young - older == pytest.approx(-0.1494, abs=5e-5)
    assert young / older == pytest.approx(0.7948, abs=5e-5)


@untimed
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 3)), max_size=60), st.integers(0, 60))
def test_the_tensor_of_all_rows_is_the_sum_of_the_tensors_of_its_parts(rows, cut):
    def fold(part):
        columns = np.array(part, dtype=np.int64).reshape(-1, 3)
        return tensor.fold(columns[:, 0].astype(bool), columns[:, 1].astype(bool), columns[:, 2], 4)

    np.testing.assert_array_equal(fold(rows), fold(rows[:cut]) + fold(rows[cut:]))


@untimed
@given(tables)
def test_a_rate_is_undefined_exactly_where_its_denominator_is_zero(table):
    for name, (events, denominator) in tensor.events_and_trials(table).items():
        rate = tensor.rates(table)[name]
        np.testing.assert_array_equal(np.isnan(rate), denominator == 0)
        assert np.all((events <= denominator) & (np.isnan(rate) | ((rate >= 0) & (rate <= 1))))


def test_resampling_the_tensor_is_resampling_the_rows():
    rng = np.random.default_rng(0)
    n = 400
    truth, decision, group = rng.random(n) < 0.6, rng.random(n) < 0.5, (rng.random(n) < 0.3).astype(int)
    counts = tensor.fold(truth, decision, group, 2)
    fast = tensor.rates(tensor.resample(counts, resamples=4000, seed=1))
    drawn = rng.integers(0, n, size=(2000, n))
    slow = [tensor.rates(tensor.fold(truth[r], decision[r], group[r], 2)) for r in drawn]
    for name in tensor.RATES:
        by_rows = np.array([rates[name] for rates in slow])
        for quantile in (0.025, 0.5, 0.975):
            gap = np.quantile(fast[name], quantile, axis=0) - np.quantile(by_rows, quantile, axis=0)
            assert np.abs(gap).max() < 0.02
        np.testing.assert_allclose(fast[name].std(axis=0), by_rows.std(axis=0), rtol=0.08)


@untimed
@given(tables.filter(lambda table: table.sum() > 0))
def test_a_replicate_has_as_many_rows_and_only_in_cells_that_were_seen(table):
    drawn = tensor.resample(table, resamples=5, seed=0)
    assert (drawn.sum(axis=(1, 2, 3)) == table.sum()).all()
    assert (drawn[:, table == 0] == 0).all()


def test_codes_out_of_range_and_an_empty_tensor_are_refused():
    with pytest.raises(ValueError, match="outside 0 to 1"):
        tensor.fold(TRUTH, DECISION, GROUP, 2)
    with pytest.raises(ValueError, match="no row"):
        tensor.resample(np.zeros((2, 2, 2), dtype=np.int64), resamples=10, seed=0)


@pytest.mark.parametrize(
    ("events", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_limits_of_newcombes_paper(events, n, low, high):
    assert intervals.wilson(events, n) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.parametrize(
    ("cells", "low", "high"),
    [((56, 70, 48, 80), 0.0524, 0.3339), ((9, 10, 3, 10), 0.1705, 0.8090), ((10, 10, 0, 10), 0.6075, 1.0)],
)
def test_newcombe_gives_the_limits_of_his_paper(cells, low, high):
    assert intervals.newcombe(*cells) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@untimed
@given(trials, trials)
def test_intervals_hold_their_estimate_and_stay_in_range(one, other):
    low, high = intervals.newcombe(*one, *other)
    assert -1 <= low <= one[0] / one[1] - other[0] / other[1] + 1e-12
    assert one[0] / one[1] - other[0] / other[1] - 1e-12 <= high <= 1
    low, high = intervals.ratio(*one, *other)
    if other[0] == 0:
        assert math.isnan(low)
        assert math.isnan(high)
    else:
        estimate = (one[0] / one[1]) / (other[0] / other[1])
        assert 0 <= low <= estimate + 1e-9
        assert estimate - 1e-9 <= high < math.inf


@untimed
@given(trials)
def test_the_ratio_of_a_group_to_a_huge_group_is_the_wilson_interval_scaled(one):
    low, high = intervals.ratio(*one, 5 * 10**9, 10**10)
    wilson_low, wilson_high = intervals.wilson(*one)
    assert low == pytest.approx(2 * wilson_low, abs=1e-3)
    assert high == pytest.approx(2 * wilson_high, abs=1e-3)


@pytest.mark.parametrize(("p", "q", "n", "m"), [(0.5, 0.6, 58, 229), (0.1, 0.6, 20, 200), (0.7, 0.7, 40, 40)])
def test_the_ratio_interval_covers_the_truth_about_nineteen_times_of_twenty(p, q, n, m):
    rng = np.random.default_rng(7)
    repeats = 2000
    pairs = zip(rng.binomial(n, p, repeats), rng.binomial(m, q, repeats), strict=True)
    limits = [intervals.ratio(int(a), n, int(b), m) for a, b in pairs]
    covered = np.mean([low <= p / q <= high for low, high in limits])
    assert 0.93 <= covered <= 0.985


def test_holm_adjusts_as_in_the_textbook_example():
    assert intervals.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert intervals.holm([0.9, 0.8]) == [1.0, 1.0]
    assert intervals.holm([]) == []
