"""HTML views: sign in first; a refusal becomes a page that says the sentence."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

from governance.common.errors import DomainError

View = Callable[..., HttpResponseBase]
NOT_FOUND, FORBIDDEN = 404, 403


def page(view: View) -> View:
    """Require a signed-in person, and answer a refusal that the view did not handle with the page of its status."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except DomainError as refusal:
            template = "404.html" if refusal.status == NOT_FOUND else "403.html"
            return render(request, template, {"reason": refusal.detail, "title": refusal.title}, status=refusal.status)

    return login_required(wrapped)
