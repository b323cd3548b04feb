"""The inbox: what waits for a person, what is open, what was settled, and what to look after."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from governance.accounts.access import Reach, readable_systems
from governance.accounts.models import User
from governance.accounts.roles import DECIDING, Role
from governance.accounts.selectors import has_role
from governance.approvals import escalation, kinds, selectors
from governance.approvals.models import GRANTED, ApprovalRequest, Decision, Finding, State
from governance.common import clock
from governance.evidence.models import EvidenceJob
from governance.inventory.models import AISystem, Classification

SHOWN = 100
SHOWN_AFTER = 12
WAITING = ("me", "open", "settled")
RECENT = timedelta(days=90)
SOON = timedelta(days=30)


def inbox_page(viewer: User, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the context of approvals/inbox.html.

    Args:
        query: ``q``, ``ai_act_class``, ``verdict`` and ``waiting``: me, open or settled (me for those who decide,
            else open).
    """
    waiting = query.get("waiting", "")
    if waiting not in WAITING:
        waiting = "me" if has_role(viewer, *DECIDING) else "open"
    reach = readable_systems(viewer)
    rows = [row for row in _requests(reach, waiting) if _fits(row, query)]
    names = kinds.presented(rows)
    wanted = query.get("q", "").strip().lower()
    shown = [row for row in rows if wanted in _searched(row, names[row.pk])] if wanted else rows
    findings = list(selectors.findings_for(reach))
    today = clock.now().date()
    times = _decision_times(reach)
    return {
        "rows": _rows(shown[:SHOWN], names),
        "mine": waiting == "me",
        "total": len(shown),
        "due_today": sum(row.due_on == today and row.owner_id == viewer.pk for row in findings),
        "open_findings": len(findings),
        "overdue_findings": sum(row.due_on < today for row in findings),
        "median_decision": timedelta(seconds=statistics.median(times)) if times else None,
        "decisions": len(times),
        "filters": {
            "q": query.get("q", ""),
            "ai_act_class": query.get("ai_act_class", ""),
            "verdict": query.get("verdict", ""),
            "waiting": waiting,
        },
        "classes": list(AISystem.AIActClass.choices),
        "jobs": _jobs(reach),
        "after": _after(reach, today, findings),
    }


def _requests(reach: Reach, waiting: str) -> Sequence[ApprovalRequest]:
    if waiting == "me":
        return selectors.waiting_for(reach.person)
    if waiting == "open":
        return list(selectors.readable_requests(selectors.open_requests(), reach).prefetch_related("decisions"))
    settled: QuerySet[ApprovalRequest] = ApprovalRequest.objects.filter(settled_at__isnull=False)
    return list(
        selectors.readable_requests(settled, reach)
        .select_related("system", "policy_version", "requester")
        .prefetch_related("decisions")
        .order_by("-settled_at")[:500]
    )


def _fits(row: ApprovalRequest, query: Mapping[str, str]) -> bool:
    ai_act_class, verdict = query.get("ai_act_class"), query.get("verdict")
    return (not ai_act_class or row.system.ai_act_class == ai_act_class) and (not verdict or row.outcome == verdict)


def _searched(row: ApprovalRequest, named: kinds.Presented) -> str:
    roles = " ".join(role for stage in row.stages for role in stage["roles"]).replace("_", " ")
    return " ".join(
        [named.title, named.reference, row.subject_name, row.system.name, row.asks_for, row.requester.name, roles]
    ).lower()


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
        "signed": _signed(row),
        "state": row.state,
        "due_at": due,
        "since": row.opened_at,
        "due_in": abs(due - clock.now()) if due else None,
        "overdue": bool(due and due < clock.now()),
        "escalated_at": row.escalated_at if row.state == State.IN_REVIEW else None,
    }


def _signed(row: ApprovalRequest) -> str:
    if row.state != State.IN_REVIEW:
        signatures = sum(decision.verdict == Decision.Verdict.APPROVE for decision in row.decisions.all())
        return f"{signatures} of {sum(stage['quorum'] for stage in row.stages)}"
    stage = selectors.open_stage(row)
    return f"{stage['signed']} of {stage['quorum']} {' or '.join(stage['roles'])}".replace("_", " ") if stage else "all"


def _points_of_law(system_ids: set[UUID]) -> dict[UUID, str]:
    """Return the points behind each system's newest signed classification."""
    signed = Classification.objects.filter(system_id__in=system_ids, signed_at__isnull=False).order_by("signed_at")
    return {system: ", ".join(points) for system, points in signed.values_list("system_id", "annex_points")}


def _decision_times(reach: Reach) -> list[float]:
    """Return how many seconds each request was in review that people settled in the last 90 days."""
    since = clock.now() - RECENT
    settled = ApprovalRequest.objects.filter(settled_at__gte=since, decisions__isnull=False).distinct()
    settled = selectors.readable_requests(settled, reach)
    times = settled.values_list("review_opened_at", "settled_at")
    return [(end - start).total_seconds() for start, end in times if start and end]


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


def _after(reach: Reach, today: date, findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return what became of the approvals that concern the viewer, and the overdue findings that they own."""
    viewer = reach.person
    mine = Q(decisions__approver=viewer) | Q(requester=viewer) | Q(system__owner=viewer)
    if has_role(viewer, Role.RISK_OFFICER):
        mine = Q()
    granted = selectors.readable_requests(ApprovalRequest.objects.filter(mine, state__in=GRANTED), reach)
    rows = list(granted.distinct().order_by("valid_until")[:200])
    names = kinds.presented(rows)
    items = escalation.told(viewer) + [item for row in rows if (item := _became(row, names[row.pk]))]
    overdue = [row for row in findings if row.owner_id == viewer.pk and row.due_on < today]
    items += [
        {
            "tone": "bad",
            "icon": "alert",
            "text": f"Overdue since {finding.due_on:%d %b}: {finding.title}",
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
