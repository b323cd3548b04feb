"""Ask for documents and build them."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db import transaction

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.evidence import services as evidence
from governance.evidence import storage
from governance.evidence.producers import Product
from governance.evidence.reproducing import WORKER
from governance.inventory.errors import AlreadySigned
from governance.inventory.models import AISystem
from reports import signatures, stating
from reports.decisions_explained import Explained, explained_for
from reports.documents.building import build
from reports.documents.snapshot import digest
from reports.documents.translation import ENGLISH
from reports.facts import Facts
from reports.facts_documents import name_language, signed_snapshot
from reports.facts_incident import incident_of
from reports.facts_letters import letter_of, letter_snapshot
from reports.facts_portfolio import portfolio, quarter_from
from reports.facts_review import request_of
from reports.facts_version import version_of
from reports.models import ABOUT_A_VERSION, LETTERS, STATED, Document, DocumentJob, DocumentSignatory
from reports.printing import libraries, render


def request_document(*, kind: str, ai_system: AISystem | None, requester: User, about: str = "") -> DocumentJob:
    """Ask for a document; a worker builds it from the facts as they are then.

    Args:
        ai_system: None only for the report over all systems.
        about: id of the incident, model version, promotion request (or its number) or correspondence, or first day of
            the quarter, for the kinds that are about one.

    Raises:
        InvalidInput: the kind needs a system, or none, or something that it is about.
        Unknown: the system has no such incident, version, request or correspondence.
    """
    if (ai_system is None) != (kind == Document.Kind.MODEL_RISK):
        said = "is about all systems: name none" if ai_system else "is about one AI system: name it"
        raise InvalidInput(f"{Document.Kind(kind).label} {said}.")
    about = quarter_from(about).isoformat() if ai_system is None else _about(kind, ai_system, about, requester)
    return DocumentJob.objects.create(
        id=uuid.uuid4(), kind=kind, system=ai_system, about=about, requested_by=requester, made_at=clock.now()
    )


def _about(kind: str, ai_system: AISystem, about: str, requester: User) -> str:
    """Return the id of what a document of one system is about, an empty text where that is the system itself."""
    if kind == Document.Kind.INCIDENT:
        return str(incident_of(ai_system, about).pk)
    if kind in ABOUT_A_VERSION:
        return str(version_of(ai_system, about).pk)
    if kind == Document.Kind.REVIEW_PACK:
        return str(request_of(ai_system, about).pk)
    if kind in LETTERS:
        return str(letter_of(ai_system, kind, about, requester).pk)
    if about:
        raise InvalidInput(f"{Document.Kind(kind).label} is about the whole system: leave `about` out.")
    return ""


def sign_statement(
    *,
    document_id: uuid.UUID,
    person: User,
    name: str,
    function: str,
    on_behalf_of: str,
    place: str,
    personal_data: bool,
) -> tuple[DocumentSignatory, DocumentJob]:
    """Sign the statement of a document as its signatory; a worker then draws the signed document.

    The caller has checked the person's password. The signed document is drawn from the draft's own snapshot, so that
    it states what the person read, and prints who signed.

    Raises:
        Unknown: there is no such document.
        InvalidInput: the kind makes no statement, something that has to be printed is empty, or the record says the
            contrary of ``personal_data``.
        Forbidden: the person does not own the system, or is a service.
        AlreadySigned: somebody signed this draft.
        StatementNotReady: the Act asks for no such statement, or the draft is not whole, the newest and up to date.
    """
    with transaction.atomic():
        draft = Document.objects.select_for_update(of=("self",)).filter(pk=document_id).first()
        if draft is None:
            raise Unknown(f"There is no document {document_id}.")
        check_may_sign(draft, person)
        said = {"name": name, "function": function, "on_behalf_of": on_behalf_of, "place": place}
        if empty := [key for key, value in said.items() if not value.strip()]:
            raise InvalidInput(
                f"Annex V point 8 wants the {empty[0].replace('_', ' ')} of the signatory: write it down."
            )
        stating.check_personal_data(draft.snapshot, personal_data)
        signatory = DocumentSignatory(
            document=draft,
            person=person,
            personal_data=personal_data,
            signed_at=clock.now(),
            **{key: value.strip() for key, value in said.items()},
        )
        audit.append(
            event=Event.DOCUMENT_SIGNED,
            actor=person,
            subjects=[signatory],
            data={
                "kind": draft.kind,
                "system": draft.slug,
                "document": str(draft.pk),
                "pdf": draft.pdf_digest,
                "snapshot": draft.snapshot_digest,
                "personal_data": personal_data,
            },
        )
        job = DocumentJob.objects.create(
            id=uuid.uuid4(),
            kind=draft.kind,
            system=draft.system,
            signatory=signatory,
            requested_by=person,
            made_at=clock.now(),
        )
    return signatory, job


def check_may_sign(draft: Document, person: User) -> None:
    """Check that the person may sign the statement of a document.

    Raises:
        InvalidInput, Forbidden, AlreadySigned, StatementNotReady: as :func:`sign_statement` says.
    """
    if draft.kind not in STATED:
        raise InvalidInput(f"{draft.get_kind_display()} makes no statement that a person signs.")
    if draft.signatory_id or DocumentSignatory.objects.filter(document=draft).exists():
        raise AlreadySigned("This declaration is signed. Build it again to have a new draft.")
    owns = has_role(person, Role.OWNER, system_id=draft.system_id) or (
        draft.system is not None and draft.system.owner_id == person.pk
    )
    if person.is_service or not owns:
        raise Forbidden("An owner of the system, who is a person, signs its declaration of conformity.")
    stating.check_ready(draft)


def build_document(job_id: uuid.UUID) -> DocumentJob:
    """Collect the facts, render the PDF, keep both and name them in the log. Safe twice: a finished job stays as it is.

    Rendering happens outside any transaction; what it says is fixed by the snapshot taken before.
    """
    taken = DocumentJob.objects.filter(
        pk=job_id, state__in=[DocumentJob.State.QUEUED, DocumentJob.State.RUNNING]
    ).update(state=DocumentJob.State.RUNNING, started_at=clock.now())
    job = DocumentJob.objects.select_related("system__owner", "requested_by", "signatory__document").get(pk=job_id)
    if not taken:
        return job
    versions = libraries()
    # The model is asked before the facts are read: its sandbox takes seconds, and the log says first who looks.
    explained = explained_for(job)
    with transaction.atomic():
        snapshot = _snapshot(job, versions, explained)
    # A statement that a person signed stays in the language of the draft that the person read, English among them.
    name_language(snapshot, ENGLISH if job.signatory else settings.DOCUMENT_LANGUAGE)
    if (signature := signatures.described()) is not None:
        snapshot["signature"] = signature
    content = build(snapshot)
    pdf = render(content, snapshot, said=_teller(job))
    _keep(job, snapshot, pdf, {str(state): count for state, count in content.counts.items()})
    return job


def _snapshot(job: DocumentJob, versions: dict[str, str], explained: Explained) -> dict[str, Any]:
    if job.signatory:
        return signed_snapshot(job.signatory, job.pk, versions)
    if job.system is None:
        return portfolio(job.pk, versions, quarter_from(job.about))
    if job.kind in LETTERS:
        row = letter_of(job.system, job.kind, job.about, job.requested_by)
        return letter_snapshot(job.pk, versions, job.kind, row, explained)
    if job.kind == Document.Kind.REVIEW_PACK:
        asked = request_of(job.system, job.about)
        return Facts(job.system, asked=asked).snapshot(job.pk, versions, job.kind, job.about)
    version = version_of(job.system, job.about) if job.kind in ABOUT_A_VERSION else None
    return Facts(job.system, version).snapshot(job.pk, versions, job.kind, job.about)


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
        signatory=job.signatory,
        subject_name=_subject(job),
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
            "system": document.slug,
            "subject": _about_version(snapshot),
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
        subject_name=document.subject_name,
        producer=WORKER,
        product=Product(
            payload={
                "type": "document/v1",
                "kind": job.kind,
                "pdf_digest": document.pdf_digest,
                "snapshot_digest": document.snapshot_digest,
                **counts,
            },
            environment={"libraries": snapshot["environment"], "pdf": "sha256:" + sha256(pdf).hexdigest()},
        ),
    )
    job.state, job.document, job.finished_at = DocumentJob.State.DONE, document, clock.now()
    job.save()


def _about_version(snapshot: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the version that a document says it is about, as entries name one; None where it names none."""
    model = snapshot.get("model") or {}
    named = "name" in model and "version" in model
    return {"name": f"{model['name']}/{model['version']}", "digest": model.get("artifact_digest")} if named else None


def _subject(job: DocumentJob) -> str:
    return job.system.name if job.system else "All AI systems"


def fail_document(job_id: uuid.UUID, error: str) -> None:
    """Close a job that can't be done; people see why."""
    DocumentJob.objects.filter(pk=job_id).exclude(state=DocumentJob.State.DONE).update(
        state=DocumentJob.State.FAILED, error=error[:2000], finished_at=clock.now()
    )
