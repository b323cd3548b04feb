"""Files that are laid into a folder come in as batches, once, and say beside them what became of them."""

import gzip
import json
import os
import time

import pytest
from monitor_world import START, a_frame, lines_of

from governance.common.errors import InvalidInput
from monitoring import dropped, tasks
from monitoring.models import LabelBatch, RecordBatch

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def home(monitor, world, settings, tmp_path):
    settings.RECORDS_DROP, settings.RECORDS_DROP_SENDER = str(tmp_path / "drop"), world.service.email
    folder = tmp_path / "drop" / f"{monitor.model}@{monitor.alias}"
    folder.mkdir(parents=True)
    return folder


def lay(path, content, *, seconds_ago=60.0):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (time.time() - seconds_ago,) * 2)
    return path


def body(n=20, seed=1):
    return lines_of(a_frame(n, seed=seed), start=START, hours=10)


def report(path):
    return json.loads(path.with_name(f"{path.name}.report.json").read_text())


def test_a_file_is_taken_in_once_whatever_it_is_called(home, world):
    lay(home / "a.jsonl", body())
    assert tasks.take_dropped() == 1
    batch = RecordBatch.objects.get()
    assert (batch.rows, batch.sender, batch.batch_id[:5]) == (20, world.service, "file-")
    assert report(home / "done" / "a.jsonl") | {"taken": True, "rows": 20} == report(home / "done" / "a.jsonl")
    lay(home / "b.jsonl", body())
    lay(home / "a.jsonl", body())
    assert tasks.take_dropped() == 0
    assert not report(home / "done" / "b.jsonl")["taken"]
    assert (home / "done" / "a.2.jsonl").exists()
    assert RecordBatch.objects.count() == 1
    assert [path.name for path in home.iterdir() if path.is_file()] == []


def test_a_file_that_does_not_fit_is_put_aside_with_the_reason(home):
    lay(home / "bad.jsonl", b'{"months": "x"}\n')
    lay(home / "table.csv", b"a,b\n")
    assert {taken.outcome for taken in dropped.take_dropped()} == {"refused"}
    assert report(home / "refused" / "bad.jsonl")["problems"]
    assert "*.parquet" in report(home / "refused" / "table.csv")["detail"]
    assert not RecordBatch.objects.exists()


def test_packed_files_labels_and_versions_find_their_place(home):
    lay(home / "version=2" / "p.jsonl.gz", gzip.compress(body()))
    lay(home / "labels" / "l.jsonl", b'{"prediction_id": "p-1", "label": "good"}\n')
    assert tasks.take_dropped() == 2
    assert RecordBatch.objects.get().version.number == 2
    assert LabelBatch.objects.get().rows == 1
    lay(home / "version=9" / "q.jsonl", body(seed=2))
    (waits,) = dropped.take_dropped()
    assert waits.outcome == "waits"
    assert (home / "version=9" / "q.jsonl").exists()


def test_what_is_being_written_is_a_link_or_belongs_to_nobody_is_left(home, tmp_path):
    lay(home / "new.jsonl", body(), seconds_ago=0)
    lay(home / "x.jsonl.part", body())
    lay(home / ".hidden.jsonl", body())
    lay(home.parent / "nobody@champion" / "x.jsonl", body())
    (home / "link.jsonl").symlink_to(lay(tmp_path / "elsewhere.jsonl", body()))
    (home / "labels").symlink_to(tmp_path)
    assert dropped.take_dropped() == []


def test_without_a_sender_it_says_so_and_without_a_folder_nothing_happens(home, settings):
    settings.RECORDS_DROP_SENDER = "nobody@example.org"
    with pytest.raises(InvalidInput, match="PLACET_RECORDS_DROP_SENDER"):
        dropped.take_dropped()
    settings.RECORDS_DROP = ""
    assert dropped.take_dropped() == []
