"""Invented fairness/v1 payloads for the pages: every state that a group can be in, and a regression."""

from __future__ import annotations

from typing import Any

Payload = dict[str, Any]
TIMES = "\N{MULTIPLICATION SIGN}"
WHY = {
    "small": "fewer than 10 people",
    "withheld": "withheld, so that nobody can work out a cell of fewer than 10 people",
    "inside": "withheld, as one of its groups is",
}
RATES = ("selection_rate", "tpr", "fpr", "fnr", "precision", "accuracy", "base_rate", "mean_score", "calibration_gap")
PAIRS = ("selection_ratio", "tpr_difference", "fpr_difference", "fnr_difference", "precision_difference")


def _figure(value: float, half: float, n: int, **more: Any) -> Payload:
    return {"value": value, "low": value - half, "high": value + half, "n": n, "interval": "bootstrap"} | more


def _hidden(state: str) -> Payload:
    return {"value": None, "low": None, "high": None, "n": None, "suppressed": True, "reason": WHY[state]}


def _group(name: str, n: int, selected: float, ratio: float | None, *, total: int = 300, **more: Any) -> Payload:
    half = 0.9 / n**0.5
    rates = {"selection_rate": selected, "tpr": min(0.97, selected + 0.14), "fpr": max(0.02, selected - 0.35)}
    out: Payload = {"group": name, "n": n, "share": n / total, "state": "shown", "compared": ratio is not None}
    out |= {rate: _figure(value, half, n, denominator=max(1, round(n * 0.7))) for rate, value in rates.items()}
    out["fnr"] = _figure(1 - rates["tpr"], half, n, denominator=round(n * 0.7))
    out |= {rate: _figure(0.78, half, n, denominator=n) for rate in ("precision", "accuracy", "base_rate")}
    out["mean_score"] = {"value": 0.7, "low": None, "high": None, "n": n}
    out["calibration_gap"] = _figure(0.02, half, n)
    out["ece"] = {"value": 0.061, "low": None, "high": None, "n": n}
    if ratio is None:
        return out | dict.fromkeys(PAIRS) | {"p_adjusted": None} | more
    out["selection_ratio"] = _figure(ratio, 2 * half, n, simultaneous=[ratio - 3 * half, ratio + 3 * half])
    out |= {pair: _figure(-0.04, 1.5 * half, n) for pair in PAIRS[1:]}
    return out | {"p_adjusted": 0.41} | more


def _not_shown(name: str, state: str, **more: Any) -> Payload:
    hidden = {rate: _hidden(state) for rate in (*RATES, "ece")}
    none = {"group": name, "n": None, "share": None, "state": state, "compared": False, "p_adjusted": None}
    return none | hidden | dict.fromkeys(PAIRS) | more


def _sweep(groups: list[Payload], reach: float) -> Payload:
    cuts = [round(0.05 * step, 2) for step in range(1, 20)]
    rates = [[round(max(0.0, min(1.0, cut**0.6 - 0.04 * place)), 3) for cut in cuts] for place in range(len(groups))]
    return {
        "thresholds": cuts,
        "own": 8,
        "groups": [
            {"group": group["group"], "selection_rate": rate} for group, rate in zip(groups, rates, strict=True)
        ],
        "worst": {"selection_ratio": [round(reach - 0.3 * (1 - cut) ** 2, 3) for cut in cuts]},
    }


def decisions() -> Payload:
    """A classification by sex and origin: one group too small, one withheld with it, intersections of all states."""
    sex = [_group("male", 207, 0.74, None), _group("female", 93, 0.69, 0.93)]
    origin = [
        _group("here", 180, 0.76, None),
        _group("elsewhere in the country", 66, 0.62, 0.82),
        _group("abroad", 46, 0.36, 0.48),
        _not_shown("not stated", "withheld"),
        _not_shown("stateless", "small"),
    ]
    cells = [_group(f"male {TIMES} here", 124, 0.78, None, of=["male", "here"])]
    cells += [
        _group(f"{a} {TIMES} {b}", n, 0.7, ratio, of=[a, b])
        for a, b, n, ratio in (
            ("female", "here", 56, 0.97),
            ("male", "elsewhere in the country", 47, 0.84),
            ("male", "abroad", 30, 0.5),
        )
    ]
    cells += [_not_shown(f"female {TIMES} {b}", "withheld", of=["female", b]) for b in ("elsewhere in the country",)]
    cells += [_not_shown(f"female {TIMES} abroad", "small", of=["female", "abroad"])]
    cells += [
        _not_shown(f"{a} {TIMES} {b}", "inside", of=[a, b])
        for a in ("male", "female")
        for b in ("not stated", "stateless")
    ]
    return _head("binary", "good", 0.45) | {
        "features": [
            {"feature": "sex", "reference_group": "male", "bins": None, "groups": sex, "sweep": _sweep(sex, 1.02)},
            {"feature": "origin", "reference_group": "here", "bins": None, "groups": origin, "sweep": None},
        ],
        "intersections": [
            {
                "features": ["sex", "origin"],
                "reference_group": f"male {TIMES} here",
                "withheld": None,
                "groups": cells,
            },
            {
                "features": ["sex", "age"],
                "reference_group": f"male {TIMES} 25 and over",
                "withheld": "its small cells can't be hidden one by one",
                "groups": [],
            },
        ],
        "suppression": {"below": 10, "small": 2, "withheld": 6, "tables": 1},
    }


def numbers() -> Payload:
    """A regression by sex."""

    def group(name: str, n: int, residual: float, difference: float | None) -> Payload:
        figures = {
            "mean_residual": residual,
            "mean_prediction": 410.0,
            "prediction_p10": 220.0,
            "prediction_p50": 400.0,
        }
        out: Payload = {"group": name, "n": n, "share": n / 300, "state": "shown", "compared": difference is not None}
        out |= {key: _figure(value, 12.5, n) for key, value in (figures | {"prediction_p90": 640.0}).items()}
        out["residual_difference"] = None if difference is None else _figure(difference, 14.0, n)
        out["prediction_difference"] = None if difference is None else _figure(-18.0, 20.0, n)
        return out | {"p_adjusted": None if difference is None else 0.03}

    hidden = ("mean_residual", "mean_prediction", "prediction_p10", "prediction_p50", "prediction_p90")
    small = {"group": "x", "n": None, "share": None, "state": "small", "compared": False, "p_adjusted": None}
    small |= {key: _hidden("small") for key in hidden} | {"residual_difference": None, "prediction_difference": None}
    groups = [group("male", 207, 4.0, None), group("female", 93, -17.0, -21.0), small]
    return _head("regression", "higher values", None) | {
        "method": {"residual": "predicted - true"},
        "scale": {"value": 131.0, "low": None, "high": None, "n": 300},
        "features": [{"feature": "sex", "reference_group": "male", "bins": None, "groups": groups, "sweep": None}],
        "intersections": [],
        "suppression": {"below": 10, "small": 1, "withheld": 0, "tables": 0},
    }


def _head(task: str, favourable: str, threshold: float | None) -> Payload:
    return {
        "type": "fairness/v1", "n": 300, "seed": 7, "task": task, "favourable_label": favourable,
        "threshold": threshold, "min_share": 0.05, "method": {"rate_interval": "bootstrap"},
        "libraries": {"numpy": "2"},
        "reference_check": {"library": "fairlearn", "version": "0.15.0", "max_difference": 0.0, "tolerance": 1e-12},
    }  # fmt: skip
