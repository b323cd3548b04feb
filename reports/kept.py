"""Say of a document of ours whether what is kept of it still holds: its facts, evidence, time-stamps and signatory."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

import rfc8785

from governance.accounts.models import User
from governance.audit import selectors as log
from governance.common import clock
from governance.common.errors import Unknown
from governance.evidence import storage
from governance.evidence.models import Evidence
from reports import selectors
from reports.documents.snapshot import SnapshotInvalid, digest
from reports.models import Document


@dataclass(frozen=True)
class Stamp:
    """A later time-stamp of a document.

    Attributes:
        asked: ``imprint`` and ``token``, to be judged where pyHanko is; None where there is nothing to judge.
        why: why it does not hold, empty where it does.
        problem: set where it could not be judged at all.
    """

    number: int
    stamped_at: datetime
    ends_at: datetime
    asked: dict[str, str] | None = None
    why: str = ""
    problem: bool = False


@dataclass(frozen=True)
class Signatory:
    """Who made the statement of a document. ``index``: of the log's entry, None where it has no place yet.

    ``why`` says what does not fit, empty where the log tells of this very signature.
    """

    name: str
    function: str
    on_behalf_of: str
    signed_at: datetime
    index: int | None
    why: str


def changed(row: Document) -> list[str]:
    """Say what a document was made from and is no longer what it was: its snapshot, and the evidence that it cites."""
    said = []
    try:
        holds = digest(row.snapshot) == row.snapshot_digest
    except SnapshotInvalid:
        holds = False
    if not holds:
        said.append("the facts in the database are not the ones that it was made from")
    if not log.stands_as_told(Document._meta.db_table, str(row.pk)):
        said.append("its row in the database is not what the log tells")
    return [*said, *_evidence_that_changed(row.snapshot)]


def _evidence_that_changed(snapshot: Any) -> Iterator[str]:
    """Say which evidence that a document cites is not in the database any more, or not as the document has it."""
    parts = snapshot.get("evidence") if isinstance(snapshot, dict) else None
    cited = {str(part["id"]): part for part in parts or ()}
    rows = Evidence.objects.filter(pk__in=[*cited]).values_list("pk", "payload", "payload_digest")
    kept = {str(pk): (payload, stated) for pk, payload, stated in rows}
    for pk, part in cited.items():
        payload, stated = kept.get(pk, (None, ""))
        found = "sha256:" + sha256(rfc8785.dumps(payload)).hexdigest() if payload is not None else ""
        if not found == stated == part.get("payload_digest"):
            what = "is not in the database" if payload is None else "in the database is not what it was made from"
            yield f"the evidence {part.get('type')} {pk[:8]} that it cites {what}"


def covered(row: Document) -> list[Stamp]:
    """Return the later time-stamps of a document, each with what has to be judged of it, or why it does not hold."""
    stamps = list(row.time_stamps.order_by("number"))
    found: list[Stamp] = []
    if not stamps:
        return found
    whole, until, why = hashlib.sha512(), row.time_stamp_ends_at, ""
    try:
        whole.update(storage.get(row.pdf_digest))
    except Unknown:
        why = "Our own copy of the file is missing."
    for stamp in stamps:
        one = Stamp(stamp.number, stamp.stamped_at, stamp.ends_at, why=why)
        try:
            token = storage.get(stamp.token_digest)
        except Unknown:
            token, why = b"", "The time-stamp, or one before it, is missing."
            one = replace(one, why=one.why or why)
        if not one.why and stamp.imprint != f"sha512:{whole.hexdigest()}":
            one = replace(one, why="It does not cover the file and the time-stamps before it.")
        if not one.why and until and stamp.stamped_at > until:
            one = replace(one, why="The time-stamp before it had ended when this one was made.")
        if not one.why:
            asked = {"imprint": whole.hexdigest(), "token": base64.b64encode(token).decode()}
            one = replace(one, asked=asked)
        found.append(one)
        whole.update(token)
        until = stamp.ends_at
    return found


def judged(stamps: Sequence[Stamp], said: Sequence[str | None] | None) -> list[Stamp]:
    """Return time-stamps with what was said of those that were asked about, in their order.

    Args:
        said: for each why it does not hold, empty where it does, None where nobody can say; None where there was no
            answer at all.
    """
    answers = iter(said or ())
    found = [_answered(stamp, next(answers, None)) if stamp.asked else stamp for stamp in stamps]
    if found and not found[-1].why and found[-1].ends_at <= clock.now():
        found[-1] = replace(found[-1], why="It has ended, and no later one was made.")
    return found


def _answered(stamp: Stamp, why: str | None) -> Stamp:
    return replace(stamp, why=why or "", problem=why is None)


def newer(row: Document, person: User) -> Document | None:
    """Return the newest later version of a document that a person may read, None where it is the newest itself.

    A draft that nobody signed replaces no signed document, and the report of a quarter none of another.
    """
    later = selectors.versions_of(person, row).filter(made_at__gt=row.made_at)
    if row.kind == Document.Kind.MODEL_RISK:
        later = later.filter(snapshot__portfolio__from=row.snapshot["portfolio"]["from"])
    if row.signatory_id:
        later = later.exclude(Document.drafts_of_statements())
    return later.first()


def signatory_of(row: Document) -> Signatory | None:
    """Return who made the statement of a document, and what the log says of that; None where nobody did."""
    made = row.signatory
    if made is None:
        return None
    index = log.indexes_of([made.log_entry]).get(made.log_entry)
    why = ""
    try:
        data = log.entry_by_id(made.log_entry).parsed["data"]
    except Unknown:
        why = "The log has no entry of this signature."
    else:
        named = data.get("document"), data.get("snapshot"), data.get("pdf")
        draft = made.document
        if named != (str(draft.pk), draft.snapshot_digest, draft.pdf_digest):
            why = "The log's entry is about another document."
        elif not log.stands_as_told(made._meta.db_table, str(made.pk)):
            why = "The name and function in the database are not the ones that the log tells of."
    return Signatory(made.name, made.function, made.on_behalf_of, made.signed_at, index, why)
