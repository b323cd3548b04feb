"""Sweep approvals by the clock."""

import logging
import uuid

from celery import shared_task

from governance.approvals import documents, enforcement, escalation, expiry, law_changes, replaying, services
from governance.evidence.errors import LeaseLost

log = logging.getLogger(__name__)


@shared_task
def sweep_approvals() -> int:
    """Let approvals lapse whose validity ended, and requests expire that waited too long: for evidence, people, answer.

    Requests that wait longer than their policy's service level are escalated, and findings take effect. Returns how
    many moved or were evaluated anew.
    """
    escalation.escalate_waiting()
    expired = services.expire_undecided() + expiry.expire_collecting() + expiry.expire_unanswered()
    return services.lapse_overdue() + expired + enforcement.sweep()


@shared_task
def sweep_submitted_documents() -> int:
    """Open a finding for each document that ceased to count while an approval rests on it; return how many."""
    return documents.sweep()


@shared_task
def sweep_law_changes() -> int:
    """Open a finding for each AI system whose points the register in use changed since its class; return how many."""
    return law_changes.sweep()


@shared_task(queue="evidence")
def replay_policy(replay_id: str) -> None:
    """Carry one replay out, where long work lies; whatever goes wrong is kept with it."""
    pk = uuid.UUID(replay_id)
    try:
        replaying.run_replay(pk)
    except LeaseLost:
        log.warning("replay %s: another attempt took it over", pk)
    except Exception as error:
        log.exception("replay %s failed", pk)
        replaying.fail_replay(pk, f"{type(error).__name__}: {error}")


@shared_task
def sweep_replays() -> int:
    """Hand out again what a lost message or a dead worker left behind."""
    ids = replaying.left_behind()
    for pk in ids:
        replay_policy.delay(str(pk))
    return len(ids)
