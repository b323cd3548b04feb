"""The delegations page: what one lends and signs for others, and for administrators what waits for a confirmation."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Q, QuerySet

from governance.accounts.models import User
from governance.accounts.roles import DECIDING, Role
from governance.accounts.selectors import grants_in_force, has_role
from governance.approvals.models import Delegation
from governance.audit.selectors import payload_of
from governance.common import clock
from governance.common.errors import Unknown
from governance.inventory.models import AISystem

SHOWN = 50
SAID = {"waits": "waits for an administrator", "in_force": "in force", "confirmed": "confirmed", "ended": "ended"}


def delegations_page(
    viewer: User, *, values: Mapping[str, Any] | None = None, errors: Mapping[str, Sequence[str]] | None = None
) -> dict[str, Any]:
    """Return the context of approvals/delegations.html; ``values`` and ``errors`` are those of a refused form."""
    rows = Delegation.objects.select_related("delegator", "delegate", "system").order_by("-valid_until", "pk")
    standing = rows.filter(ended_at__isnull=True, valid_until__gt=clock.now())
    administrator = has_role(viewer, Role.ADMINISTRATOR)
    roles = _deciding(viewer)
    return {
        "given": _rows(rows.filter(delegator=viewer)[:SHOWN], viewer),
        "received": _rows(rows.filter(delegate=viewer)[:SHOWN], viewer),
        "administrator": administrator,
        "waiting": _rows(standing.filter(confirmed_at__isnull=True)[:SHOWN], viewer) if administrator else [],
        "others": _rows(
            standing.filter(confirmed_at__isnull=False).exclude(Q(delegator=viewer) | Q(delegate=viewer))[:SHOWN],
            viewer,
        )
        if administrator
        else [],
        "may_lend": bool(roles),
        "people": [(str(pk), name) for pk, name in stand_ins(viewer).order_by("name").values_list("pk", "name")],
        "roles": [(role, Role(role).label) for role in sorted(roles)],
        "systems": [(str(pk), name) for pk, name in AISystem.objects.order_by("name").values_list("pk", "name")],
        "today": clock.now().date(),
        "form": {**(values or {}), "errors": dict(errors or {})},
    }


def delegations_of(person: User) -> QuerySet[Delegation]:
    """Return what the person lends and what is lent to them."""
    mine = Q(delegator=person) | Q(delegate=person)
    return Delegation.objects.filter(mine).select_related("delegator", "delegate", "system")


def delegation_of(person: User, pk: uuid.UUID) -> Delegation:
    """Return one that the person lends or that is lent to them.

    Raises:
        Unknown: there is none, or it is between others.
    """
    found = delegations_of(person).filter(pk=pk).first()
    if found is None:
        raise Unknown(f"There is no delegation {pk}.")
    return found


def stand_ins(person: User) -> QuerySet[User]:
    """Return the people to whom somebody can lend their place: who decides in a role in which they decide, too."""
    grants = grants_in_force().filter(role__in=_deciding(person), person__sponsor__isnull=True)
    return User.objects.filter(pk__in=grants.values("person_id"), is_active=True).exclude(pk=person.pk)


def state_of(row: Delegation) -> str:
    """Return where a delegation stands now: waits, confirmed, in_force, ended."""
    now = clock.now()
    if row.ended_at or row.valid_until <= now:
        return "ended"
    if row.confirmed_at is None:
        return "waits"
    return "in_force" if row.valid_from <= now else "confirmed"


def _deciding(person: User) -> set[str]:
    """Return the roles with which the person decides, for whatever system."""
    held = grants_in_force().filter(person=person, person__sponsor__isnull=True, role__in=DECIDING)
    return set(held.values_list("role", flat=True))


def _rows(rows: Iterable[Delegation], viewer: User) -> list[dict[str, Any]]:
    return [_row(row, viewer) for row in rows]


def _row(row: Delegation, viewer: User) -> dict[str, Any]:
    third = viewer.pk not in {row.delegator_id, row.delegate_id}
    state = SAID[state_of(row)]
    waits = state == SAID["waits"]
    return {
        "pk": row.pk,
        "delegator": row.delegator.name,
        "delegate": row.delegate.name,
        "role": Role(row.role).label if row.role else "each role that decides",
        "system": row.system.name if row.system else "all AI systems",
        "valid_from": row.valid_from,
        "valid_until": row.ended_at or row.valid_until,
        "state": state,
        "tone": {"in force": "ok", "ended": "quiet"}.get(state, "info"),
        # Until it is confirmed, the row's entry is the one that made it; the reason lies in its erasable payload.
        "reason": (payload_of(row.log_entry) or {}).get("reason", "") if waits else "",
        "may_end": state != "ended",
        "may_confirm": waits and third,
    }
