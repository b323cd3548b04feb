"""Every write of a protected alias, from the word that asks for it to the history that shows it.

A change is asked for in one transaction, carried out by a worker outside any, and recorded in another from what MLflow
really says; so a worker that dies loses nothing, and doing it again repeats only what did not happen.
"""

import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

import httpx
from django.db import connection, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from governance.accounts.models import User
from governance.accounts.services import token_digest
from governance.approvals import services as approvals
from governance.approvals.errors import NotRenewable
from governance.approvals.models import GRANTED, ApprovalRequest
from governance.audit import services as audit
from governance.audit.actors import Actor, System
from governance.audit.events import Event
from governance.audit.governed import Governed
from governance.common import clock
from governance.inventory.models import AISystem
from governance.inventory.services import set_state
from registry import live, locks, mlflow, protected, refusals, renewals, selectors, watches
from registry.errors import ArtifactUnavailable, MlflowDown, NotApproved, UnknownModel, UnknownVersion
from registry.findings import RECONCILER, report
from registry.models import AliasChange, AliasHistory, ApplyGrant, ModelVersion, PromotionRequest, RegisteredModel

GRANT_LIFE = timedelta(seconds=10)
GIVE_UP_AFTER = timedelta(minutes=15)
LOCK_WAIT_S = 5.0
APPLIER = System("apply")
Kind, State = AliasChange.Kind, AliasChange.State


def ask(
    *,
    kind: AliasChange.Kind,
    model: RegisteredModel,
    alias: str,
    version: ModelVersion | None,
    promotion: PromotionRequest | None,
    asked_by: User | None,
    event: Event = Event.ALIAS_CHANGE_ASKED,
    actor: Actor | None = None,
    reason: str = "",
    journal_id: uuid.UUID | None = None,
    also: Sequence[Governed] = (),
) -> AliasChange:
    """Write down, in the open transaction, that an alias is to be written; a worker carries it out.

    Args:
        version: what the alias is to point to; None takes it off.
        promotion: on whose approval the version serves; None where nobody approved it.
        journal_id: the plugin's name of it, where it was done already while Placet was away.
        also: rows that change with it, which the same entry names.
    """
    now_live = selectors.live(model, alias)
    change = AliasChange(
        number=_next_number(),
        kind=kind,
        model=model,
        alias=alias,
        version=version,
        replaces=now_live.version if now_live else None,
        promotion=promotion,
        asked_by=asked_by,
        reason=reason,
        asked_at=clock.now(),
        journal_id=journal_id,
    )
    audit.append(event=event, actor=actor or asked_by or APPLIER, subjects=[*also, change], data=_said(change),
                 payload={"reason": reason} if reason else None)  # fmt: skip
    return change


def _said(change: AliasChange) -> dict[str, object]:
    """What everybody may know of a change."""
    approval = change.promotion.approval_id if change.promotion else None
    return {
        "change": change.number,
        "kind": change.kind,
        "model": str(change.model),
        "alias": change.alias,
        "version": change.version.number if change.version else None,
        "digest": change.version.artifact_digest if change.version else None,
        "replaces": change.replaces.number if change.replaces else None,
        **({"promotion": change.promotion.number} if change.promotion else {}),
        **({"request": approval} if approval else {}),
        **({"enforced": False} if change.model.is_recorded else {}),
    }


def carry_out(change_id: uuid.UUID) -> str:
    """Write one alias in MLflow and record it; returns the state that the change ends in. Safe twice.

    Outside any transaction, and one at a time for an alias: look at the version and digest its bytes again, take a
    single-use grant, call MLflow, then write who serves now. What lost its approval meanwhile, or can't be done for
    another reason, fails with it.

    Raises:
        MlflowDown: nothing was changed; the task tries again.
    """
    change = selectors.alias_change(change_id)
    with locks.held(f"alias {change.model.workspace}/{change.model.name}@{change.alias}", wait_s=LOCK_WAIT_S) as mine:
        if not mine:
            return change.state  # another one sets this alias; the sweep comes back to this one
        change = selectors.alias_change(change_id)  # as it is now that nobody else acts on the alias
        if change.state != State.ASKED or _is_too_early(change):
            return change.state
        try:
            refusal = _write(change)
        except MlflowDown as down:
            if not _too_late(change):
                raise
            refusal = f"MLflow did not answer for {GIVE_UP_AFTER.seconds // 60} minutes: {down.detail}"
        except (NotApproved, UnknownModel, UnknownVersion) as error:
            refusal = error.detail
        except (ArtifactUnavailable, PermissionError, httpx.HTTPStatusError) as error:
            refusal = str(error)
        if refusal:
            return fail(change_id, refusal)
        try:
            return record(change_id)
        except NotRenewable as error:
            return fail(change_id, error.detail)


def _is_too_early(change: AliasChange) -> bool:
    """Return whether MLflow's plugin may still have to tell that a permit moved the alias, which then stays so.

    It tells, each time before it checks in, what was done on permits while Placet was away.
    """
    if change.kind != Kind.REVERT or protected.in_force().detect_only:
        return False
    heard = watches.last_beat("plugin:")
    return heard is None or heard < change.asked_at


def _too_late(change: AliasChange) -> bool:
    """Return whether to give up on MLflow. What takes an alias off, or puts it back, is tried for ever."""
    return change.kind not in {Kind.STOP, Kind.REVERT} and clock.now() - change.asked_at > GIVE_UP_AFTER


def _write(change: AliasChange) -> str:
    """Have MLflow write the alias; return why it does not, empty when it is as it should be.

    Of what no MLflow holds there is nothing to write: what a person stated is recorded, if it may still be.
    """
    if change.model.is_recorded:
        return refusals.refusal(change)
    with mlflow.Client(change.model.workspace) as client:
        if refusal := refusals.refusal(change):
            return refusal
        if change.version is None:
            return _take_off(client, change)
        return _is_not(client, change, change.version) or _put(client, change, change.version)


def _is_not(client: mlflow.Client, change: AliasChange, version: ModelVersion) -> str:
    """Return how the version in MLflow differs from the one that is meant, empty when it does not."""
    now = client.version(version.model.name, version.number)
    if now.created_at_ms != version.mlflow_created_at_ms:
        return f"MLflow has another version {version.number} now; the approved one was deleted there."
    if moved := live.moved_to(client, version, now):
        return f"The version was changed in MLflow: {moved}."
    if changed := live.difference(client, version):
        if change.promotion:
            on_bytes_changed(version, change.promotion.approval, changed)
        return f"The store holds {changed}, not the approved {version.artifact_digest}."
    return ""


def _put(client: mlflow.Client, change: AliasChange, version: ModelVersion) -> str:
    name, alias = version.model.name, client.spelling(version.model.name, change.alias)
    if client.alias(name, alias) != version.number or not _ours(change, version):
        try:
            client.set_alias(name, alias, version.number, grant=take_grant(change.pk))
        except PermissionError as refusal:
            return f"The gate refused: {refusal}"
    if client.alias(name, alias) != version.number:
        return "MLflow accepted the call, but the alias points elsewhere."
    return ""


def _ours(change: AliasChange, version: ModelVersion) -> bool:
    """Return whether it was Placet that made the alias point to the version, so that no write is missing."""
    now_live = selectors.live(change.model, change.alias)
    return bool(now_live and now_live.version_id == version.pk) or change.grants.filter(used_at__isnull=False).exists()


def _take_off(client: mlflow.Client, change: AliasChange) -> str:
    name, alias = change.model.name, client.spelling(change.model.name, change.alias)
    if client.alias(name, alias) is not None:
        try:
            client.delete_alias(name, alias, grant=take_grant(change.pk))
        except PermissionError as refusal:
            return f"The gate refused: {refusal}"
    return "MLflow accepted the call, but the alias is still there." if client.alias(name, alias) is not None else ""


def on_bytes_changed(version: ModelVersion, approval: ApprovalRequest, changed: str) -> None:
    """Report bytes that are not the approved ones before they are live; the approval loses its force."""
    title = f"{version}: the store holds {changed[:26]}, approved is {version.artifact_digest[:26]}"
    report(code="digest-mismatch", title=title, severity="critical", system=approval.system, request=approval)
    if approval.state in GRANTED:
        approvals.suspend(request_id=approval.pk, actor=RECONCILER, reason=title)


@transaction.atomic
def take_grant(change_id: uuid.UUID) -> str:
    """Return the right to make one call to MLflow, which its plugin shows to the gate.

    Where MLflow runs without the plugin nobody asks for it: it counts as used at once, and says that it held nothing.

    Raises:
        NotApproved: the change has lost what it rests on.
    """
    change = locked(change_id)
    if refusal := refusals.refusal(change):
        raise NotApproved(refusal)
    return make_grant(change)


def make_grant(change: AliasChange) -> str:
    """Return a new grant for a change, in the open transaction; whether the change may be made is asked before."""
    token = "grant_" + secrets.token_urlsafe(32)
    now = clock.now()
    unasked = protected.in_force().detect_only
    grant = ApplyGrant(
        change=change,
        digest=token_digest(token),
        made_at=now,
        expires_at=now + GRANT_LIFE,
        used_at=now if unasked else None,
    )
    audit.append(
        event=Event.GRANT_MADE,
        actor=APPLIER,
        subjects=[grant],
        data={**_said(change), "grant_expires": grant.expires_at, "enforced": not unasked},
    )
    return token


def locked(change_id: uuid.UUID) -> AliasChange:
    """Return a change, locked for the rest of the transaction."""
    rows = AliasChange.objects.select_for_update(of=("self",))
    return rows.select_related(*selectors.OF_A_CHANGE).get(pk=change_id)


@transaction.atomic
def fail(change_id: uuid.UUID, reason: str) -> str:
    """Let a change fail that is not done, and return its state; a promotion fails with it."""
    change = locked(change_id)
    if change.state != State.ASKED:
        return change.state
    change.state, change.state_reason = State.FAILED, reason[:500]
    also: list[Governed] = []
    if change.kind == Kind.PROMOTION and change.promotion:
        promotion = PromotionRequest.objects.select_for_update(of=("self",)).get(pk=change.promotion.pk)
        if promotion.state == PromotionRequest.State.APPLYING:
            promotion.state, promotion.state_reason = PromotionRequest.State.FAILED, reason[:500]
            also = [promotion]
    audit.append(
        event=Event.PROMOTION_FAILED if also else Event.ALIAS_CHANGE_FAILED,
        actor=APPLIER,
        subjects=[*also, change],
        data=_said(change),
        payload={"reason": reason},
    )
    return change.state


@transaction.atomic
def record(change_id: uuid.UUID, *, at: datetime | None = None, actor: Actor = APPLIER) -> str:
    """Write who serves from now on, once MLflow has said so; return the state. Safe twice.

    A renewal ends the approval that it renews in the same moment, so that one of the two is in force at any time.

    Args:
        at: when it happened, where that was noticed later.

    Raises:
        NotRenewable: a renewal, or what it was to take the place of, has lost its force meanwhile.
    """
    change = locked(change_id)
    if change.state != State.ASKED:
        return change.state
    if change.kind == Kind.PROMOTION and change.promotion:
        renewals.end_renewed(change.promotion.approval, actor=actor)
    change.state, change.done_at = State.DONE, at or clock.now()
    subjects: list[Governed] = []
    if grant := change.grants.filter(used_at__isnull=False).order_by("-used_at").first():
        grant.written_at = clock.now()
        subjects.append(grant)
    subjects += _history(change)
    audit.append(
        event=Event.PROMOTION_APPLIED if change.kind == Kind.PROMOTION else Event.ALIAS_CHANGE_DONE,
        actor=actor,
        subjects=[*subjects, change],
        data=_said(change) | ({"since": change.done_at} if change.model.is_recorded else {}),
    )
    if change.version and change.model.system:
        set_state(ai_system=change.model.system, state=AISystem.State.LIVE, actor=actor)
    return change.state


def _history(change: AliasChange) -> list[Governed]:
    """End what was live and begin what is; return the rows that this changed. What goes back to them changes none."""
    rows = AliasHistory.objects.select_for_update(of=("self",)).select_related("promotion", "version__model")
    previous = rows.filter(model=change.model, alias=change.alias, during__endswith__isnull=True).first()
    if change.kind == Kind.REVERT and (previous is None or previous.version_id == change.version_id):
        return []
    subjects: list[Governed] = []
    since = moment = change.done_at or clock.now()
    if previous:
        since = max(moment, previous.during.lower + timedelta(microseconds=1))
        previous.during, previous.ended_by = DateTimeTZRange(previous.during.lower, since, "[)"), change
        subjects.append(previous)
        if previous.promotion and previous.promotion_id != change.promotion_id:
            previous.promotion.state = _LEFT_AS[Kind(change.kind)]
            previous.promotion.state_reason = f"{change}: {change.reason}"[:500] if change.reason else ""
            subjects.append(previous.promotion)
    if change.version is None:
        return subjects
    if change.promotion:
        promotion = change.promotion
        promotion.state, promotion.state_reason = PromotionRequest.State.APPLIED, ""
        promotion.applied_at = promotion.applied_at or change.done_at
        subjects.append(promotion)
    span = AliasHistory(
        model=change.model,
        alias=change.alias,
        version=change.version,
        promotion=change.promotion,
        during=DateTimeTZRange(since, None, "[)"),
        opened_by=change,
    )
    return [*subjects, span]


_LEFT_AS = {
    Kind.PROMOTION: PromotionRequest.State.SUPERSEDED,
    Kind.BREAK_GLASS: PromotionRequest.State.SUPERSEDED,
    Kind.REVERT: PromotionRequest.State.SUPERSEDED,
    Kind.ROLLBACK: PromotionRequest.State.ROLLED_BACK,
    Kind.STOP: PromotionRequest.State.ROLLED_BACK,
}
"""What becomes of the promotion that was live, by what took its place."""


def _next_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('registry_alias_change_number')")
        return int(cursor.fetchone()[0])
