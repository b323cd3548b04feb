"""The contingency tensor of a decision: counts by group, truth and decision, and what follows from them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

RATES = ("selection_rate", "tpr", "fpr", "fnr", "precision", "accuracy", "base_rate")
CHUNK = 1_000_000  # rows folded at a time: what a fold needs beside its inputs does not grow with them


def fold(truth: Bools, decision: Bools, group: npt.NDArray[np.integer], groups: int) -> Counts:
    """Return the tensor of counts, shape (groups, 2, 2): ``[group, truth, decision]``.

    Additive over partitions of the rows, as long as the group codes are the same.

    Args:
        truth: shape (n,), True where the favourable outcome was the true one.
        decision: shape (n,), True where the decision was the favourable one.
        group: shape (n,), codes from 0 to ``groups - 1``.
        groups: how many groups there are, also those without a row here.
    Raises:
        ValueError: shapes differ or a code is out of range.
    """
    if len({truth.shape, decision.shape, group.shape}) > 1:
        msg = f"Shapes differ: truth {truth.shape}, decision {decision.shape}, group {group.shape}."
        raise ValueError(msg)
    if group.size and (group.min() < 0 or group.max() >= groups):
        msg = f"A group code is outside 0 to {groups - 1}."
        raise ValueError(msg)
    counts = np.zeros(4 * groups, dtype=np.int64)
    for start in range(0, len(group), CHUNK):
        part = slice(start, start + CHUNK)
        key = group[part].astype(np.int64)
        key *= 4
        key += 2 * truth[part].view(np.int8) + decision[part].view(np.int8)
        counts += np.bincount(key, minlength=4 * groups)
    return counts.reshape(groups, 2, 2)


def events_and_trials(tensor: npt.ArrayLike) -> dict[str, tuple[Floats, Floats]]:
    """Return each rate's numerator and denominator, shape ``tensor.shape[:-2]`` (replicates may lead).

    ``selection_rate``: favourable decisions among all. ``tpr``: among those whose true outcome was favourable (equal
    opportunity), ``fnr`` the unfavourable ones among them. ``fpr``: favourable decisions among the others.
    ``precision``: those truly favourable among the favourable decisions. ``accuracy``: decisions that were true.
    ``base_rate``: the truly favourable among all, whatever was decided.
    """
    t = np.asarray(tensor, dtype=np.float64)
    tn, fp, fn, tp = t[..., 0, 0], t[..., 0, 1], t[..., 1, 0], t[..., 1, 1]
    n = tn + fp + fn + tp
    return {
        "selection_rate": (tp + fp, n),
        "tpr": (tp, tp + fn),
        "fpr": (fp, fp + tn),
        "fnr": (fn, tp + fn),
        "precision": (tp, tp + fp),
        "accuracy": (tp + tn, n),
        "base_rate": (tp + fn, n),
    }


def rates(tensor: npt.ArrayLike) -> dict[str, Floats]:
    """Return each rate, 0 to 1; NaN where its denominator is 0: undefined, not 0."""
    return {name: divide(events, trials) for name, (events, trials) in events_and_trials(tensor).items()}


def resample(tensor: Counts, *, resamples: int, seed: int) -> Counts:
    """Return bootstrap replicates of the tensor, shape (resamples, groups, 2, 2).

    Drawing rows with replacement is the same as one multinomial draw over the cells, so this is the row bootstrap
    itself, not an approximation of it, at a cost that does not depend on the number of rows.

    Raises:
        ValueError: the tensor holds no row.
    """
    flat = tensor.ravel()
    total = int(flat.sum())
    if total == 0:
        msg = "The tensor holds no row: nothing to resample."
        raise ValueError(msg)
    seen = flat > 0
    draws = np.zeros((resamples, flat.size), np.int64)
    draws[:, seen] = np.random.default_rng(seed).multinomial(total, flat[seen] / total, size=resamples)
    return draws.reshape(resamples, *tensor.shape)


def divide(numerator: Floats, denominator: Floats) -> Floats:
    """Return the quotient, NaN where the denominator is 0."""
    out = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out
