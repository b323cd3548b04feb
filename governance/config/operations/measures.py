"""The figures behind the metrics: a few cheap queries, in groups that fail apart.

Every label has few values, all known beforehand but the queues, and none is the name or id of a thing or a person.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models import Count, Min, Q

from governance.approvals.models import GRANTED, OPEN, ApprovalRequest, Finding, State
from governance.audit import selectors as log
from governance.audit.vitals import vitals
from governance.common import clock
from governance.common.postgres.bounded import at_most
from governance.config.operations import asking
from governance.config.operations.states import seconds
from governance.evidence.models import EvidenceJob
from monitoring import overview
from monitoring.models import Alert, Monitor

LIMIT_S = 2.0
"""How long one query may take."""
ANSWERS = {"gate.allowed": "allowed", "gate.let_through": "let_through", "gate.refused": "refused"}


@dataclass(frozen=True)
class Kind:
    """What a metric is: ``gauge`` or ``counter``, its help and the names of its labels."""

    type: str
    help: str
    labels: tuple[str, ...] = ()


METRICS = {
    "placet_collected": Kind("gauge", "1 if the figures of a group could be asked for, else 0.", ("group",)),
    "placet_approval_requests": Kind("gauge", "Approval requests that are open or granted.", ("state",)),
    "placet_approval_request_oldest_waiting_seconds": Kind("gauge", "Age of the oldest open request, 0 without one."),
    "placet_approvals_expiring": Kind("gauge", "Approvals whose validity ends within this time.", ("within",)),
    "placet_findings_open": Kind("gauge", "Findings that are not closed.", ("severity",)),
    "placet_findings_overdue": Kind("gauge", "Open findings past their due date.", ("severity",)),
    "placet_evidence_jobs": Kind("gauge", "Evidence jobs.", ("state",)),
    "placet_evidence_job_oldest_waiting_seconds": Kind("gauge", "How long the oldest queued evidence job has waited."),
    "placet_queue_messages": Kind("gauge", "Messages in the broker that no worker has taken.", ("queue",)),
    "placet_sign_of_life_age_seconds": Kind(
        "gauge", "Since the last sign of life; absent for a part that gave none in seven days.", ("part",)
    ),
    "placet_notary_working": Kind("gauge", "1 while a notary holds the lock of the database."),
    "placet_notary_lag_seconds": Kind("gauge", "How long the oldest entry has waited for its place, 0 without one."),
    "placet_log_entries": Kind("gauge", "Entries with a place in the present tree."),
    "placet_log_entries_unsigned": Kind("gauge", "Entries that no checkpoint covers yet."),
    "placet_anchor_age_seconds": Kind(
        "gauge", "Age of the newest checkpoint in the place outside of this kind that is furthest behind.", ("kind",)
    ),
    "placet_anchors_failing": Kind("gauge", "Places outside whose last publication failed.", ("kind",)),
    "placet_gate_answers_total": Kind("counter", "Answers of the gate in the present tree.", ("verdict",)),
    "placet_monitors": Kind("gauge", "Monitors; drift, watch and none are of the newest window.", ("state",)),
    "placet_alerts_open": Kind("gauge", "Alerts that nobody has resolved.", ("severity",)),
    "placet_notices_overdue": Kind("gauge", "Messages to people that are due and not sent."),
    "placet_notice_oldest_overdue_seconds": Kind("gauge", "How long the oldest such message has been due."),
    "placet_notices_given_up": Kind("gauge", "Messages given up in the last day."),
    "placet_hook_calls_waiting": Kind("gauge", "Calls of retraining hooks that nobody has taken yet."),
    "placet_hook_call_oldest_waiting_seconds": Kind("gauge", "How long the oldest such call has waited."),
}
"""Every metric that ``/metrics`` gives; docs/reference/metrics.md explains each."""

Figure = tuple[str, tuple[str, ...], float]
"""A metric's name, the values of its labels, and its value."""


def _requests() -> Iterator[Figure]:
    now, shown = clock.now(), (*OPEN, *GRANTED)
    counted = ApprovalRequest.objects.filter(state__in=shown).values_list("state").annotate(n=Count("pk"))
    found = dict(counted.order_by())
    for state in shown:
        yield "placet_approval_requests", (str(State(state)),), found.get(state, 0)
    oldest = ApprovalRequest.objects.filter(state__in=OPEN).aggregate(at=Min("opened_at"))["at"]
    yield "placet_approval_request_oldest_waiting_seconds", (), seconds(now, oldest)
    for days in (7, 30):
        ends = Q(state__in=GRANTED, valid_until__lt=now + timedelta(days=days))
        yield "placet_approvals_expiring", (f"{days}d",), ApprovalRequest.objects.filter(ends).count()


def _findings() -> Iterator[Figure]:
    late = Q(due_on__lt=clock.now().date())
    rows = Finding.objects.filter(closed_at__isnull=True).order_by().values_list("severity")
    found = {row[0]: row[1:] for row in rows.annotate(n=Count("pk"), late=Count("pk", filter=late))}
    for severity in Finding.Severity.values:
        still, overdue = found.get(severity, (0, 0))
        yield "placet_findings_open", (severity,), still
        yield "placet_findings_overdue", (severity,), overdue


def _evidence() -> Iterator[Figure]:
    states = EvidenceJob.State
    rows = dict(EvidenceJob.objects.order_by().values_list("state").annotate(n=Count("pk")))
    for state in states.values:
        yield "placet_evidence_jobs", (state,), rows.get(state, 0)
    oldest = EvidenceJob.objects.filter(state=states.QUEUED).aggregate(at=Min("made_at"))["at"]
    yield "placet_evidence_job_oldest_waiting_seconds", (), seconds(clock.now(), oldest)


def _broker() -> Iterator[Figure]:
    found, now = asking.broker(), clock.now()
    for queue, messages in found.waiting.items():
        yield "placet_queue_messages", (queue,), messages
    for part, sign in found.signs.items():
        yield "placet_sign_of_life_age_seconds", (part,), seconds(now, sign.at)


def _log() -> Iterator[Figure]:
    found, now = vitals(), clock.now()
    yield "placet_notary_working", (), found.notary_works
    yield "placet_notary_lag_seconds", (), seconds(now, found.oldest_waiting_at)
    yield "placet_log_entries", (), found.entries
    yield "placet_log_entries_unsigned", (), found.unsigned
    ages: dict[str, float] = {}
    failing: dict[str, int] = defaultdict(int)
    for sink in found.sinks:
        kind = sink.name.partition(":")[0]  # never the address, which may name people
        failing[kind] += sink.failing_since is not None
        if sink.newest:
            ages[kind] = max(ages.get(kind, 0.0), seconds(now, sink.newest.at))
    for kind, age in ages.items():
        yield "placet_anchor_age_seconds", (kind,), age
    for kind, n in failing.items():
        yield "placet_anchors_failing", (kind,), n


def _gate() -> Iterator[Figure]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT event, count(*) FROM audit_search WHERE event = ANY(%s) AND position >= %s GROUP BY event",
            [list(ANSWERS), log.base()],
        )
        found = dict(cursor.fetchall())
    for event, verdict in ANSWERS.items():
        yield "placet_gate_answers_total", (verdict,), found.get(event, 0)


def _monitoring() -> Iterator[Figure]:
    for state, n in overview.counts(overview.with_state(Monitor.objects.all()), clock.now()).items():
        yield "placet_monitors", (state,), n
    rows = Alert.objects.exclude(state=Alert.State.RESOLVED).order_by().values_list("severity").annotate(n=Count("pk"))
    found = dict(rows)
    for severity in Alert.Severity.values:
        yield "placet_alerts_open", (severity,), found.get(severity, 0)


def _notices() -> Iterator[Figure]:
    found = asking.notices()
    yield "placet_notices_overdue", (), found.waiting
    yield "placet_notice_oldest_overdue_seconds", (), seconds(clock.now(), found.oldest_at)
    yield "placet_notices_given_up", (), found.given_up


def _hooks() -> Iterator[Figure]:
    found = asking.hooks()
    yield "placet_hook_calls_waiting", (), found.waiting
    yield "placet_hook_call_oldest_waiting_seconds", (), seconds(clock.now(), found.oldest_at)


GROUPS: Mapping[str, Callable[[], Iterator[Figure]]] = {
    "requests": _requests,
    "findings": _findings,
    "evidence": _evidence,
    "broker": _broker,
    "log": _log,
    "gate": _gate,
    "monitoring": _monitoring,
    "notices": _notices,
    "hooks": _hooks,
}


def figures(group: str) -> list[Figure]:
    """Return the figures of one group.

    Raises:
        django.db.Error: PostgreSQL does not answer, or not within the time.
        redis.exceptions.RedisError: the broker does not answer.
    """
    with at_most(LIMIT_S):
        return list(GROUPS[group]())
