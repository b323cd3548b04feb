"""Grant and revoke roles, make tokens, sign in again."""

import secrets
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256

from django.conf import settings
from django.db import transaction

from governance.accounts import presence, throttle
from governance.accounts.errors import IdentityTaken, RolesExclude
from governance.accounts.models import ClaimMapping, ExternalIdentity, Grant, Token, User
from governance.accounts.roles import DECIDING, Role
from governance.accounts.selectors import grants_in_force, identities_in_force
from governance.audit import services as audit
from governance.audit.actors import Actor, System
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput

SCOPES = frozenset(
    {
        "promotions:write",
        "promotions:read",
        "records:write",
        "records:read",
        "gate:decide",
        "bundles:read",
        "policies:write",
        "evidence:write",
        "evidence:read",
        "findings:read",
        "incidents:read",
        "production:write",
        "health:read",
    }
)


class SelfGrant(Forbidden):
    """Nobody gives a role to oneself."""

    title = "Nobody gives a role to oneself"


class SignInAgain(Forbidden):
    """A decision needs the person's own password, typed for that decision."""

    title = "Sign in again to decide"


@transaction.atomic
def grant_role(
    *,
    person: User,
    role: Role,
    granted_by: User | None,
    confirmed_by: User | None = None,
    actor: Actor,
    system_id: uuid.UUID | None = None,
    valid_until: datetime | None = None,
    mapping: ClaimMapping | None = None,
) -> Grant:
    """Give a person a role from now on. ``granted_by`` is None while a deployment is set up, or where a claim gives it.

    Who may give which role is the rule of :func:`governance.accounts.administration.give_role`.

    Raises:
        SelfGrant: the granter and the person are one.
        RolesExclude: the person decides and would administer, or the other way round.
        InvalidInput: an auditor's access without an end date.
    """
    User.objects.select_for_update().get(pk=person.pk)  # one role at a time: the next one sees this one
    if granted_by is not None and granted_by.pk == person.pk:
        raise SelfGrant(f"{person} can't grant {role} to themselves; another administrator must.")
    check_role(person, role, valid_until)
    grant = Grant(
        person=person,
        role=role,
        granted_by=granted_by,
        confirmed_by=confirmed_by,
        system_id=system_id,
        mapping=mapping,
        valid_from=clock.now(),
        valid_until=valid_until,
    )
    audit.append(
        event=Event.ROLE_GRANTED,
        actor=actor,
        subjects=[grant],
        data={
            "person": person.actor_id,
            "role": role,
            "system": system_id,
            "until": valid_until,
            "granted_by": granted_by.actor_id if granted_by else None,
            "confirmed_by": confirmed_by.actor_id if confirmed_by else None,
            **({"mapping": mapping.pk} if mapping else {}),
        },
    )
    return grant


def check_role(person: User, role: Role, valid_until: datetime | None) -> None:
    """Check what the role wants of whoever holds it.

    Raises:
        RolesExclude, InvalidInput: as for :func:`grant_role`.
    """
    if role == Role.AUDITOR and valid_until is None:
        raise InvalidInput("An auditor's access always has an end: give valid_until.")
    against = DECIDING if role == Role.ADMINISTRATOR else {Role.ADMINISTRATOR} if role in DECIDING else ()
    if held := grants_in_force().filter(person=person, role__in=against).first():
        raise RolesExclude(
            f"{person} is {Role(held.role).label.lower()}; end that role before they become {role.label.lower()}. "
            "Nobody administers people and decides as well."
        )


@transaction.atomic
def create_token(*, holder: User, label: str, scopes: Iterable[str], days: int = 90, actor: Actor | None = None) -> str:
    """Return a new token, shown this once; only its hash is kept. Its holder makes it unless another is named.

    Raises:
        InvalidInput: an unknown scope, or a life outside 1 to 365 days.
    """
    unknown = set(scopes) - SCOPES
    if unknown:
        raise InvalidInput(f"Unknown scopes {sorted(unknown)}; choose from {sorted(SCOPES)}.")
    if not 1 <= days <= 365:
        raise InvalidInput("A token lives between 1 and 365 days.")
    secret = "placet_" + secrets.token_urlsafe(32)
    made_at = clock.now()
    token = Token.objects.create(
        holder=holder,
        label=label,
        digest=token_digest(secret),
        scopes=sorted(scopes),
        made_at=made_at,
        expires_at=made_at + timedelta(days=days),
    )
    audit.append(
        event=Event.TOKEN_CREATED,
        actor=actor or holder,
        data={"token": token.pk, "holder": holder.actor_id, "scopes": token.scopes, "until": token.expires_at},
        payload={"label": label},
    )
    return secret


def token_digest(secret: str) -> str:
    """Return the form under which a token is kept."""
    return "sha256:" + sha256(secret.encode()).hexdigest()


@transaction.atomic
def link_external_identity(
    *, person: User, provider: str, subject: str, linked_by: User | None, confirmed_by: User | None = None
) -> ExternalIdentity:
    """Keep under which name an outside system knows the person from now on; nothing where it is theirs already.

    ``linked_by`` is None only while a deployment is set up. Who may link whose name is the rule of
    :func:`governance.accounts.identities.link_identity`.

    Raises:
        IdentityTaken: the name is another person's.
    """
    held = identities_in_force().filter(provider=provider, subject=subject).first()
    if held is not None:
        if held.person_id != person.pk:
            raise IdentityTaken(f"{provider} user {subject} is somebody else; end that link first.")
        return held
    row = ExternalIdentity(
        person=person,
        provider=provider,
        subject=subject,
        valid_from=clock.now(),
        linked_by=linked_by,
        link_confirmed_by=confirmed_by,
    )
    audit.append(
        event=Event.IDENTITY_LINKED,
        actor=linked_by or System("setup"),
        subjects=[row],
        data={
            "identity": row.pk,
            "person": person.actor_id,
            "provider": provider,
            "confirmed_by": confirmed_by.actor_id if confirmed_by else None,
        },
        payload={"subject": subject},
    )
    return row


BY_PASSWORD = "re-authentication"  # noqa: S105 (a kind of signature)
BY_PROVIDER = "re-authentication (oidc)"


def require_password(user: User, password: str) -> str:
    """Check the password typed for one decision, or the proof that stands for it; return the kind of signature.

    Args:
        password: the person's, or what ``presence.prove`` gave where the identity provider asks for it in our place.

    Raises:
        SignInAgain: it is not the person's, or the proof is too old or spent.
        TooManyAttempts: the password was wrong too often; nothing is compared for a while.
        SignInUnavailable: the cache does not answer.
    """
    throttle.check_not_locked(user)
    if presence.is_by_provider(user):
        if presence.spend(user, password):
            return BY_PROVIDER
        raise SignInAgain(
            f"Confirm with {settings.OIDC.name} that it is you, then sign within five minutes; it holds for one "
            "signature. Nothing was signed."
        )
    if not password or not user.check_password(password):
        throttle.count_failure(user)
        raise SignInAgain("The password is not right. Nothing was signed; type it again.")
    return BY_PASSWORD
