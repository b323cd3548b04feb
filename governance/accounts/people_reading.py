"""Read who is known here and what each may do: the list of people, one person, and the roles that wait."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Lower

from governance.accounts import administration, administrators, proposals, second_factor, systems
from governance.accounts.models import (
    AccessReview,
    ClaimMapping,
    ExternalIdentity,
    Grant,
    GrantProposal,
    Passkey,
    Token,
    User,
    in_force,
)
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role, identities_in_force
from governance.common import clock
from governance.common.errors import Forbidden, Unknown

SHOWN = 50
STATES = ("active", "service", "deactivated", "all")
ENDS_SOON = timedelta(days=30)
Form = Mapping[str, Any]


def check_may_read(viewer: User) -> None:
    """Refuse everybody but administrators and auditors, for the whole deployment.

    Raises:
        Forbidden: the person is neither.
    """
    if viewer.is_service or not viewer.has_perm("accounts.read_people"):
        raise Forbidden("Administrators and auditors read who may do what.")


def people_page(viewer: User, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the context of accounts/people.html.

    Raises:
        Forbidden: the person may not read it.
    """
    check_may_read(viewer)
    filters = _filters(query)
    found = _found(filters)
    page = Paginator(found, SHOWN).get_page(query.get("page"))
    people = list(page.object_list)
    roles = _roles_by_person(people)
    return {
        "rows": [_listed(person, roles.get(person.pk, [])) for person in people],
        "total": page.paginator.count,
        "page": pages(page),
        "filters": filters,
        "roles": Role.choices,
        **tabs(viewer),
    }


def pages(page: Page[Any]) -> dict[str, int | None]:
    """Return which page is shown, and which are beside it."""
    return {
        "number": page.number,
        "previous": page.previous_page_number() if page.has_previous() else None,
        "next": page.next_page_number() if page.has_next() else None,
    }


def tabs(viewer: User) -> dict[str, Any]:
    """Return how much waits behind the tabs that the pages about people share."""
    return {
        "shown": {
            "people": True,
            "waiting": len(proposals.waiting()),
            "mappings": bool(settings.OIDC.issuer),
            "mapped": ClaimMapping.objects.filter(ended_at__isnull=True).count() if settings.OIDC.issuer else 0,
            "reviews": AccessReview.objects.filter(closed_at__isnull=True).count(),
        },
        "administrator": has_role(viewer, Role.ADMINISTRATOR),
    }


def person_page(
    viewer: User, person_id: uuid.UUID, *, values: Form | None = None, errors: Mapping[str, Sequence[str]] | None = None
) -> dict[str, Any]:
    """Return the context of accounts/person.html; ``values`` and ``errors`` are those of a refused form.

    Raises:
        Forbidden: the viewer may not read it.
        Unknown: there is no such person.
    """
    check_may_read(viewer)
    person = User.objects.select_related("sponsor").filter(pk=person_id).first()
    if person is None:
        raise Unknown(f"There is no person {person_id}.")
    administrator, grants = has_role(viewer, Role.ADMINISTRATOR), _grants_of([person])
    pending = [row for row in proposals.waiting() if row.person_id == person.pk]
    names = systems.names_of([*(grant.system_id for grant in grants), *(row.system_id for row in pending)])
    held = [_grant(grant, names) for grant in grants]
    return {
        "person": {
            "pk": person.pk,
            "name": person.name,
            "email": person.email,
            "is_service": person.is_service,
            "is_active": person.is_active,
            "joined_at": person.joined_at,
            "last_login": person.last_login,
            "sponsor": _named(person.sponsor),
            "signs_in_through": _provider_of(person),
            "second_factor": not person.is_service and second_factor.is_enabled(person),
        },
        "grants": [row for row in held if row["state"] == "in force"],
        "ended": [row for row in held if row["state"] != "in force"],
        "pending": [_proposal(row, viewer, names, administrator) for row in pending],
        "tokens": [
            _token(row)
            for row in person.tokens.exclude(workload__isnull=False, expires_at__lte=clock.now()).order_by("-made_at")
        ],
        "identities": [_identity(row) for row in _identities_of(person)],
        "accounts": [_account(row) for row in _accounts_of(person)],
        "passkeys": [_passkey(row) for row in person.passkeys.select_related("confirmed_by").order_by("-enrolled_at")],
        "may": {
            "give": administrator and person.is_active and person.pk != viewer.pk,
            "end": administrator,
            "deactivate": administrator and person.is_active and not administrators.known() <= {person.pk},
        },
        "choices": {
            "roles": [(role, label, role in administration.GRAVE) for role, label in Role.choices],
            "systems": systems.choices() if administrator else [],
            "today": clock.now().date(),
        },
        "form": {**(values or {}), "errors": dict(errors or {})},
    }


def waiting_page(viewer: User, *, errors: Mapping[str, Sequence[str]] | None = None) -> dict[str, Any]:
    """Return the context of accounts/proposals.html: the roles that wait for their second administrator.

    Raises:
        Forbidden: the person may not read it.
    """
    check_may_read(viewer)
    rows = proposals.waiting()
    names = systems.names_of(row.system_id for row in rows)
    settled = GrantProposal.objects.filter(settled_at__isnull=False).select_related(
        "person", "proposed_by", "settled_by"
    )
    past = list(settled.order_by("-settled_at")[:SHOWN])
    names |= systems.names_of(row.system_id for row in past)
    shared = tabs(viewer)
    return {
        "rows": [_proposal(row, viewer, names, shared["administrator"]) for row in rows],
        "past": [_proposal(row, viewer, names, shared["administrator"]) for row in past],
        "errors": dict(errors or {}),
        **shared,
    }


def _filters(query: Mapping[str, str]) -> dict[str, str]:
    state, role = query.get("state", ""), query.get("role", "")
    return {
        "q": query.get("q", "")[:200].strip(),
        "state": state if state in STATES else "active",
        "role": role if role in Role.values else "",
    }


def _found(filters: Mapping[str, str]) -> QuerySet[User]:
    conditions = {
        "active": Q(is_active=True, sponsor__isnull=True),
        "service": Q(is_active=True, sponsor__isnull=False),
        "deactivated": Q(is_active=False),
        "all": Q(),
    }
    now = clock.now()
    usable = Q(tokens__revoked_at__isnull=True, tokens__expires_at__gt=now)
    rows = User.objects.filter(conditions[filters["state"]]).select_related("sponsor")
    if filters["role"]:
        held = Grant.objects.filter(in_force(now), role=filters["role"])
        rows = rows.filter(pk__in=held.values("person_id"))
    if words := filters["q"]:
        rows = rows.filter(Q(name__icontains=words) | Q(email__icontains=words))
    return rows.annotate(tokens_now=Count("tokens", filter=usable)).order_by(Lower("name"), "pk")


def _grants_of(people: Iterable[User]) -> list[Grant]:
    rows = Grant.objects.filter(person__in=people).select_related("granted_by", "confirmed_by", "person", "mapping")
    return list(rows.order_by("-valid_from", "role"))


def _roles_by_person(people: Sequence[User]) -> dict[uuid.UUID, list[dict[str, Any]]]:
    grants = [grant for grant in _grants_of(people) if _is_in_force(grant)]
    names = systems.names_of(grant.system_id for grant in grants)
    found: dict[uuid.UUID, list[dict[str, Any]]] = {}
    for grant in sorted(grants, key=lambda grant: (grant.role, str(grant.system_id or ""))):
        found.setdefault(grant.person_id, []).append(_grant(grant, names))
    return found


def _identities_of(person: User) -> QuerySet[ExternalIdentity]:
    return person.external_identities.select_related("linked_by", "unlinked_by").order_by("-valid_from")


def _provider_of(person: User) -> str:
    """Return through which provider the person signs in; empty where with a password."""
    linked = identities_in_force().filter(person=person, provider=ExternalIdentity.Provider.OIDC)
    here = f"{settings.OIDC.issuer}#"
    return settings.OIDC.name if settings.OIDC.issuer and linked.filter(subject__startswith=here).exists() else ""


def _accounts_of(person: User) -> QuerySet[User]:
    usable = Q(tokens__revoked_at__isnull=True, tokens__expires_at__gt=clock.now())
    return person.service_accounts.annotate(tokens_now=Count("tokens", filter=usable)).order_by("name")


def _is_in_force(grant: Grant) -> bool:
    return grant.person.is_active and (grant.valid_until is None or grant.valid_until > clock.now())


def _listed(person: User, roles: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "pk": person.pk,
        "name": person.name,
        "email": person.email,
        "initials": person.initials,
        "is_service": person.is_service,
        "sponsor": person.sponsor.name if person.sponsor else "",
        "is_active": person.is_active,
        "roles": roles,
        "tokens": getattr(person, "tokens_now", 0),
        "last_login": person.last_login,
    }


def _named(person: User | None) -> dict[str, Any] | None:
    return {"pk": person.pk, "name": person.name} if person else None


def _system(system_id: uuid.UUID | None, names: Mapping[uuid.UUID, str]) -> str:
    return names.get(system_id, str(system_id)) if system_id else ""


def _grant(grant: Grant, names: Mapping[uuid.UUID, str]) -> dict[str, Any]:
    until = grant.valid_until
    return {
        "pk": grant.pk,
        "role": Role(grant.role).label,
        "system": _system(grant.system_id, names),
        "grave": grant.role in administration.GRAVE,
        "valid_from": grant.valid_from,
        "valid_until": until,
        "ends_soon": until is not None and clock.now() < until <= clock.now() + ENDS_SOON,
        "state": "in force" if _is_in_force(grant) else "ended",
        "granted_by": grant.granted_by.name if grant.granted_by else "",
        "mapping": str(grant.mapping or ""),
        "confirmed_by": grant.confirmed_by.name if grant.confirmed_by else "",
    }


def _proposal(row: GrantProposal, viewer: User, names: Mapping[uuid.UUID, str], administrator: bool) -> dict[str, Any]:
    waits = row.settled_at is None
    return {
        "pk": row.pk,
        "person": _named(row.person),
        "role": Role(row.role).label,
        "system": _system(row.system_id, names),
        "valid_until": row.valid_until,
        "proposed_by": row.proposed_by.name,
        "proposed_at": row.proposed_at,
        "open_until": row.proposed_at + proposals.OPEN_FOR,
        "state": "waits" if waits else "confirmed" if row.grant_id else "withdrawn",
        "settled_by": row.settled_by.name if row.settled_by else "",
        "settled_at": row.settled_at,
        "why_not": proposals.why_not(row, viewer, administrator=administrator) if waits else "",
        "may_withdraw": waits and administrator,
    }


def _token(row: Token) -> dict[str, Any]:
    now = clock.now()
    state = "revoked" if row.revoked_at else "expired" if row.expires_at <= now else "valid"
    return {
        "label": row.label,
        "scopes": row.scopes,
        "made_at": row.made_at,
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
        "state": state,
        "ends_soon": state == "valid" and row.expires_at <= now + ENDS_SOON,
    }


def _identity(row: ExternalIdentity) -> dict[str, Any]:
    return {
        "provider": ExternalIdentity.Provider(row.provider).label,
        "subject": row.subject,
        "valid_from": row.valid_from,
        "valid_until": row.valid_until,
        "linked_by": row.linked_by.name if row.linked_by else "",
    }


def _account(row: User) -> dict[str, Any]:
    return {
        "pk": row.pk,
        "name": row.name,
        "email": row.email,
        "is_active": row.is_active,
        "tokens": getattr(row, "tokens_now", 0),
    }


def _passkey(row: Passkey) -> dict[str, Any]:
    return {
        "label": row.label,
        "enrolled_at": row.enrolled_at,
        "confirmed_by": row.confirmed_by.name if row.confirmed_by else "",
        "state": "ended" if row.ended_at else "confirmed" if row.confirmed_at else "waits",
    }
