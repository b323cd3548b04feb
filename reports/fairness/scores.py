"""What the score itself says by group: calibration within groups, and the rates at other thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reports import payload
from reports.fairness.decisions import Decided
from reports.fairness.tensor import CHUNK, Bools, Floats, divide

BINS = 10  # of equal width, for the expected calibration error
STEPS = 19  # thresholds beside the version's own
Codes = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Scores:
    """Sums over the rows of each group; all additive over partitions.

    ``bins``: shape (groups, 10, 3): rows, sum of the chance, truly favourable rows. ``gaps``: shape (groups, 2): sum
    and sum of squares of chance - truth.
    """

    bins: Floats
    gaps: Floats


def fold(decided: Decided, codes: Codes, groups: int) -> Scores:
    """Return the sums of the chance of the favourable outcome by group and bin.

    Raises:
        ValueError: the model gives no probabilities.
    """
    if decided.chance is None:
        msg = "There is no score to sum: the model gives labels only."
        raise ValueError(msg)
    bins, gaps = np.zeros((groups * BINS, 3)), np.zeros((groups, 2))
    for start in range(0, len(codes), CHUNK):
        part = slice(start, start + CHUNK)
        chance, truth, code = decided.chance[part], decided.truth[part].astype(float), codes[part].astype(np.int64)
        place = code * BINS + np.minimum((chance * BINS).astype(np.int64), BINS - 1)
        for column, weights in enumerate((None, chance, truth)):
            bins[:, column] += np.bincount(place, weights=weights, minlength=groups * BINS)
        gap = chance - truth
        gaps[:, 0] += np.bincount(code, weights=gap, minlength=groups)
        gaps[:, 1] += np.bincount(code, weights=gap * gap, minlength=groups)
    return Scores(bins.reshape(groups, BINS, 3), gaps)


def calibration(scores: Scores, group: int) -> dict[str, payload.Payload]:
    """Return how the chances of one group compare with what came true.

    ``mean_score``: the mean chance of the favourable outcome. ``calibration_gap``: mean chance - observed share, -1 to
    1, with Student's interval of a mean; above 0 the score promises the group more than came true. ``ece``: the
    expected calibration error, 0 to 1: the mean over ten bins of equal width of |mean chance - observed share|,
    weighted by rows. It is never below what chance alone makes of it, so it has no interval: read it beside
    its n.

    Source: Naeini, Cooper & Hauskrecht (2015), AAAI 29, for the error by bins.
    """
    bins = scores.bins[group]
    n = round(bins[:, 0].sum())
    if n == 0:
        return {name: payload.undefined("no row", n=0) for name in ("mean_score", "calibration_gap", "ece")}
    mean = float(bins[:, 1].sum() / n)
    ece = float(np.nansum(bins[:, 0] / n * np.abs(divide(bins[:, 1] - bins[:, 2], bins[:, 0]))))
    gap = float(scores.gaps[group, 0] / n)
    variance = max(0.0, float(scores.gaps[group, 1]) - n * gap * gap) / max(1, n - 1)
    low = high = float("nan")
    if n >= 2:
        from scipy.stats import t

        half = float(t.ppf(0.975, n - 1)) * (variance / n) ** 0.5
        low, high = max(-1.0, gap - half), min(1.0, gap + half)
    return {
        "mean_score": payload.number(mean, n=n),
        "calibration_gap": payload.number(gap, low, high, n=n) | {"interval": "Student"},
        "ece": payload.number(ece, n=n),
    }


def thresholds(decided: Decided) -> Floats:
    """Return the thresholds of a sweep, rising: quantiles of the score, and the version's own.

    Raises:
        ValueError: the decision is a class.
    """
    if decided.score is None or decided.threshold is None:
        msg = "There is no threshold to move."
        raise ValueError(msg)
    cuts = np.quantile(decided.score, np.linspace(0.05, 0.95, STEPS))
    rounded = [float(f"{cut:.3g}") for cut in cuts]
    return np.unique([*rounded, decided.threshold])


def sweep(score: Floats, truth: Bools, codes: Codes, groups: int, cuts: Floats, *, event_is_favourable: bool) -> Floats:
    """Return the tensor at each of some thresholds, shape (thresholds, groups, 2, 2).

    Args:
        cuts: rising thresholds on the score.
        event_is_favourable: a score from the threshold on is, else one below it.
    """
    steps = len(cuts) + 1
    counts = np.zeros(groups * 2 * steps, dtype=np.int64)
    for start in range(0, len(codes), CHUNK):
        part = slice(start, start + CHUNK)
        passed = np.searchsorted(cuts, score[part], side="right")  # how many thresholds the score reaches
        key = (codes[part].astype(np.int64) * 2 + truth[part]) * steps + passed
        counts += np.bincount(key, minlength=len(counts))
    below = np.cumsum(counts.reshape(groups, 2, steps), axis=2)[:, :, :-1]
    all_rows = counts.reshape(groups, 2, steps).sum(axis=2)[:, :, None]
    sides = [below, all_rows - below] if event_is_favourable else [all_rows - below, below]
    tensors = np.stack(sides, axis=-1)  # (groups, truth, thresholds, decision)
    return np.moveaxis(tensors, 2, 0).astype(np.float64)
