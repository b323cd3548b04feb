"""What claims of the identity provider give: written by an administrator, and for a grave role confirmed by another.

A mapping is a standing order. It stands for the two administrators whom a grave role takes, so it takes two itself.
"""

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from governance.accounts import administration, administrators, services
from governance.accounts.errors import MappingOpen, MappingSettled, SecondAdministratorNeeded
from governance.accounts.models import ClaimMapping, User, in_force
from governance.accounts.roles import GRAVE, Role
from governance.accounts.selectors import has_role
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown

OPEN_FOR = timedelta(days=14)
"""How long a mapping can be confirmed."""
MOST_DAYS = 366


def counting(issuer: str) -> QuerySet[ClaimMapping]:
    """Return the mappings of a provider that count now."""
    return ClaimMapping.objects.filter(issuer=issuer, valid_from__lte=clock.now(), ended_at__isnull=True)


def waiting() -> QuerySet[ClaimMapping]:
    """Return the mappings that can be confirmed still, oldest first."""
    rows = ClaimMapping.objects.filter(valid_from__isnull=True, ended_at__isnull=True)
    return rows.filter(made_at__gt=clock.now() - OPEN_FOR).select_related("made_by").order_by("made_at")


def why_not(mapping: ClaimMapping, by: User, *, administrator: bool) -> str:
    """Return why this person, who administers or not, cannot confirm the mapping; empty if they can."""
    if by.is_service or not administrator:
        return "An administrator confirms what a claim gives."
    return "You wrote it; another administrator confirms it." if by.pk == mapping.made_by_id else ""


@transaction.atomic
def map_claim(
    *, claim: str, value: str, role: Role, by: User, system_id: uuid.UUID | None = None, days: int | None = None
) -> ClaimMapping:
    """Say, as an administrator, which role a claim gives at sign-in; a grave one once a second one confirms.

    Args:
        days: after how many days a role given so ends; None means with the claim. An auditor's always ends.

    Raises:
        Forbidden: ``by`` is no administrator.
        InvalidInput: there is no provider, a name is empty or too long, or the days are none or out of range.
        SecondAdministratorNeeded: the role takes two, and there is no second administrator.
        MappingOpen: the same counts or waits already.
    """
    actor = administrators.acting(administrators.locked(by))
    claim, value, issuer = claim.strip(), value.strip(), settings.OIDC.issuer
    if not issuer:
        raise InvalidInput("No identity provider is set up here; see the how-to Single sign-on.")
    if not 0 < len(claim) <= 100 or not 0 < len(value) <= 200:
        raise InvalidInput("Give the claim in 1 to 100 characters and its value in 1 to 200.")
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise InvalidInput(f"A role from a claim lasts 1 to {MOST_DAYS} days, or as long as the claim.")
    if role == Role.AUDITOR and days is None:
        raise InvalidInput("An auditor's access always has an end: give the days.")
    if role in GRAVE and not administrators.known() - {by.pk}:
        raise SecondAdministratorNeeded(f"{role.label} takes two administrators; there is no other who could confirm.")
    words = {"issuer": issuer, "claim": claim, "value": value, "role": role, "system_id": system_id}
    held = ClaimMapping.objects.select_for_update(of=("self",)).filter(**words, ended_at__isnull=True).first()
    if held is not None:
        raise MappingOpen(f"{held} gives {role.label.lower()} already, or waits to; end that first.")
    now = clock.now()
    mapping = ClaimMapping(**words, days=days, made_by=by, made_at=now, valid_from=None if role in GRAVE else now)
    audit.append(event=Event.CLAIM_MAPPING_MADE, actor=actor, subjects=[mapping], data=_said(mapping))
    return mapping


@transaction.atomic
def confirm_mapping(*, mapping_id: uuid.UUID, by: User, password: str) -> ClaimMapping:
    """Confirm, as the second administrator, that a claim gives a grave role; it counts at sign-ins from now on.

    Raises:
        Unknown: no such mapping.
        Forbidden: ``by`` is no administrator, or wrote it.
        MappingSettled: it was confirmed or ended, waited too long, or who wrote it administers no more.
        SignInAgain: the password is not the administrator's.
    """
    mapping = _locked(mapping_id, by)
    if refusal := why_not(mapping, by, administrator=has_role(by, Role.ADMINISTRATOR)):
        raise Forbidden(refusal)
    late = mapping.made_at <= clock.now() - OPEN_FOR
    if mapping.valid_from is not None or mapping.ended_at is not None or late:
        raise MappingSettled("It was confirmed or ended, or nobody confirmed it in time. End it and write it anew.")
    if mapping.made_by_id not in administrators.known():
        raise MappingSettled(f"{mapping.made_by} administers no more; end it and write it anew.")
    services.require_password(by, password)
    mapping.confirmed_by, mapping.confirmed_at = by, clock.now()
    mapping.valid_from = mapping.confirmed_at
    audit.append(event=Event.CLAIM_MAPPING_CONFIRMED, actor=by, subjects=[mapping], data=_said(mapping))
    return mapping


@transaction.atomic
def end_mapping(*, mapping_id: uuid.UUID, by: User) -> ClaimMapping:
    """End a mapping, and the roles that it gave. Any one administrator may: it only takes power away.

    Raises:
        Unknown: no such mapping.
        Forbidden: ``by`` is no administrator.
        MappingSettled: it has ended.
        InvalidInput: it would leave the deployment without an administrator.
    """
    mapping = _locked(mapping_id, by)
    actor = administrators.acting(by)
    if mapping.ended_at is not None:
        raise MappingSettled("It has ended.")
    mapping.ended_by, mapping.ended_at = by, clock.now()
    audit.append(event=Event.CLAIM_MAPPING_ENDED, actor=actor, subjects=[mapping], data=_said(mapping))
    held = mapping.grants.select_for_update(of=("self",)).filter(in_force(clock.now()))
    for grant in held.select_related("person").order_by("pk"):
        administration.end_grants([grant], actor=actor, mapping=mapping.pk)
    return mapping


def past() -> QuerySet[ClaimMapping]:
    """Return the mappings that count no more, and those that nobody confirmed in time; newest first."""
    late = Q(valid_from__isnull=True, made_at__lte=clock.now() - OPEN_FOR)
    rows = ClaimMapping.objects.filter(Q(ended_at__isnull=False) | late)
    return rows.select_related("made_by", "confirmed_by", "ended_by").order_by("-made_at")


def _locked(mapping_id: uuid.UUID, by: User) -> ClaimMapping:
    administrators.locked(by)
    rows = ClaimMapping.objects.select_for_update(of=("self",)).select_related("made_by")
    found = rows.filter(pk=mapping_id).first()
    if found is None:
        raise Unknown(f"There is no claim mapping {mapping_id}.")
    return found


def _said(mapping: ClaimMapping) -> dict[str, object]:
    """What everybody may know: names of groups are an organisation's, not a person's."""
    return {
        "mapping": mapping.pk,
        "issuer": mapping.issuer,
        "claim": mapping.claim,
        "value": mapping.value,
        "role": mapping.role,
        "system": mapping.system_id,
        "days": mapping.days,
        "made_by": mapping.made_by.actor_id,
    }
