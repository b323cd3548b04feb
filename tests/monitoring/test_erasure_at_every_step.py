"""A hold stops what is under way, and what the log says of an erasure comes true, whatever is lost in between."""

import io
from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction
from django.test import Client
from monitor_world import START, an_officer, send
from test_record_erasure import erase, everything, of_people, subjects

from governance.accounts import holds
from governance.accounts.hold_models import LegalHold
from governance.common import clock, files
from monitoring import erasure, retention, windows
from monitoring.models import ErasedFile, RecordErasure

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def officer(world):
    return an_officer(world)


def power_cut(*_args):
    raise OSError("power cut")


def rows_of(batch):
    return sum(pq.read_metadata(path).num_rows for path in windows.paths_of(batch))


def hold(monitor, officer):
    return holds.set_hold(kind="monitor", key=monitor.pk, reason="Litigation of 2026", by=officer)


def lift(held, officer):
    holds.lift_hold(hold_id=held.pk, reason="It is settled", by=officer)


def test_a_hold_that_is_set_before_the_files_are_replaced_keeps_the_old_ones(monitor, world, officer, monkeypatch):
    batch = send(monitor, world, of_people()).batch
    with monkeypatch.context() as patched:
        patched.setattr(erasure, "_replace", power_cut)
        erase(monitor, officer, subject="ada-0")
    held = hold(monitor, officer)
    retention.expire_records()
    erasure.finish()
    assert len(subjects(batch)) == 3
    lift(held, officer)
    assert erasure.finish() == 3
    assert subjects(batch) == {"ada-1", "ada-2"}


def test_a_hold_that_is_set_before_expired_files_are_deleted_keeps_them(monitor, world, officer, monkeypatch):
    batch = send(monitor, world, of_people()).batch
    paths, real = windows.paths_of(batch), retention._expire

    def then_held(monitor):
        transaction.on_commit(lambda: hold(monitor, officer))
        return real(monitor)

    with clock.frozen(START + timedelta(days=3000)):
        with monkeypatch.context() as patched:
            patched.setattr(retention, "_expire", then_held)
            assert retention.expire_records() == 90
        assert all(path.exists() for path in paths)
        lift(LegalHold.objects.get(), officer)
        retention.expire_records()
    assert not any(path.exists() for path in paths)


def test_the_new_names_are_on_the_disk_before_the_list_says_so(monitor, world, officer, monkeypatch):
    batch = send(monitor, world, of_people()).batch
    said = []

    def noted(folder):
        said.append((folder, ErasedFile.objects.filter(replaced_at=None, path__contains=folder.name).exists()))

    monkeypatch.setattr(files, "sync_folder", noted)
    erase(monitor, officer, subject="ada-0")
    assert said == [(path.parent, True) for path in windows.paths_of(batch)]
    assert not ErasedFile.objects.filter(replaced_at=None).exists()


def test_an_erasure_whose_commit_was_not_answered_is_finished_by_the_sweep(
    monitor, world, officer, storage, monkeypatch
):
    send(monitor, world, of_people())
    real = connection._commit

    def answer_lost():
        real()
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patched:
        patched.setattr(connection, "_commit", answer_lost)
        with pytest.raises(OperationalError):
            erase(monitor, officer, subject="ada-0")
    assert RecordErasure.objects.count() == 1, "the log says it"
    retention.expire_records()
    assert b"ada-0" not in everything(storage)
    assert not ErasedFile.objects.filter(replaced_at=None).exists()


def test_a_new_file_that_is_lost_is_said_and_erasing_again_heals_it(monitor, world, officer, storage, monkeypatch):
    batch = send(monitor, world, of_people()).batch
    named = {"monitor": str(monitor.pk), "by": officer.email, "reason": "Art. 17", "subject": "ada-0"}
    real = files.settle

    def lost(made, path):
        if path.parent.name == "date=2026-11-03":
            made.unlink(missing_ok=True)
        real(made, path)

    with monkeypatch.context() as patched:
        patched.setattr(files, "settle", lost)
        with pytest.raises(CommandError, match="1 of its files still holds them"):
            call_command("erase_records", stdout=io.StringIO(), **named)
    assert b"ada-0" in everything(storage)
    retention.expire_records()
    client = Client()
    client.force_login(officer)

    def lost():
        rows = client.get(f"/api/v1/monitors/{monitor.pk}/erasures").json()["results"]
        return [(row["waiting"], row["lost"]) for row in rows]

    assert lost() == [(0, 1)]
    assert b"old file still holds" in client.get(f"/monitors/{monitor.pk}/records").content
    batch.refresh_from_db()
    assert batch.kept == rows_of(batch) == 70, "what is counted is what is there"
    erase(monitor, officer, subject="ada-1")
    assert lost() == [(0, 0), (0, 1)], "nobody else's erasure hides it"
    call_command("erase_records", stdout=io.StringIO(), **named)
    assert b"ada-0" not in everything(storage)
    batch.refresh_from_db()
    assert batch.kept == rows_of(batch) == 30
    with clock.frozen(START + timedelta(days=3000)):
        assert retention.expire_records() == 30
