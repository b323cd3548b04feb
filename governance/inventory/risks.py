"""The risk file of an AI system (Article 9): hazards, measures, how these were tested, and who accepts what remains."""

import uuid
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role, people_with
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import DomainError, Forbidden, InvalidInput, Unknown
from governance.inventory import tested
from governance.inventory.declaring import check_may_declare
from governance.inventory.errors import OwnRisk, RiskClosed, RiskMoved, RiskNotTreated
from governance.inventory.models import AISystem, Risk
from governance.inventory.texts import LONGEST, reason_of, text_of

ACCEPTERS = (Role.VALIDATOR, Role.RISK_OFFICER)
LONGEST_TITLE = 200
TEXTS = {"title": "title", "hazard": "hazard", "affected": "persons affected", "measures": "measures", "tests": "tests"}
NEEDED = ("title", "hazard", "affected")
SCORES = ("likelihood", "severity", "residual_likelihood", "residual_severity")
FIELDS = (*TEXTS, *SCORES, "kind", "owner", "review_on", "evidence")


@transaction.atomic
def open_risk(*, ai_system: AISystem, by: User, **values: Any) -> Risk:
    """Write a risk into the file of a system; it is ``treated`` at once where measures, tests and residual are stated.

    Args:
        values: of ``FIELDS``: texts; ``kind``; ``evidence``: ids of evidence about the system or its versions that
            shows the tests, at most 50; ``likelihood`` and ``severity`` (1 to 5) before measures; the residual
            ones or None; ``owner`` (a person, ``by`` by default); ``review_on``: the last day for the next review.

    Raises:
        Forbidden: the person has no part in the system.
        InvalidInput: a text is missing or too long, a score is none of 1 to 5, only one residual score is given, the
            day of the review has passed, no role of the owner reaches the system, or there is no such evidence.
    """
    check_may_declare(ai_system, by)
    AISystem.objects.select_for_update().get(pk=ai_system.pk)
    newest = ai_system.risks.order_by("-number").first()
    now = clock.now()
    row = Risk(system=ai_system, number=newest.number + 1 if newest else 1, owner=by, made_by=by, made_at=now)
    _put(row, _checked({"kind": "", "likelihood": None, "severity": None, "review_on": None, **values}), by)
    if absent := [TEXTS[name] for name in NEEDED if not getattr(row, name)]:
        raise InvalidInput(f"State the {absent[0]}.")
    return _logged(row, Event.RISK_OPENED, by)


@transaction.atomic
def change_risk(*, risk_id: uuid.UUID, by: User, seen: str = "", **values: Any) -> Risk:
    """Change what is given of a risk; an acceptance is taken back. What says what stands already changes nothing.

    Args:
        seen: the log entry of the risk as the writer read it; where it is given and another change has come meanwhile,
            nothing is written.

    Raises:
        Unknown: no such risk.
        RiskClosed: it is closed.
        RiskMoved: somebody changed it since ``seen``.
        Forbidden, InvalidInput: as :func:`open_risk` says.
    """
    row = _locked(risk_id)
    check_may_declare(row.system, by)
    _check_stands(row)
    _check_seen(row, seen)
    new = {name: value for name, value in _checked(values).items() if value != getattr(row, name)}
    if not new:
        return row
    if absent := [TEXTS[name] for name in NEEDED if not new.get(name, getattr(row, name))]:
        raise InvalidInput(f"State the {absent[0]}.")
    _put(row, new, by)
    return _logged(row, Event.RISK_CHANGED, by)


@transaction.atomic
def accept_risk(*, risk_id: uuid.UUID, by: User, reason: str, seen: str = "") -> Risk:
    """Accept, as a second person, what remains of a risk.

    Args:
        seen: the log entry of the risk as the person read it, so that nobody accepts what they did not read.

    Raises:
        Unknown: no such risk.
        RiskMoved: somebody changed it since ``seen``.
        InvalidInput: the reason is shorter than 20 characters.
        OwnRisk, Forbidden, RiskClosed, RiskNotTreated: as :func:`check_may_accept` says.
    """
    row = _locked(risk_id)
    check_may_accept(row, by)
    _check_seen(row, seen)
    row.reason, row.accepted_by, row.accepted_at = reason_of(reason), by, clock.now()
    row.state = Risk.State.ACCEPTED
    return _logged(row, Event.RISK_ACCEPTED, by)


@transaction.atomic
def close_risk(*, risk_id: uuid.UUID, by: User, reason: str) -> Risk:
    """Close a risk that no longer exists, with the reason.

    Raises:
        Unknown: no such risk.
        Forbidden: the person neither owns the risk nor the system, and is no risk officer of it.
        RiskClosed: it is closed already.
        InvalidInput: the reason is shorter than 20 characters.
    """
    row = _locked(risk_id)
    check_may_close(row, by)
    _check_stands(row)
    row.reason, row.state, row.closed_at = reason_of(reason), Risk.State.CLOSED, clock.now()
    return _logged(row, Event.RISK_CLOSED, by)


def check_may_accept(row: Risk, by: User) -> None:
    """Check that the person may accept what remains of a risk now. Pages ask it too.

    Raises:
        OwnRisk: they own the risk, or wrote any of it.
        Forbidden: they are neither validator nor risk officer of the system.
        RiskClosed: it is closed.
        RiskNotTreated: it is accepted already, or measures, tests or residual scores are missing.
    """
    if by.pk == row.owner_id or by.actor_id in _writers_of(row):
        raise OwnRisk(f"{by} owns this risk or wrote some of it; someone else accepts what remains.")
    if by.is_service or not has_role(by, *ACCEPTERS, system_id=row.system_id):
        raise Forbidden("A validator or risk officer of the system accepts a residual risk.")
    _check_stands(row)
    if row.state == Risk.State.ACCEPTED:
        raise RiskNotTreated("What remains of this risk is accepted already.")
    if row.state != Risk.State.TREATED:
        raise RiskNotTreated("State the measures, how they were tested and both residual scores first.")


def check_may_close(row: Risk, by: User) -> None:
    """Check that the person may close a risk.

    Raises:
        Forbidden: they neither own the risk nor the system, and are no risk officer of it.
    """
    if by.pk not in {row.owner_id, row.system.owner_id} and not has_role(
        by, Role.RISK_OFFICER, system_id=row.system_id
    ):
        raise Forbidden("The owner of the risk or of the system, or a risk officer, closes a risk.")


def may_accept(row: Risk, viewer: User) -> str:
    """Return why the person can't accept what remains of a risk, an empty text when they can."""
    try:
        check_may_accept(row, viewer)
    except DomainError as refusal:
        return refusal.detail
    return ""


def risks_of(ai_system: AISystem) -> QuerySet[Risk]:
    """Return the risks of a system by number, closed ones included."""
    return ai_system.risks.select_related("system", "owner", "made_by", "changed_by", "accepted_by").order_by("number")


def risk_of(ai_system: AISystem, pk: uuid.UUID) -> Risk:
    """Return one risk of a system.

    Raises:
        Unknown: the system has none with that id.
    """
    found = risks_of(ai_system).filter(pk=pk).first()
    if found is None:
        raise Unknown(f"{ai_system.name} has no risk {pk} in its file; the list names the id of each.")
    return found


def is_overdue(row: Risk, today: date) -> bool:
    """Return whether the day of the next review has passed; a closed risk is reviewed no more."""
    return row.state != Risk.State.CLOSED and row.review_on < today


def possible_owners(ai_system: AISystem) -> list[User]:
    """Return the people who can own a risk of a system, by name: whoever a role reaches it, and its owner."""
    found = {row.pk: row for row in people_with(Role.values, system_id=ai_system.pk)}
    return sorted({**found, ai_system.owner_id: ai_system.owner}.values(), key=lambda row: row.name)


def _writers_of(row: Risk) -> set[str]:
    """Return who wrote the risk down or changed it, as the log names them: the row has the first and the last alone."""
    wrote = {Event.RISK_OPENED, Event.RISK_CHANGED}
    entries = log.entries_naming(Risk._meta.db_table, [row.pk])
    return {entry.parsed["actor"] for entry in entries if entry.parsed["event"] in wrote}


def _put(row: Risk, values: Mapping[str, Any], by: User) -> None:
    owner = values.get("owner")
    if owner is not None and owner != by and owner not in possible_owners(row.system):
        raise InvalidInput(f"No role of {owner} reaches {row.system.name}; choose an owner whom one does.")
    # What stands already was checked when it was named, and its model may serve another system by now.
    tested.check(row.system, set(values.get("evidence", ())) - set(row.evidence))
    for name, value in values.items():
        setattr(row, name, value)
    if (row.residual_likelihood is None) != (row.residual_severity is None):
        raise InvalidInput("Give both residual scores, likelihood and severity, or neither.")
    treated = bool(row.measures and row.tests and row.residual_likelihood)
    row.state = Risk.State.TREATED if treated else Risk.State.OPEN
    row.accepted_by = row.accepted_at = None
    row.reason, row.changed_by, row.changed_at = "", by, clock.now()


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := sorted(set(values) - set(FIELDS)):
        raise InvalidInput(f"A risk has no {unknown[0]}; it has: {', '.join(FIELDS)}.")
    kept: dict[str, Any] = {}
    for name, value in values.items():
        if name in TEXTS:
            kept[name] = text_of(value, TEXTS[name], LONGEST_TITLE if name == "title" else LONGEST)
        elif name in SCORES:
            if value not in {1, 2, 3, 4, 5} and not (value is None and name.startswith("residual")):
                raise InvalidInput(f"The {name.replace('_', ' ')} is a whole number from 1 to 5.")
            kept[name] = value
        elif name == "evidence":
            kept[name] = tested.ids_of(value)
        elif name == "kind" and value not in Risk.Kind.values:
            raise InvalidInput(f"The kind is one of: {', '.join(Risk.Kind.values)}.")
        elif name == "review_on" and (not isinstance(value, date) or value < clock.now().date()):
            raise InvalidInput("Name the last day for the next review: today or later.")
        elif value is not None:
            kept[name] = value
    return kept


def _check_seen(row: Risk, seen: str) -> None:
    if seen and seen != str(row.log_entry):
        raise RiskMoved(f"{row.changed_by} changed or decided on this risk meanwhile; read it, then save yours again.")


def _check_stands(row: Risk) -> None:
    if row.state == Risk.State.CLOSED:
        raise RiskClosed("This risk is closed; write down another.")


def _locked(risk_id: uuid.UUID) -> Risk:
    found = (
        Risk.objects.select_for_update(of=("self",)).select_related("system", "changed_by").filter(pk=risk_id).first()
    )
    if found is None:
        raise Unknown(f"There is no risk {risk_id}.")
    return found


def _logged(row: Risk, event: Event, by: User) -> Risk:
    data = {
        "system": row.system.slug,
        "number": row.number,
        "kind": row.kind,
        "state": row.state,
        "inherent": [row.likelihood, row.severity],
        "residual": [row.residual_likelihood, row.residual_severity] if row.residual_likelihood else None,
        "evidence": row.evidence,
    }
    # A later change clears the reason from the row; behind the entry it stays readable, and erasable.
    why = {"reason": row.reason} if row.reason else None
    audit.append(event=event, actor=by, subjects=[row], data=data, payload=why)
    return row
