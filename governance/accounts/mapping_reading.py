"""Read what claims of the identity provider give."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db.models import Count, Q

from governance.accounts import mappings, people_reading, systems
from governance.accounts.models import ClaimMapping, User
from governance.accounts.roles import GRAVE, Role
from governance.common import clock

SHOWN = 50


def mappings_page(
    viewer: User, *, values: Mapping[str, Any] | None = None, errors: Mapping[str, Sequence[str]] | None = None
) -> dict[str, Any]:
    """Return the context of accounts/mappings.html; ``values`` and ``errors`` are those of a refused form.

    Raises:
        Forbidden: the viewer may not read it.
    """
    people_reading.check_may_read(viewer)
    holders = Count("grants", filter=_held())
    now_counting = mappings.counting(settings.OIDC.issuer).select_related("made_by", "confirmed_by")
    groups: dict[str, list[ClaimMapping]] = {
        "rows": list(now_counting.annotate(holders=holders).order_by("claim", "value", "role")),
        "pending": list(mappings.waiting()),
        "past": list(mappings.past()[:SHOWN]),
    }
    names = systems.names_of(row.system_id for rows in groups.values() for row in rows)
    shared = people_reading.tabs(viewer)
    return {
        **{key: [_row(row, viewer, names, shared["administrator"]) for row in rows] for key, rows in groups.items()},
        "provider": {"name": settings.OIDC.name, "issuer": settings.OIDC.issuer},
        "choices": {
            "roles": [(role, label, role in GRAVE) for role, label in Role.choices],
            "systems": systems.choices() if shared["administrator"] else [],
        },
        "form": {"claim": settings.OIDC.groups_claim, **(values or {}), "errors": dict(errors or {})},
        **shared,
    }


def _held() -> Q:

    now = clock.now()
    return Q(grants__valid_from__lte=now) & (Q(grants__valid_until__isnull=True) | Q(grants__valid_until__gt=now))


def _row(row: ClaimMapping, viewer: User, names: Mapping[uuid.UUID, str], administrator: bool) -> dict[str, Any]:
    return {
        "pk": row.pk,
        "claim": row.claim,
        "value": row.value,
        "issuer": row.issuer,
        "role": Role(row.role).label,
        "system": names.get(row.system_id, str(row.system_id)) if row.system_id else "",
        "days": row.days,
        "made_by": row.made_by.name,
        "made_at": row.made_at,
        "open_until": row.made_at + mappings.OPEN_FOR,
        "confirmed_by": row.confirmed_by.name if row.confirmed_by else "",
        "ended_at": row.ended_at,
        "ended_by": row.ended_by.name if row.ended_by else "",
        "holders": getattr(row, "holders", 0),
        "why_not": mappings.why_not(row, viewer, administrator=administrator) if row.valid_from is None else "",
    }
