"""Shares of rows with their interval, as evidence payloads write them."""

from __future__ import annotations

from reports import payload


def share(events: int, n: int, *, reason: str = "no row to count") -> payload.Payload:
    """Return ``events / n`` with its 95 % score interval, ``denominator`` n; undefined, with the reason, where n is 0.

    Raises:
        ValueError: ``events`` is not between 0 and ``n``.
    Source: Wilson (1927), J. Am. Stat. Assoc. 22(158), 209-212, as SciPy computes it.
    """
    from scipy.stats import binomtest

    if n == 0:
        return payload.undefined(reason, n=0, denominator=0)
    if not 0 <= events <= n:
        msg = f"{events} of {n} rows is no share."
        raise ValueError(msg)
    interval = binomtest(int(events), int(n)).proportion_ci(confidence_level=payload.CONFIDENCE, method="wilson")
    low = 0.0 if events == 0 else float(interval.low)  # exactly 0 and 1 at the ends, not a rounding error beside
    high = 1.0 if events == n else float(interval.high)
    return payload.number(events / n, low, high, n=n, denominator=n)


def counted(events: int, n: int, *, reason: str = "no row to count") -> payload.Payload:
    """Return ``events / n`` of a count over all the rows there are: nothing was drawn, so it has no interval."""
    if n == 0:
        return payload.undefined(reason, n=0, denominator=0)
    return payload.number(events / n, n=n, denominator=n)
