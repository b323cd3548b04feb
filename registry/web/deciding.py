"""Decide on what is asked through a request of its own, such as a waiver: the same acts, each on its own page."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from governance.accounts.models import User
from governance.accounts.narrow import actor
from governance.accounts.web.passkeys import answer_in
from governance.approvals import selectors as approvals
from governance.approvals import services, signing
from governance.approvals.models import ApprovalRequest, Decision
from governance.approvals.web.forms import DecisionForm, Errors, PasskeyDecisionForm, errors_of, errors_of_refusal, sent
from governance.common.errors import DomainError, InvalidInput
from registry.reviewing.sign import sign_page
from registry.web import views

LONGEST_REASON = 2_000


@dataclass(frozen=True)
class Subject:
    """What such requests are about: the address and the template of their page, and what it shows.

    ``shown(request, viewer)`` refuses a request that is about something else.
    """

    name: str
    template: str
    shown: Callable[[ApprovalRequest, User], dict[str, Any]]

    def page(self, request: HttpRequest, pk: uuid.UUID) -> dict[str, Any]:
        """Return the context of the page for who asks for it."""
        return self.shown(approvals.request_for(actor(request), pk), actor(request))

    def detail(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Show it as who decides on it needs it."""
        return render(request, self.template, self.page(request, pk))

    def decide(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Sign a verdict on it, or show the statement that a passkey is to sign."""
        person = actor(request)
        approval = approvals.request_for(person, pk)
        context = self.shown(approval, person)
        by_passkey = signing.wants_passkey(approvals.open_stage(approval) or {})
        form = (PasskeyDecisionForm if by_passkey else DecisionForm)(request.POST)
        if not form.is_valid():
            return self.again(request, context, form, errors_of(form), InvalidInput.status)
        values = form.cleaned_data
        said = {"verdict": values["verdict"], "rationale": values["rationale"]}
        try:
            if by_passkey:
                prepared = signing.prepare_decision(request_id=pk, approver=person, **said)
                return render(request, "registry/sign.html", sign_page(approval, prepared, person, values["rationale"]))
            decision = signing.record_decision(request_id=pk, approver=person, password=values["password"], **said)
        except DomainError as refusal:
            return self.again(request, context, form, errors_of_refusal(refusal), refusal.status)
        messages.success(request, views.SIGNED[Decision.Verdict(decision.verdict)])
        return redirect(self.name, pk=pk)

    def sign(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        """Record a decision on it whose statement a passkey has signed."""
        person, context = actor(request), self.page(request, pk)
        try:
            answer = answer_in(request.POST.get("credential", ""))
            decision = signing.sign_decision(
                request_id=pk, approver=person, token=request.POST.get("prepared", ""), answer=answer
            )
        except DomainError as refusal:
            return self.again(request, context, PasskeyDecisionForm(), {"all": [refusal.detail]}, refusal.status)
        messages.success(request, views.SIGNED[Decision.Verdict(decision.verdict)])
        return redirect(self.name, pk=pk)

    def withdraw(self, request: HttpRequest, pk: uuid.UUID, done: str) -> HttpResponse:
        """Take back what one asked for."""
        self.page(request, pk)  # of no other kind of request
        reason = request.POST.get("reason", "").strip()
        if len(reason) > LONGEST_REASON:
            raise InvalidInput(f"The reason takes at most {LONGEST_REASON:,} characters; this has {len(reason):,}.")
        services.withdraw(request_id=pk, requester=actor(request), reason=reason)
        messages.success(request, done)
        return redirect(self.name, pk=pk)

    def again(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        form: forms.Form,
        errors: Errors,
        status: int,
        *,
        key: str = "form",
    ) -> HttpResponse:
        """Show the page with what was typed and why it was refused; ``key`` says in which of its forms."""
        values = {name: value for name, value in sent(form).items() if name != "password"}
        messages.error(request, " ".join(sentence for sentences in errors.values() for sentence in sentences))
        return render(request, self.template, context | {key: values | {"errors": errors}}, status=status)
