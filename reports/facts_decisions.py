"""What was asked, checked and decided about one promotion, as the snapshot's parts from ``policy`` to ``permit``."""

from collections.abc import Mapping
from typing import Any

from governance.accounts.roles import Role
from governance.approvals import selectors as approvals
from governance.approvals.models import ApprovalRequest, Decision, Waiver
from governance.common import clock
from governance.evidence import selectors as evidence
from governance.evidence.models import Evidence
from governance.policy.models import PolicyVersion
from governance.policy.selectors import document_of
from registry import selectors as registry
from registry.models import AliasHistory, GateConfiguration, ModelVersion, Permit, PromotionRequest, RegisteredModel
from reports.facts_log import Json, LogFacts
from reports.facts_people import Roles

_FIGURES = ("id", "title", "value", "low", "high", "n", "limit", "better", "outcome", "reason")


def decisions(promotion: PromotionRequest, roles: Roles) -> Json:
    """Return the parts ``policy``, ``request``, ``checks``, ``approvals`` and ``permit``."""
    approval = promotion.approval
    permit = registry.permit_for(approval)
    return {
        "policy": _policy(approval.policy_version, roles),
        "request": _request(promotion, roles),
        "checks": _checks(approval),
        "approvals": [_decision(row, approval, roles) for row in approvals.decisions(approval)],
        "permit": _permit(permit, promotion) if permit else None,
    }


def alias_history(model: RegisteredModel, log: LogFacts, *, only: ModelVersion | None = None) -> list[Json]:
    """Return which version stood behind which alias of a model, from when to when; with ``only`` that version."""
    named = {"version": only} if only else {}
    rows = AliasHistory.objects.filter(model=model, **named).select_related("version", "adoption").order_by("during")
    return [
        {
            "id": str(row.pk),
            "alias": row.alias,
            "version": str(row.version.number),
            "from": clock.rfc3339(row.during.lower),
            "to": clock.rfc3339(row.during.upper) if row.during.upper else None,
            "digest": log.digest(row),
            "log_index": row.log_entry,
            **({"adoption": str(row.adoption)} if row.adoption else {}),
        }
        for row in rows
    ]


def gate(log: LogFacts) -> Json | None:
    """Return the configuration by which the gate only detects; None where MLflow asks it before a write."""
    row = GateConfiguration.objects.filter(signed_at__isnull=False, ended_at__isnull=True).first()
    if row is None or row.registry != GateConfiguration.Registry.STOCK or row.signed_at is None:
        return None
    return {
        "id": str(row.pk),
        "kind": "detect-only",
        "configuration": row.number,
        "at": clock.rfc3339(row.signed_at),
        "digest": log.digest(row),
        "log_index": row.log_entry,
    }


def _policy(row: PolicyVersion, roles: Roles) -> Json:
    published = row.published_at
    return {
        "id": str(row.pk),
        "name": row.name,
        "version": str(row.number),
        "digest": row.digest,
        "published_at": clock.rfc3339(published) if published else None,
        "author_role": roles.of(row.author, row.made_at, acting_as=[Role.POLICY_AUTHOR]),
        "publisher_role": roles.of(row.publisher, published, acting_as=[Role.POLICY_PUBLISHER]),
        "monitoring": document_of(row).monitoring.to_json(),
        "log_index": row.log_entry,
    }


def _request(promotion: PromotionRequest, roles: Roles) -> Json:
    approval = promotion.approval
    return {
        "id": str(approval.pk),
        "reference": str(promotion),
        "alias": promotion.alias,
        "state": approval.state,
        "change_class": promotion.change_class,
        "requester_role": roles.of(promotion.requester, promotion.made_at, acting_as=[Role.ENGINEER, Role.OWNER]),
        "requested_at": clock.rfc3339(promotion.made_at),
        "evidence_manifest": approval.manifest_digest or None,
        "verdict": approval.outcome or None,
        "log_index": promotion.log_entry,
    }


def _checks(approval: ApprovalRequest) -> list[Json]:
    """Return the newest evaluation, with the expressions of the policy and what lifted a held check."""
    expressions = {check.id: check.expr for check in document_of(approval.policy_version).checks}
    manifest = {row.type: str(row.pk) for row in evidence.by_ids(approval.evidence_ids)}
    reviews = {row.payload["check"]: row for row in approvals.standing_reviews(approval)}
    waivers = _waivers(approval)
    rows = []
    for check in approval.verdict.get("checks", []):
        lifted = _lifted(reviews.get(check["id"])) if check["lifted_by"] == "review" else None
        rows.append(
            {
                **{key: check[key] for key in _FIGURES},
                "expression": expressions.get(check["id"], ""),
                "on_fail": check["on_fail"],
                "on_insufficient": check["on_insufficient"],
                "evidence": manifest.get(check["evidence_type"]),
                "evidence_type": check["evidence_type"],
                **({"lifted_by": lifted} if lifted else {}),
                **({"waiver": waivers.get(check["id"])} if check["lifted_by"] == "waiver" else {}),
                **({"inherited_from": base} if (base := check.get("inherited_from")) else {}),
            }
        )
    return rows


def _waivers(approval: ApprovalRequest) -> dict[str, Json]:
    """Return by check the newest waiver that was granted on the evidence of the request, also one that has ended."""
    granted = Waiver.objects.filter(
        request=approval, manifest_digest=approval.manifest_digest, approval__valid_until__isnull=False
    )
    return {
        row.check_id: {"expires_at": clock.rfc3339(row.expires_at), "log_index": row.log_entry}
        for row in granted.order_by("made_at")
    }


def _lifted(review: Evidence | None) -> Json | None:
    if review is None:
        return None
    return {
        "role": review.payload["reviewer_role"],
        "verdict": review.payload["verdict"],
        "at": clock.rfc3339(review.made_at),
        "log_index": review.log_entry,
    }


def _decision(row: Decision, approval: ApprovalRequest, roles: Roles) -> Json:
    stages: Mapping[str, Any] = {stage["name"]: stage for stage in approval.stages}
    # Who may sign was fixed when the request was opened; a role taken away since then does not unsign.
    asked = stages.get(row.stage, {}).get("roles", [])
    role = roles.of(row.approver, approval.opened_at, acting_as=asked)
    return {
        "id": str(row.pk),
        "stage": row.stage,
        "round": row.round,
        "role": role,
        "verdict": row.verdict,
        "at": clock.rfc3339(row.decided_at),
        "signature": row.signature_kind,
        "statement_digest": row.statement_digest,
        "log_index": row.log_entry,
    }


def _permit(row: Permit, promotion: PromotionRequest) -> Json:
    return {
        "id": str(row.pk),
        "kind": row.kind,
        "alias": promotion.alias,
        "issued_at": clock.rfc3339(row.issued_at),
        "expires_at": clock.rfc3339(row.expires_at),
        "digest": row.digest,
        "key_id": row.envelope["signatures"][0]["keyid"],
        "use_restrictions": promotion.approval.use_restrictions,
        "log_index": row.log_entry,
    }
