"""The scalars of each evidence type that a policy may name, and their types. No Django, no evidence rows: pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import rfc8785

from governance.evidence import evaluation, projections_fairness
from governance.evidence.projections_fairness import FEATURE, WORST

__all__ = ["FEATURE", "WORST", "all_declared", "declared", "project", "size"]

LARGEST = 65_536  # bytes, of one projection and of all the facts that a request is held against

Scalar = str | int | float | bool | None
Payload = Mapping[str, Any]

METRICS = {
    "binary": (
        *("auc", "gini", "ks", "average_precision", "log_loss", "brier", "tpr", "fpr", "precision", "selection_rate"),
        *("accuracy", "balanced_accuracy", "mcc", "expected_cost"),
    ),
    "multiclass": ("accuracy", "balanced_accuracy", "macro_f1", "log_loss"),
    "regression": ("mae", "rmse", "r2", "bias", "median_absolute_error", "residual_q05", "residual_q95"),
}  # by task
ALL_METRICS = tuple(dict.fromkeys(name for names in METRICS.values() for name in names))
CALIBRATION = (
    *("ece", "ece_equal_width", "mce", "in_the_large", "intercept", "slope"),
    *("brier", "reliability", "resolution", "uncertainty", "within_bins"),
)
OUTCOMES = ("pass", "fail", "insufficient", "not_applicable")
INTERVAL = ("value", "low", "high")
KIND = "<kind>"  # likewise for each kind of document that the policy asks for
FIGURE = "<figure>"  # and for each result of an evaluation that its parameters name

CHANGES = (
    *("noise_small", "noise_medium", "noise_large", "missing_few", "missing_many", "category_few", "category_many"),
    *("unseen_few", "unseen_many", "rounded", "last_digit", "small_change"),
)
COUNTED = ("duplicates", "conflicting", "leakage", "missing", "outside", "unseen")

_DECLARED: dict[str, dict[str, str]] = {
    "performance/v1": {
        "n": "int",
        "task": "string",
        "threshold": "double?",
        **{f"{metric}.{part}": "double?" for metric in ALL_METRICS for part in (*INTERVAL, "production")},
        **{f"{metric}.difference.{part}": "double?" for metric in ALL_METRICS for part in INTERVAL},
        **{f"criteria.{outcome}": "int" for outcome in OUTCOMES},
        **{f"worst_slice.{name}": "double?" for name in (*INTERVAL, "p_adjusted")},
        "worst_slice.name": "string?",
    },
    "calibration/v1": {
        "n": "int",
        "task": "string",
        **{f"{metric}.{part}": "double?" for metric in CALIBRATION for part in INTERVAL},
        "expected_ece.upper": "double?",
        "spiegelhalter.p": "double?",
    },
    "fairness/v1": projections_fairness.DECLARED,
    "explanation/v1": {
        "n": "int",
        "rows": "int",
        "explainer": "string",
        "features_not_shown": "int",
        "additivity_residual": "double",
        **{f"{name}.{part}": "double?" for name in ("stability", "faithfulness") for part in INTERVAL},
    },
    "robustness/v1": {
        "n": "int",
        **{
            f"{change}.{figure}.{part}": "double?"
            for change in CHANGES
            for figure in ("drop", "flipped")
            for part in INTERVAL
        },
        **{f"{change}.refused": "bool" for change in CHANGES},
        **{f"unperturbed.{part}": "double?" for part in INTERVAL},
        "refused": "int",
        "depends_on_other_rows": "bool",
        "worst_column.flipped": "double?",
        "worst_column.name": "string?",
        **dict.fromkeys(("p50_ms", "p95_ms", "p99_ms", "rows_per_s"), "double?"),
    },
    "data_quality/v1": {
        "n": "int",
        **dict.fromkeys(COUNTED, "double?"),
        **{f"{name}.{part}": "double?" for name in ("smallest_group", "smallest_class") for part in INTERVAL},
        **dict.fromkeys(("columns_missing", "columns_extra", "columns_unfit", "columns_constant"), "int"),
        **dict.fromkeys(("infinite", "groups_small", "sensitive_incomplete"), "int"),
    },
    evaluation.TYPE: {
        "n": "int",
        "kind": "string",
        "performed_on": "string",
        **{f"findings.{severity}": "int?" for severity in evaluation.SEVERITIES},
        **{f"figures.{FIGURE}.{part}": "double?" for part in INTERVAL},
    },
    "drift/v1": {
        "n": "int",
        "columns_drifted": "int",
        "columns_watched": "int",
        "columns_insufficient": "int",
        "signals_breached": "int",
        "signals_watched": "int",
        "dataset_drift": "bool",
        "severity": "string",
        "max_of_limit": "double?",
    },
    "canary/v1": {
        "n": "int",
        "days": "double",
        "days_with_records": "int",
        "serving": "bool",
        **dict.fromkeys(("windows", "windows_drifted", "windows_insufficient", "alerts", "alerts_open"), "int"),
    },
    "human_review/v1": {
        "kind": "string",
        "reviewer_role": "string",
        "check": "string?",
        "verdict": "string?",
        "opinion": "string?",
    },
    "document/v1": {"kind": "string", "measured": "int", "declared": "int", "missing": "int"},
    "submitted_document/v1": {
        **{f"{KIND}.{day}": "string" for day in ("issued_on", "expires_on")},
        **{f"{KIND}.{days}": "int" for days in ("days_left", "age_days")},  # told at the time of evaluation
        f"{KIND}.reviewed": "bool",
    },
}
# What stands beside the evidence: facts about the candidate and the version in production.
_SUBJECT = {"digest": "string", "threshold": "double?"}


def declared(evidence_type: str) -> dict[str, str]:
    """Return each path that a policy may name below ``evidence.<type>``, with its type.

    Types are ``double``, ``int``, ``string`` and ``bool``, with ``?`` where the value may be undefined (null). A part
    ``<feature>`` stands for each sensitive feature of the policy, ``<kind>`` for each kind of document, ``<figure>``
    for each result that the policy reads.

    Raises:
        LookupError: there is no such evidence type.
    """
    try:
        return dict(_DECLARED[evidence_type])
    except KeyError:
        msg = f"There is no evidence type {evidence_type!r}; there are {', '.join(_DECLARED)}."
        raise LookupError(msg) from None


def all_declared() -> dict[str, dict[str, str]]:
    """Return every declaration by evidence type without its version, and ``candidate`` and ``production``."""
    types = {evidence_type.partition("/")[0]: dict(paths) for evidence_type, paths in _DECLARED.items()}
    return types | {"candidate": dict(_SUBJECT), "production": dict(_SUBJECT)}


def project(evidence_type: str, payload: Payload) -> dict[str, Scalar]:
    """Return the scalars of ``payload`` by dotted path: ``{"auc.value": 0.77, "auc.difference.low": -0.01, ...}``.

    Undefined is None. What does not exist has no path: ``production`` and ``difference`` at a first promotion.

    Of fairness, ``projections_fairness`` says which group is the worst one.

    Raises:
        LookupError: there is no such evidence type.
        KeyError: the payload does not fit the schema of its type; check that first.
    """
    declared(evidence_type)
    return _PROJECTIONS[evidence_type](payload)


def size(facts: Mapping[str, Any]) -> int:
    """Return how many bytes the canonical JSON (RFC 8785) of a projection, or of several together, takes."""
    return len(rfc8785.dumps(dict(facts)))


def _performance(payload: Payload) -> dict[str, Scalar]:
    out: dict[str, Scalar] = {name: payload[name] for name in ("n", "task", "threshold")}
    outcomes = [criterion["outcome"] for criterion in payload["criteria"]]
    out |= {f"criteria.{outcome}": outcomes.count(outcome) for outcome in OUTCOMES}
    out |= _worst_slice(payload["slices"])
    for metric in payload["metrics"]:
        name = metric["id"]
        out |= _interval(name, metric["candidate"])
        if metric["production"] is not None:
            out[f"{name}.production"] = metric["production"]["value"]
        if metric["difference"] is not None:
            out |= _interval(f"{name}.difference", metric["difference"])
    return out


def _worst_slice(slices: Payload | None) -> dict[str, Scalar]:
    """Return how much worse the slice is than the rest that is worse for the surest; without one nothing is defined."""
    rows = slices["rows"] if slices else []
    if not rows:
        return dict.fromkeys([f"worst_slice.{name}" for name in (*INTERVAL, "p_adjusted", "name")])
    name = ", ".join(f"{part['feature']}={part['value']}" for part in rows[0]["slice"])
    return {
        **_interval("worst_slice", rows[0]["difference"]),
        "worst_slice.p_adjusted": rows[0]["p_adjusted"],
        "worst_slice.name": name,
    }


def _calibration(payload: Payload) -> dict[str, Scalar]:
    out: dict[str, Scalar] = {"n": payload["n"], "task": payload["task"]}
    for metric in payload["metrics"]:
        out |= _interval(metric["id"], metric["number"])
    out["expected_ece.upper"] = payload["expected_ece"]["upper"] if payload["expected_ece"] else None
    return out | {"spiegelhalter.p": payload["spiegelhalter"]["p"]}


def _explanation(payload: Payload) -> dict[str, Scalar]:
    return {
        "n": payload["n"],
        "rows": payload["rows"],
        "explainer": payload["family"],
        "features_not_shown": payload["features_not_shown"],
        "additivity_residual": payload["additivity_residual"],
        **_interval("stability", payload["stability"]),
        **_interval("faithfulness", payload["faithfulness"]),
    }


def _robustness(payload: Payload) -> dict[str, Scalar]:
    """Return the figures of each change of all columns; what the rows gave no cause for has undefined figures."""
    by_name = {row["name"]: row for row in payload["perturbations"] if row["name"]}
    nothing = dict.fromkeys(INTERVAL)
    out: dict[str, Scalar] = {"n": payload["n"], **_interval("unperturbed", payload["unperturbed"])}
    for change in CHANGES:
        row = by_name.get(change, {"drop": nothing, "flipped": nothing, "outcome": ""})
        out |= _interval(f"{change}.drop", row["drop"]) | _interval(f"{change}.flipped", row["flipped"])
        out[f"{change}.refused"] = row["outcome"] == "refused"
    worst = payload["worst_columns"][0] if payload["worst_columns"] else None
    timing = payload["timing"] or {"latency": {}, "throughput": {}}
    return out | {
        "refused": sum(row["outcome"] == "refused" for row in payload["perturbations"]),
        "depends_on_other_rows": payload["depends_on_other_rows"],
        "worst_column.flipped": worst["flipped"]["value"] if worst else None,
        "worst_column.name": worst["column"] if worst else None,
        **{name: timing["latency"].get(name) for name in ("p50_ms", "p95_ms", "p99_ms")},
        "rows_per_s": timing["throughput"].get("rows_per_s"),
    }


def _data_quality(payload: Payload) -> dict[str, Scalar]:
    """Return shares and counts of these very rows; ``missing``, ``outside``, ``unseen`` are the worst feature's."""
    features = [column for column in payload["columns"] if column["role"] == "feature"]
    groups = [group for feature in payload["groups"] for group in feature["groups"]]
    classes = [row["share"] for row in payload["label"]["classes"]]
    out: dict[str, Scalar] = {"n": payload["n"]}
    out |= {name: payload[name]["value"] for name in ("duplicates", "conflicting", "leakage")}
    for name in ("missing", "outside", "unseen"):
        out[name] = _most([column[name]["value"] for column in features if column[name] is not None])
    out |= _interval("smallest_group", _least([group["share"] for group in groups]))
    out |= _interval("smallest_class", _least(classes))
    return out | {
        "columns_missing": len(payload["missing_columns"]),
        "columns_extra": len(payload["extra_columns"]),
        "columns_unfit": sum(column["fits"] is False for column in payload["columns"]),
        "columns_constant": sum(column["constant"] for column in features),
        "infinite": sum(column["infinite"] for column in features),
        "groups_small": sum(group["small"] for group in groups) + sum(row["not_named"] for row in payload["groups"]),
        "sensitive_incomplete": sum(not row["complete"] for row in payload["sensitive"]),
    }


def _most(values: Sequence[float | None]) -> float | None:
    """Return the largest; one that is undefined makes it undefined, and so does none at all."""
    known = [value for value in values if value is not None]
    return max(known) if known and len(known) == len(values) else None


def _least(figures: Sequence[Payload]) -> Payload:
    """Return the smallest; undefined when one of them is, or there is none."""
    known = [figure for figure in figures if figure["value"] is not None]
    complete = known and len(known) == len(figures)
    return min(known, key=lambda figure: figure["value"]) if complete else dict.fromkeys(INTERVAL)


def _drift(payload: Payload) -> dict[str, Scalar]:
    columns, signals = payload["columns"], [signal["outcome"] for signal in payload["signals"]]
    shares = [column["value"] / column["limit"] for column in columns if column["value"] is not None]
    return {
        "n": payload["n"],
        "columns_drifted": payload["drifted"],
        "columns_watched": payload["watched"],
        "columns_insufficient": sum(column["outcome"] == "insufficient" for column in columns),
        "signals_breached": signals.count("breach"),
        "signals_watched": signals.count("watch"),
        "dataset_drift": payload["dataset_drift"],
        "severity": payload["severity"],
        "max_of_limit": max(shares, default=None),  # columns can have different measures
    }


def _canary(payload: Payload) -> dict[str, Scalar]:
    outcomes = [window["outcome"] for window in payload["windows"]]
    return {
        **{name: payload[name] for name in ("n", "days", "serving")},
        "days_with_records": len(payload["by_day"]),
        "windows": len(outcomes),
        "windows_drifted": outcomes.count("drift"),
        "windows_insufficient": outcomes.count("insufficient"),
        "alerts": payload["alerts"]["total"],
        "alerts_open": payload["alerts"]["open"],
    }


def _human_review(payload: Payload) -> dict[str, Scalar]:
    """Return the scalars of a look at a check or of a validation; what the other one alone has is undefined."""
    return {
        "kind": payload.get("kind", "check"),
        "reviewer_role": payload["reviewer_role"],
        **{name: payload.get(name) for name in ("check", "verdict", "opinion")},
    }


def _submitted_document(payload: Payload) -> dict[str, Scalar]:
    return {f"{payload['kind']}.{day}": payload[day] for day in ("issued_on", "expires_on")}


def _plain(*names: str) -> Callable[[Payload], dict[str, Scalar]]:
    return lambda payload: {name: payload[name] for name in names}


def _interval(path: str, number: Payload) -> dict[str, Scalar]:
    return {f"{path}.{part}": number[part] for part in INTERVAL}


_PROJECTIONS: dict[str, Callable[[Payload], dict[str, Scalar]]] = {
    "performance/v1": _performance,
    "calibration/v1": _calibration,
    "fairness/v1": projections_fairness.project,
    "explanation/v1": _explanation,
    "robustness/v1": _robustness,
    "data_quality/v1": _data_quality,
    evaluation.TYPE: evaluation.project,
    "drift/v1": _drift,
    "canary/v1": _canary,
    "human_review/v1": _human_review,
    "document/v1": _plain("kind", "measured", "declared", "missing"),
    "submitted_document/v1": _submitted_document,
}
