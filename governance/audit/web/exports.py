"""What a search on the log's page found, as a file."""

from typing import cast

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from governance.audit import listing, selectors
from governance.audit.actors import Actor
from governance.audit.web.reading import log_reader
from governance.audit.web.views import Filter

FORMS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}


@log_reader
@require_GET
def search_result(request: HttpRequest, form: str) -> HttpResponse | StreamingHttpResponse:
    """Download the entries that a search finds; open to whoever may read the log, and on record in it."""
    if form not in FORMS:
        raise Http404(f"The log is not exported as {form}.")
    asked = Filter(request.GET)
    if not asked.is_valid():  # the page leaves out what it can't read; a file would say more than was asked for
        problems = (f"{name}: {told[0]}" for name, told in asked.errors.items())
        return HttpResponse("\n".join([*problems, ""]), status=400, content_type="text/plain; charset=utf-8")
    query, actor = asked.query(), cast(Actor, request.user)
    top = listing.head(size=selectors.size(), actor=actor, bundle=request.build_absolute_uri(reverse("audit-bundle")))
    words = {name: asked.cleaned_data[name] for name in ("q", "who")}
    listing.record(query=query, form=form, asked=words, actor=actor, size=top["size"])
    return StreamingHttpResponse(
        listing.lines(form, query, top),
        content_type=FORMS[form],
        headers={"Content-Disposition": f'attachment; filename="placet-log-search.{form}"'},
    )
