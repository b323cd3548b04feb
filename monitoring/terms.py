"""By whose terms a version is watched: those of the policy that it was let through by."""

from __future__ import annotations

from dataclasses import dataclass

from governance.approvals.models import ApprovalRequest
from governance.policy.selectors import document_of, governing
from governance.policy.watching import UNSAID, Monitoring
from monitoring.models import Monitor
from registry.models import AliasHistory, ModelVersion


@dataclass(frozen=True)
class Terms:
    """What a policy says of watching a version; ``policy`` is its name and number, empty where none governs it."""

    monitoring: Monitoring
    policy: str = ""
    approval: ApprovalRequest | None = None


def terms_of(monitor: Monitor, version: ModelVersion) -> Terms:
    """Return by what a version behind a monitor's alias is watched.

    That is the policy of its newest approval for the alias. What came there without one (it was adopted, or somebody
    broke the glass) is watched by the policy that governs the alias now, and without any by what holds unsaid.
    """
    spans = AliasHistory.objects.filter(model=monitor.model_id, alias=monitor.alias, version=version)
    span = spans.exclude(promotion=None).select_related("promotion__approval__policy_version").order_by("-during")
    if (newest := span.first()) and newest.promotion:
        approval: ApprovalRequest = newest.promotion.approval
        return Terms(document_of(approval.policy_version).monitoring, str(approval.policy_version), approval)
    system = monitor.model.system
    policy = governing(system, monitor.alias) if system else None
    return Terms(document_of(policy).monitoring, str(policy)) if policy else Terms(UNSAID)
