"""Submit a document about a system or a version, and review one that somebody else submitted.

A document counts for nothing until another person accepted it, and for nothing any more from the day after its last one
or once somebody refused it.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import BinaryIO

import rfc8785
from django.db import transaction

from governance.accounts.access import may_read
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.accounts.services import require_password
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock, uploads
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.evidence import pdf, services, storage
from governance.evidence.errors import DocumentRefused, DocumentReviewed, OwnDocument
from governance.evidence.models import Evidence, EvidenceReview, SubmittedDocument
from governance.evidence.producers import Product
from governance.evidence.standing import TYPE

SUBMITTERS = (Role.ENGINEER, Role.OWNER, Role.VALIDATOR, Role.RISK_OFFICER, Role.DATA_PROTECTION_OFFICER)
REVIEWERS = (Role.VALIDATOR, Role.RISK_OFFICER, Role.DATA_PROTECTION_OFFICER)
LONGEST = timedelta(days=1096)
SHORTEST_NOTE = 20
FILE = "document.pdf"
PIECE = 65_536

Listener = Callable[[uuid.UUID], None]
_listeners: list[Listener] = []


@dataclass(frozen=True)
class About:
    """What a document is about: a system, or one of its versions."""

    system_id: uuid.UUID
    id: uuid.UUID
    digest: str
    name: str


def about_system(system_id: uuid.UUID, name: str) -> About:
    """Return a system as what a document is about. A system has no bytes, so its id is digested."""
    return About(system_id, system_id, system_digest(system_id), name)


def system_digest(system_id: uuid.UUID) -> str:
    """Return what stands for a system where evidence names the digest of its subject."""
    return "sha256:" + sha256(rfc8785.dumps({"system": str(system_id)})).hexdigest()


def inputs(about: About, kind: str) -> str:
    """Return the name under which documents of one kind about one subject are found."""
    return services.inputs_digest(
        evidence_type=TYPE, subject_digest=about.digest, subject_id=about.id, parameters={"kind": kind}
    )


def on_review(listener: Listener) -> None:
    """Call ``listener(system_id)`` when a document of a system was reviewed, in the same transaction."""
    _listeners.append(listener)


def check_may_submit(submitter: User, system_id: uuid.UUID) -> None:
    """Check that somebody may submit documents of a system. Pages ask it too.

    Raises:
        Unknown: they may not read the system.
        Forbidden: they have no role that works on it.
    """
    if not may_read(submitter, system_id):
        raise Unknown("There is no such AI system.")
    if not has_role(submitter, *SUBMITTERS, system_id=system_id):
        raise Forbidden("An engineer, the owner, or one of those who decide submits documents of an AI system.")


@transaction.atomic
def submit_document(
    *,
    about: About,
    kind: str,
    title: str,
    issuer: str,
    issued_on: date,
    expires_on: date,
    file: BinaryIO,
    submitter: User,
) -> SubmittedDocument:
    """Keep a document as evidence that waits for another person's review.

    Title and issuer lie in the erasable payload of the entry; the evidence holds the commitment. The file is kept by
    its digest, its name is not.

    Args:
        expires_on: the last day on which it counts, three years after it was issued at most.

    Raises:
        Unknown: the submitter may not read the system.
        Forbidden: the submitter has no role that works on it.
        InvalidInput: an unknown kind, or a title or issuer that is empty or longer than 200 characters.
        DocumentRefused: the file is too large or no plain PDF, or the dates do not fit.
    """
    check_may_submit(submitter, about.system_id)
    if kind not in SubmittedDocument.Kind.values:
        raise InvalidInput(f"Choose a kind of {', '.join(SubmittedDocument.Kind.values)}.")
    title, issuer = title.strip(), issuer.strip()
    if not (0 < len(title) <= 200 and 0 < len(issuer) <= 200):
        raise InvalidInput("Give title and issuer, each in 1 to 200 characters.")
    _check_dates(issued_on, expires_on)
    size = _check_file(file)
    sealed = audit.seal({"title": title, "issuer": issuer})
    digest = storage.put_stream(_pieces(file))
    evidence = services.attach(
        evidence_type=TYPE,
        subject_digest=about.digest,
        subject_name=about.name,
        subject_id=about.id,
        parameters={"kind": kind},
        producer=submitter,
        origin=Evidence.Origin.SUBMITTED,
        product=Product(
            payload={
                "type": TYPE,
                "kind": kind,
                "file": digest,
                "bytes": size,
                "media_type": "application/pdf",
                "words": sealed.commitment,
                "issued_on": issued_on.isoformat(),
                "expires_on": expires_on.isoformat(),
            },
            environment={},
            stored={FILE: digest},
        ),
    )
    document = SubmittedDocument(
        evidence=evidence,
        system_id=about.system_id,
        kind=kind,
        submitter=submitter,
        issued_on=issued_on,
        expires_on=expires_on,
        submitted_at=evidence.made_at,
    )
    audit.append(
        event=Event.DOCUMENT_SUBMITTED,
        actor=submitter,
        subjects=[document],
        data={
            "document": document.pk,
            "evidence": evidence.pk,
            "system": about.system_id,
            "kind": kind,
            "issued_on": issued_on,
            "expires_on": expires_on,
            "payload_digest": evidence.payload_digest,
            "file": digest,
        },
        sealed=sealed,
    )
    return document


def _check_dates(issued_on: date, expires_on: date) -> None:
    today = clock.now().date()
    if issued_on > today:
        raise DocumentRefused("The day of issue lies ahead.")
    if expires_on < today:
        raise DocumentRefused("The document has expired already.")
    if not issued_on < expires_on <= issued_on + LONGEST:
        raise DocumentRefused("A document expires after the day of issue, and within three years of it.")


def _check_file(file: BinaryIO) -> int:
    size = file.seek(0, 2)
    if size > uploads.largest():
        raise DocumentRefused(f"The file is larger than {uploads.largest() // 1_000_000} MB.")
    if wrong := pdf.problem(file):
        raise DocumentRefused(wrong)
    return size


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(PIECE):
        yield piece


def check_may_review(document: SubmittedDocument, reviewer: User) -> None:
    """Check that the person may say now whether a document counts. Pages ask it too.

    Raises:
        OwnDocument: the reviewer submitted it, or answers for the machine that did.
        Forbidden: no validator, risk officer or data protection officer of the system.
        DocumentReviewed: the reviewer has said so already.
    """
    if reviewer.pk in {document.submitter_id, document.submitter.sponsor_id}:
        raise OwnDocument("You submitted this document, or answer for the machine that did; another person reviews it.")
    if reviewer.is_service or not has_role(reviewer, *REVIEWERS, system_id=document.system_id):
        raise Forbidden("A validator, risk officer or data protection officer of the AI system reviews its documents.")
    if EvidenceReview.objects.filter(evidence=document.evidence_id, reviewer=reviewer).exists():
        raise DocumentReviewed("You have reviewed this document; what you said of it stays.")


@transaction.atomic
def review_document(
    *, document_id: uuid.UUID, reviewer: User, verdict: str, note: str, password: str
) -> EvidenceReview:
    """Say, for good, whether a document counts. Why lies in the erasable payload of the entry.

    Raises:
        Unknown: no such document, or none that the reviewer may read.
        OwnDocument, Forbidden, DocumentReviewed: see :func:`check_may_review`.
        InvalidInput: no such verdict, or a note of fewer than 20 characters.
        SignInAgain: the password is not the reviewer's.
    """
    rows = SubmittedDocument.objects.select_for_update(of=("self",)).select_related("evidence", "submitter")
    document = rows.filter(pk=document_id).first()
    if document is None or not may_read(reviewer, document.system_id):
        raise Unknown(f"There is no submitted document {document_id}.")
    check_may_review(document, reviewer)
    if verdict not in EvidenceReview.Verdict.values:
        raise InvalidInput("Accept the document, or refuse it.")
    note = note.strip()
    if not SHORTEST_NOTE <= len(note) <= 4000:
        raise InvalidInput(f"Say what you looked at and what follows, in at least {SHORTEST_NOTE} characters.")
    require_password(reviewer, password)
    evidence = document.evidence
    review = EvidenceReview(evidence=evidence, reviewer=reviewer, verdict=verdict, reviewed_at=clock.now())
    audit.append(
        event=Event.EVIDENCE_REVIEWED,
        actor=reviewer,
        subjects=[review],
        data={
            "document": document.pk,
            "evidence": evidence.pk,
            "system": document.system_id,
            "payload_digest": evidence.payload_digest,
            "file": evidence.payload["file"],
            "verdict": verdict,
        },
        payload={"note": note},
    )
    for listener in _listeners:
        listener(document.system_id)
    return review
