"""Labels that come after their predictions: kept by day of arrival, each batch once, and joined when they are read."""

import json
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from django.test import Client
from monitor_world import START, a_frame, a_version, lines_of, send

from governance.common import clock
from monitoring import keeping, labels, services, windows
from monitoring.errors import BatchIdTaken, MonitorDisabled, SchemaDrift
from monitoring.intake import JSON_LINES
from monitoring.models import LabelBatch

pytestmark = pytest.mark.django_db(transaction=True)

WEEK = timedelta(days=7)
KNOWN = datetime(2026, 11, 20, tzinfo=UTC)


def predictions(ids, *, seed=2, start=START, hours=24, **columns):
    found = []
    rows = lines_of(a_frame(len(ids), seed=seed), start=start, hours=hours).splitlines()
    for row, (line, name) in enumerate(zip(rows, ids, strict=True)):
        more = {column: values[row] for column, values in columns.items()}
        found.append(json.dumps({**json.loads(line), **({"prediction_id": name} if name else {}), **more}))
    return "\n".join(found).encode()


def late(monitor, world, *rows, batch="l-1"):
    """Send labels: ``(id, label)`` or ``(id, label, days after)``."""
    lines = []
    for name, label, *days in rows:
        at = {"labelled_at": clock.rfc3339(KNOWN + timedelta(days=days[0]))} if days else {}
        lines.append(json.dumps({"prediction_id": name, "label": label, **at}))
    return services.accept_labels(
        monitor_id=monitor.pk,
        batch_id=batch,
        body="\n".join(lines).encode(),
        content_type=JSON_LINES,
        sender=world.service,
    )


def found(monitor, world, *, start=START, end=START + WEEK, version=None):
    return labels.pairs(monitor, version or world.version, start=start, end=end)


def in_pairs(pairs):
    return sorted(pairs.table.column("label").to_pylist())


def test_labels_find_their_predictions_and_what_is_left_over_is_counted(monitor, world):
    send(monitor, world, predictions([f"p{i}" for i in range(10)]))
    late(monitor, world, *((f"p{i}", "good" if i % 2 else "bad") for i in range(6)), ("nobody", "good"))
    pairs = found(monitor, world)
    assert in_pairs(pairs) == ["bad"] * 3 + ["good"] * 3
    assert (pairs.unlabelled, pairs.orphans, pairs.contradicted, pairs.repeated) == (4, 1, 0, 0)
    assert pairs.table.column("prediction").null_count == 0


def test_of_contradicting_labels_the_latest_counts_and_the_contradiction_is_counted(monitor, world):
    send(monitor, world, predictions(["a", "b", "c"]))
    late(monitor, world, ("a", "good", 0), ("b", "good", 1), ("c", "bad", 0))
    late(monitor, world, ("a", "bad", -1), ("b", "bad", 0), ("c", "bad", 1), batch="l-2")
    late(monitor, world, ("b", "bad", 2), batch="l-3")
    pairs = found(monitor, world)
    assert in_pairs(pairs) == ["bad", "bad", "good"]
    assert (pairs.contradicted, pairs.unlabelled, pairs.orphans) == (2, 0, 0)


def test_two_labels_of_one_moment_are_settled_alike_whichever_came_first(monitor, world):
    send(monitor, world, predictions(["a", "b"]))
    late(monitor, world, ("a", "good", 0), ("b", "bad", 0))
    late(monitor, world, ("a", "bad", 0), ("b", "good", 0), batch="l-2")
    assert in_pairs(found(monitor, world)) == ["good", "good"]


def test_a_label_in_the_record_counts_until_a_later_one_comes(monitor, world):
    send(monitor, world, predictions(["a", "b", ""], label=["good", "good", "bad"]))
    assert in_pairs(found(monitor, world)) == ["bad", "good", "good"]
    late(monitor, world, ("a", "bad", 0))
    pairs = found(monitor, world)
    assert in_pairs(pairs) == ["bad", "bad", "good"]
    assert pairs.contradicted == 1


def test_predictions_without_an_id_each_stand_for_themselves(monitor, world):
    send(monitor, world, predictions(["", "", "a"]))
    late(monitor, world, ("a", "good"))
    pairs = found(monitor, world)
    assert (pairs.table.num_rows, pairs.unlabelled) == (1, 2)


def test_a_window_has_its_own_predictions_and_a_label_of_another_window_is_no_orphan(monitor, world):
    a_version(world, 1)
    send(monitor, world, predictions(["a", "b"]), "one")
    send(monitor, world, predictions(["c"], start=START + WEEK), "two")
    send(monitor, world, predictions(["d"], seed=5), "three", version=1)
    late(monitor, world, *((name, "good") for name in "abcd"), ("e", "bad"))
    first = found(monitor, world)
    assert (first.table.num_rows, first.unlabelled, first.orphans) == (2, 0, 1)
    cut = found(monitor, world, end=START + timedelta(hours=12))
    assert (cut.table.num_rows, cut.orphans) == (1, 1)
    assert found(monitor, world, start=START + WEEK, end=START + 2 * WEEK).table.num_rows == 1


def test_an_id_in_two_batches_is_one_prediction_and_is_counted(monitor, world):
    send(monitor, world, predictions(["a", "b"]), "one")
    send(monitor, world, predictions(["b", "c"], seed=7, start=START + timedelta(hours=1)), "two")
    late(monitor, world, ("b", "good"))
    pairs = found(monitor, world)
    assert (pairs.table.num_rows, pairs.unlabelled, pairs.repeated) == (1, 2, 1)


def test_without_records_every_label_is_an_orphan(monitor, world):
    assert found(monitor, world).orphans == 0
    late(monitor, world, ("a", "good"), ("b", "bad"))
    assert (found(monitor, world).orphans, found(monitor, world).table.num_rows) == (2, 0)


def test_a_batch_is_kept_once_by_the_day_it_came(monitor, world):
    with clock.frozen(datetime(2026, 12, 3, 23, 59, tzinfo=UTC)):
        first = late(monitor, world, ("a", "good", 0), ("b", "bad"))
    with clock.frozen(datetime(2026, 12, 4, 0, 1, tzinfo=UTC)):
        again = late(monitor, world, ("a", "good", 0), ("b", "bad"))
        with pytest.raises(BatchIdTaken):
            late(monitor, world, ("a", "bad"))
    assert (first.created, again.created, LabelBatch.objects.get().rows) == (True, False, 2)
    path = windows.label_path(first.batch)
    assert path.parent.name == "date=2026-12-03"
    assert [row["labelled_at"].day for row in pq.read_table(path).to_pylist()] == [20, 3]


@pytest.mark.parametrize(
    ("row", "column", "kind"),
    [
        ({"prediction_id": None, "label": "good"}, "prediction_id", "empty"),
        ({"prediction_id": "a", "label": None}, "label", "empty"),
        ({"prediction_id": "a", "label": 1}, "label", "mistyped"),
        ({"prediction_id": "a"}, "label", "missing"),
        ({"prediction_id": "a", "label": "good", "prediction": 1}, "prediction", "unknown"),
        ({"prediction_id": "a", "label": "good", "labelled_at": "2031-01-01T00:00:00Z"}, "labelled_at", "mistyped"),
    ],
)
def test_labels_that_do_not_fit_are_refused(monitor, world, row, column, kind):
    with pytest.raises(SchemaDrift) as refusal:
        services.accept_labels(
            monitor_id=monitor.pk,
            batch_id="l",
            body=json.dumps(row).encode(),
            content_type=JSON_LINES,
            sender=world.service,
        )
    assert (column, kind) in {(p["column"], p["kind"]) for p in refusal.value.extra["problems"]}


def test_ids_that_are_hashed_meet_hashed(monitor, world, settings):
    settings.RECORDS_KEY = "k"
    keeping.set_intake(monitor_id=monitor.pk, intake={"hash": ["prediction_id"]}, actor=world.owner)
    send(monitor, world, predictions(["a", "b"]))
    batch = late(monitor, world, ("a", "good")).batch
    assert found(monitor, world).table.num_rows == 1
    assert b"hmac" in pq.read_table(windows.label_path(batch)).column("prediction_id")[0].as_py().encode()


def test_a_monitor_that_is_off_takes_no_labels(monitor, world):
    type(monitor).objects.filter(pk=monitor.pk)
    from governance.audit import services as audit
    from governance.audit.events import Event

    monitor.enabled = False
    from django.db import transaction

    with transaction.atomic():
        audit.append(event=Event.MONITOR_CHANGED, actor=world.owner, subjects=[monitor])
    with pytest.raises(MonitorDisabled):
        late(monitor, world, ("a", "good"))


def test_labels_come_over_http_and_count_once(monitor, world):
    api = Client(headers={"Authorization": f"Bearer {world.token}"})
    address = f"/api/v1/monitors/{monitor.pk}/labels"
    body = json.dumps({"prediction_id": "a", "label": "good"}).encode()
    sent = [api.post(f"{address}?batch=l-1", body, content_type="application/x-ndjson") for _ in range(2)]
    assert [answer.status_code for answer in sent] == [201, 200]
    assert (sent[0].json()["rows"], sent[0].json()["created"]) == (1, True)
    assert api.post(address, body, content_type="application/x-ndjson").status_code == 422
    other = Client()
    other.force_login(world.auditor)
    assert other.post(f"{address}?batch=l-2", body, content_type="application/x-ndjson").status_code == 403
