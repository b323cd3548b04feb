"""Take what a search finds out of the log as a list, for reading on. It proves nothing; the bundle does."""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.conf import settings
from django.db import transaction

from governance.audit import services
from governance.audit.actors import Actor
from governance.audit.events import Event
from governance.audit.searching import Query, each
from governance.audit.selectors import LogEntry
from governance.common import clock
from placet import spreadsheets

FORMAT = "placet-log-search/1"
COLUMNS = ("index", "id", "at", "event", "actor", "subjects", "data", "leaf_hash")
_NOTE = (
    "Result of a search in the audit log {origin}, {size} entries, taken by {actor} at {at}. This list proves nothing: "
    "it can be incomplete or changed. What proves each entry, and that none is missing, is the audit bundle: {bundle}"
)


@transaction.atomic
def record(*, query: Query, form: str, asked: Mapping[str, str], size: int, actor: Actor) -> uuid.UUID:
    """Write into the log that somebody takes a list away: which, how large the log was, in which form.

    Args:
        query: what the list is of.
        form: csv or jsonl.
        asked: words and names as they were typed. They may be a person's, so they lie in the erasable payload.
        size: how many entries the log held; the list is of those.
        actor: who takes it.
    """
    data = {
        "form": form,
        "size": size,
        "events": list(query.events),
        "since": query.since,
        "until": query.until,
    }
    said = {name: value for name, value in asked.items() if value}
    return services.append(event=Event.LOG_EXPORTED, actor=actor, data=data, payload=said or None)


def head(*, size: int, actor: Actor, bundle: str) -> dict[str, Any]:
    """Return what stands above the list: what it is, of what, and where the proof is.

    Args:
        size: how many entries the log held; the list is of those.
        actor: who takes it.
        bundle: the address of the bundle.
    """
    said = {"origin": settings.LOG_ORIGIN, "size": size, "at": clock.rfc3339(clock.now()), "actor": actor.actor_id}
    return {"format": FORMAT, "note": _NOTE.format(**said, bundle=bundle), **said}


def lines(form: str, query: Query, top: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield the list line by line, newest first: a head, the entries, and an end that counts them.

    A list without its end was cut off. Entries are read as they are needed, never all at once. Erasable texts are not
    among them: what was handed out can't be erased.
    """
    found = each(query, below=top["size"])
    return _json(found, top) if form == "jsonl" else _csv(found, top)


def _json(found: Iterable[LogEntry], top: Mapping[str, Any]) -> Iterator[bytes]:
    yield _text(top).encode() + b"\n"
    count = 0
    for entry in found:
        yield _text(_row(entry)).encode() + b"\n"
        count += 1
    yield _text({"end": True, "entries": count}).encode() + b"\n"


def _csv(found: Iterable[LogEntry], top: Mapping[str, Any]) -> Iterator[bytes]:
    write = spreadsheets.writer()
    yield write([top["note"]]).encode()
    yield write(COLUMNS).encode()
    count = 0
    for entry in found:
        yield write([value if isinstance(value, str) else _text(value) for value in _row(entry).values()]).encode()
        count += 1
    yield write([f"End of the list: {count}"]).encode()


def _row(entry: LogEntry) -> dict[str, Any]:
    body = entry.parsed
    said = {"index": entry.index, "leaf_hash": "sha256:" + entry.leaf_hash.hex()}
    return {name: said.get(name, body.get(name)) for name in COLUMNS}


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
