"""What a model bases its scores on, as an explanation payload."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from examples.credit import dataset
from governance.evidence import projection, schemas
from reports.explanation import measure as module
from reports.explanation import shapes
from reports.explanation.measure import background_digest, measure
from reports.explanation.statistics import additivity_residual, faithfulness, stability, stability_over_rows
from reports.isolation.errors import ModelFailed
from reports.isolation.explainer import Curves, Explanation, Limits

SMALL = Limits(
    rows={"woodelf": 120, "shap": 120, "linear": 120, "permutation": 120},
    background={"woodelf": 50, "shap": 50, "linear": 50, "permutation": 50},
    fast_above=2000, repeated=60, compared=60, checked=60, deleted=30,
)  # fmt: skip
NAMES = ("a", "b", "c", "text")


def an_explanation(rows, background, *, limits, outputs=1, **changes):
    """A model whose SHAP values are known: the score is 0.5 + 0.1 a - 0.05 b, c and the text have no part."""
    weights = np.array([0.1, -0.05, 0.0])
    x = rows[["a", "b", "c"]].to_numpy()[: limits.rows["linear"]]

    def run(sample, n):
        centre = sample[["a", "b", "c"]].to_numpy().mean(axis=0)
        values = np.column_stack([(x[:n] - centre) * weights, np.zeros(n)])
        return np.repeat(values[:, :, None], outputs, axis=2), np.full(outputs, 0.5 + centre @ weights)

    runs = [run(background[0], len(x)), *(run(sample, min(len(x), limits.repeated)) for sample in background[1:])]
    score = np.repeat((0.5 + x @ weights)[:, None], outputs, axis=1)
    steps = (0, 1, 2, 3, 4)
    curves = Curves(steps, np.tile([0, 3, 4, 4, 4.0], (30, 1)), np.tile([0, 1, 2, 3, 4.0], (30, 1)))
    made = Explanation(
        family="linear", engine="closed form", perturbation="interventional", space="probability", summed=False,
        note="", model="Line", classes=("bad", "good", "ugly")[: max(outputs, 2)], features=NAMES,
        background_rows=len(background[0]), values=runs[0][0], score=score, said=score,
        base_values=tuple(base for _, base in runs), repeats=tuple(values for values, _ in runs[1:]),
        grown=None, grown_base=None, checked=(runs[0][0], runs[0][0] * (1 + 1e-6)), curves=curves,
        isolation="as told", libraries={"shap": "0"},
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


@pytest.fixture
def linear(monkeypatch):
    """Stand that explanation in, and keep what was asked."""
    asked = {"changes": {}}

    def explain(model_dir, rows, background, *, task, positive_label, limits, seed, progress, timeout_s):
        asked.update(rows=rows, background=background, seed=seed)
        return an_explanation(rows, background, limits=limits, **asked["changes"])

    monkeypatch.setattr(module.explainer, "explain", explain)
    return asked


def frame(n=300):
    rng = np.random.default_rng(0)
    numbers = {name: rng.uniform(-1, 1, n) for name in "abc"}
    return pd.DataFrame(numbers | {"text": np.where(rng.random(n) < 0.5, "yes", "no")})


def explained(**changes):
    given = {"model_dir": None, "frame": frame(), "positive_label": "bad", "limits": SMALL}
    return measure(**given | changes)


def test_features_come_in_falling_order_with_their_intervals(linear):
    payload = explained()
    assert [feature["feature"] for feature in payload["features"]] == ["a", "b", "c", "text"]
    for feature in payload["features"]:
        assert feature["low"] <= feature["mean_abs"] <= feature["high"]
    a, b, c, _ = payload["features"]
    assert a["mean_abs"] == pytest.approx(2 * b["mean_abs"], rel=0.15)
    assert a["low"] > b["high"]
    assert (c["mean_abs"], c["low"], c["high"]) == (0, 0, 0)
    assert payload["additivity_residual"] < 1e-15
    assert payload["reference_check"]["max_difference"] == pytest.approx(1e-6, rel=0.01)
    assert schemas.first_problem("explanation/v1", payload) is None
    facts = projection.project("explanation/v1", payload)
    assert (facts["explainer"], facts["rows"], facts["features_not_shown"]) == ("linear", 120, 0)
    assert set(facts) == set(projection.declared("explanation/v1"))


def test_the_rows_explained_and_the_backgrounds_share_no_row(linear):
    payload = explained()
    assert (len(linear["rows"]), [len(part) for part in linear["background"]]) == (120, [50, 50, 50])
    everything = pd.concat([linear["rows"], *linear["background"]])["a"]
    assert everything.is_unique
    assert payload["background"] == {"n": 50, "digest": background_digest(linear["background"][0])}


def test_with_few_rows_the_backgrounds_are_drawn_from_all_of_them(linear):
    payload = explained(frame=frame(20))
    assert (payload["rows"], payload["background"]["n"]) == (20, 6)
    assert pd.concat(linear["background"])["a"].is_unique
    with pytest.raises(ValueError, match="at least 3 are needed"):
        explained(frame=frame(2))


def test_features_that_are_not_shown_are_counted(linear, monkeypatch):
    monkeypatch.setattr(module, "FEATURES", 1)
    payload = explained()
    assert (payload["features_total"], payload["features_not_shown"], len(payload["features"])) == (4, 3, 1)
    assert payload["share_not_shown"] == pytest.approx(1 / 3, abs=0.05)


def test_each_class_has_its_own_importance_and_all_of_them_are_summed(linear):
    linear["changes"] = {"outputs": 3}
    one = explained(task="multiclass")
    assert [row["class"] for row in one["classes"]] == ["bad", "good", "ugly"]
    assert one["explained"] in {"bad", "good", "ugly"}
    linear["changes"] = {}
    single = explained()["features"][0]["mean_abs"]
    assert one["features"][0]["mean_abs"] == pytest.approx(3 * single)
    assert one["classes"][0]["features"][0] == {"feature": "a", "mean_abs": pytest.approx(single)}
    assert schemas.first_problem("explanation/v1", one) is None


def test_the_residual_of_a_value_is_in_its_standard_deviations(linear):
    plain = an_explanation(frame(), [frame(30)], limits=SMALL)
    linear["changes"] = {"space": "value", "score": plain.score * 0 + np.linspace(0, 1000, 120)[:, None]}
    payload = explained(task="regression")
    assert payload["additivity_scale"] == pytest.approx(np.linspace(0, 1000, 120).std())
    assert 1 < payload["additivity_residual"] < 4
    assert (payload["explained"], payload["classes"]) == (None, [])


def test_values_without_a_background_are_steady_over_rows(linear):
    linear["changes"] = {"repeats": (), "base_values": (np.array([0.5]),), "perturbation": "path_dependent"}
    payload = explained()
    assert payload["stability_over"] == "rows"
    assert payload["stability"]["value"] > 0.5
    assert "two random halves" in payload["method"]["stability"]


def test_the_residual_is_the_largest_gap_of_any_run_and_shows_in_the_reference_check(linear):
    assert additivity_residual(np.array([[0.1, 0.2], [0.0, 0.1]]), 0.5, np.array([0.8, 0.65])) == pytest.approx(0.05)
    plain = an_explanation(frame(), [frame(30)], limits=SMALL)
    linear["changes"] = {"score": plain.score + 0.01, "checked": None}
    payload = explained()
    assert payload["additivity_residual"] > 0.005
    assert payload["reference_check"]["max_difference"] == payload["additivity_residual"]
    assert payload["reference_check"]["max_difference"] > payload["reference_check"]["tolerance"]


def test_stability_is_the_mean_of_spearmans_correlations_of_the_importances():
    rng = np.random.default_rng(0)
    first = rng.standard_normal((100, 6)) * np.arange(1, 7)
    others = [rng.standard_normal((100, 6)) * order for order in ([2, 1, 3, 4, 6, 5], [6, 5, 4, 3, 2, 1])]
    found = stability(first, *others)
    expected = [spearmanr(np.abs(first).mean(axis=0), np.abs(other).mean(axis=0)).statistic for other in others]
    assert found["value"] == pytest.approx(np.mean(expected))
    assert found["low"] <= found["value"] <= found["high"] <= 1
    assert stability(first, first)["low"] == 1
    assert stability(first[:, :1], others[0][:, :1])["value"] is None
    assert "different importance" in stability(np.ones((5, 3)), np.ones((5, 3)))["reason"]
    assert stability_over_rows(first)["value"] > 0.9
    assert stability_over_rows(first[:3])["value"] is None
    assert stability_over_rows(np.ones((8, 3)))["reason"]


def test_faithfulness_is_the_area_between_the_curves():
    steps = (0, 1, 2)
    ordered, shuffled = np.tile([0, 1.0, 1.0], (50, 1)), np.tile([0, 0.5, 1.0], (50, 1))
    found = faithfulness(Curves(steps, ordered, shuffled))
    assert (found["value"], found["low"], found["high"]) == (0.25, 0.25, 0.25)
    assert faithfulness(Curves(steps, shuffled, shuffled))["value"] == 0
    assert faithfulness(Curves(steps, shuffled, ordered))["value"] == -0.25
    assert "does not move" in faithfulness(Curves(steps, ordered * 0, ordered * 0))["reason"]
    rng = np.random.default_rng(0)
    noise = np.column_stack([np.zeros(200), rng.random((200, 1)), np.ones(200)])
    found = faithfulness(Curves(steps, noise, shuffled.repeat(4, axis=0)))
    assert found["low"] < 0 < found["high"]


def test_points_carry_numbers_scaled_by_their_quantiles_and_no_scale_for_text(linear):
    points = {row["feature"]: row["points"] for row in explained()["points"]}
    scaled = np.array([value for _, value in points["a"]])
    assert (scaled.min(), scaled.max()) == (0, 1)
    assert np.corrcoef(scaled, [shap for shap, _ in points["a"]])[0, 1] > 0.99
    assert {value for _, value in points["text"]} == {None}
    assert all(len(row) <= 120 for row in points.values())


def test_a_missing_value_and_a_constant_have_a_place_too():
    data = frame()
    data["c"] = 7.0
    data.loc[:, "b"] = data["b"].where(data["b"] > 0)
    assert set(shapes.scaled_values(data["c"])) == {0.5}
    assert None in shapes.scaled_values(data["b"])
    assert shapes.scaled_values(data["b"] * np.nan) == [None] * 300


def test_dependence_keeps_units_and_names_and_shows_no_group_of_few():
    x = pd.Series(np.arange(100.0)).where(lambda value: value != 50)
    found = shapes.dependence("months", np.arange(100) / 10, x)
    assert (found["kind"], len(found["bins"]), found["not_shown"]) == ("number", 10, 1)  # one missing: only counted
    first = found["bins"][0]
    assert (first["low"], first["high"]) == (0.0, pytest.approx(9.8))
    assert [row["mean"] for row in found["bins"]] == sorted(row["mean"] for row in found["bins"])
    assert sum(row["n"] for row in found["bins"]) == 99
    names = pd.Series(["red"] * 40 + ["blue"] * 20 + ["a", "b", "c"] + ["d"] * 3 + [None] * 6)
    found = shapes.dependence("colour", np.ones(72), names)
    assert [(row["label"], row["n"]) for row in found["bins"]] == [
        ("red", 40), ("blue", 20), ("(other: 4)", 6), ("(missing)", 6),
    ]  # fmt: skip
    assert found["not_shown"] == 0
    few = shapes.dependence("n", np.ones(7), pd.Series([1, 1, 1, 1, 1, 2, 2]))
    assert [(row["label"], row["n"]) for row in few["bins"]] == [("1 to 2", 7)]
    assert shapes.dependence("n", np.ones(5), pd.Series([3] * 5))["bins"][0]["label"] == "3"
    skewed = shapes.dependence("n", np.ones(100), pd.Series([0] * 60 + list(range(40))))
    assert all(row["n"] >= 5 for row in skewed["bins"])
    assert sum(row["n"] for row in skewed["bins"]) + skewed["not_shown"] == 100


def test_the_background_digest_changes_with_one_value():
    data = frame(5)
    other = data.copy()
    other.loc[0, "a"] = np.nextafter(other.loc[0, "a"], 2)
    assert background_digest(data) == background_digest(data.copy())
    assert background_digest(data) != background_digest(other)
    assert background_digest(data).startswith("sha256:")


@pytest.mark.slow
def test_a_real_model_is_explained_in_isolation(boosted_dir, credit_rows):
    _, evaluation = credit_rows
    seen = []
    payload = measure(
        model_dir=boosted_dir, frame=evaluation[dataset.FEATURES], positive_label="bad", seed=3,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert schemas.first_problem("explanation/v1", payload) is None
    assert (payload["family"], payload["perturbation"], payload["output"]) == ("tree", "interventional", "margin")
    assert payload["additivity_residual"] < 1e-6
    assert payload["path_dependent"]["additivity_residual"] < 1e-6
    assert payload["features"][0]["feature"] == "checking_account"
    assert {row["feature"] for row in payload["features"]} == set(dataset.FEATURES)
    assert payload["stability"]["low"] > 0.8
    assert payload["faithfulness"]["low"] > 0.1
    assert payload["libraries"]["shap"]
    assert "below 0 DM" in [row["label"] for row in payload["dependence"][0]["bins"]]
    assert seen[-1][0] == seen[-1][1]


@pytest.mark.slow
def test_a_model_that_can_not_be_explained_gives_its_own_message(boosted_dir, credit_rows):
    _, evaluation = credit_rows
    with pytest.raises(ModelFailed, match="is not one of them"):
        measure(model_dir=boosted_dir, frame=evaluation[dataset.FEATURES], positive_label="unknown")
