"""HTML views: sign in first; a refusal becomes a page that says the sentence."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from governance.common.errors import DomainError

View = Callable[..., HttpResponseBase]
NOT_FOUND, FORBIDDEN = 404, 403
TEMPLATES = {404: "404.html", 429: "429.html", 503: "429.html"}


def with_retry(response: HttpResponse, refusal: DomainError) -> HttpResponse:
    """Say in the answer's header when to try again, as far as the refusal says it."""
    if wait := refusal.extra.get("retry_after"):
        response.headers["Retry-After"] = str(wait)
    return response


def page(view: View) -> View:
    """Require a signed-in person, and answer a refusal that the view did not handle with the page of its status."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except DomainError as refusal:
            template = TEMPLATES.get(refusal.status, "403.html")
            context = {"reason": refusal.detail, "title": refusal.title, "status": refusal.status}
            return with_retry(render(request, template, context, status=refusal.status), refusal)

    return login_required(wrapped)
