"""Who watched from when to when: spans of beats without a gap. Both ends are on record, the beats between counted.

That nothing was found says something only for the time in which somebody looked; this is how that time is known.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Max, Q
from django.db.models.functions import Greatest

from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from registry.models import WatchPulse, WatchSpan

WATCHER = System("watcher")
PATIENCE = 4
"""How many expected intervals may pass without a beat before a span has ended."""


@transaction.atomic
def beat(*, source: str, details: Mapping[str, Any], expected_every_s: float) -> WatchSpan:
    """Say that somebody watches now; return their span.

    The open span goes on; after a gap of more than four expected intervals, or with other details, it has ended at its
    last beat, and another begins. Two beats of one source at a time stand in line.

    Args:
        source: ``plugin:<server id>`` or ``reconciler:<pass>``.
        details: JSON, such as versions and the number of the configuration.
        expected_every_s: how often beats of this source come, in seconds.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"placet watch {source}"])
    now = clock.now()
    span = WatchSpan.objects.select_related("pulse").filter(source=source, ended_at__isnull=True).first()
    if span:
        gap_s = (now - span.pulse.last_at).total_seconds()
        if span.details == dict(details) and gap_s <= PATIENCE * span.expected_every_s:
            WatchPulse.objects.filter(pk=span.pk).update(
                last_at=now, beats=F("beats") + 1, longest_gap_s=Greatest(F("longest_gap_s"), max(gap_s, 0.0))
            )
            return span
        _end(span)
    span = WatchSpan(source=source, details=dict(details), expected_every_s=expected_every_s, started_at=now)
    audit.append(
        event=Event.WATCH_STARTED,
        actor=WATCHER,
        subjects=[span],
        data={"source": source, "details": span.details, "expected_every_s": expected_every_s},
    )
    WatchPulse.objects.create(span=span, last_at=now)
    return span


def _end(span: WatchSpan) -> None:
    pulse = span.pulse
    span.ended_at, span.beats, span.longest_gap_s = pulse.last_at, pulse.beats, pulse.longest_gap_s
    audit.append(
        event=Event.WATCH_ENDED,
        actor=WATCHER,
        subjects=[span],
        data={
            "source": span.source,
            "started_at": span.started_at,
            "ended_at": span.ended_at,
            "beats": span.beats,
            "longest_gap_s": span.longest_gap_s,
        },
    )


def end_silent() -> int:
    """End the spans whose source has fallen silent, and may never speak again; return how many."""
    ended = 0
    for span in WatchSpan.objects.select_related("pulse").filter(ended_at__isnull=True):
        if clock.now() - span.pulse.last_at <= timedelta(seconds=PATIENCE * span.expected_every_s):
            continue
        with transaction.atomic():
            locked = WatchSpan.objects.select_for_update(of=("self",), skip_locked=True).select_related("pulse")
            found = locked.filter(pk=span.pk, ended_at__isnull=True, pulse__last_at=span.pulse.last_at).first()
            if found:
                _end(found)
                ended += 1
    return ended


def last_beat(source: str) -> datetime | None:
    """Return when a source, or any whose name begins so, last said that it watches; None if it never did."""
    rows = WatchSpan.objects.filter(source__startswith=source)
    newest = rows.aggregate(open=Max("pulse__last_at", filter=Q(ended_at__isnull=True)), ended=Max("ended_at"))
    return max((at for at in newest.values() if at), default=None)


def spans_between(start: datetime, end: datetime, *, source: str = "") -> list[WatchSpan]:
    """Return the spans that touch a period, by their beginning; ``source`` is how their source begins."""
    rows = WatchSpan.objects.select_related("pulse").filter(source__startswith=source, started_at__lt=end)
    return list(rows.filter(Q(ended_at__isnull=True) | Q(ended_at__gte=start)).order_by("started_at", "pk"))
