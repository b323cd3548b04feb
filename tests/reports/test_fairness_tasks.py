"""Known answers, and the figures of each task: decisions by score, by class and by label, and numbers."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from examples.credit import dataset
from governance.evidence import schemas
from governance.evidence.projection import project
from reports.fairness import coding, regression, scores, tensor
from reports.fairness.asked import Asked
from reports.fairness.decisions import of_labels, of_score
from reports.fairness.measure import measure
from tests.reports.fairness_cases import groups, of_binary, of_numbers, people

DASH, TIMES = coding.DASH, "\N{MULTIPLICATION SIGN}"
CLASSES = ("denied", "refer", "granted")


def german_credit():
    return dataset.load().assign(age_years=pd.read_csv(dataset.DATA, sep=" ", header=None)[12])


def test_german_credit_gives_the_mean_difference_of_the_aif360_tutorial():
    """Privileged: 25 and over, as there; its split is the first 700 of a permutation with seed 0."""
    np.random.seed(0)  # the recipe of the tutorial
    rows = np.random.choice(1000, 1000, replace=False)[:700]
    data = german_credit().iloc[rows]
    good = (data["credit_risk"] == "good").to_numpy()
    young = (data["age_years"] < 25).to_numpy().astype(int)
    older, younger = tensor.rates(tensor.fold(good, good, young, 2))["selection_rate"]
    assert younger - older == pytest.approx(-0.169905, abs=5e-7)


def test_german_credit_comes_out_the_same_when_age_is_binned_by_the_policy():
    data = german_credit()
    payload = measure(
        of_labels(data["credit_risk"], data["credit_risk"], task="binary", favourable_labels=["good"]),
        sensitive_features=data[["age_years"]],
        reference_groups={"age_years": "40"},
        asked=Asked(bins={"age_years": (25, 60)}),
    )
    found = groups(payload)
    assert list(found) == [f"25{DASH}59", "under 25", "60 and over"]
    whole = data[data["age_years"] < 25]["credit_risk"]
    assert found["under 25"]["n"] == len(whole)
    assert found["under 25"]["selection_rate"]["value"] == pytest.approx((whole == "good").mean())
    assert payload["features"][0]["bins"] == {"edges": [25.0, 60.0], "from": "policy"}


def test_fairlearns_table_gives_its_documented_differences():
    truth = [0, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    decision = [0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0]
    group = list("bbabbcccaacabccbcc")
    payload = measure(
        of_labels(pd.Series(truth), [str(d) for d in decision], task="binary", favourable_labels=["1"]),
        sensitive_features=pd.DataFrame({"group": group}),
        reference_groups={"group": "b"},
        asked=Asked(suppress_below=1),
    )
    found = groups(payload)
    for name, tpr, fpr, selected in (("a", 0.5, 1.0, 0.75), ("b", 0.6, 0.0, 0.5), ("c", 0.4, 2 / 3, 0.5)):
        assert found[name]["tpr"]["value"] == pytest.approx(tpr)
        assert found[name]["fpr"]["value"] == pytest.approx(fpr)
        assert found[name]["selection_rate"]["value"] == pytest.approx(selected)
    assert found["c"]["tpr_difference"]["value"] == pytest.approx(-0.2)
    assert found["a"]["fpr_difference"]["value"] == pytest.approx(1.0)
    assert found["a"]["selection_ratio"]["value"] == pytest.approx(1.5)
    assert payload["reference_check"]["max_difference"] == 0.0


def test_the_other_rates_are_what_their_names_say():
    frame = people()
    found = groups(of_binary(frame, ["sex"], {"sex": "men"}))["women"]
    women = frame[frame["sex"] == "women"]
    good, said = women["label"] == "good", women["score"] < 0.4
    assert found["precision"]["value"] == pytest.approx((good & said).sum() / said.sum())
    assert found["fnr"]["value"] == pytest.approx(1 - found["tpr"]["value"])
    assert found["fnr_difference"]["value"] == pytest.approx(-found["tpr_difference"]["value"])
    assert found["accuracy"]["value"] == pytest.approx((good == said).mean())
    assert found["base_rate"]["value"] == pytest.approx(good.mean())
    assert found["mean_score"]["value"] == pytest.approx((1 - women["score"]).mean())
    gap = found["calibration_gap"]
    assert gap["value"] == pytest.approx((1 - women["score"]).mean() - good.mean())
    assert gap["low"] < gap["value"] < gap["high"]


def test_calibration_within_a_group_is_the_mean_over_bins_that_scikit_learn_makes():
    from sklearn.calibration import calibration_curve

    rng = np.random.default_rng(4)
    chance = rng.random(4000)
    truth = rng.random(4000) < chance**1.5
    labels = pd.Series(np.where(truth, "good", "bad"))
    decided = of_score(labels, chance, threshold=0.5, positive_label="good", favourable_label="good")
    found = scores.calibration(scores.fold(decided, np.zeros(4000, dtype=int), 1), 0)
    observed, promised = calibration_curve(truth, chance, n_bins=10)
    weights = np.histogram(chance, bins=np.linspace(0, 1, 11))[0] / 4000
    assert found["ece"]["value"] == pytest.approx(float(weights @ np.abs(observed - promised)))
    assert found["calibration_gap"]["low"] > 0  # it promises more than comes true


def test_a_sweep_holds_at_each_threshold_what_a_run_at_it_says():
    frame = people()
    for positive, favourable in (("bad", "good"), ("good", "good")):
        decided = of_score(
            frame["label"],
            frame["score"].to_numpy(),
            threshold=0.4,
            positive_label=positive,
            favourable_label=favourable,
        )
        args = {"sensitive_features": frame[["sex"]], "reference_groups": {"sex": "men"}, "resamples": 20}
        sweep = measure(decided, **args)["features"][0]["sweep"]
        assert 18 <= len(sweep["thresholds"]) <= 20
        assert all(a < b for a, b in pairwise(sweep["thresholds"]))
        assert sweep["thresholds"][sweep["own"]] == 0.4
        for at in (0, sweep["own"], 12, len(sweep["thresholds"]) - 1):
            again = of_score(
                frame["label"],
                frame["score"].to_numpy(),
                threshold=sweep["thresholds"][at],
                positive_label=positive,
                favourable_label=favourable,
            )
            found = groups(measure(again, **args))
            for line in sweep["groups"]:
                assert line["selection_rate"][at] == pytest.approx(found[line["group"]]["selection_rate"]["value"])
            for pair in ("selection_ratio", "tpr_difference", "fpr_difference"):
                assert sweep["worst"][pair][at] == pytest.approx(found["women"][pair]["value"])


def test_several_classes_are_favourable_or_not():
    rng = np.random.default_rng(1)
    labels = pd.Series(rng.choice(CLASSES, 500))
    said = rng.choice(CLASSES, 500)
    sex = rng.choice(["men", "women"], 500)
    favourable = ("granted", "refer")
    decided = of_labels(labels, said, task="multiclass", favourable_labels=favourable, chance=np.full(500, 0.5))
    payload = measure(decided, sensitive_features=pd.DataFrame({"sex": sex}), reference_groups={"sex": "men"})
    assert schemas.first_problem("fairness/v1", payload) is None
    assert (payload["task"], payload["favourable_label"]) == ("multiclass", "granted or refer")
    women = sex == "women"
    found = groups(payload)["women"]
    assert found["selection_rate"]["value"] == pytest.approx(np.isin(said[women], favourable).mean())
    assert payload["features"][0]["sweep"] is None
    assert found["mean_score"]["value"] == pytest.approx(0.5)


def test_a_model_of_labels_only_has_no_scores_to_judge():
    frame = people()
    decided = of_labels(frame["label"], frame["label"], task="binary", favourable_labels=["good"])
    payload = measure(decided, sensitive_features=frame[["sex"]], reference_groups={"sex": "men"})
    assert payload["features"][0]["sweep"] is None
    assert "ece" not in groups(payload)["men"]
    assert schemas.first_problem("fairness/v1", payload) is None


def test_a_regression_is_compared_by_its_errors_in_the_persons_favour():
    payload, truth, predicted, sex = of_numbers()
    assert schemas.first_problem("fairness/v1", payload) is None
    women = groups(payload)["women"]
    error = (predicted - truth)[sex == "women"]
    assert women["mean_residual"]["value"] == pytest.approx(error.mean())
    assert women["mean_prediction"]["value"] == pytest.approx(predicted[sex == "women"].mean())
    assert women["residual_difference"]["high"] < 0
    assert women["prediction_p10"]["low"] < women["prediction_p10"]["value"] < women["prediction_p50"]["low"]
    turned = groups(of_numbers("lower")[0])["women"]
    assert turned["mean_residual"]["value"] == pytest.approx(-error.mean())
    assert turned["residual_difference"]["low"] > 0
    found = project("fairness/v1", payload)
    assert found["residual_difference.worst"] == women["residual_difference"]["value"]
    assert found["sex.residual_difference.worst_ci_low"] == women["residual_difference"]["low"]
    assert "selection_ratio.worst" not in found
    assert payload["reference_check"]["max_difference"] < payload["reference_check"]["tolerance"]


def test_a_large_group_of_numbers_has_the_interval_of_its_rows():
    rng = np.random.default_rng(6)
    heavy = rng.lognormal(0, 1.5, 40_000)
    drawn = regression._resampled(heavy, np.random.default_rng(0), 2000)
    assert drawn.means.std() == pytest.approx(heavy.std() / 200, rel=0.06)
    assert drawn.means.mean() == pytest.approx(heavy.mean(), rel=0.005)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"favourable_direction": ""}, "declare `higher` or `lower`"),
        ({"predicted": np.full(800, np.nan)}, "800 predictions are missing or no finite numbers"),
        ({"labels": pd.Series(["a"] * 800)}, "800 labels are missing or no finite numbers"),
        ({"predicted": np.zeros(3)}, "one for each row"),
    ],
)
def test_a_regression_without_numbers_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        of_numbers(**change)
