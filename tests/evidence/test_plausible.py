"""Numbers that can't be: what ours never are, and what nobody's may be."""

from __future__ import annotations

import pytest

from governance.evidence.plausible import impossible
from tests import measured, payloads
from tests.common import samples_fairness

OURS = {
    **{
        name: getattr(payloads, name)
        for name in ("performance", "fairness", "explanation", "robustness", "data_quality", "evaluation")
    },
    **{name: getattr(measured, name) for name in ("binary", "multiclass", "regression", "calibration")},
    "decisions": samples_fairness.decisions,
    "numbers": samples_fairness.numbers,
}


@pytest.mark.parametrize("name", OURS)
def test_nothing_that_we_measure_is_impossible(name):
    payload = OURS[name]()
    assert impossible(payload, rows=payload["n"]) == ""


def a_number(value, low, high, **more):
    return {"value": value, "low": low, "high": high, "n": 10} | more


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ({"n": 11}, "n is 11, and the data has 10 rows."),
        ({"bias": a_number(1, 3, 2)}, "bias: its interval ends at 2, before it begins at 3."),
        ({"bias": a_number(1, 2, 3)}, "bias: 1 lies outside its own interval, from 2 to 3."),
        ({"bias": a_number(0.2, 0.95, None)}, "bias: 0.2 lies outside its own interval, from 0.95 to None."),
        ({"bias": a_number(None, 0.95, 0.99)}, "bias: it is undefined, and has an interval."),
        ({"groups": [{"group": "f", "tpr": a_number(7.5, 7, 8)}]}, "groups[f].tpr: 7.5 is no share"),
        ({"metrics": [{"id": "auc", "candidate": a_number(1.2, 1, 2)}]}, "metrics[auc].candidate: 1.2 is no share"),
        ({"anything": a_number(2, 1, 3, denominator=5)}, "anything: 2 is no share"),
        ({"tpr_difference": a_number(-5, -6, -4)}, "-5 is no difference of shares"),
        ({"selection_ratio": a_number(-1, -2, 0)}, "-1 is no ratio"),
        ({"n": 9, "bias": a_number(1, 0, 2)}, "bias: it is of 10 rows, and n is 9."),
        ({"bias": float("inf")}, "bias: it is not finite."),
    ],
)
def test_what_can_not_be_is_named(payload, says):
    assert impossible(payload, rows=10).startswith(says) or says in impossible(payload, rows=10)


def test_a_regression_differs_by_its_own_unit_and_a_calibration_error_may_exceed_its_interval():
    assert impossible({"task": "regression", "residual_difference": a_number(-50, -60, -40)}, rows=10) == ""
    assert impossible({"type": "calibration/v1", "ece": a_number(0.3, 0.1, 0.2)}, rows=10) == ""
