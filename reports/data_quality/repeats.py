"""Rows that stand twice, rows that differ in their label alone, and rows that the model has been trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Digests = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Repeats:
    """How many rows repeat an earlier one wholly, and how many have the features of one with another label."""

    duplicates: int
    conflicting: int


def repeats(features: Digests, whole: Digests) -> Repeats:
    """Count repeats by digest.

    Args:
        features: shape (n,), a digest of each row's features.
        whole: shape (n,), a digest of its features and label.
    """
    if not len(whole):
        return Repeats(0, 0)
    order = np.lexsort((whole, features))
    features, whole = features[order], whole[order]
    first = np.r_[True, features[1:] != features[:-1]]  # of the rows with the same features
    other = first | np.r_[True, whole[1:] != whole[:-1]]
    group = np.cumsum(first) - 1
    labels = np.bincount(group, weights=other)
    rows = np.bincount(group)
    return Repeats(int(len(whole) - other.sum()), int(rows[labels > 1].sum()))


def found_in(whole: Digests, training: Digests) -> int:
    """Return how many rows have a digest that stands among ``training``, which is in ascending order."""
    if not len(training):
        return 0
    place = np.minimum(np.searchsorted(training, whole), len(training) - 1)
    return int((training[place] == whole).sum())


def false_match_chance(rows: int, training_rows: int) -> float:
    """Return an upper bound of the chance that some row matches one that it is not: n * m / 2**64."""
    return min(1.0, rows * training_rows / 2.0**64)
