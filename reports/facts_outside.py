"""What a snapshot says of where a version came from: its origin, who supplies it, what it is built on."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Q

from governance.approvals.models import GRANTED, ApprovalRequest, Finding
from governance.common import clock
from registry import bases
from registry.models import ModelVersion, PromotionRequest
from reports.facts_log import Json

_SAID = ("kind", "supplier", "product", "version", "licence", "runs")


def origin(version: ModelVersion) -> Json:
    """Return the fields ``origin``, ``recorded`` (None of what MLflow holds) and ``builds_on`` of a version."""
    below = bases.below(version)
    approvals = _approvals(row.base for row in below)
    findings = _open_findings([row.base for row in below], version.model.system_id)
    return {
        "origin": version.origin,
        "recorded": _described(version),
        "builds_on": [_base(row, approvals.get(row.base.pk), findings.get(row.base.pk, [])) for row in below],
    }


def not_enforced(version: ModelVersion) -> Json | None:
    """Return the part ``gate`` of a version that no MLflow holds: its verdict binds people and no machine."""
    if not version.is_recorded:
        return None
    return {
        "id": str(version.pk),
        "kind": "not-enforced",
        "at": clock.rfc3339(version.mirrored_at),
        "digest": version.artifact_digest,
        "log_index": version.log_entry,
    }


def _described(version: ModelVersion) -> dict[str, Any] | None:
    said = version.described
    return {key: said.get(key) or None for key in _SAID} if said else None


def _approvals(versions: Iterable[ModelVersion]) -> dict[uuid.UUID, ApprovalRequest]:
    """Return by version the newest approval that was granted of it and has not ended."""
    rows = PromotionRequest.objects.filter(version__in=list(versions), approval__state__in=GRANTED)
    return {row.version_id: row.approval for row in rows.select_related("approval").order_by("made_at")}


def _open_findings(versions: Sequence[ModelVersion], system_id: uuid.UUID | None) -> dict[uuid.UUID, list[Finding]]:
    """Return by version the open findings about it and, where it serves another system, about that one as a whole.

    What is found of the document's own system stands in its own list.
    """
    others = {row.model.system_id for row in versions} - {system_id, None}
    rows = Finding.objects.filter(
        Q(request__subject_id__in=[row.pk for row in versions]) | Q(request__isnull=True, system__in=others),
        closed_at__isnull=True,
    )
    found: dict[uuid.UUID, list[Finding]] = {row.pk: [] for row in versions}
    for finding in rows.select_related("request").order_by("due_on", "pk"):
        for version in versions:
            about = finding.request.subject_id == version.pk if finding.request else False
            if about or (finding.request is None and finding.system_id == version.model.system_id):
                found[version.pk].append(finding)
    return found


def _base(row: bases.Below, approval: ApprovalRequest | None, findings: Sequence[Finding]) -> Json:
    """Return one part below. Its findings stand without their titles: they can be of a system out of reach here."""
    base = row.base
    return {
        "id": str(row.word.pk),
        "kind": row.word.get_kind_display(),
        "depth": row.depth,
        "name": str(base.model),
        "version": str(base.number),
        "artifact_digest": base.artifact_digest or None,
        "origin": base.origin,
        "recorded": _described(base),
        "approval": approval.state if approval else None,
        "use_restrictions": approval.use_restrictions if approval else [],
        "findings": [
            {
                "id": str(finding.pk),
                "severity": finding.severity,
                "due_on": finding.due_on.isoformat(),
                "opened_at": clock.rfc3339(finding.opened_at),
                "log_index": finding.log_entry,
            }
            for finding in findings
        ],
        "at": clock.rfc3339(row.word.stated_at),
        "log_index": row.word.log_entry,
    }
