"""What the transparency log says about an AI system: places of entries, digests of rows, and changes over its life."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from governance.audit import selectors as log
from governance.audit.events import Event
from governance.audit.governed import Governed
from governance.audit.selectors import LogEntry
from governance.common import clock

Json = dict[str, Any]
Data = Mapping[str, Any]

_ALERT_CHANGES = {
    "acknowledged": "somebody took it in hand",
    "muted": "it was muted for a time",
    "resolved": "it was resolved",
    "joined": "another window joined it",
    "breached": "what was to be watched became a breach",
}
_MODIFIED = {
    "substantial": "a substantial modification",
    "purpose": "a change of the intended purpose",
    "facts": "a change of facts that the classification rests on",
}
# The changes that Annex IV point 6 asks about, and how each reads. Who acted and what people argued stays in the log.
_CHANGES: dict[str, Callable[[Data], str]] = {
    Event.SYSTEM_REGISTERED: lambda data: f"The AI system {data['system']} was taken in.",
    Event.SYSTEM_UPDATED: lambda data: f"The AI system became {data['state']}.",
    Event.SYSTEM_MODIFIED: lambda data: (
        f"Modification {data['number']} of the AI system was declared: {_MODIFIED[data['kind']]}."
        + (" Its signed class is open again." if data["reopens"] else "")
    ),
    Event.CLASSIFICATION_SIGNED: lambda data: (
        f"Classification signed: {_words(data['ai_act_class'])}, model tier {data['model_tier']}."
    ),
    Event.DATASET_PINNED: lambda data: f"The {data['role']} data were pinned: {_short(data['dataset'])}.",
    Event.CRITERIA_SIGNED: lambda data: f"Success criteria were signed: {', '.join(data['criteria']) or 'none'}.",
    Event.MODEL_ASSIGNED: lambda data: f"The model {data['model']} was assigned to the system.",
    Event.APPROVAL_APPROVED: lambda data: f"{data['subject']['name']} was approved for {data['asks_for']}.",
    Event.APPROVAL_CHANGED: lambda data: (
        f"The approval of {data['subject']['name']} went from {_words(data['from'])} to {_words(data['to'])}."
    ),
    Event.PROMOTION_APPLIED: lambda data: f"{data['model']} version {data['version']} became {data['alias']}.",
    Event.PROMOTION_FAILED: lambda data: f"Setting the alias {data['alias']} failed (request {data['promotion']}).",
    Event.MONITOR_CREATED: lambda data: f"A monitor was set up for {data['model']} {data['alias']}.",
    Event.ALERT_OPENED: lambda data: (
        f"Alert AL-{data['number']}, version {data['version']}: {data['shows']}. {data['effect']}"
    ),
    Event.ALERT_CHANGED: lambda data: f"Alert AL-{data['number']}: {_ALERT_CHANGES[data['change']]}.",
    Event.FINDING_OPENED: lambda data: f"Finding opened: {_words(data['code'])}, severity {data['severity']}.",
    Event.FINDING_CLOSED: lambda data: f"Finding closed: {_words(data['code'])}, severity {data['severity']}.",
}


class LogFacts:
    """The entries that name some governed rows, each once, in the order of the log."""

    def __init__(self, rows: Iterable[Governed]) -> None:
        keys: dict[str, list[uuid.UUID]] = {}
        for row in rows:
            keys.setdefault(row._meta.db_table, []).append(row.pk)
        found = {entry.id: entry for table, pks in keys.items() for entry in log.entries_naming(table, pks)}
        self.entries: list[LogEntry] = sorted(found.values(), key=lambda entry: entry.seq)
        self._bodies = {entry.id: entry.parsed for entry in self.entries}

    def first(self, row: Governed) -> LogEntry | None:
        """Return the oldest entry that names a row: the one that made it."""
        return next((entry for entry in self.entries if self._named(entry, row)), None)

    def digest(self, row: Governed) -> str | None:
        """Return the digest of a row as it stands, from the newest entry that names it."""
        body = self._bodies.get(row.log_entry)
        subjects = body["subjects"] if body else []
        found = [item["after"] for item in subjects if _names(item, row)]
        return str(found[0]) if found and found[0] else None

    def changes(self) -> list[Json]:
        """Return the changes over the lifecycle, oldest first, as the snapshot's ``history``."""
        rows = []
        for entry in self.entries:
            body = self._bodies[entry.id]
            said = _CHANGES.get(body["event"])
            if said is None:
                continue
            rows.append(
                {
                    "id": str(entry.id),
                    "at": body["at"],
                    "event": body["event"],
                    "summary": said(body["data"]),
                    "digest": f"sha256:{entry.leaf_hash.hex()}",
                    "log_index": entry.id,
                }
            )
        return rows

    def _named(self, entry: LogEntry, row: Governed) -> bool:
        return any(_names(item, row) for item in self._bodies[entry.id]["subjects"])


def _names(subject: Data, row: Governed) -> bool:
    return bool(subject["table"] == row._meta.db_table and subject["key"] == str(row.pk))


def _words(value: str) -> str:
    return value.replace("_", " ").replace("-", " ")


def _short(digest: str) -> str:
    return f"{digest[:19]}…"


def with_indexes(snapshot: Json) -> Json:
    """Return the snapshot with each entry id under ``log_index`` replaced by the entry's place, and with its ``log``.

    One query for all of them. Null where the notary has not signed over the entry yet, so that no place lies outside
    the tree which the document names.
    """
    wanted: set[uuid.UUID] = set()
    _walk(snapshot, wanted.add)
    places = log.indexes_of(sorted(wanted))
    checkpoint = log.newest_checkpoint()
    size = checkpoint.size if checkpoint else 0
    covered = {entry_id: index for entry_id, index in places.items() if index < size}
    placed = _walk(snapshot, covered.get)
    if checkpoint:
        placed["log"] = {
            "origin": bytes(checkpoint.note).decode().partition("\n")[0],
            "size": checkpoint.size,
            "root": "sha256:" + bytes(checkpoint.root).hex(),
            "checkpoint_at": clock.rfc3339(checkpoint.at),
        }
    return dict(placed)


def _walk(value: Any, answer: Callable[[uuid.UUID], int | None]) -> Any:
    """Return plain JSON with every entry id in it replaced by the answer."""
    if isinstance(value, uuid.UUID):
        return answer(value)
    if isinstance(value, dict):
        return {key: _walk(item, answer) for key, item in value.items()}
    if isinstance(value, list):
        return [_walk(item, answer) for item in value]
    return value
