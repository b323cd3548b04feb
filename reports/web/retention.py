"""The page of the retention table: open to every signed-in person; figures for those who answer for the deployment."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from governance.accounts.narrow import actor
from governance.common.pages import page
from governance.regulation.register import load
from reports.retention import selectors


@page
@require_GET
def retention_table(request: HttpRequest) -> HttpResponse:
    """``GET /retention``: what is kept, on which ground, how long, and what ends it."""
    figures = selectors.may_read_figures(actor(request))
    return render(request, "reports/retention.html", context(selectors.held(with_figures=figures), figures=figures))


def context(rows: list[selectors.Held], *, figures: bool) -> dict[str, object]:
    """Return what the page shows."""
    law = load()
    return {
        "rows": [
            {
                "title": row.kept.title,
                "holds": row.kept.holds,
                "points": row.kept.points(law),
                "reasons": [ground for ground in row.kept.basis if ground not in law.points],
                "period": row.kept.period,
                "starts": row.kept.starts,
                "hold": row.kept.hold,
                "task": row.kept.ended_by,
                "entry": row.kept.entry,
                "count": min(row.count, selectors.COUNTED_TO) if row.count is not None else None,
                "more": row.more,
                "oldest": row.oldest,
                "due": row.due,
            }
            for row in rows
        ],
        "figures": figures,
        "holds": [{"pk": row.pk, "name": str(row), "why": row.hold} for row in selectors.holds()] if figures else [],
    }
