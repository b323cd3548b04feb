"""A person's records leave every file, whole or not at all; what rests on them says so; time takes the rest."""

import io
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from monitor_world import START, a_frame, an_officer, lines_of, measure, run_job, send, without_evidently

from governance.accounts import holds
from governance.accounts.errors import UnderLegalHold
from governance.audit.models import Payload
from governance.audit.selectors import entries_naming
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput
from governance.evidence import storage
from governance.evidence.reproducing import data_gone
from monitoring import engine, erasure, keeping, labels, predictions, retention, runs, services, windows
from monitoring.errors import NothingToErase, UnreadableRecords
from monitoring.intake import JSON_LINES
from monitoring.kept import OTHER
from monitoring.models import ErasedFile, LabelBatch, RecordBatch, RecordErasure, WindowProfile

pytestmark = pytest.mark.django_db(transaction=True)

DAYS_3, WEEK = 72, timedelta(days=7)


@pytest.fixture
def officer(world):
    return an_officer(world)


def of_people(n=90, people=3, *, seed=2, start=START, prefix="p", **columns):
    """Return records of several people over three days, each with an id."""
    found = []
    for row, line in enumerate(lines_of(a_frame(n, seed=seed), start=start, hours=DAYS_3).splitlines()):
        more = {name: value(row) for name, value in columns.items()}
        mine = {"subject_id": f"ada-{row % people}", "prediction_id": f"{prefix}{row}"}
        found.append(json.dumps({**json.loads(line), **mine, **more}))
    return "\n".join(found).encode()


def late(monitor, world, names, batch="l-1"):
    body = "\n".join(json.dumps({"prediction_id": name, "label": "good"}) for name in names).encode()
    return services.accept_labels(
        monitor_id=monitor.pk, batch_id=batch, body=body, content_type=JSON_LINES, sender=world.service
    )


def erase(monitor, officer, **whose):
    return erasure.erase_records(
        monitor_id=monitor.pk, by=officer, reason="Art. 17 GDPR, request of 3 November", **whose
    )


def subjects(batch):
    return {row["subject_id"] for path in windows.paths_of(batch) for row in pq.read_table(path).to_pylist()}


def everything(storage: Path) -> bytes:
    """Return all bytes below the records, Parquet unpacked."""
    found = []
    for path in (storage / "records").rglob("*"):
        if path.suffix == ".parquet":
            found.append(json.dumps(pq.ParquetFile(path).read().to_pylist(), default=str).encode())
        elif path.is_file():
            found.append(path.read_bytes())
    return b"\n".join(found)


def test_a_person_leaves_every_file_of_every_batch_with_labels_and_rows_put_aside(monitor, world, officer, storage):
    keeping.set_intake(monitor_id=monitor.pk, intake={"quarantine": True}, actor=world.owner)
    first = send(monitor, world, of_people(months=lambda row: "x" if row < 6 else 12), "b-1").batch
    second = send(monitor, world, of_people(seed=3, start=START + WEEK, prefix="q"), "b-2").batch
    late(monitor, world, ["p6", "p7", "q0", "p0"])
    before = {path: sha256(path.read_bytes()).hexdigest() for path in windows.paths_of(first)}
    done = erase(monitor, officer, subject="ada-0").erasure
    # p6 and q0 were of ada-0, and p0, whose record was put aside
    assert (done.records, done.labels, done.quarantined) == (28 + 30, 3, 2)
    for batch in (first, second):
        batch.refresh_from_db()
        assert subjects(batch) == {"ada-1", "ada-2"}
        rows = sum(pq.read_metadata(path).num_rows for path in windows.paths_of(batch))
        assert rows == batch.kept == batch.rows - batch.erased
    assert (first.erased, second.erased, LabelBatch.objects.get().erased) == (28, 30, 3)
    assert b"ada-0" not in everything(storage)
    assert b"ada-1" in everything(storage)
    assert not list((storage / "records").rglob(".draft-*"))
    files = {row.path: row for row in done.files.all()}
    for path, digest in before.items():
        row = files[path.relative_to(windows.records_root()).as_posix()]
        assert (row.before, row.after) == (
            f"sha256:{digest}",
            f"sha256:{sha256(path.read_bytes()).hexdigest()}",
        )


def test_the_log_has_counts_and_digests_and_nobody_s_name(monitor, world, officer):
    send(monitor, world, of_people())
    done = erase(monitor, officer, subject="ada-0")
    (entry,) = entries_naming("monitoring_recorderasure", [done.erasure.pk])
    said = entry.parsed["data"]
    assert (entry.event, said["records"], said["files"]) == ("records.erased", 30, 3)
    assert said["files_digest"] == done.erasure.files_digest
    assert all(row["before"] != row["after"] for row in said["first_files"])
    assert b"ada-0" not in entry.body
    assert all(b"ada-0" not in bytes(row.payload) for row in Payload.objects.all())
    proof = sha256(erasure.DOMAIN + bytes.fromhex(done.salt) + b"ada-0").hexdigest()
    assert said["value"] == f"sha256:{proof}", "whoever asked can show whose they were"


def test_one_prediction_is_erased_with_its_label(monitor, world, officer):
    batch = send(monitor, world, of_people()).batch
    late(monitor, world, ["p7", "p8"])
    done = erase(monitor, officer, prediction_id="p7").erasure
    assert (done.records, done.labels) == (1, 1)
    with pytest.raises(predictions.NoSingleRecord, match="no record has the prediction_id p7"):
        predictions.logged_prediction(world.owner, world.version, "p7")
    assert predictions.logged_prediction(world.owner, world.version, "p8").batch == batch
    assert labels.pairs(monitor, world.version, start=START, end=START + WEEK).table.num_rows == 1


def test_a_hashed_person_is_found_by_the_name_that_was_sent(monitor, world, officer, settings):
    settings.RECORDS_KEY = "k"
    send(monitor, world, of_people(), "before")
    keeping.set_intake(monitor_id=monitor.pk, intake={"hash": ["subject_id"]}, actor=world.owner)
    send(monitor, world, of_people(seed=3, prefix="q"), "after")
    assert erase(monitor, officer, subject="ada-1").erasure.records == 60
    with pytest.raises(NothingToErase):
        erase(monitor, officer, subject="ada-1")


def test_a_batch_that_is_sent_again_does_not_come_back(monitor, world, officer):
    batch = send(monitor, world, of_people()).batch
    erase(monitor, officer, subject="ada-0")
    again = send(monitor, world, of_people())
    assert (again.created, subjects(batch)) == (False, {"ada-1", "ada-2"})


def test_evidence_on_the_records_says_that_it_can_not_be_made_again_and_the_sums_are_made_anew(monitor, world, officer):
    send(monitor, world, of_people(200))
    run = measure(monitor)
    send(monitor, world, of_people(200, seed=3, start=START + WEEK, prefix="q"), "b-2")
    other = measure(monitor)
    sums = WindowProfile.objects.count()
    assert data_gone(run.evidence) == ""
    done = erase(monitor, officer, prediction_id="p3")
    assert done.profiles == 1
    assert WindowProfile.objects.count() == sums - 1
    assert "records that it counts were erased" in data_gone(run.evidence)
    assert data_gone(other.evidence) == "", "the other window was not touched"
    later = measure(monitor, start=START, end=START + WEEK)
    assert (WindowProfile.objects.count(), later.evidence.payload["n"]) == (sums, 199)
    assert data_gone(later.evidence) == "", "what is measured since is about what is there"


def kept_of(run):
    """Return all that is kept of a window beside its records: profiles, evidence and its files, as one text."""
    files = [storage.get(digest).decode() for digest in run.evidence.files.values()]
    return json.dumps([[row.profile for row in WindowProfile.objects.all()], run.evidence.payload, *files])


def test_what_is_kept_of_a_window_names_nothing_that_only_a_few_have(monitor, world, officer):
    months, purposes = {7: 4711, 8: -77}, {7: "Ada's bakery", **dict.fromkeys(range(10, 40), "boat")}
    frame = a_frame(200, seed=2)
    known = list(frame["purpose"])
    body = of_people(200, months=lambda row: months.get(row, 12), purpose=lambda row: purposes.get(row, known[row]))
    send(monitor, world, body)
    given = {}

    def check(reference, window, **more):
        given["window"] = window
        return without_evidently(reference, window, **more)

    job = runs.request_run(monitor_id=monitor.pk, start=START, end=START + WEEK)
    run = run_job(job, check=check)
    said = kept_of(run)
    assert "Ada's bakery" not in said
    assert "4711" not in said
    assert "-77" not in said
    (new,) = [row for row in run.evidence.payload["signals"] if row["signal"] == "new_categories"]
    assert (new["categories"], new["others"]) == (["boat"], 1)
    assert new["value"] == pytest.approx(31 / 200), "it counts as before"
    assert set(given["window"]["purpose"]) == {"car", "radio", "business", "boat", OTHER}
    assert given["window"]["months"].between(1, 70).all()


@pytest.mark.parametrize("what", ["an erasure", "the retention"])
def test_what_was_counted_before_and_is_kept_after_does_not_count_what_went_meanwhile(
    monitor, world, officer, monkeypatch, what
):
    batch = send(monitor, world, of_people()).batch
    reference, real = windows.reference_of(monitor, world.version), engine.profile_each

    def meanwhile(paths, bins):
        counted = real(paths, bins)
        if what == "an erasure":
            erase(monitor, officer, subject="ada-0")
        else:
            with clock.frozen(START + timedelta(days=3000)):
                retention.expire_records()
        return counted

    monkeypatch.setattr(engine, "profile_each", meanwhile)
    assert sum(row.rows for row in windows.profile_batch(batch, reference)) == 90
    assert not WindowProfile.objects.exists()
    monkeypatch.undo()
    batch.refresh_from_db()
    windows.profile_batch(batch, reference)
    assert sum(row.rows for row in WindowProfile.objects.all()) == (60 if what == "an erasure" else 0)


def test_who_may_and_what_must_be_said(monitor, world, officer):
    send(monitor, world, of_people())
    with pytest.raises(Forbidden, match="data protection officer"):
        erase(monitor, world.owner, subject="ada-0")
    for whose in ({}, {"subject": "ada-0", "prediction_id": "p1"}):
        with pytest.raises(InvalidInput, match="either"):
            erase(monitor, officer, **whose)
    with pytest.raises(InvalidInput, match="why"):
        erasure.erase_records(monitor_id=monitor.pk, by=officer, reason=" ", subject="ada-0")
    with pytest.raises(NothingToErase):
        erase(monitor, officer, subject="nobody")
    assert not RecordErasure.objects.exists()


def test_under_a_hold_nothing_is_erased_and_nothing_expires(monitor, world, officer):
    batch = send(monitor, world, of_people()).batch
    held = holds.set_hold(kind="monitor", key=monitor.pk, reason="Litigation of 2026", by=officer)
    with pytest.raises(UnderLegalHold, match="Lift the hold first"):
        erase(monitor, officer, subject="ada-0")
    with clock.frozen(START + timedelta(days=3000)):
        assert retention.expire_records() == 0
    assert len(subjects(batch)) == 3
    holds.lift_hold(hold_id=held.pk, reason="It is settled", by=officer)
    assert erase(monitor, officer, subject="ada-0").erasure.records == 30


def test_a_damaged_file_stops_the_erasure_before_anything_is_changed(monitor, world, officer):
    batch = send(monitor, world, of_people()).batch
    first, *_, last = windows.paths_of(batch)
    before = first.read_bytes()
    last.write_bytes(b"not a record")
    with pytest.raises(UnreadableRecords):
        erase(monitor, officer, subject="ada-0")
    assert first.read_bytes() == before
    assert not RecordErasure.objects.exists()
    assert not list(first.parent.glob(".draft-*"))


def test_whoever_dies_before_the_log_says_it_erased_nothing(monitor, world, officer, monkeypatch):
    batch = send(monitor, world, of_people()).batch
    monkeypatch.setattr(erasure.ErasedFile.objects, "bulk_create", lambda rows: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        erase(monitor, officer, subject="ada-0")
    assert len(subjects(batch)) == 3
    batch.refresh_from_db()
    assert batch.erased == 0
    assert not list(windows.records_root().rglob(".draft-*"))


@pytest.mark.parametrize("by", ["the sweep", "the next erasure"])
def test_whoever_dies_after_the_log_said_it_is_finished_by_another(monitor, world, officer, monkeypatch, by):
    batch = send(monitor, world, of_people()).batch
    with monkeypatch.context() as patched:
        patched.setattr(erasure, "_replace", lambda row: (_ for _ in ()).throw(OSError("power cut")))
        erase(monitor, officer, subject="ada-0")
    assert len(subjects(batch)) == 3, "the log says it, the files do not yet"
    if by == "the sweep":
        retention.expire_records()
        assert subjects(batch) == {"ada-1", "ada-2"}
    else:
        erase(monitor, officer, subject="ada-1")
        assert subjects(batch) == {"ada-2"}
    assert not ErasedFile.objects.filter(replaced_at=None).exists()
    batch.refresh_from_db()
    assert sum(pq.read_metadata(path).num_rows for path in windows.paths_of(batch)) == batch.kept


def test_the_command_and_the_api_erase_and_say_what_stays(monitor, world, officer):
    send(monitor, world, of_people())
    measure(monitor)
    out = io.StringIO()
    named = {"monitor": str(monitor.pk), "by": officer.email, "reason": "Art. 17"}
    call_command("erase_records", subject="ada-0", stdout=out, **named)
    assert "Erased 30 records, 0 labels and 0 rows" in out.getvalue()
    assert "counted anew" in out.getvalue()
    for wrong in ({"subject": "ada-0"}, {"subject": "ada-1", "by": "nobody@example.org"}):
        with pytest.raises(CommandError):
            call_command("erase_records", stdout=out, **{**named, **wrong})
    client, address = Client(), f"/api/v1/monitors/{monitor.pk}/erasures"
    client.force_login(officer)
    asked = {"prediction_id": "p1", "reason": "Art. 17 GDPR", "password": "wrong"}
    refused = client.post(address, json.dumps(asked), content_type="application/json")
    assert refused.status_code == 403
    done = client.post(
        address, json.dumps({**asked, "password": "long enough password"}), content_type="application/json"
    )
    assert (done.status_code, done.json()["records"]) == (201, 1)
    assert "stay" in done.json()["note"]
    assert "salt" not in done.json()
    assert [row["by"] for row in client.get(address).json()["results"]] == ["prediction_id", "subject_id"]
    token = Client(headers={"Authorization": f"Bearer {world.token}"})
    assert token.post(address, json.dumps(asked), content_type="application/json").status_code == 403


def test_days_past_the_retention_are_deleted_logged_and_remembered(monitor, world, officer):
    keeping.set_intake(monitor_id=monitor.pk, intake={"retention_days": 184}, actor=world.owner)
    batch = send(monitor, world, of_people()).batch
    with clock.frozen(START + timedelta(days=1)):
        label_batch = late(monitor, world, ["p1"]).batch
    run = measure(monitor)
    erase(monitor, officer, prediction_id="p0")
    windows.profile_batch(batch, windows.reference_of(monitor, world.version))
    paths = windows.paths_of(batch)
    with clock.frozen(START + timedelta(days=185) - timedelta(microseconds=1)):
        assert retention.expire_records() == 0, "the first day ended less than 184 days ago"
    with clock.frozen(START + timedelta(days=185)):
        # one of three days, of 30 records each, one of which was erased before
        assert retention.expire_records() == 29
        assert retention.expire_records() == 0
    batch.refresh_from_db()
    assert (batch.rows, batch.erased, batch.expired, batch.kept) == (90, 1, 29, 60)
    assert [part["day"] for part in batch.expired_days] == ["2026-11-02"]
    assert [path.exists() for path in paths] == [False, True, True]
    assert WindowProfile.objects.count() == 2, "what a day was counted to goes with it"
    assert windows.paths_of(batch) == paths[1:]
    assert "were erased" in data_gone(run.evidence), "what went first is said, and since when"
    with clock.frozen(START + timedelta(days=400)):
        assert retention.expire_records() == 61
    label_batch.refresh_from_db()
    assert label_batch.expired_at is not None
    assert not windows.label_path(label_batch).exists()
    assert not any(path.exists() for path in paths)
    assert RecordBatch.objects.get().kept == 0
    assert not send(monitor, world, of_people()).created, "what had its time does not come back"


def test_files_that_a_crash_left_after_their_time_go_with_the_next_sweep(monitor, world, monkeypatch):
    batch = send(monitor, world, of_people()).batch
    paths = windows.paths_of(batch)
    with clock.frozen(START + timedelta(days=3000)):
        with monkeypatch.context() as patched:
            patched.setattr(retention, "_remove", lambda monitor: (_ for _ in ()).throw(OSError("power cut")))
            with pytest.raises(OSError, match="power cut"):
                retention.expire_records()
        assert all(path.exists() for path in paths)
        assert retention.expire_records() == 0
    assert not any(path.exists() for path in paths)


def test_drafts_that_somebody_who_died_left_go_after_a_day(monitor, world, storage):
    batch = send(monitor, world, of_people()).batch
    draft = windows.paths_of(batch)[0].parent / ".draft-left"
    draft.write_bytes(b"x")
    retention.expire_records()
    assert draft.exists()
    with clock.frozen(datetime.now(UTC) + timedelta(days=2)):
        retention.expire_records()
    assert not draft.exists()
