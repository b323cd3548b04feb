"""Apply approved promotions: the only code that sets a protected alias, and what follows when bytes have changed."""

import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any

import httpx
from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.accounts.services import token_digest
from governance.approvals import renewal
from governance.approvals import services as approvals
from governance.approvals.errors import NotRenewable
from governance.approvals.models import GRANTED, ApprovalRequest, State
from governance.audit import services as audit
from governance.audit.actors import Actor, System
from governance.audit.events import Event
from governance.common import clock
from governance.inventory.models import AISystem
from governance.inventory.services import set_state
from registry import live, locks, mlflow, renewals, selectors
from registry.errors import ArtifactUnavailable, NotApproved, NotYourPromotion, UnknownModel, UnknownVersion
from registry.findings import RECONCILER, report
from registry.models import AliasHistory, ApplyGrant, ModelVersion, PromotionRequest

GRANT_LIFE = timedelta(seconds=10)
LOCK_WAIT_S = 5.0
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
    if why := renewal.refusal(approval):
        return why
    if not selectors.has_permit(approval):
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


@transaction.atomic
def begin_renewals() -> int:
    """Begin to apply approved renewals: nothing changes in MLflow, so that nobody need ask; return how many."""
    due = [row.pk for row in renewals.due_to_apply()]
    rows = PromotionRequest.objects.select_for_update(of=("self",), skip_locked=True).filter(
        pk__in=due, state=PromotionRequest.State.REQUESTED
    )
    for promotion in rows:
        _set_state(promotion, PromotionRequest.State.APPLYING, Event.PROMOTION_APPLYING, actor=APPLIER)
    return len(rows)


def apply_promotion(promotion_id: uuid.UUID) -> str:
    """Set the alias in MLflow for one approved promotion; returns the state it ends in. Safe twice.

    Outside any transaction, and one at a time for an alias: re-digest the bytes, take a single-use grant, call MLflow,
    then write who serves now. Each step can be repeated after a crash: the history is written from what MLflow really
    says. A promotion that lost its approval meanwhile, or that can't be applied for another reason, fails with it.

    Raises:
        MlflowDown: nothing was changed; the task tries again.
    """
    promotion = selectors.promotion(promotion_id)
    model = promotion.version.model
    with locks.held(f"alias {model.workspace}/{model.name}@{promotion.alias}", wait_s=LOCK_WAIT_S) as mine:
        if not mine:
            return promotion.state  # another one sets this alias; the sweep comes back to this one
        promotion = selectors.promotion(promotion_id)  # as it is now that nobody else acts on the alias
        if promotion.state != PromotionRequest.State.APPLYING:
            return promotion.state
        with mlflow.Client() as client:
            try:
                refusal = _put_in_place(client, promotion)
            except (NotApproved, UnknownModel, UnknownVersion) as error:
                refusal = error.detail
            except (ArtifactUnavailable, PermissionError, httpx.HTTPStatusError) as error:
                refusal = str(error)
            if refusal:
                return _fail(promotion_id, refusal)
        try:
            return record_applied(promotion_id)
        except NotRenewable as error:
            return _fail(promotion_id, error.detail)


def _put_in_place(client: mlflow.Client, promotion: PromotionRequest) -> str:
    """Have MLflow point the alias at the approved version; return why it does not, empty when it does."""
    version, alias = promotion.version, promotion.alias
    now = client.version(version.model.name, version.number)
    if now.created_at_ms != version.mlflow_created_at_ms:
        return f"MLflow has another version {version.number} now; the approved one was deleted there."
    if moved := live.moved_to(client, version, now):
        return f"The version was changed in MLflow: {moved}."
    if changed := live.difference(client, version):
        on_bytes_changed(version, promotion.approval, changed)
        return f"The store holds {changed}, not the approved {version.artifact_digest}."
    if client.alias(version.model.name, alias) != version.number or not selectors.live(version.model, alias):
        token = _take_grant(promotion.pk)
        try:
            client.set_alias(version.model.name, alias, version.number, grant=token)
        except PermissionError as refusal:
            return f"The gate refused: {refusal}"
    if client.alias(version.model.name, alias) != version.number:
        return "MLflow accepted the call, but the alias points elsewhere."
    return ""


def on_bytes_changed(version: ModelVersion, approval: ApprovalRequest, changed: str) -> None:
    """Report bytes that are not the approved ones before they are live; the approval loses its force."""
    title = f"{version}: the store holds {changed[:26]}, approved is {version.artifact_digest[:26]}"
    report(code="digest-mismatch", title=title, severity="critical", system=approval.system, request=approval)
    if approval.state in GRANTED:
        approvals.suspend(request_id=approval.pk, actor=RECONCILER, reason=title)


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
def _fail(promotion_id: uuid.UUID, reason: str) -> str:
    """Let a promotion fail that is being applied, and return its state; in any other state it stays as it is."""
    promotion = PromotionRequest.objects.select_for_update(of=("self",)).get(pk=promotion_id)
    if promotion.state == PromotionRequest.State.APPLYING:
        _set_state(promotion, PromotionRequest.State.FAILED, Event.PROMOTION_FAILED, actor=APPLIER, reason=reason)
    return promotion.state


@transaction.atomic
def record_applied(promotion_id: uuid.UUID) -> str:
    """Write who serves from now on, once MLflow has said that the alias points there; return the state. Safe twice.

    A renewal ends the approval that it renews in the same moment, so that one of the two is in force at any time.

    Raises:
        NotRenewable: a renewal, or what it was to take the place of, has lost its force meanwhile.
    """
    promotion = (
        PromotionRequest.objects.select_for_update(of=("self",))
        .select_related("version__model", "approval__system")
        .get(pk=promotion_id)
    )
    if promotion.state not in {PromotionRequest.State.REQUESTED, PromotionRequest.State.APPLYING}:
        return promotion.state
    renewals.end_renewed(promotion.approval, actor=APPLIER)
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
    return promotion.state


def _since(moment: datetime) -> DateTimeTZRange:
    return DateTimeTZRange(moment, None, "[)")
