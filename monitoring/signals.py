"""What a window shows beside the shape of its columns: values that go missing, categories never seen, volume. Pure.

Each signal is one figure with its limits and an outcome: ``stable``, ``watch``, ``breach`` or ``insufficient``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from governance.policy.watching import Limits
from monitoring import statistics
from monitoring.distributions import normal_quantile, wilson
from monitoring.drift_settings import DriftSettings
from monitoring.profiles import CategoryCounts, ReferenceProfile, WindowProfile
from monitoring.statistics import CONFIDENCE, RateChange

Json = dict[str, Any]
Z = normal_quantile((1 + CONFIDENCE) / 2)
WINDOWS_BEFORE = 8
FEWEST_BEFORE = 3


def rises(reference: ReferenceProfile, window: WindowProfile) -> dict[str, RateChange]:
    """Return how the share of missing values changed, by column, of those with any; empty for an empty window."""
    if not window.n or not reference.n:
        return {}
    return {
        known.name: statistics.missing_rate_change(
            reference_missing=known.counts.missing,
            reference_n=reference.n,
            current_missing=seen.missing,
            current_n=window.n,
        )
        for known, seen in zip(reference.columns, window.columns, strict=True)
        if known.counts.missing or seen.missing
    }


def signals(
    reference: ReferenceProfile,
    window: WindowProfile,
    settings: DriftSettings,
    *,
    missing: Mapping[str, tuple[RateChange, float | None]],
    before: Sequence[int] | None,
) -> list[Json]:
    """Return the signals of a window.

    Args:
        missing: by column, what :func:`rises` found, and its p adjusted together with those of all columns: a window
            has one rate of false alarms.
        before: records in the windows before it that it is compared with, newest first; None where the version served
            in a part of the window only.
    """
    few = _few(reference.n, window.n, settings)
    rows = [
        _signal(
            "missing",
            name,
            value=change.difference,
            low=change.low,
            high=change.high,
            n=window.n,
            limits=settings.missing,
            reason=few,
            certain=p is not None and p <= settings.fdr and change.low > 0,
        )
        for name, (change, p) in missing.items()
    ]
    return [*rows, *_new_categories(reference, window, settings), _volume(window.n, settings, before)]


def _new_categories(reference: ReferenceProfile, window: WindowProfile, settings: DriftSettings) -> Iterable[Json]:
    """Each column with texts that the reference has not.

    Some are to be expected: by Good and Turing the share of rows with a text never seen is about that of the texts seen
    once in the reference. Only a share whose interval lies above that one's is certain; those intervals are as wide as
    the number of columns asks for (Bonferroni).
    """
    texts = sum(isinstance(column.counts, CategoryCounts) for column in reference.columns)
    wide = normal_quantile(1 - settings.fdr / (2 * max(texts, 1)))
    for known, seen in zip(reference.columns, window.columns, strict=True):
        if not isinstance(known.counts, CategoryCounts) or not isinstance(seen, CategoryCounts):
            continue
        new = {name: n for name, n in seen.counts.items() if name not in known.counts.counts}
        if not new:
            continue
        rows = sum(new.values())
        share = wilson(rows, window.n, Z)
        once = sum(n == 1 for n in known.counts.counts.values())
        yield _signal(
            "new_categories",
            known.name,
            value=rows / window.n,
            low=share.low,
            high=share.high,
            n=window.n,
            limits=settings.new_categories,
            reason=_few(reference.n, window.n, settings),
            certain=wilson(rows, window.n, wide).low > wilson(once, reference.n, wide).high,
        ) | {"categories": sorted(new, key=lambda name: (-new[name], name))[:10], "more": max(0, len(new) - 10)}


def _volume(n: int, settings: DriftSettings, before: Sequence[int] | None) -> Json:
    """Records of the window as a multiple of the median of those before; it has no interval, all were counted.

    None at all is to be watched however long it has been so, but on days of the week on which there never are any.
    """
    terms = settings.volume
    usual = median(before[:WINDOWS_BEFORE]) if before is not None and len(before) >= FEWEST_BEFORE else None
    ratio = n / usual if usual else None
    outcome, reason = "insufficient", ""
    if before is None:
        reason = "The version served in a part of the window only."
    elif not n:
        expected = terms.same_weekday and usual == 0
        outcome, reason = ("stable", "") if expected else ("watch", "No record came in.")
    elif ratio is None:
        kind = "windows that began on the same day of the week" if terms.same_weekday else "windows of this length"
        reason = f"Fewer than {FEWEST_BEFORE} {kind} before it."
    else:
        outcome = "stable" if terms.least <= ratio <= terms.most else "watch"
    return {
        "signal": "volume",
        "column": None,
        "value": ratio,
        "low": None,
        "high": None,
        "n": n,
        "watch": terms.most,
        "limit": None,
        "outcome": outcome,
        **({"reason": reason} if reason else {}),
    }


def _signal(
    name: str,
    column: str,
    *,
    value: float,
    low: float,
    high: float,
    n: int,
    limits: Limits,
    reason: str,
    certain: bool,
) -> Json:
    outcome = "stable"
    if reason:
        outcome = "insufficient"
    elif value >= limits.watch:
        outcome = ("breach" if value >= limits.limit else "watch") if certain else "insufficient"
        reason = "" if certain else "At or above the limit, but it can not be told from chance."
    return {
        "signal": name,
        "column": column,
        "value": value,
        "low": low,
        "high": high,
        "n": n,
        "watch": limits.watch,
        "limit": limits.limit,
        "outcome": outcome,
        **({"reason": reason} if reason else {}),
    }


def _few(reference_n: int, n: int, settings: DriftSettings) -> str:
    enough = min(reference_n, n) >= settings.min_n
    return "" if enough else f"Fewer than {settings.min_n} rows in the window or the reference."
