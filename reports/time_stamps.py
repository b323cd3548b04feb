"""Keep documents provable for as long as they are kept: a further time-stamp before the last one ends.

A second signature or an archive time-stamp inside the file would end its PDF/A-3a. So later stamps lie beside it. Each
covers the file and all earlier stamps: as long as one is renewed before it ends, the first moment stays proven.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, Max
from django.db.models.functions import Coalesce

from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.evidence import storage
from reports import signatures
from reports.models import Document, DocumentTimeStamp

PROCESS = System("documents")


def due(within: timedelta) -> list[Document]:
    """Return the documents whose last time-stamp ends within a period, and those that have none; oldest first."""
    last = Coalesce(Max("time_stamps__ends_at"), "time_stamp_ends_at", output_field=DateTimeField())
    rows = Document.objects.defer("snapshot").annotate(last=last).order_by("made_at")
    until = clock.now() + within
    return [row for row in rows if row.last is None or row.last <= until]


def imprint_of(pdf: bytes, tokens: Iterable[bytes]) -> bytes:
    """Return the SHA-512 digest that the next time-stamp covers: of the file with the earlier tokens after it."""
    whole = hashlib.sha512(pdf)
    for token in tokens:
        whole.update(token)
    return whole.digest()


def time_stamp(document_id: uuid.UUID) -> DocumentTimeStamp:
    """Have an authority stamp a document anew, keep the token, and name it in the log.

    Raises:
        SigningFailed: no authority is set, or it gave no time-stamp.
        Unknown: the file, or an earlier token, is not the one that was kept.
    """
    from reports.documents.signing import Identity, SigningFailed, stamp

    if not settings.DOCUMENT_TSA:
        raise SigningFailed("No time-stamp authority is set: set PLACET_DOCUMENT_TSA.")
    document = Document.objects.defer("snapshot").get(pk=document_id)
    earlier = list(document.time_stamps.order_by("number"))
    imprint = imprint_of(storage.get(document.pdf_digest), (storage.get(row.token_digest) for row in earlier))
    who = signatures.identity()
    authority = (who or Identity("", "", authority=settings.DOCUMENT_TSA)).authority_name
    token, stamped_at, ends_at = stamp(imprint, settings.DOCUMENT_TSA)
    with transaction.atomic():
        row = DocumentTimeStamp(
            document=document,
            number=len(earlier) + 1,
            imprint=f"sha512:{imprint.hex()}",
            token_digest=storage.put(token),
            authority=authority[:200],
            stamped_at=stamped_at,
            ends_at=ends_at,
        )
        audit.append(
            event=Event.DOCUMENT_TIME_STAMPED,
            actor=PROCESS,
            subjects=[row],
            data={
                "document": str(document.pk),
                "number": row.number,
                "imprint": row.imprint,
                "token": row.token_digest,
                "authority": row.authority,
                "ends_at": clock.rfc3339(ends_at),
            },
        )
    return row
