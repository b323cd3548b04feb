"""The review page, the requester's page and the models' pages."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.narrow import actor
from governance.accounts.web.passkeys import answer_in
from governance.approvals import lifting, signing
from governance.approvals import selectors as approvals
from governance.approvals.models import ApprovalRequest, Decision
from governance.approvals.web.forms import (
    DecisionForm,
    Errors,
    HumanReviewForm,
    LiftForm,
    PasskeyDecisionForm,
    PasskeyLiftForm,
    errors_of,
    errors_of_refusal,
    sent,
)
from governance.common.broker import enqueue_on_commit
from governance.common.errors import DomainError, InvalidInput, Unknown
from governance.common.pages import page
from registry import applying, promotions, selectors, tasks
from registry.models import PromotionRequest, RegisteredModel
from registry.reviewing import evidence, model_pages, requester, review
from registry.reviewing.model_list import models_page
from registry.reviewing.sign import lift_page, sign_page

SIGNED = {
    Decision.Verdict.APPROVE: "Signed: you approve. It is in the audit log.",
    Decision.Verdict.REQUEST_CHANGES: "Signed: changes requested. The requester sees your words.",
    Decision.Verdict.REJECT: "Signed: rejected. It is in the audit log.",
}
LIFTED = "Signed: the suspension is lifted."


@page
@require_GET
def review_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /approvals/<pk>``: one request as the person who decides needs it."""
    return render(request, "registry/review.html", review.review_page(approval_of(request, pk), actor(request)))


@page
@require_POST
def review_decide(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /approvals/<pk>/decide``: sign a verdict; a refusal shows the page again with its sentence.

    Where the open stage is signed by passkey, the answer is the statement to sign, and ``review_sign`` takes it.
    """
    approval = approval_of(request, pk)
    if signing.wants_passkey(approvals.open_stage(approval) or {}):
        return _statement(request, approval)

    def sign(values: Mapping[str, Any]) -> str:
        decision = signing.record_decision(
            request_id=pk,
            approver=actor(request),
            verdict=values["verdict"],
            rationale=values["rationale"],
            password=values["password"],
            change_class=values["change_class"],
        )
        return SIGNED[Decision.Verdict(decision.verdict)]

    return _signed(request, pk, DecisionForm(request.POST), sign, target="decision")


@page
@require_POST
def review_sign(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /approvals/<pk>/sign``: record a decision whose statement a passkey has signed."""
    approval = approval_of(request, pk)
    try:
        answer = answer_in(request.POST.get("credential", ""))
        decision = signing.sign_decision(
            request_id=approval.pk, approver=actor(request), token=request.POST.get("prepared", ""), answer=answer
        )
    except DomainError as refusal:
        errors = {"all": [refusal.detail]}
        return _again(request, pk, PasskeyDecisionForm(), errors, refusal.status, target="decision")
    messages.success(request, SIGNED[Decision.Verdict(decision.verdict)])
    return redirect("review", pk=approval.pk)


@page
@require_POST
def review_human_review(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /approvals/<pk>/reviews``: sign a human review of one check."""

    def sign(values: Mapping[str, Any]) -> str:
        signing.review_check(
            request_id=pk,
            reviewer=actor(request),
            check_id=values["check"],
            verdict=values["verdict"],
            statement=values["statement"],
            password=values["password"],
        )
        return "Signed: the policy was evaluated again with your review."

    form = HumanReviewForm(request.POST)
    return _signed(request, pk, form, sign, target=str(form.data.get("check", "")), text_field="statement")


@page
@require_POST
def review_lift(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /approvals/<pk>/lift``: give a suspended approval its force back, or show what a passkey is to sign."""
    approval = approval_of(request, pk)
    if lifting.by_passkey(approval):
        return _lifting_statement(request, approval)

    def sign(values: Mapping[str, Any]) -> str:
        lifting.lift_suspension(
            request_id=pk, signer=actor(request), rationale=values["rationale"], password=values["password"]
        )
        return LIFTED

    return _signed(request, pk, LiftForm(request.POST), sign, target="lift")


@page
@require_POST
def review_lift_sign(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /approvals/<pk>/lift/sign``: give it its force back by a statement that a passkey has signed."""
    approval = approval_of(request, pk)
    try:
        answer = answer_in(request.POST.get("credential", ""))
        lifting.sign_lifting(
            request_id=approval.pk, signer=actor(request), token=request.POST.get("prepared", ""), answer=answer
        )
    except DomainError as refusal:
        errors = {"all": [refusal.detail]}
        return _again(request, pk, PasskeyLiftForm(), errors, refusal.status, target="lift")
    messages.success(request, LIFTED)
    return redirect("review", pk=approval.pk)


@page
@require_GET
def review_progress(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /approvals/<pk>/progress``: the evidence jobs alone; the last answer tells htmx to load the page anew."""
    progress = evidence.progress_shown(approval_of(request, pk), actor(request))
    response = render(request, "registry/_progress.html", {"progress": progress})
    if not progress["running"]:
        response.headers["HX-Refresh"] = "true"
    return response


@page
@require_GET
def promotion_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /promotions/<pk>``: one promotion as its requester needs it."""
    return render(request, "registry/request.html", requester.request_page(promotion_of(request, pk), actor(request)))


@page
@require_POST
def promotion_apply(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /promotions/<pk>/apply``: have the worker set the alias."""
    promotion, person = promotion_of(request, pk), actor(request)
    try:
        change = applying.request_apply(promotion_id=pk, person=person)
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        context = requester.request_page(promotion, person)
        return render(request, "registry/request.html", context, status=refusal.status)
    enqueue_on_commit(tasks.carry_out, *([change.pk] if change else []))
    messages.success(
        request, f"Placet digests the bytes once more and sets {promotion.alias}; this takes a few seconds."
    )
    return redirect("promotion-detail", pk=pk)


@page
@require_GET
def model_list(request: HttpRequest) -> HttpResponse:
    """``GET /models``: registered models, and what is live; ``?q=`` narrows the list."""
    return render(request, "registry/model_list.html", models_page(actor(request), request.GET))


@page
@require_GET
def model_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /models/<pk>``: one model; ``?alias=&at=`` asks what was in production at a moment."""
    context = model_pages.model_page(
        model_of(request, pk), actor(request), alias=request.GET.get("alias", ""), at=request.GET.get("at", "")
    )
    return render(request, "registry/model.html", context)


def model_of(request: HttpRequest, pk: uuid.UUID) -> RegisteredModel:
    """Return a model that the person may read.

    Raises:
        Unknown: there is none, or it is out of the person's reach.
    """
    registered = selectors.models_for(actor(request)).filter(pk=pk).first()
    if registered is None:
        raise Unknown(f"There is no registered model {pk}.")
    return registered


def approval_of(request: HttpRequest, pk: uuid.UUID) -> ApprovalRequest:
    """Return a request about a model version that the person may read.

    Raises:
        Unknown: it is about something else, there is none, or it is out of the person's reach.
    """
    approval = approvals.request_for(actor(request), pk)
    if approval.subject_kind != promotions.KIND:
        raise Unknown(f"Request {pk} is not about a model version; it is decided elsewhere.")
    return approval


def promotion_of(request: HttpRequest, pk: uuid.UUID) -> PromotionRequest:
    """Return a promotion that the person may read, with what its page needs of the approval."""
    promotion = selectors.promotion_for(actor(request), pk)
    promotion.approval = approvals.request(promotion.approval_id)
    return promotion


def _statement(request: HttpRequest, approval: ApprovalRequest) -> HttpResponse:
    """Show the statement of a decision, for a passkey to sign."""
    form, person = PasskeyDecisionForm(request.POST), actor(request)
    if not form.is_valid():
        return _again(request, approval.pk, form, errors_of(form), InvalidInput.status, target="decision")
    values = form.cleaned_data
    try:
        prepared = signing.prepare_decision(
            request_id=approval.pk,
            approver=person,
            verdict=values["verdict"],
            rationale=values["rationale"],
            change_class=values["change_class"],
        )
    except DomainError as refusal:
        return _again(request, approval.pk, form, errors_of_refusal(refusal), refusal.status, target="decision")
    return render(request, "registry/sign.html", sign_page(approval, prepared, person, values["rationale"]))


def _lifting_statement(request: HttpRequest, approval: ApprovalRequest) -> HttpResponse:
    """Show the statement of who lifts a suspension, for a passkey to sign."""
    form, person = PasskeyLiftForm(request.POST), actor(request)
    if not form.is_valid():
        return _again(request, approval.pk, form, errors_of(form), InvalidInput.status, target="lift")
    rationale = form.cleaned_data["rationale"]
    try:
        prepared = lifting.prepare_lifting(request_id=approval.pk, signer=person, rationale=rationale)
    except DomainError as refusal:
        return _again(request, approval.pk, form, errors_of_refusal(refusal), refusal.status, target="lift")
    return render(request, "registry/sign.html", lift_page(approval, prepared, person, rationale))


def _signed(
    request: HttpRequest,
    pk: uuid.UUID,
    form: forms.Form,
    sign: Callable[[Mapping[str, Any]], str],
    *,
    target: str,
    text_field: str = "rationale",
) -> HttpResponse:
    """Check the form's shape, have the service sign, and go back to the page; show it again with a refusal."""
    approval = approval_of(request, pk)
    if not form.is_valid():
        return _again(request, pk, form, errors_of(form), InvalidInput.status, target=target)
    try:
        said = sign(form.cleaned_data)
    except DomainError as refusal:
        errors = errors_of_refusal(refusal, text_field=text_field)
        return _again(request, pk, form, errors, refusal.status, target=target)
    messages.success(request, said)
    return redirect("review", pk=approval.pk)


def _again(
    request: HttpRequest, pk: uuid.UUID, form: forms.Form, errors: Errors, status: int, *, target: str
) -> HttpResponse:
    context = review.review_page(approval_of(request, pk), actor(request))
    refused = review.with_refusal(context, target=target, values=sent(form), errors=errors)
    # On top as well: on a telephone the form is far below, and it is gone when somebody else was first.
    messages.error(request, " ".join(sentence for sentences in errors.values() for sentence in sentences))
    return render(request, "registry/review.html", refused, status=status)
