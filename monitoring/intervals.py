"""Score intervals for one proportion, a difference and a ratio of two, and what many comparisons ask for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

Z95 = 1.959963984540054  # the 97.5 % quantile of the standard normal distribution


def wilson(events: int, trials: int, *, z: float = Z95) -> tuple[float, float]:
    """Return the score interval of a proportion, within 0 to 1.

    Raises:
        ValueError: ``trials`` is 0, or ``events`` is not between 0 and ``trials``.
    Source: Wilson (1927), J. Am. Stat. Assoc. 22(158), 209-212.
    """
    if trials <= 0 or not 0 <= events <= trials:
        msg = f"{events} events in {trials} trials: not a proportion."
        raise ValueError(msg)
    p = events / trials
    centre = p + z * z / (2 * trials)
    half = z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    low = 0.0 if events == 0 else (centre - half) / scale  # exactly 0 and 1 at the ends, not a rounding error beside
    high = 1.0 if events == trials else (centre + half) / scale
    return max(0.0, low), min(1.0, high)


def newcombe(
    events: int, trials: int, reference_events: int, reference_trials: int, *, z: float = Z95
) -> tuple[float, float]:
    """Return the interval of (proportion - reference proportion), within -1 to 1.

    Source: Newcombe (1998), Statistics in Medicine 17(8), 873-890, method 10 (from two Wilson intervals).
    """
    p, q = events / trials, reference_events / reference_trials
    p_low, p_high = wilson(events, trials, z=z)
    q_low, q_high = wilson(reference_events, reference_trials, z=z)
    low = p - q - math.hypot(p - p_low, q_high - q)
    high = p - q + math.hypot(p_high - p, q - q_low)
    return max(-1.0, low), min(1.0, high)


def ratio(
    events: int, trials: int, reference_events: int, reference_trials: int, *, z: float = Z95
) -> tuple[float, float]:
    """Return the interval of (proportion / reference proportion), 0 or more; NaN, NaN when the reference is 0.

    Source: Donner & Zou (2012), Stat. Methods Med. Res. 21(4), 347-359 (MOVER-R, here from two Wilson intervals, so
        the companion of Newcombe's difference; unlike the log-ratio interval it is defined for 0 events).
    """
    if reference_events == 0:
        return math.nan, math.nan
    p, q = events / trials, reference_events / reference_trials
    p_low, p_high = wilson(events, trials, z=z)
    q_low, q_high = wilson(reference_events, reference_trials, z=z)
    product = p * q
    # The lower limit is written in its conjugate form: the usual one is 0 / 0 when q_high = 2 q.
    inner = product**2 - p_low * q_high * (2 * p - p_low) * (2 * q - q_high)
    low = p_low * (2 * p - p_low) / (product + math.sqrt(max(0.0, inner))) if p_low > 0 else 0.0
    inner = product**2 - p_high * q_low * (2 * p - p_high) * (2 * q - q_low)
    high = (product + math.sqrt(max(0.0, inner))) / (q_low * (2 * q - q_low))
    return low, high


def simultaneous_z(comparisons: int) -> float:
    """Return the normal quantile with which ``comparisons`` intervals hold together 95 times of 100 (Bonferroni).

    Raises:
        ValueError: there is no comparison.
    """
    if comparisons < 1:
        msg = "There is nothing to compare."
        raise ValueError(msg)
    return NormalDist().inv_cdf(1 - 0.025 / comparisons)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for testing them all (family-wise error), in the given order, each 0 to 1.

    Source: Holm (1979), Scand. J. Statist. 6(2), 65-70.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted
