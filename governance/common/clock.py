"""The one source of time, so that tests and replays can set it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime

_frozen: ContextVar[datetime | None] = ContextVar("frozen_clock", default=None)


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return _frozen.get() or datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """Return ``2026-11-23T18:00:00.123456Z``: always UTC, always microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def day(when: date) -> str:
    """Return a day as sentences write it: ``6 June 2027``; of a moment, the UTC day."""
    if isinstance(when, datetime):
        when = when.astimezone(UTC)
    return f"{when.day} {when:%B %Y}"


@contextmanager
def frozen(moment: datetime) -> Iterator[datetime]:
    """Stop the clock at ``moment`` for the length of the block, in this thread only."""
    token = _frozen.set(moment)
    try:
        yield moment
    finally:
        _frozen.reset(token)
