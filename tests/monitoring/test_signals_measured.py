"""What a window shows besides its columns: each signal is quiet where nothing happened, and says what did."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from scipy import stats

from governance.evidence.schemas import first_problem
from governance.policy.watching import Kpi, Latency, Limits, Performance
from monitoring import alerts, drift, score_signals, serving_signals, signals
from monitoring.drift_settings import DriftSettings
from monitoring.profiles import ReferenceProfile
from monitoring.schema import RecordSchema
from monitoring.served import Groups, Rows, Served
from monitoring.signal_rows import Signal

START, END = datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 9, tzinfo=UTC)
SETTINGS = DriftSettings(
    latency=Latency(200, 500, 0.95),
    kpis=(Kpi(2, 5, "margin", "higher"),),
    performance=Performance(0.03, 0.08, "roc_auc", 100),
    estimated_performance=Performance(0.03, 0.08, "accuracy", 100),
    selection_ratio=Limits(0.9, 0.8),
    selection_difference=Limits(0.1, 0.2),
    tpr_difference=Limits(0.1, 0.2),
)
SCHEMA = RecordSchema({"prediction": "number"}, "prediction")
KEPT_APART = {"latency", "kpi", "performance", "estimated_performance", "selection_ratio", "selection_difference",
              "tpr_difference"}  # fmt: skip


def scored(rng, n, *, sharp=2.0, flipped=0.0, groups=False):
    """Calibrated scores and labels drawn by them; of a share of rows the label is thrown like a coin."""
    score = rng.beta(sharp, sharp, n)
    truth = (rng.random(n) < score).astype(float)
    truth = np.where(rng.random(n) < flipped, rng.integers(0, 2, n), truth)
    sexes = Groups({"sex": rng.integers(0, 2, n)}, {"sex": ("female", "male")}, {"sex": 1}) if groups else Groups()
    return Rows(score, truth, sexes, of=2 * n, start=START, end=END)


def served(seed=0, **more):
    rng = np.random.default_rng(seed)
    rows = scored(rng, 1500, groups=True)
    facts = {
        "event_is_favourable": True,
        "latency": rng.lognormal(4, 0.5, 1500),
        "kpis": {"margin": rng.normal(30, 8, 1500)},
        "before": {"margin": rng.normal(30, 0.4, 20).tolist()},
        "window": rows,
        "labelled": rows,
        "reference": scored(rng, 2000),
    }
    return Served(**(facts | more))


def payload(what, settings=SETTINGS, *, version="credit-risk/2"):
    rng = np.random.default_rng(9)
    profile = ReferenceProfile.of({"prediction": rng.random(1000)}, schema=SCHEMA)
    window = profile.profile({"prediction": rng.random(1500)})
    facts = {"monitor": "m", "version": version, "start": START, "end": END, "served": what}
    return drift.compute(profile, window, settings, **facts)


def rows_of(found, name):
    return [row for row in found["signals"] if row["signal"] == name]


def one(found, name):
    (row,) = rows_of(found, name)
    return row


def test_a_quiet_window_has_every_signal_that_the_policy_names_and_no_alarm():
    found = payload(served())
    assert first_problem("drift/v1", found) is None
    assert {row["signal"] for row in found["signals"]} == KEPT_APART | {"volume"}
    outcomes = {row["signal"]: row["outcome"] for row in found["signals"]}
    assert outcomes == dict.fromkeys(KEPT_APART, "stable") | {"volume": "insufficient"}
    assert (found["severity"], found["version"]) == ("none", "credit-risk/2")
    assert {"latency", "kpi", "performance", "estimated_performance", "groups"} <= found["method"].keys()
    for row in found["signals"]:
        if row["signal"] != "volume":
            assert row["low"] <= row["value"] <= row["high"]
            assert 0 <= row["p_adjusted"] <= 1


def test_what_the_policy_does_not_name_or_the_records_have_not_is_absent():
    assert {row["signal"] for row in payload(served(), DriftSettings())["signals"]} == {"volume"}
    bare = Served(reference=None, no_reference="no labels.")
    names = {row["signal"] for row in payload(bare)["signals"]}
    assert names == {"volume", "performance", "estimated_performance"}
    assert {row["outcome"] for row in payload(bare)["signals"]} == {"insufficient"}


@pytest.mark.parametrize(("milliseconds", "outcome"), [(1.0, "stable"), (3.0, "watch"), (6.0, "breach")])
def test_latency_alarms_from_its_limits_on(milliseconds, outcome):
    values = served().latency * milliseconds
    row = one(payload(served(latency=values)), "latency")
    assert (row["outcome"], row["quantile"], row["column"]) == (outcome, 0.95, "latency_ms")
    assert row["value"] == np.quantile(values, 0.95, method="inverted_cdf")


def test_latency_is_tested_by_how_many_take_as_long_as_watch():
    values = np.r_[np.full(90, 10.0), np.full(10, 200.0)]
    (found,) = serving_signals.of_serving(Served(latency=values), SETTINGS)
    assert found.p == pytest.approx(stats.binomtest(10, 100, 0.05, alternative="greater").pvalue)
    (few,) = serving_signals.of_serving(Served(latency=values[:99]), SETTINGS)
    assert (few.value, few.p) == (None, None)


@pytest.mark.parametrize(("less", "outcome"), [(0.0, "stable"), (3.5, "watch"), (9.0, "breach"), (-9.0, "stable")])
def test_a_kpi_alarms_when_its_mean_is_worse_than_the_windows_before(less, outcome):
    what = served()
    row = one(payload(replace(what, kpis={"margin": what.kpis["margin"] - less})), "kpi")
    assert (row["column"], row["outcome"], row["windows"]) == ("margin", outcome, 20)
    assert row["value"] == pytest.approx(row["reference"]["value"] - row["current"]["value"])
    assert row["value"] == pytest.approx(less, abs=0.7)
    costs = replace(SETTINGS, kpis=(Kpi(2, 5, "margin", "lower"),))
    other = one(payload(replace(what, kpis={"margin": what.kpis["margin"] - less}), costs), "kpi")
    assert other["value"] == pytest.approx(-row["value"])


def test_a_kpi_is_tested_against_one_further_window_not_against_further_rows():
    rng = np.random.default_rng(3)
    before, values = rng.normal(30, 2, 12), rng.normal(26, 8, 5000)
    (found,) = serving_signals.of_serving(Served(kpis={"margin": values}, before={"margin": before}), SETTINGS)
    spread = before.std(ddof=1) * np.sqrt(1 + 1 / 12)
    change = before.mean() - values.mean()
    assert found.p == pytest.approx(2 * stats.t.sf(change / spread, 11), rel=1e-6)
    assert found.low == pytest.approx(change - stats.t.ppf(0.975, 11) * spread, rel=1e-6)


def test_windows_of_a_kpi_that_vary_by_themselves_do_not_alarm():
    alarms = 0
    for seed in range(400):
        rng = np.random.default_rng([4, seed])
        means = rng.normal(30, 4, 13)
        what = Served(kpis={"margin": rng.normal(means[0], 8, 5000)}, before={"margin": means[1:]})
        (found,) = serving_signals.of_serving(what, SETTINGS)
        alarms += found.p <= 0.05
    assert alarms <= 34  # 20 expected; 34 is three standard errors above


def test_a_kpi_without_windows_before_gives_its_mean_for_those_that_come():
    row = one(payload(served(before={})), "kpi")
    assert (row["outcome"], row["value"]) == ("insufficient", None)
    assert row["current"]["value"] == pytest.approx(30, abs=1)


def test_performance_with_labels_says_how_much_worse_and_of_how_many():
    rng = np.random.default_rng(5)
    bad = scored(rng, 1500, flipped=0.6)
    row = one(payload(served(labelled=bad)), "performance")
    assert (row["outcome"], row["metric"], row["labelled"], row["coverage"]) == ("breach", "roc_auc", 1500, 0.5)
    assert row["value"] == pytest.approx(row["reference"]["value"] - row["current"]["value"])
    assert row["window"] == {"start": "2026-11-02T00:00:00.000000Z", "end": "2026-11-09T00:00:00.000000Z"}


def test_performance_without_enough_labels_is_insufficient_and_says_why():
    few = scored(np.random.default_rng(6), 99)
    row = one(payload(served(labelled=few)), "performance")
    assert (row["outcome"], row["n"]) == ("insufficient", 99)
    assert row["reason"] == "Of the labelled records: fewer than 100 have a label."
    all_good = replace(scored(np.random.default_rng(6), 900), truth=np.r_[np.zeros(29), np.ones(871)])
    assert "fewer than 30 have the event" in one(payload(served(labelled=all_good)), "performance")["reason"]
    gone = one(payload(served(reference=None, no_reference="the data was deleted.")), "performance")
    assert gone["reason"] == "Of the reference: the data was deleted."
    assert gone["current"]["n"] == 1500


def test_a_metric_of_another_task_is_refused_in_the_row():
    row = one(payload(served(task="regression")), "performance")
    assert (row["outcome"], "another metric" in row["reason"]) == ("insufficient", True)


def test_a_regression_is_worse_when_its_error_is_larger():
    rng = np.random.default_rng(7)

    def made(n, sd):
        truth = rng.normal(size=n)
        return Rows(truth + rng.normal(0, sd, n), truth, of=n)

    settings = replace(SETTINGS, performance=Performance(0.3, 0.8, "rmse", 100), estimated_performance=None)
    what = Served(task="regression", labelled=made(800, 2.0), reference=made(800, 1.0))
    (found,) = score_signals.of_scores(what, settings)
    assert found.value == pytest.approx(1.0, abs=0.1)
    assert found.low < 1 < found.high
    assert found.row(found.p, fdr=0.01)["outcome"] == "breach"


def test_the_estimate_sees_scores_that_grow_unsure_without_a_label():
    unsure = scored(np.random.default_rng(8), 1500, sharp=30.0)
    row = one(payload(served(window=replace(unsure, truth=None))), "estimated_performance")
    assert (row["outcome"], row["estimate"], row["metric"]) == ("breach", True, "accuracy")
    assert row["calibration"]["expected"] == pytest.approx(row["calibration"]["observed"], abs=0.03)
    assert row["calibration"]["error"] < 0.05


def test_the_estimate_is_withheld_where_the_scores_of_the_reference_are_not_calibrated():
    rng = np.random.default_rng(10)
    fair = scored(rng, 2000)
    boastful = replace(fair, score=np.where(fair.score > 0.5, 0.97, 0.03))
    row = one(payload(served(reference=boastful)), "estimated_performance")
    assert (row["outcome"], row["value"]) == ("insufficient", None)
    assert "not calibrated well enough" in row["reason"]
    assert row["calibration"]["expected"] > row["calibration"]["observed"] + 0.2


def test_the_estimate_does_not_see_a_changed_meaning_of_scores_and_labels_do():
    turned = scored(np.random.default_rng(11), 1500, flipped=1.0)
    found = payload(served(window=turned, labelled=turned))
    assert one(found, "performance")["outcome"] == "breach"
    assert one(found, "estimated_performance")["outcome"] == "stable"


def by_group(rates, n=500, *, names=("female", "male")):
    """Decisions of two groups, favourable in the shares given."""
    codes = np.repeat(np.arange(len(rates)), n)
    score = np.concatenate([(np.arange(n) < rate * n).astype(float) for rate in rates])
    return Rows(
        score, np.ones(score.size), Groups({"sex": codes}, {"sex": names}, {"sex": len(rates) - 1}), of=score.size
    )


@pytest.mark.parametrize(("rate", "ratio", "difference"), [(0.59, "stable", "stable"), (0.52, "watch", "stable"),
                                                           (0.3, "breach", "breach")])  # fmt: skip
def test_groups_are_held_against_the_reference_group(rate, ratio, difference):
    found = payload(served(window=by_group([rate, 0.6])))
    row = one(found, "selection_ratio")
    assert (row["column"], row["group"], row["against"], row["n"]) == ("sex", "female", "male", 500)
    assert row["value"] == pytest.approx(rate / 0.6)
    assert (row["current"]["value"], row["reference"]["value"]) == (rate, 0.6)
    assert one(found, "selection_difference")["value"] == pytest.approx(0.6 - rate)
    settings = replace(SETTINGS, min_n=100, fdr=0.05)
    found = payload(served(window=by_group([rate, 0.6])), settings)
    assert one(found, "selection_ratio")["outcome"] == ratio
    assert one(found, "selection_difference")["outcome"] == difference


def test_the_ratio_and_its_interval_are_the_same_whichever_group_is_the_reference():
    one_way = one(payload(served(window=by_group([0.3, 0.6]))), "selection_ratio")
    other = one(payload(served(window=by_group([0.6, 0.3]))), "selection_ratio")
    assert [one_way[k] for k in ("value", "low", "high")] == pytest.approx([other[k] for k in ("value", "low", "high")])


def test_an_unfavourable_event_turns_decisions_round():
    rows = by_group([0.3, 0.6])
    row = one(payload(served(window=rows, event_is_favourable=False)), "selection_ratio")
    assert row["value"] == pytest.approx(0.4 / 0.7)


def test_true_positive_rates_are_of_those_whose_label_is_favourable():
    rows = by_group([0.5, 0.9])
    truth = np.r_[np.ones(250), np.zeros(250), np.ones(450), np.zeros(50)]
    found = payload(served(labelled=replace(rows, truth=truth, of=4000)))
    row = one(found, "tpr_difference")
    assert row["value"] == pytest.approx(0.0)
    assert (row["current"]["n"], row["reference"]["n"]) == (250, 450)
    assert (row["labelled"], row["coverage"]) == (1000, 0.25)


def test_groups_of_a_few_people_are_neither_shown_nor_to_be_worked_out():
    codes = np.r_[np.zeros(9, int), np.ones(40, int), np.full(451, 2), np.full(500, 3)]
    rng = np.random.default_rng(12)
    groups = Groups({"origin": codes}, {"origin": ("a", "b", "c", "d")}, {"origin": 3})
    rows = Rows(rng.random(1000), None, groups, of=1000)
    found = payload(served(window=rows))
    assert {row["group"] for row in rows_of(found, "selection_ratio")} == {"c"}
    # b (4 %) is too small to be compared; a is hidden, and so is what would give it away.
    alone = Groups({"origin": np.r_[np.zeros(9, int), np.ones(991, int)]}, {"origin": ("a", "b")}, {"origin": 1})
    row = one(payload(served(window=replace(rows, groups=alone))), "selection_ratio")
    assert (row["outcome"], row["value"]) == ("insufficient", None)
    assert "group" not in row


def test_texts_never_seen_have_a_p_that_grows_with_what_the_reference_lets_expect():
    assert signals.unseen_p(0, 500, once=0, reference_n=1000) == 1.0
    assert signals.unseen_p(5, 500, once=10, reference_n=1000) == 1.0
    ps = [signals.unseen_p(40, 500, once=once, reference_n=1000) for once in (0, 10, 30, 60)]
    assert ps == sorted(ps)
    assert ps[0] < 1e-6
    assert ps[-1] > 0.05


def test_texts_never_seen_are_rarely_certain_where_nothing_changed():
    """The reference and the window are draws of one population with thousands of rare texts."""
    rng, shares = np.random.default_rng(13), 1 / np.arange(1, 4001) ** 1.1
    shares /= shares.sum()
    small = 0
    for _ in range(300):
        known = np.bincount(rng.choice(4000, 1000, p=shares), minlength=4000)
        seen = np.bincount(rng.choice(4000, 500, p=shares), minlength=4000)
        p = signals.unseen_p(int(seen[known == 0].sum()), 500, once=int((known == 1).sum()), reference_n=1000)
        small += p <= 0.05
    assert small <= 15


def test_every_test_of_a_window_is_in_one_family():
    found = payload(served())
    tested = [column["p_adjusted"] for column in found["columns"]]
    tested += [row["p_adjusted"] for row in found["signals"] if row["p_adjusted"] is not None]
    assert len(tested) == 1 + len(KEPT_APART)
    alone = replace(DriftSettings(), latency=SETTINGS.latency)
    values = np.r_[np.full(1390, 10.0), np.full(110, 300.0)]
    assert one(payload(served(latency=values), alone), "latency")["p_adjusted"] < one(
        payload(served(latency=values)), "latency")["p_adjusted"]  # fmt: skip


@pytest.mark.parametrize(("value", "p", "falls", "outcome"), [
    (0.3, 0.001, False, "breach"), (0.3, 0.2, False, "insufficient"), (0.15, 0.001, False, "watch"),
    (0.05, 0.001, False, "stable"), (0.05, 0.001, True, "breach"), (0.3, 0.001, True, "stable"),
    (0.3, None, False, "insufficient"),
])  # fmt: skip
def test_a_signal_alarms_only_beyond_its_limits_and_beyond_chance(value, p, falls, outcome):
    watch, limit = (0.2, 0.1) if falls else (0.1, 0.2)
    found = Signal("x", None, value, 100, watch, limit, falls=falls, p=p).row(p, fdr=0.01)
    assert found["outcome"] == outcome
    assert bool(found.get("reason")) == (outcome == "insufficient")


@pytest.mark.parametrize("constant", [0.0, 7.0, -3.5, 1e12, 1.7e308])
@pytest.mark.parametrize("method", ["psi", "jensen_shannon", "kolmogorov_smirnov", "wasserstein"])
def test_a_column_that_never_varied_in_the_reference_is_watched(constant, method):
    from governance.policy.watching import Measure

    profile = ReferenceProfile.of({"prediction": np.full(1000, constant)}, schema=SCHEMA)
    settings = DriftSettings(numeric=Measure(0.05, 0.1, method))
    facts = {"monitor": "m", "version": "v", "start": START, "end": END}

    def outcome(values):
        found = drift.compute(profile, profile.profile({"prediction": values}), settings, **facts)
        assert first_problem("drift/v1", found) is None
        return found["columns"][0]["outcome"]

    if method == "wasserstein" and constant > 1e300:
        return  # beyond what floating-point numbers can tell the distance of
    assert outcome(np.full(500, constant)) == "stable"
    assert outcome(np.r_[np.full(300, constant), np.full(200, constant / 2 + 1)]) == "drift"
    assert outcome(np.full(500, constant / 2 + 1)) == "drift"
    assert outcome(np.r_[np.full(499, constant), constant / 2 + 1]) != "drift"


def test_an_alert_says_what_a_signal_shows():
    found = payload(served(latency=served().latency * 6, window=by_group([0.3, 0.6])))
    run = type("Run", (), {"evidence": type("E", (), {"payload": found})})
    title = alerts.title_of(run)
    assert "5 % of the answers take 7" in title
    assert title.count("30 % of sex female and 60 % of male get a favourable decision") == 1


def test_settings_with_all_signals_survive_json():
    written = SETTINGS.to_json()
    assert DriftSettings.from_json(written) == SETTINGS
    assert "labels_after" not in written
    assert not {"latency", "kpis", "tpr_difference"} & DriftSettings().to_json().keys()
