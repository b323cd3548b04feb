"""Dispose of the stored files of a system whose time is over: an act of a person, with a reason, in the log.

Rows are not deleted, since entries of the log name them and the database refuses it; of evidence and documents the
files go. The log says so first, in one transaction; then the files go, and what a crash leaves of them goes with the
next run of the sweep. A file whose bytes something else rests on stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import rfc8785
from django.db import transaction
from django.db.models import Q, QuerySet

from governance.accounts import holds
from governance.accounts.models import User
from governance.accounts.services import require_password
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden
from governance.evidence import storage
from governance.evidence.models import Evidence, SubmittedDocument
from governance.inventory.models import AISystem, ModelAssignment
from governance.inventory.texts import reason_of
from monitoring.models import ReferenceProfile
from registry.models import DatasetSnapshot, ModelVersion
from reports.disposal_models import Disposal
from reports.errors import NotDue, NothingToDispose
from reports.models import Document, DocumentTimeStamp
from reports.retention import systems

EVIDENCE, DOCUMENTS = "evidence", "documents"
LONGEST_REASON = 2000
NAMED_IN_ENTRY = 100


@transaction.atomic
def dispose(*, system: AISystem, row: str, reason: str, by: User, password: str) -> Disposal:
    """Remove the files of a system's evidence or documents, for good.

    Args:
        row: ``evidence`` or ``documents``.
        reason: 20 to 2,000 characters.
        password: typed for it.
    Raises:
        Forbidden: the person is neither risk nor data protection officer of the system.
        Unknown: there is no such row.
        InvalidInput: the reason is too short or too long.
        NothingToDispose: the row holds nothing that can be removed, no file is left, or others rest on each.
        NotDue: the records have to be kept still, or nobody can say until when.
        UnderLegalHold: the system is held.
        SignInAgain: the password is another.
    """
    if not systems.may_dispose(by, system):
        raise Forbidden("A risk officer or a data protection officer of the AI system disposes of its records.")
    system = AISystem.objects.select_for_update().get(pk=system.pk)
    standing = systems.standing_of(system, row)
    why = reason_of(reason, LONGEST_REASON)
    if not standing.kept.by_hand:
        raise NothingToDispose(f"Nothing of it can be removed. {standing.kept.stays}")
    last = standing.until.day
    if last is None or not standing.until.is_over(clock.now().date()):
        when = f"until {clock.day(last)}" if last else f"for now. {standing.until.why}"
        raise NotDue(f"{standing.kept.title} of {system.name} have to be kept {when}")
    holds.standing().check((holds.Kind.SYSTEM, system.pk))
    require_password(by, password)
    now = clock.now()
    listed = sorted(digest for digest in _Files(system, row, now).alone() if storage.holds(digest))
    if not listed:
        raise NothingToDispose(f"No file is left of {system.name} that nothing else rests on.")
    disposal = Disposal(
        system=system,
        row=row,
        reason=why,
        disposed_by=by,
        kept_until=last,
        files=len(listed),
        files_digest=f"sha256:{sha256(rfc8785.dumps(list(listed))).hexdigest()}",
        made_at=now,
    )
    audit.append(
        event=Event.DISPOSAL_MADE,
        actor=by,
        subjects=[disposal],
        data={
            "system": system.slug,
            "row": row,
            "kept_until": last.isoformat(),
            "files": len(listed),
            "files_digest": disposal.files_digest,
            "first_files": listed[:NAMED_IN_ENTRY],
        },
        payload={"reason": why},
    )
    transaction.on_commit(lambda: _remove(disposal), robust=True)
    return disposal


def finish() -> int:
    """Remove what an interrupted disposal left, unless the system is held now; return how many files went."""
    return sum(_remove(disposal) for disposal in Disposal.objects.select_related("system").order_by("made_at"))


def has_files(system: AISystem, row: str) -> bool:
    """Return whether a row of a system has files, whatever else rests on them."""
    return bool(_Files(system, row, clock.now()).all())


def said_of(digest: str) -> str:
    """Return in a sentence by which disposal a file went; empty where it was none."""
    for disposal in Disposal.objects.select_related("system").order_by("made_at"):
        if digest in _Files(disposal.system, disposal.row, disposal.made_at).all():
            return f"It was disposed of on {clock.day(disposal.made_at.date())}, when its time to be kept was over."
    return ""


@transaction.atomic
def _remove(disposal: Disposal) -> int:
    if holds.standing().on((holds.Kind.SYSTEM, disposal.system_id)):
        return 0
    gone = [
        digest for digest in _Files(disposal.system, disposal.row, disposal.made_at).alone() if storage.holds(digest)
    ]
    for digest in gone:
        storage.remove(digest)
    return len(gone)


@dataclass(frozen=True)
class _Files:
    """The files of one row of one system, of what was made until a moment."""

    system: AISystem
    row: str
    until: datetime

    def all(self) -> set[str]:
        """Return the digests of all of them."""
        return _of_evidence(self._evidence()) if self.row == EVIDENCE else _of_documents(self._documents())

    def alone(self) -> set[str]:
        """Return the digests of those on which nothing else rests."""
        return self.all() - self._needed()

    def _needed(self) -> set[str]:
        evidence, documents = Evidence.objects.all(), Document.objects.all()
        if self.row == EVIDENCE:
            evidence = evidence.exclude(pk__in=self._evidence().values("pk"))
        else:
            documents = documents.exclude(pk__in=self._documents().values("pk"))
        rest = _of_evidence(evidence) | _of_documents(documents)
        rest |= {digest for pair in DatasetSnapshot.objects.values_list("digest", "row_digests") for digest in pair}
        rest |= set(ModelVersion.objects.values_list("manifest_digest", flat=True))
        return rest | set(ReferenceProfile.objects.values_list("rows_digest", flat=True))

    def _evidence(self) -> QuerySet[Evidence]:
        """Return the evidence about this system alone: its papers, and of versions of models that served no other."""
        others = ModelAssignment.objects.filter(signed_at__isnull=False).exclude(system=self.system)
        versions = ModelVersion.objects.filter(model__system=self.system).exclude(model__in=others.values("model_id"))
        papers = SubmittedDocument.objects.filter(system_id=self.system.pk)
        about = Q(subject_id__in=versions.values("pk")) | Q(pk__in=papers.values("evidence"))
        return Evidence.objects.filter(about, made_at__lte=self.until)

    def _documents(self) -> QuerySet[Document]:
        return Document.objects.filter(system=self.system, made_at__lte=self.until)


def _of_evidence(rows: QuerySet[Evidence]) -> set[str]:
    return {digest for files in rows.order_by().values_list("files", flat=True) for digest in files.values()}


def _of_documents(rows: QuerySet[Document]) -> set[str]:
    tokens = DocumentTimeStamp.objects.filter(document__in=rows.values("pk")).values_list("token_digest", flat=True)
    return {*rows.order_by().values_list("pdf_digest", flat=True), *tokens}
