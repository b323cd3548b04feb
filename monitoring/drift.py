"""Say whether a window has drifted from its reference, column by column and beside them, as a ``drift/v1`` payload."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version as installed
from typing import Any

from governance.common.clock import rfc3339
from monitoring import measures, signals, statistics
from monitoring.crosscheck_result import CrossCheck
from monitoring.drift_settings import DriftSettings
from monitoring.errors import InvalidProfile
from monitoring.measures import Measured
from monitoring.profiles import ReferenceProfile, WindowProfile

Json = dict[str, Any]

METHOD = {
    "psi": "Population stability index in nats; numeric columns cut at quantiles of the reference, categories counted "
    "exactly, categories with fewer than 5 reference rows together, missing values as a bin of their own. Interval: "
    "test inversion of a scaled non-central chi-square; the value itself is biased upward by about "
    "(bins - 1) * (1/n + 1/m).",
    "jensen_shannon": "Jensen-Shannon distance over the same bins, 0 to 0.83. Interval: basic bootstrap.",
    "kolmogorov_smirnov": "Largest gap of the distribution functions at 100 quantiles of the reference; the exact gap "
    "is larger by the bound at most. Interval: bands of Dvoretzky, Kiefer and Wolfowitz.",
    "wasserstein": "First Wasserstein distance in standard deviations of the reference, from 100 bins. Interval: basic "
    "bootstrap.",
    "p_adjusted": "Chi-square test of homogeneity for psi and jensen_shannon, Kolmogorov-Smirnov test for the others; "
    "Benjamini-Hochberg over all columns of the window and their shares of missing values.",
    "outcome": "drift: value at or above the limit and p_adjusted at or below fdr; watch: likewise from watch on. "
    "insufficient: too few rows, or at or above the limit without significance.",
    "missing": "Rise of the share of missing values; interval: Newcombe's method 10; p: two proportions, adjusted with "
    "those of the columns.",
    "new_categories": "Share of records with a text that the reference has not, Wilson's interval; certain above what "
    "Good and Turing's estimate lets expect, at fdr over all columns of texts.",
    "volume": "Records as a multiple of the median of up to 8 windows of the same length before it, at least 3.",
    "difference": "Our formula on Evidently's bins minus Evidently's figure.",
}


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
    rises = signals.rises(reference, window)
    adjusted = statistics.benjamini_hochberg([*(column.p for column in measured), *(r.p for r in rises.values())])
    columns = [
        _column(found, p, reference_n=reference.n, settings=settings, crosscheck=crosscheck)
        for found, p in zip(measured, adjusted[: len(measured)], strict=True)
    ]
    missing = dict(zip(rises, zip(rises.values(), adjusted[len(measured) :], strict=True), strict=True))
    beside = signals.signals(reference, window, settings, missing=missing, before=before)
    drifted = sum(column["outcome"] == "drift" for column in columns)
    needed = 1 if settings.share is None else math.ceil(settings.share * len(columns) - 1e-9)
    payload: Json = {
        "type": "drift/v1",
        "n": window.n,
        "method": METHOD,
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
        "window": {"start": rfc3339(start), "end": rfc3339(end), "n": window.n},
        "reference": {"n": reference.n, "digest": reference.digest},
        "settings": settings.to_json(),
        "columns": columns,
        "signals": beside,
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
