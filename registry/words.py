"""The word by which MLflow's database lets one protected write pass: who said so, for exactly what, once, for how long.

``v1.<expires>.<nonce>.<hex HMAC-SHA256>`` over length-prefixed fields, so that no two writes have one text. The trigger
that ``manage.py harden_mlflow_db`` makes checks the same (registry/hardening_sql.py).
"""

import hmac
import secrets
from hashlib import sha256

from placet.mlflow_plugin.protection import fold

DOMAIN = "placet-word/1"
STAGE = "stage:production"
"""Stands for MLflow's stage Production where an alias would stand."""


def word(
    *,
    key: bytes,
    workspace: str,
    model: str,
    alias: str,
    version: int | None,
    created_at_ms: int | None,
    expires: int,
    nonce: str = "",
) -> str:
    """Return the word for one write.

    Args:
        key: what PLACET_MLFLOW_WORD_KEY names, as bytes.
        alias: in any spelling, or ``STAGE``.
        version: what the alias is to point to; None to take it off, or to leave the stage.
        created_at_ms: MLflow's creation time of that version, in milliseconds; None with it.
        expires: seconds since 1970; the database refuses more than two minutes from its own now.
        nonce: letters and digits; random if left out.
    """
    nonce = nonce or secrets.token_hex(16)
    text = canonical(workspace, model, alias, version, created_at_ms, expires, nonce)
    return f"v1.{expires}.{nonce}.{hmac.new(key, text, sha256).hexdigest()}"


def canonical(
    workspace: str,
    model: str,
    alias: str,
    version: int | None,
    created_at_ms: int | None,
    expires: int,
    nonce: str,
) -> bytes:
    """Return the bytes that the word's MAC is over: each field as ``<bytes>:<text>,``."""
    fields = (
        *(DOMAIN, workspace, model, alias if alias == STAGE else fold(alias)),
        "" if version is None else str(version),
        "" if created_at_ms is None else str(created_at_ms),
        *(str(expires), nonce),
    )
    return b"".join(b"%d:%s," % (len(raw := field.encode()), raw) for field in fields)
