"""The pages of monitors."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from governance.accounts.narrow import actor
from governance.common.errors import Unknown
from governance.evidence import storage
from monitoring import runs, selectors
from monitoring.models import Monitor
from monitoring.web import context


@login_required
@require_safe
def monitor_list(request: HttpRequest) -> HttpResponse:
    """Show every monitor with its newest window."""
    rows = [context.monitor_row(monitor) for monitor in selectors.monitors_for(actor(request))]
    return render(request, "monitoring/monitor_list.html", {"monitors": rows})


@login_required
@require_safe
def monitor_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show one monitor: heat map, newest window, histograms, alerts."""
    return render(request, "monitoring/monitor.html", context.monitor_page(_monitor(request, pk)))


@login_required
@require_safe
def evidently_report(request: HttpRequest, pk: uuid.UUID, run_id: uuid.UUID) -> HttpResponse:
    """Download Evidently's own report of a run. Never shown inline: it brings scripts of its own."""
    run = selectors.runs_of(_monitor(request, pk)).filter(pk=run_id).first()
    if run is None or runs.EVIDENTLY_FILE not in run.evidence.files:
        raise Http404("This run kept no report of Evidently; ask for one with evidently_report when requesting a run.")
    return HttpResponse(
        storage.get(run.evidence.files[runs.EVIDENTLY_FILE]),
        headers={
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f'attachment; filename="evidently-{run.pk}.html"',
            "X-Content-Type-Options": "nosniff",
        },
    )


def _monitor(request: HttpRequest, pk: uuid.UUID) -> Monitor:
    try:
        return selectors.monitor_for(actor(request), pk)
    except Unknown as error:
        raise Http404(error.detail) from error
