"""The event that asks for retraining, and its signature. Pure.

CloudEvents 1.0 in structured JSON, signed as Standard Webhooks has it, so that receivers need no code of ours:
``webhook-signature: v1,<base64 of HMAC-SHA256 over "<id>.<timestamp>.<body>">``.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from governance.common.clock import rfc3339

TYPE = "placet.model.drifted.v1"
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


def event_of(*, call_id: str, source: str, subject: str, at: datetime, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event.

    Args:
        source: the address of this Placet.
        subject: model and version, ``credit-risk/2``.
        data: what drifted and where its evidence is; no row of data is in it.
    """
    return {
        "specversion": "1.0",
        "id": call_id,
        "source": source,
        "type": TYPE,
        "subject": subject,
        "time": rfc3339(at),
        "datacontenttype": "application/json",
        "data": dict(data),
    }


def body_of(event: Mapping[str, Any]) -> bytes:
    """Return the bytes that are signed and sent; the same for each attempt."""
    return json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def headers_of(event: Mapping[str, Any], secret: str, *, now: datetime) -> dict[str, str]:
    """Return the headers of one attempt, with its own time: a receiver refuses old ones.

    Source: Standard Webhooks 1.0.0, "Webhook metadata" and "Signature scheme".
    """
    at, body = str(int(now.timestamp())), body_of(event)
    signed = f"{event['id']}.{at}.".encode() + body
    signature = base64.b64encode(hmac.new(key_of(secret), signed, sha256).digest()).decode()
    return {
        "content-type": CONTENT_TYPE,
        "webhook-id": str(event["id"]),
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{signature}",
    }


def key_of(secret: str) -> bytes:
    """Return the key of a secret: ``whsec_`` and base64, as Standard Webhooks writes it.

    Raises:
        ValueError: it is no such secret, or holds fewer than 24 bytes.
    """
    head, _, text = secret.partition("_")
    key = base64.b64decode(text, validate=True) if head == "whsec" else b""
    if len(key) < 24:
        raise ValueError("A secret is whsec_ and the base64 of 24 bytes or more.")
    return key
