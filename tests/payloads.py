"""Evidence payloads that fit their schemas: the demo's story, 300 rows, 93 of them women. The figures are invented."""

from __future__ import annotations

import random
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

Payload = dict[str, Any]
ROWS = 300
FEATURES = (
    "checking_status",
    "duration_months",
    "credit_history",
    "savings",
    "credit_amount",
    "purpose",
    "age_years",
    "employment",
)


def a_digest(text: str) -> str:
    """A digest that looks like one."""
    return "sha256:" + sha256(text.encode()).hexdigest()


def a_number(value: float | None, half: float | None = None, n: int = ROWS, **more: Any) -> Payload:
    """A figure with its interval; undefined with a reason when ``value`` is None."""
    if value is None:
        return {"value": None, "low": None, "high": None, "n": n, "reason": more.get("reason", "No row to count.")}
    low, high = (None, None) if half is None else (round(value - half, 4), round(value + half, 4))
    return {"value": round(value, 4), "low": low, "high": high, "n": n, **more}


def a_head(evidence_type: str, library: str, version: str, difference: float = 2.2e-16) -> Payload:
    """The common head."""
    check = {"library": library, "version": version, "max_difference": difference, "tolerance": 1e-9}
    return {
        "type": evidence_type,
        "n": ROWS,
        "seed": 7,
        "method": {"intervals": "2,000 resamples of the rows, 95 %"},
        "libraries": {library: version},
        "reference_check": check,
    }


def performance(
    *, production: bool = True, auc: float = 0.779, auc_half: float = 0.055, refused: float = 0.29
) -> Payload:
    """Performance, against the version in production unless it is the first."""
    rows = [
        ("auc", "Ranking power (AUC)", "higher", auc, 0.763, 0.021),
        ("log_loss", "Log loss", "lower", 0.501, 0.514, 0.018),
        ("brier", "Brier score", "lower", 0.165, 0.171, 0.007),
        ("tpr", "Defaults that are refused", "higher", 0.611, 0.578, 0.06),
        ("fpr", "Good credits that are refused", "lower", 0.157, 0.162, 0.03),
        ("selection_rate", "Applications that are refused", "lower", refused, 0.283, 0.028),
        ("accuracy", "Accuracy", "higher", 0.773, 0.76, 0.03),
    ]
    metrics = []
    for name, title, better, value, before, gap in rows:
        spread = auc_half if name == "auc" else max(0.02, gap * 1.6)
        denominator = {"tpr": 90, "fpr": 210, "selection_rate": 300, "accuracy": 300}.get(name)
        more = {"denominator": denominator} if denominator else {}
        metrics.append(
            {
                "id": name,
                "title": title,
                "better": better,
                "unit": None,
                "candidate": a_number(value, spread, **more),
                "production": a_number(before, spread, **more) if production else None,
                "difference": a_number(value - before, gap) if production else None,
            }
        )
    return a_head("performance/v1", "scikit-learn", "1.9.0") | {
        "task": "binary",
        "label": "outcome",
        "positive_label": "bad",
        "metrics": metrics,
        "threshold": 0.3,
        "confusion": {"tp": 55, "fp": 33, "fn": 35, "tn": 177},
        "roc": [[round(x / 20, 3), round((x / 20) ** 0.45, 3)] for x in range(21)],
        "precision_recall": [[round(x / 20, 3), round(0.9 - 0.6 * x / 20, 3)] for x in range(1, 21)],
        "thresholds": [],
        "cost_matrix": None,
        "classes": [],
        "confusions": [],
        "slices": None,
        "criteria": [],
    }


def _group(
    name: str, n: int, counts: tuple[tuple[int, int], ...], ratio: Payload | None, tpr: Payload | None
) -> Payload:
    rates = [
        a_number(part / whole, 1.6 * (part / whole * (1 - part / whole) / whole) ** 0.5, n=n, denominator=whole)
        for part, whole in counts
    ]
    return {
        "group": name,
        "n": n,
        "share": round(n / ROWS, 4),
        "compared": ratio is not None,
        "selection_rate": rates[0],
        "tpr": rates[1],
        "fpr": rates[2],
        "selection_ratio": ratio,
        "tpr_difference": tpr,
        "p_adjusted": 0.41 if ratio else None,
    }


def fairness(*, ratio: float = 0.93, half: float = 0.145) -> Payload:
    """Rates by sex and age group. As shipped, the ratio's interval spans 0.8: too few women to say."""
    sex = [
        _group("male", 207, ((153, 207), (131, 150), (22, 57)), None, None),
        _group(
            "female", 93, ((64, 93), (51, 60), (13, 33)), a_number(ratio, half, n=300), a_number(-0.023, 0.06, n=210)
        ),
    ]
    age = [
        _group("26 to 60", 229, ((169, 229), (146, 167), (23, 62)), None, None),
        _group(
            "18 to 25", 57, ((37, 57), (27, 33), (10, 24)), a_number(0.88, 0.16, n=300), a_number(-0.056, 0.09, n=200)
        ),
        _group("61 and over", 14, ((11, 14), (9, 10), (2, 4)), None, None),
    ]
    return a_head("fairness/v1", "fairlearn", "0.15.0", 0.0) | {
        "favourable_label": "good",
        "min_share": 0.05,
        "features": [
            {"feature": "sex", "reference_group": "male", "groups": sex},
            {"feature": "age_group", "reference_group": "26 to 60", "groups": age},
        ],
    }


def explanation_parts(names: Sequence[str]) -> Payload:
    """What stands in an explanation beside its figures of importance: the explainer, and what was tried on it."""
    share = [step / len(names) for step in range(len(names) + 1)]
    bins = [
        {"label": f"{low} to {low + 10}", "low": low, "high": low + 10, "n": 12, "mean": 0.01 * low - 0.03}
        | {"q25": 0.01 * low - 0.05, "q75": 0.01 * low - 0.01}
        for low in (0, 10, 20)
    ]
    words = [
        {"label": word, "low": None, "high": None, "n": 40, "mean": mean, "q25": mean - 0.02, "q75": mean + 0.03}
        for word, mean in (("none", 0.06), ("little", -0.02), ("(missing)", 0.01))
    ]
    return {
        "explainer": "tree, interventional, shap",
        "family": "tree",
        "perturbation": "interventional",
        "engine": "shap",
        "engine_note": None,
        "model": "GradientBoostingClassifier",
        "task": "binary",
        "explained": "bad",
        "additivity_scale": 1.0,
        "stability_over": "background",
        "faithfulness": a_number(0.21, 0.04, n=100),
        "deletion": {
            "rows": 100,
            "share": share,
            "ordered": [0.3 * step**0.5 for step in share],
            "random": [0.3 * step for step in share],
        },
        "path_dependent": {
            "rows": 120,
            "additivity_residual": 2.0e-15,
            "rank_correlation": a_number(0.95, 0.02, n=120),
            "features": [{"feature": name, "mean_abs": 0.1 / (1 + rank)} for rank, name in enumerate(names)],
        },
        "features_total": len(names),
        "features_not_shown": 0,
        "share_not_shown": 0.0,
        "dependence": [
            {"feature": names[0], "kind": "category", "bins": words, "not_shown": 3},
            {"feature": names[1], "kind": "number", "bins": bins, "not_shown": 0},
        ],
        "classes": [],
    }


def explanation(*, residual: float = 3.1e-7, stability: float = 0.91) -> Payload:
    """Shapley values with points to draw."""
    dice = random.Random(7)  # noqa: S311 (a picture, not a secret)
    features, points = [], []
    for rank, name in enumerate(FEATURES):
        spread = 0.16 / (1 + rank * 0.45)
        pairs: list[list[float | None]] = []
        for _ in range(120):
            x = dice.random()
            shap = round((x - 0.5) * 2 * spread + dice.gauss(0, spread / 4), 5)
            pairs.append([shap, None if rank in {0, 2, 3, 5} else round(x, 3)])
        mean = sum(abs(pair[0] or 0.0) for pair in pairs) / len(pairs)
        features.append(
            {"feature": name, "mean_abs": round(mean, 5), "low": round(mean * 0.9, 5), "high": round(mean * 1.1, 5)}
        )
        points.append({"feature": name, "points": pairs})
    return (
        a_head("explanation/v1", "shap", "0.51.0")
        | explanation_parts(FEATURES)
        | {
            "output": "probability",
            "rows": 120,
            "background": {"n": 50, "digest": a_digest("background")},
            "base_value": 0.297,
            "additivity_residual": residual,
            "stability": a_number(stability, 0.035, n=120),
            "features": features,
            "points": points,
        }
    )


def _change(key: str, name: str | None, title: str, drop: float | None, flipped: float | None, **more: Any) -> Payload:
    kind, _, rest = key.partition(":")
    level, _, column = rest.partition(":")
    refused = drop is None
    why = {"reason": "the model gave an error (ValueError)"} if refused else {}
    nothing = a_number(None, **why)
    return {
        "id": key,
        "name": name,
        "kind": kind,
        "title": title,
        "column": column or None,
        "level": float(level) if level.replace(".", "").isdigit() else None,
        "outcome": "refused" if refused else "answered",
        **why,
        "metric": nothing if drop is None else a_number(0.779 - drop, 0.055),
        "drop": nothing if drop is None else a_number(drop, 0.012 + abs(drop) / 3),
        "flipped": nothing if flipped is None else a_number(flipped, flipped * 0.4 + 0.006, denominator=ROWS),
        "largest_move": None if drop is None else round(0.03 + abs(drop) * 3, 4),
        **more,
    }


def robustness(*, drop: float = 0.004, seconds: float = 2.31) -> Payload:
    """Answers to changed rows: one column is refused without a value, one matters most."""
    worst = _change("category:1:checking_status", None, "Another category in every row: checking_status", 0.145, 0.397)
    rows = [
        _change("noise:0.1", "noise_small", "Noise of 0.1 standard deviations on every number", drop, 0.02),
        _change("noise:0.25", "noise_medium", "Noise of 0.25 standard deviations on every number", 0.009, 0.047),
        _change("noise:0.5", "noise_large", "Noise of 0.5 standard deviations on every number", 0.022, 0.087),
        _change("noise:0.5:credit_amount", None, "Noise of 0.5 standard deviations on credit_amount", 0.003, 0.03),
        _change("missing:0.05", "missing_few", "Missing in 5 % of the cells", None, None),
        _change("missing:0.2", "missing_many", "Missing in 20 % of the cells", None, None),
        _change("missing:1:credit_amount", None, "Missing in every row: credit_amount", None, None),
        _change("missing:1:purpose", None, "Missing in every row: purpose", 0.005, 0.09),
        _change("category:0.05", "category_few", "Another category in 5 % of the cells", 0.012, 0.067),
        _change("category:0.2", "category_many", "Another category in 20 % of the cells", 0.037, 0.227),
        worst,
        _change("unseen:0.05", "unseen_few", "An unseen category in 5 % of the cells", 0.011, 0.047),
        _change("unseen:0.2", "unseen_many", "An unseen category in 20 % of the cells", 0.02, 0.113),
        _change("plausible:rounded", "rounded", "Every number rounded to two digits", -0.001, 0.007),
        _change("plausible:last-digit", "last_digit", "Every number one unit of its last digit off", 0.008, 0.06),
        _change(
            "plausible:small", "small_change", "Whole numbers to 150 by one, other numbers by up to 5 %, all at once",
            drop, 0.057, level=0.05,
        ),
    ]  # fmt: skip
    return a_head("robustness/v1", "scikit-learn", "1.9.0") | {
        "task": "binary",
        "threshold": 0.3,
        "metric": {"id": "auc", "title": "Area under the ROC curve"},
        "unperturbed": a_number(0.779, 0.055),
        "perturbations": rows,
        "worst_columns": [
            {
                "column": "checking_status",
                "perturbation": worst["id"],
                "drop": worst["drop"],
                "flipped": worst["flipped"],
            }
        ],
        "left_out": [],
        "depends_on_other_rows": False,
        "timing": {
            "measured": True,
            "what": "a whole call: start of the isolated process, loading the model, reading the rows, answering",
            "latency": {"rows": 1, "calls": 2, "p50_ms": seconds * 1000, "p95_ms": None, "p99_ms": None,
                        "reason": "2 calls: the 95th percentile needs 20, the 99th 100"},
            "throughput": {"rows": 1000, "calls": 1, "rows_per_s": round(1000 / seconds, 1)},
        },
    }  # fmt: skip


def evaluation(*, toxicity: float | None = 0.004, half: float = 0.003, kind: str = "llm_evaluation") -> Payload:
    """What an evaluation of a language model elsewhere found."""
    rows = [
        ("toxicity", "Answers that a classifier calls toxic", a_number(toxicity, half, n=1000), "lower", None),
        ("groundedness", "Claims that the sources hold", a_number(0.93, 0.02, n=1000), "higher", None),
        ("latency", "Time to the first word", a_number(0.8, 0.1, n=1000), "lower", "seconds"),
    ]
    return {
        "type": "evaluation/v1",
        "kind": kind,
        "tool": {"name": "promptfoo", "version": "0.118.0"},
        "performed_on": "2026-11-20",
        "n": 1000,
        "method": {"prompts": "1,000 drawn from those of the pilot", "interval": "Wilson score, 95 %"},
        "results": [
            {"name": name, "title": title, "number": number, "better": better, "unit": unit}
            for name, title, number, better, unit in rows
        ],
        "findings": {"critical": 0, "high": 1, "medium": 2, "low": 5},
        "limitations": "English prompts only.",
    }


def data_quality(*, leaked: int | None = 0, twice: int = 0, complete: bool = True) -> Payload:
    """Sound evaluation data; ``leaked`` None is data without declared training rows."""

    def part(rows: int, n: int = ROWS) -> Payload:
        return a_number(rows / n, n=n, denominator=n)

    def column(name: str, role: str, *, number: bool, sensitive: bool = False, missing: int = 0) -> Payload:
        feature = role == "feature"
        return {
            "column": name,
            "role": role,
            "sensitive": sensitive,
            "kind": "number" if number else "text",
            "type": "double" if number else "string",
            "expected": ("double" if number else "string") if feature else None,
            "fits": True if feature else None,
            "missing": part(missing),
            "constant": False,
            "infinite": 0,
            "different": 40 if number else 4,
            "low": 4.0 if number else None,
            "high": 60.0 if number else None,
            "outside": part(1) if feature and number else None,
            "unseen": part(0) if feature and not number else None,
            "unseen_categories": 0 if feature and not number else None,
        }

    numbers = {"duration_months", "credit_amount", "age_years"}
    columns = [column(name, "feature", number=name in numbers) for name in FEATURES]
    columns += [column(name, "other", number=False, sensitive=True) for name in ("sex", "age_group")]
    columns.append(column("credit_risk", "label", number=False))
    leakage = a_number(None, reason="the run declared no training data") if leaked is None else part(leaked)
    terms = {"lawful_basis": "AI Act Article 10(5)", "access_role": "data_protection_officer"}
    groups = {"sex": (("male", 207), ("female", 93)), "age_group": (("26 to 60", 232), ("25 or under", 52))}
    return a_head("data_quality/v1", "pandas", "3.0.6", 0.0) | {
        "dataset": {"digest": a_digest("evaluation"), "bytes": 19_402, "checked": True},
        "signature": True,
        "columns": columns,
        "missing_columns": [],
        "extra_columns": [],
        "duplicates": part(twice),
        "conflicting": part(0),
        "leakage": leakage,
        "training": None
        if leaked is None
        else {"digest": a_digest("training"), "rows": 700, "false_match_chance": 1.1e-14},
        "label": {
            "column": "credit_risk",
            "task": "binary",
            "classes": [
                {"label": label, "share": a_number(n / ROWS, 0.05, denominator=ROWS)}
                for label, n in (("bad", 90), ("good", 210))
            ],
            "not_named": 0,
        },
        "groups": [
            {
                "feature": feature,
                "groups": [
                    {"group": name, "share": a_number(n / ROWS, 0.05, denominator=ROWS), "small": n < 100}
                    for name, n in rows
                ],
                "not_named": 0,
            }
            for feature, rows in groups.items()
        ],
        "min_share": 0.05,
        "sensitive": [
            {
                "column": name,
                **(terms if complete else dict.fromkeys(terms)),
                "delete_by": "2028-11-24" if complete else None,
                "complete": complete,
            }
            for name in groups
        ],
    }
