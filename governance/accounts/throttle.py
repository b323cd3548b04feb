"""How often a password, a code or a token may be wrong. Counted in the cache: a refusal rolls the database back.

Who may try again, and when, is the same for an address that nobody has, so that a lock tells nothing about who exists.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from redis.exceptions import RedisError

from governance.accounts.errors import SignInUnavailable, TooManyAttempts
from governance.accounts.models import Grant, User, in_force
from governance.accounts.roles import Role
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.common.counting import count
from governance.common.errors import Forbidden

SIGN_IN = System("sign-in")


@dataclass(frozen=True)
class Lock:
    """A person who is shut out, not yet in the log."""

    person: User
    failures: int
    until: datetime


_unlogged: ContextVar[list[Lock] | None] = ContextVar("unlogged_locks", default=None)


def check_not_locked(user: User) -> None:
    """Refuse while the person is shut out. Call it before anything is compared.

    Raises:
        TooManyAttempts: the person is locked; says until when.
        SignInUnavailable: the cache does not answer, so nobody could count.
    """
    check_address_not_locked(user.email)


def check_address_not_locked(email: str) -> None:
    """Do the same for an e-mail address, whoever has it.

    Raises:
        TooManyAttempts: it is locked.
        SignInUnavailable: the cache does not answer.
    """
    with _answering_cache():
        until = cache.get(_key("lock", email))
    if until is not None and until > clock.now():
        raise _too_many(until)


def count_failure(user: User) -> None:
    """Count a wrong password or code; the one that reaches the limit shuts the person out.

    Raises:
        TooManyAttempts: this was one too many.
        SignInUnavailable: the cache does not answer.
    """
    count_address_failure(user.email, user)


def count_address_failure(email: str, user: User | None = None) -> None:
    """Do the same for an e-mail address; ``user`` is who has it.

    Raises:
        TooManyAttempts: this was one too many.
        SignInUnavailable: the cache does not answer.
    """
    most, seconds = settings.SIGN_IN_LIMITS["account"]
    with _answering_cache():
        failures = count(_key("failures", email), seconds)
        if failures < most:
            return
        until = clock.now() + timedelta(seconds=seconds)
        first = cache.add(_key("lock", email), until, timeout=seconds)
        cache.delete(_key("failures", email))
    waiting = _unlogged.get()
    if first and user is not None and waiting is not None:
        waiting.append(Lock(user, failures, until))
    raise _too_many(until)


def forget_failures(user: User) -> None:
    """Begin anew once all that was asked for was right: password *and* code, or the code could be guessed for ever.

    Raises:
        SignInUnavailable: the cache does not answer.
    """
    with _answering_cache():
        cache.delete(_key("failures", user.email))


def unlock(*, user: User, by: User) -> None:
    """Let a person who is shut out try again at once.

    Raises:
        Forbidden: ``by`` is no administrator, or the person.
        SignInUnavailable: the cache does not answer.
    """
    held = Grant.objects.filter(in_force(clock.now()), person=by, role=Role.ADMINISTRATOR, system_id=None)
    if by.pk == user.pk or not held.exists():
        raise Forbidden("Another person, who is an administrator, unlocks an account.")
    with transaction.atomic():
        audit.append(event=Event.PERSON_UNLOCKED, actor=by, data={"person": user.actor_id})
        with _answering_cache():
            cache.delete_many([_key("lock", user.email), _key("failures", user.email)])


def too_many_tokens_from(address: str) -> int:
    """Count a token that nobody has, from a network address; return for how many seconds no more are told apart, or 0.

    A call with a good token is never held up. A cache that is down limits nothing here: tokens are too long to guess.
    """
    most, seconds = settings.SIGN_IN_LIMITS["token"]
    try:
        return seconds if count(_key("tokens", address), seconds) > most else 0
    except RedisError:
        return 0


@contextmanager
def locks_logged() -> Iterator[None]:
    """Append the locks of the block to the log at its end, when the refusal's transaction has been rolled back."""
    token = _unlogged.set([])
    try:
        yield
    finally:
        locks = _unlogged.get() or []
        _unlogged.reset(token)
        for lock in locks:
            data = {"person": lock.person.actor_id, "failures": lock.failures, "until": lock.until}
            with transaction.atomic():
                audit.append(event=Event.PERSON_LOCKED, actor=SIGN_IN, data=data)


def _key(kind: str, name: str) -> str:
    return f"sign-in:{kind}:{sha256(name.strip().lower().encode()).hexdigest()}"


def _too_many(until: datetime) -> TooManyAttempts:
    seconds = max(1, int((until - clock.now()).total_seconds()) + 1)
    at = until.astimezone(UTC).strftime("%H:%M:%S")
    return TooManyAttempts(
        f"Too many wrong attempts. Try again at {at} UTC, or ask an administrator to unlock the account.",
        retry_after=seconds,
    )


@contextmanager
def _answering_cache() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise SignInUnavailable(
            "Wrong attempts can't be counted, because the cache does not answer; until it does, nobody signs."
        ) from error
