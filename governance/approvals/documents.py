"""Follow the documents that requests and approvals rest on: reviewed, refused later, expired."""

import uuid
from typing import Any

from django.db import transaction

from governance.approvals import services
from governance.approvals.findings import open_finding
from governance.approvals.models import GRANTED, ApprovalRequest, Finding, State
from governance.audit.actors import System
from governance.common import clock
from governance.evidence import papers
from governance.evidence.models import Evidence
from governance.evidence.standing import NAME, TYPE, Paper, Standing
from governance.policy.requirements import SUBMITTED
from governance.policy.selectors import document_of

CLOCK = System("clock")
FINDING = "document-expired"


def on_review(system_id: uuid.UUID) -> None:
    """Let requests in that waited for a document, and evaluate anew those in review that rest on one."""
    for digest in _subjects(State.COLLECTING, system_id):
        services.collect(digest, TYPE)
    rows = ApprovalRequest.objects.select_for_update(of=("self",)).select_related("policy_version")
    for approval in rows.filter(system=system_id, state=State.IN_REVIEW):
        settle(approval)


def settle(approval: ApprovalRequest) -> bool:
    """Evaluate a locked request in review again if a document began or ceased to count; return whether it was."""
    if not changed(approval):
        return False
    services.evaluate_again(approval, actor=CLOCK)
    return True


def changed(approval: ApprovalRequest) -> bool:
    """Return whether the stored verdict says something else about the documents of a request than holds now."""
    if document_of(approval.policy_version).requirement(NAME) is None or not approval.verdict:
        return False
    now = clock.now()
    held = {row["id"] for row in approval.verdict.get("checks", []) if row["id"].startswith(f"evidence.{NAME}.")}
    lacking = {
        f"evidence.{NAME}.{paper.kind}" for paper in _papers(approval.evidence_ids).values() if paper.why_not(now)
    }
    return held != lacking


@transaction.atomic
def sweep() -> int:
    """Open a finding, once, for each document that no longer counts and that an approval in force rests on.

    Requests that wait for a document that counts by now are let in. Returns how many findings were opened.
    """
    for digest in _subjects(State.COLLECTING, None):
        services.collect(digest, TYPE)
    now, opened = clock.now(), 0
    live = ApprovalRequest.objects.filter(state__in=GRANTED).select_related("system__owner").order_by("opened_at")
    resting: dict[str, ApprovalRequest] = {}
    for approval in live.only("evidence_ids", "system__owner", "subject_name", "state"):
        resting |= dict.fromkeys(approval.evidence_ids, approval)
    for pk, paper in _papers(resting).items():
        if paper.standing(now) is not Standing.ACCEPTED:
            opened += _found(resting[str(pk)], pk, paper)
    return opened


def _found(approval: ApprovalRequest, evidence_id: uuid.UUID, paper: Paper) -> bool:
    now = clock.now()
    kind, number = paper.kind.replace("_", " "), str(evidence_id)[:8]
    why = "was refused" if paper.standing(now) is Standing.REFUSED else f"expired on {paper.expires_on.isoformat()}"
    title = f"The document ({kind}, {number}) that {approval.subject_name} rests on {why}"[:300]
    if Finding.objects.filter(system=approval.system_id, code=FINDING, title=title).exists():
        return False  # opened once; who closed it has seen it
    finding = open_finding(
        system=approval.system,
        request=approval,
        code=FINDING,
        title=title,
        severity=Finding.Severity.MEDIUM,
        source="documents",
        actor=CLOCK,
        description="Submit a newer document, have another person accept it, and ask for the approval anew.",
    )
    return finding is not None


def _papers(evidence_ids: Any) -> dict[uuid.UUID, Paper]:
    documents = Evidence.objects.filter(pk__in=list(evidence_ids), type=SUBMITTED).values_list("pk", flat=True)
    return papers.papers(list(documents))


def _subjects(state: State, system_id: uuid.UUID | None) -> list[str]:
    rows = ApprovalRequest.objects.filter(state=state, required_evidence__contains=[{"type": TYPE}])
    if system_id:
        rows = rows.filter(system=system_id)
    return sorted(set(rows.values_list("subject_digest", flat=True)))
