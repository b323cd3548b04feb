"""The evidence of the sample snapshot: one payload of each type, with the figures of ``sample_numbers``."""

import hashlib
from typing import Any

from tests import measured, payloads
from tests.documents import sample_numbers as figures
from tests.drift_payloads import drift_parts
from tests.payloads import explanation_parts


def a_digest(of: str) -> str:
    """A digest that is the same on every run."""
    return f"sha256:{hashlib.sha256(of.encode()).hexdigest()}"


def an_id(of: str) -> str:
    """A UUID-shaped id that is the same on every run."""
    text = hashlib.sha256(of.encode()).hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:32]}"


LIBRARIES = {"numpy": "2.3.5", "scikit-learn": "1.9.0"}


def _evidence(name: str, log_index: int, made_at: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": an_id(f"evidence {name}"),
        "type": payload["type"],
        "origin": "computed",
        "made_at": made_at,
        "payload_digest": a_digest(f"payload {name}"),
        "dataset_digest": a_digest("evaluation"),
        "log_index": log_index,
        "payload": payload,
    }


def _check(library: str, version: str, difference: float, tolerance: float) -> dict[str, Any]:
    return {"library": library, "version": version, "max_difference": difference, "tolerance": tolerance}


MEASURED = ("precision_recall", "thresholds", "cost_matrix", "slices", "criteria")
PERFORMANCE = {
    "type": "performance/v1",
    "n": 300,
    "seed": 7,
    "method": {
        "interval": "95 % percentile bootstrap, 1000 resamples of rows, paired with production",
        "auc": "Mann-Whitney statistic by ranks, ties count one half",
        "decision": "the event is predicted where the score is at or above the threshold",
    },
    "libraries": LIBRARIES,
    "reference_check": _check("scikit-learn", "1.9.0", 2.2e-16, 1e-9),
    "task": "binary",
    "label": "outcome",
    "positive_label": "bad",
    "metrics": figures.METRICS,
    "threshold": 0.3,
    "confusion": figures.CONFUSION,
    "roc": figures.ROC,
    **{name: measured.binary()[name] for name in MEASURED},
    "classes": [],
    "confusions": [],
}
CALIBRATION = measured.calibration()
FAIRNESS = {
    "type": "fairness/v1",
    "n": 300,
    "seed": 7,
    "method": {
        "interval": "95 % score interval; ratio by the log method",
        "p_adjusted": "Holm over all compared groups",
    },
    "libraries": LIBRARIES,
    "reference_check": _check("fairlearn", "0.15.0", 0.0, 1e-12),
    "favourable_label": "good",
    "min_share": 0.05,
    "features": figures.FAIRNESS,
}
EXPLANATION = {
    "type": "explanation/v1",
    "n": 300,
    "seed": 7,
    "method": {"contribution": "exact tree traversal; one-hot columns summed to their original feature"},
    "libraries": LIBRARIES | {"shap": "0.51.0"},
    "reference_check": _check("shap", "0.51.0", 3.1e-10, 1e-6),
    **explanation_parts([row["feature"] for row in figures.SHAP]),
    "output": "margin",
    "rows": 300,
    "background": {"n": 700, "digest": a_digest("background")},
    "base_value": figures.SHAP_BASE_VALUE,
    "additivity_residual": 3.1e-10,
    "stability": {"value": 0.91, "low": 0.83, "high": 0.97, "n": 300},
    "features": figures.SHAP,
    "points": [],
}


def _column(
    name: str, kind: str, value: float | None, low: float | None, high: float | None, outcome: str, **more: Any
) -> dict[str, Any]:
    return {
        "column": name,
        "kind": kind,
        "method": "psi",
        "value": value,
        "low": low,
        "high": high,
        "n": 250,
        "watch": 0.1,
        "limit": 0.2,
        "distances": {"psi": value},
        "p_adjusted": more.get("p_adjusted"),
        "outcome": outcome,
        "evidently": more.get("evidently"),
        "difference": more.get("difference"),
    } | ({"reason": more["reason"]} if "reason" in more else {})


DRIFT = {
    "type": "drift/v1",
    "n": 250,
    "seed": 7,
    "method": {
        "score": "population stability index over reference quantiles",
        "p_adjusted": "Benjamini-Hochberg over columns",
    },
    "libraries": {"numpy": "2.3.5"},
    "reference_check": _check("evidently", "0.7.23", 0.0004, 0.01),
    "monitor": "credit-risk in production",
    "version": "2",
    "window": {"start": "2026-11-15T00:00:00.000000Z", "end": "2026-11-22T00:00:00.000000Z", "n": 250},
    "reference": {"n": 700, "digest": a_digest("reference window")},
    "columns": [
        _column(
            "credit_amount",
            "numeric",
            0.4127,
            0.2891,
            0.5634,
            "drift",
            p_adjusted=0.0004,
            evidently=0.4131,
            difference=0.0004,
        ),
        _column(
            "duration_months",
            "numeric",
            0.1843,
            0.0912,
            0.3107,
            "insufficient",
            p_adjusted=0.0213,
            evidently=0.1846,
            difference=0.0003,
        ),
        _column(
            "checking_account",
            "categorical",
            0.0712,
            0.0204,
            0.1493,
            "stable",
            p_adjusted=0.1184,
            evidently=0.0712,
            difference=0.0,
        ),
        _column(
            "purpose",
            "categorical",
            0.0586,
            0.0231,
            0.1127,
            "stable",
            p_adjusted=0.2671,
            evidently=0.0586,
            difference=0.0,
        ),
        _column(
            "age", "numeric", 0.0394, 0.0117, 0.0921, "stable", p_adjusted=0.4418, evidently=0.0397, difference=0.0003
        ),
        _column(
            "telephone",
            "categorical",
            None,
            None,
            None,
            "insufficient",
            reason="fewer than two categories in the window",
        ),
    ],
}
DRIFT |= drift_parts(DRIFT["columns"])
REVIEW = {
    "type": "human_review/v1",
    "check": "fairness.selection-ratio",
    "statement": "sha256:" + "5e" * 32,
    "evidence": ["sha256:" + "fa" * 32],
    "reviewer_role": "validator",
    "verdict": "accepted",
}
EVIDENCE = [
    _evidence("performance", 112, "2026-11-23T18:04:11.201733Z", PERFORMANCE),
    _evidence("calibration", 117, "2026-11-23T18:04:13.417002Z", CALIBRATION),
    _evidence("fairness", 113, "2026-11-23T18:04:13.918110Z", FAIRNESS),
    _evidence("explanation", 114, "2026-11-23T18:04:29.400218Z", EXPLANATION),
    _evidence("robustness", 115, "2026-11-23T18:04:41.030518Z", payloads.robustness()),
    _evidence("data_quality", 116, "2026-11-23T18:04:43.771902Z", payloads.data_quality()),
    _evidence("review", 119, "2026-11-23T18:09:40.110902Z", REVIEW) | {"origin": "submitted"},
    _evidence("drift", 131, "2026-11-23T18:15:02.771204Z", DRIFT),
]


def _ratio(group: str) -> dict[str, Any]:
    groups = [row for feature in figures.FAIRNESS for row in feature["groups"] if row["group"] == group]
    return {key: groups[0]["selection_ratio"][key] for key in ("value", "low", "high")} | {"n": groups[0]["n"]}


def _metric(name: str, part: str = "candidate") -> dict[str, Any]:
    found = next(row for row in figures.METRICS if row["id"] == name)[part]
    return {key: found[key] for key in ("value", "low", "high", "n")}


_REVIEW_ROW = {"role": "validator", "verdict": "accepted", "at": "2026-11-23T18:09:40.110902Z", "log_index": 119}
CHECKS: list[dict[str, Any]] = [
    {
        "id": "performance.auc",
        "title": "Area under the ROC curve",
        "expression": "evidence.performance.auc.low >= 0.70",
        **_metric("auc"),
        "limit": 0.7,
        "better": "higher",
        "outcome": "pass",
        "on_fail": "block",
        "evidence": EVIDENCE[0]["id"],
        "evidence_type": "performance/v1",
    },
    {
        "id": "performance.no-worse",
        "title": "Area under the curve, candidate against production",
        "expression": "evidence.performance.auc.difference.low >= -0.05",
        **_metric("auc", "difference"),
        "limit": -0.05,
        "better": "higher",
        "outcome": "pass",
        "on_fail": "block",
        "evidence": EVIDENCE[0]["id"],
        "evidence_type": "performance/v1",
    },
    {
        "id": "performance.brier",
        "title": "Brier score",
        "expression": "evidence.performance.brier.high <= 0.20",
        **_metric("brier"),
        "limit": 0.2,
        "better": "lower",
        "outcome": "pass",
        "on_fail": "waivable",
        "evidence": EVIDENCE[0]["id"],
        "evidence_type": "performance/v1",
    },
    {
        "id": "fairness.selection-ratio",
        "title": "Selection-rate ratio, worst compared group",
        "expression": "evidence.fairness.selection_ratio.worst_ci_low >= 0.8",
        **_ratio("25 and under"),
        "limit": 0.8,
        "better": "higher",
        "outcome": "insufficient",
        "on_fail": "waivable",
        "on_insufficient": "human_review",
        "evidence": EVIDENCE[1]["id"],
        "evidence_type": "fairness/v1",
        "lifted_by": _REVIEW_ROW,
    },
    {
        "id": "explanation.additivity",
        "title": "Largest additivity residual of the explanation",
        "expression": "evidence.explanation.additivity_residual <= 0.001",
        "value": 3.1e-10,
        "low": None,
        "high": None,
        "limit": 0.001,
        "better": "lower",
        "outcome": "pass",
        "on_fail": "block",
        "evidence": EVIDENCE[2]["id"],
        "evidence_type": "explanation/v1",
    },
    {
        "id": "drift.reference",
        "title": "Reference window recorded",
        "outcome": "not_applicable",
        "value": None,
        "limit": None,
        "reason": "first promotion",
        "on_fail": "warn",
    },
]

CANARY = {
    "type": "canary/v1",
    "n": 1716,
    "seed": 7,
    "method": {"records": "those whose own event time lies behind the alias"},
    "libraries": {"duckdb": "1.4.0"},
    "reference_check": _check("pyarrow", "21.0.0", 0, 0),
    "alias": "canary",
    "version": "credit-risk v2",
    "as_of": "2026-11-20T08:00:00.000000Z",
    "spans": [{"start": "2026-11-10T20:00:00.000000Z", "end": None, "days": 9.5, "by": "PR-12"}],
    "days": 9.5,
    "serving": True,
    "by_day": [{"day": "2026-11-11", "n": 1716}],
    "outside": 0,
    "batches": 1,
    "first": "2026-11-11T00:00:00.000000Z",
    "last": "2026-11-11T23:00:00.000000Z",
    "windows": [
        {
            "start": "2026-11-11T00:00:00.000000Z",
            "end": "2026-11-18T00:00:00.000000Z",
            "n": 1204,
            "outcome": "stable",
            "drifted": 0,
            "payload_digest": a_digest("a quiet window"),
        }
    ],
    "alerts": {"total": 1, "open": 0},
}
