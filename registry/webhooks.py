"""MLflow's webhooks: verified hints that something changed. They only wake the watch; the poll finds what they lose.

MLflow signs with HMAC-SHA256 over ``{delivery id}.{timestamp}.{body}`` and sends up to four times under one delivery id
(https://mlflow.org/docs/latest/ml/webhooks/). A webhook names no actor and no old version, and anybody who may
change MLflow's webhooks can disable ours; so nothing is believed because of one, and a disabled one is a finding.
"""

import base64
import binascii
import hmac
import json
import logging
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

from governance.common import clock
from registry import mlflow
from registry.errors import WebhookRefused
from registry.findings import report
from registry.models import WebhookDelivery

log = logging.getLogger(__name__)
NAME = "placet"
EVENTS = (
    ("REGISTERED_MODEL", "CREATED"),
    ("MODEL_VERSION", "CREATED"),
    ("MODEL_VERSION_ALIAS", "CREATED"),
    ("MODEL_VERSION_ALIAS", "DELETED"),
)
LARGEST = 65_536
WINDOW_S = 300
"""How far a timestamp may lie from now, to either side, in seconds; deliveries are remembered for longer."""
WAKES_EVERY_S = 2


def verify(headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
    """Return the delivery's id and its event, ``model_version_alias.created``.

    Raises:
        WebhookRefused: no secret is set, the signature or the form is wrong, or it is older or newer than five minutes.
    """
    delivery, sent_at = headers.get("X-MLflow-Delivery-Id", ""), headers.get("X-MLflow-Timestamp", "")
    version, _, signature = headers.get("X-MLflow-Signature", "").partition(",")
    if not settings.WEBHOOK_SECRET:
        raise WebhookRefused("Placet has no secret for webhooks; set PLACET_MLFLOW_WEBHOOK_SECRET.")
    if len(body) > LARGEST:
        raise WebhookRefused(f"A webhook has at most {LARGEST:,} bytes.")
    if not re.fullmatch(r"[A-Za-z0-9-]{1,100}", delivery) or not re.fullmatch(r"[0-9]{1,12}", sent_at, re.ASCII):
        raise WebhookRefused("The webhook names no delivery and time.")
    made = hmac.new(settings.WEBHOOK_SECRET.encode(), f"{delivery}.{sent_at}.".encode() + body, sha256).digest()
    if version != "v1" or not hmac.compare_digest(made, _decoded(signature)):
        raise WebhookRefused("The webhook's signature is not MLflow's; check the secret on both sides.")
    if abs(clock.now().timestamp() - int(sent_at)) > WINDOW_S:
        raise WebhookRefused("The webhook is from another time; check both clocks.")
    return delivery, _event(body)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _event(body: bytes) -> str:
    try:
        said = json.loads(body)
        return f"{said['entity']}.{said['action']}"[:80]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise WebhookRefused("The webhook's body says no entity and action.") from None


def receive(headers: Mapping[str, str], body: bytes) -> bool:
    """Take one webhook; return whether the watch should wake for it.

    A delivery that came before wakes nothing, nor does one within two seconds of the last: the pass that is about to
    begin sees what both speak of, or the poll does.

    Raises:
        WebhookRefused: see :func:`verify`.
    """
    delivery, event = verify(headers, body)
    if not _first(f"placet:webhook:{delivery}", 3 * WINDOW_S):
        return False
    _, made = WebhookDelivery.objects.get_or_create(pk=delivery, defaults={"event": event, "received_at": clock.now()})
    return made and _first("placet:webhook-woke", WAKES_EVERY_S)


def _first(key: str, seconds: int) -> bool:
    """Return whether a key is new in the cache; also where the cache does not answer, since the rows know too."""
    try:
        return bool(cache.add(key, 1, timeout=seconds))
    except RedisError as error:
        log.warning("the cache does not answer (%s); deliveries are told apart by their rows", error)
        return True


def install(client: mlflow.Client, *, url: str) -> str:
    """Make our webhook in MLflow, or mend it; return what was done: ``made`` or ``mended``.

    Raises:
        MlflowDown: no answer.
        PermissionError, httpx.HTTPStatusError: MLflow refuses it, or its address.
    """
    wanted = {
        "name": NAME,
        "url": url,
        "events": [{"entity": entity, "action": action} for entity, action in EVENTS],
        "secret": settings.WEBHOOK_SECRET,
        "status": "ACTIVE",
    }
    for row in client.webhooks():
        if row.get("name") == NAME:
            client.change_webhook(str(row["webhook_id"]), wanted)
            return "mended"
    client.make_webhook(wanted)
    return "made"


def complaint(client: mlflow.Client, *, url: str) -> str:
    """Return what is wrong with our webhook in MLflow, an empty text when nothing is.

    Raises:
        MlflowDown: no answer.
    """
    ours = [row for row in client.webhooks() if row.get("name") == NAME]
    if not ours:
        return "it is gone"
    row: dict[str, Any] = ours[0]
    if row.get("status") != "ACTIVE":
        return "it is disabled"
    if row.get("url") != url:
        return "it leads elsewhere"
    heard = {(event.get("entity"), event.get("action")) for event in row.get("events", ())}
    return "" if set(EVENTS) <= heard else "it no longer tells of every change"


def check(client: mlflow.Client) -> list[str]:
    """Report a webhook that was installed and does not work as it was; nothing where none is expected."""
    if not settings.WEBHOOK_SECRET or not WebhookDelivery.objects.exists():
        return []
    wrong = complaint(client, url=settings.WEBHOOK_URL)
    if not wrong:
        return []
    return report(
        code="webhook-disabled",
        title=f"MLflow's webhook to Placet: {wrong}. Changes are seen by the poll alone; run manage.py mlflow_webhook",
        severity="medium",
    )
