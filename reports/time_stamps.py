"""Keep documents provable for as long as they are kept: a further time-stamp before the last one ends.

A second signature or an archive time-stamp inside the file would end its PDF/A-3a. So later stamps lie beside it. Each
covers the file and all earlier stamps: as long as one is renewed before it ends, the first moment stays proven. A
worker asks for them by itself; where it can't, auditors and administrators are told in time (``reports.notices``).
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, Exists, F, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import DomainError
from governance.evidence import storage
from reports import signatures
from reports.models import Disposal, Document, DocumentTimeStamp

log = logging.getLogger(__name__)
PROCESS = System("documents")
RENEWED = timedelta(days=180)
"""So long before a time-stamp ends, the worker asks for the next one."""
WARNED = timedelta(days=60)
"""So long before a time-stamp ends that was not renewed, people are told."""
_REST = timedelta(days=30)
"""Not more often is one document stamped: an authority whose own certificate ends soon gives none that lasts."""
_MOST, _MOST_FAILURES = 200, 3


def with_last() -> QuerySet[Any]:
    """Return the documents that are kept, with ``last``: when their last time-stamp ends, None where they have none."""
    last = Coalesce(Max("time_stamps__ends_at"), "time_stamp_ends_at", output_field=DateTimeField())
    disposed = Disposal.objects.filter(system=OuterRef("system"), row="documents", made_at__gte=OuterRef("made_at"))
    return Document.objects.defer("snapshot").annotate(last=last).exclude(Exists(disposed))


def due(within: timedelta) -> list[Document]:
    """Return the documents whose last time-stamp ends within a period, the first to end first; then those without."""
    rows = with_last().filter(Q(last__isnull=True) | Q(last__lte=clock.now() + within))
    return list(rows.order_by(F("last").asc(nulls_last=True), "made_at"))


def ending(within: timedelta) -> QuerySet[Any]:
    """Return the documents that have a time-stamp and whose last one ends within a period, or has; first to end first.

    Of those that were never stamped, nothing ends: this installation signs at that level.
    """
    return with_last().filter(last__lte=clock.now() + within).order_by("last", "made_at")


def renew() -> int:
    """Have the documents stamped that are due, a few hundred at a time; return how many were.

    Stops where the authority fails three times in a row. What is left is due tomorrow too.
    """
    from reports.documents.signing import SigningFailed

    if not settings.DOCUMENT_TSA:
        return 0
    rested = Coalesce(Max("time_stamps__stamped_at"), "made_at", output_field=DateTimeField())
    fresh = with_last().annotate(rested=rested).filter(last__isnull=False, rested__gt=clock.now() - _REST)
    skipped = set(fresh.values_list("pk", flat=True))
    made = failed = 0
    for document in [row for row in due(RENEWED) if row.pk not in skipped][:_MOST]:
        try:
            time_stamp(document.pk)
        except (SigningFailed, DomainError) as error:
            log.warning("no time-stamp for the document %s: %s", document.pk, error)
            failed += 1
            if failed == _MOST_FAILURES:
                break
        else:
            made, failed = made + 1, 0
    return made


def imprint_of(pdf: bytes, tokens: Iterable[bytes]) -> bytes:
    """Return the SHA-512 digest that the next time-stamp covers: of the file with the earlier tokens after it."""
    whole = hashlib.sha512(pdf)
    for token in tokens:
        whole.update(token)
    return whole.digest()


def time_stamp(document_id: uuid.UUID) -> DocumentTimeStamp:
    """Have an authority stamp a document anew, verify the token and keep it, and name it in the log.

    Raises:
        SigningFailed: no authority is set, it gave no time-stamp or one that is not valid, or another worker had the
            document stamped meanwhile.
        Unknown: the file, or an earlier token, is not the one that was kept.
    """
    from reports.documents.signing import SigningFailed, stamp

    identity = signatures.stamping()
    if identity is None:
        raise SigningFailed("No time-stamp authority is set: set PLACET_DOCUMENT_TSA.")
    document = Document.objects.defer("snapshot").get(pk=document_id)
    earlier = list(document.time_stamps.order_by("number"))
    imprint = imprint_of(storage.get(document.pdf_digest), (storage.get(row.token_digest) for row in earlier))
    token, stamped_at, ends_at = stamp(imprint, identity)
    with transaction.atomic():
        Document.objects.select_for_update(of=("self",)).only("pk").get(pk=document_id)
        if document.time_stamps.count() != len(earlier):
            raise SigningFailed("Another worker had this document stamped meanwhile.")
        row = DocumentTimeStamp(
            document=document,
            number=len(earlier) + 1,
            imprint=f"sha512:{imprint.hex()}",
            token_digest=storage.put(token),
            authority=identity.authority_name[:200],
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
