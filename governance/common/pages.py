"""HTML views: sign in first; a refusal becomes a page that says the sentence."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import DataError
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render

from governance.common.errors import UNUSABLE, DomainError, InvalidInput

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
        except DataError:
            return _refused(request, InvalidInput(UNUSABLE))
        except DomainError as refusal:
            return _refused(request, refusal)

    return login_required(wrapped)


def _refused(request: HttpRequest, refusal: DomainError) -> HttpResponse:
    template = TEMPLATES.get(refusal.status, "403.html")
    context = {"reason": refusal.detail, "title": refusal.title, "status": refusal.status}
    return with_retry(render(request, template, context, status=refusal.status), refusal)


def acted(
    request: HttpRequest,
    form: Form,
    act: Callable[[Mapping[str, Any]], str],
    *,
    template: str,
    context: Callable[[], Mapping[str, Any]],
    field: Callable[[DomainError], str],
    to: tuple[str, Any],
) -> HttpResponse:
    """Have a service act on what a form says; a refusal shows the page again with its sentence and what was typed.

    Whoever calls it has made sure that the person may read the page: nobody learns anything by trying.

    Args:
        act: does it with the form's values and returns what to say of it.
        template, context: of the page that is shown again; the context is made after the refusal, and gets ``form``:
            what was typed (never a password) with ``errors`` by field.
        field: of which field a service's refusal is the error.
        to: where to go when it is done: the name of an address and its key.
    """
    errors = {name: [str(error) for error in found] for name, found in form.errors.items()}
    try:
        if errors:
            raise InvalidInput(" ".join(sentence for found in errors.values() for sentence in found))
        said = act(form.cleaned_data)
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        typed: dict[str, Any] = {name: value for name, value in request.POST.items() if name != "password"}
        typed["errors"] = errors or {field(refusal): [refusal.detail]}
        return render(request, template, {**context(), "form": typed}, status=refusal.status)
    messages.success(request, said)
    name, key = to
    return redirect(name, pk=key)
