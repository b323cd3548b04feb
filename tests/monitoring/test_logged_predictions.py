"""The record of one prediction, found by its id among real Parquet files that came in through the API."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest
from django.test import Client
from monitor_world import a_version, send

from governance.accounts.models import User
from monitoring import services, windows
from monitoring.errors import UnreadableRecords
from monitoring.models import RecordBatch
from monitoring.predictions import NoSingleRecord, logged_prediction
from monitoring.records import store_batch

CAR = {"amount": 1200.5, "months": 12, "purpose": "car", "prediction": 0.4}
MONDAY, TUESDAY = "2026-11-02T08:00:00Z", "2026-11-03T09:30:00Z"


def lines(*records):
    return "\n".join(json.dumps(record) for record in records).encode()


def a_record(prediction_id, at=MONDAY, **more):
    return CAR | {"prediction_id": prediction_id, "predicted_at": at} | more


def refused(*args, **more):
    with pytest.raises(NoSingleRecord) as caught:
        logged_prediction(*args, **more)
    return caught.value


def test_a_prediction_sent_through_the_api_is_found_with_what_was_sent(world, monitor):
    sender = Client(headers={"Authorization": f"Bearer {world.token}"})
    body = lines(a_record("p-1"), a_record("p-2", TUESDAY, purpose=None, prediction=0.75))
    sent = sender.post(f"/api/v1/monitors/{monitor.pk}/records?batch=b-1", body, content_type="application/x-ndjson")
    assert sent.status_code == 201
    found = logged_prediction(world.auditor, world.version, "p-2")
    assert found.features == {"amount": 1200.5, "months": 12, "purpose": None}
    assert (found.prediction, found.at) == (0.75, datetime(2026, 11, 3, 9, 30, tzinfo=UTC))
    assert (found.batch.batch_id, found.batch.monitor) == ("b-1", monitor)


def test_the_day_narrows_what_is_read_to_its_files(world, monitor, storage):
    send(monitor, world, lines(a_record("p-1"), a_record("p-2", TUESDAY)))
    (monday,) = storage.rglob("date=2026-11-02/*.parquet")
    assert logged_prediction(world.owner, world.version, "p-2", day=date(2026, 11, 3)).at.day == 3
    message = str(refused(world.owner, world.version, "p-2", day=date(2026, 11, 2)))
    assert message.endswith(
        "no record of 2026-11-02 (UTC) has the prediction_id p-2. Leave the day empty to look at all."
    )
    monday.unlink()  # what the day leaves out is not even opened
    assert logged_prediction(world.owner, world.version, "p-2", day=date(2026, 11, 3)).at.day == 3
    with pytest.raises(UnreadableRecords):
        logged_prediction(world.owner, world.version, "p-2")


def test_the_prediction_of_another_version_names_the_version_to_ask(world, monitor):
    third = a_version(world, 3)
    send(monitor, world, lines(a_record("p-1")), version=3)
    error = refused(world.owner, world.version, "p-1")
    assert "was made by version 3 of credit-risk, not by version 2" in str(error)
    assert error.versions == (3,)
    assert logged_prediction(world.owner, third, "p-1").batch.version == third
    send(monitor, world, lines(a_record("p-1", prediction=0.9)), "b-2")  # a canary and the champion asked the same
    assert logged_prediction(world.owner, world.version, "p-1").prediction == 0.9
    assert logged_prediction(world.owner, third, "p-1").prediction == 0.4


def test_an_id_with_two_contents_is_no_record_and_one_sent_twice_is_one(world, monitor):
    send(monitor, world, lines(a_record("p-1")), "b-1")
    send(monitor, world, lines(a_record("p-1", TUESDAY)), "b-2")
    assert logged_prediction(world.owner, world.version, "p-1").at.day == 2
    send(monitor, world, lines(a_record("p-1", TUESDAY, months=13)), "b-3")
    message = str(refused(world.owner, world.version, "p-1"))
    assert "was logged 3 times with different content" in message
    assert "2026-11-03 in batch b-3 of credit-risk champion" in message
    assert message.endswith("Name the day.")
    assert logged_prediction(world.owner, world.version, "p-1", day=date(2026, 11, 2)).features["months"] == 12
    message = str(refused(world.owner, world.version, "p-1", day=date(2026, 11, 3)))
    assert message.endswith("Hand in the features that you mean.")


def test_the_score_alone_makes_two_contents(world, monitor):
    send(monitor, world, lines(a_record("p-1")), "b-1")
    send(monitor, world, lines(a_record("p-1", prediction=0.41)), "b-2")
    assert "with different content" in str(refused(world.owner, world.version, "p-1"))


def test_two_monitors_of_a_model_are_both_searched(world, monitor):
    other = services.open_monitor(model=world.model, alias="canary", actor=world.owner, version=world.version)
    send(other, world, lines(a_record("p-1")), version=2)
    assert logged_prediction(world.owner, world.version, "p-1").batch.monitor == other
    send(monitor, world, lines(a_record("p-1", months=13)), "b-2")
    assert "of credit-risk canary" in str(refused(world.owner, world.version, "p-1"))


def test_what_is_not_there_is_said(world, monitor):
    assert "there are no records" in str(refused(world.owner, world.version, "p-1"))
    send(monitor, world, lines(CAR | {"predicted_at": MONDAY}))
    assert "none of the records has a prediction_id" in str(refused(world.owner, world.version, "p-1"))
    send(monitor, world, lines(a_record("p-2")), "b-2")
    message = str(refused(world.owner, world.version, "x' OR 1=1 --" + "y" * 200))
    assert message.startswith("credit-risk champion: no record has the prediction_id x' OR 1=1 --yyy")
    assert len(message) < 160


def test_files_without_the_column_of_ids_are_said_to_have_none(world, monitor, storage):
    send(monitor, world, lines(a_record("p-1")))
    (file,) = storage.rglob("*.parquet")
    duckdb.sql(f"COPY (SELECT * EXCLUDE prediction_id FROM '{file}') TO '{file}.new' (FORMAT parquet)")
    Path(f"{file}.new").replace(file)
    message = str(refused(world.owner, world.version, "p-1"))
    assert "none of the records has a prediction_id, so none can be found by it. Hand in the features" in message


def test_a_batch_that_is_not_complete_does_not_count(world, monitor, monkeypatch):
    def dies(*args, **more):
        store_batch(*args, **more)
        raise OSError("the machine stopped before the row was written")

    monkeypatch.setattr("monitoring.records.store_batch", dies)
    with pytest.raises(OSError, match="machine stopped"):
        send(monitor, world, lines(a_record("p-1")))
    assert not RecordBatch.objects.exists()
    assert list(windows.records_root().rglob("*.parquet"))
    assert "there are no records" in str(refused(world.owner, world.version, "p-1"))


def test_only_monitors_that_the_person_may_read_are_searched(world, monitor):
    send(monitor, world, lines(a_record("p-1")))
    nobody = User.objects.create_user("nobody@example.org", "long enough password", name="Nobody")
    message = str(refused(nobody, world.version, "p-1"))
    assert message.startswith("credit-risk has no monitor that you may read")


def test_features_may_be_called_as_duckdb_calls_the_file(world, monitor):
    snapshot = world.snapshot
    snapshot.features = ["filename", "path"]
    snapshot.columns = [{"name": name, "type": "string"} for name in snapshot.features]
    monitor.snapshot = snapshot
    from monitoring import engine
    from monitoring.intake import JSON_LINES, read_batch

    now = datetime(2026, 11, 4, tzinfo=UTC)
    body = lines({"filename": "f", "path": "p", "prediction": 0.5, "prediction_id": "p-1"})
    batch = read_batch(body, content_type=JSON_LINES, schema=windows.schema_of(monitor), now=now)
    kept = store_batch(batch, root=windows.records_root(), monitor_id="m", batch_id="b", now=now)
    path = kept.partitions[0].path
    found = engine.rows_where([path], "prediction_id", "p-1", columns=["filename", "path"])
    assert found == [(path, {"filename": "f", "path": "p"})]
