"""What one person does to production at once, on a model's page: go back, stop, break the glass."""

import uuid
from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from governance.accounts.models import User
from governance.accounts.narrow import actor
from governance.approvals.web.forms import errors_of, errors_of_refusal, sent
from governance.common.broker import enqueue_on_commit
from governance.common.errors import DomainError
from governance.common.pages import page
from registry import interventions, tasks
from registry.models import AliasChange, RegisteredModel
from registry.reviewing import model_pages
from registry.web.views import model_of


class ActForm(forms.Form):
    """Why, and the password that signs it."""

    reason = forms.CharField(
        min_length=10,
        max_length=1000,
        error_messages={
            "required": "Say why, in at least 10 characters.",
            "min_length": "Say why, in at least 10 characters.",
        },
    )
    password = forms.CharField(strip=False, error_messages={"required": "Type your password to sign."})


class GlassForm(ActForm):
    """The same, with the version and the alias that it is to have."""

    version = forms.IntegerField(min_value=1, error_messages={"required": "Choose a version."})
    alias = forms.CharField(max_length=255, error_messages={"required": "Choose an alias."})


@page
@require_POST
def model_rollback(request: HttpRequest, pk: uuid.UUID, alias: str) -> HttpResponse:
    """``POST /models/<pk>/aliases/<alias>/rollback``: go back to what was approved before."""

    def act(model: RegisteredModel, form: forms.Form, person: User) -> AliasChange:
        return interventions.roll_back(model=str(model), alias=alias, person=person, **form.cleaned_data)

    return _acted(request, pk, ActForm(request.POST), act, uid=f"rollback-{alias}")


@page
@require_POST
def model_stop(request: HttpRequest, pk: uuid.UUID, alias: str) -> HttpResponse:
    """``POST /models/<pk>/aliases/<alias>/stop``: take the alias off at once."""

    def act(model: RegisteredModel, form: forms.Form, person: User) -> AliasChange:
        return interventions.stop(model=str(model), alias=alias, person=person, **form.cleaned_data)

    return _acted(request, pk, ActForm(request.POST), act, uid=f"stop-{alias}")


@page
@require_POST
def model_break_glass(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``POST /models/<pk>/break-glass``: put a version there that nobody approved."""

    def act(model: RegisteredModel, form: forms.Form, person: User) -> AliasChange:
        return interventions.break_glass(model=str(model), person=person, **form.cleaned_data)

    return _acted(request, pk, GlassForm(request.POST), act, uid="break_glass")


def _acted(
    request: HttpRequest,
    pk: uuid.UUID,
    form: forms.Form,
    act: Callable[[RegisteredModel, forms.Form, User], AliasChange],
    *,
    uid: str,
) -> HttpResponse:
    """Ask for it and go back to the page; a refusal shows the page again, with its sentence and what was typed."""
    registered, person, errors, status = model_of(request, pk), actor(request), {}, 422
    if form.is_valid():
        try:
            change = act(registered, form, person)
        except DomainError as refusal:
            errors, status = errors_of_refusal(refusal, text_field="reason"), refusal.status
            messages.error(request, refusal.detail)
        else:
            enqueue_on_commit(tasks.carry_out, change.pk)
            way = "nothing is moved anywhere" if registered.is_recorded else "and on its way to MLflow"
            messages.success(request, f"{change} is in the log, {way}; this takes a few seconds.")
            return redirect("model-detail", pk=pk)
    else:
        errors = errors_of(form)
        # where there is nothing to go back to, the page has no field that would say it
        messages.error(request, " ".join(sentence for said in errors.values() for sentence in said))
    context = model_pages.model_page(registered, person)
    context["form"] = {"uid": uid, "errors": errors, **sent(form)}
    return render(request, "registry/model.html", context, status=status)
