"""Distances between windows: known answers, other libraries' numbers, and what must hold for every input."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from governance.policy.watching import Limits
from monitoring import binning, distributions, measures, statistics

values = st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=60)
tables = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=2, max_size=12)


def sides(table):
    reference, current = np.array(table).T
    assume(reference.sum() > 0 and current.sum() > 0)
    return reference, current


def test_index_of_two_known_rows_is_the_sum_worked_by_hand():
    by_hand = (0.5 - 0.25) * math.log(0.5 / 0.25) + (0.5 - 0.75) * math.log(0.5 / 0.75)
    assert statistics.psi_of_counts([25, 75], [50, 50]) == pytest.approx(by_hand, rel=1e-14)


def test_an_empty_bin_counts_as_half_an_observation():
    p, q = np.array([50, 50]) / 100, np.array([0.5, 100]) / 100.5
    assert statistics.psi_of_counts([50, 50], [0, 100]) == pytest.approx(statistics.jeffreys(p, q), rel=1e-14)


def test_a_bin_empty_on_both_sides_changes_nothing():
    assert statistics.psi_of_counts([10, 0, 30], [20, 0, 20]) == statistics.psi_of_counts([10, 30], [20, 20])


@given(tables)
def test_index_is_finite_never_negative_symmetric_and_zero_for_equal_shares(table):
    reference, current = sides(table)
    value = statistics.psi_of_counts(reference, current)
    assert math.isfinite(value)
    assert value >= 0
    assert value == pytest.approx(statistics.psi_of_counts(current, reference), abs=1e-12)
    assert statistics.psi_of_counts(reference, reference) == 0


def test_index_of_samples_cuts_at_the_reference_quantiles():
    rng = np.random.default_rng(0)
    reference, current = rng.normal(size=1000), rng.normal(0.5, size=500)
    edges = np.quantile(reference, np.arange(1, 10) / 10, method="inverted_cdf")
    shares = [
        np.histogram(x, [-np.inf, *np.nextafter(edges, np.inf), np.inf])[0] / len(x) for x in (reference, current)
    ]
    by_hand = float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
    assert statistics.population_stability_index(reference, current) == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize(
    ("reference", "current", "bins"),
    [([], [1.0], 10), ([1.0], [], 10), ([1.0, math.nan], [1.0], 10), ([[1.0]], [1.0], 10), ([1.0, 2.0], [1.0], 1)],
)
def test_index_refuses_empty_nested_or_missing_values_and_a_single_bin(reference, current, bins):
    with pytest.raises(ValueError, match=r"window|bins"):
        statistics.population_stability_index(reference, current, bins=bins)


@given(values, st.integers(2, 30))
def test_quantile_edges_rise_leave_no_reference_bin_empty_and_count_every_value(sample, bins):
    edges = binning.quantile_edges(sample, bins=bins)
    counts = binning.bin_counts(sample, edges)
    assert (np.diff(edges) > 0).all()
    assert counts.sum() == len(sample)
    assert (counts > 0).all()
    assert len(counts) <= bins


@given(values, values, st.integers(2, 12))
def test_coarse_bins_are_sums_of_fine_ones(reference, current, bins):
    fine, coarse = binning.quantile_edges(reference, bins=bins * 10), binning.quantile_edges(reference, bins=bins)
    summed = binning.coarsen(binning.bin_counts(current, fine), fine, coarse)
    assert summed.tolist() == binning.bin_counts(current, coarse).tolist()


@given(values, st.lists(values, min_size=1, max_size=5))
def test_counts_of_partitions_add_up_to_the_counts_of_the_whole(reference, partitions):
    edges = binning.quantile_edges(reference, bins=10)
    whole = binning.bin_counts([x for part in partitions for x in part], edges)
    assert sum(binning.bin_counts(part, edges) for part in partitions).tolist() == whole.tolist()


@given(values, values)
def test_exact_distances_equal_scipy(reference, current):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # about SciPy's p-value, which is not looked at
        scipy = stats.ks_2samp(reference, current).statistic
    assert statistics.kolmogorov_smirnov(reference, current) == pytest.approx(scipy, abs=1e-12)
    sd = max(float(np.std(reference)), 0.001)
    scipy = stats.wasserstein_distance(reference, current) / sd
    assert statistics.wasserstein_normed(reference, current) == pytest.approx(scipy, rel=1e-9, abs=1e-9)


@given(values, values, st.integers(2, 40))
def test_binned_kolmogorov_smirnov_encloses_the_exact_one(reference, current, bins):
    edges = binning.quantile_edges(reference, bins=bins)
    low, error = statistics.ks_of_counts(binning.bin_counts(reference, edges), binning.bin_counts(current, edges))
    exact = statistics.kolmogorov_smirnov(reference, current)
    assert low - 1e-12 <= exact <= low + error + 1e-12


def test_binned_wasserstein_comes_close_to_the_exact_one():
    rng = np.random.default_rng(1)
    reference, current = rng.normal(size=5000), rng.normal(0.3, 1.2, size=5000)
    edges = binning.quantile_edges(reference, bins=100)
    both = np.concatenate([reference, current])
    estimate = statistics.wasserstein_of_counts(
        binning.bin_counts(reference, edges),
        binning.bin_counts(current, edges),
        [both.min(), *edges, both.max()],
        sd=float(np.std(reference)),
    )
    assert estimate == pytest.approx(statistics.wasserstein_normed(reference, current), abs=0.02)


def test_binned_wasserstein_follows_a_gap_that_changes_sign_inside_a_bin():
    # F - G runs 0, +0.2, -0.2, 0 over knots 0, 1, 2, 3: areas 0.1, 0.1 (two triangles), 0.1.
    assert statistics.wasserstein_of_counts([4, 2, 4], [2, 6, 2], [0, 1, 2, 3], sd=1) == pytest.approx(0.3)


@given(tables)
def test_jensen_shannon_and_chi_square_equal_scipy(table):
    reference, current = sides(table)
    assert statistics.jensen_shannon(reference, current) == pytest.approx(
        distance.jensenshannon(reference, current), abs=1e-7
    )
    some = (reference + current) > 0
    assume(some.sum() > 1)
    scipy = stats.chi2_contingency(np.vstack([reference, current])[:, some], correction=False).pvalue
    assert statistics.chi_square_p(reference, current) == pytest.approx(scipy, rel=1e-9, abs=1e-300)


@given(st.floats(1e-6, 3000), st.integers(1, 200))
def test_chi_square_tail_equals_scipy(x, freedom):
    assert distributions.chi_square_sf(x, freedom) == pytest.approx(stats.chi2.sf(x, freedom), rel=1e-9, abs=1e-13)


@given(st.floats(0.001, 0.999))
def test_normal_quantile_equals_scipy(probability):
    assert distributions.normal_quantile(probability) == pytest.approx(stats.norm.ppf(probability), abs=1e-9)


@pytest.mark.parametrize(("freedom", "truth"), [(1, 5.0), (9, 0.5), (9, 40.0), (30, 300.0)])
def test_noncentrality_inverts_scipys_noncentral_chi_square(freedom, truth):
    for z in (-1.96, 0.0, 1.96):
        x = stats.ncx2.ppf(stats.norm.cdf(z), freedom, truth)
        assert distributions.noncentrality(x, freedom, z) == pytest.approx(truth, rel=0.03, abs=0.1)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_values_equal_scipy(p):
    ours = statistics.benjamini_hochberg(p)
    assert ours == pytest.approx(stats.false_discovery_control(p).tolist(), abs=1e-12)


def test_a_column_without_p_value_is_no_test():
    assert statistics.benjamini_hochberg([0.01, None, 0.04]) == [0.02, None, 0.04]
    with pytest.raises(ValueError, match=r"outside 0\.\.1"):
        statistics.benjamini_hochberg([1.5])


def test_missing_rate_change_has_newcombes_published_interval():
    # Newcombe (1998), table II, column (a), method 10: 56/70 against 48/80 gives 0.0524 to 0.3339.
    change = statistics.missing_rate_change(reference_missing=48, reference_n=80, current_missing=56, current_n=70)
    assert (change.difference, change.low, change.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert change.p == pytest.approx(0.00805, abs=5e-5)
    with pytest.raises(ValueError, match="at least one row"):
        statistics.missing_rate_change(reference_missing=0, reference_n=0, current_missing=0, current_n=1)


@pytest.mark.parametrize(("n", "m", "bins", "tilt"), [(300, 400, 10, 0.0), (300, 400, 10, 0.5), (1000, 500, 4, 2.0)])
def test_interval_covers_the_true_index_nineteen_times_in_twenty(n, m, bins, tilt):
    rng = np.random.default_rng(2)
    p = np.full(bins, 1 / bins)
    q = np.exp(tilt * np.linspace(-1, 1, bins))
    q /= q.sum()
    truth, hits, runs = statistics.jeffreys(p, q), 0, 400
    for _ in range(runs):
        reference, current = rng.multinomial(n, p), rng.multinomial(m, q)
        low, high = statistics.psi_interval(reference, current)
        assert low <= statistics.psi_of_counts(reference, current) <= high
        hits += low <= truth <= high
    assert hits / runs >= 0.92


def test_without_drift_the_index_averages_its_noise():
    rng = np.random.default_rng(3)
    p = np.full(10, 0.1)
    found = [statistics.psi_of_counts(rng.multinomial(300, p), rng.multinomial(400, p)) for _ in range(500)]
    assert np.mean(found) == pytest.approx(statistics.psi_noise(10, 300, 400), rel=0.1)


def test_new_and_rare_categories_share_the_last_bin():
    names, reference, current = binning.category_counts({"car": 90, "boat": 6, "kite": 4}, {"car": 50, "drone": 50})
    assert names == ["boat", "car", ""]
    assert reference.tolist() == [6, 90, 4]
    assert current.tolist() == [0, 50, 50]


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "drift"),
        ({"value": 0.09}, "stable"),
        ({"value": 0.1}, "watch"),
        ({"value": 0.1, "p_adjusted": 0.06}, "stable"),
        ({"value": 0.25}, "drift"),
        ({"p_adjusted": 0.06}, "insufficient"),
        ({"n": 99}, "insufficient"),
        ({"reference_n": 99}, "insufficient"),
        ({"value": None}, "insufficient"),
        ({"value": 0.01, "p_adjusted": 1e-30, "n": 10**9}, "stable"),
    ],
)
def test_drift_needs_rows_effect_and_significance(changes, outcome):
    facts = {"value": 0.3, "p_adjusted": 0.01, "n": 400, "reference_n": 300, "fdr": 0.05, "min_n": 100}
    assert measures.outcome_of(by=Limits(0.1, 0.25), **(facts | changes)) == outcome


@pytest.mark.parametrize("pair", [([1, 2], [1, 2, 3]), ([0, 0], [1, 1]), ([-1, 2], [1, 1])])
def test_counts_that_can_not_be_compared_are_refused(pair):
    for distance_of in (statistics.psi_of_counts, statistics.jensen_shannon, statistics.chi_square_p):
        with pytest.raises(ValueError, match=r"bins|observations|Counts"):
            distance_of(*pair)


def test_kolmogorovs_distribution_is_scipys():
    for x in (0.0, 0.05, 0.3, 0.7, 0.999, 1.0, 1.3, 2.0, 5.0):
        assert distributions.kolmogorov_sf(x) == pytest.approx(float(stats.kstwobign.sf(x)), abs=1e-13)


@given(tables)
def test_the_test_of_two_rows_is_scipys_limit_of_the_gap(table):
    left, right = sides(table)
    n, m = int(left.sum()), int(right.sum())
    gap = float(np.abs(np.cumsum(left) / n - np.cumsum(right) / m).max())
    expected = float(stats.kstwobign.sf(math.sqrt(n * m / (n + m)) * gap))
    assert statistics.kolmogorov_smirnov_p(left, right) == pytest.approx(expected, abs=1e-12)


def test_intervals_of_the_other_distances_hold_the_true_one():
    """Of 200 pairs of samples the interval misses the distance of the populations in a tenth at most."""
    rng = np.random.default_rng(5)
    before, after = np.full(20, 0.05), np.linspace(0.02, 0.08, 20)
    knots = np.arange(21.0)

    def apart(one, other):
        return statistics.wasserstein_of_counts(one, other, knots, sd=1.0)

    def resampled(distance):
        return lambda one, other: statistics.bootstrap_interval(one, other, distance, replicates=200)

    pairs = [
        (lambda one, other: statistics.ks_of_counts(one, other).value, statistics.ks_interval),
        (statistics.jensen_shannon, resampled(statistics.jensen_shannon)),
        (apart, resampled(apart)),
    ]
    for measure, interval_of in pairs:
        true, held = measure(before * 1e6, after * 1e6), 0
        for _ in range(200):
            low, high = interval_of(rng.multinomial(800, before), rng.multinomial(800, after))
            held += low - 1e-9 <= true <= high + 1e-9
        assert held >= 180, (measure, held)
