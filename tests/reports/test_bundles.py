"""Bundles of a promotion, a system and a period: made from a real log, checked by the auditor's own verifier."""

import json
import uuid
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings as django_settings
from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from governance.accounts.administration import end_grants
from governance.accounts.roles import Role
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.erasure import redact
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.evidence import storage
from governance.evidence.models import Evidence
from placet.case import Case, verify_case
from placet.notes import encode_vkey
from registry import coverage, watches
from registry.models import AliasHistory
from reports import services as documents
from reports import tasks
from reports.bundles import selectors, services
from reports.documents.snapshot import canonical
from reports.models import BundleJob, Document
from tests.client.small_papers import carrying
from tests.factories import SETUP, a_model, a_system, a_user, a_version, fresh
from tests.reports.factories import Bank, notarise
from tests.roles import as_role

LOG_KEY, PERMIT_KEY = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))


def trust() -> str:
    origin = django_settings.LOG_ORIGIN
    permit = encode_vkey(f"{origin}/permit", PERMIT_KEY.public_key())
    return f"log {encode_vkey(origin, LOG_KEY.public_key())}\npermit {permit}\n"


@pytest.fixture
def bank(transactional_db, settings, tmp_path, monkeypatch) -> Bank:
    settings.STORAGE_ROOT = tmp_path / "storage"
    settings.TRUST_FILE = str(tmp_path / "policy.txt")
    (tmp_path / "policy.txt").write_text(trust())
    monkeypatch.setattr(documents, "render", lambda content, snapshot, said: carrying(canonical(snapshot)))
    monkeypatch.setattr(documents, "libraries", lambda: {"weasyprint": "70.0"})
    return Bank()


def a_document(bank: Bank) -> Document:
    job = documents.request_document(kind=Document.Kind.ANNEX_IV, ai_system=bank.system, requester=bank.owner)
    made = documents.build_document(job.pk).document
    assert made
    return made


def made(job: BundleJob, tmp_path: Path) -> BundleJob:
    notarise(tmp_path)
    return services.build_bundle(job.pk, wait=lambda: notarise(tmp_path))


def file_of(job: BundleJob, tmp_path: Path, name: str = "case.zip") -> Path:
    path = tmp_path / name
    with selectors.file_for(job.requested_by, job) as file:
        path.write_bytes(file.read())
    return path


def checked(job: BundleJob, tmp_path: Path, **more) -> Case:
    return verify_case(file_of(job, tmp_path), trust=trust(), **more)


def names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as box:
        return box.namelist()


def test_the_bundle_of_a_promotion_holds_its_papers_and_verifies(bank, tmp_path):
    live = bank.live()
    document = a_document(bank)
    job = made(services.request_bundle(requester=bank.auditor, promotion=live), tmp_path)
    assert (job.state, job.error) == ("done", "")
    seen = next((tmp_path / "anchors").glob("*.note")).read_bytes()
    case = checked(job, tmp_path, checkpoints=[seen])
    assert case.report.findings == ()
    assert {row.kind: row.here for row in case.rows}["decisions"] == 2
    assert {row.kind: row.here for row in case.rows}["permits"] == 1
    said = str(case.report.integrity), str(case.report.completeness), str(case.report.anchoring)
    assert said == ("holds", "holds", "holds"), case.report.notes
    here = names(tmp_path / "case.zip")
    assert f"documents/{document.pdf_digest[7:]}.pdf" in here
    assert f"documents/{document.snapshot_digest[7:]}.json" in here
    assert f"policies/{live.approval.policy_version.digest[7:]}.txt" in here
    frozen = Evidence.objects.filter(pk__in=live.approval.evidence_ids)
    assert all(f"evidence/{row.payload_digest[7:]}.json" in here for row in frozen)
    assert case.scope["name"] == str(live)


def test_the_page_tells_the_story_in_order_without_script_or_address(bank, tmp_path):
    live = bank.live()
    job = made(services.request_bundle(requester=bank.auditor, promotion=live), tmp_path)
    with zipfile.ZipFile(file_of(job, tmp_path)) as box:
        page = box.read("index.html").decode()
        here = set(box.namelist())
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
    told = ["requested credit-risk v1", "froze the evidence manifest", "approved in stage", "signed the permit"]
    places = [page.index(words) for words in told]
    assert places == sorted(places)
    assert "Validator 42" in page
    links = {part.split('"')[0] for part in page.split('href="')[1:]}
    assert links <= here
    index = log.entries_about_request(live.approval_id)[0].index
    assert f'href="log/entries/{index:012}.tlog-proof">{index}<' in page


def test_the_same_rows_under_the_same_checkpoint_give_the_same_bytes(bank, tmp_path):
    live = bank.live()
    one = made(services.request_bundle(requester=bank.auditor, promotion=live), tmp_path)
    two = services.request_bundle(requester=bank.officer, promotion=live)
    BundleJob.objects.filter(pk=two.pk).update(log_size=one.log_size)
    two = made(two, tmp_path)
    first, second = (zipfile.ZipFile(file_of(job, tmp_path, f"{job.pk}.zip")) for job in (one, two))
    with first, second:
        assert first.namelist() == second.namelist()
        assert [name for name in first.namelist() if first.read(name) != second.read(name)] == ["manifest.tlog-proof"]
    assert one.manifest_digest == two.manifest_digest


def test_what_was_made_after_the_size_of_the_log_takes_nothing_away(bank, tmp_path):
    live = bank.live()
    document = a_document(bank)
    one = made(services.request_bundle(requester=bank.auditor, promotion=live), tmp_path)
    newer = a_document(bank)
    assert newer.pk != document.pk
    two = services.request_bundle(requester=bank.auditor, promotion=live)
    BundleJob.objects.filter(pk=two.pk).update(log_size=one.log_size)
    here = names(file_of(made(two, tmp_path), tmp_path))
    assert f"documents/{document.snapshot_digest[7:]}.json" in here
    assert here == names(file_of(one, tmp_path, "one.zip"))


def test_who_asked_is_in_the_log_with_the_manifests_digest_and_once_however_often_it_is_made(bank, tmp_path):
    live = bank.live()
    job = made(services.request_bundle(requester=bank.auditor, promotion=live), tmp_path)
    entry = log.entry_by_id(job.entry)
    assert (entry.event, entry.actor) == (Event.BUNDLE_EXPORTED, bank.auditor.actor_id)
    data = entry.parsed["data"]
    assert data["manifest"] == job.manifest_digest
    assert (data["format"], data["kind"], data["name"]) == ("placet-case/1", "promotion", str(live))
    # A worker died after it had told the log: whoever makes it again tells nothing new.
    died = clock.now() - timedelta(seconds=1)
    BundleJob.objects.filter(pk=job.pk).update(state="running", due_at=died, file_digest="", kept_until=None)
    assert services.due_bundles() == [job.pk]
    again = made(job, tmp_path)
    assert (again.entry, again.manifest_digest, again.state) == (job.entry, job.manifest_digest, "done")


def test_the_bundle_of_a_system_tells_of_each_promotion_on_a_page_of_its_own(bank, tmp_path):
    first = bank.live()
    second = bank.allowed(number=2)
    job = made(services.request_bundle(requester=bank.owner, ai_system=bank.system), tmp_path)
    case = checked(job, tmp_path)
    assert case.report.findings == ()
    assert {f"requests/{first}.html", f"requests/{second}.html"} <= set(names(tmp_path / "case.zip"))
    with zipfile.ZipFile(tmp_path / "case.zip") as box:
        assert 'href="../index.html"' in box.read(f"requests/{first}.html").decode()
        assert f'href="requests/{second}.html"' in box.read("index.html").decode()


def test_the_bundle_of_a_period_holds_what_was_decided_in_it(bank, tmp_path):
    live, now = bank.live(), clock.now()
    period = now - timedelta(days=1), now + timedelta(days=1)
    job = made(services.request_bundle(requester=bank.officer, period=period), tmp_path)
    case = checked(job, tmp_path)
    assert case.report.findings == ()
    assert f"requests/{live}.html" in names(tmp_path / "case.zip")
    with zipfile.ZipFile(tmp_path / "case.zip") as box:
        said = json.loads(box.read("changes.json"))
    assert said["models"] is None
    assert [item["kind"] for item in said["items"]] == ["applied"]
    quiet = now - timedelta(days=9), now - timedelta(days=8)
    job = made(services.request_bundle(requester=bank.officer, period=quiet), tmp_path)
    case = checked(job, tmp_path)
    assert (case.report.findings, {row.kind: row.here for row in case.rows}["decisions"]) == ((), 0)


def test_an_open_and_a_rejected_request_have_bundles_too(bank, tmp_path):
    waiting = bank.allowed()
    job = made(services.request_bundle(requester=bank.auditor, promotion=waiting), tmp_path)
    assert checked(job, tmp_path).report.exit_code == 0


def test_a_checkpoint_that_the_asker_kept_is_connected(bank, tmp_path):
    live = bank.live()
    notarise(tmp_path)
    kept = bytes(log.newest_checkpoint().note)
    size = log.newest_checkpoint().size
    for more in range(3):
        a_user(name=f"Somebody {more}")
        documents.request_document(kind=Document.Kind.ANNEX_IV, ai_system=bank.system, requester=bank.owner)
        a_document(bank)
    job = made(services.request_bundle(requester=bank.auditor, promotion=live, seen_size=size), tmp_path)
    report = checked(job, tmp_path, checkpoints=[kept]).report
    assert (str(report.anchoring), report.findings) == ("holds", ())


def test_words_that_were_erased_are_gone_and_nothing_fails(bank, tmp_path):
    live = bank.live()
    decided = next(e for e in log.entries_about_request(live.approval_id) if e.event == Event.APPROVAL_DECIDED)
    with as_role("privacy"):
        redact(entry_id=decided.id, actor=bank.auditor, reason="The person asked for it in writing.")
    job = made(services.request_bundle(requester=bank.auditor, promotion=live), tmp_path)
    case = checked(job, tmp_path)
    assert (case.report.exit_code, case.report.findings) == (0, ())
    assert f"log/payloads/{log.index_of(decided.id):012}.json" not in names(tmp_path / "case.zip")


def test_what_is_no_longer_what_the_log_names_is_left_out_and_said(bank, tmp_path):
    live = bank.live()
    document = a_document(bank)
    storage.remove(document.pdf_digest)
    job = made(services.request_bundle(requester=bank.auditor, promotion=live), tmp_path)
    report = checked(job, tmp_path).report
    assert (str(report.integrity), str(report.completeness), report.exit_code) == ("holds", "not shown", 4)
    assert any(document.pdf_digest[7:] in note and "stored" in note for note in report.notes)


def test_auditors_risk_officers_and_the_owner_take_a_system_and_nobody_else(bank):
    live = bank.allowed()
    for person in (bank.auditor, bank.officer, bank.owner, a_user(Role.ADMINISTRATOR)):
        assert services.request_bundle(requester=person, promotion=live).state == "queued"
        assert services.request_bundle(requester=person, ai_system=bank.system).state == "queued"
    for person in (bank.engineer, bank.validator, a_user()):
        with pytest.raises(Forbidden):
            services.request_bundle(requester=person, promotion=live)
        with pytest.raises(Forbidden):
            services.request_bundle(requester=person, ai_system=bank.system)


def test_a_period_is_for_those_who_may_take_the_whole_log(bank):
    now = clock.now()
    period = now - timedelta(days=2), now
    for person in (bank.auditor, bank.officer):
        assert services.request_bundle(requester=person, period=period).scope == "period"
    for person in (bank.owner, bank.engineer, bank.validator):
        with pytest.raises(Forbidden):
            services.request_bundle(requester=person, period=period)


def test_an_owner_gets_the_words_of_the_case_and_no_others(bank, tmp_path):
    bank.live()
    job = made(services.request_bundle(requester=bank.owner, ai_system=bank.system), tmp_path)
    with zipfile.ZipFile(file_of(job, tmp_path)) as box:
        left_out = dict(json.loads(box.read("manifest.json"))["left_out"])
        told = {int(name[13:25]) for name in box.namelist() if name.startswith("log/payloads/")}
    assert told
    events = {log.entry_at(index).event.partition(".")[0] for index in told}
    assert events <= {"approval", "promotion", "waiver", "validation", "evidence", "document", "standing_approval"}
    assert all("those who may take the whole log away" in why for why in left_out.values())


def test_an_owner_reads_nothing_of_other_systems_models(bank, tmp_path):
    bank.live()
    other = a_model(a_system(owner=a_user(Role.OWNER)), name="payroll-secret")
    version = a_version(other, number=1)
    with transaction.atomic():
        span = AliasHistory(
            model=other, alias="champion", version=version, during=DateTimeTZRange(clock.now(), None, "[)")
        )
        audit.append(event=Event.PROMOTION_APPLIED, actor=SETUP, subjects=[span], data={"model": "payroll-secret"})
    clean = {}
    for person in (bank.owner, bank.auditor):
        job = made(services.request_bundle(requester=person, ai_system=bank.system), tmp_path)
        assert checked(job, tmp_path).report.findings == ()
        clean[person] = b"payroll-secret" not in file_of(job, tmp_path).read_bytes()
    assert clean == {bank.owner: True, bank.auditor: False}


def test_an_owner_reads_nothing_of_other_workspaces_and_servers_in_the_coverage(bank, tmp_path):
    bank.live()
    a_model(a_system(owner=a_user(Role.OWNER)), name="payroll", workspace="merger-secret")
    watches.beat(source="plugin:host-secret", details={"configuration": "tenant-secret"}, expected_every_s=60)
    read = {"workspaces": ["default", "merger-secret"]}
    watches.beat(source=coverage.ALIASES, details=read, expected_every_s=60)
    a_document(bank)
    said = {}
    for person in (bank.owner, bank.auditor):
        job = made(services.request_bundle(requester=person, ai_system=bank.system), tmp_path)
        with zipfile.ZipFile(file_of(job, tmp_path)) as box:
            said[person] = json.loads(box.read("coverage.json"))
    everything, own = json.dumps(said[bank.auditor]), json.dumps(said[bank.owner])
    assert [word in everything for word in ("merger-secret", "host-secret", "tenant-secret")] == [True] * 3
    assert "secret" not in own
    assert {"alias_writes", "with_one_grant", "renewals", "adopted"} & said[bank.owner]["grants"].keys() == set()
    assert "webhooks" not in said[bank.owner]
    # What remains is still an answer: when somebody watched, and what nobody can know.
    mine = said[bank.owner]
    assert mine["plugin"]["gaps"] == said[bank.auditor]["plugin"]["gaps"]
    assert [set(span) for span in mine["plugin"]["spans"]] == [{"from", "to", "beats", "longest_gap_s"}]
    assert [row["workspace"] for row in mine["workspaces"]] == ["default"]
    assert mine["unknown"] == [line for line in said[bank.auditor]["unknown"] if "merger-secret" not in line]
    assert len(mine["unknown"]) < len(said[bank.auditor]["unknown"])


def test_what_can_be_no_bundle_is_refused(bank):
    now = clock.now()
    for given in (
        {},
        {"ai_system": bank.system, "period": (now - timedelta(days=1), now)},
        {"period": (now, now)},
        {"period": (now + timedelta(days=1), now + timedelta(days=2))},
        {"period": (now - timedelta(days=9999), now)},
        {"ai_system": bank.system, "seen_size": 0},
    ):
        with pytest.raises(InvalidInput):
            services.request_bundle(requester=bank.auditor, **given)
    assert not BundleJob.objects.exists()


def test_each_person_reads_their_own_bundles_alone(bank, tmp_path):
    job = services.request_bundle(requester=bank.auditor, promotion=bank.allowed())
    assert list(selectors.bundles_for(bank.auditor)) == [job]
    with pytest.raises(Unknown):
        selectors.bundle_for(bank.officer, job.pk)
    with pytest.raises(Unknown, match="not made yet"):
        selectors.file_for(bank.auditor, job)
    with pytest.raises(Unknown):
        selectors.bundle_for(bank.auditor, uuid.uuid4())


def test_who_lost_the_role_meanwhile_gets_nothing_and_the_job_says_why(bank, tmp_path):
    job = services.request_bundle(requester=bank.auditor, promotion=bank.allowed())
    with transaction.atomic():
        end_grants(list(bank.auditor.grants.all()), actor=bank.owner)
    notarise(tmp_path)
    tasks.build_bundle(str(job.pk))
    job.refresh_from_db()
    assert (job.state, job.entry) == ("failed", None)
    assert "takes its bundle" in job.error


def test_who_lost_the_role_does_not_download_what_was_made_before(bank, tmp_path, client):
    live = bank.live()
    job = made(services.request_bundle(requester=bank.auditor, promotion=live), tmp_path)
    own = made(services.request_bundle(requester=bank.owner, promotion=live), tmp_path)
    assert (job.whole, own.whole) == (True, False)
    # The owner alone of it: what was made with everybody's words stays away, one's own goes out.
    BundleJob.objects.filter(pk=job.pk).update(requested_by=bank.owner)
    client.force_login(bank.owner)
    for path in (f"/bundles/{job.pk}/file", f"/api/v1/bundles/{job.pk}/file"):
        answer = client.get(path)
        assert (answer.status_code, b"Ask for the bundle again" in b" ".join(answer.content.split())) == (403, True)
        assert b"".join(client.get(path.replace(str(job.pk), str(own.pk))).streaming_content)
    BundleJob.objects.filter(pk=job.pk).update(requested_by=bank.auditor)
    client.force_login(bank.auditor)
    assert b"".join(client.get(f"/bundles/{job.pk}/file").streaming_content)
    with transaction.atomic():
        end_grants(list(bank.auditor.grants.all()), actor=bank.owner)
    for path in (f"/bundles/{job.pk}/file", f"/api/v1/bundles/{job.pk}/file"):
        assert client.get(path).status_code == 403
    assert client.get(f"/api/v1/bundles/{job.pk}").json()["state"] == "done"


def test_a_file_with_words_that_were_erased_since_is_not_given_out_and_deleted(bank, tmp_path):
    live = bank.live()
    decided = next(e for e in log.entries_about_request(live.approval_id) if e.event == Event.APPROVAL_DECIDED)
    job = made(services.request_bundle(requester=bank.auditor, promotion=live), tmp_path)
    assert f"log/payloads/{log.index_of(decided.id):012}.json" in names(file_of(job, tmp_path))
    assert services.delete_old() == 0
    digest = job.file_digest
    with as_role("privacy"):
        redact(entry_id=decided.id, actor=bank.auditor, reason="The person asked for it in writing.")
    with pytest.raises(Unknown, match="erased since"):
        selectors.file_for(bank.auditor, job)
    assert tasks.sweep_bundles() == 0
    assert not storage.holds(digest, folder=selectors.FOLDER)
    job.refresh_from_db()
    with pytest.raises(Unknown, match="words in it were erased"):
        selectors.file_for(bank.auditor, job)
    again = made(services.request_bundle(requester=bank.auditor, promotion=live), tmp_path)
    assert services.delete_old() == 0
    assert checked(again, tmp_path).report.findings == ()


def test_a_file_is_kept_for_a_week(bank, tmp_path):
    job = made(services.request_bundle(requester=bank.auditor, promotion=bank.allowed()), tmp_path)
    digest = job.file_digest
    evidence = storage.put(file_of(job, tmp_path).read_bytes())
    assert evidence == digest
    assert services.delete_old() == 0
    BundleJob.objects.filter(pk=job.pk).update(kept_until=clock.now() - timedelta(seconds=1))
    assert services.delete_old() == 1
    assert not storage.holds(digest, folder=selectors.FOLDER)
    assert storage.holds(evidence), "somebody handed the same bytes in as a file of evidence"
    job.refresh_from_db()
    with pytest.raises(Unknown, match="Ask for the bundle again"):
        selectors.file_for(bank.auditor, job)


def test_a_bundle_that_would_be_too_large_is_refused_in_a_sentence(bank, tmp_path, monkeypatch):
    monkeypatch.setattr("reports.bundles.gathering.MOST", 5)
    job = services.request_bundle(requester=bank.auditor, promotion=fresh(bank.live()))
    notarise(tmp_path)
    tasks.build_bundle(str(job.pk))
    job.refresh_from_db()
    assert job.state == "failed"
    assert "take the whole log's bundle" in job.error
