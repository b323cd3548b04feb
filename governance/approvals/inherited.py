"""Evidence about what a version builds on, where its policy lets that stand for evidence about the version itself.

Only what a base was approved on counts: somebody decided on it there, and the approval is in force. Which bases a
request may lean on is written down as it is made, each row of ``required_evidence`` with its ``inherit``.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from governance.approvals.models import ApprovalRequest, State
from governance.common import clock
from governance.evidence import fitting, papers
from governance.evidence.models import Evidence
from governance.evidence.standing import NAME, TYPE

CHECK = "inherited.base"
Base = Mapping[str, Any]
"""``{id, digest, name, system, stated_by}``: the version, what it is called, its AI system, and who says it is a base;
for a document also ``inputs``, the name under which those of its kind about the version are found."""


def granted(base: Base) -> QuerySet[ApprovalRequest]:
    """Return the approvals of a base, unchanged, that are in force."""
    rows = ApprovalRequest.objects.filter(subject_id=base["id"], subject_digest=base["digest"], state=State.APPROVED)
    return rows.filter(valid_until__gt=clock.now())


def of_a_base(wanted: Mapping[str, Any], *, asker: uuid.UUID) -> Evidence | None:
    """Return evidence about a base that meets a requirement, None where there is none or the policy wants none.

    Args:
        asker: whose request it is: their own acceptance of a document counts for nothing.
    """
    for base in wanted.get("inherit", ()):
        found = _document(base, wanted, asker) if "kind" in wanted else _measured(base, wanted)
        if found:
            return found
    return None


def _approved_on(base: Base) -> set[str]:
    return {pk for ids in granted(base).values_list("evidence_ids", flat=True) for pk in ids}


def _document(base: Base, wanted: Mapping[str, Any], asker: uuid.UUID) -> Evidence | None:
    sought = {**wanted, "inputs": base["inputs"], "also": base["inputs"]}
    return papers.counting(uuid.UUID(base["system"]), sought, clock.now(), asker=asker, among=_approved_on(base))


def _measured(base: Base, wanted: Mapping[str, Any]) -> Evidence | None:
    rows = Evidence.objects.filter(pk__in=_approved_on(base), type=wanted["type"], subject_id=base["id"])
    oldest = datetime.fromisoformat(wanted["not_before"]) if wanted.get("not_before") else None
    fit = [
        item
        for item in rows.order_by("-made_at")
        if item.parameters == wanted["parameters"]
        and not fitting.why_not(wanted, item)
        and (oldest is None or item.dates_from >= oldest)
    ]
    return max(fit, key=lambda item: item.dates_from, default=None)


def names(approval: ApprovalRequest) -> dict[str, str]:
    """Return what the bases are called that a request may lean on, by the ids of their versions."""
    return {base["id"]: base["name"] for row in approval.required_evidence for base in row.get("inherit", ())}


def said_of(approval: ApprovalRequest, item: Evidence) -> str:
    """Return of which base a piece of evidence is, empty where it is of the request's own subject."""
    return names(approval).get(str(item.subject_id), "")


def facts_of(approval: ApprovalRequest, evidence: list[Evidence]) -> dict[str, str]:
    """Return whose the evidence is that is a base's, by its type without the version; of a document with its kind."""
    whose = names(approval)
    return {
        f"{NAME}.{item.parameters['kind']}" if item.type == TYPE else item.type.partition("/")[0]: name
        for item in evidence
        if whose and (name := whose.get(str(item.subject_id)))
    }


def holds(approval: ApprovalRequest) -> list[dict[str, Any]]:
    """Return the check that holds a request because a base, whose evidence counts in it, has lost its approval."""
    bases = {base["id"]: base for row in approval.required_evidence for base in row.get("inherit", ())}
    if not bases or not approval.evidence_ids:
        return []
    used = Evidence.objects.filter(pk__in=approval.evidence_ids, subject_id__in=bases).order_by("made_at", "pk")
    for item in used:
        base = bases[str(item.subject_id)]
        if str(item.pk) not in _approved_on(base):
            reason = f"{base['name']}, whose {item.type} counts here, has no approval in force that rests on it."
            return [{"id": CHECK, "title": "What it builds on is approved", "reason": reason}]
    return []


def resting_on(version_id: uuid.UUID) -> list[ApprovalRequest]:
    """Return the approvals in force that rest on evidence about a version which has no approval in force for it."""
    rows = ApprovalRequest.objects.filter(
        state=State.APPROVED, required_evidence__contains=[{"inherit": [{"id": str(version_id)}]}]
    )
    return [row for row in rows.order_by("opened_at", "pk") if holds(row)]
