"""The delegations page: what one lends and signs for others, and for administrators what waits for a confirmation."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Q

from governance.accounts.models import User
from governance.accounts.roles import DECIDING, Role
from governance.accounts.selectors import grants_in_force, has_role
from governance.approvals.models import Delegation
from governance.audit.selectors import payload_of
from governance.common import clock
from governance.inventory.models import AISystem

SHOWN = 50


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
        "people": [(str(pk), name) for pk, name in _holders(roles) if pk != viewer.pk],
        "roles": [(role, Role(role).label) for role in sorted(roles)],
        "systems": [(str(pk), name) for pk, name in AISystem.objects.order_by("name").values_list("pk", "name")],
        "today": clock.now().date(),
        "form": {**(values or {}), "errors": dict(errors or {})},
    }


def _deciding(person: User) -> set[str]:
    """Return the roles with which the person decides, for whatever system."""
    held = grants_in_force().filter(person=person, person__sponsor__isnull=True, role__in=DECIDING)
    return set(held.values_list("role", flat=True))


def _holders(roles: Iterable[str]) -> Iterable[tuple[Any, str]]:
    grants = grants_in_force().filter(role__in=roles, person__sponsor__isnull=True)
    return User.objects.filter(pk__in=grants.values("person_id")).order_by("name").values_list("pk", "name")


def _rows(rows: Iterable[Delegation], viewer: User) -> list[dict[str, Any]]:
    return [_row(row, viewer) for row in rows]


def _row(row: Delegation, viewer: User) -> dict[str, Any]:
    now, third = clock.now(), viewer.pk not in {row.delegator_id, row.delegate_id}
    if row.ended_at or row.valid_until <= now:
        state = "ended"
    elif row.confirmed_at is None:
        state = "waits for an administrator"
    else:
        state = "in force" if row.valid_from <= now else "confirmed"
    waits = state == "waits for an administrator"
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
