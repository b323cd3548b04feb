"""Records in a bucket: each batch once whoever sends it where, and what is erased stays erased. The S3 is moto's."""

import io
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any

import httpx
import obstore
import pyarrow.parquet as pq
import pytest
from django.core.exceptions import ImproperlyConfigured
from monitor_world import START, a_frame, an_officer, lines_of, make_world, measure, send
from test_record_erasure import erase, late, of_people

from governance.common import clock, files
from governance.config import environment
from governance.evidence import storage
from monitoring import duplicates, records, retention, scoring, services, windows
from monitoring.errors import BatchIdTaken
from monitoring.intake import JSON_LINES, read_batch
from monitoring.models import RecordBatch
from monitoring.records import store_batch, stored_batches
from monitoring.schema import RecordSchema
from tests.object_server import s3_server

pytestmark = pytest.mark.django_db(transaction=True)

SCHEMA = RecordSchema({"months": "integer", "prediction": "number"}, "prediction")


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3"), "records") as url:
        yield url


@pytest.fixture
def machine(s3, tmp_path, settings, request) -> Callable[[str], None]:
    """Return what puts the test on a machine of that name: one bucket for all, a folder of copies for each."""
    secret = tmp_path / "credentials"
    secret.write_text("AWS_ACCESS_KEY_ID=key\nAWS_SECRET_ACCESS_KEY=secret\n")
    prefix = sha256(request.node.name.encode()).hexdigest()[:8]
    url = f"s3://records/{prefix}?endpoint={s3}&region=us-east-1&credentials={secret}"

    def go(name: str) -> None:
        found = environment.storage(url, str(tmp_path / name))
        settings.STORAGE_ROOT, settings.STORAGE_BUCKET, settings.STORAGE_OPTIONS = (
            found.folder, found.url, found.options,
        )  # fmt: skip

    go("one")
    before = list(scoring._path)
    scoring.register("monitor_world:score_rows")
    yield go
    scoring._path[:] = before


@pytest.fixture
def world(db, machine):
    return make_world()


@pytest.fixture
def monitor(world):
    return services.open_monitor(model=world.model, alias="champion", actor=world.owner)


def keys() -> list[str]:
    return sorted(meta["path"] for page in obstore.list(files._store()) for meta in page)


def rows_of(batch: Any) -> list[dict[str, Any]]:
    found = []
    for path in windows.paths_of(batch):
        content = bytes(obstore.get(files._store(), files._key(path)).bytes())
        found += pq.read_table(io.BytesIO(content)).to_pylist()
    return found


def a_batch(months=12):
    body = "\n".join(
        json.dumps({"months": months, "prediction": 0.5, "predicted_at": f"2026-11-0{day}T10:00:00Z"}) for day in (2, 3)
    ).encode()
    return read_batch(body, content_type=JSON_LINES, schema=SCHEMA, now=START + timedelta(days=3))


def store(batch, name="b"):
    return store_batch(batch, root=windows.records_root(), monitor_id="m", batch_id=name, now=START + timedelta(days=3))


def test_records_files_and_profiles_are_the_same_from_any_machine(machine, world, monitor, tmp_path):
    batch = send(monitor, world, of_people()).batch
    assert len([key for key in keys() if key.endswith(".parquet")]) == len(windows.paths_of(batch)) == 3
    machine("two")
    assert not (tmp_path / "two").exists()
    again = send(monitor, world, of_people())
    assert (again.created, again.batch) == (False, batch)
    run = measure(monitor)
    assert run.rows == 90
    assert duplicates.count_duplicates(batch) == 0
    other = send(monitor, world, of_people(10), "b-2").batch
    machine("one")
    assert duplicates.count_duplicates(other) == 10
    assert storage.get(run.evidence.files["window-profile.json"])
    assert storage.holds(world.snapshot.digest)
    storage.remove(world.snapshot.digest)
    machine("two")
    assert not storage.holds(world.snapshot.digest)


def test_what_is_erased_on_one_machine_is_erased_for_all(machine, world, monitor):
    officer = an_officer(world)
    batch = send(monitor, world, of_people()).batch
    late(monitor, world, ["p0", "p1"])
    machine("two")
    measure(monitor)  # so that this machine has copies
    machine("one")
    assert erase(monitor, officer, subject="ada-0").erasure.records == 30
    assert {row["subject_id"] for row in rows_of(batch)} == {"ada-1", "ada-2"}
    assert not [key for key in keys() if ".draft-" in key]
    machine("two")
    files.fetch(windows.paths_of(batch))
    for path in windows.paths_of(batch):
        assert {row["subject_id"] for row in pq.read_table(path).to_pylist()} == {"ada-1", "ada-2"}
    with clock.frozen(START + timedelta(days=3000)):
        assert retention.expire_records() == 60 + 1
    assert not [key for key in keys() if key.endswith(".parquet") and "records/" in key]


def test_a_copy_that_nobody_read_for_a_day_goes(machine, world, monitor, monkeypatch):
    batch = send(monitor, world, of_people()).batch
    path = windows.paths_of(batch)[0]
    files.fetch([path])
    assert path.exists()
    now = files.time.time()
    monkeypatch.setattr(files, "_pruned_at", 0.0)
    monkeypatch.setattr(files.time, "time", lambda: now + files.UNREAD_S + 60)
    files.fetch([])
    assert not path.exists()
    files.fetch([path])
    assert path.exists()


def test_of_two_machines_that_store_one_id_one_content_stays(machine):
    first, other = a_batch(12), a_batch(13)
    assert store(first).created
    machine("two")
    with pytest.raises(BatchIdTaken):
        store(other)
    assert not store(first).created
    (stored,) = stored_batches(windows.records_root(), "m")
    assert stored.digest == first.digest


@pytest.mark.parametrize("changed", [False, True], ids=["untouched", "erased meanwhile"])
def test_a_sender_that_lags_on_another_machine_does_not_bring_back_what_was_changed(machine, monkeypatch, changed):
    """Both find no batch. One completes it, and its first file is written anew; then the other one writes."""
    real, held = records._write, threading.Event()

    def lags(batch, home, batch_id, days, before):
        if held.is_set():
            return real(batch, home, batch_id, days, before)
        held.set()
        machine("two")
        assert store(a_batch()).created
        path = windows.records_root() / "monitor=m" / "date=2026-11-02" / "batch=b.parquet"
        if changed:
            files.fetch([path])
            made = records.draft_parquet(pq.read_table(path).slice(0, 0), path)
            files.share(made)
            files.settle(made, path)
        machine("one")
        return real(batch, windows.records_root() / "monitor=m", batch_id, days, before)

    monkeypatch.setattr(records, "_write", lags)
    stored = store(a_batch())
    assert stored.rows == 2
    files.fetch([stored.partitions[0].path])
    assert pq.read_table(stored.partitions[0].path).num_rows == (0 if changed else 1)
    assert len([key for key in keys() if key.endswith("b.json")]) == 1


def test_a_bucket_that_does_not_answer_is_said_and_nothing_counts(machine, world, monitor, settings):
    settings.STORAGE_OPTIONS = {**settings.STORAGE_OPTIONS, "endpoint": "http://127.0.0.1:9"}
    with pytest.raises(files.StorageUnavailable, match="PLACET_STORAGE_URL"):
        send(monitor, world, lines_of(a_frame(5, seed=1)))
    assert not RecordBatch.objects.exists()


def test_a_bucket_that_is_not_there_is_said(machine, settings, s3):
    settings.STORAGE_BUCKET = "s3://elsewhere/x"
    with pytest.raises(files.StorageUnavailable):
        storage.put(b"x")
    assert httpx.get(f"{s3}/records").status_code == 200


@pytest.mark.parametrize("url", ["s3://", "ftp://a/b", "s3://bucket?colour=red"])
def test_a_storage_url_that_can_not_be_used_is_refused(url):
    with pytest.raises(ImproperlyConfigured, match="PLACET_STORAGE_URL: write a folder, or s3://bucket/prefix"):
        environment.storage(url, "/tmp/spool")  # noqa: S108
    assert environment.storage("file:///srv/a%20b", "").folder.name == "a b"
