"""The pages of a monitor's records: what came in, what was put aside or refused, and what became of it."""

import uuid

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from governance.accounts.narrow import actor
from governance.common.errors import Forbidden, Unknown
from governance.common.pages import page
from monitoring import record_reading, selectors
from monitoring.models import RecordBatch
from monitoring.web import records_page as shown


@page
@require_safe
def monitor_records(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /monitors/<pk>/records``: batches, refusals, late labels, retention, hold and erasures."""
    viewer = actor(request)
    monitor = selectors.monitor_for(viewer, pk)
    return render(request, "monitoring/records.html", shown.records_page(monitor, viewer, request.GET.dict()))


@page
@require_safe
def monitor_batch(request: HttpRequest, pk: uuid.UUID, batch: str) -> HttpResponse:
    """``GET /monitors/<pk>/records/<batch>``: one batch by day, and why rows of it were put aside."""
    viewer = actor(request)
    context = shown.batch_page(selectors.monitor_for(viewer, pk), viewer, batch)
    return render(request, "monitoring/batch.html", context)


@page
@require_safe
def monitor_quarantine_json(request: HttpRequest, pk: uuid.UUID, batch: str) -> HttpResponse:
    """``GET /monitors/<pk>/records/<batch>/quarantine.json``: rows put aside, by number and reason."""
    found = _put_aside(request, pk, batch)
    headers = _headers(found, "json")
    return HttpResponse(shown.quarantine_json(found), content_type="application/json", headers=headers)


@page
@require_safe
def monitor_quarantine_csv(request: HttpRequest, pk: uuid.UUID, batch: str) -> StreamingHttpResponse:
    """``GET /monitors/<pk>/records/<batch>/quarantine.csv``: the same for a spreadsheet."""
    found = _put_aside(request, pk, batch)
    lines = shown.quarantine_csv(found)
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=_headers(found, "csv"))


def _put_aside(request: HttpRequest, pk: uuid.UUID, batch_id: str) -> RecordBatch:
    viewer = actor(request)
    monitor = selectors.monitor_for(viewer, pk)
    if not record_reading.may_read_rows(viewer, monitor):
        raise Forbidden("Rows that were put aside are read by whoever sends records or protects data.")
    batch = record_reading.batch_for(monitor, batch_id)
    if not batch.quarantined:
        raise Unknown(f"No row of batch {batch_id!r} was put aside.")
    return batch


def _headers(batch: RecordBatch, kind: str) -> dict[str, str]:
    name = batch.batch_id.replace(":", "-")
    return {
        "Content-Disposition": f'attachment; filename="{name}.quarantine.{kind}"',
        "X-Content-Type-Options": "nosniff",
    }
