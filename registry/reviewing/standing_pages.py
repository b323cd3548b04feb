"""Standing approvals on pages: a model's, one that people decide on, and the form that asks for one."""

from typing import Any

from django.db.models import F

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.approvals import selectors as approvals
from governance.approvals.models import OPEN, ApprovalRequest, StandingApproval, State
from governance.approvals.models.standing import MOST_USES
from governance.audit import selectors as log
from governance.common import clock
from governance.common.errors import Unknown
from governance.evidence import projection
from governance.inventory.models import AISystem
from governance.policy.publication import declared_kinds
from governance.policy.selectors import document_of, governing
from registry import selectors, standing
from registry.models import AliasHistory, ModelVersion, RegisteredModel
from registry.reviewing import review, stages
from registry.reviewing.people import People


def standing_page(approval: ApprovalRequest, viewer: User) -> dict[str, Any]:
    """Return the context of registry/standing.html, without the values of a refused form.

    Raises:
        Unknown: the request decides on no standing approval.
    """
    found = StandingApproval.objects.select_related("policy_version", "live", "system", "approval")
    row = found.filter(approval=approval).first()
    if row is None:
        raise Unknown(f"Request {approval.pk} is about no standing approval.")
    decisions = approvals.decisions(approval)
    people = People(
        {
            approval.requester_id,
            *(decision.approver_id for decision in decisions),
            *(excluded["person"] for excluded in approval.excluded),
            *(pk for stage in approval.stages for pk in [*stage["eligible"], *stage["delegates"]]),
        },
        system_id=approval.system_id,
    )
    decision = review.decision_panel(approval, document_of(approval.policy_version), viewer, row.alias)
    promotion = selectors.promotion_of(row.live)
    return {
        "approval": {
            "pk": approval.pk,
            "state": approval.state,
            "state_reason": approvals.state_said(approval),
            "opened_at": approval.opened_at,
            "requester": people[approval.requester_id],
        },
        "standing": _shown(row),
        "live": {"pk": row.live_id, "reference": str(promotion), "subject": str(promotion.version)},
        "system": review.system_shown(approval.system),
        "envelope": envelope_shown(row),
        "reason": _reason(row),
        "uses": _uses(row),
        "stages": stages.stages_shown(
            approval, decisions, people, log.indexes_of([item.log_entry for item in decisions]), viewer
        ),
        "excluded": stages.excluded_shown(approval, people),
        "decision": decision
        | {
            "effect": f"Versions inside need no new signatures until {clock.day(row.expires_at)}, {row.max_uses} times."
        },
        "withdrawable": approval.state in OPEN and approval.requester_id == viewer.pk,
        "revoke": _revocable(approval, viewer),
        "form": {},
        "revocation": {},
    }


def _reason(row: StandingApproval) -> str | None:
    """Return why it was asked for; None once that was erased. A use names the row, too, so its first entry is meant."""
    entries = log.entries_naming("approvals_standingapproval", [row.pk])
    payload = log.payload_of(entries[0].id) if entries else None
    return (payload or {}).get("reason")


def _shown(row: StandingApproval) -> dict[str, Any]:
    approval = row.approval
    left = row.max_uses - row.used
    ended = approval.state == State.APPROVED and (left == 0 or row.expires_at <= clock.now())
    return {
        "pk": row.approval_id,
        "model": row.model_name,
        "model_pk": row.model_id,
        "alias": row.alias,
        "state": approval.state,
        "used": row.used,
        "left": left,
        "max_uses": row.max_uses,
        "until": approval.valid_until or row.expires_at,
        "policy": str(row.policy_version),
        "note": ("used up" if left == 0 else "ended") if ended else "",
    }


def envelope_shown(row: StandingApproval) -> list[dict[str, Any]]:
    """Return what an envelope allows, line by line."""
    envelope = row.envelope
    source = [envelope["source"][name] for name in ("source", "repository", "entry_point") if envelope["source"][name]]
    names = [str(item.get("name", "?")) if isinstance(item, dict) else "?" for item in envelope["features"]]
    return [
        {"label": "Code", "values": [f"commit {envelope['commit'][:12]}"]},
        {"label": "Source", "values": source},
        {"label": "Features", "values": [f"{len(names)}: {', '.join(names)}"]},
        {"label": "Decision threshold", "values": [f"{envelope['threshold']:g}"]},
        {
            "label": "Parameters",
            "values": [
                f"{name}: {'any value' if '*' in values else ', '.join(values)}"
                for name, values in envelope["parameters"].items()
            ]
            or ["none"],
        },
        {"label": "Use restrictions", "values": row.live.use_restrictions or ["none"]},
        {"label": "Bounds", "values": envelope["bounds"], "code": True},
    ]


def _uses(row: StandingApproval) -> list[dict[str, Any]]:
    matches = row.matches.filter(number__isnull=False).select_related("request").order_by("number")
    return [
        {"number": match.number, "pk": match.request_id, "subject": match.request.subject_name, "at": match.made_at}
        for match in matches
    ]


def _revocable(approval: ApprovalRequest, viewer: User) -> bool:
    if approval.state != State.APPROVED or approvals.exclusion_of(approval, viewer):
        return False
    return has_role(viewer, Role.RISK_OFFICER, system_id=approval.system_id)


def standing_of_model(registered: RegisteredModel, viewer: User) -> dict[str, Any] | None:
    """Return the standing approvals of a model, and for which aliases the viewer may ask; None where there is neither.

    Only what serves on an approval in force can be repeated; of what no MLflow holds nothing is known that could be.
    """
    rows = standing.standing_approvals_of(registered)
    signed = People(
        {pk for row in rows for pk in row.approval.decisions.values_list("approver_id", flat=True)},
        system_id=registered.system_id,
    )
    asks = registered.system is not None and has_role(viewer, Role.ENGINEER, Role.OWNER, system_id=registered.system.pk)
    asks = asks and not registered.is_recorded
    live = AliasHistory.objects.filter(model=registered, during__endswith__isnull=True, promotion__isnull=False)
    served = live.filter(promotion__approval__state=State.APPROVED) if asks else live.none()
    shown = [
        _shown(row)
        | {
            "envelope": envelope_shown(row),
            "signed_by": ", ".join(
                signed[pk]["name"]
                for pk in row.approval.decisions.filter(verdict="approve")
                .order_by("decided_at")
                .values_list("approver_id", flat=True)
            ),
        }
        for row in rows[:20]
    ]
    aliases = sorted(served.values_list("alias", flat=True))
    return {"rows": shown, "aliases": aliases} if shown or aliases else None


def standing_in_force(ai_system: AISystem) -> list[dict[str, Any]]:
    """Return the standing approvals of an AI system by which a version may be let through now, first to end first."""
    rows = StandingApproval.objects.select_related("approval", "policy_version").filter(
        system=ai_system,
        approval__state=State.APPROVED,
        approval__valid_until__gt=clock.now(),
        expires_at__gt=clock.now(),
        used__lt=F("max_uses"),
    )
    return [_shown(row) for row in rows.order_by("expires_at", "pk")]


def ask_page(registered: RegisteredModel, alias: str) -> dict[str, Any]:
    """Return the context of registry/standing_ask.html: fields filled from the version that serves.

    Raises:
        Unknown: nothing serves under the alias.
    """
    now_live = selectors.live(registered, alias)
    if now_live is None or registered.system is None:
        raise Unknown(f"Nothing serves as {registered} {alias}.")
    version: ModelVersion = now_live.version
    policy = governing(registered.system, alias)
    document = document_of(policy) if policy else None
    kinds = declared_kinds(document, projection.all_declared()) if document else {}
    asked = {item.name for item in document.evidence} if document else set()
    code = version.code or {}
    return {
        "model": {"pk": registered.pk, "name": str(registered)},
        "alias": alias,
        "system": review.system_shown(registered.system),
        "version": str(version),
        "policy": str(policy) if policy else "",
        "fixed": [
            {"label": "Commit", "value": code.get("commit", "")},
            {"label": "Source", "value": code.get("source", "")},
            {"label": "Repository", "value": code.get("repository", "")},
            {"label": "Features", "value": len(version.signature.get("inputs") or []) or ""},
            {"label": "Decision threshold", "value": f"{version.decision_threshold:g}"},
        ],
        "fields": sorted(name for name in kinds if name.startswith("evidence.") and name.split(".")[1] in asked),
        "longest": document.approval.valid_for.days if document else 0,
        "most_uses": MOST_USES,
        "today": clock.now().date(),
        "form": {
            "parameters": "\n".join(f"{name} = {value}" for name, value in sorted(version.parameters.items())),
            "bounds": "\n".join(check.expr for check in document.checks if ".difference." not in check.expr)
            if document
            else "",
            "uses": 3,
        },
    }
