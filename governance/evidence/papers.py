"""Read submitted documents and what was said of them."""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from governance.accounts.access import Reader, readable
from governance.accounts.models import User
from governance.common.errors import Unknown
from governance.evidence.models import Evidence, EvidenceReview, SubmittedDocument
from governance.evidence.standing import Paper, Standing


def documents_for(reader: Reader) -> QuerySet[SubmittedDocument]:
    """Return the documents that a person may read, newest first, with their evidence and reviews."""
    return readable(_complete().order_by("-submitted_at"), reader, system="system_id")


def document_for(user: User, pk: uuid.UUID) -> SubmittedDocument:
    """Return one document as a person asks for it.

    Raises:
        Unknown: there is none with that id, or none that the person may read.
    """
    found = documents_for(user).filter(pk=pk).first()
    if found is None:
        raise Unknown(f"There is no submitted document {pk}.")
    return found


def paper_of(document: SubmittedDocument, *, asker: uuid.UUID | None = None) -> Paper:
    """Return a document as policies see it.

    Args:
        asker: who asks for what rests on it: their own acceptance counts for nothing there, their refusal does.
    """
    said = [
        (row.verdict, row.reviewed_at)
        for row in document.evidence.reviews.all()
        if row.reviewer_id != asker or row.verdict == EvidenceReview.Verdict.REFUSED
    ]
    return Paper(document.kind, document.issued_on, document.expires_on, said)


def papers(evidence_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Paper]:
    """Return the documents of these pieces of evidence as policies see them; no query for none."""
    if not evidence_ids:
        return {}
    return {row.evidence_id: paper_of(row) for row in _complete().filter(evidence__in=evidence_ids)}


def counting(
    system_id: uuid.UUID,
    wanted: Mapping[str, Any],
    at: datetime,
    *,
    asker: uuid.UUID,
    among: Collection[str] | None = None,
) -> Evidence | None:
    """Return the newest document that meets a requirement of a request: of its kind, accepted, not expired.

    Args:
        wanted: ``{inputs, also, not_before, …}``, as the request keeps it.
        asker: whose request it is.
        among: only what has one of these ids.
    """
    for row in _wanted(system_id, wanted):
        if among is not None and str(row.evidence_id) not in among:
            continue
        if paper_of(row, asker=asker).standing(at) is Standing.ACCEPTED:
            return row.evidence
    return None


def waiting_because(
    system_id: uuid.UUID, wanted: Mapping[str, Any], at: datetime, *, asker: uuid.UUID
) -> tuple[SubmittedDocument | None, str]:
    """Return the newest document of a kind that a request waits for, and why it does not count; None where none is."""
    newest = _wanted(system_id, wanted).first()
    return newest, paper_of(newest, asker=asker).why_not(at) if newest else ""


def _wanted(system_id: uuid.UUID, wanted: Mapping[str, Any]) -> QuerySet[SubmittedDocument]:
    rows = _complete().filter(system_id=system_id, evidence__inputs_digest__in=[wanted["inputs"], wanted["also"]])
    if wanted.get("not_before"):
        rows = rows.filter(issued_on__gte=datetime.fromisoformat(wanted["not_before"]).date())
    return rows.order_by("-submitted_at")


def _complete() -> QuerySet[SubmittedDocument]:
    reviews = EvidenceReview.objects.select_related("reviewer").order_by("reviewed_at")
    rows = SubmittedDocument.objects.select_related("evidence", "submitter__sponsor")
    return rows.prefetch_related(Prefetch("evidence__reviews", queryset=reviews))
