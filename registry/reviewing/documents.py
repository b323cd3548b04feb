"""What the pages and the API say of submitted documents, as plain values; ``templates/registry`` says which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import FileResponse

from governance.accounts.models import User
from governance.audit.selectors import indexes_of, payloads_of
from governance.common import clock, uploads
from governance.common.errors import DomainError, Unknown
from governance.evidence import papers, storage
from governance.evidence.documents import FILE, About, about_system, check_may_review, check_may_submit
from governance.evidence.models import EvidenceReview, SubmittedDocument
from governance.evidence.standing import WARNED_DAYS, Standing
from governance.inventory.models import AISystem
from registry.models import ModelVersion

VERSIONS_OFFERED = 50
Row = dict[str, Any]


def about(ai_system: AISystem, version: ModelVersion | None) -> About:
    """Return what a document is about: the system, or one of its versions.

    Raises:
        Unknown: the version is of another system.
    """
    if version is None:
        return about_system(ai_system.pk, ai_system.name)
    if version.model.system_id != ai_system.pk:
        raise Unknown(f"{version} is no version of {ai_system.name}.")
    return About(ai_system.pk, version.pk, version.artifact_digest, version.subject_name)


def versions_of(ai_system: AISystem) -> list[ModelVersion]:
    """Return the newest versions of a system's models whose bytes are known."""
    rows = ModelVersion.objects.select_related("model").filter(model__system=ai_system).exclude(artifact_digest="")
    return list(rows.order_by("-mirrored_at")[:VERSIONS_OFFERED])


def list_page(ai_system: AISystem, viewer: User, **form: Any) -> Row:
    """Return the context of registry/submitted_documents.html."""
    try:
        check_may_submit(viewer, ai_system.pk)
        may_submit = True
    except DomainError:
        may_submit = False
    return {
        "system": {"pk": ai_system.pk, "name": ai_system.name},
        "rows": rows(list(papers.documents_for(viewer).filter(system_id=ai_system.pk))),
        "may_submit": may_submit,
        "versions": [{"pk": row.pk, "name": str(row)} for row in versions_of(ai_system)] if may_submit else [],
        "kinds": SubmittedDocument.Kind.choices,
        "largest_mb": uploads.largest() // 1_000_000,
        "warned_days": WARNED_DAYS,
        **({"form": {}, "errors": {}} | form),
    }


def rows(documents: Sequence[SubmittedDocument]) -> list[Row]:
    """Return documents as rows of a table; one query more for all their words."""
    words, now = payloads_of([row.log_entry for row in documents]), clock.now()
    found = []
    for row in documents:
        paper, said = papers.paper_of(row), words.get(row.log_entry, {})
        left = paper.days_left(now)
        standing = paper.standing(now)
        found.append(
            {
                "pk": row.pk,
                "evidence": row.evidence_id,
                "system": row.system_id,
                "kind": row.kind,
                "kind_label": row.get_kind_display(),
                "title": said.get("title", ""),
                "issuer": said.get("issuer", ""),
                "subject": row.evidence.subject_name,
                "file": row.evidence.files[FILE],
                "bytes": row.evidence.payload["bytes"],
                "issued_on": row.issued_on,
                "expires_on": row.expires_on,
                "days": (row.expires_on - row.issued_on).days,
                "days_left": left,
                "days_gone": min(max((now.date() - row.issued_on).days, 0), (row.expires_on - row.issued_on).days),
                "soon": standing is not Standing.EXPIRED and 0 <= left <= WARNED_DAYS,
                "state": standing.value,
                "why_not": paper.why_not(now),
                "submitted_by": row.submitter.name,
                "submitted_at": row.submitted_at,
            }
        )
    return found


def detail_page(document: SubmittedDocument, viewer: User, **form: Any) -> Row:
    """Return the context of registry/submitted_document.html."""
    reviews = list(document.evidence.reviews.all())
    entries = [document.log_entry, *(row.log_entry for row in reviews)]
    words, places = payloads_of(entries), indexes_of(entries)
    try:
        check_may_review(document, viewer)
        refusal = ""
    except DomainError as refused:
        refusal = refused.detail
    system = AISystem.objects.get(pk=document.system_id)
    return {
        "document": rows([document])[0] | {"index": places.get(document.log_entry)},
        "system": {"pk": system.pk, "name": system.name},
        "reviews": [_review(row, words.get(row.log_entry), places.get(row.log_entry)) for row in reviews],
        "refusal": refusal,
        "verdicts": EvidenceReview.Verdict.choices,
        "may_read_log": viewer.has_perm("audit.read_log"),
        **({"form": {}, "errors": {}} | form),
    }


def _review(row: EvidenceReview, words: Row | None, index: int | None) -> Row:
    return {
        "verdict": row.verdict,
        "by": row.reviewer.name,
        "at": row.reviewed_at,
        "note": words["note"] if words else "",
        "index": index,
    }


def handed_out(document: SubmittedDocument) -> FileResponse:
    """Return the file as an attachment under a name of ours, piece by piece, with everything in it forbidden."""
    digest = document.evidence.files[FILE]
    name = f"{document.kind}-{document.issued_on:%Y-%m-%d}-{digest[7:15]}.pdf"
    headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}
    return FileResponse(
        storage.open_checked(digest),
        as_attachment=True,
        filename=name,
        content_type="application/pdf",
        headers=headers,
    )
