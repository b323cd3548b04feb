"""Read documents and the jobs that build them."""

import uuid

from django.db.models import QuerySet

from governance.accounts.models import User
from governance.common.errors import Unknown
from governance.evidence import storage
from reports.models import Document, DocumentJob


def documents_for(user: User) -> QuerySet[Document]:
    """Return the documents that a person may see: all of them, for everybody who is signed in."""
    return Document.objects.select_related("system").defer("snapshot").order_by("-made_at")


def document(pk: uuid.UUID) -> Document:
    """Return one document."""
    row = Document.objects.select_related("system").filter(pk=pk).first()
    if row is None:
        raise Unknown(f"There is no document {pk}.")
    return row


def pdf_of(row: Document) -> bytes:
    """Return a document's bytes, checked against its digest."""
    return storage.get(row.pdf_digest)


def job(pk: uuid.UUID) -> DocumentJob:
    """Return one job."""
    row = DocumentJob.objects.select_related("document", "system").filter(pk=pk).first()
    if row is None:
        raise Unknown(f"There is no document job {pk}.")
    return row
