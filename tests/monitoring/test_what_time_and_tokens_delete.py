"""Neither a sender's wrong clock nor a token deletes records, and odd times are put aside like any row."""

import json
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from django.test import Client
from hostile_bodies import arrow
from monitor_world import a_frame, lines_of, send

from governance.accounts.services import create_token
from governance.common.errors import Forbidden
from monitoring import keeping, windows
from monitoring.errors import SchemaDrift
from monitoring.intake import ARROW_STREAM
from monitoring.intake_settings import MIN_RETENTION_DAYS, IntakeSettings
from monitoring.models import RecordBatch
from monitoring.quarantine import lines_without
from monitoring.whose import Whose

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_older_than_the_retention_does_not_come_in(monitor, world):
    old = lines_of(a_frame(3, seed=1), start=datetime(1970, 1, 1, tzinfo=UTC))
    with pytest.raises(SchemaDrift, match="a time more than 365 days ago, which are all that is kept"):
        send(monitor, world, old)
    assert not RecordBatch.objects.exists()
    keeping.set_intake(monitor_id=monitor.pk, intake={"quarantine": True}, actor=world.owner)
    batch = send(monitor, world, old + b"\n" + lines_of(a_frame(4, seed=1)), "b-2").batch
    assert (batch.rows, batch.quarantined) == (4, 3)


def test_six_months_are_kept_from_any_day_of_the_year():
    for first in (date(2026, 1, 1) + timedelta(days=n) for n in range(4 * 366)):
        year, month = first.year + (first.month > 6), (first.month + 5) % 12 + 1
        six_months_later = next(
            date(year, month, day) for day in range(first.day, 0, -1) if day <= _days_of(year, month)
        )
        deleted = first + timedelta(days=MIN_RETENTION_DAYS + 1)
        assert deleted > six_months_later


def _days_of(year, month):
    return (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day


def test_a_token_can_not_have_records_deleted_sooner_and_silence_keeps_the_retention(monitor, world):
    keeping.set_intake(monitor_id=monitor.pk, intake={"retention_days": 3650}, actor=world.owner)
    address = f"/api/v1/monitors/{monitor.pk}/intake"

    def put(client, **intake):
        return client.put(address, json.dumps(intake), content_type="application/json")

    def days():
        monitor.refresh_from_db()
        return IntakeSettings.from_json(monitor.intake).retention_days

    person = Client()
    person.force_login(world.engineer)
    assert put(person, kpis=["margin"]).status_code == 200
    assert days() == 3650
    assert put(person, retention_days=200).status_code == 403, "an engineer does not say how soon records go"
    with pytest.raises(Forbidden, match="Fewer retention_days delete records"):
        keeping.set_intake(monitor_id=monitor.pk, intake={"retention_days": 200}, actor=world.engineer)
    secret = create_token(holder=world.owner, label="ci", scopes=["records:write"])
    token = Client(headers={"Authorization": f"Bearer {secret}"})
    refused = put(token, retention_days=200)
    assert (refused.status_code, days()) == (403, 3650)
    assert "token" in refused.json()["title"]
    assert put(token, retention_days=4000).status_code == 200
    person.force_login(world.owner)
    assert put(person, retention_days=200).status_code == 200
    assert days() == 200


@pytest.mark.parametrize(
    ("column", "odd"),
    [
        ("predicted_at", pa.array([2**45, 1_795_000_000], pa.timestamp("s", "UTC"))),
        ("months", pa.array([2**62, None], pa.duration("s"))),
        ("months", pa.array([2**45, None], pa.timestamp("s"))),
        ("months", pa.array([2**30, None], pa.date32())),
    ],
    ids=str,
)
def test_a_time_that_python_has_no_word_for_is_put_aside(monitor, world, column, odd):
    keeping.set_intake(monitor_id=monitor.pk, intake={"quarantine": True}, actor=world.owner)
    rows = {"amount": [1.0, 2.0], "months": pa.array([1, 2]), "purpose": ["car", "car"], "prediction": [0.1, 0.2]}
    batch = send(monitor, world, arrow(pa.table({**rows, column: odd})), content_type=ARROW_STREAM).batch
    assert (batch.rows, batch.quarantined) == (1, 1)
    shown = json.loads(windows.quarantine_path(batch).read_text())["record"][column]
    assert str(odd.type) in shown


def test_rows_without_the_column_are_nobody_s():
    lines = b'{"row":1,"record":{"a":1}}\n{"row":2,"record":{"subject_id":null}}\n'
    named = b'{"row":3,"record":{"subject_id":"None","prediction_id":"p"}}\n'
    assert lines_without(lines + named, Whose("subject_id", frozenset({"None"}))) == (lines, 1)
