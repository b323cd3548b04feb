"""The policies: a list, a version, what changed between two, the form to draft one and the form to publish it."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.accounts.models import User
from governance.accounts.narrow import actor
from governance.accounts.services import SignInAgain, require_password
from governance.common.errors import DomainError, InvalidInput
from governance.common.pages import page
from governance.policy import linting, selectors, services
from governance.policy.models import PolicyVersion
from governance.policy.problems import InvalidPolicy
from governance.policy.web import pages


@page
@require_GET
def policy_list(request: HttpRequest) -> HttpResponse:
    """``GET /policies``: what is in force, and the drafts that are newer."""
    return render(request, "policy/list.html", pages.list_page(actor(request)))


@page
@require_GET
def policy_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /policies/<pk>``: one version, with its text and every check's reason and owner."""
    return render(
        request, "policy/detail.html", pages.detail_page(selectors.version_for(actor(request), pk), actor(request))
    )


@page
@require_http_methods(["GET", "POST"])
def policy_draft(request: HttpRequest) -> HttpResponse:
    """``/policies/new``: write a text (``?from=<pk>``: from a version's), check it, keep it as a draft."""
    author = actor(request)
    if request.method == "GET":
        start = _version_named(author, request.GET.get("from", ""))
        return render(request, "policy/draft.html", pages.draft_page(author, text=start.text if start else ""))
    text = request.POST.get("text", "").replace("\r\n", "\n")  # a form sends every line's end so
    if request.POST.get("do") == "check":
        return render(request, "policy/draft.html", pages.draft_page(author, text=text, checked=linting.lint(text)))
    try:
        version = services.draft_policy(text=text, author=author)
    except InvalidPolicy as refusal:
        context = pages.draft_page(author, text=text, checked=linting.lint(text))
        return render(request, "policy/draft.html", context, status=refusal.status)
    except DomainError as refusal:
        context = pages.draft_page(author, text=text, refusal=refusal.detail)
        return render(request, "policy/draft.html", context, status=refusal.status)
    messages.success(request, f"{version} is drafted. Another person with the role policy publisher puts it in force.")
    return redirect("policy-detail", pk=version.pk)


@page
@require_GET
def policy_diff(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /policies/<pk>/diff?against=<pk>``: what changed, and what of it loosens."""
    version = selectors.version_for(actor(request), pk)
    against = _version_named(actor(request), request.GET.get("against", ""))
    against = against or selectors.newest_published(version.name, other_than=version.pk)
    return render(request, "policy/diff.html", pages.diff_page(version, against))


@page
@require_POST
def policy_publish(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /policies/<pk>/publish``: put a version in force, signed in again; a refusal shows its sentence."""
    publisher, password = actor(request), request.POST.get("password", "")
    version = selectors.version_for(publisher, pk)
    try:
        if not password:
            raise InvalidInput("Type your password to publish.")
        require_password(publisher, password)
        services.publish_policy(version_id=version.pk, publisher=publisher)
    except DomainError as refusal:
        about_password = type(refusal) in (SignInAgain, InvalidInput)
        context = pages.detail_page(
            selectors.version(pk), publisher, errors={"password" if about_password else "all": [refusal.detail]}
        )
        if not context["publish"] or not context["publish"]["allowed"]:
            messages.error(request, refusal.detail)  # the form is not there to say it
        return render(request, "policy/detail.html", context, status=refusal.status)
    messages.success(request, f"{version} is in force for requests from now on. It is in the audit log.")
    return redirect("policy-detail", pk=version.pk)


def _version_named(person: User, text: str) -> PolicyVersion | None:
    """Return the version whose id a query names; None where it names none."""
    if not text:
        return None
    try:
        return selectors.version_for(person, uuid.UUID(text))
    except ValueError:
        raise InvalidInput("The address names no policy version.") from None
