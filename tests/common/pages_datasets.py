"""Sample contexts of the pages of datasets, and of a review whose data is hard to vouch for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests import payloads
from tests.common.samples import NOW, UID, a_digest, ago, review

GONE = "No longer reproducible since 1 Nov 2026: the data was deleted, because its delete-by date passed."


def _head(**more: Any) -> dict[str, Any]:
    base = {
        "digest": a_digest("evaluation"),
        "hex": a_digest("evaluation")[7:],
        "role": "Evaluation",
        "rows": 300,
        "columns": 11,
        "task": "Two classes",
        "mirrored_at": ago(days=40),
        "delete_by": NOW.date() + timedelta(days=700),
        "gone": "",
        "gone_at": None,
        "versions": 2,
    }
    return base | more


def listed(**more: Any) -> dict[str, Any]:
    """One that is kept, one of training rows, one that was deleted."""
    rows = [
        _head(),
        _head(role="Training", rows=700, task="", delete_by=None),
        _head(gone=GONE, gone_at=ago(days=20), versions=0),
    ]
    return {"rows": rows} | more


def dataset(*, gone: bool = False, officer: bool = True, **more: Any) -> dict[str, Any]:
    """Evaluation data of a credit model, with what was measured on it."""
    quality = {column["column"]: column for column in payloads.data_quality()["columns"]}
    columns = [
        {
            "name": name,
            "type": held["type"],
            "use": "sensitive" if held["sensitive"] else held["role"],
            "held": None if name == "purpose" else held,
            "trained": None,
        }
        for name, held in quality.items()
    ]
    terms = {"lawful_basis": "GDPR Article 6(1)(f): to examine the model for bias", "access_role": "validator"}
    evidence = [
        {"pk": UID, "type": kind, "version": "credit-risk v2", "model_pk": UID, "at": ago(days=3),
         "origin": "Computed by Placet"}
        for kind in ("performance/v1", "data_quality/v1")
    ]  # fmt: skip
    system = {"pk": UID, "name": "Consumer credit scoring"}
    pin = {"system_pk": UID, "system": "Consumer credit scoring", "by": "Validator", "since": ago(days=39)}
    version = {"model_pk": UID, "how": "evaluated on it", "system": system}
    return {
        "dataset": _head(gone=GONE if gone else "", gone_at=ago(days=20) if gone else None)
        | {
            "label": "credit_risk",
            "positive_label": "bad",
            "favourable_labels": ["good"],
            "direction": "",
            "features": 8,
            "uri": f"runs:/{1:032x}/placet/evaluation.parquet",
            "kept": "nothing any more" if gone else "the rows",
        },
        "roles": ["Evaluation"],
        "columns": columns,
        "sensitive": [
            {"column": "sex", **terms, "delete_by": "2028-11-24"},
            {"column": "age_group", "lawful_basis": "", "access_role": "", "delete_by": ""},
        ],
        "versions": [version | {"name": f"credit-risk v{n}", "run": f"{n:032x}"} for n in (1, 2)],
        "evidence": evidence,
        "pins": [pin | {"until": None}],
        "delete": {"allowed": officer, "refusal": "A data protection officer has the rows deleted."},
        "banner": {"tone": "warn", "title": GONE, "text": ""} if gone else None,
        "form": {},
    } | more


def hard_to_vouch_for() -> dict[str, Any]:
    """A review on leaked, repeated rows without papers, of a model that looks at other rows and has data deleted."""
    quality = payloads.data_quality(leaked=9, twice=4, complete=False)
    quality |= {"missing_columns": ["income"], "extra_columns": ["note"]}
    quality["columns"][1] |= {"fits": False, "constant": True, "infinite": 3}
    quality["groups"][1] |= {"groups": [], "reason": "more than 50 different values: no groups, but a measure"}
    quality["groups"][0] |= {"not_named": 2}
    robustness = payloads.robustness(drop=0.09) | {"depends_on_other_rows": True, "left_out": ["applied_on"]}
    return review() | {"robustness": robustness, "data_quality": quality, "not_repeatable": [f"fairness/v1: {GONE}"]}


def a_regression() -> dict[str, Any]:
    """A review of a model that says a number, without training rows and without a clock."""
    quality = payloads.data_quality(leaked=None)
    quality["label"] = {"column": "rate", "task": "regression", "classes": [], "not_named": 0, "low": 1.2, "high": 98.0}
    robustness = payloads.robustness() | {"threshold": None, "timing": None, "worst_columns": []}
    robustness["metric"] = {"id": "r2", "title": "Coefficient of determination (R²)"}
    for row in robustness["perturbations"]:
        row["flipped"] = payloads.a_number(None, reason="a regression makes no decision")
    return review() | {"robustness": robustness, "data_quality": quality}


DATASETS: dict[str, tuple[str, Any]] = {
    "dataset-list": ("registry/dataset_list.html", listed),
    "dataset-list-empty": ("registry/dataset_list.html", lambda: listed(rows=[])),
    "dataset": ("registry/dataset.html", dataset),
    "dataset-gone": ("registry/dataset.html", lambda: dataset(gone=True)),
    "dataset-reader": (
        "registry/dataset.html",
        lambda: dataset(officer=False, versions=[], evidence=[], pins=[], sensitive=[]),
    ),
    "dataset-refused": (
        "registry/dataset.html",
        lambda: dataset(form={"reason": "Short", "errors": {"reason": ["Say why, in at least 10 characters."]}}),
    ),
    "review-hard-to-vouch-for": ("registry/review.html", hard_to_vouch_for),
    "review-of-a-regression": ("registry/review.html", a_regression),
}
