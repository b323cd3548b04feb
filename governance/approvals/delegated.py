"""Read delegations: who stands for whom, and what a person counts for in a stage.

A delegation lends a place, never a role. Its delegate signs where the delegator could sign, holds that role of the
stage by a grant of their own (for whatever system), and both count as one. What was lent after a request was made lends
nothing in it; what has ended, on whichever side, has ended at once.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from governance.accounts.models import Grant, User
from governance.accounts.roles import DECIDING
from governance.accounts.selectors import RolesHeld, grants_in_force
from governance.approvals.models import ApprovalRequest, Delegation
from governance.common import clock


@dataclass(frozen=True)
class Place:
    """In whose place somebody signs in a stage, and in which of its roles; ``of`` is None for their own."""

    of: uuid.UUID | None
    roles: frozenset[str]


def in_force(*, since: datetime, at: datetime) -> QuerySet[Delegation]:
    """Return the delegations that hold at ``at`` and have held since then, confirmed and all."""
    return Delegation.objects.filter(
        confirmed_at__lte=since, valid_from__lte=since, valid_until__gt=at, ended_at__isnull=True
    )


def delegates(
    roles: Iterable[str], *, system_id: uuid.UUID, eligible: Sequence[str], excluded: Collection[str]
) -> dict[str, str]:
    """Return who stands for whom in a stage from now on: {delegate: delegator}, as ids.

    Args:
        eligible: who may sign in the stage by a role of their own; they need nobody's place, and only theirs is lent.
        excluded: who is kept from signing; they stand for nobody.
    """
    now = clock.now()
    rows = [
        row
        for row in _for_system(in_force(since=now, at=now), system_id).filter(delegator_id__in=eligible).order_by("pk")
        if str(row.delegate_id) not in {*eligible, *excluded}
    ]
    held = _grants({row.delegate_id for row in rows} | {row.delegator_id for row in rows}, now)
    return {
        str(row.delegate_id): str(row.delegator_id)
        for row in rows
        if _lent(row, held, set(roles), system_id, since=now)
    }


def place_in(approval: ApprovalRequest, stage: Mapping[str, Any], person: User, held: RolesHeld) -> Place | None:
    """Return what the person counts for in a stage at this moment, None when they may not sign in it.

    Whoever is kept from signing has no place and lends none.
    """
    if str(person.pk) in stage["eligible"]:
        roles = held(approval.system_id, approval.opened_at) & set(stage["roles"])
        return Place(None, frozenset(roles)) if roles else None
    delegator = stage.get("delegates", {}).get(str(person.pk))
    if delegator is None or any(row["person"] == delegator for row in approval.excluded):
        return None
    now, since = clock.now(), approval.opened_at
    rows = _for_system(in_force(since=since, at=now), approval.system_id)
    rows = rows.filter(delegate=person, delegator_id=delegator, delegate__sponsor__isnull=True)
    grants = _grants({person.pk, uuid.UUID(delegator)}, now)
    lent = [_lent(row, grants, set(stage["roles"]), approval.system_id, since=since) for row in rows]
    return Place(uuid.UUID(delegator), frozenset().union(*lent)) if any(lent) else None


def lent_to(person: User) -> Iterator[tuple[str, list[uuid.UUID], datetime]]:
    """Yield what others' places let the person sign now: a role, the systems that all must be it, and since when.

    Nothing is asked beyond one query where nobody stands for anybody, as for most people on most pages.
    """
    now = clock.now()
    rows = list(in_force(since=now, at=now).filter(delegate=person))
    if not rows:
        return
    held = _grants({person.pk} | {row.delegator_id for row in rows}, now)
    for row in rows:
        for lent in held[row.delegator_id]:
            if lent.role not in DECIDING or row.role not in ("", lent.role):
                continue
            systems = [pk for pk in (row.system_id, lent.system_id) if pk]
            for own in held[person.pk]:
                if own.role == lent.role and row.confirmed_at:
                    since = max(row.confirmed_at, row.valid_from, lent.valid_from, own.valid_from)
                    yield lent.role, systems, since


def _for_system(rows: QuerySet[Delegation], system_id: uuid.UUID) -> QuerySet[Delegation]:
    return rows.filter(Q(system__isnull=True) | Q(system_id=system_id))


def _grants(people: Collection[uuid.UUID], at: datetime) -> Mapping[uuid.UUID, list[Grant]]:
    held: dict[uuid.UUID, list[Grant]] = defaultdict(list)
    for grant in grants_in_force(at=at).filter(person_id__in=people, person__sponsor__isnull=True) if people else ():
        held[grant.person_id].append(grant)
    return held


def _lent(
    row: Delegation, held: Mapping[uuid.UUID, list[Grant]], wanted: set[str], system_id: uuid.UUID, *, since: datetime
) -> set[str]:
    """Return the roles in which a delegation counts: the delegator's for the system that the delegate holds, too."""
    theirs = {
        grant.role
        for grant in held[row.delegator_id]
        if grant.system_id in (None, system_id) and grant.valid_from <= since
    }
    own = {grant.role for grant in held[row.delegate_id] if grant.valid_from <= since}
    return theirs & own & wanted & ({row.role} if row.role else set(map(str, DECIDING)))
