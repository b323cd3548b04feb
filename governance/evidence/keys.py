"""Keys with which accounts sign the evidence that they submit: registered by an administrator, ended by either."""

import uuid
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import transaction

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.evidence.errors import KeyRefused
from governance.evidence.models import EvidenceKey
from placet.attestations import public_pem, read_public_pem
from placet.permits import key_digest

MOST = 10


def usable(holder: User) -> Mapping[str, Ed25519PublicKey]:
    """Return the keys with which an account signs now, by their digest."""
    rows = holder.evidence_keys.filter(ended_at__isnull=True)
    return {row.key_digest: read_public_pem(row.public_key) for row in rows}


@transaction.atomic
def register_key(*, holder: User, pem: str, by: User) -> EvidenceKey:
    """Register the public half of a key that an account made, as an administrator who had it from its holder.

    Raises:
        Forbidden: no administrator, the holder, or who answers for the holder.
        KeyRefused: no Ed25519 public key, known already, or the account has ten keys or is deactivated.
    """
    if by.is_service or not has_role(by, Role.ADMINISTRATOR):
        raise Forbidden("An administrator registers a key.")
    if by.pk in {holder.pk, holder.sponsor_id}:
        raise Forbidden("Nobody registers a key for themselves or for a machine that they answer for.")
    try:
        key = read_public_pem(pem)
    except ValueError as wrong:
        raise KeyRefused(str(wrong)) from wrong
    if not holder.is_active:
        raise KeyRefused(f"The account of {holder} is deactivated.")
    digest = key_digest(key)
    if EvidenceKey.objects.filter(key_digest=digest).exists():
        raise KeyRefused("This key is registered already, or was once. Make another one.")
    if holder.evidence_keys.filter(ended_at__isnull=True).count() >= MOST:
        raise KeyRefused(f"{holder} has {MOST} keys; end one that is no longer used first.")
    row = EvidenceKey(
        holder=holder, public_key=public_pem(key), key_digest=digest, registered_by=by, registered_at=clock.now()
    )
    audit.append(
        event=Event.EVIDENCE_KEY_REGISTERED,
        actor=by,
        subjects=[row],
        data={"key": digest, "account": holder.actor_id, "public_key": row.public_key},
    )
    return row


@transaction.atomic
def end_key(*, digest: str, by: User, reason: str) -> EvidenceKey:
    """End a key for good: its holder, or an administrator. What it signed before stays signed.

    Raises:
        Unknown: no such key in force.
        Forbidden: neither its holder, who answers for it, nor an administrator.
        InvalidInput: no reason is given.
    """
    rows = EvidenceKey.objects.select_for_update(of=("self",)).select_related("holder")
    row = rows.filter(key_digest=digest, ended_at__isnull=True).first()
    if row is None:
        raise Unknown(f"There is no evidence key {digest} in force.")
    if by.pk not in {row.holder_id, row.holder.sponsor_id} and not has_role(by, Role.ADMINISTRATOR):
        raise Forbidden("Its holder or an administrator ends a key.")
    if not reason.strip():
        raise InvalidInput("Say why it ends: lost, replaced, stolen.")
    row.ended_at = clock.now()
    audit.append(
        event=Event.EVIDENCE_KEY_ENDED,
        actor=by,
        subjects=[row],
        data={"key": digest, "account": row.holder.actor_id},
        payload={"reason": reason.strip()},
    )
    return row


def keys_of(holder_id: uuid.UUID) -> list[EvidenceKey]:
    """Return the keys of an account, newest first, also those that have ended."""
    return list(EvidenceKey.objects.filter(holder=holder_id).order_by("-registered_at"))
