"""What the token of a pipeline's run must be, to be believed. Nothing here reads a row or calls anybody."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from joserfc import jwk, jws
from joserfc.errors import JoseError

LONGEST = 16_384
LEEWAY_S = 30
LONGEST_LIFE_S = 24 * 3600
KEYS_OF = {"RS256": "RSA", "ES256": "EC"}
"""Signatures that only the issuer can make, and the kind of its key: neither none, nor what a shared secret makes."""
LEAST_RSA_BITS = 2048


class NotBelieved(Exception):
    """The token does not hold; ``str()`` says why, for the server's log alone, and has nothing of the token in it."""


@dataclass(frozen=True)
class Unverified:
    """What a token says of itself: only to find whose key and which trust to hold it against."""

    text: str
    algorithm: str
    kid: str
    claims: Mapping[str, Any]

    @property
    def issuer(self) -> str:
        return str(self.claims.get("iss", ""))

    @property
    def digest(self) -> str:
        """Of what is signed: another signature over the same, as ECDSA allows, is the same token."""
        return "sha256:" + sha256(self.text.rpartition(".")[0].encode()).hexdigest()


class Trust(Protocol):
    """What of a workload identity is held against a token."""

    audience: Any
    claims: Any


def read(text: str) -> Unverified:
    """Take a token apart; nothing of it is believed yet.

    Raises:
        NotBelieved: it is none, or is signed as no issuer signs.
    """
    if len(text) > LONGEST:
        raise NotBelieved(f"it has more than {LONGEST:,} characters")
    parts = text.split(".")
    if len(parts) != 3 or not text.isascii():
        raise NotBelieved("it is no signed token")
    header, claims = _object(parts[0]), _object(parts[1])
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in KEYS_OF:
        raise NotBelieved("it is not signed with RS256 or ES256")
    if not isinstance(kid, str) or not 0 < len(kid) <= 200:
        raise NotBelieved("it does not name its key")
    if "crit" in header or "b64" in header:
        raise NotBelieved("its header asks for what is not known here")
    return Unverified(text, algorithm, kid, claims)


def check_signature(token: Unverified, key: Mapping[str, Any]) -> None:
    """Check that the issuer signed the token.

    Args:
        key: the issuer's published key under the token's ``kid``.

    Raises:
        NotBelieved: it did not, or the key is none for that.
    """
    if key.get("kty") != KEYS_OF[token.algorithm] or key.get("use", "sig") != "sig":
        raise NotBelieved("the issuer's key is not for this kind of signature")
    if key.get("alg", token.algorithm) != token.algorithm:
        raise NotBelieved("the issuer's key is not for this kind of signature")
    try:
        public = jwk.import_key(
            {name: value for name, value in key.items() if name in {"kty", "n", "e", "crv", "x", "y"}}
        )
        if isinstance(public, jwk.RSAKey) and public.public_key.key_size < LEAST_RSA_BITS:
            raise NotBelieved(f"the issuer's key has less than {LEAST_RSA_BITS} bits")
        jws.deserialize_compact(token.text, public, algorithms=[token.algorithm])
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise NotBelieved(f"its signature does not hold ({type(error).__name__})") from error


def check_times(claims: Mapping[str, Any], now: float) -> None:
    """Check that the token holds now, as seconds since 1970, with a little leeway for clocks.

    Raises:
        NotBelieved: it is over, not yet begun, lives very long, or says no times.
    """
    made, ends, begins = (_seconds(claims.get(name)) for name in ("iat", "exp", "nbf"))
    if made is None or ends is None or (begins is None and "nbf" in claims):
        raise NotBelieved("it does not say when it was made and when it ends")
    if ends <= now - LEEWAY_S:
        raise NotBelieved("it has ended")
    if max(made, begins or made) > now + LEEWAY_S:
        raise NotBelieved("it has not begun")
    if ends - made > LONGEST_LIFE_S:
        raise NotBelieved("it lives longer than a day")


def matches(claims: Mapping[str, Any], trust: Trust) -> bool:
    """Return whether the token is made for this audience alone and says each of the claims, to the letter."""
    audience = claims.get("aud")
    if audience not in (trust.audience, [trust.audience]):
        return False
    return bool(trust.claims) and all(
        isinstance(claims.get(name), str) and claims[name] == value for name, value in trust.claims.items()
    )


def _object(part: str) -> dict[str, Any]:
    try:
        found = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError) as error:
        raise NotBelieved("it is no signed token") from error
    if not isinstance(found, dict):
        raise NotBelieved("it is no signed token")
    return found


def _seconds(value: Any) -> float | None:
    whole = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if whole and 0 <= value < 2**40 else None
