"""The published schemas of evidence payloads, and the scalars that a policy reads from them."""

import copy
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from governance.evidence import projection, schemas
from tests import drift_payloads, measured, payloads
from tests.payloads import explanation_parts

DIGEST = "sha256:" + "a" * 64


WHEN = "2026-11-01T00:00:00.000000Z"


def number(value=0.5, low=0.4, high=0.6, **more):
    return {"value": value, "low": low, "high": high, "n": 300} | more


def undefined():
    return number(None, None, None, reason="no row", denominator=0)


def head(evidence_type):
    return {
        "type": evidence_type, "n": 300, "method": {"interval": "bootstrap"}, "libraries": {"numpy": "2"}, "seed": 0,
        "reference_check": {"library": "x", "version": "1", "max_difference": 0.0, "tolerance": 1e-9},
    }  # fmt: skip


def group(name, ratio, *, compared=True, difference=None):
    return {
        "group": name, "n": 100, "share": 0.3, "compared": compared, "selection_rate": number(), "tpr": number(),
        "fpr": undefined(), "selection_ratio": ratio, "tpr_difference": difference, "fpr_difference": None,
        "p_adjusted": 0.2 if compared else None,
    }  # fmt: skip


def samples():
    metric = {"id": "auc", "title": "AUC", "better": "higher", "unit": None, "candidate": number(), "production": None}
    reference = group("men", None, compared=False)
    column = {
        "column": "a", "kind": "numeric", "method": "psi", "value": 0.3, "low": 0.2, "high": 0.4, "watch": 0.1,
        "limit": 0.2, "p_adjusted": 0.01, "outcome": "drift", "distances": {"psi": 0.3}, "evidently": 0.29,
        "difference": 0.01,
    }  # fmt: skip
    window = {"start": WHEN, "end": "2026-11-08T00:00:00.000000Z", "n": 300}
    return {
        "performance/v1": head("performance/v1")
        | {
            "task": "binary", "label": "outcome", "positive_label": "bad",
            "metrics": [metric | {"difference": None}], "threshold": 0.3, "roc": [[0, 0], [1, 1]],
            "precision_recall": [[1, 0.3]], "confusion": {"tp": 1, "fp": 2, "fn": 3, "tn": 4}, "classes": [],
            "thresholds": [
                {
                    "threshold": 0.3, "own": True, "selection_rate": number(), "tpr": undefined(), "fpr": number(),
                    "precision": number(), "cost": None,
                }
            ],
            "cost_matrix": {"fp": 1, "fn": 5, "unit": "EUR"}, "confusions": [],
            "slices": {
                "metric": "log loss", "unit": "nats per row", "minimum": 30, "tested": 12, "too_small": 1,
                "adjustment": "Holm", "rows": [
                    {
                        "slice": [{"feature": "region", "value": "south"}], "n": 60, "value": number(),
                        "rest": number(), "difference": number(0.2, 0.1, 0.3), "p_adjusted": 0.01,
                    }
                ],
            },
            "criteria": [
                {
                    "id": "a", "title": "A", "expr": "candidate.auc > 0.5", "outcome": "pass", "share": 1.0,
                    "resamples": 2000, "reason": None,
                }
            ],
        },
        "calibration/v1": measured.calibration(),
        "fairness/v1": head("fairness/v1")
        | {
            "favourable_label": "good", "min_share": 0.05,
            "features": [{"feature": "sex", "reference_group": "men", "groups": [reference, group("women", number())]}],
        },
        "explanation/v1": head("explanation/v1")
        | {
            **explanation_parts(["a", "b"]),
            "output": "probability", "rows": 120, "background": {"n": 50, "digest": DIGEST},
            "base_value": 0.3, "additivity_residual": 1e-16, "stability": number(),
            "features": [{"feature": "a", "mean_abs": 0.1, "low": 0.05, "high": 0.2}],
            "points": [{"feature": "a", "points": [[0.1, None], [-0.1, 0.5]]}],
        },
        "robustness/v1": payloads.robustness(),
        "data_quality/v1": payloads.data_quality(),
        "evaluation/v1": payloads.evaluation(),
        "drift/v1": head("drift/v1")
        | {
            "monitor": "live", "version": "credit-risk/2", "window": window, "reference": {"n": 300, "digest": DIGEST},
            "columns": [column], **drift_payloads.drift_parts([column]),
        },
        "canary/v1": head("canary/v1")
        | {
            "alias": "canary", "version": "credit-risk v2", "as_of": WHEN, "days": 1.5, "serving": True, "outside": 2,
            "batches": 3, "first": WHEN, "last": None, "by_day": [{"day": "2026-11-01", "n": 4}],
            "spans": [{"start": WHEN, "end": None, "days": 1.5, "by": "PR-12"}], "alerts": {"total": 1, "open": 0},
            "windows": [
                {"start": WHEN, "end": WHEN, "n": 4, "outcome": "drift", "drifted": 1, "payload_digest": DIGEST},
            ],
        },
        "human_review/v1": {
            "type": "human_review/v1", "check": "fairness.sex", "statement": DIGEST, "evidence": [DIGEST],
            "reviewer_role": "validator", "verdict": "accepted",
        },
        "document/v1": {
            "type": "document/v1", "kind": "annex_iv", "pdf_digest": DIGEST, "snapshot_digest": DIGEST, "measured": 3,
            "declared": 2, "missing": 1,
        },
        "submitted_document/v1": {
            "type": "submitted_document/v1", "kind": "dpia", "file": DIGEST, "bytes": 900, "words": DIGEST,
            "media_type": "application/pdf", "issued_on": "2026-11-01", "expires_on": "2027-10-31",
        },
    }  # fmt: skip


@pytest.mark.parametrize("evidence_type", schemas.TYPES)
def test_a_schema_is_itself_valid_and_takes_a_complete_payload(evidence_type):
    Draft202012Validator.check_schema(schemas.schema(evidence_type))
    assert schemas.first_problem(evidence_type, samples()[evidence_type]) is None


@pytest.mark.parametrize("evidence_type", schemas.TYPES)
def test_each_field_of_a_payload_is_required_and_no_other_is_taken(evidence_type):
    for field in samples()[evidence_type]:
        payload = samples()[evidence_type]
        del payload[field]
        assert f"'{field}' is a required property" in (schemas.first_problem(evidence_type, payload) or "")
    extra = samples()[evidence_type] | {"verdict_of_nobody": 1}
    assert "verdict_of_nobody" in (schemas.first_problem(evidence_type, extra) or "")


@pytest.mark.parametrize(
    ("evidence_type", "path", "value", "place"),
    [
        ("performance/v1", ("metrics", 0, "candidate", "value"), None, "metrics[0].candidate"),
        ("performance/v1", ("metrics", 0, "id"), "profit", "metrics[0].id"),
        ("performance/v1", ("threshold",), 1.2, "threshold"),
        ("performance/v1", ("confusion", "tp"), -1, "confusion.tp"),
        ("performance/v1", ("slices", "rows", 0, "p_adjusted"), 1.2, "slices"),
        ("performance/v1", ("criteria", 0, "outcome"), "maybe", "criteria[0].outcome"),
        ("calibration/v1", ("bins", 0, "n"), 0, "bins[0].n"),
        ("calibration/v1", ("spiegelhalter", "p"), 1.2, "spiegelhalter.p"),
        ("fairness/v1", ("features", 0, "groups", 1, "tpr"), 0.4, "features[0].groups[1].tpr"),
        ("fairness/v1", ("features", 0, "groups", 1, "selection_ratio"), None, "features[0].groups[1].selection_ratio"),
        ("fairness/v1", ("features",), [], "features"),
        ("explanation/v1", ("background", "digest"), "md5:1", "background.digest"),
        ("explanation/v1", ("output",), "log odds", "output"),
        ("explanation/v1", ("dependence", 0, "bins", 0, "n"), 4, "dependence[0].bins[0].n"),
        ("explanation/v1", ("path_dependent", "rows"), 0, "path_dependent"),
        ("explanation/v1", ("points", 0, "points", 0), [0.1, 1.5], "points[0].points[0]"),
        ("robustness/v1", ("metric", "id"), "gini", "metric.id"),
        ("robustness/v1", ("perturbations", 0, "name"), "earthquake", "perturbations[0]"),
        ("robustness/v1", ("timing", "measured"), False, "timing"),
        ("robustness/v1", ("worst_columns", 0, "drop"), 0.1, "worst_columns[0].drop"),
        ("data_quality/v1", ("dataset", "checked"), False, "dataset.checked"),
        ("data_quality/v1", ("leakage",), 0.0, "leakage"),
        ("evaluation/v1", ("kind",), "exam", "kind"),
        ("evaluation/v1", ("results", 0, "name"), "Toxicity!", "results[0].name"),
        ("evaluation/v1", ("findings", "high"), -1, "findings"),
        ("evaluation/v1", ("performed_on",), "yesterday", "performed_on"),
        ("data_quality/v1", ("columns",), [], "columns"),
        ("data_quality/v1", ("label", "task"), "ranking", "label.task"),
        ("drift/v1", ("window", "start"), "yesterday", "window.start"),
        ("drift/v1", ("columns", 0, "value"), None, "columns[0]"),
        ("human_review/v1", ("verdict",), "maybe", "verdict"),
        ("human_review/v1", ("statement",), "Looked at, and it is well.", "statement"),
        ("document/v1", ("missing",), 0.5, "missing"),
        ("submitted_document/v1", ("kind",), "letter", "kind"),
        ("submitted_document/v1", ("expires_on",), "next year", "expires_on"),
    ],
)
def test_a_misfit_is_named_by_its_place(evidence_type, path, value, place):
    payload = samples()[evidence_type]
    node = payload
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    assert (schemas.first_problem(evidence_type, payload) or "").startswith(place)


def a_validation(**changes):
    test = {"kind": "test", "outcome": "passed", "value": 0.8, "low": None, "high": None, "evidence": DIGEST}
    return {
        "type": "human_review/v1", "kind": "validation", "occasion": "initial", "opinion": "fit", "statement": DIGEST,
        "evidence": [DIGEST], "reviewer_role": "validator", "tests": [test], "no_part": ["owner"], "report": DIGEST,
        "findings": [{"finding": "6f0f8f2e-8a3f-4a53-93a5-0d2f8f8c2f11", "severity": "low"}],
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"opinion": "good"}, "opinion"),
        ({"verdict": "accepted"}, "the payload: Unevaluated properties"),
        ({"kind": "check"}, "the payload"),
        ({"tests": [{"kind": "test", "outcome": "passed"}]}, "tests[0]"),
        ({"report": "report.pdf"}, "report"),
        ({"no_part": []}, "no_part"),
    ],
    ids=str,
)
def test_a_validation_is_the_other_kind_of_human_review(changes, place):
    assert schemas.first_problem("human_review/v1", a_validation()) is None
    assert (schemas.first_problem("human_review/v1", a_validation(**changes)) or "").startswith(place)
    assert projection.project("human_review/v1", a_validation()) == {
        "kind": "validation", "reviewer_role": "validator", "check": None, "verdict": None, "opinion": "fit",
    }  # fmt: skip


@pytest.mark.parametrize("field", sorted(set(a_validation()) - {"report", "kind"}))
def test_a_validation_has_all_its_parts(field):
    payload = a_validation()
    del payload[field]
    assert schemas.first_problem("human_review/v1", payload) is not None


def test_an_unknown_type_is_told():
    assert "no evidence type 'fairness/v2'" in (schemas.first_problem("fairness/v2", {}) or "")
    with pytest.raises(LookupError, match="performance/v1"):
        schemas.schema("nothing")
    with pytest.raises(LookupError, match="performance/v1"):
        projection.declared("nothing")


@pytest.mark.parametrize("evidence_type", schemas.TYPES)
def test_a_projection_gives_only_what_is_declared_and_of_that_type(evidence_type):
    declared = projection.declared(evidence_type)
    python = {"double": (int, float), "int": int, "string": str, "bool": bool}
    found = projection.project(evidence_type, samples()[evidence_type])
    found = {path.replace("sex.", f"{projection.FEATURE}."): value for path, value in found.items()}
    found = {path.replace("dpia.", f"{projection.KIND}."): value for path, value in found.items()}
    of_results = ("toxicity", "groundedness", "latency")
    found = {re.sub(rf"\.({'|'.join(of_results)})\.", f".{projection.FIGURE}.", path): found[path] for path in found}
    for path, value in found.items():
        kind = declared[path]
        assert kind.endswith("?") if value is None else isinstance(value, python[kind.removesuffix("?")])
    told = {f"{projection.KIND}.{name}" for name in ("days_left", "age_days", "reviewed")}  # at the time of evaluation
    if evidence_type != "performance/v1":
        of_numbers = {path for path in declared if "residual_" in path or "prediction_" in path}
        assert set(found) == set(declared) - told - of_numbers


def test_at_a_first_promotion_nothing_of_production_is_there():
    found = projection.project("performance/v1", samples()["performance/v1"])
    assert found["auc.low"] == 0.4
    assert not any("production" in path or "difference" in path for path in found)
    assert (found["criteria.pass"], found["criteria.fail"]) == (1, 0)
    assert (found["worst_slice.name"], found["worst_slice.low"]) == ("region=south", 0.1)
    later = samples()["performance/v1"]
    later["metrics"][0] |= {"production": number(0.7), "difference": number(-0.2, -0.3, -0.1)}
    found = projection.project("performance/v1", later)
    assert (found["auc.production"], found["auc.difference.high"]) == (0.7, -0.1)


def fairness_of(**features):
    payload = copy.deepcopy(samples()["fairness/v1"])
    payload["features"] = [
        {"feature": name, "reference_group": "ref", "groups": [group("ref", None, compared=False), *groups]}
        for name, groups in features.items()
    ]
    return projection.project("fairness/v1", payload)


def test_the_worst_ratio_is_the_smallest_of_every_group_of_every_feature():
    found = fairness_of(
        sex=[group("women", number(0.94, 0.77, 1.13))],
        age=[group("young", number(0.81, 0.60, 1.02)), group("old", number(0.90, 0.85, 0.95))],
    )
    assert found["selection_ratio.worst"] == 0.81
    assert found["selection_ratio.worst_group"] == "age=young"
    assert found["selection_ratio.worst_ci_low"] == 0.60
    assert (
        found["selection_ratio.worst_ci_high"] == 0.95
    )  # the old miss 1.0 for certain, though the young are worse off
    assert found["sex.selection_ratio.worst"] == 0.94
    assert found["age.selection_ratio.worst_group"] == "young"


def test_an_undefined_group_makes_the_worst_undefined_but_hides_no_certain_failure():
    found = fairness_of(age=[group("young", number(0.5, 0.4, 0.6)), group("old", undefined())])
    assert found["selection_ratio.worst"] is None
    assert found["selection_ratio.worst_ci_low"] is None
    assert found["selection_ratio.worst_ci_high"] == 0.6


def test_where_no_group_is_compared_there_is_nothing_to_say():
    assert {fairness_of(age=[])[f"selection_ratio.{name}"] for name in projection.WORST} == {None}


@given(
    st.lists(
        st.tuples(st.floats(0, 2), st.floats(0, 0.5), st.floats(0, 0.5)).map(
            lambda t: (t[0] - t[1], t[0], t[0] + t[2])
        ),
        min_size=1,
        max_size=5,
    ),
    st.floats(0, 2),
)
def test_all_groups_clear_a_limit_exactly_when_the_worst_lower_end_does(intervals, limit):
    groups = [group(str(i), number(value, low, high)) for i, (low, value, high) in enumerate(intervals)]
    found = fairness_of(sex=groups)
    assert (found["selection_ratio.worst_ci_low"] >= limit) == all(low >= limit for low, _, _ in intervals)
    assert (found["selection_ratio.worst_ci_high"] < limit) == any(high < limit for _, _, high in intervals)


def test_the_declarations_for_policies_go_by_type_without_version():
    everything = projection.all_declared()
    assert {"performance", "fairness", "explanation", "drift", "candidate", "production"} <= set(everything)
    assert everything["fairness"][f"{projection.FEATURE}.selection_ratio.worst_ci_low"] == "double?"


def test_a_drift_payload_as_the_monitor_makes_it_fits():
    found = projection.project("drift/v1", samples()["drift/v1"])
    assert found == {
        "n": 300, "columns_drifted": 1, "columns_watched": 0, "columns_insufficient": 0, "signals_breached": 0,
        "signals_watched": 0, "dataset_drift": True, "severity": "breach", "max_of_limit": pytest.approx(1.5),
    }  # fmt: skip


def test_the_figures_of_each_change_have_a_name_and_a_refusal_is_one_of_them():
    facts = projection.project("robustness/v1", payloads.robustness(drop=0.004))
    assert (facts["noise_small.drop.value"], facts["noise_small.refused"]) == (0.004, False)
    assert (facts["missing_few.drop.value"], facts["missing_few.refused"], facts["refused"]) == (None, True, 3)
    assert (facts["worst_column.name"], facts["p50_ms"], facts["p99_ms"]) == ("checking_status", 2310.0, None)
    empty = payloads.robustness() | {"perturbations": [], "worst_columns": [], "timing": None}
    facts = projection.project("robustness/v1", empty)
    assert (facts["noise_small.drop.high"], facts["noise_small.refused"], facts["rows_per_s"]) == (None, False, None)


def test_the_worst_column_stands_for_all_and_what_is_unknown_of_one_is_unknown_of_all():
    payload = payloads.data_quality(leaked=3)
    payload["columns"][1]["missing"] = number(0.2, 0.1, 0.3)
    facts = projection.project("data_quality/v1", payload)
    assert (facts["missing"], facts["leakage"], facts["smallest_class.value"]) == (0.2, 0.01, 0.3)
    assert facts["smallest_group.value"] == pytest.approx(52 / 300, abs=1e-4)
    payload["columns"][0]["unseen"] = undefined()
    assert projection.project("data_quality/v1", payload)["unseen"] is None
    without = projection.project("data_quality/v1", payloads.data_quality(leaked=None, complete=False))
    assert (without["leakage"], without["sensitive_incomplete"]) == (None, 2)


def test_fields_stand_in_the_order_of_the_schema_and_not_of_the_database():
    stored = {"slices": 1, "metrics": 2, "confusion": 3, "n": 4}
    assert list(schemas.in_order("performance/v1", stored)) == ["n", "metrics", "confusion", "slices"]


def test_what_is_wrong_with_a_field_is_said_and_not_that_it_is_too_much():
    payload = payloads.performance() | {"threshold": "half"}
    assert schemas.first_problem("performance/v1", payload).startswith("threshold: ")
    assert "made_up" in schemas.first_problem("performance/v1", payloads.performance() | {"made_up": 1})
