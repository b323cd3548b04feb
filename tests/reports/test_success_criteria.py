"""Success criteria: held against the figures and against each replicate of them."""

import numpy as np
import pytest

from governance.evidence import schemas
from governance.policy.criteria import problem
from tests.answering import measured


def rows(n=800, *, shift, seed=0):
    rng = np.random.default_rng(seed)
    event = rng.random(n) < 0.4
    return event, np.clip(0.3 + shift * event + 0.15 * rng.standard_normal(n), 0, 1)


def judged(expr, *, n=800, production=False, **more):
    event, score = rows(n, shift=0.3)
    other = rows(n, shift=0.1)[1] if production else None
    criterion = {"id": "c", "title": "A criterion", "expr": expr}
    payload = measured(event, score, production=other, criteria=[criterion], **more)
    assert schemas.first_problem("performance/v1", payload) is None
    (found,) = payload["criteria"]
    return found, payload


def test_a_criterion_holds_when_nearly_every_replicate_says_so():
    found, _ = judged("candidate.auc >= 0.8")
    assert (found["outcome"], found["share"], found["reason"]) == ("pass", 1.0, None)
    assert found["resamples"] == 2000
    found, _ = judged("candidate.auc < 0.8")
    assert (found["outcome"], found["share"]) == ("fail", 0.0)


def test_near_the_limit_a_criterion_is_insufficient_and_says_by_how_much():
    _, payload = judged("candidate.auc >= 0.5")
    auc = next(metric for metric in payload["metrics"] if metric["id"] == "auc")["candidate"]["value"]
    found, _ = judged(f"candidate.auc >= {auc:.4f}")
    assert found["outcome"] == "insufficient"
    assert 0.3 < found["share"] < 0.7
    assert "of the resamples; 97.5 % are needed" in found["reason"]


def test_figures_of_both_models_are_joined_on_the_same_draws():
    found, payload = judged("candidate.fpr <= 0.8 * production.fpr && candidate.recall >= 0.5", production=True)
    figures = {metric["id"]: metric for metric in payload["metrics"]}
    holds = (
        figures["fpr"]["candidate"]["value"] <= 0.8 * figures["fpr"]["production"]["value"]
        and figures["tpr"]["candidate"]["value"] >= 0.5
    )
    assert found["outcome"] == ("pass" if holds else "fail")
    # A difference of a model to itself is 0 in every draw, whatever each figure's own interval.
    event, score = rows(shift=0.3)
    criterion = {"id": "c", "title": "Equal", "expr": "candidate.auc - production.auc >= -0.0001"}
    assert measured(event, score, production=score, criteria=[criterion])["criteria"][0]["outcome"] == "pass"


def test_without_production_a_criterion_about_it_is_not_applicable():
    found, _ = judged("candidate.fpr <= production.fpr")
    assert (found["outcome"], found["share"]) == ("not_applicable", None)


def test_too_few_rows_decide_nothing():
    found, _ = judged("candidate.auc >= 0.5", n=60)
    assert (found["outcome"], found["share"]) == ("insufficient", None)
    assert "60 rows" in found["reason"]


def test_a_figure_that_this_task_lacks_is_insufficient_with_its_name():
    found, _ = judged("candidate.expected_cost <= 1")
    assert found["outcome"] == "insufficient"
    assert "candidate.expected_cost" in found["reason"]


@pytest.mark.parametrize(
    ("expr", "said"),
    [
        ("candidate.auc >= 0.7", ""),
        ("candidate.recall >= 0.95 && candidate.fpr <= 0.8 * production.fpr", ""),
        ("candidate.profit > 1", "There is no figure candidate.profit"),
        ("auc > 0.7", "There is no figure auc"),
        ("candidate.auc >", "mismatched input"),
        ("candidate.auc + 1", "must be true or false"),
        ("1 < 2", "names no figure"),
        ("", "empty"),
    ],
)
def test_a_criterion_is_read_before_it_is_taken(expr, said):
    found = problem(expr)
    assert (said in found) if said else not found
