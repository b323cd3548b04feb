"""The pages of monitors."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from governance.accounts.narrow import actor
from governance.common.errors import Unknown
from governance.common.pages import page
from governance.evidence import storage
from monitoring import runs, selectors
from monitoring.web import context
from monitoring.web.listing import list_page
from monitoring.web.live import live_strip


@page
@require_safe
def monitor_list(request: HttpRequest) -> HttpResponse:
    """``GET /monitors``: every monitor with its newest windows, and which are silent."""
    return render(request, "monitoring/monitor_list.html", list_page(actor(request), request.GET.dict()))


@page
@require_safe
def monitor_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /monitors/<pk>``: heat map, a column's distribution, trends, alerts."""
    viewer = actor(request)
    monitor = selectors.monitor_for(viewer, pk)
    return render(request, "monitoring/monitor.html", context.monitor_page(monitor, viewer, request.GET.dict()))


@page
@require_safe
def monitor_live(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /monitors/<pk>/live``: the strip of what came in, for htmx."""
    return render(request, "monitoring/_live.html", {"live": live_strip(selectors.monitor_for(actor(request), pk).pk)})


@page
@require_safe
def evidently_report(request: HttpRequest, pk: uuid.UUID, run_id: uuid.UUID) -> HttpResponse:
    """Download Evidently's own report of a run. Never shown inline: it brings scripts of its own."""
    run = selectors.runs_of(selectors.monitor_for(actor(request), pk)).filter(pk=run_id).first()
    if run is None or runs.EVIDENTLY_FILE not in run.evidence.files:
        raise Unknown("This run kept no report of Evidently; ask for one with evidently_report when requesting a run.")
    return HttpResponse(
        storage.get(run.evidence.files[runs.EVIDENTLY_FILE]),
        headers={
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f'attachment; filename="evidently-{run.pk}.html"',
            "X-Content-Type-Options": "nosniff",
        },
    )
