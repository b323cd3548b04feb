"""What a requester does on the page of a request: answer requested changes with a new round, or take it back."""

import uuid
from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from governance.accounts.narrow import actor
from governance.approvals import services as approvals
from governance.approvals.web.forms import LONGEST, errors_of, sent
from governance.common.errors import DomainError
from governance.common.pages import page
from governance.evidence.tasks import enqueue
from registry import promotions, renewals
from registry.reviewing import requester
from registry.web.views import promotion_of


class ReasonForm(forms.Form):
    """Why: kept in the log's erasable payload."""

    reason = forms.CharField(
        min_length=10,
        max_length=LONGEST,
        error_messages={
            "required": "Say it in at least 10 characters.",
            "min_length": "Say it in at least 10 characters.",
        },
    )


@page
@require_POST
def promotion_resubmit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /promotions/<pk>/resubmit``: say what was changed; a new round begins on the newest evidence."""

    def act(reason: str) -> None:
        enqueue(promotions.resubmit(promotion_id=pk, requester=actor(request), reason=reason))

    return _acted(request, pk, act, which="resubmit", done="Resubmitted: the next round begins.")


@page
@require_POST
def promotion_withdraw(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /promotions/<pk>/withdraw``: take one's own open request back."""

    def act(reason: str) -> None:
        approval_id = promotion_of(request, pk).approval_id
        approvals.withdraw(request_id=approval_id, requester=actor(request), reason=reason)

    return _acted(request, pk, act, which="withdraw", done="Withdrawn. The version can be requested again.")


@page
@require_POST
def promotion_renew(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /promotions/<pk>/renew``: ask that the approval of what is live be renewed; goes to the new request."""
    promotion, person = promotion_of(request, pk), actor(request)
    try:
        renewal, jobs = renewals.request_renewal(promotion_id=pk, requester=person)
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        context = requester.request_page(promotion, person)
        return render(request, "registry/request.html", context, status=refusal.status)
    enqueue(jobs)
    messages.success(request, f"Asked for: {renewal} renews {promotion}. What serves stays as it is until then.")
    return redirect("promotion-detail", pk=renewal.pk)


def _acted(request: HttpRequest, pk: uuid.UUID, act: Callable[[str], None], *, which: str, done: str) -> HttpResponse:
    """Do it and go back to the page; a refusal shows the page again with its sentence and what was typed."""
    form = ReasonForm(request.POST)
    promotion = promotion_of(request, pk)
    status = 422
    if form.is_valid():
        try:
            act(form.cleaned_data["reason"].strip())
        except DomainError as refusal:
            messages.error(request, refusal.detail)
            status = refusal.status
        else:
            messages.success(request, done)
            return redirect("promotion-detail", pk=pk)
    context = requester.request_page(promotion, actor(request))
    context["answers"][which] = {
        "allowed": context["answers"][which]["allowed"],
        **sent(form),
        "errors": errors_of(form),
    }
    return render(request, "registry/request.html", context, status=status)
