"""Deliver what waits in the outbox: claim, send, mark. At least once, and the same message when it is twice.

A claim gives the deliveries of one message their batch and a lease. Sending lies outside every transaction. A worker
that dies in between leaves the lease to run out; the batch is then sent again, under the Message-ID that it had.
"""

import logging
import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from governance.common import clock
from governance.notices.channels import chat, mail
from governance.notices.errors import Undeliverable
from governance.notices.messages import message
from governance.notices.models import Delivery
from governance.notices.reading import may_read

log = logging.getLogger(__name__)
LEASE = timedelta(minutes=5)
TURN_S = 60
MOST_IN_A_DIGEST = 100
WAITS = (
    *(timedelta(minutes=minutes) for minutes in (1, 5, 15)),
    *(timedelta(hours=hours) for hours in (1, 3, 6, 12, 24)),
)
"""How long after each failed attempt the next one is made; after the last, it is given up."""
State = Delivery.State


@dataclass(frozen=True)
class Claim:
    """The deliveries of one message, held by one attempt."""

    batch: uuid.UUID
    attempt: int
    rows: tuple[Delivery, ...]


def deliver_due(*, most: int = 100) -> int:
    """Deliver what is due, at most so many messages and for a minute: then other tasks have their turn.

    Returns how many were sent.
    """
    sent, until = 0, time.monotonic() + TURN_S
    for _ in range(most):
        claim = claim_next() if time.monotonic() < until else None
        if claim is None:
            break
        sent += deliver(claim)
    return sent


@transaction.atomic
def claim_next() -> Claim | None:
    """Claim the deliveries of the next message that is due; None when nothing is."""
    now = clock.now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    due = Delivery.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        free, state=State.WAITING, due_at__lte=now
    )
    first = due.select_related("notice").order_by("due_at", "pk").first()
    if first is None:
        return None
    if first.batch:
        rows = list(Delivery.objects.select_for_update(of=("self",)).filter(state=State.WAITING, batch=first.batch))
    elif first.digest:
        together = due.filter(notice__person=first.notice.person_id, channel=first.channel_id, digest=True, batch=None)
        rows = list(together.order_by("pk")[:MOST_IN_A_DIGEST])
    else:
        rows = [first]
    batch, attempt = first.batch or uuid.uuid4(), first.attempts + 1
    keys = [row.pk for row in rows]
    Delivery.objects.filter(pk__in=keys).update(batch=batch, attempts=attempt, lease_until=now + LEASE)
    found = Delivery.objects.filter(pk__in=keys).select_related("notice__person", "channel").order_by("pk")
    return Claim(batch, attempt, tuple(found))


def deliver(claim: Claim) -> bool:
    """Send what was claimed and mark how it went; return whether it was sent."""
    rows = []
    for row in claim.rows:
        if reason := _kept_back(row):
            _mark(claim, [row], state=State.DROPPED, error=reason)
        else:
            rows.append(row)
    if not rows:
        return False
    first = rows[0]
    try:
        said = message(claim.batch, [row.notice for row in rows], digest=first.digest)
        if first.channel is None:
            mail.send(first.notice.person.email, said)
        else:
            chat.send(first.channel, said)
    except Undeliverable as failure:
        _failed(claim, rows, str(failure))
    except Exception as error:  # a mistake of ours: it must be seen, and must not stop the others
        log.exception("message %s", claim.batch)
        _failed(claim, rows, f"{type(error).__name__} in Placet; see the worker's log.")
    else:
        _mark(claim, rows, state=State.SENT, sent_at=clock.now(), error="")
        return True
    return False


def _kept_back(row: Delivery) -> str:
    """Return why a delivery does not go out any more; empty when it does."""
    if row.channel is not None and row.channel.removed_at is not None:
        return "The channel was removed."
    if row.channel is None and not settings.EMAIL_HOST:
        return "This deployment sends no e-mail: PLACET_EMAIL_URL is not set."
    notice = row.notice
    if not may_read(notice.person, notice.about_kind, notice.about_id):
        return "It is out of the person's reach now."
    return ""


def _failed(claim: Claim, rows: Collection[Delivery], why: str) -> None:
    if claim.attempt > len(WAITS):
        _mark(claim, rows, state=State.FAILED, error=why[:400])
    else:
        _mark(claim, rows, due_at=clock.now() + WAITS[claim.attempt - 1], error=why[:400])


def _mark(claim: Claim, rows: Collection[Delivery], **values: object) -> None:
    """Write the outcome, unless a later attempt has the message by now."""
    held = Delivery.objects.filter(
        pk__in=[row.pk for row in rows], batch=claim.batch, attempts=claim.attempt, state=State.WAITING
    )
    held.update(lease_until=None, **values)
