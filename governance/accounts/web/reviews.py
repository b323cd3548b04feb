"""The pages of access reviews: open one, decide role by role, sign, hand over, take the list away."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from governance.accounts import recertification, review_reading, services
from governance.accounts.models import User
from governance.accounts.narrow import actor
from governance.accounts.review_pages import review_page, reviews_page
from governance.accounts.roles import Role
from governance.common.errors import DomainError, InvalidInput, Unknown
from governance.common.pages import page

Errors = dict[str, list[str]]


class OpenForm(forms.Form):
    """The scope of a review, who reviews, and until when."""

    roles = forms.MultipleChoiceField(choices=Role.choices, required=False)
    system = forms.UUIDField(required=False)
    reviewer = forms.ModelChoiceField(
        User.objects.filter(is_active=True, sponsor__isnull=True), error_messages={"required": "Choose who reviews."}
    )
    due_on = forms.DateField(error_messages={"required": "Say by which day it is to be signed."})


@page
@require_GET
def review_list(request: HttpRequest) -> HttpResponse:
    """``GET /access-reviews``: the reviews that one may read, and for administrators the form that opens one."""
    return render(request, "accounts/access_reviews.html", reviews_page(actor(request)))


@page
@require_POST
def review_open(request: HttpRequest) -> HttpResponse:
    """``POST /access-reviews/open``: open a review of the roles in a scope."""
    by, form = actor(request), OpenForm(request.POST)
    if not form.is_valid():
        errors = {name: [str(error) for error in found] for name, found in form.errors.items()}
        return _list_again(request, InvalidInput.status, errors)
    try:
        review = recertification.open_review(
            reviewer=form.cleaned_data["reviewer"],
            due_on=form.cleaned_data["due_on"],
            by=by,
            roles=form.cleaned_data["roles"],
            system_id=form.cleaned_data["system"],
        )
    except DomainError as refusal:
        return _list_again(request, refusal.status, {"all": [refusal.detail]})
    messages.success(request, f"Opened. {review.reviewer.name} says of each role whether it is kept, and signs.")
    return redirect("access-review-detail", review.pk)


@page
@require_GET
def review_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /access-reviews/<pk>``: one review, role by role."""
    return render(request, "accounts/access_review.html", review_page(actor(request), pk, request.GET.dict()))


@page
@require_POST
def review_decide(request: HttpRequest, pk: uuid.UUID, item: uuid.UUID) -> HttpResponse:
    """``POST /access-reviews/<pk>/items/<item>``: keep a role, or revoke it."""
    by = actor(request)
    if not review_reading.review_for(by, pk).items.filter(pk=item).exists():
        raise Unknown(f"There is no item {item}.")
    try:
        recertification.decide_item(
            item_id=item, by=by, verdict=request.POST.get("verdict", ""), reason=request.POST.get("reason", "")
        )
    except DomainError as refusal:
        return _again(request, pk, refusal.status, {str(item): [refusal.detail]})
    where = {name: request.POST.get(name, "") for name in ("show", "page")}
    query = "&".join(f"{name}={value}" for name, value in where.items() if value.isalnum())
    return redirect(f"{reverse('access-review-detail', args=[pk])}{'?' if query else ''}{query}#items")


@page
@require_POST
def review_sign(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /access-reviews/<pk>/signature``: close the review with the reviewer's signature."""
    by = actor(request)
    review_reading.review_for(by, pk)
    try:
        recertification.sign_review(review_id=pk, by=by, password=request.POST.get("password", ""))
    except DomainError as refusal:
        field = "password" if isinstance(refusal, services.SignInAgain) else "sign"
        return _again(request, pk, refusal.status, {field: [refusal.detail]})
    messages.success(request, "Signed. The result names every role and what was said of it.")
    return redirect("access-review-detail", pk)


@page
@require_POST
def review_hand_over(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /access-reviews/<pk>/reviewer``: give the review another reviewer."""
    by = actor(request)
    review_reading.review_for(by, pk)
    try:
        to = _person(request.POST.get("reviewer", ""))
        recertification.hand_over(review_id=pk, to=to, by=by)
    except DomainError as refusal:
        return _again(request, pk, refusal.status, {"reviewer": [refusal.detail]})
    messages.success(request, f"{to.name} reviews it from now on.")
    return redirect("access-review-detail", pk)


@page
@require_GET
def review_csv(request: HttpRequest, pk: uuid.UUID) -> StreamingHttpResponse:
    """``GET /access-reviews/<pk>.csv``: every role and what was said of it, for a spreadsheet."""
    lines = review_reading.csv_lines(review_reading.review_for(actor(request), pk))
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=_as_file(pk, "csv"))


@page
@require_GET
def review_json(request: HttpRequest, pk: uuid.UUID) -> JsonResponse:
    """``GET /access-reviews/<pk>.json``: the same with the signed statement."""
    found = review_reading.as_json(review_reading.review_for(actor(request), pk))
    return JsonResponse(found, json_dumps_params={"ensure_ascii": False}, headers=_as_file(pk, "json"))


def _as_file(pk: uuid.UUID, form: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="access-review-{str(pk)[:8]}.{form}"'}


def _person(text: str) -> User:
    try:
        person = User.objects.filter(pk=uuid.UUID(text), is_active=True, sponsor__isnull=True).first()
    except ValueError:
        person = None
    if person is None:
        raise InvalidInput("Choose who reviews.")
    return person


def _list_again(request: HttpRequest, status: int, errors: Errors) -> HttpResponse:
    values: dict[str, Any] = {name: request.POST.get(name, "") for name in ("system", "reviewer", "due_on")}
    context = reviews_page(actor(request), values=values | {"roles": request.POST.getlist("roles")}, errors=errors)
    return render(request, "accounts/access_reviews.html", context, status=status)


def _again(request: HttpRequest, pk: uuid.UUID, status: int, errors: Errors) -> HttpResponse:
    values = {name: request.POST.get(name, "") for name in ("reason", "reviewer")}
    context = review_page(actor(request), pk, request.POST.dict(), values=values, errors=errors)
    return render(request, "accounts/access_review.html", context, status=status)
