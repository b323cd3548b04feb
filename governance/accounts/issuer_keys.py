"""The public keys of issuers whose tokens are exchanged: fetched where the issuer says, and kept in this process.

Not in the cache, which more than this process writes: who could put a key there could be anybody.
"""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from governance.accounts.workload_tokens import NotBelieved
from governance.common.outgoing import FetchFailed, fetch

KEPT_S, AGAIN_AFTER_S = 3600, 60
MOST_BYTES, MOST_KEYS, SECONDS = 256 * 1024, 50, 5.0

Keys = Mapping[str, Mapping[str, Any]]


@dataclass
class _Issuer:
    keys: Keys = field(default_factory=dict)
    fetched_at: float = float("-inf")
    asked_at: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)


_issuers: dict[str, _Issuer] = {}
_lock = threading.Lock()


def key_of(issuer: str, kid: str) -> Mapping[str, Any]:
    """Return an issuer's public key by its id. Call it only for an issuer that somebody trusts.

    The keys are fetched anew after an hour, and for an id that is not among them; at most once a minute.

    Raises:
        NotBelieved: the issuer has no such key, or does not say its keys.
    """
    with _lock:
        known = _issuers.setdefault(issuer, _Issuer())
    with known.lock:
        now = time.monotonic()
        fresh = now - known.fetched_at < KEPT_S
        if not (fresh and kid in known.keys):
            if now - known.asked_at < AGAIN_AFTER_S:
                raise NotBelieved("its issuer's keys are unknown or lack it, and were asked for within this minute")
            known.asked_at = now
            known.keys = _published(issuer)
            known.fetched_at = now
    if kid not in known.keys:
        raise NotBelieved("its issuer has no such key")
    return known.keys[kid]


def forget() -> None:
    """Forget every key, as a new process does."""
    with _lock:
        _issuers.clear()


def _published(issuer: str) -> Keys:
    described = _fetched(issuer.rstrip("/") + "/.well-known/openid-configuration")
    if described.get("issuer") != issuer:
        raise NotBelieved("its issuer describes another one")
    address = described.get("jwks_uri")
    if not isinstance(address, str) or _origin(address) != _origin(issuer):
        raise NotBelieved("its issuer's keys lie at another server")
    rows = _fetched(address).get("keys")
    if not isinstance(rows, list) or len(rows) > MOST_KEYS:
        raise NotBelieved("its issuer's keys are no list of keys")
    return {row["kid"]: row for row in rows if isinstance(row, dict) and isinstance(row.get("kid"), str)}


def _origin(address: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return "", address, None
    return parts.scheme, parts.hostname, port


def _fetched(address: str) -> dict[str, Any]:
    try:
        content = fetch(
            address,
            hosts=settings.WORKLOAD_HOSTS,
            setting="PLACET_WORKLOAD_HOSTS",
            most_bytes=MOST_BYTES,
            seconds=SECONDS,
        )
        found = json.loads(content)
    except FetchFailed as error:
        raise NotBelieved(f"its issuer's keys can't be had: {error}") from error
    except (ValueError, RecursionError) as error:
        raise NotBelieved("its issuer's keys can't be had: the answer is no JSON") from error
    if not isinstance(found, dict):
        raise NotBelieved("its issuer's keys can't be had: the answer is no object")
    return found
