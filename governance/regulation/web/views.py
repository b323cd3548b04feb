"""The register's pages: open to every signed-in person; systems on them are those that the person may read."""

from collections.abc import Iterator

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from governance.accounts.narrow import actor
from governance.regulation import applicability
from governance.regulation import crosswalk as mapping
from governance.regulation.register import UnknownPoint, load
from governance.regulation.web import changed, pages


@login_required
@require_GET
def register(request: HttpRequest) -> HttpResponse:
    """Search the points of the Act."""
    return render(request, "regulation/register.html", pages.register_page(request.GET))


@login_required
@require_GET
def point(request: HttpRequest, point_id: str) -> HttpResponse:
    """Show one point: wording, dates, crosswalk, the systems that it concerns."""
    try:
        found = load().point(point_id)
    except UnknownPoint as unknown:
        raise Http404(str(unknown)) from unknown
    return render(request, "regulation/point.html", pages.point_page(found, actor(request)))


@login_required
@require_GET
def timeline(request: HttpRequest) -> HttpResponse:
    """Draw when the Act applies."""
    return render(request, "regulation/timeline.html", pages.timeline_page())


@login_required
@require_GET
def crosswalk(request: HttpRequest, framework_id: str) -> HttpResponse:
    """Show the controls of another framework and what Placet holds for them."""
    try:
        found = mapping.framework(framework_id)
    except mapping.UnknownFramework as unknown:
        raise Http404(f"The register maps no framework {framework_id}.") from unknown
    return render(request, "regulation/crosswalk.html", pages.crosswalk_page(found))


@login_required
@require_GET
def statement(request: HttpRequest, framework_id: str, form: str) -> HttpResponse | StreamingHttpResponse:
    """Download the statement of applicability; what the organisation has to say is blank in it."""
    if framework_id != mapping.STATEMENT_OF or form not in {"csv", "json"}:
        raise Http404(f"There is no statement of {framework_id} as {form}.")
    headers = {"Content-Disposition": f'attachment; filename="statement-of-applicability-{framework_id}.{form}"'}
    if form == "json":
        return JsonResponse(applicability.as_json(), headers=headers, json_dumps_params={"indent": 1})
    return StreamingHttpResponse(_bytes(), content_type="text/csv; charset=utf-8", headers=headers)


@login_required
@require_GET
def changes(request: HttpRequest) -> HttpResponse:
    """Show what the register in use changed against an older one, and which systems that touches."""
    return render(request, "regulation/changes.html", changed.changes_page(request.GET, actor(request)))


def _bytes() -> Iterator[bytes]:
    return (line.encode() for line in applicability.as_csv())
