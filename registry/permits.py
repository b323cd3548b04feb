"""Permits: the notary signs one only after re-deriving the approval from entries that it has integrated itself."""

import json
import logging
import uuid
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Any

from django.db import transaction

from governance.accounts.models import Passkey
from governance.approvals import selectors as approvals
from governance.approvals.models import ApprovalRequest, StandingApproval, State
from governance.approvals.standing import terms as standing_terms
from governance.audit import selectors as log_selectors
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.audit.notary import Notary
from governance.common import clock
from governance.policy.selectors import document_of
from placet import permits
from registry import selectors, standing
from registry.derivation import LogDisagrees, rederive
from registry.models import ModelVersion, Permit

log = logging.getLogger(__name__)
NOTARY = System("notary")
CHANGED = ("digest-mismatch", "source-changed")


def entries_about(approval: ApprovalRequest) -> list[tuple[int, dict[str, Any]]]:
    """Return the integrated entries about a request, what it renews and rests on, and the signers' passkeys.

    It rests on waivers, and on the standing approval that granted it: with all that this granted, so that its uses can
    be counted.
    """
    renewed = approval.renews_id
    found = log_selectors.entries_about_request(approval.pk) + log_selectors.entries_about_request(renewed)
    said = [entry.parsed["data"] for entry in found]
    others = {waiver for data in said for waiver in data.get("waivers", {}).values()}
    used = [data["standing"] for data in said if isinstance(data.get("standing"), dict)]
    others |= {use["granted_by"] for use in used}
    found += [entry for other in sorted(others) for entry in log_selectors.entries_about_request(other)]
    signed = {entry.parsed["data"].get("signature", {}).get("passkey") for entry in found} - {None}
    keys = list(Passkey.objects.filter(credential_id__in=signed).values_list("pk", flat=True))
    found += log_selectors.entries_naming("accounts_passkey", keys) if keys else []
    rows = [uuid.UUID(use["standing"]) for use in used]
    found += log_selectors.entries_naming("approvals_standingapproval", rows) if rows else []
    placed = {entry.index: entry.parsed for entry in found if entry.index is not None}
    return sorted(placed.items())


def issue_due(notary: Notary) -> None:
    """Sign the permits of approvals that have none yet. A duty of the notary, after each round."""
    waiting = ApprovalRequest.objects.filter(state=State.APPROVED, permits__isnull=True, subject_kind="model-version")
    for approval in waiting[:50]:
        try:
            issue(approval, notary)
        except LogDisagrees as disagreement:
            log.warning("no permit for %s: %s", approval, disagreement)


def issue(approval: ApprovalRequest, notary: Notary) -> Permit | None:
    """Sign one permit, None while its approval is not integrated yet.

    Raises:
        LogDisagrees: the log does not show what the tables claim.
    """
    checkpoint = log_selectors.newest_checkpoint()
    entries = [(index, body) for index, body in entries_about(approval) if checkpoint and index < checkpoint.size]
    mine = [body for _, body in entries if body["data"].get("request") == str(approval.pk)]
    if not any(body["event"] == Event.APPROVAL_APPROVED for body in mine) or checkpoint is None:
        return None
    approved = rederive(entries, str(approval.pk))
    promotion = selectors.promotion_of(approval)
    version = promotion.version
    if approved.subject_digest != version.artifact_digest or approved.asks_for != f"alias {promotion.alias}":
        raise LogDisagrees("the promotion is about another version or alias than the log approves.")
    if approved.decision_threshold != str(version.decision_threshold):
        raise LogDisagrees("the version's decision threshold is not the one that the log approves.")
    until = approvals.serves_until(approval)
    valid_until = approval.valid_until
    if until is None or valid_until is None or clock.rfc3339(valid_until) != approved.valid_until:
        raise LogDisagrees("the approval's validity is not the one that the log shows.")
    if approval.policy_version.digest != approved.policy["digest"]:
        raise LogDisagrees("the approval's policy is not the one that the log shows.")
    if approved.use is not None:
        _check_envelope(approved.use, approval, version, restrictions=approved.use_restrictions)
    now = clock.now()
    statement = permits.build_statement(
        kind="serve",
        workspace=version.model.workspace,
        model=version.model.name,
        version=str(version.number),
        artifact_digest=approved.subject_digest,
        created_at_ms=version.mlflow_created_at_ms,
        source=version.source,
        storage_location=version.storage_location,
        alias=promotion.alias,
        use_restrictions=approved.use_restrictions,
        policy={**approved.policy, "version": str(approved.policy["version"])},
        evidence_manifest=approved.manifest,
        approval=approved.request,
        log={"origin": notary.origin, "index": approved.index, "size": checkpoint.size},
        issued_at=now,
        expires_at=until,
        artifact_manifest=version.manifest_digest,
        decision_threshold=approved.decision_threshold,
    )
    envelope = permits.sign(statement, notary.permit_key)
    permit = Permit(
        approval=approval,
        envelope=envelope,
        digest="sha256:" + sha256(json.dumps(envelope, sort_keys=True).encode()).hexdigest(),
        log_index=approved.index,
        issued_at=now,
        expires_at=until,
    )
    with transaction.atomic():
        audit.append(
            event=Event.PERMIT_ISSUED,
            actor=NOTARY,
            subjects=[permit],
            data={
                "request": approval.pk,
                "subject": {"name": approved.subject_name, "digest": approved.subject_digest},
                "alias": promotion.alias,
                "permit": permit.digest,
                "expires": until,
            },
        )
    return permit


def _check_envelope(
    use: Mapping[str, Any], approval: ApprovalRequest, version: ModelVersion, *, restrictions: Collection[str]
) -> None:
    """Hold the version against the envelope again: that it was inside is not taken from the entry that says so.

    Args:
        restrictions: the use restrictions that the permit will name.

    Raises:
        LogDisagrees: the envelope is not the one that was signed, or the version is outside it.
    """
    row = StandingApproval.objects.filter(pk=use["standing"]).first()
    if row is None or standing_terms(row) != use["terms"]:
        raise LogDisagrees("the terms of the standing approval are not those that were signed.")
    if (row.model_id, row.system_id) != (version.model_id, approval.system_id):
        raise LogDisagrees("the standing approval is for another model or AI system.")
    if dropped := set(row.live.use_restrictions) - set(restrictions):
        raise LogDisagrees(f"use restrictions were dropped: {', '.join(sorted(dropped))}.")
    if outside := [condition.title for condition in standing.inside(row, approval, version) if not condition.holds]:
        raise LogDisagrees(f"the version is outside the standing approval: {', '.join(outside)}.")


def status_of(permit: Permit) -> str:
    """Return what the permit's approval allows now: valid, suspended, revoked or lapsed.

    Of a renewed approval that is what its renewal allows: who still holds the old permit loads the same bytes on it
    until it expires. Whether a suspended or lapsed one may still be loaded is :func:`refuses_loads`.
    """
    return _status(_standing(permit.approval))


def _standing(approval: ApprovalRequest) -> ApprovalRequest:
    """Return the approval itself, or what has taken its place as its renewal."""
    while approval.state == State.RENEWED:
        taken = approval.renewals.filter(promotion__applied_at__isnull=False).select_related("policy_version").first()
        if taken is None:
            break
        approval = taken
    return approval


def _status(approval: ApprovalRequest) -> str:
    state = approval.state
    if state == State.APPROVED:
        valid_until = approval.valid_until
        return "valid" if valid_until and valid_until > clock.now() else "lapsed"
    return {State.SUSPENDED: "suspended", State.LAPSED: "lapsed"}.get(State(state), "revoked")


def refuses_loads(permit: Permit) -> bool:
    """Return whether a loader must refuse: revoked, lapsed with its grace over, suspended over bytes or by its policy.

    A suspension does not end with the validity: what was suspended when it lapsed is judged as suspended in its grace.
    """
    approval = _standing(permit.approval)
    word = _status(approval)
    if word == "valid":
        return False
    if word == "lapsed":
        if permit.expires_at <= clock.now():
            return True
        if not _lapsed_from_suspension(approval):
            return False
    elif word != "suspended":
        return True
    mismatch = approval.findings.filter(code__in=CHANGED, closed_at__isnull=True).exists()
    return mismatch or document_of(approval.policy_version).approval.on_suspend != "keep_serving"


def _lapsed_from_suspension(approval: ApprovalRequest) -> bool:
    changes = [
        entry.parsed["data"]
        for entry in log_selectors.entries_about_request(approval.pk)
        if entry.event == Event.APPROVAL_CHANGED
    ]
    return bool(changes) and changes[-1]["from"] == State.SUSPENDED
