"""With quarantine on, rows that do not fit are put aside with their reasons, and the rest of the batch is taken."""

import json
from datetime import timedelta

import pyarrow as pa
import pytest
from django.test import Client
from hostile_bodies import arrow
from monitor_world import START, World, a_frame, an_officer, lines_of, measure, scores_of, send

from governance.common import clock
from governance.common.clock import rfc3339
from monitoring import keeping, quarantine, windows
from monitoring.blocks import ARROW_STREAM
from monitoring.errors import SchemaDrift, TooManyRecords
from monitoring.models import RecordBatch

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def strict(monitor):
    return monitor


@pytest.fixture
def lenient(monitor, world):
    return keeping.set_intake(monitor_id=monitor.pk, intake={"quarantine": True}, actor=world.owner)


def records(n=30, **changes):
    """Return records of which some rows are changed: ``{row: {column: value}}``."""
    rows = [json.loads(line) for line in lines_of(a_frame(n, seed=2)).splitlines()]
    for row, change in changes.items():
        rows[int(row[1:])] |= change
    return "\n".join(json.dumps(row) for row in rows).encode()


def put_aside(batch):
    lines = windows.quarantine_path(batch).read_text().splitlines()
    return {row["row"]: row for row in map(json.loads, lines)}


BAD = {
    "r0": {"months": "six"},
    "r1": {"prediction": None},
    "r2": {"predicted_at": rfc3339(clock.now() + timedelta(days=2))},
    "r3": {"prediction_id": "a"},
    "r4": {"prediction_id": "a"},
    "r5": {"months": 1.5, "purpose": 7},
    "r6": {"predicted_at": None},
}


def test_each_row_that_does_not_fit_is_put_aside_with_every_reason_and_the_rest_is_taken(lenient, world: World):
    batch = send(lenient, world, records(**BAD)).batch
    assert (batch.rows, batch.quarantined) == (24, 6)
    found = put_aside(batch)
    assert {row: [reason.split(":")[0] for reason in line["reasons"]] for row, line in found.items()} == {
        1: ["'months' mistyped"],
        2: ["'prediction' empty"],
        3: ["'predicted_at' mistyped"],
        5: ["'prediction_id' repeated"],
        6: ["'months' mistyped", "'purpose' mistyped"],
        7: ["'predicted_at' mistyped"],
    }
    assert found[1]["record"]["months"] == "six"
    assert found[6]["record"]["purpose"] == 7
    assert measure(lenient).rows == 24


def test_without_quarantine_one_such_row_refuses_the_batch(strict, world: World):
    with pytest.raises(SchemaDrift, match="Nothing of the batch was kept"):
        send(strict, world, records(r4={"months": "six"}))
    assert not RecordBatch.objects.exists()


@pytest.mark.parametrize("change", [{"surprise": 1}, {"months": ...}])
def test_a_column_that_is_unknown_or_missing_refuses_the_whole_batch(lenient, world: World, change):
    rows = [json.loads(line) for line in records().splitlines()]
    for name, value in change.items():
        rows[3].pop(name) if value is ... else rows[3].update({name: value})
    with pytest.raises(SchemaDrift):
        send(lenient, world, "\n".join(map(json.dumps, rows)).encode())
    assert not RecordBatch.objects.exists()
    assert not windows.home_of(lenient.pk).exists()


def test_a_batch_of_which_no_row_fits_is_refused(lenient, world: World):
    with pytest.raises(SchemaDrift, match="'months' mistyped"):
        send(lenient, world, records(3, **{f"r{i}": {"months": "x"} for i in range(3)}))


def test_a_batch_of_which_very_many_rows_do_not_fit_is_refused(lenient, world: World, monkeypatch):
    monkeypatch.setattr(quarantine, "MAX_PUT_ASIDE", 2)
    assert send(lenient, world, records(r1={"months": "x"}, r2={"months": "x"})).batch.quarantined == 2
    with pytest.raises(SchemaDrift):
        send(lenient, world, records(r1={"months": "x"}, r2={"months": "x"}, r3={"months": "x"}), "b-2")
    monkeypatch.setattr(quarantine, "MAX_BYTES", 50)
    with pytest.raises(TooManyRecords):
        send(lenient, world, records(r1={"months": "x"}), "b-3")


def test_typed_columns_are_put_aside_row_by_row_too(lenient, world: World):
    frame = a_frame(20, seed=2)
    times = pa.array([START + timedelta(hours=i) for i in range(20)], pa.timestamp("us", tz="UTC"))
    table = pa.Table.from_pandas(frame.assign(prediction=scores_of(frame)), preserve_index=False)
    months = pa.array([1.5, None, *frame["months"][2:].astype(float)])
    table = table.set_column(1, "months", months).append_column("predicted_at", times)
    amount = pa.array([float("inf") if i == 7 else 1.0 for i in range(20)])
    body = arrow(table.set_column(0, "amount", amount))
    batch = send(lenient, world, body, content_type=ARROW_STREAM).batch
    assert (batch.rows, batch.quarantined) == (18, 2)
    found = put_aside(batch)
    assert found.keys() == {1, 8}
    assert found[1]["record"]["months"] == 1.5
    assert "an infinity" in found[8]["reasons"][0]


def test_the_same_batch_again_puts_nothing_aside_twice(lenient, world: World):
    first = send(lenient, world, records(**BAD))
    again = send(lenient, world, records(**BAD))
    assert (again.created, again.batch.quarantined) == (False, first.batch.quarantined)
    assert len(put_aside(again.batch)) == 6


def signed_in(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_the_answer_the_list_and_the_download_say_what_was_put_aside(lenient, world: World):
    api = Client(headers={"Authorization": f"Bearer {world.token}"})
    address = f"/api/v1/monitors/{lenient.pk}/records"
    sent = api.post(f"{address}?batch=b-1", records(**BAD), content_type="application/x-ndjson")
    assert sent.status_code == 201
    assert (sent.json()["rows"], sent.json()["quarantined"]) == (24, 6)
    api.post(f"{address}?batch=b-2", records(10), content_type="application/x-ndjson")
    newest, first = api.get(address).json()["results"]
    assert [(row["batch"], row["rows"], row["quarantined"]) for row in (newest, first)] == [
        ("b-2", 10, 0),
        ("b-1", 24, 6),
    ]
    page = signed_in(world.engineer).get(f"{address}/b-1/quarantine")
    assert page.headers["Content-Disposition"].startswith("attachment")
    assert len(b"".join(page).splitlines()) == 6
    page.close()
    page = signed_in(an_officer(world)).get(f"{address}/b-1/quarantine")
    assert page.status_code == 200
    page.close()
    assert signed_in(world.auditor).get(f"{address}/b-1/quarantine").status_code == 403
    for absent in ("b-2", "b-9", "..%2Fb-1"):
        assert signed_in(world.engineer).get(f"{address}/{absent}/quarantine").status_code == 404


def test_labels_that_do_not_fit_are_listed_and_downloaded_too(lenient, world: World):
    api = Client(headers={"Authorization": f"Bearer {world.token}"})
    address = f"/api/v1/monitors/{lenient.pk}/labels"
    fits = [{"prediction_id": f"p{number}", "label": "good"} for number in range(20)]
    bad = [{"prediction_id": "b", "label": None}, {"prediction_id": None, "label": "bad"}]
    body = "\n".join(map(json.dumps, [*fits, *bad])).encode()
    sent = api.post(f"{address}?batch=l-1", body, content_type="application/x-ndjson")
    assert sent.status_code == 201, sent.content
    (row,) = api.get(address).json()["results"]
    assert (row["batch"], row["rows"], row["quarantined"]) == ("l-1", 20, 2)
    page = signed_in(world.engineer).get(f"{address}/l-1/quarantine")
    found = [json.loads(line)["record"] for line in b"".join(page).splitlines()]
    assert found == [{**row, "labelled_at": None} for row in bad]
    page.close()
    assert signed_in(world.auditor).get(f"{address}/l-1/quarantine").status_code == 403
    # A batch of records of that name is another thing.
    assert signed_in(world.engineer).get(f"{address.replace('labels', 'records')}/l-1/quarantine").status_code == 404
