"""How a decision falls on groups, as a fairness payload."""

import numpy as np
import pandas as pd
import pytest

from governance.evidence import schemas
from governance.evidence.projection import project
from monitoring import intervals
from reports.fairness import oracle
from reports.fairness.asked import Asked
from reports.fairness.coding import code
from reports.fairness.decisions import of_score
from reports.fairness.measure import measure
from reports.fairness.tensor import RATES


def people(**counts):
    """Rows from ``group=(good accepted, good declined, bad accepted, bad declined)``; score 0.1 is accepted."""
    frame = []
    for group, cells in counts.items():
        for number, (label, score) in zip(
            cells, [("good", 0.1), ("good", 0.9), ("bad", 0.1), ("bad", 0.9)], strict=True
        ):
            frame += [(group, label, score)] * number
    return pd.DataFrame(frame, columns=["sex", "label", "score"])


OF_DECISIONS = {"labels", "score", "threshold", "positive_label", "favourable_label"}
OF_ASKED = {"min_share", "suppress_below", "bins", "intersections"}


def fairness(frame, **changes):
    arguments = {
        "labels": frame["label"],
        "score": frame["score"].to_numpy(),
        "threshold": 0.5,
        "positive_label": "bad",
        "favourable_label": "good",
        "sensitive_features": frame[["sex"]],
        "reference_groups": {"sex": "men"},
        "suppress_below": 1,
    } | changes
    decided = of_score(**{name: arguments.pop(name) for name in OF_DECISIONS})
    asked = Asked(**{name: arguments.pop(name) for name in OF_ASKED & set(arguments)})
    return measure(decided, asked=asked, **arguments)


def from_fairlearn(truth, decision, column):
    feature = code(column, "x", str(column.dropna().iloc[0]))
    return oracle.difference_from_fairlearn(truth, decision, feature.codes, feature.groups)


def groups(payload, feature=0):
    return {group["group"]: group for group in payload["features"][feature]["groups"]}


BALANCED = people(men=(120, 40, 40, 40), women=(60, 40, 20, 40))


def test_a_low_score_of_the_bad_event_is_the_favourable_decision():
    found = groups(fairness(BALANCED))
    assert found["women"]["selection_rate"]["value"] == pytest.approx(80 / 160)
    assert found["women"]["tpr"]["value"] == pytest.approx(60 / 100)
    assert found["women"]["fpr"]["value"] == pytest.approx(20 / 60)
    assert found["women"]["tpr"]["denominator"] == 100
    assert found["women"]["selection_rate"]["denominator"] == 160
    assert found["women"]["selection_ratio"]["value"] == pytest.approx((80 / 160) / (160 / 240))
    assert found["women"]["tpr_difference"]["value"] == pytest.approx(0.6 - 0.75)


def test_when_the_event_itself_is_favourable_a_high_score_is():
    turned = BALANCED.assign(score=1 - BALANCED["score"])
    same = fairness(turned, positive_label="good")
    found = groups(fairness(BALANCED))
    for name, group in groups(same).items():
        assert {key: group[key] for key in RATES} == {key: found[name][key] for key in RATES}


def test_the_reference_group_comes_first_and_is_not_compared_with_itself():
    payload = fairness(BALANCED)
    first = payload["features"][0]["groups"][0]
    assert (first["group"], first["compared"], first["selection_ratio"]) == ("men", False, None)
    assert schemas.first_problem("fairness/v1", payload) is None


def test_a_group_under_the_smallest_share_is_shown_but_not_compared():
    frame = pd.concat([BALANCED, people(others=(3, 2, 1, 1))], ignore_index=True)
    shown = groups(fairness(frame))["others"]
    assert (shown["n"], shown["compared"], shown["selection_ratio"], shown["p_adjusted"]) == (7, False, None, None)
    assert shown["selection_rate"]["low"] < 4 / 7 < shown["selection_rate"]["high"]
    assert groups(fairness(frame, min_share=0.01))["others"]["compared"]


def test_a_group_without_good_payers_has_no_tpr_instead_of_zero():
    frame = people(men=(120, 40, 40, 40), women=(0, 0, 20, 40))
    payload = fairness(frame)
    tpr = groups(payload)["women"]["tpr"]
    assert (tpr["value"], tpr["low"], tpr["denominator"]) == (None, None, 0)
    assert tpr["reason"] == "no row whose true outcome is favourable"
    assert groups(payload)["women"]["tpr_difference"]["value"] is None
    assert project("fairness/v1", payload)["sex.tpr_difference.worst"] is None
    assert payload["reference_check"]["max_difference"] == 0  # Fairlearn's 0.0 for it is not taken for a difference


def test_when_nobody_of_the_reference_group_is_selected_the_ratio_is_undefined():
    payload = fairness(people(men=(0, 160, 0, 80), women=(60, 40, 20, 40)))
    ratio = groups(payload)["women"]["selection_ratio"]
    assert (ratio["value"], ratio["reason"]) == (None, "nobody in the reference group was selected")


def test_a_small_cell_gets_a_score_interval_and_a_large_one_the_bootstrap():
    small = groups(fairness(people(men=(120, 40, 40, 40), women=(20, 10, 5, 5))))["women"]
    assert (small["selection_rate"]["low"], small["selection_rate"]["high"]) == intervals.wilson(25, 40)
    assert (small["selection_ratio"]["low"], small["selection_ratio"]["high"]) == intervals.ratio(25, 40, 160, 240)
    large = groups(fairness(BALANCED))["women"]
    low, high = intervals.wilson(80, 160)
    assert large["selection_rate"]["low"] != low
    assert large["selection_rate"]["low"] == pytest.approx(low, abs=0.012)
    assert large["selection_rate"]["high"] == pytest.approx(high, abs=0.012)
    low, high = intervals.ratio(80, 160, 160, 240)
    assert large["selection_ratio"]["low"] == pytest.approx(low, abs=0.02)
    assert large["selection_ratio"]["high"] == pytest.approx(high, abs=0.02)


def test_a_missing_group_is_a_group_of_its_own():
    frame = BALANCED.copy()
    frame.loc[frame.index[:40], "sex"] = None
    assert groups(fairness(frame))["not stated"]["n"] == 40


def test_p_values_are_adjusted_over_the_groups_of_all_features():
    frame = BALANCED.assign(age=np.where(np.arange(len(BALANCED)) % 2, "old", "young"))
    alone = groups(fairness(frame))["women"]["p_adjusted"]
    both = fairness(frame, sensitive_features=frame[["sex", "age"]], reference_groups={"sex": "men", "age": "old"})
    # Women and the young, and three intersections with the reference of both.
    assert groups(both)["women"]["p_adjusted"] <= 5 * alone
    both = fairness(
        frame,
        sensitive_features=frame[["sex", "age"]],
        reference_groups={"sex": "men", "age": "old"},
        intersections=(),
    )
    assert groups(both)["women"]["p_adjusted"] == pytest.approx(2 * alone)
    assert alone < 0.01


def test_our_rates_are_fairlearns_rates(credit_rows, boosted):
    _, evaluation = credit_rows
    score = boosted.predict_proba(evaluation[boosted.feature_names_in_])[:, 0]
    good = (evaluation["credit_risk"] == "good").to_numpy()
    for name in ("sex", "age_group"):
        assert from_fairlearn(good, score < 0.3, evaluation[name]) == 0.0


def test_the_cross_check_can_fail(monkeypatch):
    honest = oracle.tensor.rates
    monkeypatch.setattr(oracle.tensor, "rates", lambda t: {k: v + 0.01 for k, v in honest(t).items()})
    truth = (BALANCED["label"] == "good").to_numpy()
    assert from_fairlearn(truth, BALANCED["score"].to_numpy() < 0.5, BALANCED["sex"]) > 0.009


def test_the_same_seed_gives_the_same_payload():
    assert fairness(BALANCED, seed=3) == fairness(BALANCED, seed=3)
    assert fairness(BALANCED, seed=3)["features"] != fairness(BALANCED, seed=4)["features"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference_groups": {}}, "reference group of sex is None; name one of"),
        ({"reference_groups": {"sex": "Men"}}, "name one of"),
        ({"favourable_label": "excellent"}, "must be of the two"),
        ({"score": np.full(400, 2.0)}, "probabilities from 0 to 1"),
        ({"score": np.full(3, 0.5)}, "one for each row"),
        ({"min_share": 1.0}, "min_share is 1.0"),
        ({"sensitive_features": BALANCED[[]]}, "0 sensitive features"),
    ],
)
def test_bad_input_is_refused_with_a_sentence_that_helps(change, message):
    with pytest.raises(ValueError, match=message):
        fairness(BALANCED, **change)


def test_rows_without_a_label_are_refused():
    frame = BALANCED.copy()
    frame.loc[0, "label"] = None
    with pytest.raises(ValueError, match="1 rows have no label"):
        fairness(frame)
