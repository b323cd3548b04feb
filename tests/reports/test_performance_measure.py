"""Metrics of each task, their intervals and the comparison with production."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from governance.evidence import schemas
from reports import resampling
from reports.performance.binary import Binary, curves
from reports.performance.measure import CostMatrix, Setting, measure
from reports.performance.multiclass import Multiclass
from reports.performance.reference import difference
from reports.performance.regression import Regression
from tests.answering import by_id, labelled, labels, measured, named, rows, scored, valued

untimed = settings(deadline=None, max_examples=60)
drawn_rows = st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=1, max_size=30)


def a_model(drawn, costs=None):
    event, score = (np.array(column) for column in zip(*drawn, strict=True))
    return Binary(event.astype(bool), score >= 5, score / 10, costs)


@untimed
@given(drawn_rows)
def test_auc_is_the_share_of_pairs_in_the_right_order_ties_counting_one_half(drawn):
    model = a_model(drawn)
    auc = resampling.point(model, n=model.n)["auc"]
    pairs = [(p > q) + (p == q) / 2 for p in model.score[model.event] for q in model.score[~model.event]]
    if pairs:
        assert auc == pytest.approx(np.mean(pairs), abs=1e-12)
    else:
        assert np.isnan(auc)


@untimed
@given(drawn_rows)
def test_metrics_of_two_classes_are_those_of_scikit_learn(drawn):
    assert difference(a_model(drawn, costs=(1.0, 5.0))) < 1e-12


@untimed
@given(drawn_rows, st.integers(0, 2**32 - 1))
def test_weighting_a_row_is_repeating_it(drawn, seed):
    model = a_model(drawn)
    weights = np.random.default_rng(seed).integers(0, 4, model.n)
    if not weights.sum():
        return
    table = np.column_stack([column for _, column in model.columns()]).astype(float)
    names = [name for name, _ in model.columns()]
    sums = dict(zip(names, (weights[None] @ table).T, strict=True))
    weighted = model.metrics(sums, model.ordered(weights[None].astype(float)))
    keep = np.repeat(np.arange(model.n), weights)
    plain = resampling.point(Binary(model.event[keep], model.predicted[keep], model.score[keep]), n=len(keep))
    for name in set(weighted) - {"ks"}:  # of which replicates keep the score where all rows are furthest apart
        np.testing.assert_allclose(weighted[name][0], plain[name], atol=1e-12, equal_nan=True)


@untimed
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.floats(0, 1)), min_size=1, max_size=30),
    st.booleans(),
)
def test_metrics_of_several_classes_are_those_of_scikit_learn(drawn, with_scores):
    truth, predicted, own = (np.array(column) for column in zip(*drawn, strict=True))
    assert difference(Multiclass(truth, predicted, own if with_scores else None, tuple("abcd"))) < 1e-12


@untimed
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=30))
def test_metrics_of_a_regression_are_those_of_scikit_learn(drawn):
    observed, predicted = np.array(drawn).T
    assert difference(Regression(observed, predicted)) < 1e-6


def test_a_small_example_by_hand():
    payload = measured([1, 1, 0, 0, 0], [0.9, 0.4, 0.6, 0.2, 0.1], threshold=0.5, costs=CostMatrix(1, 5, "EUR"))
    values = {name: metric["candidate"]["value"] for name, metric in by_id(payload).items()}
    assert payload["confusion"] == {"tp": 1, "fp": 1, "fn": 1, "tn": 2}
    assert values["auc"] == pytest.approx(5 / 6)
    assert values["gini"] == pytest.approx(2 / 3)
    assert values["ks"] == pytest.approx(2 / 3)  # at 0.4: both events are at or above it, one of three others is
    assert values["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert (values["tpr"], values["precision"], values["selection_rate"]) == (0.5, 0.5, 0.4)
    assert values["fpr"] == pytest.approx(1 / 3)
    assert values["balanced_accuracy"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert values["mcc"] == pytest.approx((1 * 2 - 1 * 1) / np.sqrt(2 * 3 * 2 * 3))
    assert values["expected_cost"] == pytest.approx((1 * 1 + 1 * 5) / 5)
    assert by_id(payload)["expected_cost"]["unit"] == "EUR per decision"


def test_every_metric_agrees_with_scikit_learn_and_the_difference_is_stored():
    event, score = rows()
    payload = measured(event, score)
    values = {name: metric["candidate"]["value"] for name, metric in by_id(payload).items()}
    assert values["auc"] == pytest.approx(reference.roc_auc_score(event, score), abs=1e-12)
    assert values["average_precision"] == pytest.approx(reference.average_precision_score(event, score), abs=1e-12)
    assert values["log_loss"] == pytest.approx(reference.log_loss(event, score), abs=1e-12)
    assert values["mcc"] == pytest.approx(reference.matthews_corrcoef(event, score >= 0.4), abs=1e-12)
    check = payload["reference_check"]
    assert check["library"] == "scikit-learn"
    assert check["max_difference"] <= check["tolerance"]


def test_several_classes_have_their_own_recall_and_precision_and_the_top_confusions():
    rng = np.random.default_rng(1)
    truth = rng.choice(list("abc"), 400, p=[0.5, 0.3, 0.2])
    table = rng.dirichlet([1, 1, 1], 400)
    table[np.arange(400), [("abc").index(t) for t in truth]] += 0.5
    table /= table.sum(axis=1, keepdims=True)
    said = named(table)
    payload = measure(truth=pd.Series(truth, name="kind"), candidate=said, setting=Setting("multiclass", "kind"))
    assert schemas.first_problem("performance/v1", payload) is None
    predicted = np.array(list("abc"))[table.argmax(axis=1)]
    for row in payload["classes"]:
        name = row["label"]
        assert row["n"] == row["recall"]["denominator"] == (truth == name).sum()
        assert row["precision"]["denominator"] == (predicted == name).sum()
        assert row["recall"]["value"] == pytest.approx(reference.recall_score(truth == name, predicted == name))
        assert row["recall"]["low"] < row["recall"]["value"] < row["recall"]["high"]
    worst = payload["confusions"][0]
    assert worst["n"] == max(((truth == a) & (predicted == b)).sum() for a in "abc" for b in "abc" if a != b)
    assert [row["recall"]["value"] for row in payload["classes"]] == sorted(
        row["recall"]["value"] for row in payload["classes"]
    )
    assert by_id(payload)["log_loss"]["candidate"]["value"] == pytest.approx(reference.log_loss(truth, table))


def test_a_class_that_the_model_does_not_know_is_never_right():
    truth = pd.Series(["a", "b", "d"] * 50, name="kind")
    payload = measure(
        truth=truth, candidate=named([[0.8, 0.1, 0.1]] * 150), setting=Setting("multiclass", "kind"), resamples=100
    )
    (unknown,) = [row for row in payload["classes"] if row["label"] == "d"]
    assert (unknown["recall"]["value"], unknown["n"], unknown["precision"]["value"]) == (0.0, 50, None)
    assert by_id(payload)["log_loss"]["candidate"]["value"] > 12  # a third of the rows had probability 0


def test_a_regression_is_measured_in_the_unit_of_its_label():
    rng = np.random.default_rng(2)
    observed = pd.Series(rng.normal(1000, 200, 500), name="amount")
    predicted = observed.to_numpy() + rng.normal(10, 50, 500)
    payload = measure(
        truth=observed,
        candidate=valued(predicted),
        production=valued(observed.to_numpy() + rng.normal(-60, 50, 500)),
        setting=Setting("regression", "amount"),
    )
    assert schemas.first_problem("performance/v1", payload) is None
    found = by_id(payload)
    values = {name: metric["candidate"]["value"] for name, metric in found.items()}
    residual = predicted - observed.to_numpy()
    assert values["mae"] == pytest.approx(reference.mean_absolute_error(observed, predicted))
    assert values["r2"] == pytest.approx(reference.r2_score(observed, predicted))
    assert values["bias"] == pytest.approx(residual.mean())
    assert (values["residual_q05"], values["residual_q95"]) == pytest.approx(tuple(np.quantile(residual, [0.05, 0.95])))
    assert (found["mae"]["unit"], found["r2"]["unit"]) == ("amount", None)
    assert (
        found["residual_q95"]["candidate"]["low"] < values["residual_q95"] < found["residual_q95"]["candidate"]["high"]
    )
    # Of the bias, sizes are compared: 10 is nearer 0 than -60.
    assert found["bias"]["difference"]["high"] < 0


def test_a_model_that_gives_labels_only_has_rates_and_no_score_metrics():
    event, score = rows()
    payload = measure(
        truth=labels(event),
        candidate=labelled(score >= 0.4),
        production=scored(score),
        setting=Setting("binary", "outcome", positive_label="bad", threshold=0.4, production_threshold=0.4),
    )
    assert schemas.first_problem("performance/v1", payload) is None
    found = by_id(payload)
    for name in ("auc", "log_loss", "brier", "ks", "gini", "average_precision"):
        assert found[name]["candidate"]["value"] is None
        assert found[name]["candidate"]["reason"] == "the model gives labels only, no probabilities"
        assert found[name]["production"]["value"] is not None
        assert found[name]["difference"]["reason"] == "the model gives labels only, no probabilities"
    assert found["tpr"]["candidate"]["value"] == found["tpr"]["production"]["value"]
    assert (payload["threshold"], payload["thresholds"], payload["roc"]) == (None, [], [])


def test_production_is_measured_on_the_same_rows_and_draws():
    event, score = rows()
    alone = by_id(measured(event, score))
    for name, metric in by_id(measured(event, score, production=score)).items():
        assert metric["candidate"] == alone[name]["candidate"]
        assert {metric["difference"][part] for part in ("value", "low", "high")} == {0.0}
    assert alone["auc"]["production"] is None
    assert alone["auc"]["difference"] is None


def test_a_paired_interval_is_narrower_than_two_separate_ones():
    event, score = rows()
    nearly = np.clip(score + 0.01 * np.random.default_rng(1).standard_normal(len(score)), 0, 1)
    auc = by_id(measured(event, score, production=nearly))["auc"]

    def width(number):
        return number["high"] - number["low"]

    assert width(auc["difference"]) < 0.3 * width(auc["candidate"])


def test_many_rows_are_drawn_in_blocks_which_gives_the_same_intervals(monkeypatch):
    event, score = rows(10_000, seed=4)
    other = np.clip(score + 0.1 * np.random.default_rng(5).standard_normal(len(score)), 0, 1)
    one_by_one = measured(event, score, production=other)
    monkeypatch.setattr(resampling, "ROW_BY_ROW", 1_000)
    in_blocks = measured(event, score, production=other)
    assert "4000 random blocks" in in_blocks["method"]["interval"]
    for name, metric in by_id(one_by_one).items():
        blocked = by_id(in_blocks)[name]
        for part in ("candidate", "difference"):
            assert blocked[part]["value"] == metric[part]["value"]
            width = metric[part]["high"] - metric[part]["low"]
            for end in ("low", "high"):
                assert abs(blocked[part][end] - metric[part][end]) < 0.12 * width, (name, part, end)


def test_without_an_event_a_figure_is_null_with_a_reason_and_not_zero():
    payload = measured(np.zeros(50, dtype=bool), np.linspace(0, 1, 50), threshold=0.5)
    metrics = by_id(payload)
    for name in ("auc", "tpr", "average_precision", "balanced_accuracy", "mcc", "ks"):
        assert metrics[name]["candidate"]["value"] is None
        assert metrics[name]["candidate"]["reason"] == "no event among the 50 rows"
    assert metrics["tpr"]["candidate"]["denominator"] == 0
    assert metrics["fpr"]["candidate"]["value"] == 0.5
    assert metrics["precision"]["candidate"]["value"] == 0.0
    assert payload["roc"] == []
    assert schemas.first_problem("performance/v1", payload) is None


def test_few_rows_have_figures_and_no_bootstrap_interval():
    event, score = rows(60)
    metrics = by_id(measured(event, score, production=score[::-1]))
    assert metrics["auc"]["candidate"]["low"] is None
    assert metrics["auc"]["candidate"]["reason"] == "60 rows: an interval needs at least 100"
    assert metrics["accuracy"]["candidate"]["low"] is not None  # a score interval holds for few rows too
    assert metrics["accuracy"]["difference"]["low"] is None
    event = np.arange(400) < 20
    metrics = by_id(measured(event, np.linspace(1, 0, 400)))
    assert metrics["auc"]["candidate"]["reason"] == "20 rows with the event: an interval needs at least 30"
    assert metrics["log_loss"]["candidate"]["low"] is not None


def test_one_row_is_enough_for_a_payload():
    payload = measured([True], [0.7])
    assert schemas.first_problem("performance/v1", payload) is None
    assert by_id(payload)["accuracy"]["candidate"]["value"] == 1.0
    assert by_id(payload)["auc"]["candidate"]["value"] is None


def test_the_same_seed_gives_the_same_payload_and_another_seed_other_intervals():
    event, score = rows()
    first = measured(event, score, seed=5)
    assert first == measured(event, score, seed=5)
    other = measured(event, score, seed=6)
    assert by_id(first)["auc"]["candidate"]["low"] != by_id(other)["auc"]["candidate"]["low"]
    assert schemas.first_problem("performance/v1", first) is None


def test_the_threshold_table_counts_what_each_threshold_decides():
    event, score = rows()
    payload = measured(event, score, costs=CostMatrix(2, 10, "EUR"))
    assert 15 <= len(payload["thresholds"]) <= 20
    (own,) = [row for row in payload["thresholds"] if row["own"]]
    assert own["threshold"] == 0.4
    for row in payload["thresholds"]:
        predicted = score >= row["threshold"]
        assert row["selection_rate"]["value"] == pytest.approx(predicted.mean())
        assert row["tpr"]["value"] == pytest.approx(reference.recall_score(event, predicted))
        assert row["fpr"]["denominator"] == (~event).sum()
        wrong = (predicted & ~event).sum() * 2 + (~predicted & event).sum() * 10
        assert row["cost"]["value"] == pytest.approx(wrong / 300)
        assert row["cost"]["low"] < row["cost"]["value"] < row["cost"]["high"]
    assert own["cost"]["value"] == pytest.approx(by_id(payload)["expected_cost"]["candidate"]["value"])
    assert {row["cost"] for row in measured(event, score)["thresholds"]} == {None}


def test_curves_run_from_the_strictest_threshold_to_the_loosest():
    event, score = rows()
    payload = measured(event, score)
    assert (payload["roc"][0], payload["roc"][-1]) == ([0, 0], [1, 1])
    assert payload["precision_recall"][-1] == [1.0, pytest.approx(event.mean())]
    assert len(payload["roc"]) <= 60
    tied = Binary(np.array([True, False]), np.array([False, True]), np.array([0.05, 1.0]))
    assert curves(tied)["roc"] == [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"candidate": scored([0.1, 0.2])}, "gave 2 answers for 3 rows: score every row exactly once"),
        ({"candidate": scored([0.1, 0.2, np.nan])}, "score of the candidate is missing or outside 0 to 1"),
        ({"candidate": scored([np.nan] * 3)}, "score of the candidate is missing"),
        ({"production": scored([0.1, 0.2, 1.5])}, "score of the production"),
        ({"truth": pd.Series(["bad", "good", "maybe"], name="y")}, "holds 'maybe', which the candidate does not know"),
        ({"truth": pd.Series(["bad", None, "good"], name="y")}, "1 of 3 rows have no label in 'y'"),
        ({"truth": pd.Series([], name="y", dtype=object), "candidate": scored([])}, "has no row"),
        ({"resamples": 10}, "at least 100"),
        ({"setting": Setting("binary", "y", "bad", None)}, "threshold of the candidate is None"),
        ({"setting": Setting("binary", "y", "bad", 1.5)}, "threshold of the candidate is 1.5"),
        ({"setting": Setting("binary", "y", "worse", 0.5)}, "the event 'worse' is not one of them"),
        ({"setting": Setting("regression", "y")}, "'bad'.*a regression is measured against numbers"),
        ({"setting": Setting("regression", "y"), "truth": pd.Series([1.0, 2, 3], name="y")}, "gives classes"),
        (
            {
                "setting": Setting("regression", "y"),
                "truth": pd.Series([1.0, 2, 3]),
                "candidate": valued([1, 2, np.inf]),
            },
            "1 answers of the candidate are missing or not finite",
        ),
        ({"setting": Setting("multiclass", "y"), "candidate": valued([1, 2, 3])}, "gives no labels"),
    ],
)
def test_bad_input_is_refused_with_a_sentence_that_helps(change, message):
    good = {
        "truth": pd.Series(["bad", "good", "bad"], name="y"),
        "candidate": scored([0.1, 0.2, 0.3]),
        "setting": Setting("binary", "y", "bad", 0.5),
    }
    with pytest.raises(ValueError, match=message):
        measure(**good | change)
