"""What an MLflow had in production when Placet came: the list of adoptions, and the page on which one is signed."""

from collections import Counter
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.models import User
from governance.accounts.narrow import actor
from governance.approvals.web.forms import Errors, errors_of_refusal
from governance.common import clock
from governance.common.errors import DomainError
from governance.common.pages import page
from registry import adoptable, adoption
from registry.errors import MlflowDown
from registry.models import AdoptedAlias, Adoption

ROWS_SHOWN = 500
State = AdoptedAlias.State


@page
@require_GET
def adoption_list(request: HttpRequest) -> HttpResponse:
    """``GET /adoptions``: every adoption, newest first."""
    rows = [
        {
            "number": row.number,
            "name": str(row),
            "state": row.state,
            "deadline": row.deadline,
            "proposed_by": row.proposed_by.name,
            "proposed_at": row.proposed_at,
            "signed_by": row.signed_by.name if row.signed_by else "",
            "counts": _counts(row),
        }
        for row in adoption.adoptions_for(actor(request))
    ]
    return render(request, "registry/adoption_list.html", {"rows": rows})


@page
@require_GET
def adoption_detail(request: HttpRequest, number: int) -> HttpResponse:
    """``GET /adoptions/<number>``: what it holds, and what is not as it was proposed."""
    person = actor(request)
    return render(request, "registry/adoption.html", _context(adoption.adoption_for(person, number), person))


@page
@require_POST
def adoption_sign(request: HttpRequest, number: int) -> HttpResponse:
    """``POST /adoptions/<number>/sign``: adopt what is still as it was proposed, on one's password."""
    person = actor(request)
    row = adoption.adoption_for(person, number)
    if refusal := adoption.why_not(row, person):
        return _again(request, row, {"all": [refusal]}, 403)
    password = request.POST.get("password", "")
    try:
        adoption.sign(number=row.number, seen=adoptable.look(), person=person, password=password)
    except DomainError as refused:
        return _again(request, row, errors_of_refusal(refused), refused.status)
    said = adoption.rows_of(row)
    skipped = sum(held.state == State.SKIPPED for held in said)
    left_out = f" {skipped} were skipped; they are named below." if skipped else ""
    messages.success(request, f"Signed: {len(said) - skipped} serve on as grandfathered.{left_out}")
    return redirect("adoption", number=row.number)


@page
@require_POST
def adoption_withdraw(request: HttpRequest, number: int) -> HttpResponse:
    """``POST /adoptions/<number>/withdraw``: take back what nobody has signed yet."""
    person = actor(request)
    row = adoption.adoption_for(person, number)
    try:
        adoption.withdraw(number=row.number, person=person)
    except DomainError as refused:
        return _again(request, row, errors_of_refusal(refused), refused.status)
    messages.success(request, "Withdrawn: nothing was adopted.")
    return redirect("adoption", number=row.number)


def _again(request: HttpRequest, row: Adoption, errors: Errors, status: int) -> HttpResponse:
    context = _context(row, actor(request)) | {"form": {"errors": errors}}
    return render(request, "registry/adoption.html", context, status=status)


def _context(row: Adoption, person: User) -> dict[str, Any]:
    """Return the context of registry/adoption.html; while it waits, with what MLflow has now."""
    held = adoption.rows_of(row)
    waits = row.state == "proposed"
    differs, unknown = _differences(held) if waits else ({}, "")
    people = Counter((item.system.name if item.system else "", item.owner.name) for item in held)
    shown = [
        {
            "model": str(item.model),
            "model_pk": item.model_id,
            "place": item.alias or f"stage {item.stage}",
            "version": item.version.number,
            "digest": item.digest,
            "system": item.system.name if item.system else "",
            "owner": item.owner.name,
            "state": item.state,
            "note": differs.get(item.pk) or item.state_reason,
            "left_at": item.left_at,
        }
        for item in sorted(held, key=lambda item: not (differs.get(item.pk) or item.state_reason))
    ]
    return {
        "adoption": {
            "number": row.number,
            "name": str(row),
            "state": row.state,
            "deadline": row.deadline,
            "reason": row.reason,
            "only": ", ".join(row.only),
            "proposed_by": row.proposed_by.name,
            "proposed_at": row.proposed_at,
            "signed_by": row.signed_by.name if row.signed_by else "",
            "signed_at": row.signed_at,
        },
        "counts": _counts(row),
        "differences": len(differs),
        "unknown": unknown,
        "answerable": [
            {"system": system, "owner": owner, "count": count} for (system, owner), count in sorted(people.items())
        ],
        "rows": shown[:ROWS_SHOWN],
        "more": max(0, len(shown) - ROWS_SHOWN),
        "why_not": adoption.why_not(row, person) if waits else "",
        "may_withdraw": waits and _may_withdraw(person),
        "past": row.deadline < clock.now().date(),
        "form": {},
    }


def _differences(held: list[AdoptedAlias]) -> tuple[dict[object, str], str]:
    """Return what is not as it was proposed, by row, and why that is not known where it is not."""
    try:
        return adoption.changes(held, adoptable.look()), ""
    except MlflowDown as down:
        return {}, down.detail


def _may_withdraw(person: User) -> bool:
    try:
        adoption.check_may_propose(person)
    except DomainError:
        return False
    return True


def _counts(row: Adoption) -> dict[str, int]:
    counted: Counter[str] = Counter(row.rows.values_list("state", flat=True))
    serving = row.rows.filter(state=State.ADOPTED, left_at__isnull=True).count()
    return {
        "all": counted.total(),
        "adopted": counted[State.ADOPTED],
        "skipped": counted[State.SKIPPED],
        "serving": serving,
    }
