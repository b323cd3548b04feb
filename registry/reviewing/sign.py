"""The page that shows a statement, word by word, before a passkey signs it: of a decision, or of a lifting."""

import json
from datetime import datetime
from typing import Any

from django.urls import reverse

from governance.accounts import passkeys, webauthn
from governance.accounts.models import User
from governance.approvals import kinds, lifting, unmeasured
from governance.approvals.models import ApprovalRequest
from governance.approvals.statements import Prepared
from placet.assertions import challenge

SIGNED_AT = {unmeasured.WAIVER: "waiver-sign", unmeasured.STANDING: "standing-approval-sign"}


def sign_page(approval: ApprovalRequest, prepared: Prepared, signer: User, rationale: str) -> dict[str, Any]:
    """Return the context of registry/sign.html: nothing but what stands in the statement, and the reason behind it."""
    said = json.loads(prepared.statement)
    own = [
        {"label": "Stage", "value": f"{said['stage']}, round {said['round']}"},
        *([{"label": "Confirms", "value": f"{said['change_class']} change"}] if "change_class" in said else []),
    ]
    return _page(approval, prepared, signer, rationale, own, since=approval.opened_at) | {
        "sign_url": reverse(SIGNED_AT.get(approval.subject_kind, "review-sign"), args=[approval.pk]),
        "verdict": said["verdict"],
    }


def lift_page(approval: ApprovalRequest, prepared: Prepared, signer: User, rationale: str) -> dict[str, Any]:
    """Return the same for the lifting of a suspension."""
    said = json.loads(prepared.statement)
    own = [{"label": "Changes", "value": f"{said['from']} to {said['to']}"}]
    return _page(approval, prepared, signer, rationale, own, since=lifting.suspended_at(approval)) | {
        "sign_url": reverse("review-lift-sign", args=[approval.pk]),
        "verdict": said["to"],
    }


def _page(
    approval: ApprovalRequest,
    prepared: Prepared,
    signer: User,
    rationale: str,
    own: list[dict[str, Any]],
    *,
    since: datetime,
) -> dict[str, Any]:
    said = json.loads(prepared.statement)
    named = kinds.presented([approval])[approval.pk]
    known = [row.credential_id for row in passkeys.usable(signer, since=since)]
    policy = said["policy"]
    return {
        "approval": {"pk": approval.pk, "reference": named.reference},
        "back_url": named.url,
        "meaning": said["meaning"],
        "rationale": rationale,
        "rows": [
            {"label": "Subject", "value": said["subject"]["name"]},
            {"label": "Artifact", "value": said["subject"]["digest"], "digest": True},
            {"label": "Asks for", "value": said["asks_for"]},
            {"label": "Policy", "value": f"{policy['name']}, version {policy['version']}"},
            {"label": "Policy digest", "value": policy["digest"], "digest": True},
            {"label": "Evidence manifest", "value": said["manifest"], "digest": True},
            {"label": "Verdict of the checks", "value": said["checks"]["outcome"]},
            *own,
            {"label": "Signer", "value": f"{signer.name} ({said['signer']})"},
        ],
        "checks": [
            {"id": name, "outcome": outcome, "lifted_by": said["checks"]["lifted"].get(name)}
            for name, outcome in said["checks"]["each"].items()
        ],
        "statement": prepared.statement,
        "options": json.dumps(webauthn.request_options(known, challenge(prepared.statement.encode()))),
        "prepared": prepared.token(),
    }
