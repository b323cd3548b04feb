"""The requester's page: what they must do, who has it, how far the evidence is, the same from a terminal."""

from typing import Any

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.approvals import expiry
from governance.approvals import selectors as approvals
from governance.approvals.models import OPEN, ApprovalRequest, State
from governance.audit import selectors as log
from governance.common import clock
from governance.common.templatetags.placet import day, utc_short
from governance.policy.selectors import document_of
from registry import protected, refusals, selectors
from registry.models import ModelVersion, Permit, PromotionRequest
from registry.reviewing import checks, evidence, outside_pages, stages, standing_said
from registry.reviewing.comments import comments_shown
from registry.reviewing.people import People, person_ids, words
from registry.reviewing.renewing import answers_shown, renewal_shown, renews_shown
from registry.reviewing.review import head

SPARED = "let through by a standing approval"
ENDED = {State.REJECTED, State.REVOKED, State.LAPSED, State.EXPIRED, State.WITHDRAWN}
APPLICANTS = (Role.ENGINEER, Role.OWNER, Role.RISK_OFFICER)


def request_page(promotion: PromotionRequest, viewer: User) -> dict[str, Any]:
    """Return the context of registry/request.html."""
    approval = promotion.approval
    document = document_of(approval.policy_version)
    decisions = approvals.decisions(approval)
    attached = evidence.evidence_of(approval)
    reviews = approvals.reviews(approval)
    people = People(
        {
            approval.requester_id,
            *(row.approver_id for row in decisions),
            *person_ids(item.producer_id for item in reviews),
            *(pk for stage in approval.stages for pk in stage["eligible"]),
        },
        system_id=approval.system_id,
    )
    indexes = log.indexes_of([*(row.log_entry for row in decisions), *evidence.indexed([*attached, *reviews])])
    progress = evidence.progress_shown(approval, viewer)
    standing = standing_said.standing_said(approval)
    rows = stages.stages_of(approval, decisions, spared=standing_said.spared_by(standing))
    refusal = refusals.may_apply(promotion)
    if not refusal and not has_role(viewer, *APPLICANTS, system_id=approval.system_id):
        refusal = "An engineer, the owner or a risk officer of the system applies a promotion."
    return {
        **head(promotion, approval, document, selectors.live(promotion.version.model, promotion.alias), people),
        "promotion": {
            "pk": promotion.pk,
            "reference": str(promotion),
            "state": promotion.state,
            "state_reason": promotion.state_reason,
            "made_at": promotion.made_at,
            "applied_at": promotion.applied_at,
        },
        "rail": _rail(promotion, progress, rows),
        "verdict": checks.verdict_shown(approval, document),
        "todo": _todo(promotion, progress, refusal),
        "progress": progress if approval.state == State.COLLECTING else None,
        "checks": checks.checks_shown(
            approval, document, attached, approvals.standing_reviews(approval), people, indexes
        ),
        "holders": _holders(promotion, progress, rows, people),
        "about": _about(promotion, approval),
        "apply": None if promotion.version.is_recorded else {"allowed": not refusal, "refusal": refusal},
        "use": outside_pages.use_shown(promotion, viewer),
        "answers": {
            "resubmit": {"allowed": approval.requester_id == viewer.pk and approval.state == State.CHANGES_REQUESTED},
            "withdraw": {"allowed": approval.requester_id == viewer.pk and approval.state in OPEN},
        },
        "renewal": renewal_shown(promotion, viewer),
        "renews": renews_shown(approval),
        "note": _note(approval),
        "comments": comments_shown(approval, viewer),
        "standing": standing,
        "commands": _commands(promotion),
    }


def _rail(promotion: PromotionRequest, progress: dict[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    approval = promotion.approval
    collecting = approval.state == State.COLLECTING
    stuck = collecting and not progress["running"] and progress["done"] < progress["total"]
    gathered = f"{progress['done']} of {progress['total']} done" if collecting else "all attached, manifest frozen"
    states = {"closed": "done", "open": "now", "refused": "failed", "waiting": "", "spared": "done"}
    applied = {"applied": "done", "superseded": "done", "rolled_back": "done", "failed": "failed", "applying": "now"}
    ready = "now" if approval.state == State.APPROVED else "failed" if approval.state in ENDED else ""
    return [
        {"title": "Requested", "detail": utc_short(promotion.made_at), "state": "done"},
        {
            "title": "Collecting evidence",
            "detail": gathered,
            "state": "failed" if stuck else "now" if collecting else "done",
        },
        *(
            {
                "title": row["name"].capitalize(),
                "detail": SPARED if row["state"] == "spared" else f"{row['signed']} of {row['quorum']} signed",
                "state": states[row["state"]],
                **({"spared": row["spared"]} if row["state"] == "spared" else {}),
            }
            for row in rows
        ),
        {
            "title": "Apply",
            "detail": utc_short(promotion.applied_at) if promotion.applied_at else _who_puts(promotion),
            "state": applied.get(promotion.state, ready),
        },
    ]


def _who_puts(promotion: PromotionRequest) -> str:
    return "somebody states since when" if promotion.version.is_recorded else "only Placet sets the alias"


def _todo(promotion: PromotionRequest, progress: dict[str, Any], refusal: str) -> list[dict[str, Any]]:
    """Say what the requester must do now; what is not in their hands is no task."""
    approval, version = promotion.approval, promotion.version
    command = f"placet request {version.model} {version.number} --to {promotion.alias}"
    failed = [job for job in progress["jobs"] if job["state"] == "failed"]
    if version.is_recorded and approval.state == State.COLLECTING:
        return [_task("Have the evidence submitted that is asked for", "Nothing of this version runs here.")]
    if version.is_recorded and approval.state == State.APPROVED and promotion.state == PromotionRequest.State.REQUESTED:
        if approval.renews_id:
            return []
        return [_task("State since when it is in use, once it is", refusal or "The form below; nothing is moved.")]
    if approval.state == State.COLLECTING:
        return [_task(f"Mend what keeps {job['type']} from being made", job["error"]) for job in failed]
    if approval.state == State.CHANGES_REQUESTED:
        said = approvals.state_said(approval)
        return [_task("Answer the changes that were requested", said, url="resubmit", action="Answer")]
    if approval.outcome == "BLOCK" and approval.state == State.IN_REVIEW:
        return [_task("Register a version that clears the limit", approval.verdict["reason"])]
    if promotion.state == PromotionRequest.State.FAILED:
        again = "State its use again" if version.is_recorded else "Apply it again"
        return [_task(again, promotion.state_reason)]
    if approval.state == State.APPROVED and promotion.state == PromotionRequest.State.REQUESTED:
        return [_task("Apply the promotion", refusal or "The permit is signed; the button below, or placet apply.")]
    if approval.state in ENDED:
        return [_task("Request anew when the reason is mended", command)]
    return []


def _task(text: str, detail: str, **more: str) -> dict[str, Any]:
    return {
        "done": False,
        "text": text,
        "detail": detail,
        **({"url": f"#{more['url']}", "action": more["action"]} if more else {}),
    }


def _holders(
    promotion: PromotionRequest, progress: dict[str, Any], rows: list[dict[str, Any]], people: People
) -> list[dict[str, Any]]:
    approval = promotion.approval
    collecting = approval.state == State.COLLECTING
    left = progress["total"] - progress["done"]
    due, now = approvals.due_at(approval), clock.now()
    states = {"closed": "done", "open": "now"}
    who_applies = "done" if promotion.applied_at else "now" if approval.state == State.APPROVED else ""
    return [
        {
            "name": "Whoever submits evidence" if promotion.version.is_recorded else "Evidence worker",
            "detail": f"{left} of {progress['total']} still to be made" if collecting else "done",
            "state": "now" if collecting else "done",
            "until": expiry.collects_until(approval),
        },
        *(
            _spared(row)
            if row["state"] == "spared"
            else {
                "name": f"{words(row['roles']).capitalize()}, {row['signed']} of {row['quorum']} signed",
                "signed": row["signed"],
                "quorum": row["quorum"],
                "detail": ", ".join(people[pk]["name"] for pk in row["eligible"]) or "nobody holds the role",
                "state": states.get(row["state"], ""),
                "until": due if row["state"] != "closed" else None,
                "late": bool(due and due < now),
            }
            for row in rows
        ),
        *_requester_holds(approval, people),
        {
            "name": "Engineer, owner or risk officer",
            "detail": "states that it is in use" if promotion.version.is_recorded else "applies it",
            "state": who_applies,
            "until": approval.valid_until if who_applies == "now" else None,
        },
    ]


def _spared(row: dict[str, Any]) -> dict[str, Any]:
    return {"name": words(row["roles"]).capitalize(), "detail": SPARED, "state": "done", "until": None}


def _requester_holds(approval: ApprovalRequest, people: People) -> list[dict[str, Any]]:
    if approval.state != State.CHANGES_REQUESTED:
        return []
    name = people[approval.requester_id]["name"]
    until = expiry.answer_until(approval)
    return [
        {
            "name": name,
            "detail": "answers the changes that were requested; then the request expires",
            "state": "now",
            "until": until,
            "late": bool(until and until < clock.now()),
        }
    ]


def _whose_data(version: ModelVersion, digest: str) -> str:
    own = version.evaluation_dataset.digest if version.evaluation_dataset else ""
    if not digest or digest == own:
        return ""
    return f"pinned for the system; the version declares {f'{own[7:19]}…' if own else 'none'}"


def _about(promotion: PromotionRequest, approval: ApprovalRequest) -> list[dict[str, Any]]:
    version = promotion.version
    permit: Permit | None = selectors.permit_for(approval)
    data = next((row["dataset"] for row in approval.required_evidence if row.get("dataset")), "")
    rows: list[dict[str, Any]] = [
        {"label": "Model version", "value": str(version), "detail": version.flavor},
        _bytes(version),
        {"label": "Evaluation data", "value": data, "digest": True, "detail": _whose_data(version, data)},
        {"label": "Decision threshold", "value": f"{version.decision_threshold:.3f}"},
        {"label": "Policy", "value": str(approval.policy_version), "detail": "pinned when requested"},
    ]
    if answers := answers_shown(promotion):
        rows.append({"label": "In answer to", "value": answers.name, "url": answers.url, "detail": answers.said})
    gate = protected.in_force()
    if version.is_recorded:
        rows.append({"label": "Gate", "value": protected.NOT_ENFORCED.lower(), "detail": protected.WHY_NOT_ENFORCED})
    elif gate.detect_only:
        detail = f"MLflow runs without the plugin; gate configuration {gate.number}"
        rows.append({"label": "Gate", "value": protected.DETECTED.lower(), "detail": detail})
    if approval.manifest_digest:
        rows.append({"label": "Evidence manifest", "value": approval.manifest_digest, "digest": True})
    if permit:
        rows.append(
            {
                "label": "Permit",
                "value": permit.digest,
                "digest": True,
                "detail": f"valid until {day(permit.expires_at)}",
            }
        )
    return rows


def _bytes(version: ModelVersion) -> dict[str, Any]:
    label, detail = "Artifact", f"{version.artifact_bytes / 1e6:.1f} MB"
    if version.is_recorded:
        label, detail = "Description", "what was recorded of it; its bytes are not here"
    return {"label": label, "value": version.artifact_digest, "digest": True, "detail": detail}


def _note(approval: ApprovalRequest) -> str:
    held = [row for row in checks.waiting_for_review(approval) if row["wants_review"]]
    if not held:
        return ""
    return (
        "The data settles neither a pass nor a failure here. A validator reads it and signs what follows; "
        "you can't lift the hold yourself."
    )


def _commands(promotion: PromotionRequest) -> list[dict[str, str]]:
    shown = {"note": "this request, with its verdict and what is missing", "line": f"placet status {promotion}"}
    if promotion.version.is_recorded:
        return [shown]
    return [
        shown,
        {"note": "after approval: only this sets the alias", "line": f"placet apply {promotion}"},
    ]
