"""Apply approved promotions: the only code that sets a protected alias, and what follows when bytes have changed."""

import secrets
import tempfile
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.accounts.services import token_digest
from governance.approvals import services as approvals
from governance.approvals.findings import open_finding
from governance.approvals.models import GRANTED, ApprovalRequest, State
from governance.audit import services as audit
from governance.audit.actors import Actor, System
from governance.audit.events import Event
from governance.common import clock
from governance.inventory.models import AISystem
from governance.inventory.services import set_state
from placet.digests import UnusableArtifact, artifact_manifest
from registry import mlflow, selectors
from registry.errors import (
    NotApproved,
    NotYourPromotion,
    UnknownVersion,
)
from registry.models import AliasHistory, ApplyGrant, ModelVersion, PromotionRequest

GRANT_LIFE = timedelta(seconds=10)
APPLIER = System("apply")


def may_apply(promotion: PromotionRequest) -> str:
    """Return why a promotion can't be applied now, an empty text when it can."""
    approval = promotion.approval
    if approval.state != State.APPROVED:
        why = approval.state_reason or approval.verdict.get("reason", "")
        return f"Its approval is {approval.get_state_display().lower()}: {why}"
    if promotion.state not in {
        PromotionRequest.State.REQUESTED,
        PromotionRequest.State.FAILED,
        PromotionRequest.State.APPLYING,
    }:
        return f"It is {promotion.get_state_display().lower()} already."
    if approval.valid_until and approval.valid_until <= clock.now():
        return "Its approval has lapsed; request the promotion again."
    if selectors.permit_for(approval) is None:
        return "The notary has not signed its permit yet; this takes about a second."
    return ""


@transaction.atomic
def request_apply(*, promotion_id: uuid.UUID, person: User) -> PromotionRequest:
    """Ask that an approved promotion be applied; the worker does it.

    Raises:
        NotApproved: no approval in force, or no permit yet.
        NotYourPromotion: the person is no engineer, owner or risk officer of the system.
    """
    promotion = (
        PromotionRequest.objects.select_for_update(of=("self",)).select_related("approval__system").get(pk=promotion_id)
    )
    if not has_role(person, Role.ENGINEER, Role.OWNER, Role.RISK_OFFICER, system_id=promotion.approval.system_id):
        raise NotYourPromotion("An engineer, the owner or a risk officer of the system applies a promotion.")
    refusal = may_apply(promotion)
    if refusal:
        raise NotApproved(refusal)
    if promotion.state != PromotionRequest.State.APPLYING:
        _set_state(promotion, PromotionRequest.State.APPLYING, Event.PROMOTION_APPLYING, actor=person)
    return promotion


def _set_state(promotion: PromotionRequest, state: str, event: Event, *, actor: Actor, reason: str = "") -> None:
    promotion.state, promotion.state_reason = state, reason[:500]
    audit.append(
        event=event,
        actor=actor,
        subjects=[promotion],
        data={
            "promotion": promotion.number,
            "request": promotion.approval_id,
            "state": state,
            "alias": promotion.alias,
        },
        payload={"reason": reason} if reason else None,
    )


def apply_promotion(promotion_id: uuid.UUID) -> str:
    """Set the alias in MLflow for one approved promotion; returns the state it ends in. Safe twice.

    Outside any transaction: re-digest the bytes, take a single-use grant, call MLflow, then write who serves now.
    Each step can be repeated after a crash: the history is written from what MLflow really says.

    Raises:
        MlflowDown: nothing was changed; the task tries again.
    """
    promotion = selectors.promotion(promotion_id)
    version = promotion.version
    if promotion.state != PromotionRequest.State.APPLYING:
        return promotion.state
    with mlflow.Client() as client:
        changed = difference(client, version)
        if changed:
            on_bytes_changed(version, promotion.approval, changed)
            _fail(promotion_id, f"The store holds {changed}, not the approved {version.artifact_digest}.")
            return PromotionRequest.State.FAILED
        if client.alias(version.model.name, promotion.alias) != version.number or not selectors.live(
            version.model, promotion.alias
        ):
            token = _take_grant(promotion_id)
            try:
                client.set_alias(version.model.name, promotion.alias, version.number, grant=token)
            except PermissionError as refusal:
                _fail(promotion_id, f"The gate refused: {refusal}")
                return PromotionRequest.State.FAILED
        if client.alias(version.model.name, promotion.alias) != version.number:
            _fail(promotion_id, "MLflow accepted the call, but the alias points elsewhere.")
            return PromotionRequest.State.FAILED
    record_applied(promotion_id)
    return PromotionRequest.State.APPLIED


def difference(client: mlflow.Client, version: ModelVersion) -> str:
    """Return what lies in the store instead of the mirrored bytes; an empty text when they are the same."""
    with tempfile.TemporaryDirectory(prefix="placet-digest-") as folder:
        try:
            client.download(version.storage_location, Path(folder))
            manifest = artifact_manifest(folder)
        except (UnknownVersion, UnusableArtifact, FileNotFoundError):
            return "no usable artifact"
    if manifest.root_digest != version.artifact_digest:
        return manifest.root_digest
    return "" if manifest.digest == version.manifest_digest else "the same bytes under other names"


@transaction.atomic
def _take_grant(promotion_id: uuid.UUID) -> str:
    promotion = PromotionRequest.objects.select_for_update(of=("self",)).select_related("approval").get(pk=promotion_id)
    refusal = may_apply(promotion)
    if refusal:
        raise NotApproved(refusal)
    token = "grant_" + secrets.token_urlsafe(32)
    now = clock.now()
    grant = ApplyGrant(promotion=promotion, digest=token_digest(token), made_at=now, expires_at=now + GRANT_LIFE)
    audit.append(
        event=Event.PROMOTION_APPLYING,
        actor=APPLIER,
        subjects=[grant],
        data={"promotion": promotion.number, "request": promotion.approval_id, "grant_expires": grant.expires_at},
    )
    return token


@transaction.atomic
def _fail(promotion_id: uuid.UUID, reason: str) -> None:
    promotion = PromotionRequest.objects.select_for_update(of=("self",)).get(pk=promotion_id)
    _set_state(promotion, PromotionRequest.State.FAILED, Event.PROMOTION_FAILED, actor=APPLIER, reason=reason)


@transaction.atomic
def record_applied(promotion_id: uuid.UUID) -> None:
    """Write who serves from now on, once MLflow has said that the alias points there. Safe twice."""
    promotion = (
        PromotionRequest.objects.select_for_update(of=("self",))
        .select_related("version__model", "approval__system")
        .get(pk=promotion_id)
    )
    if promotion.state == PromotionRequest.State.APPLIED:
        return
    now = clock.now()
    registered = promotion.version.model
    subjects: list[Any] = []
    previous = (
        AliasHistory.objects.select_for_update(of=("self",))
        .select_related("promotion")
        .filter(model=registered, alias=promotion.alias, during__endswith__isnull=True)
        .first()
    )
    if previous:
        previous.during = DateTimeTZRange(previous.during.lower, now, "[)")
        subjects.append(previous)
        if previous.promotion:
            previous.promotion.state = PromotionRequest.State.SUPERSEDED
            subjects.append(previous.promotion)
    promotion.state, promotion.applied_at, promotion.state_reason = PromotionRequest.State.APPLIED, now, ""
    history = AliasHistory(
        model=registered, alias=promotion.alias, version=promotion.version, during=_since(now), promotion=promotion
    )
    audit.append(
        event=Event.PROMOTION_APPLIED,
        actor=APPLIER,
        subjects=[*subjects, promotion, history],
        data={
            "promotion": promotion.number,
            "request": promotion.approval_id,
            "model": registered.name,
            "version": promotion.version.number,
            "alias": promotion.alias,
            "digest": promotion.version.artifact_digest,
        },
    )
    set_state(ai_system=promotion.approval.system, state=AISystem.State.LIVE, actor=APPLIER)


def _since(moment: datetime) -> DateTimeTZRange:
    return DateTimeTZRange(moment, None, "[)")


@transaction.atomic
def on_bytes_changed(version: ModelVersion, approval: ApprovalRequest | None, changed: str) -> None:
    """Report bytes that are not the approved ones: a critical finding, and the approval loses its force.

    The permit names the approved bytes, so it never verifies for others; suspension makes loaders refuse at once.
    """
    ai_system = version.model.system
    if ai_system is None:
        return
    open_finding(
        system=ai_system,
        code="digest-mismatch",
        severity="critical",
        source="reconciler",
        actor=System("reconciler"),
        title=f"{version}: the store holds {changed[:26]}, approved is {version.artifact_digest[:26]}",
        request=approval,
    )
    if approval and approval.state in GRANTED:
        approvals.suspend(
            request_id=approval.pk,
            actor=System("reconciler"),
            reason=f"Digest mismatch: the store holds {changed}, approved was {version.artifact_digest}.",
        )
