"""One field to find anything by its name."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from governance.accounts.narrow import actor
from governance.common.pages import page
from reports.web import search_pages


@page
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """``GET /search?q=``: what the words name, by kind; a name that only one thing can have leads to it at once."""
    text = request.GET.get("q", "")
    groups = search_pages.found(actor(request), text)
    if search_pages.is_a_name(text) and sum(len(group.hits) for group in groups) == 1:
        return redirect(groups[0].hits[0].url)
    shown = {"q": text.strip()[: search_pages.LONGEST], "groups": groups, "most": search_pages.MOST}
    return render(request, "reports/search.html", shown)
