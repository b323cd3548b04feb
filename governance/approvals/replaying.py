"""Ask for a replay, carry it out, close it. Requests keep their own policy version: nothing of them is touched."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.approvals import replay
from governance.approvals.errors import ReplayUnderWay
from governance.approvals.models import PolicyReplay
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput
from governance.evidence.errors import LeaseLost
from governance.evidence.projection import all_declared
from governance.policy import publication
from governance.policy import replay as core
from governance.policy.document import PolicyDocument, parse
from governance.policy.models import PolicyVersion
from governance.policy.problems import InvalidPolicy

ASKERS = (Role.POLICY_AUTHOR, Role.POLICY_PUBLISHER, Role.RISK_OFFICER)
USUAL, MOST = 1_000, 2_000
LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 3
BEAT_S = 0.5


def ask_replay(
    *, asker: User, text: str = "", policy_version: PolicyVersion | None = None, most: int = USUAL
) -> PolicyReplay:
    """Ask how past requests would have fared under a policy; a worker answers with :func:`run_replay`.

    Args:
        text: a policy that need not be kept as a version; or
        policy_version: a version, drafted or published.
        most: the newest so many requests that the policy would govern.
    Raises:
        InvalidPolicy: with every problem of the text, each with path and line.
        InvalidInput: both or neither of text and version, or ``most`` out of range.
        ReplayUnderWay: the asker's last one is not finished.
        Forbidden: the asker is no policy author, policy publisher or risk officer.
    """
    if not has_role(asker, *ASKERS):
        raise Forbidden("A policy author, a policy publisher or a risk officer replays policies.")
    if bool(text) == (policy_version is not None):
        raise InvalidInput("Give the text of a policy, or the id of one of its versions.")
    if not 1 <= most <= MOST:
        raise InvalidInput(f"A replay takes 1 to {MOST:,} requests.")
    document = _evaluable(policy_version.text if policy_version else text)
    try:
        with transaction.atomic():
            return PolicyReplay.objects.create(
                policy_version=policy_version,
                policy_name=document.name,
                policy_digest=document.digest,
                text=policy_version.text if policy_version else text,
                most=most,
                asked_by=asker,
                made_at=clock.now(),
            )
    except IntegrityError as refused:
        if "one_open_replay_per_person" not in str(refused):
            raise
        raise ReplayUnderWay("Your last replay is not finished; wait for it, then ask again.") from None


def _evaluable(text: str) -> PolicyDocument:
    document = parse(text)
    problems = publication.check(document, all_declared())
    if problems:
        raise InvalidPolicy(problems)
    return document


def claim(pk: uuid.UUID) -> int | None:
    """Take a replay and return the attempt's number; None when somebody holds it or it is finished."""
    now = clock.now()
    free = Q(state=PolicyReplay.State.QUEUED) | Q(state=PolicyReplay.State.RUNNING, lease_until__lt=now)
    taken = PolicyReplay.objects.filter(free, pk=pk).update(
        state=PolicyReplay.State.RUNNING, attempts=F("attempts") + 1, lease_until=now + LEASE, steps_done=0
    )
    return PolicyReplay.objects.values_list("attempts", flat=True).get(pk=pk) if taken else None


def run_replay(pk: uuid.UUID) -> PolicyReplay:
    """Carry a replay out. Safe twice: only one attempt at a time holds the row, and a finished one stays as it is.

    Raises:
        LeaseLost: another attempt took it over; nothing of this one is kept.
    """
    attempt = claim(pk)
    row = replay.replay(pk)
    if attempt is None:
        return row
    document = parse(row.text)
    requests = replay.requests_for(document, most=row.most)
    cases = replay.cases(requests)
    _beat(pk, attempt, steps_total=len(cases))
    rows, last = [], time.monotonic()
    for found in core.replay(document, cases):
        rows.append(found)
        if time.monotonic() - last >= BEAT_S:
            last = time.monotonic()
            _beat(pk, attempt, steps_done=len(rows))
    return _finish(pk, attempt, document, rows)


def _beat(pk: uuid.UUID, attempt: int, **progress: Any) -> None:
    held = PolicyReplay.objects.filter(pk=pk, attempts=attempt, state=PolicyReplay.State.RUNNING)
    if not held.update(lease_until=clock.now() + LEASE, **progress):
        raise LeaseLost(f"Attempt {attempt} of replay {pk} was replaced.")


@transaction.atomic
def _finish(pk: uuid.UUID, attempt: int, document: PolicyDocument, rows: list[core.Row]) -> PolicyReplay:
    row = PolicyReplay.objects.select_for_update(of=("self",)).select_related("asked_by", "policy_version").get(pk=pk)
    if row.attempts != attempt or row.state != PolicyReplay.State.RUNNING:
        raise LeaseLost(f"Attempt {attempt} of replay {pk} was replaced.")
    row.result = [found.as_json() for found in rows]
    row.counts, row.result_digest = core.counts(rows), core.digest(document, row.result)
    row.steps_done = row.steps_total = len(rows)
    row.state, row.lease_until, row.finished_at = PolicyReplay.State.DONE, None, clock.now()
    row.replayed_entry = audit.append(
        event=Event.POLICY_REPLAYED,
        actor=row.asked_by,
        data={
            "replay": row.pk,
            "policy": row.policy_name,
            "version": row.policy_version.number if row.policy_version else None,
            "digest": row.policy_digest,
            **{key: row.counts[key] for key in ("cases", "stricter", "looser")},
            "result": row.result_digest,
        },
    )
    row.save()
    return row


def fail_replay(pk: uuid.UUID, error: str) -> None:
    """Close a replay that can't be carried out; people see why."""
    PolicyReplay.objects.filter(pk=pk).exclude(state=PolicyReplay.State.DONE).update(
        state=PolicyReplay.State.FAILED, error=error[:2000], lease_until=None, finished_at=clock.now()
    )


def left_behind() -> list[uuid.UUID]:
    """Return the replays that nobody works on, to be handed out again; fail those whose worker died each time."""
    now = clock.now()
    died = PolicyReplay.objects.filter(state=PolicyReplay.State.RUNNING, lease_until__lt=now)
    for pk in died.filter(attempts__gte=MAX_ATTEMPTS).values_list("pk", flat=True):
        fail_replay(pk, f"The worker died in each of {MAX_ATTEMPTS} attempts.")
    waiting = PolicyReplay.objects.filter(state=PolicyReplay.State.QUEUED, made_at__lt=now - timedelta(seconds=20))
    return list((died | waiting).order_by("made_at").values_list("pk", flat=True)[:50])
