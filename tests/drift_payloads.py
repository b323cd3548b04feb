"""Sample payloads of ``drift/v1``."""

from __future__ import annotations

from tests.payloads import Payload, a_digest, a_head


def drift(*, version: str = "1") -> Payload:
    """Drift of what serves now: nothing moved."""
    rows = [
        ("credit_amount", "numeric", 0.12, 0.06),
        ("purpose", "categorical", 0.07, 0.04),
        ("duration_months", "numeric", 0.05, 0.03),
    ]
    columns = [
        {
            "column": name,
            "kind": kind,
            "method": "psi",
            "value": value,
            "low": value - half,
            "high": value + half,
            "watch": 0.1,
            "limit": 0.2,
            "p_adjusted": 0.2,
            "outcome": "stable",
            "distances": {"psi": value},
            "evidently": value + 0.003,
            "difference": 0.003,
        }
        for name, kind, value, half in rows
    ]
    return (
        a_head("drift/v1", "evidently", "0.7.23", 0.003)
        | {
            "monitor": "credit-risk weekly",
            "version": version,
            "columns": columns,
            "window": {"start": "2026-11-16T00:00:00.000000Z", "end": "2026-11-22T23:59:59.000000Z", "n": 400},
            "reference": {"n": 700, "digest": a_digest("reference")},
        }
        | drift_parts(columns)
    )


def drift_parts(columns: list[Payload], *, signals: list[Payload] | None = None) -> Payload:
    """What of a drift payload follows from its columns, and what it was judged by."""
    limits = {"watch": 0.1, "limit": 0.2}
    drifted = sum(column["outcome"] == "drift" for column in columns)
    watched = sum(column["outcome"] == "watch" for column in columns)
    quiet = {
        "signal": "volume", "column": None, "value": 1.1, "low": None, "high": None, "n": 400, "watch": 2.0,
        "limit": None, "outcome": "stable",
    }  # fmt: skip
    return {
        "settings": {
            "numeric": limits | {"method": "psi"},
            "categorical": limits | {"method": "psi"},
            "missing": limits,
            "new_categories": limits,
            "volume": {"least": 0.5, "most": 2.0, "same_weekday": False},
            "fdr": 0.01,
            "min_n": 100,
            "share": None,
            "sampling": {"sample": 5000, "bins": 10},
        },
        "signals": [quiet] if signals is None else signals,
        "drifted": drifted,
        "watched": watched,
        "dataset_drift": drifted > 0,
        "severity": "breach" if drifted else "watch" if watched else "none",
    }


def besides() -> list[Payload]:
    """Signals of what a policy names besides columns, one of each, with every outcome."""

    def figure(value: float, half: float, n: int) -> Payload:
        return {"value": value, "low": value - half, "high": value + half, "n": n}

    def row(
        signal: str, column: str | None, value: float, half: float, n: int, outcome: str, **more: object
    ) -> Payload:
        ends = {"value": value, "low": value - half, "high": value + half}
        p = {"breach": 0.0004, "watch": 0.003}.get(outcome, 0.4)
        return {"signal": signal, "column": column, **ends, "n": n, "p_adjusted": p, "outcome": outcome, **more}

    week = {"start": "2026-10-17T00:00:00.000000Z", "end": "2026-10-23T23:59:59.000000Z"}
    labels = {"labelled": 260, "coverage": 0.65, "window": week}
    groups = {
        "group": "female", "against": "male", "current": figure(0.48, 0.07, 180), "reference": figure(0.61, 0.06, 220),
    }  # fmt: skip
    return [
        row("latency", "latency_ms", 312.0, 21.0, 400, "watch", watch=250.0, limit=500.0, quantile=0.95),
        row(
            "kpi", "margin", 6.1, 2.2, 400, "breach", watch=2.0, limit=5.0, better="higher", windows=9,
            current=figure(23.9, 0.8, 400), reference={"value": 30.0, "low": None, "high": None, "n": 9},
        ),
        row(
            "performance", None, 0.012, 0.03, 260, "stable", watch=0.03, limit=0.08, metric="roc_auc", **labels,
            current=figure(0.77, 0.03, 260), reference=figure(0.782, 0.02, 700),
        ),
        row(
            "estimated_performance", None, 0.021, 0.018, 400, "stable", watch=0.03, limit=0.08, metric="accuracy",
            estimate=True, calibration={"expected": 0.744, "observed": 0.739, "error": 0.021},
            current=figure(0.723, 0.014, 400), reference=figure(0.744, 0.011, 700),
        ),
        row("selection_ratio", "sex", 0.79, 0.1, 180, "breach", watch=0.9, limit=0.8, **groups),
        row("selection_difference", "sex", 0.13, 0.09, 180, "watch", watch=0.1, limit=0.2, **groups),
        row("tpr_difference", "sex", 0.04, 0.08, 90, "stable", watch=0.1, limit=0.2, **groups, **labels),
    ]  # fmt: skip
