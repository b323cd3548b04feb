"""Until which day the records of an AI system are kept. Pure: dates in, dates out.

The Act counts ten years from the placing on the market or putting into service (Articles 18 and 47). A system that runs
on is put into service anew with each version, so the period begins with the last of these days; and nothing of a system
that is in use is past its time, however long ago it began.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from governance.common.retention.period import Period

NOT_PLACED = "Nobody has said when it was placed on the market or put into service: say it in the classification."
IN_USE = "It is not retired."


@dataclass(frozen=True)
class Until:
    """The last day of a period.

    Attributes:
        starts: the day that begins it; None where it is not known.
        earliest: the last day of the period, as it stands; None where it is not known. It moves with each version.
        day: the last day on which the records have to be kept; None where that can't be said yet.
        why: why it can't; empty where it can.
    """

    starts: date | None = None
    earliest: date | None = None
    day: date | None = None
    why: str = ""

    def is_over(self, today: date) -> bool:
        """Return whether the records need not be kept any more: the last day has passed."""
        return self.day is not None and today > self.day


def until(period: Period, *, placed_on: date | None, live_on: date | None, retired_on: date | None) -> Until:
    """Return until when the records of one system are kept.

    Args:
        period: one in years.
        placed_on: the latest day of placing on the market or putting into service that was signed.
        live_on: the day on which a version of it last went live.
        retired_on: the day on which the system was retired.
    """
    if placed_on is None:
        return Until(why=NOT_PLACED)
    starts = max(placed_on, live_on or placed_on)
    end = period.end(starts)
    if end is None:
        raise ValueError("Only a period in years or days ends.")
    if retired_on is None:
        return Until(starts, end, why=IN_USE)
    return Until(starts, end, day=max(end, retired_on))
