"""How many records came in the windows before one, whether they were measured or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from monitoring import engine, serving, windows
from monitoring.models import Monitor, RecordBatch
from registry.models import ModelVersion

BEFORE = 8
WEEK = timedelta(days=7)


def records_before(
    monitor: Monitor,
    version: ModelVersion,
    start: datetime,
    end: datetime,
    *,
    same_weekday: bool,
    received_until: datetime,
) -> list[int] | None:
    """Return the records in up to 8 windows of the same length before one, newest first.

    Windows in which the version began or ended to serve are left out; None for such a window itself, since part of the
    traffic was another's.

    None of them begins before the day of the version's first record: what it had not begun to send says nothing of what
    is usual. Records that were erased since count as they did when they came in, where their batch lies whole in a
    window.

    Args:
        same_weekday: only windows that began on the same day of the week, in the monitor's time zone.
        received_until: what came in later is not known yet.
    """
    spans = serving.spans_of(monitor, version)
    if serving.in_part(spans, start, end):
        return None
    batches = RecordBatch.objects.filter(monitor=monitor, version=version, start__lt=start)
    known = list(batches.filter(received_at__lte=received_until).order_by("start"))
    if not known:
        return []
    here = ZoneInfo(monitor.time_zone)
    first = datetime.combine(known[0].start.astimezone(here).date(), datetime.min.time(), here)
    earlier = _spans(start, end, here, since=first, same_weekday=same_weekday)
    return [_records(known, *window) for window in earlier if not serving.in_part(spans, *window)]


def _spans(
    start: datetime, end: datetime, here: ZoneInfo, *, since: datetime, same_weekday: bool
) -> Iterator[tuple[datetime, datetime]]:
    """Yield windows of the same wall-clock length before one, newest first; they do not overlap."""
    begins, ends = start.astimezone(here).replace(tzinfo=None), end.astimezone(here).replace(tzinfo=None)
    length = ends - begins
    step = -(-length // WEEK) * WEEK if same_weekday else length
    for place in range(1, BEFORE + 1):
        earlier = (begins - place * step).replace(tzinfo=here)
        if earlier < since:
            return
        yield earlier.astimezone(UTC), (begins - place * step + length).replace(tzinfo=here).astimezone(UTC)


def _records(batches: Sequence[RecordBatch], start: datetime, end: datetime) -> int:
    """Count the records of one window; only batches that reach over its ends are read."""
    inside = [batch for batch in batches if start <= batch.start and batch.end < end]
    cut = [batch for batch in batches if batch.start < end and start <= batch.end and batch not in inside]
    counted, _ = engine.count_by_day(windows.window_paths(cut, start=start, end=end), [(start, end)])
    return sum(batch.rows for batch in inside) + sum(counted.values())
