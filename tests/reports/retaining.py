"""A paper and a document of a system, as rows with stored files: what can be disposed of."""

from __future__ import annotations

import io
import itertools
from typing import Any

from django.db import transaction

from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.evidence import storage
from reports.models import Document
from tests import payloads
from tests.papers import a_pdf, submitted

_numbers = itertools.count(1)


def a_paper(system: Any, text: str = "") -> str:
    """A submitted document about a system; returns the digest of its file."""
    text = text or f"paper {next(_numbers)}"
    made = submitted(system, system.owner, title=f"Report: {text}", file=io.BytesIO(a_pdf(text)))
    (digest,) = made.evidence.files.values()
    return str(digest)


@transaction.atomic
def a_document(system: Any, text: str = "") -> Document:
    """A document about a system, with its stored file."""
    number = next(_numbers)
    row = Document(
        kind="annex-iv",
        system=system,
        subject_name=system.name,
        snapshot={},
        snapshot_digest=payloads.a_digest(f"snapshot {number}"),
        pdf_digest=storage.put(a_pdf(text or f"document {number}")),
        unsigned_digest=payloads.a_digest(f"unsigned {number}"),
        unsigned_bytes=1,
        measured=0,
        declared=0,
        missing=0,
        law_version="1",
        requested_by=system.owner,
        made_at=clock.now(),
    )
    audit.append(event=Event.DOCUMENT_BUILT, actor=System("test"), subjects=[row])
    return row
