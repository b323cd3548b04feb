"""The line that would make a prediction right: intercept and slope with intervals, and Spiegelhalter's test."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from monitoring.intervals import Z95
from reports.resampling import Bools, Floats

LEAST = 1e-6  # a score is taken to lie between this and 1 less this, where its logit is needed
STEPS = 50
FAR = 1e3  # a coefficient beyond it does not exist: the classes are separated


@dataclass(frozen=True)
class Estimate:
    """A coefficient with its 95 % interval; NaN with a reason when the rows do not define it."""

    value: float
    low: float
    high: float
    reason: str = ""

    @classmethod
    def of(cls, value: float, error: float) -> Estimate:
        """Return a coefficient with its normal interval."""
        return cls(value, value - Z95 * error, value + Z95 * error)

    @classmethod
    def missing(cls, reason: str) -> Estimate:
        """Return what is not defined, and why."""
        return cls(math.nan, math.nan, math.nan, reason)


def logits(score: Floats) -> Floats:
    """Return the log odds of a score, which is taken to lie between 1e-6 and 1 - 1e-6."""
    out: Floats = special.logit(np.clip(score, LEAST, 1 - LEAST))
    return out


def logistic(event: Bools, score: Floats) -> tuple[Estimate, Estimate]:
    """Return (intercept, slope) of logistic recalibration, by maximum likelihood, with Wald intervals.

    The slope is that of the event on the logit of the score (1 is right; below 1 the scores are too extreme). The
    intercept is fitted with the slope held at 1 (0 is right; above 0 the scores are too low on the whole).

    Args:
        event: shape (n,). score: shape (n,), 0 to 1.
    Source: Cox (1958), Biometrika 45, 562-565; Van Calster et al. (2016), J. Clin. Epidemiol. 74, 167-176.
    """
    if event.all() or not event.any():
        missing = Estimate.missing(f"no {'row without the event' if event.all() else 'event'} among the rows")
        return missing, missing
    logit = logits(score)
    return _intercept(event, logit), _slope(event, logit)


def linear(observed: Floats, predicted: Floats) -> tuple[Estimate, Estimate]:
    """Return (intercept, slope) of observed on predicted by least squares, with heteroscedasticity-robust intervals.

    Both in the label's unit; right are 0 and 1.

    Source: White (1980), Econometrica 48, 817-838; MacKinnon & White (1985), J. Econometrics 29, 305-325 (HC1).
    """
    n = len(observed)
    centre = float(predicted.mean())
    x = predicted - centre
    spread = float((x * x).sum())
    if n < 3 or spread <= 1e-12 * max(1.0, centre * centre) * n:
        missing = Estimate.missing("all predictions are the same" if n >= 3 else f"{n} rows: at least 3 are needed")
        return missing, missing
    slope = float((x * observed).sum() / spread)
    level = float(observed.mean())
    residual = observed - level - slope * x
    weights = residual * residual * n / (n - 2)
    of_slope = float((weights * x * x).sum()) / spread**2
    of_level = float(weights.sum()) / n**2
    both = float((weights * x).sum()) / (n * spread)
    variance = of_level + centre**2 * of_slope - 2 * centre * both
    intercept = Estimate.of(level - slope * centre, math.sqrt(max(0.0, variance)))
    return intercept, Estimate.of(slope, math.sqrt(of_slope))


def spiegelhalter(event: Bools, score: Floats) -> tuple[float, float]:
    """Return (z, two-sided p) of Spiegelhalter's test that the scores are calibrated; NaN where it is not defined.

    Source: Spiegelhalter (1986), Statistics in Medicine 5(5), 421-433.
    """
    tilt = 1 - 2 * score
    variance = float((tilt * tilt * score * (1 - score)).sum())
    if variance <= 0:
        return math.nan, math.nan
    z = float(((event - score) * tilt).sum()) / math.sqrt(variance)
    return z, math.erfc(abs(z) / math.sqrt(2))


def _intercept(event: Bools, logit: Floats) -> Estimate:
    value = 0.0
    information = 0.0
    for _ in range(STEPS):
        p = special.expit(value + logit)
        information = float((p * (1 - p)).sum())
        if information <= 0:
            break
        step = max(-5.0, min(5.0, float((event - p).sum()) / information))
        value += step
        if abs(step) < 1e-10:
            return Estimate.of(value, 1 / math.sqrt(information))
    return Estimate.missing("no intercept fits: the scores are all 0 or 1")


def _slope(event: Bools, logit: Floats) -> Estimate:
    centre = float(logit.mean())
    x = logit - centre
    scale = float(np.sqrt((x * x).mean()))
    if scale < 1e-9:
        return Estimate.missing("all scores are the same")
    x = x / scale
    a, b = math.log(event.mean() / (1 - event.mean())), 0.0
    for _ in range(STEPS):
        p = special.expit(a + b * x)
        w = p * (1 - p)
        s0, s1, s2 = float(w.sum()), float((w * x).sum()), float((w * x * x).sum())
        determinant = s0 * s2 - s1 * s1
        if determinant <= 1e-12 * len(x) or abs(b) > FAR:
            break
        g0, g1 = float((event - p).sum()), float(((event - p) * x).sum())
        step = ((s2 * g0 - s1 * g1) / determinant, (s0 * g1 - s1 * g0) / determinant)
        largest = max(abs(step[0]), abs(step[1]))
        damped = min(1.0, 5.0 / largest) if largest else 1.0
        a, b = a + damped * step[0], b + damped * step[1]
        if largest < 1e-10:
            return Estimate.of(b / scale, math.sqrt(s0 / determinant) / scale)
    return Estimate.missing("no slope fits: the score separates the rows with the event from the others")
