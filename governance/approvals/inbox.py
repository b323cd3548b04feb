"""The inbox: what waits for a person, what is open, what was settled, and what to look after."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from governance.accounts.access import Reach, readable_systems
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.approvals import escalation, kinds, listing, saved_views, selectors
from governance.approvals.models import GRANTED, ApprovalRequest, Decision, State
from governance.common import clock
from governance.common.templatetags.placet import day
from governance.evidence.models import EvidenceJob
from governance.inventory.models import Classification

SHOWN_AFTER = 12
RECENT = timedelta(days=90)
SOON = timedelta(days=30)


def inbox_page(viewer: User, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the context of approvals/inbox.html.

    Args:
        query: the page's address: ``waiting`` (me, open, overdue, ending or settled), ``q``, ``system``,
            ``ai_act_class``, ``verdict``, ``sort``, and ``after``, the cursor of the page before.
    """
    reach = readable_systems(viewer)
    wanted = listing.asked(viewer, query)
    found = listing.page(reach, wanted, after=query.get("after", ""))
    now = clock.now()
    decisions, median = listing.median_decision_time(reach, since=now - RECENT)
    return {
        "rows": _rows(found.rows, kinds.presented(found.rows)),
        **listing.shown(reach, wanted, found),
        **selectors.open_finding_counts(reach, now.date()),
        "views": saved_views.shown(viewer, wanted),
        "paged": bool(query.get("after")),
        "median_decision": median,
        "decisions": decisions,
        "jobs": _jobs(reach),
        "after": _after(reach, now),
    }


def _rows(rows: Sequence[ApprovalRequest], names: Mapping[UUID, kinds.Presented]) -> list[dict[str, Any]]:
    points = _points_of_law({row.system_id for row in rows})
    return [_row(row, names[row.pk], points.get(row.system_id, "")) for row in rows]


def _row(row: ApprovalRequest, named: kinds.Presented, points: str) -> dict[str, Any]:
    counts = Counter(check["outcome"] for check in row.verdict.get("checks", []))
    reviews = sum(bool(check.get("wants_review")) for check in row.verdict.get("checks", []))
    about = [
        part
        for part in (row.system.get_ai_act_class_display() if row.system.ai_act_class else "not classified", points)
        if part
    ]
    tier = f" · tier {row.system.model_tier}" if row.system.model_tier else ""
    reason, due = "", selectors.due_at(row)
    signed, quorum, by = _signed(row)
    if row.outcome == "HOLD":
        reason = "asks for a human review" if reviews else "evidence does not settle it"
    elif row.outcome == "BLOCK":
        reason = f"{counts['fail']} check{'s' if counts['fail'] != 1 else ''} failed"
    return {
        "pk": row.pk,
        "title": named.title,
        "reference": named.reference,
        "url": named.url,
        "requester": {"name": row.requester.name, "role": ""},
        "system": row.system.name,
        "ai_act": ", ".join(about) + tier,
        "asks_for": row.asks_for,
        "now": named.now,
        "verdict": row.outcome if row.state == State.IN_REVIEW else "",
        "reason": reason if row.state == State.IN_REVIEW else "",
        "counts": dict(counts),
        "signed": f"{signed} of {quorum}{by}",
        "signatures": (signed, quorum),
        "state": row.state,
        "due_at": due,
        "ends_at": row.valid_until if row.state == State.APPROVED else None,
        "since": row.opened_at,
        "due_in": abs(due - clock.now()) if due else None,
        "overdue": bool(due and due < clock.now()),
        "escalated_at": row.escalated_at if row.state == State.IN_REVIEW else None,
    }


def _signed(row: ApprovalRequest) -> tuple[int, int, str]:
    """Return how many have signed, of how many, and in which role: in the open stage, or in all where none is open."""
    if row.state == State.IN_REVIEW and (stage := selectors.open_stage(row)):
        return stage["signed"], stage["quorum"], f" {' or '.join(stage['roles'])}".replace("_", " ")
    signatures = sum(decision.verdict == Decision.Verdict.APPROVE for decision in row.decisions.all())
    return signatures, sum(stage["quorum"] for stage in row.stages), ""


def _points_of_law(system_ids: set[UUID]) -> dict[UUID, str]:
    """Return the points behind each system's newest signed classification."""
    signed = Classification.objects.filter(system_id__in=system_ids, signed_at__isnull=False).order_by("signed_at")
    return {system: ", ".join(points) for system, points in signed.values_list("system_id", "annex_points")}


def _jobs(reach: Reach) -> list[dict[str, Any]]:
    running = EvidenceJob.objects.filter(state__in=[EvidenceJob.State.QUEUED, EvidenceJob.State.RUNNING])
    if not reach.everything:  # a job knows its subject alone; the subject's requests know the system
        mine = selectors.readable_requests(ApprovalRequest.objects.all(), reach)
        running = running.filter(subject_id__in=mine.values("subject_id"))
    return [
        {
            "type": job.type,
            "subject": job.subject_name.replace("/", " v"),
            "done": job.steps_done,
            "total": job.steps_total or 1,
            "message": job.message,
        }
        for job in running.order_by("-state", "made_at")[:6]
    ]


def _after(reach: Reach, now: datetime) -> list[dict[str, Any]]:
    """Return what became of the approvals that concern the viewer, and the overdue findings that they own."""
    viewer = reach.person
    granted = selectors.readable_requests(ApprovalRequest.objects.filter(state__in=GRANTED), reach)
    granted = granted.order_by("valid_until")
    if not has_role(viewer, Role.RISK_OFFICER):
        signed = Decision.objects.filter(approver=viewer).values("request")
        granted = granted.filter(Q(requester=viewer) | Q(system__owner=viewer) | Q(pk__in=signed))
    concerns = (
        granted.filter(state=State.SUSPENDED),
        granted.filter(kinds.ready(), state=State.APPROVED),
        granted.filter(state=State.APPROVED, valid_until__lt=now + SOON),
    )
    kept = {
        row.pk: row
        for part in concerns
        for row in part.defer("verdict", "context", "required_evidence", "evidence_ids", "stages")[:SHOWN_AFTER]
    }
    names = kinds.presented(list(kept.values()))
    items = escalation.told(viewer) + [item for row in kept.values() if (item := _became(row, names[row.pk]))]
    overdue = selectors.open_findings().filter(owner=viewer, due_on__lt=now.date())[:SHOWN_AFTER]
    items += [
        {
            "tone": "bad",
            "icon": "alert",
            "text": f"Overdue since {day(finding.due_on)}: {finding.title}",
            "detail": f"{finding.system.name if finding.system else 'no AI system'}, {finding.severity}; you own it",
        }
        for finding in overdue
    ]
    return items[:SHOWN_AFTER]


def _became(row: ApprovalRequest, named: kinds.Presented) -> dict[str, Any] | None:
    """Return what is worth a look in a granted approval, None when nothing is."""
    if row.state == State.SUSPENDED:
        text = f"{named.title}: the approval is suspended"
        return {"tone": "bad", "icon": "pause", "text": text, "detail": row.state_reason, "url": named.url}
    if named.apply_url:
        text = f"{named.title} is approved, not applied yet"
        detail = f"{named.reference} for {row.asks_for}"
        return {"tone": "info", "icon": "bolt", "text": text, "detail": detail, "url": named.apply_url}
    left = row.valid_until - clock.now() if row.valid_until else None
    if left is not None and left < SOON:
        text = f"{named.title} lapses in {max(0, left.days)} days"
        return {"tone": "warn", "icon": "clock", "text": text, "detail": named.reference, "url": named.url}
    return None
