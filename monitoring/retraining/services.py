"""Set a retraining hook, call it for an alert, and send what waits until it was taken."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import apart, clock
from governance.common.errors import DomainError, Forbidden, InvalidInput
from governance.notices import sealing
from monitoring.models import Alert, DriftRun
from monitoring.retraining.event import body_of, event_of, headers_of, key_of
from monitoring.retraining.models import RetrainCall, RetrainHook
from monitoring.terms import terms_of
from registry.models import RegisteredModel

CALLER = System("monitoring")
LEASE = timedelta(minutes=2)
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 480))
"""How long to wait after each attempt that failed; after the last one the call is given up, as page and log say."""
DEADLINE_S = 40


@dataclass(frozen=True)
class _Claim:
    call: RetrainCall
    attempt: int


@transaction.atomic
def set_hook(*, model: RegisteredModel, url: str, secret: str, by: User) -> RetrainHook:
    """Have an address called when a version of a model has drifted; it takes the place of the one before.

    Args:
        url: https; http for a server that PLACET_HOOK_HOSTS allows by name.
        secret: ``whsec_…``, with which the events are signed.
    Raises:
        Forbidden: the person is no administrator.
        InvalidInput: the address or the secret can't be used.
        ChannelsUnavailable: there is no key to keep it under.
    """
    if not has_role(by, Role.ADMINISTRATOR):
        raise Forbidden("An administrator sets a retraining hook.")
    try:
        parts = urlsplit(url.strip())
        named = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    except ValueError as error:
        raise InvalidInput(f"This is no address: {error}.") from error
    if parts.scheme != "https" and not (parts.scheme == "http" and named in settings.HOOK_HOSTS):
        raise InvalidInput("Write an https address, or allow the server's host:port in PLACET_HOOK_HOSTS.")
    if not parts.hostname or parts.username or parts.password or len(url) > 500:
        raise InvalidInput(
            "Write one address with a host, without a name and a password in it, of 500 characters at most."
        )
    try:
        key_of(secret)
    except ValueError as error:
        raise InvalidInput(str(error)) from error
    ended = end_hook(model=model, by=by)
    hook = RetrainHook(
        model=model,
        sealed=sealing.seal(json.dumps({"url": url.strip(), "secret": secret})),
        shown=f"{parts.scheme}://{parts.netloc}"[:200],
        set_by=by,
        set_at=clock.now(),
    )
    audit.append(
        event=Event.RETRAIN_HOOK_SET,
        actor=by,
        subjects=[hook],
        data={"model": str(model), "host": hook.shown, "instead_of": ended.pk if ended else None},
    )
    return hook


@transaction.atomic
def end_hook(*, model: RegisteredModel, by: User) -> RetrainHook | None:
    """End the hook of a model; None where it has none.

    Raises:
        Forbidden: the person is no administrator.
    """
    if not has_role(by, Role.ADMINISTRATOR):
        raise Forbidden("An administrator ends a retraining hook.")
    RegisteredModel.objects.select_for_update(of=("self",)).get(pk=model.pk)
    hook = hook_for(model)
    if hook:
        hook.ended_at = clock.now()
        audit.append(
            event=Event.RETRAIN_HOOK_ENDED, actor=by, subjects=[hook], data={"model": str(model), "host": hook.shown}
        )
    return hook


def hook_for(model: RegisteredModel) -> RetrainHook | None:
    """Return the hook of a model, None where it has none."""
    return RetrainHook.objects.filter(model=model, ended_at__isnull=True).first()


def call_for(alert: Alert, run: DriftRun) -> RetrainCall | None:
    """Write down that a breach calls the hook, where the policy wants it and there is one; sent once committed."""
    hook = hook_for(run.monitor.model)
    if call_of(alert) is not None:
        return None  # once for each alert
    if hook is None or "retrain" not in terms_of(run.monitor, run.version).monitoring.on_breach:
        return None
    payload, now = run.evidence.payload, clock.now()
    call = RetrainCall(hook=hook, alert=alert, next_at=now)
    call.event = event_of(
        call_id=str(call.pk),
        source=settings.BASE_URL,
        subject=run.version.subject_name,
        at=now,
        data={
            "alert": f"AL-{alert.number}",
            "alert_id": str(alert.pk),
            "alert_url": f"{settings.BASE_URL}/alerts/{alert.pk}",
            "model": str(run.monitor.model),
            "version": run.version.number,
            "alias": run.monitor.alias,
            "artifact_digest": run.version.artifact_digest,
            "window": payload["window"],
            "columns": [column["column"] for column in payload["columns"] if column["outcome"] == "drift"],
            "signals": sorted({row["signal"] for row in payload["signals"] if row["outcome"] == "breach"}),
            "evidence": {"id": str(run.evidence_id), "payload_digest": run.evidence.payload_digest},
        },
    )
    call.save(force_insert=True)
    return call


def deliver_due(*, most: int = 3) -> int:
    """Send what is due; return how many events were taken. Few at a time: a host that hangs must not keep a worker."""
    taken = 0
    for _ in range(most):
        claim = _claim()
        if claim is None:
            break
        taken += _deliver(claim)
    return taken


@transaction.atomic
def _claim() -> _Claim | None:
    now = clock.now()
    due = RetrainCall.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        Q(lease_until__isnull=True) | Q(lease_until__lt=now), state=RetrainCall.State.WAITING, next_at__lte=now
    )
    call = due.select_related("hook__model").order_by("next_at").first()
    if call is None:
        return None
    call.attempts += 1
    call.lease_until = now + LEASE
    call.save(update_fields=["attempts", "lease_until"])
    return _Claim(call, call.attempts)


def _deliver(claim: _Claim) -> bool:
    """Send one event. One whose answer was lost is sent again with the same id: receivers keep ids."""
    call = claim.call
    hook = hook_for(call.hook.model) if call.hook.ended_at else call.hook  # it may have been replaced
    why = _post(call, hook) if hook else "The hook was ended."
    with transaction.atomic():
        row = RetrainCall.objects.select_for_update(of=("self",)).get(pk=call.pk)
        if row.attempts != claim.attempt or row.state != RetrainCall.State.WAITING:
            return False  # another worker has it
        row.lease_until, row.error = None, why[:300]
        over = bool(why) and (row.attempts > len(WAITS) or hook is None)
        if not why:
            row.state, row.taken_at = RetrainCall.State.TAKEN, clock.now()
        elif over:
            row.state = RetrainCall.State.GIVEN_UP
        else:
            row.next_at = clock.now() + WAITS[row.attempts - 1]
        row.save()
        if not why or over:
            _say(row)
    return not why


def _say(call: RetrainCall) -> None:
    alert = Alert.objects.select_related("monitor__model").get(pk=call.alert_id)
    audit.append(
        event=Event.RETRAIN_CALLED,
        actor=CALLER,
        subjects=[],
        data={
            "alert": alert.pk,
            "number": alert.number,
            "model": str(alert.monitor.model),
            "call": call.pk,
            "state": str(call.state),
            "attempts": call.attempts,
            "event": _digest(call),
        },
    )


def _digest(call: RetrainCall) -> str:
    return f"sha256:{sha256(body_of(call.event)).hexdigest()}"


def _post(call: RetrainCall, hook: RetrainHook) -> str:
    """Return an empty text once the event was taken, else why it was not."""
    try:
        kept = json.loads(sealing.unseal(hook.sealed))
    except DomainError as refusal:
        return refusal.detail
    asked = {
        "url": kept["url"],
        "headers": headers_of(call.event, kept["secret"], now=clock.now()),
        "body": body_of(call.event).decode(),
        "allowed": settings.HOOK_HOSTS,
    }
    return apart.error_of("monitoring.retraining.post", asked, deadline_s=DEADLINE_S)


def call_of(alert: Alert) -> RetrainCall | None:
    """Return the call that an alert made, None where it made none."""
    call: RetrainCall | None = getattr(alert, "retrain_call", None)
    return call
