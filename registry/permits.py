"""Permits: the notary signs one only after re-deriving the approval from entries that it has integrated itself."""

import base64
import json
import logging
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
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
from placet import permits
from placet.derivation import Approved, LogDisagrees, rederive
from registry import selectors, standing
from registry.models import AliasChange, ModelVersion, Permit, PromotionRequest

log = logging.getLogger(__name__)
NOTARY = System("notary")
BROKEN_GLASS_FOR = timedelta(days=3)
"""How long a broken glass may serve; its review is due after one."""


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


@dataclass(frozen=True)
class Derived:
    """An approval as the log shows it, with what it is about; the tables said the same."""

    approved: Approved
    promotion: PromotionRequest
    size: int
    until: datetime

    @property
    def version(self) -> ModelVersion:
        return self.promotion.version


def issue_due(notary: Notary) -> None:
    """Sign the permits that approvals and broken glasses still lack. A duty of the notary, after each round."""
    waiting = ApprovalRequest.objects.filter(state=State.APPROVED, permits__isnull=True, subject_kind="model-version")
    recorded = ModelVersion.objects.filter(origin=ModelVersion.Origin.RECORDED)  # there are no bytes to name
    for approval in waiting.exclude(promotion__version__in=recorded)[:50]:
        try:
            issue(approval, notary)
        except LogDisagrees as disagreement:
            log.warning("no permit for %s: %s", approval, disagreement)
    broken = AliasChange.objects.filter(kind=AliasChange.Kind.BREAK_GLASS, permits__isnull=True)
    broken = broken.exclude(version__in=recorded).exclude(state=AliasChange.State.FAILED)
    for change in broken.select_related(*selectors.OF_A_CHANGE)[:50]:
        try:
            issue_for_broken_glass(change, notary)
        except LogDisagrees as disagreement:
            log.warning("no permit for %s: %s", change, disagreement)


def issue(approval: ApprovalRequest, notary: Notary) -> Permit | None:
    """Sign one permit to serve, None while its approval is not integrated yet.

    Raises:
        LogDisagrees: the log does not show what the tables claim.
    """
    derived = derive(approval)
    if derived is None:
        return None
    return signed(
        notary,
        derived.version,
        kind=Permit.Kind.SERVE,
        alias=derived.promotion.alias,
        approval=approval,
        index=derived.approved.index,
        size=derived.size,
        until=derived.until,
        **words_of(derived.approved),
    )


def derive(approval: ApprovalRequest) -> Derived | None:
    """Derive an approval from integrated entries again, and hold the tables against them; None while it is too new.

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
    subject = (version.subject_name, version.artifact_digest, f"alias {promotion.alias}")
    if (approved.subject_name, approved.subject_digest, approved.asks_for) != subject:
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
    return Derived(approved, promotion, checkpoint.size, until)


def words_of(approved: Approved) -> dict[str, Any]:
    """Return what a permit says of the approval that it rests on."""
    return {
        "use_restrictions": approved.use_restrictions,
        "policy": {**approved.policy, "version": str(approved.policy["version"])},
        "evidence_manifest": approved.manifest,
        "decision_threshold": approved.decision_threshold,
    }


def issue_for_broken_glass(change: AliasChange, notary: Notary) -> Permit | None:
    """Sign the short permit of a broken glass, which says that one person's word is all it has; None while too new.

    Raises:
        LogDisagrees: no person asked for it in the log, or for something else.
    """
    asked = shown(change, {Event.ALIAS_CHANGE_ASKED})
    if asked is None or change.version is None:
        return None
    index, size, body = asked
    if not str(body["actor"]).startswith("person:") or body["data"]["kind"] != AliasChange.Kind.BREAK_GLASS:
        raise LogDisagrees("no person broke the glass.")
    return signed(
        notary,
        change.version,
        kind=Permit.Kind.SERVE,
        alias=change.alias,
        change=change,
        index=index,
        size=size,
        until=change.asked_at + BROKEN_GLASS_FOR,
        basis="break-glass",
        use_restrictions=[],
        policy={},
        evidence_manifest=None,
        decision_threshold=str(change.version.decision_threshold),
    )


def shown(change: AliasChange, events: Collection[Event]) -> tuple[int, int, dict[str, Any]] | None:
    """Return index, tree size and body of the integrated entry that shows a change of an alias; None while too new.

    Raises:
        LogDisagrees: the entry is about something else than the row.
    """
    checkpoint = log_selectors.newest_checkpoint()
    for entry in log_selectors.entries_naming("registry_aliaschange", [change.pk]):
        if checkpoint is None or entry.index is None or entry.index >= checkpoint.size or entry.event not in events:
            continue
        said, version = entry.parsed["data"], change.version
        meant = (change.number, str(change.model), change.alias, version.artifact_digest if version else None)
        if (said["change"], said["model"], said["alias"], said["digest"]) != meant:
            raise LogDisagrees("the change of the alias is not the one that the log shows.")
        return entry.index, checkpoint.size, entry.parsed
    return None


def signed(
    notary: Notary,
    version: ModelVersion,
    *,
    kind: Permit.Kind,
    alias: str,
    index: int,
    size: int,
    until: datetime,
    approval: ApprovalRequest | None = None,
    change: AliasChange | None = None,
    **words: Any,
) -> Permit:
    """Sign a permit about a version and keep it.

    Args:
        index, size: the entry that it was derived from, and the tree which that was read from.
        words: what else its statement says; see ``placet.permits.build_statement``.

    Raises:
        LogDisagrees: no MLflow holds the version, so there are no bytes that a permit could name.
    """
    if version.is_recorded:
        raise LogDisagrees(f"{version} is in no MLflow: there are no bytes that a permit could name.")
    now = clock.now()
    statement = permits.build_statement(
        kind=kind.value,
        workspace=version.model.workspace,
        model=version.model.name,
        version=str(version.number),
        artifact_digest=version.artifact_digest,
        created_at_ms=version.mlflow_created_at_ms,
        source=version.source,
        storage_location=version.storage_location,
        alias=alias,
        approval=str(approval.pk if approval else change and change.pk),
        log={"origin": notary.origin, "index": index, "size": size},
        issued_at=now,
        expires_at=until,
        artifact_manifest=version.manifest_digest,
        **words,
    )
    envelope = permits.sign(statement, notary.permit_key)
    permit = Permit(
        approval=approval,
        change=change,
        kind=kind,
        envelope=envelope,
        digest=permits.envelope_digest(envelope),
        log_index=index,
        issued_at=now,
        expires_at=until,
    )
    with transaction.atomic():
        audit.append(
            event=Event.PERMIT_ISSUED,
            actor=NOTARY,
            subjects=[permit],
            data={
                "kind": kind.value,
                **({"request": approval.pk} if approval else {}),
                **({"change": change.number} if change else {}),
                "subject": {"name": version.subject_name, "digest": version.artifact_digest},
                "alias": alias,
                "permit": permit.digest,
                "expires": until,
            },
        )
    return permit


def statement_of(permit: Permit) -> dict[str, Any]:
    """Return what a permit says, as its envelope holds it; whoever doubts it verifies the envelope."""
    said: dict[str, Any] = json.loads(base64.b64decode(permit.envelope["payload"]))
    return said


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
