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
