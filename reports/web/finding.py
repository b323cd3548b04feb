"""One field to find anything by its name."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from governance.accounts.narrow import actor
from governance.common.pages import page
from reports.web import search


@page
@require_safe
def find(request: HttpRequest) -> HttpResponse:
    """``GET /search?q=``: what the words name, by kind; a name that only one thing can have leads to it at once."""
    text = request.GET.get("q", "")
    groups = search.found(actor(request), text)
    if search.is_a_name(text) and sum(len(group.hits) for group in groups) == 1:
        return redirect(groups[0].hits[0].url)
    shown = {"q": text.strip()[: search.LONGEST], "groups": groups, "most": search.MOST}
    return render(request, "reports/search.html", shown)
