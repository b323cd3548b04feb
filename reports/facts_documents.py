"""Which documents of an AI system another document may name, as the snapshot's ``documents`` part."""

from __future__ import annotations

import json
import uuid

from django.db.models.fields.json import KT

from governance.accounts.roles import Role
from governance.audit.selectors import indexes_of
from governance.common import clock
from governance.inventory.models import AISystem
from reports.documents.snapshot import canonical
from reports.documents.translation import ENGLISH, catalogue_digest
from reports.facts_log import Json
from reports.facts_people import WITHOUT_A_ROLE, Roles
from reports.models import Document, DocumentSignatory


def documents_that_count(ai_system: AISystem) -> list[Json]:
    """Return the newest document of each kind; of those that a person signs, the newest signed one."""
    rows = ai_system.documents.exclude(Document.drafts_of_statements()).defer("snapshot")
    found = rows.annotate(version=KT("snapshot__model__version")).order_by("kind", "-made_at").distinct("kind")
    return [
        {
            "id": str(row.pk),
            "kind": row.kind,
            "title": str(row.get_kind_display()),
            "version": row.version,
            "digest": row.pdf_digest,
            "at": clock.rfc3339(row.made_at),
            "log_index": row.log_entry,
        }
        for row in found
    ]


def name_language(snapshot: Json, language: str) -> None:
    """Write into a snapshot in which language its document speaks, and by which catalogue; English names neither.

    A snapshot that names a language already keeps it: of a signed document it is that of the draft which was read.

    Raises:
        UnknownLanguage: there is no catalogue of the language.
    """
    document = snapshot["document"]
    spoken = document.get("language") or language
    if spoken != ENGLISH:
        document["language"] = spoken
        snapshot["environment"] = (snapshot.get("environment") or {}) | {
            f"catalogue {spoken}": catalogue_digest(spoken)
        }


def signed_snapshot(signatory: DocumentSignatory, document_id: uuid.UUID, libraries: dict[str, str]) -> Json:
    """Return the snapshot of a signed document: that of the draft which the person read, with who signed it."""
    draft = signatory.document
    at = clock.rfc3339(signatory.signed_at)
    system = draft.system
    signs_as = (
        Roles(system_id=system.pk, owner_id=system.owner_id).of(
            signatory.person, signatory.signed_at, acting_as=[Role.OWNER]
        )
        if system
        else None
    )
    said = {
        "id": str(signatory.pk),
        "role": signs_as or WITHOUT_A_ROLE,
        "name": signatory.name,
        "function": signatory.function,
        "on_behalf_of": signatory.on_behalf_of,
        "place": signatory.place,
        "personal_data": signatory.personal_data,
        "at": at,
        "draft": str(draft.pk),
        "draft_digest": draft.pdf_digest,
    }
    index = indexes_of([signatory.log_entry]).get(signatory.log_entry)
    kept = {name: part for name, part in draft.snapshot.items() if name != "signature"}
    parts = kept | {
        "document": draft.snapshot["document"] | {"id": str(document_id), "created_at": clock.rfc3339(clock.now())},
        "environment": libraries,
        "signatory": said | {"log_index": index},
    }
    return dict(json.loads(canonical(parts)))
