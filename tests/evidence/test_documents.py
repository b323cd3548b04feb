"""Documents that people submit: what is taken, who reviews, and what the database holds whatever the code does."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import ProgrammingError

from governance.accounts.roles import Role
from governance.accounts.services import SignInAgain
from governance.audit import selectors as log
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.evidence import papers, pdf, storage
from governance.evidence.errors import DocumentRefused, DocumentReviewed, OwnDocument
from governance.evidence.models import Evidence, EvidenceReview, SubmittedDocument
from governance.evidence.standing import Paper, Standing
from reports.documents.building import build
from reports.documents.press import Press
from tests.approvals.test_rules_in_sql import refused
from tests.documents import sample_kinds as samples
from tests.factories import a_system, a_user, given
from tests.papers import a_pdf, reviewed, submitted, today

DAY = timedelta(days=1)


def a_zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("run.js", "alert(1)")
    return packed.getvalue()


def zip_inside() -> bytes:
    """A PDF that unzips too: the archive's bytes before the table, its directory found from the end of the file."""
    whole = a_pdf()
    place = whole.rindex(b"trailer")
    return whole[:place] + b"%" + a_zip() + b"\n" + whole[place:]


def cut() -> bytes:
    return a_pdf()[:-40]


HOSTILE = {
    "nothing": b"",
    "a picture": b"\x89PNG\r\n\x1a\n" + b"\x00" * 200,
    "a page for browsers": b"<script>alert(1)</script>" + a_pdf(),
    "an archive": a_zip(),
    "an archive before a PDF": a_zip() + a_pdf(),
    "an archive behind a PDF": a_pdf() + a_zip(),
    "an archive inside a PDF": zip_inside(),
    "a script behind a PDF": a_pdf() + b"<script>alert(1)</script>",
    "half a PDF": cut(),
    "a header with an end mark": b"%PDF-1.7\n" + b" " * 90 + b"\nstartxref\n9\n%%EOF\n",
    "a table far behind the end": a_pdf().replace(b"startxref\n", b"startxref\n99999"),
    "a word that only looks like it": b"%PDF-9.9\n" + a_pdf()[9:],
}


def test_a_pdf_is_taken_and_left_at_its_beginning():
    file = io.BytesIO(a_pdf())
    assert pdf.problem(file) == ""
    assert file.tell() == 0


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_plain_pdf_is_refused_with_its_reason(what):
    assert pdf.problem(io.BytesIO(HOSTILE[what])).endswith(".")


def test_a_document_made_by_our_own_writer_is_taken():
    # In the child that draws them: the font settings of our documents hold for a whole process, and have no other font.
    snapshot, press = samples.full("fria"), Press()
    assert pdf.problem(io.BytesIO(press.render(build(snapshot), snapshot))) == ""
    press.close()


@pytest.fixture
def people(db):
    system = a_system()
    return system, a_user(Role.ENGINEER), a_user(Role.VALIDATOR)


def test_a_document_becomes_evidence_that_waits_for_another_person(people):
    system, engineer, validator = people
    document = submitted(system, engineer)
    evidence = document.evidence
    assert (evidence.type, evidence.origin, evidence.producer_id) == (
        "submitted_document/v1",
        Evidence.Origin.SUBMITTED,
        engineer.actor_id,
    )
    assert storage.get(evidence.files["document.pdf"]) == a_pdf()
    found = papers.document_for(engineer, document.pk)
    assert papers.paper_of(found).standing(clock.now()) is Standing.WAITING
    reviewed(document, validator)
    found = papers.document_for(engineer, document.pk)
    assert papers.paper_of(found).standing(clock.now()) is Standing.ACCEPTED


def test_the_log_proves_digest_and_review_and_keeps_the_words_erasable(people):
    system, engineer, validator = people
    document = submitted(system, engineer, title="A title with a name", issuer="An issuer with a name")
    review = reviewed(document, validator, note="The words of the reviewer, in full.")
    entry, said = log.entry_by_id(document.log_entry), log.entry_by_id(review.log_entry)
    digest = document.evidence.files["document.pdf"]
    assert (entry.parsed["data"]["file"], said.parsed["data"]["file"]) == (digest, digest)
    assert said.parsed["data"]["verdict"] == "accepted"
    assert said.parsed["actor"] == validator.actor_id
    assert document.evidence.payload["words"] == entry.parsed["payload"]
    for parsed in (entry.parsed, said.parsed, log.entry_by_id(document.evidence.log_entry).parsed):
        assert "with a name" not in json.dumps(parsed)
        assert "words of the reviewer" not in json.dumps(parsed)
    assert log.payload_of(review.log_entry) == {"note": "The words of the reviewer, in full."}
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(d)::text || to_jsonb(e)::text FROM evidence_submitteddocument d "
                       "JOIN evidence_evidence e ON e.id = d.evidence_id")  # fmt: skip
        assert "with a name" not in cursor.fetchone()[0]


def test_a_file_is_kept_once_piece_by_piece_and_read_only_as_it_was_put(people, settings):
    system, engineer, _ = people
    first, second = submitted(system, engineer), submitted(system, engineer)
    digest = first.evidence.files["document.pdf"]
    assert digest == second.evidence.files["document.pdf"]
    with storage.open_checked(digest) as file:
        assert file.read() == a_pdf()
    left = [path.name for path in (Path(settings.STORAGE_ROOT) / "files").glob("tmp*")]
    assert left == []
    path = storage.path_of(digest)
    path.write_bytes(a_pdf("Forged"))
    with pytest.raises(Unknown, match="are not the ones"):
        storage.open_checked(digest)
    path.unlink()


@pytest.mark.parametrize("what", ["an archive", "a script behind a PDF"])
def test_the_service_refuses_a_hostile_file_and_keeps_nothing(people, what):
    system, engineer, _ = people
    with pytest.raises(DocumentRefused):
        submitted(system, engineer, file=io.BytesIO(HOSTILE[what]))
    assert not SubmittedDocument.objects.exists()


def test_a_file_over_the_limit_is_refused(people, settings):
    system, engineer, _ = people
    settings.MAX_DOCUMENT_MB = 1
    whole = a_pdf()
    long = whole[:9] + b"%" + b" " * 1_000_000 + b"\n" + whole[9:]
    with pytest.raises(DocumentRefused, match="larger than 1 MB"):
        submitted(system, engineer, file=io.BytesIO(long))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"issued_on": 1}, "lies ahead"),
        ({"issued_on": -10, "expires_on": -1}, "expired already"),
        ({"issued_on": 0, "expires_on": 1100}, "three years"),
        ({"issued_on": 0, "expires_on": 0}, "after the day of issue"),
    ],
)
def test_its_dates_are_bounded(people, fields, says):
    system, engineer, _ = people
    dates = {name: today() + timedelta(days=days) for name, days in fields.items()}
    with pytest.raises(DocumentRefused, match=says):
        submitted(system, engineer, **dates)


def test_it_counts_to_the_end_of_its_last_day_and_one_refusal_outweighs():
    now = clock.now()
    paper = Paper("dpia", today() - 10 * DAY, today(), [("accepted", now - DAY)])
    assert paper.standing(now) is Standing.ACCEPTED
    assert paper.facts(now)["days_left"] == 0
    assert paper.standing(now + DAY) is Standing.EXPIRED
    assert "expired on" in paper.why_not(now + DAY)
    both = Paper("dpia", paper.issued_on, paper.expires_on, [("accepted", now - DAY), ("refused", now)])
    assert both.standing(now) is Standing.REFUSED
    assert both.standing(now - timedelta(hours=1)) is Standing.ACCEPTED  # as it was seen then


def test_only_people_of_the_system_submit(people):
    system, _, _ = people
    elsewhere = a_user()
    given(elsewhere, Role.ENGINEER, system_id=uuid.uuid4())
    with pytest.raises(Unknown):
        submitted(system, elsewhere)
    with pytest.raises(Forbidden):
        submitted(system, a_user(Role.AUDITOR))
    with pytest.raises(InvalidInput):
        submitted(system, a_user(Role.OWNER), title=" ")


def test_neither_the_submitter_nor_the_sponsor_of_one_reviews_and_nobody_twice(people):
    system, _, validator = people
    own = submitted(system, validator)
    with pytest.raises(OwnDocument):
        reviewed(own, validator)
    machine = a_user(sponsor=validator)
    given(machine, Role.ENGINEER, system_id=system.pk)
    with pytest.raises(OwnDocument):
        reviewed(submitted(system, machine), validator)
    officer = a_user(Role.RISK_OFFICER)
    with pytest.raises(Forbidden):
        reviewed(own, a_user(Role.OWNER))
    with pytest.raises(SignInAgain):
        reviewed(own, officer, password="not the password")
    with pytest.raises(InvalidInput):
        reviewed(own, officer, note="Too short")
    reviewed(own, officer)
    with pytest.raises(DocumentReviewed):
        reviewed(own, officer, "refused")


def a_review(document: SubmittedDocument, reviewer, **fields) -> EvidenceReview:
    values = {"verdict": "accepted", "reviewed_at": clock.now()} | fields
    return EvidenceReview(evidence=document.evidence, reviewer=reviewer, **values)


@pytest.mark.django_db(transaction=True)
def test_the_database_refuses_what_the_services_refuse():
    system, engineer, validator = a_system(), a_user(Role.ENGINEER), a_user(Role.VALIDATOR)
    document = submitted(system, validator)
    machine = a_user(sponsor=validator)
    given(machine, Role.ENGINEER, system_id=system.pk)
    by_machine = submitted(system, machine)
    refused("document_reviewed_by_another_person", a_review(document, validator))
    refused("document_reviewed_by_another_person", a_review(by_machine, validator))
    refused("document_reviewed_in_a_role", a_review(document, engineer))
    refused("document_reviewed_in_a_role", a_review(document, machine))
    leaver = a_user(Role.RISK_OFFICER)
    leaver.is_active = False
    leaver.save(update_fields=["is_active"])
    refused("document_reviewed_in_a_role", a_review(document, leaver))
    officer = a_user(Role.RISK_OFFICER)
    refused("known_review_verdict", a_review(document, officer, verdict="perhaps"))
    reviewed(document, officer)
    refused("one_review_per_evidence_and_reviewer", a_review(document, officer))
    values = {"evidence": by_machine.evidence, "system_id": system.pk, "kind": "pen_test", "submitted_at": clock.now()}
    values |= {"submitter": machine, "issued_on": document.issued_on, "expires_on": document.expires_on}
    for other in ({"kind": "dpia"}, {"submitter": engineer}, {"expires_on": document.expires_on + 900 * DAY}):
        refused("document_says_what_its_evidence_says", SubmittedDocument(**(values | other)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evidence_evidencereview SET verdict = 'refused'",
        "DELETE FROM evidence_evidencereview",
        "UPDATE evidence_submitteddocument SET expires_on = expires_on + 30",
        "DELETE FROM evidence_submitteddocument",
    ],
)
def test_what_was_submitted_and_said_of_it_never_changes(statement):
    system = a_system()
    reviewed(submitted(system, a_user(Role.ENGINEER)), a_user(Role.VALIDATOR))
    with pytest.raises((IntegrityError, ProgrammingError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_a_review_without_an_entry_is_refused():
    system = a_system()
    document, officer = submitted(system, a_user(Role.ENGINEER)), a_user(Role.RISK_OFFICER)
    row = a_review(document, officer, log_entry=uuid.uuid4())
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()
