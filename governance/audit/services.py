"""Write to the log: one call saves governed rows and names them in one entry of the same transaction."""

import secrets
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any

import rfc8785
from django.conf import settings
from django.db import connection

from governance.audit.actors import Actor
from governance.audit.errors import EntryTooLarge, NoOpenTransaction
from governance.audit.events import Event
from governance.audit.governed import Governed
from governance.common import clock

MAX_BYTES = 65_535
PAYLOAD_DOMAIN = b"placet/payload/v1\x00"


@dataclass(frozen=True)
class SealedPayload:
    """A payload whose commitment is known before its entry is written, so that a signed statement can carry it."""

    salt: bytes
    content: bytes

    @property
    def commitment(self) -> str:
        """The commitment that the entry will hold."""
        return commitment(self.salt, self.content)


def seal(payload: Mapping[str, Any]) -> SealedPayload:
    """Return ``payload`` in its canonical bytes, under a new salt."""
    return SealedPayload(secrets.token_bytes(32), rfc8785.dumps(_plain(payload)))


def append(
    *,
    event: Event,
    actor: Actor,
    subjects: Sequence[Governed] = (),
    deleted: Sequence[Governed] = (),
    data: Mapping[str, Any] | None = None,
    payload: Mapping[str, Any] | None = None,
    sealed: SealedPayload | None = None,
) -> uuid.UUID:
    """Save ``subjects``, delete ``deleted``, and append the one entry that names them, all in the open transaction.

    Args:
        event: what happened.
        actor: who did it, as a pseudonymous id.
        subjects: governed rows, new or changed; they are saved here, in this order.
        deleted: governed rows to delete.
        data: what a stranger needs to understand the entry; no personal data. Decimals and floats become strings,
            so that the bytes have one form.
        payload: personal or long text (names, rationales). The entry holds a salted commitment to it, so it can be
            erased later without breaking a proof.
        sealed: the same, sealed beforehand; in place of ``payload``.

    Returns: the entry's id, which each subject now carries in ``log_entry``.

    Raises:
        NoOpenTransaction: called in autocommit; wrap the change and this call in ``transaction.atomic``.
        EntryTooLarge: the canonical bytes exceed 65,535.
        TypeError: ``data`` holds something that has no canonical form.
    """
    if not connection.in_atomic_block:
        raise NoOpenTransaction(f"Wrap the change and audit.append({event}) in transaction.atomic().")
    entry_id = uuid.uuid4()
    before = {id(row): None if row._state.adding else _digest(row) for row in subjects}
    named = [
        {"table": row._meta.db_table, "key": str(row.pk), "before": _digest(row), "after": None} for row in deleted
    ]
    for row in deleted:
        row.delete()
    for row in subjects:
        row.log_entry = entry_id
        row.save()
    after = _digests(subjects)
    named += [
        {"table": row._meta.db_table, "key": str(row.pk), "before": before[id(row)], "after": after[row.pk]}
        for row in subjects
    ]
    if payload is not None:
        sealed = seal(payload)
    body = rfc8785.dumps(
        {
            "v": 1,
            "log": settings.LOG_ORIGIN,
            "id": str(entry_id),
            "event": str(event),
            "at": clock.rfc3339(clock.now()),
            "actor": actor.actor_id,
            "subjects": named,
            "data": _plain(data or {}),
            "payload": sealed.commitment if sealed else None,
        }
    )
    if len(body) > MAX_BYTES:
        raise EntryTooLarge(f"{event}: {len(body)} bytes; an entry holds at most {MAX_BYTES}. Name digests instead.")
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO audit_entry (body) VALUES (%s)", [body])
        if sealed:
            cursor.execute(
                "INSERT INTO audit_payload (entry_id, salt, payload) VALUES (%s, %s, %s)",
                [entry_id, sealed.salt, sealed.content],
            )
    return entry_id


def commitment(salt: bytes, payload: bytes) -> str:
    """Return the salted commitment that stands in the entry for its erasable payload."""
    return "sha256:" + sha256(PAYLOAD_DOMAIN + salt + payload).hexdigest()


def _digest(row: Governed) -> str | None:
    return _digests([row]).get(row.pk)


def _digests(rows: Sequence[Governed]) -> dict[uuid.UUID, str]:
    """Ask PostgreSQL for the rows' digests, one query per table."""
    by_table: dict[str, list[uuid.UUID]] = defaultdict(list)
    for row in rows:
        by_table[row._meta.db_table].append(row.pk)
    found: dict[uuid.UUID, str] = {}
    with connection.cursor() as cursor:
        for table, keys in by_table.items():
            cursor.execute(
                "SELECT k, d FROM unnest(%s::text[]) AS k, audit_row_digest(%s, k) AS d WHERE d IS NOT NULL",
                [[str(key) for key in keys], table],
            )
            found.update({uuid.UUID(key): digest for key, digest in cursor.fetchall()})
    return found


def _plain(value: Any) -> Any:
    """Give ``value`` its one canonical form: strings, integers, booleans, null, lists and maps with text keys."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float | Decimal):
        return str(value)
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes):
        return [_plain(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if hasattr(value, "isoformat"):
        return clock.rfc3339(value) if hasattr(value, "hour") else value.isoformat()
    raise TypeError(f"{type(value).__name__} has no canonical form in a log entry; give a string.")
