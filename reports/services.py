"""Ask for documents and build them."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.db import transaction

from governance.accounts.models import User
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.evidence import services as evidence
from governance.evidence import storage
from governance.evidence.producers import Product
from governance.evidence.reproducing import WORKER
from governance.inventory.models import AISystem
from reports import signatures
from reports.documents.annex_iv import build
from reports.documents.snapshot import digest
from reports.facts import Facts
from reports.models import Document, DocumentJob
from reports.printing import libraries, render


def request_document(*, kind: str, ai_system: AISystem, requester: User) -> DocumentJob:
    """Ask for a document; a worker builds it from the facts as they are then."""
    return DocumentJob.objects.create(
        id=uuid.uuid4(), kind=kind, system=ai_system, requested_by=requester, made_at=clock.now()
    )


def build_document(job_id: uuid.UUID) -> DocumentJob:
    """Collect the facts, render the PDF, keep both and name them in the log. Safe twice: a finished job stays as it is.

    Rendering happens outside any transaction; what it says is fixed by the snapshot taken before.
    """
    taken = DocumentJob.objects.filter(
        pk=job_id, state__in=[DocumentJob.State.QUEUED, DocumentJob.State.RUNNING]
    ).update(state=DocumentJob.State.RUNNING, started_at=clock.now())
    job = DocumentJob.objects.select_related("system__owner", "requested_by").get(pk=job_id)
    if not taken:
        return job
    versions = libraries()
    with transaction.atomic():
        snapshot = Facts(job.system).snapshot(job.pk, versions)
    if (signature := signatures.described()) is not None:
        snapshot["signature"] = signature
    content = build(snapshot)
    pdf = render(content, snapshot, said=_teller(job))
    _keep(job, snapshot, pdf, {str(state): count for state, count in content.counts.items()})
    return job


def _teller(job: DocumentJob) -> Callable[[str], None]:
    """Return who writes down how far the pages are, at most once a second: people watch the row."""
    told = clock.now() - timedelta(seconds=1)

    def tell(stage: str) -> None:
        nonlocal told
        if clock.now() - told >= timedelta(seconds=1):
            told = clock.now()
            DocumentJob.objects.filter(pk=job.pk).update(stage=stage[:60])

    return tell


def _keep(job: DocumentJob, snapshot: dict[str, Any], pages: bytes, counts: Mapping[str, int]) -> None:
    pdf, ends_at = signatures.signed(pages)
    with transaction.atomic():
        _keep_signed(job, snapshot, pages, pdf, ends_at, counts)


def _keep_signed(
    job: DocumentJob,
    snapshot: dict[str, Any],
    pages: bytes,
    pdf: bytes,
    ends_at: datetime | None,
    counts: Mapping[str, int],
) -> None:
    # A message delivered twice can have had two workers draw the pages: the first keeps its own.
    if DocumentJob.objects.select_for_update().get(pk=job.pk).state != DocumentJob.State.RUNNING:
        job.refresh_from_db()
        return
    law, signature = snapshot["law"], snapshot.get("signature")
    document = Document(
        kind=job.kind,
        system=job.system,
        subject_name=job.system.name,
        snapshot=snapshot,
        snapshot_digest=digest(snapshot),
        pdf_digest=storage.put(pdf),
        unsigned_digest="sha256:" + sha256(pages).hexdigest(),
        unsigned_bytes=len(pages),
        signature=signature,
        time_stamp_ends_at=ends_at,
        law_version=law["version"] if isinstance(law, dict) else "",
        made_at=clock.now(),
        requested_by=job.requested_by,
        **counts,
    )
    audit.append(
        event=Event.DOCUMENT_BUILT,
        actor=job.requested_by,
        subjects=[document],
        data={
            "kind": job.kind,
            "system": job.system.slug,
            "pdf": document.pdf_digest,
            "unsigned": document.unsigned_digest,
            "signature": signature["level"] if signature else None,
            "certificate": signature["certificate"] if signature else None,
            "snapshot": document.snapshot_digest,
            "law": document.law_version,
            **counts,
        },
    )
    evidence.attach(
        evidence_type="document/v1",
        subject_digest=document.snapshot_digest,
        subject_name=job.system.name,
        producer=WORKER,
        product=Product(
            payload={
                "type": "document/v1",
                "kind": "annex_iv",
                "pdf_digest": document.pdf_digest,
                "snapshot_digest": document.snapshot_digest,
                **counts,
            },
            environment={"libraries": snapshot["environment"], "pdf": "sha256:" + sha256(pdf).hexdigest()},
        ),
    )
    job.state, job.document, job.finished_at = DocumentJob.State.DONE, document, clock.now()
    job.save()


def fail_document(job_id: uuid.UUID, error: str) -> None:
    """Close a job that can't be done; people see why."""
    DocumentJob.objects.filter(pk=job_id).exclude(state=DocumentJob.State.DONE).update(
        state=DocumentJob.State.FAILED, error=error[:2000], finished_at=clock.now()
    )
