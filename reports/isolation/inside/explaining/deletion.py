"""Does an explanation point at what moves the score? Features are deleted in its order, and in random order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .coding import Coding

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]

DRAWS = 5  # background rows that stand in for each explained row
STEPS = 20  # points of the curve at most, beside its start


def steps_of(features: int) -> list[int]:
    """Return how many features are deleted at each point of the curve, from 0 to all of them."""
    import numpy as np

    return sorted({round(float(place)) for place in np.linspace(0, features, STEPS + 1)})


def deletion_curves(
    score: Callable[[pd.DataFrame], Floats],
    rows: pd.DataFrame,
    values: Floats,
    background: pd.DataFrame,
    *,
    seed: int,
    progress: Callable[[int], None],
) -> tuple[Floats, Floats]:
    """Return how far the score has moved at each step, in the explanation's order and in random order.

    A deleted feature takes its value from a background row; the move is ``|score - score of the whole row|``, summed
    over outputs and averaged over the draws, which are the same for both orders.

    Args:
        values: shape (n, features): how much each feature counts, the largest deleted first.
        progress: called with the steps done, of as many as ``steps_of`` gives.
    Returns: two arrays of shape (n, steps); both start at 0 and end alike, with every feature deleted.
    """
    import numpy as np

    coding = Coding([rows, background])
    whole, behind = coding.encode(rows), coding.encode(background)
    n, features = whole.shape
    rng = np.random.default_rng(seed)
    drawn = behind[rng.integers(len(behind), size=(DRAWS, n))]  # (draws, n, features)
    ordered = np.argsort(np.argsort(-values, axis=1, kind="stable"), axis=1)
    shuffled = rng.random((DRAWS, n, features)).argsort(axis=2).argsort(axis=2)
    start = score(coding.decode(whole))
    moves = []
    for done, step in enumerate(steps_of(features)):
        at = []
        for place in (ordered[None], shuffled):
            mixed = np.where(place < step, drawn, whole[None])
            said = score(coding.decode(mixed.reshape(DRAWS * n, features))).reshape(DRAWS, n, -1)
            at.append(np.abs(said - start[None]).sum(axis=2).mean(axis=0))
        moves.append(at)
        progress(done + 1)
    first, second = np.asarray(moves).transpose(1, 2, 0)
    return first, second
