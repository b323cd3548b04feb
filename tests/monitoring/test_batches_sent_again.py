"""What was acknowledged once is acknowledged again, whatever has changed since; and nobody waits for each other."""

import json
import threading
import time

import pytest
from django.db import connection, transaction
from django.test import Client
from monitor_world import a_frame, a_version, lines_of, send
from test_record_erasure import late, of_people

from governance.accounts.services import create_token
from monitoring import adopting, keeping, services, windows
from monitoring.errors import BatchIdTaken, MonitorDisabled, RecordsKeyMissing, SchemaDrift
from monitoring.models import LabelBatch, Monitor, RecordBatch

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_S = 60


def test_a_retry_gets_the_first_answer_although_the_monitor_is_off(monitor, world):
    body = of_people()
    first, labels = send(monitor, world, body).batch, late(monitor, world, ["p0"]).batch
    services.change_monitor(monitor_id=monitor.pk, person=world.owner, why="The model is retired.", enabled=False)
    again = send(monitor, world, body)
    assert (again.batch, again.created) == (first, False)
    assert (late(monitor, world, ["p0"]).batch, late(monitor, world, ["p0"]).created) == (labels, False)
    with pytest.raises(MonitorDisabled):
        send(monitor, world, body, "b-2")
    with pytest.raises(MonitorDisabled):
        late(monitor, world, ["p1"])


def test_a_retry_gets_the_first_answer_although_its_columns_would_not_come_in_any_more(monitor, world, settings):
    frame = a_frame(40, seed=1)
    body = lines_of(frame.assign(margin=1.0))
    keeping.set_intake(monitor_id=monitor.pk, intake={"kpis": ["margin"]}, actor=world.owner)
    first = send(monitor, world, body).batch
    keeping.set_intake(monitor_id=monitor.pk, intake={}, actor=world.owner)
    with pytest.raises(SchemaDrift):
        send(monitor, world, body, "b-2")
    assert send(monitor, world, body).batch == first
    settings.RECORDS_KEY = "k"
    hashed = services.open_monitor(model=world.model, alias="shadow", actor=world.owner, version=world.version)
    keeping.set_intake(monitor_id=hashed.pk, intake={"hash": ["prediction_id"]}, actor=world.owner)
    taken = send(hashed, world, of_people(), version=2).batch
    settings.RECORDS_KEY = ""
    with pytest.raises(RecordsKeyMissing):
        send(hashed, world, of_people(), "b-3", version=2)
    assert send(hashed, world, of_people(), version=2).batch == taken


def test_a_retry_as_another_version_is_a_conflict_over_http_too(monitor, world):
    other = a_version(world, 3)
    body = of_people()
    first = send(monitor, world, body).batch
    with pytest.raises(BatchIdTaken, match="another version"):
        send(monitor, world, body, version=other.number)
    assert send(monitor, world, body, version=world.version.number).batch == first
    token = create_token(holder=world.engineer, label="again", scopes=["records:write"], days=1)
    client = Client(headers={"Authorization": f"Bearer {token}"})
    address = f"/api/v1/monitors/{monitor.pk}/records?batch=b-1"
    answers = [
        client.post(f"{address}{version}", body, content_type="application/x-ndjson")
        for version in ("", "&version=2", "&version=3")
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 409]
    assert answers[0].json() == answers[1].json()
    assert json.loads(answers[2].content)["type"].endswith("batch-id-taken")


def test_a_sender_and_an_erasure_that_writes_its_row_do_not_wait_for_each_other(monitor, world):
    answers = []

    def sends():
        try:
            answers.append(send(monitor, world, of_people()))
            answers.append(late(monitor, world, ["p0"]))
        finally:
            connection.close()

    sender = threading.Thread(target=sends)
    done = windows.home_of(monitor.pk) / "_batches" / "b-1.json"
    with transaction.atomic():
        Monitor.objects.select_for_update(of=("self",)).get(pk=monitor.pk)
        sender.start()
        ends = time.monotonic() + PATIENCE_S
        while not done.exists() or not waits():
            assert time.monotonic() < ends
            time.sleep(0.02)
        assert adopting.adopt(monitor) == 1
    sender.join(PATIENCE_S)
    assert [answer.created for answer in answers] == [False, True]
    assert (RecordBatch.objects.count(), LabelBatch.objects.count()) == (1, 1)


def waits():
    """Return whether anybody in this database waits for a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0] > 0
