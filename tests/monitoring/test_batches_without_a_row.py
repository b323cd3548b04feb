"""A sender that dies between the files and the row leaves nothing that an erasure or time does not reach."""

from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from monitor_world import START, an_officer, send
from test_record_erasure import erase, everything, late, of_people

from governance.common import clock
from monitoring import adopting, records, retention, windows
from monitoring.errors import BatchIdTaken
from monitoring.models import LabelBatch, RecordBatch

pytestmark = pytest.mark.django_db(transaction=True)


def dies(*_args):
    raise SystemExit


@pytest.fixture
def crashed(monitor, world, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(adopting, "record_row", dies)
        patched.setattr(adopting, "label_row", dies)
        for send_one in (lambda: send(monitor, world, of_people()), lambda: late(monitor, world, ["p0", "p1"])):
            with pytest.raises(SystemExit):
                send_one()
    assert not RecordBatch.objects.exists()
    assert not LabelBatch.objects.exists()


def test_an_erasure_reaches_it_and_the_retry_brings_nobody_back(monitor, world, storage, crashed):
    done = erase(monitor, an_officer(world), subject="ada-0").erasure
    assert (done.records, done.labels) == (30, 1)
    again = send(monitor, world, of_people())
    assert (again.created, again.batch.rows, again.batch.kept) == (False, 90, 60)
    assert b"ada-0" not in everything(storage)


def test_time_reaches_it(monitor, storage, crashed):
    with clock.frozen(START + timedelta(days=3000)):
        assert retention.expire_records() == 92
    assert not list((storage / "records").rglob("*.parquet"))


def test_what_is_not_even_complete_goes(monitor, world, storage, monkeypatch):
    real = records._write_parquet
    with monkeypatch.context() as patched:
        patched.setattr(records, "_write_parquet", lambda *args: (real(*args), dies()))
        with pytest.raises(SystemExit):
            send(monitor, world, of_people())
    assert b"ada-0" in everything(storage)
    retention.expire_records()
    assert b"ada-0" not in everything(storage)
    batch = send(monitor, world, of_people()).batch
    assert sum(pq.read_metadata(path).num_rows for path in windows.paths_of(batch)) == 90


def test_a_retry_is_of_the_version_that_the_first_attempt_was_of(monitor, world, crashed):
    again = send(monitor, world, of_people(), version=world.version.number)
    assert (again.created, again.batch.version) == (True, world.version)


def test_a_retry_as_another_version_is_refused(monitor, world, monkeypatch, crashed):
    claim = windows.home_of(monitor.pk) / "_batches" / "b-1.json"
    claim.write_text(claim.read_text().replace(str(world.version.pk), "5f0c"))
    with pytest.raises(BatchIdTaken, match="another version"):
        send(monitor, world, of_people(), version=world.version.number)
