"""Pages and API of submitted documents: handed in, waited for, reviewed, handed out as a file and nothing else."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from governance.accounts.roles import Role
from governance.accounts.services import create_token
from governance.approvals.models import State
from governance.evidence.models import EvidenceReview, SubmittedDocument
from tests.approvals.test_submitted_documents import POLICY
from tests.factories import PASSWORD, Cast, a_policy_text, a_user, fresh, given, state_of
from tests.papers import NOTE, a_pdf, reviewed, submitted, today


@pytest.fixture
def cast(db, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    return Cast(a_policy_text(*POLICY))


def a_form(**fields):
    values = {
        "kind": "pen_test",
        "title": "A test <b>from outside</b>",
        "issuer": "A laboratory",
        "issued_on": (today() - timedelta(days=3)).isoformat(),
        "expires_on": (today() + timedelta(days=60)).isoformat(),
        "file": SimpleUploadedFile("../../evil.html", a_pdf(), content_type="text/html"),
    }
    return values | fields


def test_a_document_goes_from_the_form_to_its_review_and_lets_the_request_in(client, cast):
    made = cast.promotion()
    cast.attached(made, ratio=0.97, half=0.05)
    reviewed(submitted(cast.system, cast.engineer, kind="dpia"), cast.officer)
    client.force_login(cast.engineer)
    page = client.get(f"/promotions/{made.pk}").content.decode()
    assert "Nobody has submitted one yet." in page
    address = f"/systems/{cast.system.pk}/submitted-documents"
    assert address in page
    answer = client.post(f"{address}/submit", a_form(version=str(made.version.pk)))
    document = SubmittedDocument.objects.get(kind="pen_test")
    assert answer.headers["Location"] == f"/submitted-documents/{document.pk}"
    assert document.evidence.subject_digest == made.version.artifact_digest
    page = client.get(f"/promotions/{made.pk}").content.decode()
    assert "waits for another person&#x27;s review" in page
    assert f"/submitted-documents/{document.pk}" in page
    assert "A test &lt;b&gt;from outside" in client.get(address).content.decode()
    own = client.get(f"/submitted-documents/{document.pk}").content.decode()
    assert "You submitted this document" in own
    assert 'name="password"' not in own
    client.force_login(cast.officer)
    said = {"verdict": "accepted", "note": NOTE, "password": PASSWORD}
    refused = client.post(f"/submitted-documents/{document.pk}/review", said | {"password": "wrong"})
    assert refused.status_code == 403
    assert NOTE in refused.content.decode()
    assert not EvidenceReview.objects.filter(evidence=document.evidence).exists()
    assert client.post(f"/submitted-documents/{document.pk}/review", said).status_code == 302
    assert state_of(fresh(made).approval) == State.IN_REVIEW
    assert NOTE in client.get(f"/submitted-documents/{document.pk}").content.decode()


def test_a_hostile_file_is_refused_on_the_page_with_what_was_typed(client, cast):
    client.force_login(cast.engineer)
    bad = SimpleUploadedFile("report.pdf", b"<script>alert(1)</script>" + a_pdf(), content_type="application/pdf")
    answer = client.post(f"/systems/{cast.system.pk}/submitted-documents/submit", a_form(file=bad, title="Typed"))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "The file is no PDF" in page
    assert 'value="Typed"' in page
    assert not SubmittedDocument.objects.exists()


def test_a_body_over_the_limit_is_not_read_to_its_end(client, cast, settings):
    settings.MAX_DOCUMENT_MB = 1
    client.force_login(cast.engineer)
    long = SimpleUploadedFile("report.pdf", a_pdf() + b" " * 3_000_000)
    answer = client.post(f"/systems/{cast.system.pk}/submitted-documents/submit", a_form(file=long))
    assert answer.status_code == 422
    assert "The file is larger than 1 MB." in answer.content.decode()


def test_a_file_is_handed_out_as_an_attachment_that_can_do_nothing(client, cast):
    document = submitted(cast.system, cast.engineer)
    client.force_login(cast.officer)
    answer = client.get(f"/submitted-documents/{document.pk}/file")
    assert b"".join(answer.streaming_content) == a_pdf()
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="pen_test-')


def test_a_machine_submits_over_the_api_and_its_sponsor_does_not_review(client, cast):
    machine = a_user(sponsor=cast.validator)
    given(machine, Role.ENGINEER, system_id=cast.system.pk)
    secret = create_token(holder=machine, label="ci", scopes=["evidence:write"])
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "one"}
    sent = a_form(system=cast.system.slug)
    answer = client.post("/api/v1/submitted-documents", sent, headers=headers)
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert (body["state"], body["kind"], body["title"]) == ("waiting", "pen_test", "A test <b>from outside</b>")
    again = client.post("/api/v1/submitted-documents", a_form(system=cast.system.slug), headers=headers)
    assert again.json()["id"] == body["id"]
    other = a_form(system=cast.system.slug, file=SimpleUploadedFile("a.pdf", a_pdf("Another")))
    assert client.post("/api/v1/submitted-documents", other, headers=headers).status_code == 422
    assert SubmittedDocument.objects.count() == 1
    found = client.get(answer.headers["Location"], headers=headers).json()
    assert found["file"] == body["file"]
    listed = client.get(f"/api/v1/submitted-documents?system={cast.system.slug}&kind=pen_test", headers=headers).json()
    assert [row["id"] for row in listed["results"]] == [body["id"]]
    taken = client.get(f"{answer.headers['Location']}/file", headers=headers)
    assert io.BytesIO(b"".join(taken.streaming_content)).read() == a_pdf()
    client.force_login(cast.validator)
    page = client.get(f"/submitted-documents/{body['id']}").content.decode()
    assert "answer for the machine that did" in page


def test_the_api_says_what_is_wrong_with_a_file_and_takes_no_version_of_another_system(client, cast):
    secret = create_token(holder=cast.engineer, label="own", scopes=["evidence:write"])
    headers = {"Authorization": f"Bearer {secret}"}
    bad = SimpleUploadedFile("a.pdf", b"PK\x03\x04" + b"\x00" * 200)
    answer = client.post("/api/v1/submitted-documents", a_form(system=cast.system.slug, file=bad), headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/document-refused")
    half = client.post("/api/v1/submitted-documents", a_form(system=cast.system.slug, model="m"), headers=headers)
    assert half.status_code == 422
