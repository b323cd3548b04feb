"""Signed documents in the log, the page that checks an uploaded PDF, and time-stamps renewed later."""

import io
import subprocess
from datetime import timedelta
from hashlib import sha256

import pytest
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse
from redis.exceptions import ConnectionError as RedisConnectionError

from governance.accounts.roles import Role
from governance.audit import selectors as log
from governance.common import clock, counting
from governance.evidence import storage
from governance.notices.models import Notice
from governance.notices.outbox import look_ahead
from governance.notices.reading import may_read
from reports import checking, selectors, services, tasks, time_stamps
from reports.documents import signing
from reports.documents.building import build
from reports.documents.render import render
from reports.documents.signing import SigningFailed
from reports.errors import TooManyChecks
from reports.models import Document, DocumentJob, DocumentTimeStamp
from tests.documents.sample_snapshot import a_bare_snapshot
from tests.documents.signing_authority import Signers
from tests.factories import a_user
from tests.papers import a_pdf
from tests.reports.factories import Bank

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:unclosed file.*sRGB2014:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*sRGB2014:pytest.PytestUnraisableExceptionWarning"),
]
CHECK = "/documents/check"


@pytest.fixture(scope="module")
def signers(tmp_path_factory) -> Signers:
    return Signers.made_in(tmp_path_factory.mktemp("pki") / "good")


@pytest.fixture(scope="module")
def pages() -> bytes:
    """Real pages, drawn once; each document puts its own id into their metadata."""
    snapshot = a_bare_snapshot()
    return render(build(snapshot), snapshot)


@pytest.fixture
def bank(db, settings, tmp_path, monkeypatch, pages, signers) -> Bank:
    settings.STORAGE_ROOT = tmp_path / "storage"
    settings.DOCUMENT_KEY = str(signers.folder / "signer.key")
    settings.DOCUMENT_CERTIFICATE_FILE = str(signers.folder / "signer.pem")
    settings.DOCUMENT_TRUST_FILE = str(signers.folder / "trust.pem")
    settings.DOCUMENT_CRL_FILES = [str(signers.folder / "root.crl"), str(signers.folder / "tsa.crl")]
    old = a_bare_snapshot()["document"]["id"].encode()

    def drawn(content, snapshot, said):
        assert old in pages
        return pages.replace(old, content.document_id.encode())

    monkeypatch.setattr(services, "render", drawn)
    monkeypatch.setattr(services, "libraries", lambda: {"weasyprint": "70.0"})
    return Bank()


def a_document(bank: Bank) -> Document:
    job = services.request_document(kind=Document.Kind.ANNEX_IV, ai_system=bank.system, requester=bank.owner)
    made = services.build_document(job.pk).document
    assert made
    return made


def looked_at(client, person, pdf: bytes):
    client.force_login(person)
    page = client.post(CHECK, {"file": SimpleUploadedFile("handed-in.pdf", pdf, "application/pdf")})
    assert page.status_code == 200, page.content.decode()[:500]
    return page.context["result"], " ".join(page.content.decode().split())


def test_the_log_names_the_signed_file_and_its_unsigned_pages(bank, signers, settings):
    with signers.serving() as identity:
        settings.DOCUMENT_TSA = identity.authority
        made = a_document(bank)
    pdf = selectors.pdf_of(made)
    assert made.unsigned_bytes < len(pdf)
    assert made.unsigned_digest == "sha256:" + sha256(pdf[: made.unsigned_bytes]).hexdigest()
    assert made.signature == made.snapshot["signature"]
    assert made.signature["level"] == "B-LT"
    assert made.time_stamp_ends_at
    (entry,) = log.entries_naming("reports_document", [made.pk])
    data = entry.parsed["data"]
    assert (data["pdf"], data["unsigned"]) == (made.pdf_digest, made.unsigned_digest)
    assert (data["signature"], data["certificate"]) == ("B-LT", made.signature["certificate"])


def test_a_document_that_can_not_be_signed_is_not_kept(bank, settings, caplog):
    settings.DOCUMENT_TSA = "http://127.0.0.1:9/tsr"
    job = services.request_document(kind=Document.Kind.ANNEX_IV, ai_system=bank.system, requester=bank.owner)
    tasks.build_document(str(job.pk))
    job.refresh_from_db()
    assert job.state == DocumentJob.State.FAILED
    assert "SigningFailed: The time-stamp authority http://127.0.0.1:9/tsr" in job.error
    assert not Document.objects.exists()


def test_our_own_file_is_known_byte_for_byte_and_its_signature_valid(bank, client, signers, settings):
    with signers.serving() as identity:
        settings.DOCUMENT_TSA = identity.authority
        made = a_document(bank)
    result, text = looked_at(client, bank.owner, selectors.pdf_of(made))
    assert result["standing"] == "ours"
    assert result["document"]["pk"] == made.pk
    (signature,) = result["signatures"]
    assert (signature["valid"], signature["level"], signature["stamped"]) == (True, "B-LT", True)
    assert signature["signer"] == "Example Bank model governance"
    assert "One of ours, byte for byte" in text
    pages = selectors.pdf_of(made)[: made.unsigned_bytes]
    result, text = looked_at(client, bank.owner, pages)
    assert (result["standing"], result["signatures"]) == ("unsigned", [])
    assert "without the signature that we gave them" in text


def test_one_flipped_byte_is_found_and_the_page_that_holds_it_named(bank, client):
    made = a_document(bank)
    pdf = bytearray(selectors.pdf_of(made))
    at = pdf.index(b"stream", made.unsigned_bytes // 3) + 60
    pdf[at] ^= 1
    result, text = looked_at(client, bank.owner, bytes(pdf))
    assert result["standing"] == "altered"
    assert result["document"]["pk"] == made.pk
    assert result["changes"][0] == f"the first byte that differs is byte {at + 1:,} of {len(pdf):,}"
    assert len(result["changes"]) == 2, "and in which part of the file it lies"
    (signature,) = result["signatures"]
    assert (signature["valid"], signature["intact"]) == (False, False)
    assert "The signed bytes were changed after the signature" in text


def test_what_was_added_after_the_signature_does_not_pass(bank, client):
    made = a_document(bank)
    result, _ = looked_at(client, bank.owner, selectors.pdf_of(made) + b"\n% added\n")
    assert result["standing"] == "altered"
    assert "the pages are the ones that we made; what was added after them is not" in result["changes"]
    (signature,) = result["signatures"]
    assert (signature["valid"], signature["intact"]) == (False, True)
    assert signature["why"] == "Bytes were added to the file after the signature."


def test_a_strangers_signature_over_our_pages_is_not_ours(bank, client, pages, tmp_path):
    from reports.documents import signing

    made = a_document(bank)
    stranger = Signers.made_in(tmp_path / "stranger")
    forged = signing.sign(selectors.pdf_of(made)[: made.unsigned_bytes], stranger.identity()).pdf
    result, _ = looked_at(client, bank.owner, forged)
    assert result["standing"] == "altered"
    (signature,) = result["signatures"]
    assert (signature["valid"], signature["intact"], signature["trusted"]) == (False, True, False)
    assert "does not lead to a root that is trusted here" in signature["why"]


def test_without_roots_a_signature_is_intact_and_no_more(bank, client, settings):
    made = a_document(bank)
    settings.DOCUMENT_TRUST_FILE = ""
    result, text = looked_at(client, bank.owner, selectors.pdf_of(made))
    (signature,) = result["signatures"]
    assert (signature["valid"], signature["trusted"]) == (False, None)
    assert "intact, signer not checked" in text


def test_a_file_of_elsewhere_and_garbage_are_unknown(bank, client):
    assert looked_at(client, bank.owner, a_pdf())[0]["standing"] == "unknown"
    result, text = looked_at(client, bank.owner, b"%PDF-1.7\n" + b"\xff<<[(" * 5000)
    assert result["standing"] == "unknown"
    assert "The file can&#x27;t be read as a PDF" in text


def test_who_can_not_read_the_system_learns_that_it_is_ours_and_no_more(bank, client):
    made = a_document(bank)
    result, text = looked_at(client, a_user(), selectors.pdf_of(made))
    assert (result["standing"], result["document"]) == ("ours", None)
    assert bank.system.name not in text


def test_a_file_that_keeps_its_reader_busy_is_given_up(bank, monkeypatch):
    monkeypatch.setattr(checking, "TIME_LIMIT_S", 0.05)
    found = checking.check(a_pdf(), bank.owner)
    assert found.problem == "The file can't be read within 0.05 s."


def test_a_person_has_a_limited_number_of_files_checked_and_others_go_on(bank, client, monkeypatch):
    monkeypatch.setattr(checking, "MOST_CHECKS", 2)
    monkeypatch.setattr(checking, "_read", lambda pdf, original, stamps: {})
    for person, expected in ((a_user(), [200, 200, 429]), (a_user(), [200])):
        client.force_login(person)
        answers = [client.post(CHECK, {"file": SimpleUploadedFile("x.pdf", a_pdf())}) for _ in expected]
        assert [answer.status_code for answer in answers] == expected
        if expected[-1] == 429:
            assert answers[-1].headers["Retry-After"] == "600"
            assert "At most 2 files are checked for one person in 10 minutes" in answers[-1].content.decode()


def test_no_more_files_are_read_side_by_side_than_there_is_memory_for(bank, monkeypatch):
    monkeypatch.setattr(checking, "TIME_LIMIT_S", 0.05)
    for _ in range(checking.SIDE_BY_SIDE):
        assert checking._room.acquire(timeout=0)
    try:
        with pytest.raises(TooManyChecks, match="Other files are being checked"):
            checking.check(a_pdf(), bank.owner)
    finally:
        checking._room.release(checking.SIDE_BY_SIDE)
    assert checking.check(a_pdf(), bank.owner).standing == "unknown"


def test_without_a_cache_nothing_is_counted_and_the_file_is_read_all_the_same(bank, monkeypatch):
    class Away:
        def add(self, *_: object, **__: object) -> None:
            raise RedisConnectionError("no cache")

    monkeypatch.setattr(counting, "cache", Away())
    assert checking.check(a_pdf(), bank.owner).standing == "unknown"


def test_a_file_too_large_or_no_pdf_is_refused(bank, client, settings):
    client.force_login(bank.owner)
    page = client.post(CHECK, {"file": SimpleUploadedFile("x.pdf", b"<html>")})
    assert page.status_code == 422
    assert "The file is no PDF" in page.content.decode()
    settings.MAX_DOCUMENT_MB = 1
    page = client.post(CHECK, {"file": SimpleUploadedFile("x.pdf", b"%PDF-1.7" + bytes(1_500_000))})
    assert page.status_code == 422
    assert client.post(CHECK).status_code == 422
    assert client.get(CHECK).status_code == 200


def test_a_document_is_stamped_again_before_its_stamp_ends_and_each_covers_the_last(bank, signers, settings, tmp_path):
    with signers.serving() as identity:
        settings.DOCUMENT_TSA = identity.authority
        made = a_document(bank)
        assert time_stamps.due(timedelta(hours=1)) == []
        assert time_stamps.due(timedelta(days=30)) == [made], "the test's authority ends in two days"
        out = io.StringIO()
        call_command("restamp_documents", "--within-days", "30", stdout=out)
        call_command("restamp_documents", "--within-days", "30", stdout=out)
    first, second = DocumentTimeStamp.objects.order_by("number")
    assert f"{made.pk}: stamp 2, good until {second.ends_at:%Y-%m-%d}" in out.getvalue()
    pdf, token = selectors.pdf_of(made), storage.get(first.token_digest)
    assert first.imprint == "sha512:" + time_stamps.imprint_of(pdf, []).hex()
    assert second.imprint == "sha512:" + time_stamps.imprint_of(pdf, [token]).hex()
    (entry,) = log.entries_naming("reports_documenttimestamp", [second.pk])
    assert (entry.event, entry.actor) == ("document.time_stamped", "system:documents")
    call_command("restamp_documents", "--export", str(tmp_path / "out"), "--document", str(made.pk), stdout=out)
    for number in (1, 2):
        arguments = ["-in", f"{number}.tst", "-data", f"{number}.covered", "-CAfile", str(signers.stamps.ca)]
        verified = subprocess.run(
            ["openssl", "ts", "-verify", "-token_in", *arguments], cwd=tmp_path / "out", capture_output=True
        )
        assert verified.returncode == 0, verified.stderr


def test_later_stamps_are_verified_on_the_page_and_one_that_was_changed_does_not_hold(bank, signers, settings, client):
    with signers.serving() as identity:
        settings.DOCUMENT_TSA = identity.authority
        made = a_document(bank)
        first, second = (time_stamps.time_stamp(made.pk) for _ in range(2))
    pdf = selectors.pdf_of(made)
    result, text = looked_at(client, bank.owner, pdf)
    assert [(row.number, row.why, row.problem) for row in result["document"]["stamps"]] == [
        (1, "", False),
        (2, "", False),
    ]
    assert "Later time-stamp" in text
    assert [row.why for row in checking.check(pdf, a_user()).stamps] == [], "of a system out of reach nothing is said"
    with clock.frozen(second.ends_at + timedelta(days=1)):
        assert [row.why for row in checking.check(pdf, bank.owner).stamps][-1].startswith("It has ended")
    settings.DOCUMENT_TRUST_FILE = str(signers.folder / "signer.pem")
    assert ["does not lead to a root" in row.why for row in checking.check(pdf, bank.owner).stamps] == [True, True]
    storage.remove(first.token_digest)
    said = [row.why for row in checking.check(pdf, bank.owner).stamps]
    assert said[0] == "The time-stamp, or one before it, is missing."
    assert said[1]


def test_a_stamp_of_an_authority_that_nobody_trusts_is_not_kept(bank, signers, settings, tmp_path):
    made = a_document(bank)
    stranger = Signers.made_in(tmp_path / "stranger")
    with stranger.serving() as identity:
        settings.DOCUMENT_TSA = identity.authority
        with pytest.raises(SigningFailed, match="has to lead to a root in PLACET_DOCUMENT_TRUST_FILE"):
            time_stamps.time_stamp(made.pk)
    assert not DocumentTimeStamp.objects.exists()


def test_a_stamp_whose_signature_does_not_fit_is_not_kept(bank, signers, settings, monkeypatch):
    made = a_document(bank)

    def bent(self, *arguments):
        token = asked(self, *arguments)

        async def flipped():
            found = await token
            info = found["content"]["signer_infos"][0]
            info["signature"] = bytes(info["signature"].native[:-1]) + bytes([info["signature"].native[-1] ^ 1])
            return found

        return flipped()

    asked = signing.Authority.async_timestamp
    monkeypatch.setattr(signing.Authority, "async_timestamp", bent)
    with signers.serving() as identity:
        settings.DOCUMENT_TSA = identity.authority
        with pytest.raises(SigningFailed, match="not kept"):
            time_stamps.time_stamp(made.pk)
    assert not DocumentTimeStamp.objects.exists()


def test_the_worker_renews_stamps_by_itself_and_not_each_day(bank, signers, settings):
    assert tasks.renew_time_stamps() == 0, "without an authority nothing is asked"
    with signers.serving() as identity:
        settings.DOCUMENT_TSA = identity.authority
        made = a_document(bank)
        assert tasks.renew_time_stamps() == 0, "it was stamped today"
        with clock.frozen(clock.now() + timedelta(days=31)):
            assert tasks.renew_time_stamps() == 1
        assert made.time_stamps.count() == 1
        assert tasks.renew_time_stamps() == 0, "and today again"
    task = django_settings.CELERY_BEAT_SCHEDULE["renew-time-stamps"]
    assert (task["task"], task["schedule"]) == ("reports.tasks.renew_time_stamps", 86_400.0)


def test_an_authority_that_is_away_is_not_asked_for_every_document(bank, settings, monkeypatch):
    for _ in range(5):
        a_document(bank)
    settings.DOCUMENT_TSA = "http://127.0.0.1:9/tsr"
    asked = []
    stamp = time_stamps.time_stamp
    monkeypatch.setattr(time_stamps, "time_stamp", lambda pk: (asked.append(pk), stamp(pk)))
    assert tasks.renew_time_stamps() == 0
    assert len(asked) == 3


def test_auditors_and_administrators_are_told_before_a_stamp_ends_that_was_not_renewed(
    bank, signers, settings, monkeypatch
):
    administrator = a_user(Role.ADMINISTRATOR)
    a_document(bank)  # B-B: nothing of it ends
    with signers.serving() as identity:
        settings.DOCUMENT_TSA = identity.authority
        made = a_document(bank)
    assert timedelta(days=60) == time_stamps.WARNED
    monkeypatch.setattr(time_stamps, "WARNED", timedelta(hours=12))  # the test's authority ends in two days
    ends_at = made.time_stamp_ends_at
    told = Notice.objects.filter(kind="document")
    look_ahead()
    assert not told.exists()
    with clock.frozen(ends_at - timedelta(hours=11)):
        look_ahead()
        look_ahead()
    assert {row.person for row in told} == {bank.auditor, administrator}
    assert told.count() == 2
    assert "1 document, the first on" in told[0].detail
    assert "restamp_documents" in told[0].detail
    with clock.frozen(ends_at + timedelta(days=1)):
        look_ahead()
    assert told.filter(words__startswith="The time-stamp of a document has ended").count() == 2
    assert not may_read(bank.owner, "time-stamp", made.pk)


def test_a_document_without_any_stamp_is_due_and_a_dry_run_stamps_nothing(bank, settings):
    made = a_document(bank)
    out = io.StringIO()
    call_command("restamp_documents", "--dry-run", stdout=out)
    assert out.getvalue() == f"{made.pk} {made.subject_name}\n"
    assert not DocumentTimeStamp.objects.exists()
    with pytest.raises(CommandError, match="1 documents got no time-stamp"):
        call_command("restamp_documents", stdout=out, stderr=io.StringIO())
    assert made.made_at < clock.now()
    assert reverse("document-check") == CHECK
