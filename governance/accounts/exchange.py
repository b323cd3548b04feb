"""Exchange the token that a pipeline's run was given by its issuer for one of Placet's: RFC 8693.

No secret is stored anywhere: the issuer says whose run it is, and two administrators said as whom such runs act.
"""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction

from governance.accounts import workloads
from governance.accounts.errors import ExchangeRefused
from governance.accounts.issuer_keys import key_of
from governance.accounts.models import Token, WorkloadIdentity
from governance.accounts.services import token_digest
from governance.accounts.workload_tokens import NotBelieved, Unverified, check_signature, check_times, matches, read
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock

logger = logging.getLogger(__name__)

REFUSED = (
    "Placet exchanges a token for one of its own only if it trusts the run that shows it, and once. "
    "The server's log says what was missing; see the how-to Promote from CI."
)
KEPT = ("repository", "project_path", "ref", "sha", "environment", "run_id", "run_attempt", "pipeline_id", "job_id")
"""Claims that stand in the log for good: which run it was."""
ERASABLE = ("sub", "actor", "user_login")
"""Claims that name a person, or may: they stand in the part of the entry that can be erased."""
LONGEST_KEPT = 300


@dataclass(frozen=True)
class Exchanged:
    """A token of Placet's, shown this once."""

    secret: str = field(repr=False)
    seconds: int
    scopes: tuple[str, ...]


def exchange(*, subject_token: str, scopes: frozenset[str] = frozenset()) -> Exchanged:
    """Return a token of the service account that runs of this kind act as. Like every token it can never decide.

    Args:
        subject_token: what the issuer gave the run.
        scopes: fewer than the workload identity has; none means all of it.

    Raises:
        ExchangeRefused: it is not believed, is shown again, or is trusted by none or by two. The caller is always told
            the same; the reason stands in the server's log.
    """
    try:
        return _exchanged(subject_token, scopes)
    except NotBelieved as reason:
        logger.warning("No token was exchanged: %s.", reason)
        raise ExchangeRefused(REFUSED) from None


def _exchanged(subject_token: str, scopes: frozenset[str]) -> Exchanged:
    token = read(subject_token)
    trusted = list(workloads.counting().filter(issuer=token.issuer))
    if not trusted:  # asked before anything is fetched: nobody makes Placet call a server that it does not trust
        raise NotBelieved("nobody here trusts its issuer")
    check_signature(token, key_of(token.issuer, token.kid))
    check_times(token.claims, clock.now().timestamp())
    found = [row for row in trusted if matches(token.claims, row)]
    if len(found) != 1:
        raise NotBelieved(f"{len(found)} workload identities fit its claims, where one must" + _near(token))
    try:
        with transaction.atomic():
            return _issued(token, found[0], scopes)
    except IntegrityError as error:
        if Token.objects.filter(exchanged=token.digest).exists():
            raise NotBelieved("it was exchanged before") from error
        raise


def _issued(token: Unverified, fitting: WorkloadIdentity, scopes: frozenset[str]) -> Exchanged:
    # Locked, so that an end that is written meanwhile is seen, or sees the token that it has to end.
    rows = workloads.counting().select_for_update(of=("self",)).select_related("account__sponsor")
    workload = rows.filter(pk=fitting.pk).first()
    if workload is None:
        raise NotBelieved("the workload identity has ended")
    account = workload.account
    if not account.is_active or account.sponsor is None or not account.sponsor.is_active:
        raise NotBelieved("the service account, or who answers for it, is deactivated")
    if scopes - set(workload.scopes):
        raise NotBelieved("it asks for more scopes than the workload identity has")
    secret, made_at = "placet_" + secrets.token_urlsafe(32), clock.now()
    given = sorted(scopes or workload.scopes)
    row = Token.objects.create(
        holder=account,
        label="a run",
        digest=token_digest(secret),
        scopes=given,
        made_at=made_at,
        expires_at=made_at + timedelta(seconds=workload.seconds),
        workload=workload,
        exchanged=token.digest,
    )
    audit.append(
        event=Event.TOKEN_EXCHANGED,
        actor=account,
        data={
            "token": row.pk,
            "holder": account.actor_id,
            "scopes": given,
            "until": row.expires_at,
            "workload": workload.pk,
            "issuer": workload.issuer,
            "run": _texts(token.claims, KEPT),
        },
        payload={"run": _texts(token.claims, ERASABLE)},
    )
    return Exchanged(secret, workload.seconds, tuple(given))


def _texts(claims: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    return {
        name: claims[name] for name in names if isinstance(claims.get(name), str) and len(claims[name]) <= LONGEST_KEPT
    }


def _near(token: Unverified) -> str:
    """Say which run it was: its issuer signed for that, so it is no invention of the caller's."""
    said = {name: value[:100] for name, value in _texts(token.claims, KEPT).items()}
    return f" (run: {said!r})"
