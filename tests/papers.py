"""Documents that people submit: a small PDF made by hand, and one submitted through the service."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

from governance.accounts.models import User
from governance.common import clock
from governance.evidence.documents import About, about_system, review_document, submit_document
from governance.evidence.models import EvidenceReview, SubmittedDocument
from governance.inventory.models import AISystem
from registry.models import ModelVersion
from tests.factories import PASSWORD

NOTE = "I read it in full; its scope is the system as it stands."


def a_pdf(text: str = "Report") -> bytes:
    """A PDF of one empty page, whole: header, objects, their table, end mark."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
        b"<</Title(" + text.encode("ascii") + b")>>",
    ]
    body, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"xref\n0 5\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return body + table + b"trailer<</Size 5/Root 1 0 R/Info 4 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(body)


def today() -> date:
    return clock.now().date()


def about(version: ModelVersion) -> About:
    """A version as what a document is about."""
    system = version.model.system
    assert system
    return About(system.pk, version.pk, version.artifact_digest, version.subject_name)


def submitted(subject: AISystem | ModelVersion, submitter: User, **fields: Any) -> SubmittedDocument:
    """A document about a system or a version, which counts for ninety days once somebody else accepted it."""
    values: dict[str, Any] = {
        "kind": "pen_test",
        "title": "Penetration test of the scoring service",
        "issuer": "An outside laboratory",
        "issued_on": today() - timedelta(days=10),
        "expires_on": today() + timedelta(days=90),
        "file": io.BytesIO(a_pdf()),
    }
    where = about(subject) if isinstance(subject, ModelVersion) else about_system(subject.pk, subject.name)
    return submit_document(about=where, submitter=submitter, **(values | fields))


def reviewed(document: SubmittedDocument, reviewer: User, verdict: str = "accepted", **fields: Any) -> EvidenceReview:
    """What another person says of it."""
    values = {"note": NOTE, "password": PASSWORD} | fields
    return review_document(document_id=document.pk, reviewer=reviewer, verdict=verdict, **values)
