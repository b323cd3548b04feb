"""A prediction that stands in two batches is kept and counted, by whoever comes to it, once."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from monitor_world import a_frame, lines_of, send

from governance.common import clock
from monitoring import duplicates, tasks
from monitoring.models import RecordBatch

pytestmark = pytest.mark.django_db(transaction=True)


def with_ids(*names, seed=2):
    rows = lines_of(a_frame(len(names), seed=seed), hours=48).splitlines()
    found = [{**json.loads(row), **({"prediction_id": name} if name else {})} for row, name in zip(rows, names)]  # noqa: B905
    return "\n".join(map(json.dumps, found)).encode()


def counted(batch) -> int:
    tasks.count_duplicates(str(batch.pk))
    batch.refresh_from_db()
    return batch.duplicates


def test_rows_that_an_earlier_batch_has_are_counted_and_none_is_dropped(monitor, world):
    first = send(monitor, world, with_ids("a", "b", "", "c"), "one").batch
    second = send(monitor, world, with_ids("b", "d", "", "", "c", seed=3), "two").batch
    third = send(monitor, world, with_ids("d", "e", seed=4), "three").batch
    assert [counted(batch) for batch in (third, second, first)] == [1, 2, 0], "whatever the order of counting"
    assert [batch.rows for batch in (first, second, third)] == [4, 5, 2]
    listed = Client(headers={"Authorization": f"Bearer {world.token}"}).get(f"/api/v1/monitors/{monitor.pk}/records")
    assert [(row["batch"], row["duplicates"]) for row in listed.json()["results"]] == [
        ("three", 1),
        ("two", 2),
        ("one", 0),
    ]


def test_what_no_message_reached_is_swept_after_a_minute(monitor, world, monkeypatch):
    sent = []
    monkeypatch.setattr(tasks.count_duplicates, "delay", sent.append)
    batch = send(monitor, world, with_ids("a", "b")).batch
    assert tasks.sweep_batches() == 0
    with clock.frozen(clock.now() + duplicates.AGE_TO_SWEEP + timedelta(seconds=1)):
        assert tasks.sweep_batches() == 1
    assert sent == [str(batch.pk)]
    assert counted(batch) == 0
    RecordBatch.objects.filter(pk=batch.pk).update(duplicates=7)
    assert tasks.count_duplicates(str(batch.pk)) == 7, "counted once"


def test_batches_that_can_not_be_counted_hold_up_none_that_can(monitor, world, monkeypatch):
    sent = []
    monkeypatch.setattr(tasks.count_duplicates, "delay", sent.append)
    monkeypatch.setattr(duplicates, "SWEPT_AT_ONCE", 1)
    bad, good = (send(monitor, world, with_ids("a", "b", seed=seed), f"b{seed}").batch for seed in (2, 3))
    now = clock.now() + 2 * duplicates.AGE_TO_SWEEP
    for minute in range(20):
        with clock.frozen(now + timedelta(minutes=minute)):
            tasks.sweep_batches()
        if sent[-1:] == [str(good.pk)]:
            counted(good)
    assert sent[:2] == [str(bad.pk), str(good.pk)]
    assert len(sent) == 6, "after 0, 2, 4, 8 and 16 minutes, and the other once"
    with clock.frozen(now + timedelta(days=1)):
        assert tasks.sweep_batches() == 1, "a file may come back"
