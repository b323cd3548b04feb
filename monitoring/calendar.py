"""Cut time into windows as people do: whole days and weeks of their time zone. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

MONDAY = date(1970, 1, 5)
"""Windows of more than a day are counted from a Monday, so that a week is one of the calendar."""


def windows(every: timedelta, zone: str, *, after: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the windows that hold ``after`` or come later, and have ended at ``until``, the earliest first.

    A window begins at midnight of the zone and has ``every`` in days of it: over a change of the clocks that is an hour
    more or less.

    Args:
        every: whole days, at least one.
        zone: a name of the tz database.
        after, until: aware.
    Returns: pairs of UTC, the end not included.
    Raises:
        ValueError: ``every`` is no whole number of days.
    """
    days = every.days
    if days < 1 or every != timedelta(days=days):
        raise ValueError(f"A window has whole days; {every} was given.")
    here = ZoneInfo(zone)
    local = after.astimezone(here).date()
    first = local - timedelta(days=(local - MONDAY).days % days)
    while True:
        start, end = _midnight(first, here), _midnight(first + timedelta(days=days), here)
        if end > until:
            return
        yield start, end
        first += timedelta(days=days)


def is_window(every: timedelta, zone: str, start: datetime, end: datetime) -> bool:
    """Return whether two aware moments are the ends of one window of the calendar, neither more nor less."""
    return next(windows(every, zone, after=start, until=end), None) == (start, end)


def known(zone: str) -> bool:
    """Return whether the tz database has a zone of this name."""
    return zone in available_timezones()


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the first moment of a day; where the clocks skip midnight, the first that there is."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)
