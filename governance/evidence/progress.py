"""How far a job is, and how long it will still take. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median


def share_done(steps_done: int, steps_total: int) -> float | None:
    """Return which share of its steps a job has done, 0 to 1; None before it has said how many there are."""
    return min(steps_done / steps_total, 1.0) if steps_total > 0 else None


def remaining_s(elapsed_s: float, share: float | None, past_s: Sequence[float]) -> float | None:
    """Return for how many more seconds a running job will work, as far as one can tell; None when nobody can.

    Two guesses are weighed by how much is done: what its own pace so far gives, which is worth little at the beginning,
    and what the median of past runs leaves. Steps take different times, so neither is more than a guess. A job that
    runs longer than the median is past what the past can tell, and is judged by its own pace alone.

    Args:
        elapsed_s: since the attempt began, not negative.
        share: what :func:`share_done` returned.
        past_s: how long earlier runs of the same type for the same model took, in seconds.
    """
    by_pace = elapsed_s * (1 - share) / share if share else None
    usual = median(past_s) if past_s else None
    by_past = usual - elapsed_s if usual is not None and usual > elapsed_s else None
    if by_past is None or by_pace is None or share is None:
        return by_past if by_pace is None else by_pace
    return share * by_pace + (1 - share) * by_past
