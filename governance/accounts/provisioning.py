"""Who the identity provider signs in: the person behind an issuer and subject, made at their first sign-in.

An e-mail address finds nobody here: whoever could choose theirs at the provider would be whom they please. A person who
is known already is linked by an administrator (``identities.link_identity``).
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction

from governance.accounts import administration, administrators, mappings, services
from governance.accounts.claims import Wanted, roles_from, says_yes
from governance.accounts.errors import RolesExclude, SignOnRefused
from governance.accounts.models import ClaimMapping, ExternalIdentity, Grant, User, in_force
from governance.accounts.roles import Role
from governance.accounts.selectors import grants_in_force, person_by_external_identity
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock

SINGLE_SIGN_ON = System("single-sign-on")
OIDC = ExternalIdentity.Provider.OIDC


def identity_of(claims: Mapping[str, Any]) -> str:
    """Return the name under which a person is known who signs in: issuer, ``#``, subject.

    Raises:
        SignOnRefused: the claims name nobody, or too long.
    """
    issuer, subject = claims.get("iss"), claims.get("sub")
    if not isinstance(issuer, str) or not isinstance(subject, str) or not issuer or not subject:
        raise SignOnRefused("The identity provider does not say who you are.")
    if len(name := f"{issuer}#{subject}") > 255:
        raise SignOnRefused("The identity provider's name for you is longer than Placet keeps.")
    return name


@transaction.atomic
def admit(claims: Mapping[str, Any]) -> User:
    """Return who signs in by claims that were checked, with the roles that the claims give from now on.

    Raises:
        SignOnRefused: nobody who may come in; says why, where that tells nothing to a stranger.
    """
    name = identity_of(claims)
    with connection.cursor() as cursor:  # two first sign-ins at a time make one person
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
    _check_domain(claims)
    person = person_by_external_identity(OIDC, name)
    if person is None:
        person = _newcomer(name, claims)
    person = administrators.locked(person)
    if not person.is_active or person.is_service:
        raise SignOnRefused("This account is closed. Ask an administrator of Placet.")
    _update(person, claims)
    _sync_roles(person, claims)
    person.claims_read_at = clock.now()
    person.save(update_fields=["claims_read_at"])
    return person


@transaction.atomic
def end_stale_roles() -> int:
    """End the roles from claims of people whom the provider has not signed in for long; return how many.

    Until somebody signs in, nobody learns what the provider says of them by now.
    """
    before = clock.now() - timedelta(days=settings.OIDC.role_days)
    held = grants_in_force().filter(mapping__isnull=False, person__claims_read_at__lt=before)
    ended = 0
    for person in User.objects.filter(pk__in=held.values("person_id")).order_by("pk"):
        administrators.locked(person)
        for grant in _mapped(person):
            ended += _end(grant, reason="no sign-in")
    return ended


def _newcomer(name: str, claims: Mapping[str, Any]) -> User:
    email = _verified_address(claims)
    if not email:
        raise SignOnRefused("The identity provider does not say that your e-mail address is verified.")
    if User.objects.filter(email__iexact=email).exists():
        raise SignOnRefused(
            f"{email} has an account that is not linked to your sign-in. Ask an administrator of Placet to link "
            f"it: {name}"
        )
    if not roles_from(claims, mappings.counting(str(claims["iss"]))).gives:
        raise SignOnRefused("None of your groups opens anything here. Ask an administrator of Placet.")
    person = User.objects.create_user(email, None, name=_shown_name(claims) or email)
    audit.append(
        event=Event.PERSON_CREATED,
        actor=SINGLE_SIGN_ON,
        data={"person": person.actor_id},
        payload={"name": person.name, "email": person.email},
    )
    identity = ExternalIdentity(person=person, provider=OIDC, subject=name, valid_from=clock.now())
    audit.append(
        event=Event.IDENTITY_LINKED,
        actor=SINGLE_SIGN_ON,
        subjects=[identity],
        data={"identity": identity.pk, "person": person.actor_id, "provider": OIDC, "confirmed_by": None},
        payload={"subject": name},
    )
    return person


def _check_domain(claims: Mapping[str, Any]) -> None:
    domains, email = settings.OIDC.email_domains, claims.get("email")
    if domains and isinstance(email, str) and email.rpartition("@")[2].lower() not in domains:
        raise SignOnRefused("Addresses of your e-mail domain do not sign in here.")


def _verified_address(claims: Mapping[str, Any]) -> str:
    """Return the address that the provider vouches for; empty if there is none."""
    email = claims.get("email")
    if not isinstance(email, str) or not says_yes(claims, settings.OIDC.email_verified_claim):
        return ""
    try:
        validate_email(email)
    except ValidationError:
        return ""
    return email.lower()


def _shown_name(claims: Mapping[str, Any]) -> str:
    name = claims.get("name")
    return name.strip()[:120] if isinstance(name, str) else ""


def _update(person: User, claims: Mapping[str, Any]) -> None:
    """Take over a new name, and a new address that is verified and nobody else's."""
    name, email = _shown_name(claims) or person.name, _verified_address(claims) or person.email
    if User.objects.filter(email__iexact=email).exclude(pk=person.pk).exists():
        email = person.email
    changed = [field for field, value in (("name", name), ("email", email)) if getattr(person, field) != value]
    if not changed:
        return
    person.name, person.email = name, email
    person.save(update_fields=changed)
    audit.append(
        event=Event.PERSON_UPDATED,
        actor=SINGLE_SIGN_ON,
        data={"person": person.actor_id, "fields": changed},
        payload={field: getattr(person, field) for field in changed},
    )


def _sync_roles(person: User, claims: Mapping[str, Any]) -> None:
    """Give what the claims give, and end what they gave and give no more."""
    wanted = roles_from(claims, mappings.counting(str(claims["iss"])))
    for grant in _mapped(person):
        if grant.mapping not in wanted.gives:
            _end(grant, reason="no claim")
    refused = [*wanted.conflicting, *_give(person, wanted)]
    if refused:
        audit.append(
            event=Event.CLAIMS_REFUSED,
            actor=SINGLE_SIGN_ON,
            data={"person": person.actor_id, "mappings": sorted(str(mapping.pk) for mapping in refused)},
        )


def _give(person: User, wanted: Wanted[ClaimMapping]) -> list[ClaimMapping]:
    """Give the roles that are not held; return those that others exclude."""
    refused = []
    for mapping in wanted.gives:
        held = grants_in_force().filter(person=person, role=mapping.role, system_id=mapping.system_id)
        if held.exists() or _was_taken(person, mapping):
            continue
        try:
            services.grant_role(
                person=person,
                role=Role(mapping.role),
                granted_by=None,
                actor=SINGLE_SIGN_ON,
                system_id=mapping.system_id,
                valid_until=clock.now() + timedelta(days=mapping.days) if mapping.days else None,
                mapping=mapping,
            )
        except RolesExclude:  # asked before anything is written
            refused.append(mapping)
    return refused


def _was_taken(person: User, mapping: ClaimMapping) -> bool:
    """Return whether an administrator ended the role that this mapping gave: no claim brings it back."""
    return Grant.objects.filter(person=person, mapping=mapping, ended_by__isnull=False).exists()


def _mapped(person: User) -> list[Grant]:
    rows = Grant.objects.select_for_update(of=("self",)).filter(in_force(clock.now()), person=person)
    return list(rows.filter(mapping__isnull=False).select_related("person", "mapping").order_by("pk"))


def _end(grant: Grant, *, reason: str) -> int:
    """End a role from a claim; the last administrator's stays until there is another."""
    administers = grant.role == Role.ADMINISTRATOR and grant.system_id is None
    if administers and administrators.known() <= {grant.person_id}:
        return 0
    administration.end_grants([grant], actor=SINGLE_SIGN_ON, mapping=grant.mapping_id, reason=reason)
    return 1
