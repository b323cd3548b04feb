"""What a model bases its scores on, as an explanation payload."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from examples.credit import dataset
from governance.evidence import schemas
from reports.explanation import measure as module
from reports.explanation.measure import additivity_residual, background_digest, measure, stability
from reports.isolation.errors import ModelFailed
from reports.isolation.runner import Explanation, Run


@pytest.fixture
def linear(monkeypatch):
    """Stand a model in whose SHAP values are known: the score is 0.5 + 0.1 a - 0.05 b, c and the text have no part."""
    weights = np.array([0.1, -0.05, 0.0, 0.0])
    asked = {}

    def explain(model_dir, frame, background, *, positive_label, max_evals, seed, progress, timeout_s):
        x = frame[["a", "b", "c"]].to_numpy()
        asked.update(rows=frame, background=background, max_evals=max_evals, seed=seed)
        runs = []
        for sample in background:
            centre = sample[["a", "b", "c"]].to_numpy().mean(axis=0)
            values = np.column_stack([(x - centre) * weights[:3], np.zeros(len(x))])
            runs.append(Run(values=values, base_value=float(0.5 + centre @ weights[:3])))
        score = 0.5 + x @ weights[:3]
        return Explanation(("a", "b", "c", "text"), tuple(runs), score, "as told", {"shap": "0"})

    monkeypatch.setattr(module.runner, "explain", explain)
    return asked


def frame(n=300):
    rng = np.random.default_rng(0)
    numbers = {name: rng.uniform(-1, 1, n) for name in "abc"}
    return pd.DataFrame(numbers | {"text": np.where(rng.random(n) < 0.5, "yes", "no")})


def explained(**changes):
    return measure(**{"model_dir": None, "frame": frame(), "positive_label": "bad"} | changes)


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
    assert schemas.first_problem("explanation/v1", payload) is None


def test_the_rows_explained_and_both_backgrounds_share_no_row(linear):
    explained()
    first, second = linear["background"]
    assert (len(linear["rows"]), len(first), len(second)) == (120, 50, 50)
    everything = pd.concat([linear["rows"], first, second])["a"]
    assert everything.is_unique
    assert linear["max_evals"] == 2 * (2 * 4 + 1)


def test_with_few_rows_the_backgrounds_are_drawn_from_all_of_them(linear):
    payload = explained(frame=frame(20))
    assert (payload["rows"], payload["background"]["n"]) == (20, 10)
    with pytest.raises(ValueError, match="at least 3 are needed"):
        explained(frame=frame(2))


def test_points_carry_numbers_scaled_by_their_quantiles_and_no_scale_for_text(linear):
    points = {row["feature"]: row["points"] for row in explained()["points"]}
    scaled = np.array([value for _, value in points["a"]])
    assert (scaled.min(), scaled.max()) == (0, 1)
    assert np.corrcoef(scaled, [shap for shap, _ in points["a"]])[0, 1] > 0.99
    assert {value for _, value in points["text"]} == {None}
    assert all(len(row) <= 120 for row in points.values())


def test_a_missing_value_and_a_constant_have_a_place_too(linear):
    data = frame()
    data["c"] = 7.0
    data.loc[:, "b"] = data["b"].where(data["b"] > 0)
    assert set(module._scaled(data["c"])) == {0.5}
    assert None in module._scaled(data["b"])
    assert module._scaled(data["b"] * np.nan) == [None] * 300


def test_the_residual_is_the_largest_gap_and_shows_in_the_reference_check(linear, monkeypatch):
    assert additivity_residual(np.array([[0.1, 0.2], [0.0, 0.1]]), 0.5, np.array([0.8, 0.65])) == pytest.approx(0.05)
    honest = module.runner.explain

    def wrong(*args, **kwargs):
        found = honest(*args, **kwargs)
        return Explanation(found.features, found.runs, found.score + 0.01, found.isolation, found.libraries)

    monkeypatch.setattr(module.runner, "explain", wrong)
    check = explained()["reference_check"]
    assert check["max_difference"] == pytest.approx(0.01)
    assert check["max_difference"] > check["tolerance"]


def test_stability_is_spearmans_correlation_of_the_importances():
    rng = np.random.default_rng(0)
    first = rng.standard_normal((100, 6)) * np.arange(1, 7)
    second = rng.standard_normal((100, 6)) * [2, 1, 3, 4, 6, 5]
    found = stability(first, second)
    expected = spearmanr(np.abs(first).mean(axis=0), np.abs(second).mean(axis=0)).statistic
    assert found["value"] == pytest.approx(expected)
    assert found["low"] <= found["value"] <= found["high"] <= 1
    assert stability(first, first)["low"] == 1
    assert stability(first[:, :1], second[:, :1])["value"] is None
    assert "different importance" in stability(np.ones((5, 3)), np.ones((5, 3)))["reason"]


def test_the_background_digest_changes_with_one_value():
    data = frame(5)
    other = data.copy()
    other.loc[0, "a"] = np.nextafter(other.loc[0, "a"], 2)
    assert background_digest(data) == background_digest(data.copy())
    assert background_digest(data) != background_digest(other)
    assert background_digest(data).startswith("sha256:")


@pytest.mark.slow
def test_a_real_model_is_explained_in_isolation(boosted_dir, boosted, credit_rows):
    _, evaluation = credit_rows
    seen = []
    payload = measure(
        model_dir=boosted_dir, frame=evaluation[dataset.FEATURES], positive_label="bad", rows=30, background_rows=20,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert schemas.first_problem("explanation/v1", payload) is None
    assert payload["additivity_residual"] < 1e-12
    assert payload["features"][0]["feature"] == "checking_account"
    assert payload["stability"]["value"] > 0.8
    assert payload["libraries"]["shap"]
    assert seen[-1] == (60, 60)


@pytest.mark.slow
def test_a_model_that_can_not_be_explained_gives_its_own_message(boosted_dir, credit_rows):
    _, evaluation = credit_rows
    with pytest.raises(ModelFailed, match="is not one of them"):
        measure(model_dir=boosted_dir, frame=evaluation[dataset.FEATURES], positive_label="unknown")
