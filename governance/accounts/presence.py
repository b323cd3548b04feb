"""That somebody who has no password here is present: the identity provider has just asked them anew.

The provider's word becomes a proof: a secret that lives five minutes, belongs to one person, and is spent by the first
act that it signs. It goes where a password goes, so whatever asks for a password takes it.
"""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

from governance.accounts.errors import SignInUnavailable
from governance.accounts.models import User
from governance.common import clock

LIVES = timedelta(minutes=5)
PREFIX = "sso:"


def is_by_provider(user: User) -> bool:
    """Return whether the identity provider, not a password, says that this person is present."""
    if not settings.OIDC.issuer or user.is_service:
        return False
    return not user.has_usable_password() or not may_use_password(user.email)


def may_use_password(email: str) -> bool:
    """Return whether an address signs in with a password: any one's, or those that are named for emergencies."""
    return not (settings.OIDC.issuer and settings.BREAK_GLASS) or email.strip().lower() in settings.BREAK_GLASS


def prove(user: User) -> tuple[str, datetime]:
    """Return a new proof for a person whom the provider has just asked anew, and until when it lives.

    Raises:
        SignInUnavailable: the cache does not answer.
    """
    proof = PREFIX + secrets.token_urlsafe(32)
    try:
        cache.set(_key(user, proof), "1", timeout=int(LIVES.total_seconds()))
    except RedisError as error:
        raise SignInUnavailable("The confirmation can't be kept, because the cache does not answer.") from error
    return proof, clock.now() + LIVES


def is_good(user: User, proof: str) -> bool:
    """Return whether a proof could still be spent; a cache that is down has none."""
    try:
        return bool(cache.has_key(_key(user, proof)))
    except RedisError:
        return False


def spend(user: User, proof: str) -> bool:
    """Use a proof up, and return whether it was the person's and good. Of two at a time one wins.

    Raises:
        SignInUnavailable: the cache does not answer.
    """
    try:
        return proof.startswith(PREFIX) and bool(cache.delete(_key(user, proof)))
    except RedisError as error:
        raise SignInUnavailable("The confirmation can't be used, because the cache does not answer.") from error


def _key(user: User, proof: str) -> str:
    return f"sign-in:proof:{user.pk}:{sha256(proof.encode()).hexdigest()}"
