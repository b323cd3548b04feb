"""The snapshot of a letter: what it says and nothing else, since it travels with the letter to whoever gets it."""

from __future__ import annotations

import json
import uuid

from governance.accounts.models import User
from governance.common import clock
from governance.common.errors import Unknown
from governance.inventory.correspondence import correspondence_of
from governance.inventory.models import AISystem, Correspondence
from reports.decisions_explained import Explained
from reports.documents import authority_letters, letters
from reports.documents.snapshot import canonical
from reports.facts import Facts
from reports.facts_correspondence import iso
from reports.facts_log import Json, with_indexes
from reports.facts_people import Roles
from reports.models import LETTERS, Document

# Parts of a snapshot of the system that a letter may hold, each with the fields that it may hold of them; None: all.
_KEPT: dict[str, tuple[str, ...] | None] = {
    "format": None,
    "document": None,
    "organisation": None,
    "law": None,
    "system": ("id", "name", "purpose", "recorded_by_role", "recorded_at", "log_index"),
    "classification": ("ai_act_class", "annex_points"),
    "model": ("id", "name", "version", "artifact_digest", "created_at", "log_index"),
    "log": None,
    "environment": None,
}
# What those to authorities say beyond that.
_TO_AUTHORITIES = {"system": ("ai_roles",), "classification": ("signed_by_role", "signed_at", "log_index")}
_QUESTIONS = {**letters.QUESTIONS, **authority_letters.QUESTIONS}


def letter_of(ai_system: AISystem, kind: str, about: str, reader: User) -> Correspondence:
    """Return the correspondence of a system that a letter of a kind is drawn of.

    Raises:
        Unknown: the system has none of that id and kind that the reader may read, or what it said was erased.
    """
    try:
        rows = correspondence_of(ai_system, reader)
        return rows.get(pk=uuid.UUID(about), kind=LETTERS[kind], erased_at__isnull=True)
    except (ValueError, Correspondence.DoesNotExist):
        raise Unknown(
            f"{ai_system} has no such correspondence as {about or 'of no id'} to draw a letter of: ask from its page."
        ) from None


def letter_snapshot(
    document_id: uuid.UUID, libraries: dict[str, str], kind: str, row: Correspondence, explained: Explained
) -> Json:
    """Return the whole snapshot of a letter drawn now.

    Args:
        explained: what became of the decision that a request asks about; empty of a notice.
    """
    facts = Facts(row.system, explained.version)
    whole = facts.snapshot(document_id, libraries, kind)
    more = _TO_AUTHORITIES if kind in authority_letters.QUESTIONS else {}
    kept: Json = {
        name: whole[name]
        if fields is None
        else {field: whole[name].get(field) for field in (*fields, *more.get(name, ()))}
        for name, fields in _KEPT.items()
        if whole.get(name)
    }
    asked = _QUESTIONS[kind]
    kept["record"] = [question for question in whole["record"] if question["id"] in asked]
    if named := authority_letters.PRINTS.get(kind):
        kept["documents"] = [document for document in whole["documents"] if document["kind"] == named]
    if kind == Document.Kind.NOTIFICATION:
        kept["evidence"] = [evidence for evidence in whole.get("evidence") or () if evidence["type"] == "fairness/v1"]
    if explained.part:
        rows = whole.get("evidence") or ()
        kept["evidence"] = [evidence for evidence in rows if evidence["type"] == "explanation/v1"]
    kept["letter"] = with_indexes({"letter": _letter(row, facts.roles) | explained.part})["letter"]
    return dict(json.loads(canonical(kept)))


def _letter(row: Correspondence, roles: Roles) -> Json:
    return {
        "id": str(row.pk),
        "number": str(row),
        "kind": row.kind,
        "state": row.state,
        "reference": row.reference,
        "decision": row.decision or None,
        "text": row.text or None,
        "received_on": iso(row.received_on),
        "due_on": iso(row.due_on),
        "due_basis": row.due_basis or None,
        "sent_on": iso(row.sent_on),
        "answer": row.answer or None,
        "answered_by_role": roles.of(row.answered_by, row.answered_at),
        "answered_at": clock.rfc3339(row.answered_at) if row.answered_at else None,
        "recorded_by_role": roles.of(row.recorded_by, row.recorded_at),
        "recorded_at": clock.rfc3339(row.recorded_at),
        "log_index": row.log_entry,
    }
