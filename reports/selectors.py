"""Read documents and the jobs that build them."""

import uuid
from collections.abc import Iterable
from typing import TypeVar

from django.db.models import Model, Q, QuerySet
from django.db.models.fields.json import KT

from governance.accounts.access import readable
from governance.accounts.models import User
from governance.common.errors import Unknown
from governance.evidence import storage
from governance.inventory.correspondence import without_hidden_requests
from reports.documents import exports
from reports.documents.building import build
from reports.documents.comparing import Comparison, compare
from reports.documents.content import Content
from reports.documents.snapshot import SnapshotInvalid
from reports.models import ABOUT_A_VERSION, LETTERS, Document, DocumentJob

M = TypeVar("M", bound=Model)
PART_OF: dict[str, str] = {
    Document.Kind.INCIDENT: "incident",
    **dict.fromkeys(ABOUT_A_VERSION, "model"),
    Document.Kind.REVIEW_PACK: "review",
    **dict.fromkeys(LETTERS, "letter"),
}
"""The part of the snapshot that says what a document is about, of the kinds of one system that are about one thing."""


def documents_for(user: User) -> QuerySet[Document]:
    """Return the documents that a person may read: those of the systems in reach.

    An answer to a person (Article 86) is for whoever may answer, and for auditors.
    """
    rows = Document.objects.select_related("system").defer("snapshot").order_by("-made_at")
    return _readable(rows, user)


def versions_described(rows: Iterable[Document]) -> dict[uuid.UUID, str]:
    """Return by document the number of the model version that it describes, for those that describe one; one query.

    It is asked of the rows that are shown alone: PostgreSQL would read the snapshot of every other row as well.
    """
    shown = Document.objects.filter(pk__in=[row.pk for row in rows]).order_by()
    return {pk: number for pk, number in shown.values_list("pk", KT("snapshot__model__version")) if number}


def document_for(user: User, pk: uuid.UUID) -> Document:
    """Return one document.

    Raises:
        Unknown: there is none with that id, or none that the person may read.
    """
    row = documents_for(user).filter(pk=pk).first()
    if row is None:
        raise Unknown(f"There is no document {pk}.")
    return row


def versions_of(user: User, row: Document) -> QuerySet[Document]:
    """Return every version of a document that a person may read, newest first, itself among them.

    Versions are of one kind and one system; of kinds that are about one thing, such as an incident, of that one.
    """
    rows = documents_for(user).filter(kind=row.kind, system=row.system)
    if part := PART_OF.get(row.kind):
        rows = rows.filter(**{f"snapshot__{part}__id": (row.snapshot.get(part) or {}).get("id")})
    return rows.order_by("-made_at", "pk")


def version_of(user: User, row: Document, other: uuid.UUID) -> Document:
    """Return another version of a document, with its snapshot.

    Raises:
        Unknown: it is no version of the same document, or none that the person may read.
    """
    found = versions_of(user, row).defer(None).filter(pk=other).first()
    if found is None:
        raise Unknown(f"{other} is no version of this document.")
    return found


def content_of(row: Document, *, language: str = "") -> Content | None:
    """Return what a document says, in its own language or another; None where another release made it."""
    try:
        return build(row.snapshot, language=language)
    except SnapshotInvalid:
        return None


def comparison(user: User, row: Document, since: uuid.UUID | None) -> tuple[Document | None, Comparison | None]:
    """Return the version that a document is compared with, and what changed since.

    Args:
        since: which version; None for the one before it.

    Returns:
        None and None for the first version; the version and None where another release made one of the two.

    Raises:
        Unknown: it is no version of the same document, or none that the person may read.
    """
    if since is None:
        older = versions_of(user, row).defer(None).filter(made_at__lt=row.made_at).first()
    else:
        older = version_of(user, row, since)
    if older is None:
        return None, None
    after = content_of(row)
    before = content_of(older, language=after.language) if after else None
    return older, compare(before, after) if before and after else None


def pdf_of(row: Document) -> bytes:
    """Return a document's bytes, checked against its digest."""
    return storage.get(row.pdf_digest)


def export_of(row: Document, form: str) -> bytes:
    """Return a document in another form than PDF, made from the snapshot that the PDF was drawn from.

    Raises:
        Unknown: there is no such form, or the document was made by another release.
    """
    if form not in exports.TYPES:
        raise Unknown(f"A document comes as pdf, {', '.join(exports.TYPES)}; not as {form!r}.")
    try:
        return exports.export(form, row.snapshot, row.pdf_digest)
    except SnapshotInvalid as invalid:
        raise Unknown(f"The document was made by another release; its PDF holds everything. {invalid}") from invalid


def jobs_for(user: User) -> QuerySet[DocumentJob]:
    """Return the jobs that a person may read, newest first."""
    rows = DocumentJob.objects.select_related("document", "system").order_by("-made_at")
    return _readable(rows, user)


def _readable(rows: QuerySet[M], user: User) -> QuerySet[M]:
    within = readable(rows, user, system="system")
    return without_hidden_requests(within, user, asked=Q(kind=Document.Kind.ANSWER), system="system")


def job_for(user: User, pk: uuid.UUID) -> DocumentJob:
    """Return one job.

    Raises:
        Unknown: there is none with that id, or none that the person may read.
    """
    row = jobs_for(user).filter(pk=pk).first()
    if row is None:
        raise Unknown(f"There is no document job {pk}.")
    return row
