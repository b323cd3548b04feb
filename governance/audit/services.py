"""Write to the log: one call saves governed rows and names them in one entry of the same transaction."""

import secrets
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F, Func, TextField

from governance.audit import changes
from governance.audit.actors import Actor
from governance.audit.canonical import encode, plain
from governance.audit.errors import EntryTooLarge, NoOpenTransaction
from governance.audit.events import Event
from governance.audit.governed import Governed, digest_function
from governance.audit.models import Payload
from governance.common import clock

MAX_BYTES = 65_535
PAYLOAD_DOMAIN = b"placet/payload/v1\x00"
_DIGEST = "row_digest_before"


@dataclass(frozen=True)
class SealedPayload:
    """An erasable text with its salt, ready to be committed to before the entry is written."""

    salt: bytes
    content: bytes

    @property
    def commitment(self) -> str:
        """The salted digest that stands for the text in the entry, and in whatever is signed."""
        return "sha256:" + sha256(PAYLOAD_DOMAIN + self.salt + self.content).hexdigest()


def seal(payload: Mapping[str, Any]) -> SealedPayload:
    """Give an erasable text its salt; pass the result to :func:`append` as ``sealed``."""
    return SealedPayload(secrets.token_bytes(32), encode(plain(payload)))


def append(
    *,
    event: Event,
    actor: Actor,
    subjects: Sequence[Governed] = (),
    deleted: Sequence[Governed] = (),
    data: Mapping[str, Any] | None = None,
    payload: Mapping[str, Any] | None = None,
    sealed: SealedPayload | None = None,
    erased: Payload | None = None,
) -> uuid.UUID:
    """Save ``subjects``, delete ``deleted``, and append the one entry that names them, all in the open transaction.

    Args:
        event: what happened.
        actor: who did it, as a pseudonymous id.
        subjects: governed rows, new or changed; they are saved here, in this order.
        deleted: governed rows to delete.
        data: what a stranger needs to understand the entry; no personal data. Decimals and floats become strings,
            so that the bytes have one form. What changed in ``subjects`` is added under ``changed``.
        payload: personal or long text (names, rationales). The entry holds a salted commitment to it, so it can be
            erased later without breaking a proof.
        sealed: the same, made by :func:`seal` because something signed names its commitment; instead of ``payload``.
        erased: the payload of an earlier entry, to delete; for ``governance.audit.erasure`` alone.

    Returns: the entry's id, which each subject now carries in ``log_entry``.

    Raises:
        NoOpenTransaction: called in autocommit; wrap the change and this call in ``transaction.atomic``.
        EntryTooLarge: the canonical bytes exceed 65,535.
        TypeError, ValueError: ``data`` or ``payload`` holds something that has no canonical form, or ``data`` holds
            ``changed``, which is written here alone.
    """
    if not connection.in_atomic_block:
        raise NoOpenTransaction(f"Wrap the change and audit.append({event}) in transaction.atomic().")
    said = plain(data or {})
    if changes.KEY in said:
        raise ValueError(f"data[{changes.KEY!r}] says how the subjects changed; append fills it in by itself.")
    if payload is not None:
        sealed = seal(payload)
    entry_id = uuid.uuid4()
    before = _before([row for row in (*subjects, *deleted) if not row._state.adding])
    named = [_named(row, before.get(row.pk), None) for row in deleted]
    changed: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in deleted:
        row.delete()
    if erased is not None:
        gone = SealedPayload(bytes(erased.salt), bytes(erased.payload)).commitment
        named.append({"table": "audit_payload", "key": str(erased.pk), "before": gone, "after": None})
        erased.delete()
    # What a row becomes, PostgreSQL knows best: it fills in the digest as it writes the entry. Until then its place
    # holds a mark, of the same length, that nothing else in the entry can hold.
    marks = {f"sha256:{secrets.token_hex(32)}": row for row in subjects}
    for mark, row in marks.items():
        named.append(_named(row, before.get(row.pk), mark))
        row.log_entry = entry_id
        row.save()
        if (was := before.get(row.pk)) and (differs := changes.changes(row, was)):
            changed[row._meta.db_table][str(row.pk)] = differs
    if changed:
        said[changes.KEY] = changed
    body = encode(
        {
            "v": 1,
            "log": settings.LOG_ORIGIN,
            "id": str(entry_id),
            "event": str(event),
            "at": clock.rfc3339(clock.now()),
            "actor": actor.actor_id,
            "subjects": named,
            "data": said,
            "payload": sealed.commitment if sealed else None,
        }
    )
    if len(body) > MAX_BYTES:
        raise EntryTooLarge(f"{event}: {len(body)} bytes; an entry holds at most {MAX_BYTES}. Name digests instead.")
    _insert(body, marks, entry_id, sealed)
    return entry_id


def _named(row: Governed, before: changes.Values | None, after: str | None) -> dict[str, str | None]:
    digest = before[_DIGEST] if before else None
    return {"table": row._meta.db_table, "key": str(row.pk), "before": digest, "after": after}


def _insert(body: bytes, marks: Mapping[str, Governed], entry_id: uuid.UUID, sealed: SealedPayload | None) -> None:
    """Write the entry, and its payload if it has one, in one statement."""
    pieces, rest = ["%s"], body
    values: list[Any] = []
    for mark, row in marks.items():
        piece, _, rest = rest.partition(mark.encode())
        values += [piece, row.pk]
        pieces.append(f"convert_to({digest_function(row._meta.db_table)}(%s), 'UTF8') || %s")
    values.append(rest)
    statement = f"INSERT INTO audit_entry (body) VALUES ({' || '.join(pieces)})"  # noqa: S608 (fixed pieces)
    if sealed is not None:
        statement = (
            f"WITH entry AS ({statement}) "  # noqa: S608 (as above)
            "INSERT INTO audit_payload (entry_id, salt, payload) VALUES (%s, %s, %s)"
        )
        values += [entry_id, sealed.salt, sealed.content]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _before(rows: Sequence[Governed]) -> dict[uuid.UUID, changes.Values]:
    """Ask PostgreSQL for the rows as they stand, each with its digest, one query per table."""
    by_model: dict[type[Governed], list[uuid.UUID]] = defaultdict(list)
    for row in rows:
        by_model[type(row)].append(row.pk)
    found: dict[uuid.UUID, changes.Values] = {}
    for model, keys in by_model.items():
        digest = Func(F("pk"), function=digest_function(model._meta.db_table), output_field=TextField())
        standing = model._base_manager.filter(pk__in=keys).annotate(**{_DIGEST: digest})
        found.update({row["id"]: row for row in standing.values()})
    return found
