"""Whose runs act as which service account: written by an administrator, and confirmed by another.

A workload identity is a standing order to give tokens, so it takes two, and a token that it gives lives for minutes.
"""

import uuid
from collections.abc import Iterable, Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Q, QuerySet

from governance.accounts import administrators, services
from governance.accounts.errors import SecondAdministratorNeeded, WorkloadOpen, WorkloadSettled
from governance.accounts.models import Token, User, WorkloadIdentity
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.accounts.workload_models import IDENTIFYING, LEAST_SECONDS, MOST_SECONDS
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown

OPEN_FOR = timedelta(days=14)
"""How long a workload identity can be confirmed."""
MOST_CLAIMS = 10
HERE = frozenset({"localhost", "127.0.0.1", "::1"})


def counting() -> QuerySet[WorkloadIdentity]:
    """Return the workload identities that count now."""
    return WorkloadIdentity.objects.filter(confirmed_at__lte=clock.now(), ended_at__isnull=True)


def standing() -> QuerySet[WorkloadIdentity]:
    """Return those that count or can be confirmed still, oldest first."""
    open_still = Q(confirmed_at__isnull=True, made_at__gt=clock.now() - OPEN_FOR)
    rows = WorkloadIdentity.objects.filter(Q(confirmed_at__isnull=False) | open_still, ended_at__isnull=True)
    return rows.select_related("account", "made_by", "confirmed_by").order_by("made_at")


@transaction.atomic
def trust_workload(
    *,
    issuer: str,
    audience: str,
    claims: Mapping[str, str],
    account: User,
    scopes: Iterable[str],
    by: User,
    seconds: int = MOST_SECONDS,
) -> WorkloadIdentity:
    """Propose, as an administrator, that runs which an issuer speaks for act as a service account.

    Args:
        issuer: as its tokens spell it, with https://; one on this machine may do without.
        audience: for whom the tokens must be made, alone.
        claims: what the token must say, exactly; one of ``IDENTIFYING`` among them.
        scopes: of ``services.SCOPES``; what the account may do, its roles say, as for any token.
        seconds: how long a token lives, 60 to 900.

    Raises:
        Forbidden: ``by`` is no administrator.
        SelfGrant: the administrator answers for the account.
        SecondAdministratorNeeded: there is no second administrator who could confirm.
        InvalidInput: the account is no active machine, or a value can't be used.
        WorkloadOpen: the same counts or waits already.
    """
    actor = administrators.acting(administrators.locked(by))
    if not account.is_service or not account.is_active:
        raise InvalidInput(f"{account} is no active service account; make one with manage.py create_service_account.")
    if account.sponsor_id == by.pk:
        raise services.SelfGrant(f"{by} answers for {account}; another administrator trusts its runs.")
    issuer, audience, scopes = issuer.strip(), audience.strip(), sorted(set(scopes))
    _check_issuer(issuer)
    _check_claims(claims)
    if not 0 < len(audience) <= 200:
        raise InvalidInput("Give the audience in 1 to 200 characters, such as the address of this deployment.")
    if not scopes or set(scopes) - services.SCOPES:
        raise InvalidInput(f"Give scopes from {sorted(services.SCOPES)}.")
    if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        raise InvalidInput(f"A token of a run lives {LEAST_SECONDS} to {MOST_SECONDS} seconds.")
    if not administrators.known() - {by.pk, account.sponsor_id}:
        raise SecondAdministratorNeeded("This takes two administrators; there is no other who could confirm.")
    same = {"issuer": issuer, "audience": audience, "claims": dict(claims)}
    held = WorkloadIdentity.objects.filter(**same, ended_at__isnull=True).select_related("account").first()
    if held is not None:
        raise WorkloadOpen(f"These runs act as {held.account} already, or wait to; end {held.pk} first.")
    row = WorkloadIdentity(**same, account=account, scopes=scopes, seconds=seconds, made_by=by, made_at=clock.now())
    audit.append(event=Event.WORKLOAD_PROPOSED, actor=actor, subjects=[row], data=_said(row))
    return row


@transaction.atomic
def confirm_workload(*, workload_id: uuid.UUID, by: User, password: str) -> WorkloadIdentity:
    """Confirm, as the second administrator, whose runs act as the account; it counts from now on.

    Raises:
        Unknown: no such workload identity.
        Forbidden: ``by`` is no administrator, proposed it, or answers for the account.
        WorkloadSettled: it was confirmed or ended, waited too long, or who proposed it administers no more.
        InvalidInput: the account is no longer active.
        SignInAgain: the password is not the administrator's.
    """
    row = _locked(workload_id, by)
    if by.is_service or not has_role(by, Role.ADMINISTRATOR):
        raise Forbidden("An administrator confirms whose runs act as a service account.")
    if by.pk == row.made_by_id:
        raise Forbidden("You proposed it; another administrator confirms it.")
    if by.pk == row.account.sponsor_id:
        raise Forbidden("You answer for the account; another administrator confirms it.")
    late = row.made_at <= clock.now() - OPEN_FOR
    if row.confirmed_at is not None or row.ended_at is not None or late:
        raise WorkloadSettled("It was confirmed or ended, or nobody confirmed it in time. End it and propose it anew.")
    if row.made_by_id not in administrators.known():
        raise WorkloadSettled(f"{row.made_by} administers no more; end it and propose it anew.")
    if not row.account.is_active:
        raise InvalidInput(f"{row.account} is deactivated.")
    services.require_password(by, password)
    row.confirmed_by, row.confirmed_at = by, clock.now()
    audit.append(event=Event.WORKLOAD_CONFIRMED, actor=by, subjects=[row], data=_said(row))
    return row


@transaction.atomic
def end_workload(*, workload_id: uuid.UUID, by: User) -> WorkloadIdentity:
    """End a workload identity and the tokens that it gave. Any one administrator may: it only takes power away.

    Raises:
        Unknown: no such workload identity.
        Forbidden: ``by`` is no administrator.
        WorkloadSettled: it has ended.
    """
    row = _locked(workload_id, by)
    administrators.acting(by)
    if row.ended_at is not None:
        raise WorkloadSettled("It has ended.")
    _end(row, by)
    return row


def end_those_of(account: User, by: User) -> None:
    """End the workload identities of an account that leaves, and of the machines for which a person answers.

    Whoever lets the account in again gives none of them back, as none of its roles.
    """
    rows = WorkloadIdentity.objects.select_for_update(of=("self",)).select_related("account", "made_by")
    held = rows.filter(Q(account=account) | Q(account__sponsor=account), ended_at__isnull=True)
    for row in held.order_by("pk"):
        _end(row, by)


def _end(row: WorkloadIdentity, by: User) -> None:
    now = clock.now()
    row.ended_by, row.ended_at = by, now
    live = Token.objects.filter(workload=row, revoked_at__isnull=True, expires_at__gt=now)
    ended = live.update(revoked_at=now)
    audit.append(event=Event.WORKLOAD_ENDED, actor=by, subjects=[row], data=_said(row) | {"tokens_ended": ended})


def _check_issuer(issuer: str) -> None:
    parts = urlsplit(issuer)
    encrypted = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in HERE)
    if not encrypted or not parts.hostname or "?" in issuer or "#" in issuer or "@" in parts.netloc:
        raise InvalidInput(
            "Give the issuer as its tokens spell it, such as https://token.actions.githubusercontent.com."
        )
    if len(issuer) > 200:
        raise InvalidInput("An issuer has at most 200 characters.")


def _check_claims(claims: Mapping[str, str]) -> None:
    if not set(claims) & set(IDENTIFYING):
        raise InvalidInput(
            f"Say whose runs are meant by one of {', '.join(IDENTIFYING)}: a public issuer signs for everybody."
        )
    if len(claims) > MOST_CLAIMS or any(
        not isinstance(value, str) or not 0 < len(value) <= 300 or not 0 < len(name) <= 100
        for name, value in claims.items()
    ):
        raise InvalidInput(f"Give at most {MOST_CLAIMS} claims, each with a text of 1 to 300 characters.")
    if any("*" in value for value in claims.values()):
        raise InvalidInput("A claim is compared exactly; there is no *. Leave out the claims that may differ.")


def _locked(workload_id: uuid.UUID, by: User) -> WorkloadIdentity:
    administrators.locked(by)
    rows = WorkloadIdentity.objects.select_for_update(of=("self",)).select_related("account", "made_by")
    found = rows.filter(pk=workload_id).first()
    if found is None:
        raise Unknown(f"There is no workload identity {workload_id}.")
    return found


def _said(row: WorkloadIdentity) -> dict[str, object]:
    """What everybody may know: names of repositories and branches are an organisation's, not a person's."""
    return {
        "workload": row.pk,
        "issuer": row.issuer,
        "audience": row.audience,
        "claims": row.claims,
        "account": row.account.actor_id,
        "scopes": row.scopes,
        "seconds": row.seconds,
        "proposed_by": row.made_by.actor_id,
    }
