"""How what is served does for those who use it: how long answers take, what becomes of figures of the business. Pure.

Neither has a reference of its own. Latency is held against what the policy allows. A KPI is held against the mean of
the windows of the same version before it, not against the reference rows, which nobody served: it moves with seasons
and prices as well, so what counts is whether this window is one of those windows' kind. That they differ by themselves
is in the test: it asks for a further window, not for further rows.
"""

from __future__ import annotations

import math
import statistics as plain
from collections.abc import Iterator, Sequence
from typing import Any

from governance.policy.watching import Kpi, Latency
from monitoring import estimates
from monitoring.distributions import binomial_sf, student_quantile, student_sf
from monitoring.drift_settings import DriftSettings
from monitoring.intake_settings import LATENCY
from monitoring.served import Floats, Served
from monitoring.signal_rows import Signal, figure, undefined
from monitoring.statistics import CONFIDENCE

FEWEST_BEFORE = 3
SMALLEST = 1e-9


def of_serving(served: Served, settings: DriftSettings) -> Iterator[Signal]:
    """Yield the signals that the policy names and the records have columns for."""
    if settings.latency and served.latency is not None:
        yield _latency(served.latency, settings.latency, min_n=settings.min_n)
    for kpi in settings.kpis:
        if kpi.name in served.kpis:
            yield _kpi(served.kpis[kpi.name], served.before.get(kpi.name, ()), kpi, min_n=settings.min_n)


def _latency(values: Floats, terms: Latency, *, min_n: int) -> Signal:
    """Return a quantile of the latencies; tested is that no more of them reach ``watch`` than the quantile allows."""
    n, facts = values.size, {"quantile": terms.quantile}
    if n < min_n:
        reason = f"Fewer than {min_n} records with a latency."
        return undefined("latency", LATENCY, terms, n=n, reason=reason, **facts)
    found = estimates.quantile(values, terms.quantile)
    slow = int((values >= terms.watch).sum())
    return Signal(
        "latency",
        LATENCY,
        found.value,
        n,
        terms.watch,
        terms.limit,
        low=found.interval.low,
        high=found.interval.high,
        p=binomial_sf(slow, n, 1 - terms.quantile),
        facts=facts,
    )


def _kpi(values: Floats, before: Sequence[float], terms: Kpi, *, min_n: int) -> Signal:
    """Return by how much the mean of a KPI is worse than the mean of the windows before.

    Interval and test are those of one further window (a prediction interval): windows vary around their mean with the
    spread of those before, or with the error of this one's mean where that is more.
    """
    n, earlier = values.size, list(before)
    facts: dict[str, Any] = {"better": terms.better, "windows": len(earlier)}
    if n < max(min_n, 2):
        reason = f"Fewer than {min_n} records with a {terms.name}."
        return undefined("kpi", terms.name, terms, n=n, reason=reason, **facts)
    now = estimates.mean(values)
    facts["current"] = figure(now.value, now.interval, n)
    if len(earlier) < FEWEST_BEFORE:
        reason = f"Fewer than {FEWEST_BEFORE} windows of this version before it have a mean to compare with."
        return undefined("kpi", terms.name, terms, n=n, reason=reason, **facts)
    usual, freedom = plain.fmean(earlier), len(earlier) - 1
    worse = usual - now.value if terms.better == "higher" else now.value - usual
    spread = max(plain.stdev(earlier), now.se) * math.sqrt(1 + 1 / len(earlier))
    half = student_quantile((1 + CONFIDENCE) / 2, freedom) * spread
    same = 1.0 if abs(worse) < SMALLEST * max(1.0, abs(usual)) else 0.0
    return Signal(
        "kpi",
        terms.name,
        worse,
        n,
        terms.watch,
        terms.limit,
        low=worse - half,
        high=worse + half,
        p=2 * student_sf(abs(worse) / spread, freedom) if spread else same,
        facts=facts | {"reference": figure(usual, (math.nan, math.nan), len(earlier))},
    )
