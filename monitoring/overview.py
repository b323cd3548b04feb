"""Read many monitors at once, with a number of queries that does not depend on how many there are."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, DateTimeField, DurationField, ExpressionWrapper, F, OuterRef, Q, QuerySet, Subquery
from django.db.models import Value as Is
from django.db.models.expressions import Window
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Coalesce, RowNumber

from governance.common import clock
from governance.policy.watching import UNSAID
from monitoring.models import Alert, DriftRun, Monitor, RecordBatch
from registry.models import AliasHistory

STATES = ("drift", "watch", "insufficient", "stable", "none", "silent", "alert")


@dataclass
class Seen:
    """What is known of one monitor.

    Attributes:
        live: what serves behind its alias.
        windows: ``{outcome, rows, drifted, columns, made_at, start, end}``, oldest first.
        alerts: how many stand, and of those how many are a breach.
        newest_alert: the key of the newest that stands.
    """

    live: AliasHistory | None = None
    windows: list[dict[str, Any]] = field(default_factory=list)
    alerts: int = 0
    breaches: int = 0
    newest_alert: uuid.UUID | None = None


def with_state(monitors: QuerySet[Monitor]) -> QuerySet[Any]:
    """Add ``newest_outcome``, ``last_received``, ``serving`` (is anything) and ``due`` to monitors.

    ``due`` is when the next record ought to have come: its newest window's length after the last one, a week before
    there is a window; for a monitor that never had a record, after it was opened.
    """
    newest = DriftRun.objects.filter(monitor=OuterRef("pk")).order_by("-window_end", "-made_at")
    length = ExpressionWrapper(F("window_end") - F("window_start"), output_field=DurationField())
    received = RecordBatch.objects.filter(monitor=OuterRef("pk")).order_by("-received_at")
    live = AliasHistory.objects.filter(model=OuterRef("model"), alias=OuterRef("alias"), during__endswith__isnull=True)
    rows: QuerySet[Any] = monitors.annotate(
        newest_outcome=Subquery(newest.values("outcome")[:1]),
        last_received=Subquery(received.values("received_at")[:1]),
        every=Coalesce(
            Subquery(newest.annotate(length=length).values("length")[:1]),
            Is(UNSAID.every, output_field=DurationField()),
        ),
        serving=Subquery(live.values("pk")[:1]),
    )
    since = ExpressionWrapper(Coalesce("last_received", "made_at") + F("every"), output_field=DateTimeField())
    found: QuerySet[Any] = rows.annotate(due=since)
    return found


def like(rows: QuerySet[Any], *, q: str = "", state: str = "", now: datetime | None = None) -> QuerySet[Any]:
    """Return those of :func:`with_state`'s monitors that are of a state and whose names hold ``q``.

    Args:
        state: of ``STATES``: the newest window's outcome, ``none`` without one, ``silent``, or with an ``alert`` open.
    """
    if q:
        rows = rows.filter(Q(model__name__icontains=q) | Q(alias__icontains=q) | Q(model__system__name__icontains=q))
    if state == "none":
        rows = rows.filter(newest_outcome=None)
    elif state == "silent":
        rows = rows.filter(due__lt=now or clock.now(), enabled=True, serving__isnull=False)
    elif state == "alert":
        standing = Alert.objects.exclude(state=Alert.State.RESOLVED)
        rows = rows.filter(pk__in=standing.values("monitor"))
    elif state:
        rows = rows.filter(newest_outcome=state)
    return rows


def is_silent(row: Any, now: datetime) -> bool:
    """Return whether one of :func:`with_state`'s monitors ought to have heard something by now."""
    return bool(row.enabled and row.serving and row.due < now)


def seen(monitors: Sequence[Monitor], windows: int) -> dict[uuid.UUID, Seen]:
    """Return what is known of each monitor: three queries, however many there are."""
    found = {monitor.pk: Seen() for monitor in monitors}
    if not found:
        return found
    behind = {(monitor.model_id, monitor.alias): monitor.pk for monitor in monitors}
    live = AliasHistory.objects.filter(
        during__endswith__isnull=True,
        model__in={model for model, _ in behind},
        alias__in={alias for _, alias in behind},
    )
    for history in live.select_related("version__model", "promotion"):
        if (pk := behind.get((history.model_id, history.alias))) is not None:
            found[pk].live = history
    for row in _windows(found, windows):
        found[row.pop("monitor")].windows.insert(0, row)
    standing = Alert.objects.filter(monitor__in=found).exclude(state=Alert.State.RESOLVED).order_by("opened_at")
    for pk, monitor, severity in standing.values_list("pk", "monitor", "severity"):
        one = found[monitor]
        one.alerts, one.newest_alert = one.alerts + 1, pk
        one.breaches += severity == Alert.Severity.BREACH
    return found


def _windows(monitors: Iterable[uuid.UUID], count: int) -> Iterable[dict[str, Any]]:
    """The newest windows of each monitor, newest first, with the columns of their payloads and nothing else of them."""
    place = Window(RowNumber(), partition_by=F("monitor"), order_by=[F("window_end").desc(), F("made_at").desc()])
    rows = DriftRun.objects.filter(monitor__in=list(monitors)).annotate(
        place=place, columns=KeyTransform("columns", "evidence__payload")
    )
    return (
        rows.filter(place__lte=count)
        .order_by("monitor", "place")
        .values("monitor", "outcome", "rows", "drifted", "columns", "made_at", "window_start", "window_end")
    )


def counts(rows: QuerySet[Any], now: datetime) -> dict[str, int]:
    """Return how many of :func:`with_state`'s monitors there are, and of each state of their newest window."""
    figures: dict[str, Count] = {
        "total": Count("pk"),
        "drift": Count("pk", filter=Q(newest_outcome="drift")),
        "watch": Count("pk", filter=Q(newest_outcome="watch")),
        "insufficient": Count("pk", filter=Q(newest_outcome="insufficient")),
        "stable": Count("pk", filter=Q(newest_outcome="stable")),
        "none": Count("pk", filter=Q(newest_outcome=None)),
        "silent": Count("pk", filter=Q(due__lt=now, enabled=True, serving__isnull=False)),
    }
    return rows.order_by().aggregate(**figures)
