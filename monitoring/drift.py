"""Say whether a window has drifted from its reference, column by column and beside them, as a ``drift/v1`` payload."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version as installed
from typing import Any

from governance.common.clock import rfc3339
from monitoring import group_signals, measures, score_signals, serving_signals, signals, statistics
from monitoring.crosscheck_result import CrossCheck
from monitoring.drift_settings import DriftSettings
from monitoring.errors import InvalidProfile
from monitoring.measures import Measured
from monitoring.method import method
from monitoring.profiles import ReferenceProfile, WindowProfile
from monitoring.served import Served

Json = dict[str, Any]


def compute(
    reference: ReferenceProfile,
    window: WindowProfile,
    settings: DriftSettings,
    *,
    monitor: str,
    version: str,
    start: datetime,
    end: datetime,
    seed: int = 0,
    crosscheck: CrossCheck | None = None,
    before: Sequence[int] | None = (),
    deleted_days: Sequence[str] = (),
    served: Served | None = None,
) -> Json:
    """Return the ``drift/v1`` payload of one window.

    Args:
        reference, window: profiles over the same bins.
        monitor, version: whose traffic the window is; ``credit-risk/2``.
        start, end: the window, ``start`` included, ``end`` not.
        seed: that drew the sample for the cross-check.
        crosscheck: Evidently's figures for the same columns; None leaves them null.
        before: records in the windows before it that its volume is compared with, newest first; None where the
            version served in a part of the window only.
        deleted_days: days of the window, ISO 8601, of which records were deleted since their time had passed.
        served: what else was read of the window's records; None measures columns and volume alone.
    Raises:
        InvalidProfile: the window was counted against another reference.
    """
    if window.reference_digest != reference.digest:
        raise InvalidProfile("The window was counted against another reference; profile it again.")
    measured = [
        measures.measure(
            column,
            counts,
            settings.numeric if column.kind == "numeric" else settings.categorical,
            reference_n=reference.n,
            min_n=settings.min_n,
        )
        for column, counts in zip(reference.columns, window.columns, strict=True)
    ]
    beside = signals.of_columns(reference, window, settings, before=before, deleted=bool(deleted_days))
    if served is not None:
        beside += [
            *serving_signals.of_serving(served, settings),
            *score_signals.of_scores(served, settings),
            *group_signals.of_groups(served, settings),
        ]
    # A window has one rate of false alarms: whatever was tested counts.
    quiet = signals.quiet_tests(reference, window, settings)
    tests = [*(column.p for column in measured), *(None if signal.reason else signal.p for signal in beside)]
    adjusted = statistics.benjamini_hochberg([*tests, *[1.0] * quiet])
    columns = [
        _column(found, p, reference_n=reference.n, settings=settings, crosscheck=crosscheck)
        for found, p in zip(measured, adjusted[: len(measured)], strict=True)
    ]
    rows = [
        signal.row(p, fdr=settings.fdr) for signal, p in zip(beside, adjusted[len(measured) : len(tests)], strict=True)
    ]
    drifted = sum(column["outcome"] == "drift" for column in columns)
    needed = 1 if settings.share is None else math.ceil(settings.share * len(columns) - 1e-9)
    payload: Json = {
        "type": "drift/v1",
        "n": window.n,
        "method": method(row["signal"] for row in rows),
        "libraries": {name: installed(name) for name in ("numpy", "duckdb", "ibis-framework")},
        "seed": seed,
        "reference_check": {
            "library": "evidently",
            "version": crosscheck.version if crosscheck else None,
            "max_difference": crosscheck.max_difference if crosscheck else None,
            "tolerance": crosscheck.tolerance if crosscheck else None,
        },
        "monitor": monitor,
        "version": version,
        "window": {"start": rfc3339(start), "end": rfc3339(end), "n": window.n}
        | ({"deleted_days": list(deleted_days)} if deleted_days else {}),
        "reference": {"n": reference.n, "digest": reference.digest},
        "settings": settings.to_json(),
        "columns": columns,
        "signals": rows,
        "drifted": drifted,
        "watched": sum(column["outcome"] == "watch" for column in columns),
        "dataset_drift": drifted > 0 and drifted >= needed,
    }
    return payload | {"severity": severity_of(payload)}


def severity_of(payload: Json) -> str:
    """Return how grave a window is: ``breach``, ``watch`` or ``none``.

    Columns in breach that are fewer than the policy's share, and anything to be watched, make a ``watch``.
    """
    outcomes = {row["outcome"] for row in (*payload["columns"], *payload["signals"])}
    if payload["dataset_drift"] or "breach" in outcomes:
        return "breach"
    return "watch" if outcomes & {"drift", "watch"} else "none"


def _column(
    found: Measured,
    p_adjusted: float | None,
    *,
    reference_n: int,
    settings: DriftSettings,
    crosscheck: CrossCheck | None,
) -> Json:
    outcome = measures.outcome_of(
        value=found.value,
        p_adjusted=p_adjusted,
        n=found.n,
        reference_n=reference_n,
        by=found.measure,
        fdr=settings.fdr,
        min_n=settings.min_n,
    )
    reason = found.reason
    if outcome == "insufficient" and not reason:
        reason = "At or above the limit, but it can not be told from chance."
    beside = crosscheck.columns.get(found.column.name) if crosscheck else None
    return {
        "column": found.column.name,
        "kind": found.column.kind,
        "method": found.measure.method,
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "watch": found.measure.watch,
        "limit": found.measure.limit,
        "p_adjusted": p_adjusted,
        "outcome": outcome,
        "distances": found.distances or {},
        "evidently": beside.evidently if beside else None,
        "difference": beside.difference if beside else None,
        **({"reason": reason} if reason else {}),
    }
