"""Passkeys that sign decisions: enrolled by their holder, confirmed by a second person, ended by either.

The key of record is the row here, whose entries the audit bundle carries: a stranger can check a decision with nothing
else. A passkey that somebody slips in later signs nothing that was asked before it was confirmed.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from governance.accounts import webauthn
from governance.accounts.errors import PasskeyRefused
from governance.accounts.models import Passkey, User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.accounts.services import require_password
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from placet.assertions import InvalidAssertion, decode64, verify_assertion

MOST = 10
LONGEST_REASON = 200


def of(person: User) -> list[Passkey]:
    """Return the person's passkeys, newest first, also those that have ended."""
    return list(person.passkeys.select_related("confirmed_by").order_by("-enrolled_at"))


def usable(person: User, *, since: datetime) -> list[Passkey]:
    """Return the passkeys with which the person can sign what was asked at ``since``."""
    return list(_standing(person).filter(confirmed_at__lte=since))


def to_sign_with(person: User, credential_id: str, *, since: datetime) -> Passkey:
    """Return one of those, locked, so that it does not end between the signature and its log entry.

    Raises:
        PasskeyRefused: it is not one of those.
    """
    row = _standing(person).select_for_update().filter(confirmed_at__lte=since, credential_id=credential_id).first()
    if row is None:
        raise PasskeyRefused("This is not one of your passkeys that were confirmed before the request was made.")
    return row


def signed_by(person: User, statement: str, answer: object, *, since: datetime) -> tuple[Passkey, Mapping[str, str]]:
    """Check that a passkey of the person signed a statement; return it, locked, with what its authenticator said.

    Args:
        answer: what the browser sent (``PublicKeyCredential.toJSON()``), with the statement's digest as challenge.
        since: when the person was asked; a passkey that was confirmed later does not count.

    Raises:
        PasskeyRefused: the passkey is not one of the person's that counts here, or did not sign this statement.
    """
    name, assertion = webauthn.read_assertion(answer)
    passkey = to_sign_with(person, name, since=since)
    try:
        verify_assertion(
            statement.encode(),
            cose=decode64(passkey.public_key),
            assertion=assertion,
            rp_id=passkey.rp_id,
            origin=passkey.origin,
        )
    except InvalidAssertion as wrong:
        raise PasskeyRefused(f"The signature does not fit: {wrong}. Nothing was signed.") from wrong
    return passkey, assertion


def waiting(administrator: User) -> list[Passkey]:
    """Return the passkeys of others that this administrator could confirm, oldest first."""
    if administrator.is_service or not has_role(administrator, Role.ADMINISTRATOR):
        return []
    rows = Passkey.objects.filter(confirmed_at__isnull=True, ended_at__isnull=True, person__is_active=True)
    return list(rows.exclude(person=administrator).select_related("person").order_by("enrolled_at"))


def fingerprint(passkey: Passkey) -> str:
    """Return sixteen hex digits in fours, for two people to compare aloud."""
    digest = sha256(passkey.public_key.encode()).hexdigest()[:16]
    return " ".join(digest[at : at + 4] for at in range(0, 16, 4))


def begin_enrolment(*, person: User, password: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the browser needs to make a passkey, and the state to keep in the session until it answers.

    Raises:
        Forbidden: a service account; it never decides.
        InvalidInput: the person has ten passkeys.
        SignInAgain: the password is not the person's.
    """
    if person.is_service:
        raise Forbidden("A service account signs no decisions and has no passkey.")
    if _standing(person).count() >= MOST:
        raise InvalidInput(f"You have {MOST} passkeys; end one that you no longer use first.")
    require_password(person, password)
    return webauthn.creation_options(person, _standing(person).values_list("credential_id", flat=True))


@transaction.atomic
def enrol(*, person: User, label: str, state: Mapping[str, Any], answer: Mapping[str, Any]) -> Passkey:
    """Keep a new passkey. It signs nothing until a second person has confirmed it.

    Args:
        label: by which its holder knows it; never logged.
        state: what :func:`begin_enrolment` returned, used once.
        answer: what the browser made of it (``PublicKeyCredential.toJSON()``).

    Raises:
        InvalidInput: the label is empty or longer than 80 characters.
        PasskeyRefused: the answer does not fit, or the passkey is known already.
    """
    label = label.strip()
    if not 0 < len(label) <= 80:
        raise InvalidInput("Name the passkey in 1 to 80 characters, such as the device it is on.")
    made = webauthn.read_new(state, answer)
    if Passkey.objects.filter(credential_id=made.credential_id).exists():
        raise PasskeyRefused("This passkey is known already. Use another authenticator.")
    passkey = Passkey(
        person=person,
        credential_id=made.credential_id,
        public_key=made.public_key,
        rp_id=webauthn.rp_id(),
        origin=webauthn.origin(),
        aaguid=made.aaguid,
        backup_eligible=made.backup_eligible,
        label=label,
        enrolled_at=clock.now(),
    )
    audit.append(
        event=Event.PASSKEY_ENROLLED,
        actor=person,
        subjects=[passkey],
        data={
            "passkey": passkey.credential_id,
            "person": person.actor_id,
            "public_key": passkey.public_key,
            "algorithm": made.algorithm,
            "rp_id": passkey.rp_id,
            "origin": passkey.origin,
            "aaguid": passkey.aaguid,
            "backup_eligible": passkey.backup_eligible,
        },
    )
    return passkey


@transaction.atomic
def confirm(*, passkey_id: uuid.UUID, by: User, password: str) -> Passkey:
    """Confirm, as an administrator who compared fingerprints with its holder, whose passkey this is.

    Raises:
        Unknown: no such passkey.
        Forbidden: no administrator, or the holder.
        PasskeyRefused: it was confirmed or has ended.
        SignInAgain: the password is not the administrator's.
    """
    passkey = _locked(passkey_id)
    if by.pk == passkey.person_id:
        raise Forbidden("Nobody confirms their own passkey; another administrator must.")
    if by.is_service or not has_role(by, Role.ADMINISTRATOR):
        raise Forbidden("An administrator confirms a passkey.")
    if passkey.confirmed_at is not None or passkey.ended_at is not None:
        raise PasskeyRefused("This passkey was confirmed before, or has ended.")
    if not passkey.person.is_active:
        raise PasskeyRefused("Its holder's account is deactivated.")
    require_password(by, password)
    passkey.confirmed_by, passkey.confirmed_at = by, clock.now()
    audit.append(
        event=Event.PASSKEY_CONFIRMED,
        actor=by,
        subjects=[passkey],
        data={"passkey": passkey.credential_id, "person": passkey.person.actor_id},
    )
    return passkey


@transaction.atomic
def end(*, passkey_id: uuid.UUID, by: User, reason: str) -> Passkey:
    """End a passkey for good: its holder, who lost it, or an administrator. What it signed before stays signed.

    A new one takes its place only by enrolment and a second person's confirmation, so ending needs no second person.

    Raises:
        Unknown: no such passkey.
        Forbidden: neither its holder nor an administrator.
        InvalidInput: no reason is given, or one of more than 200 characters.
        PasskeyRefused: it has ended already.
    """
    passkey = _locked(passkey_id)
    if by.pk != passkey.person_id and (by.is_service or not has_role(by, Role.ADMINISTRATOR)):
        raise Forbidden("Its holder or an administrator ends a passkey.")
    if passkey.ended_at is not None:
        raise PasskeyRefused("This passkey has ended.")
    if not reason.strip():
        raise InvalidInput("Say why it ends: lost, replaced, stolen.")
    if len(reason.strip()) > LONGEST_REASON:
        raise InvalidInput(f"The reason takes at most {LONGEST_REASON:,} characters; this has {len(reason.strip()):,}.")
    passkey.ended_at = clock.now()
    audit.append(
        event=Event.PASSKEY_ENDED,
        actor=by,
        subjects=[passkey],
        data={"passkey": passkey.credential_id, "person": passkey.person.actor_id},
        payload={"reason": reason.strip()},
    )
    return passkey


def _standing(person: User) -> QuerySet[Passkey]:
    return person.passkeys.filter(ended_at__isnull=True)


def _locked(passkey_id: uuid.UUID) -> Passkey:
    row = Passkey.objects.select_for_update(of=("self",)).select_related("person").filter(pk=passkey_id).first()
    if row is None:
        raise Unknown(f"There is no passkey {passkey_id}.")
    return row
