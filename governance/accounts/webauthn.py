"""Passkeys as browsers have them (W3C Web Authentication): ask for a new one, read it, ask one to sign.

The one module that speaks to the ``fido2`` library. Whether a signature fits is judged by ``placet.assertions``, the
same code that an auditor runs offline.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from fido2 import cbor
from fido2.cose import ES256, RS256
from fido2.server import Fido2Server
from fido2.webauthn import (
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from governance.accounts.errors import PasskeyRefused
from governance.accounts.models import User
from placet.assertions import InvalidAssertion, algorithm, decode64, encode64

LONGEST = 16_384


@dataclass(frozen=True)
class NewPasskey:
    """What an authenticator made: ids and key in base64url, and whether copies of it may exist."""

    credential_id: str
    public_key: str
    algorithm: str
    aaguid: str
    backup_eligible: bool


def origin() -> str:
    """Return the origin of Placet's pages, the only one from which a passkey's signature counts."""
    parts = urlsplit(settings.BASE_URL)
    return f"{parts.scheme}://{parts.netloc}"


def rp_id() -> str:
    """Return the host that passkeys belong to (the relying party id)."""
    return urlsplit(settings.BASE_URL).hostname or ""


def creation_options(person: User, known: Iterable[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the browser needs to make a passkey, and the state to keep until it answers.

    Args:
        known: ids of the person's passkeys; an authenticator that holds one of them makes no second.
    """
    user = PublicKeyCredentialUserEntity(id=person.pk.bytes, name=person.email, display_name=person.name)
    options, state = _server().register_begin(
        user,
        _described(known),
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return dict(options.public_key), dict(state)


def read_new(state: Mapping[str, Any], answer: Mapping[str, Any]) -> NewPasskey:
    """Check the browser's answer to :func:`creation_options` and return the passkey in it.

    Raises:
        PasskeyRefused: the answer is not to this question, or its key is neither ES256 on P-256 nor RS256.
    """
    try:
        made = _server().register_complete(dict(state), RegistrationResponse.from_dict(answer))
        if made.credential_data is None:
            raise PasskeyRefused("The authenticator sent no key. Try again, or another authenticator.")
        data = made.credential_data
        key = cbor.encode(dict(data.public_key))
        kind = algorithm(key)
    except (ValueError, KeyError, TypeError, AttributeError, InvalidAssertion) as error:
        raise PasskeyRefused(f"The authenticator's answer can't be used: {error} Try again.") from error
    return NewPasskey(
        credential_id=encode64(data.credential_id),
        public_key=encode64(key),
        algorithm=kind,
        aaguid=str(data.aaguid),
        backup_eligible=bool(made.flags & made.FLAG.BE),
    )


def request_options(known: Iterable[str], challenge: bytes) -> dict[str, Any]:
    """Return what the browser needs to have one of these passkeys sign a challenge of 32 bytes."""
    options, _ = _server().authenticate_begin(
        _described(known), user_verification=UserVerificationRequirement.REQUIRED, challenge=challenge
    )
    return dict(options.public_key)


def read_assertion(answer: object) -> tuple[str, dict[str, str]]:
    """Return which passkey the browser's answer is by, and the parts of its signature, not yet verified.

    Raises:
        PasskeyRefused: it is not what browsers send (PublicKeyCredential.toJSON()).
    """
    try:
        response = answer["response"]  # type: ignore[index]
        parts = {
            "authenticator_data": response["authenticatorData"],
            "client_data": response["clientDataJSON"],
            "signature": response["signature"],
        }
        name = answer["id"]  # type: ignore[index]
        if sum(len(decode64(value)) for value in (name, *parts.values())) > LONGEST:
            raise PasskeyRefused("The authenticator's answer is too long. Try again.")
    except (KeyError, TypeError, InvalidAssertion) as error:
        raise PasskeyRefused("The browser sent no signature of a passkey. Try again.") from error
    return name, parts


def _server() -> Fido2Server:
    server = Fido2Server(
        PublicKeyCredentialRpEntity(id=rp_id(), name="Placet"), verify_origin=lambda asked: asked == origin()
    )
    taken = {ES256.ALGORITHM, RS256.ALGORITHM}  # those that the offline verifier knows
    server.allowed_algorithms = [kind for kind in server.allowed_algorithms if kind.alg in taken]
    return server


def _described(known: Iterable[str]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(type=PublicKeyCredentialType.PUBLIC_KEY, id=decode64(name)) for name in known]
