"""The review page's context: everything a person needs to decide on one request, and to defend it later."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import prefetch_related_objects

from governance.accounts.models import User
from governance.accounts.selectors import roles_held
from governance.approvals import escalation, expiry, lifting, signing, statements
from governance.approvals import findings as finding_services
from governance.approvals import selectors as approvals
from governance.approvals.delegated import place_in
from governance.approvals.models import OPEN, ApprovalRequest, Finding, State
from governance.audit import selectors as log
from governance.common import clock
from governance.common.errors import DomainError
from governance.evidence.models import Evidence
from governance.evidence.selectors import newest_evidence
from governance.inventory.models import AISystem
from governance.inventory.selectors import classification_in_force, why_open_again
from governance.policy import duties
from governance.policy.document import PolicyDocument
from governance.policy.selectors import document_of
from governance.validation.pages import validation_panel
from registry import protected, selectors
from registry.datasets import not_repeatable
from registry.models import AliasHistory, PromotionRequest
from registry.reviewing import changes, checks, evidence, panels, stages, standing_said, trail
from registry.reviewing.canary import canary_shown
from registry.reviewing.comments import comments_shown
from registry.reviewing.people import People, person_ids
from registry.reviewing.plans import plans_shown
from registry.reviewing.renewing import answers_shown, renews_shown
from registry.reviewing.waivers import waivers_shown

CHANGE_CLASSES = {
    "pre-determined": "inside limits set beforehand",
    "substantial": "conformity is assessed anew",
}

DUTIES = (
    "requester",
    "trainer",
    "owner",
    "evidence_producer",
    "sponsor",
    "previous_validator",
    "previous_approver",
    "earlier_stage_approver",
)


def review_page(approval: ApprovalRequest, viewer: User) -> dict[str, Any]:
    """Return the context of registry/review.html, without the values of a refused form."""
    promotion = selectors.promotion_of(approval)
    promotion.approval = approval
    prefetch_related_objects([approval], "decisions")  # many parts of the page ask for the round and the open stage
    document = document_of(approval.policy_version)
    decisions = approvals.decisions(approval)
    attached = evidence.evidence_of(approval)
    reviews = approvals.reviews(approval)
    findings = list(open_findings(approval.system))
    entries = trail.entries_of(promotion, decisions, [*attached, *reviews])
    people = People(
        {
            approval.requester_id,
            approval.system.owner_id,
            *(row.approver_id for row in decisions),
            *(row["person"] for row in approval.excluded),
            *(pk for stage in approval.stages for pk in [*stage["eligible"], *stage.get("delegates", {})]),
            *(row.owner_id for row in findings),
            *person_ids(entry.actor for entry in entries),
            *person_ids(evidence.producers(approval.subject_digest)),
        },
        system_id=approval.system_id,
    )
    indexes = log.indexes_of([*(row.log_entry for row in decisions), *evidence.indexed([*attached, *reviews])])
    live = selectors.live(promotion.version.model, promotion.alias)
    may_review = review_refusal(approval, viewer)
    production = approval.context.get("production") or {}
    standing = standing_said.standing_said(approval)
    return {
        **head(promotion, approval, document, live, people),
        "verdict": checks.verdict_shown(approval, document),
        "progress": evidence.progress_shown(approval, viewer) if approval.state == State.COLLECTING else None,
        "changes": changes.changes_shown(promotion, attached),
        "checks": checks.checks_shown(
            approval, document, attached, approvals.standing_reviews(approval), people, indexes
        ),
        "performance": evidence.payload_of_type(attached, "performance/v1"),
        "calibration": evidence.payload_of_type(attached, "calibration/v1"),
        "production_version": production.get("version"),
        "fairness": evidence.payload_of_type(attached, "fairness/v1"),
        "fairness_limit": checks.fairness_limit(document),
        "explanation": evidence.payload_of_type(attached, "explanation/v1"),
        "robustness": evidence.payload_of_type(attached, "robustness/v1"),
        "data_quality": evidence.payload_of_type(attached, "data_quality/v1"),
        "evaluation": evidence.payload_of_type(attached, "evaluation/v1"),
        "not_repeatable": not_repeatable(attached),
        "canary": canary_shown(attached, promotion),
        "drift": drift_shown(live, promotion),
        "findings": findings_shown(findings, people, viewer),
        "use_restrictions": approval.use_restrictions,
        "attempts": evidence.attempts_shown(promotion, people),
        "attempts_url": evidence.attempts_url(promotion.version),
        "measured": evidence.rests_on(attached, people),
        "stages": stages.stages_shown(
            approval, decisions, people, indexes, viewer, spared=standing_said.spared_by(standing)
        ),
        "excluded": stages.excluded_shown(approval, people),
        "documents": panels.documents_of(approval.system_id),
        "trail": trail.trail_shown(entries, people),
        "proof": trail.proof_shown(entries),
        "decision": decision_panel(approval, document, viewer, promotion.alias),
        "form": {},
        "reviews": [
            {
                "check_id": row["id"],
                "title": row["title"],
                "ask": f"{row['reason']} Read the evidence and say what follows.",
                "allowed": not may_review,
                "refusal": may_review,
                "form": {},
            }
            for row in checks.waiting_for_review(approval)
        ],
        "lift": lift_panel(approval, findings, viewer),
        "waivers": waivers_shown(approval, viewer),
        "plans": plans_shown(promotion),
        "renews": renews_shown(approval),
        "in_answer_to": answers_shown(promotion),
        "comments": comments_shown(approval, viewer),
        "validation": validation_panel(approval, viewer),
        "standing": standing,
    }


def head(
    promotion: PromotionRequest,
    approval: ApprovalRequest,
    document: PolicyDocument,
    live: AliasHistory | None,
    people: People,
) -> dict[str, Any]:
    """Return what stands on top of the review page and of the requester's: subject, system, alias, dates."""
    version, due = promotion.version, expiry.ends_at(approval)
    return {
        "approval": {
            "pk": approval.pk,
            "reference": str(promotion),
            "state": approval.state,
            "state_reason": approvals.state_said(approval),
            "opened_at": approval.opened_at,
            "due_at": due,
            "due_in": due - clock.now() if due else None,
            "escalation": escalation.shown(approval, document),
            "requester": people[approval.requester_id],
            "validity_days": document.approval.valid_for.days,
            "valid_until": approval.valid_until or clock.now() + document.approval.valid_for,
            "granted_until": approval.valid_until,
            "settled": approval.state not in OPEN,
            "policy": str(approval.policy_version),
            "policy_digest": approval.policy_version.digest,
            "manifest_digest": approval.manifest_digest,
        },
        "subject": {
            "name": str(version.model),
            "version": str(version.number),
            "digest": version.artifact_digest,
            "model_pk": version.model_id,
            "promotion_pk": promotion.pk,
        },
        "alias": promotion.alias,
        "alias_now": str(live.version.number) if live else None,
        "system": system_shown(approval.system),
        "change_class": change_class_shown(promotion, approval, people),
        "warnings": _warnings(approval, promotion),
    }


def _warnings(approval: ApprovalRequest, promotion: PromotionRequest) -> list[str]:
    """Return what whoever decides must know; that nothing enforces the verdict stands first."""
    said = [f"{protected.NOT_ENFORCED}. {protected.WHY_NOT_ENFORCED}"] if promotion.version.is_recorded else []
    if why := why_open_again(approval.system):
        said.append(f"{why} Until then this can be decided on and not be applied.")
    return said + (panels.warnings_of(approval.system_id) if approval.state in (*OPEN, State.APPROVED) else [])


def change_class_shown(promotion: PromotionRequest, approval: ApprovalRequest, people: People) -> dict[str, Any]:
    """Return the change class, and whether it is the requester's word alone or confirmed in the validation stage."""
    stated = promotion.change_class
    confirmed = approval.decisions.filter(round=approvals.current_round(approval), change_class=stated).last()
    said = f"confirmed by {people[confirmed.approver_id]['name']}" if confirmed else "stated by the requester"
    return {"name": stated, "note": "; ".join(part for part in (CHANGE_CLASSES.get(stated), said) if part)}


def system_shown(ai_system: AISystem) -> dict[str, Any]:
    """Return a system's name, class, the points of law behind it, and its tier."""
    signed = classification_in_force(ai_system)
    return {
        "pk": ai_system.pk,
        "name": ai_system.name,
        "ai_act_class": ai_system.get_ai_act_class_display() if ai_system.ai_act_class else "",
        "basis": ", ".join(signed.annex_points) if signed else "",
        "tier": ai_system.model_tier,
    }


def open_findings(ai_system: AISystem) -> Sequence[Finding]:
    """Return a system's open findings, due first."""
    return list(approvals.open_findings().filter(system=ai_system))


def findings_shown(findings: Sequence[Finding], people: People, viewer: User) -> list[dict[str, Any]]:
    """Return findings as rows; ``closable`` says whether the viewer may close one, ``refusal`` why an owner may not."""
    if not findings:
        return []
    now, held = clock.now(), roles_held(viewer)
    return [
        {
            "pk": row.pk,
            "title": row.title,
            "severity": row.severity,
            "owner": people[row.owner_id],
            "due_on": row.due_on,
            "overdue": row.due_on < now.date(),
            "source": row.source,
            "closable": finding_services.may_close(viewer, row, roles=held(row.system_id, now)),
            "signed": row.severity in finding_services.SIGNED,
            "refusal": finding_services.OwnFinding.title if row.owner_id == viewer.pk else "",
        }
        for row in findings
    ]


def drift_shown(live: AliasHistory | None, promotion: PromotionRequest) -> dict[str, Any] | None:
    """Return the newest drift run of what serves now, saying whose traffic it is."""
    if live is None:
        return None
    item: Evidence | None = newest_evidence(subject_id=live.version_id, evidence_type="drift/v1")
    if item is None:
        return None
    note = ""
    if live.version_id != promotion.version_id:
        served = "is not in it" if selectors.has_served(promotion.version) else "has served no one"
        note = f"This is v{live.version.number}'s traffic. v{promotion.version.number} {served}."
    return {"payload": item.payload, "note": note}


def decision_panel(approval: ApprovalRequest, document: PolicyDocument, viewer: User, alias: str) -> dict[str, Any]:
    """Return what the decision form needs, or the sentence that says why this person can't decide now."""
    try:
        stage = signing.check_may_decide(approval, viewer)
    except DomainError as refusal:
        waits = approvals.open_stage(approval) if approval.state == State.IN_REVIEW else None
        shown = {"stage": waits["name"], "signed": waits["signed"], "quorum": waits["quorum"]} if waits else {}
        return {"allowed": False, "refusal": refusal.detail, **shown}
    held = "" if approval.outcome == "ALLOW" else f"Not possible while the verdict is {approval.outcome}."
    try:
        signing.check_reviewed(approval, stage)
    except DomainError as refusal:
        held = held or refusal.detail
    return {
        "allowed": True,
        "refusal": "",
        "passkey": signing.wants_passkey(stage),
        "stage": stage["name"],
        "signed": stage["signed"],
        "quorum": stage["quorum"],
        "approve_refusal": held,
        "change_class": statements.class_to_confirm(approval, stage),
        "signs": [
            {"label": "Subject", "value": approval.subject_name},
            {"label": "Artifact", "value": approval.subject_digest, "digest": True},
            {"label": "Alias", "value": alias},
            {"label": "Policy", "value": str(approval.policy_version)},
            {"label": "Policy digest", "value": approval.policy_version.digest, "digest": True},
            {"label": "Evidence manifest", "value": approval.manifest_digest, "digest": True},
            {"label": "Stage", "value": stage["name"]},
            *stands_for(approval, stage, viewer),
        ],
        "checked": _checked(document),
    }


def stands_for(approval: ApprovalRequest, stage: Mapping[str, Any], viewer: User) -> list[dict[str, str]]:
    """Return the row that says in whose place a delegate signs; nothing for who signs in their own."""
    place = place_in(approval, stage, viewer, roles_held(viewer))
    if place is None or place.of is None:
        return []
    return [{"label": "In the place of", "value": User.objects.get(pk=place.of).name}]


def _checked(document: PolicyDocument) -> str:
    parts = [part.replace("_", " ") for part in DUTIES if part in duties.FLOOR | set(document.duties_added)]
    return f"you are not {', '.join(parts[:-1])} or {parts[-1]}."


def review_refusal(approval: ApprovalRequest, viewer: User) -> str:
    """Return why the person can't sign human reviews of this request, an empty text when they can."""
    try:
        signing.check_may_review(approval, viewer)
    except DomainError as refusal:
        return refusal.detail
    return ""


def lift_panel(approval: ApprovalRequest, findings: Sequence[Finding], viewer: User) -> dict[str, Any] | None:
    """Return what lifting a suspension needs; None while the approval is not suspended."""
    if approval.state != State.SUSPENDED:
        return None
    blocking = [
        row.title for row in findings if row.request_id == approval.pk and row.severity == Finding.Severity.CRITICAL
    ]
    refusal = f"Close the critical finding first: {blocking[0]}" if blocking else ""
    try:
        lifting.check_may_lift(approval, viewer)
    except DomainError as refused:
        refusal = refused.detail
    return {
        "allowed": not refusal,
        "refusal": refusal,
        "reason": approval.state_reason,
        "passkey": lifting.by_passkey(approval),
        "form": {},
    }


def with_refusal(
    context: dict[str, Any], *, target: str, values: Mapping[str, Any], errors: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Return the page's context with a refused form's values and errors in the form that was sent.

    Args:
        target: ``decision``, ``lift``, or the id of the check that a human review was about.
    """
    form = {**{key: value for key, value in values.items() if key != "password"}, "errors": dict(errors)}
    if target == "decision":
        return context | {"form": form}
    if target == "lift":
        return context | {"lift": (context["lift"] or {}) | {"form": form}} if context["lift"] else context
    return context | {
        "reviews": [row | {"form": form} if row["check_id"] == target else row for row in context["reviews"]]
    }
