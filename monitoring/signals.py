"""What the columns of a window show beside their shape: values that go missing, categories never seen, volume. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

from monitoring import statistics
from monitoring.distributions import normal_quantile, wilson
from monitoring.drift_settings import DriftSettings
from monitoring.kept import CategoryCounts
from monitoring.profiles import ReferenceProfile, WindowProfile
from monitoring.signal_rows import Signal
from monitoring.statistics import CONFIDENCE

Z = normal_quantile((1 + CONFIDENCE) / 2)
WINDOWS_BEFORE = 8
FEWEST_BEFORE = 3
FURTHEST = 40.0
"""Normal deviates; beyond that p is 0 in floating point."""


def of_columns(
    reference: ReferenceProfile,
    window: WindowProfile,
    settings: DriftSettings,
    *,
    before: Sequence[int] | None,
    deleted: bool = False,
) -> list[Signal]:
    """Return the signals of a window's columns, and of how many records it has.

    Args:
        before: records in the windows before it that it is compared with, newest first; None where the version
            served in a part of the window only.
        deleted: records of the window were deleted since their time had passed.
    """
    volume = _volume(window.n, settings, before, deleted=deleted)
    if not window.n or not reference.n:
        return [volume]
    return [
        *_rises(reference, window, settings),
        *_new_categories(reference, window, settings),
        volume,
    ]


def _rises(reference: ReferenceProfile, window: WindowProfile, settings: DriftSettings) -> Iterator[Signal]:
    """Yield how the share of missing values changed, by column, of those with any."""
    few = few_rows(reference.n, window.n, settings)
    for known, seen in zip(reference.columns, window.columns, strict=True):
        if not known.counts.missing and not seen.missing:
            continue
        change = statistics.missing_rate_change(
            reference_missing=known.counts.missing,
            reference_n=reference.n,
            current_missing=seen.missing,
            current_n=window.n,
        )
        yield Signal(
            "missing",
            known.name,
            change.difference,
            window.n,
            settings.missing.watch,
            settings.missing.limit,
            low=change.low,
            high=change.high,
            p=None if few else change.p,
            reason=few,
        )


def _new_categories(reference: ReferenceProfile, window: WindowProfile, settings: DriftSettings) -> Iterator[Signal]:
    """Yield each column with texts that the reference has not.

    Some are to be expected: by Good and Turing the share of rows with a text never seen is about that of the texts seen
    once in the reference. ``others`` are rows whose text has no name, since too few records of its day have it.
    """
    few = few_rows(reference.n, window.n, settings)
    for known, seen in zip(reference.columns, window.columns, strict=True):
        if not isinstance(known.counts, CategoryCounts) or not isinstance(seen, CategoryCounts):
            continue
        new = {name: n for name, n in seen.counts.items() if name not in known.counts.counts}
        rows = sum(new.values()) + seen.other
        if not rows:
            continue
        share = wilson(rows, window.n, Z)
        once = sum(n == 1 for n in known.counts.counts.values())
        yield Signal(
            "new_categories",
            known.name,
            rows / window.n,
            window.n,
            settings.new_categories.watch,
            settings.new_categories.limit,
            low=share.low,
            high=share.high,
            p=None if few else unseen_p(rows, window.n, once=once, reference_n=reference.n),
            reason=few,
            facts={
                "categories": sorted(new, key=lambda name: (-new[name], name))[:10],
                "more": max(0, len(new) - 10),
                "others": seen.other,
            },
        )


def unseen_p(rows: int, n: int, *, once: int, reference_n: int) -> float:
    """Return the p-value of "no more rows have a text never seen than the reference lets expect", 0..1.

    Both shares are estimates, and that of the reference one of Good and Turing, whose rows are not independent draws of
    it. So the test is the cautious one of two intervals that do not meet: the p-value is what both may miss together
    when they only just do not.

    Args:
        rows: of the window's ``n``, with a text that the reference has not.
        once: texts that stand in exactly one of the reference's ``reference_n`` rows.
    Source: Good (1953), Biometrika 40(3/4); Wilson (1927).
    """
    if rows / n <= once / reference_n:
        return 1.0
    apart, together = 0.0, FURTHEST
    for _ in range(60):
        middle = (apart + together) / 2
        part = wilson(rows, n, middle).low > wilson(once, reference_n, middle).high
        apart, together = (middle, together) if part else (apart, middle)
    return math.erfc(apart / math.sqrt(2))


def _volume(n: int, settings: DriftSettings, before: Sequence[int] | None, *, deleted: bool) -> Signal:
    """Return the records of the window as a multiple of the median of those before.

    It stands outside the tests: all records were counted, so there is no sampling whose chance could be ruled out, and
    how much weeks differ by themselves can't be learnt from the eight at most that are compared (Poisson's law would
    call any holiday certain; with three windows no test could reject at all). The policy's bounds say how much they may
    differ, and so it is watched only, and never a breach.

    None at all is to be watched however long it has been so, but on days of the week on which there never are any.
    """
    terms = settings.volume
    usual = median(before[:WINDOWS_BEFORE]) if before is not None and len(before) >= FEWEST_BEFORE else None
    ratio = n / usual if usual else None
    reason, judged = "", "stable"
    if deleted:
        ratio, reason = None, "Days of the window were deleted, since their time had passed; what is left was measured."
    elif before is None:
        reason = "The version served in a part of the window only."
    elif not n and not (terms.same_weekday and usual == 0):
        ratio, judged = (0.0 if ratio is None else ratio), "watch"
    elif n and ratio is None:
        kind = "windows that began on the same day of the week" if terms.same_weekday else "windows of this length"
        reason = f"Fewer than {FEWEST_BEFORE} {kind} before it."
    elif ratio is not None and not terms.least <= ratio <= terms.most:
        judged = "watch"
    return Signal(
        "volume",
        None,
        ratio,
        n,
        terms.most,
        None,
        reason=reason,
        judged=judged,
        facts={"least": terms.least},
    )


def quiet_tests(reference: ReferenceProfile, window: WindowProfile, settings: DriftSettings) -> int:
    """Return how many columns were tested for texts never seen, and have none: they count among the tests of a window.

    A column whose every text stands in several rows of the reference could not have failed, and does not count.
    """
    if few_rows(reference.n, window.n, settings):
        return 0
    return sum(
        isinstance(known.counts, CategoryCounts)
        and isinstance(seen, CategoryCounts)
        and 1 in known.counts.counts.values()
        and not seen.other
        and seen.counts.keys() <= known.counts.counts.keys()
        for known, seen in zip(reference.columns, window.columns, strict=True)
    )


def few_rows(reference_n: int, n: int, settings: DriftSettings) -> str:
    """Return why a figure can't be judged where a side has too few rows; empty where both have enough."""
    enough = min(reference_n, n) >= settings.min_n
    return "" if enough else f"Fewer than {settings.min_n} rows in the window or the reference."
