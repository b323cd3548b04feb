"""Records are pulled from a table, each closed window once: a real PostgreSQL, DuckDB, and a folder of Parquet."""

import io
import json
import os
from collections import Counter
from datetime import timedelta

import duckdb
import pandas as pd
import psycopg
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from monitor_world import START, a_frame, lines_of, make_world

from governance.common import clock, files
from governance.common.errors import InvalidInput
from monitoring import pulling, services, tasks, windows
from monitoring.errors import InvalidSettings
from monitoring.models import PulledWindow, RecordBatch
from monitoring.source_settings import Source

pytestmark = pytest.mark.django_db(transaction=True)
LATER = START + timedelta(hours=5)
COLUMNS = {"predicted_at": "event_time", "prediction_id": "request", "prediction": "score"}


@pytest.fixture
def world(storage):
    with clock.frozen(START + timedelta(minutes=30)):  # live half an hour before START
        return make_world()


@pytest.fixture
def monitor(world):
    return services.open_monitor(model=world.model, alias="champion", actor=world.owner)


def rows(n=40, *, start=START, hours=4.0, seed=3):
    found = [json.loads(line) for line in lines_of(a_frame(n, seed=seed), start=start, hours=hours).splitlines()]
    frame = pd.DataFrame([{**row, "prediction_id": f"{seed}-{i}", "secret": "x"} for i, row in enumerate(found)])
    frame["predicted_at"] = pd.to_datetime(frame["predicted_at"], utc=True)
    return frame.rename(columns=COLUMNS)


@pytest.fixture
def lake(tmp_path, settings):
    """Return what writes rows into the table ``traffic`` of a folder."""
    settings.SOURCES = {"LAKE": str(tmp_path / "lake")}

    def write(frame, name="part-0"):
        path = tmp_path / "lake" / "traffic" / "day=1" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(path)

    return write


def name_it(monitor, world, **more):
    source = {"connection": "LAKE", "table": "traffic", "columns": COLUMNS, "since": START.isoformat(), **more}
    return pulling.set_source(monitor_id=monitor.pk, source=source, sender=world.service, by=world.owner)


def kept(monitor):
    return [
        row
        for batch in RecordBatch.objects.filter(monitor=monitor).order_by("start")
        for path in windows.paths_of(batch)
        for row in pq.read_table(path).to_pylist()
    ]


def test_each_closed_window_is_pulled_once_through_the_door(monitor, world, lake):
    lake(rows())
    name_it(monitor, world)
    with clock.frozen(START + timedelta(hours=2, minutes=59)):
        assert tasks.pull_records() == 10, "the second window is read an hour after its end"
    with clock.frozen(LATER):
        assert tasks.pull_records() == 30
        assert tasks.pull_records() == 0
    lake(rows(start=START + timedelta(minutes=1), seed=4), "late")
    with clock.frozen(LATER):
        assert tasks.pull_records() == 0, "what comes into a window that was read is not taken in"
    assert Counter(row["prediction_id"] for row in kept(monitor)) == Counter(f"3-{i}" for i in range(40))
    assert {key for row in kept(monitor) for key in row} == {
        *("amount", "months", "purpose", "prediction", "predicted_at", "prediction_id"),
    }
    assert {batch.sender for batch in RecordBatch.objects.all()} == {world.service}
    assert PulledWindow.objects.count() == 4


def test_a_crash_between_reading_and_keeping_leaves_one_content(monitor, world, lake, monkeypatch):
    """The table has another row by the second attempt; what was read first is what counts."""
    lake(rows(10, hours=1))
    name_it(monitor, world)
    with clock.frozen(LATER):
        with monkeypatch.context() as patched:
            patched.setattr(
                RecordBatch.objects, "get_or_create", lambda **_: (_ for _ in ()).throw(OSError("power cut"))
            )
            with pytest.raises(OSError, match="power cut"):
                pulling.pull_due()
        lake(rows(1, start=START + timedelta(minutes=3), hours=0.1, seed=9), "more")
        assert tasks.pull_records() == 10
    assert len(kept(monitor)) == 10
    assert not list(files.found(windows.home_of(monitor.pk, "_pulled"), "*"))


def test_a_window_that_is_too_large_comes_in_halves(monitor, world, lake, monkeypatch):
    monkeypatch.setattr(pulling, "MOST_ROWS", 7)
    lake(rows(40, hours=1))
    name_it(monitor, world)
    with clock.frozen(LATER):
        assert tasks.pull_records() == 40
        assert tasks.pull_records() == 0
    assert RecordBatch.objects.count() == 8
    assert sorted(row["prediction_id"] for row in kept(monitor)) == sorted(f"3-{i}" for i in range(40))


def test_rows_that_do_not_fit_stop_the_monitor_until_they_are_mended(monitor, world, lake):
    lake(rows().drop(columns=["months"]))
    name_it(monitor, world)
    with clock.frozen(LATER):
        (stopped,) = pulling.pull_due()
        assert (stopped.windows, stopped.records) == (0, 0)
        assert "months" in stopped.problem or "column" in stopped.problem
        assert not RecordBatch.objects.exists()
        with pytest.raises(CommandError, match="Not everything"):
            call_command("pull_records", stdout=io.StringIO(), stderr=io.StringIO())
        lake(rows())
        assert tasks.pull_records() == 40


def test_a_postgresql_table_and_a_duckdb_file_are_read_too(monitor, world, settings, tmp_path):
    frame = rows()
    path = tmp_path / "wh.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.register("frame", frame)
        connection.execute("CREATE SCHEMA scored")
        # A warehouse's own habit: a time without a zone, which is UTC.
        connection.execute(
            "CREATE TABLE scored.traffic AS SELECT * REPLACE (timezone('UTC', event_time) AS event_time) FROM frame"
        )
    settings.SOURCES = {"WH": f"duckdb://{path}", "PG": os.environ["PLACET_BOOTSTRAP_URL"]}
    name_it(monitor, world, connection="WH", table="scored.traffic")
    with clock.frozen(START + timedelta(hours=3)):
        assert tasks.pull_records() == 20
    with psycopg.connect(os.environ["PLACET_BOOTSTRAP_URL"]) as server:
        server.execute("DROP TABLE IF EXISTS placet_test_traffic")
        server.execute(
            "CREATE TABLE placet_test_traffic (amount float8, months int, purpose text, score float8, "
            "event_time timestamptz, request text, secret text)"
        )
        with server.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO placet_test_traffic VALUES (%s, %s, %s, %s, %s, %s, %s)",
                [
                    (
                        r["amount"],
                        r["months"],
                        r["purpose"],
                        r["score"],
                        r["event_time"].to_pydatetime(),
                        r["request"],
                        "x",
                    )
                    for r in frame.to_dict("records")
                ],
            )
    try:
        name_it(monitor, world, connection="PG", table="placet_test_traffic")
        with clock.frozen(LATER):
            assert [pulled.problem for pulled in pulling.pull_due()] == [""]
    finally:
        with psycopg.connect(os.environ["PLACET_BOOTSTRAP_URL"]) as server:
            server.execute("DROP TABLE placet_test_traffic")
    assert Counter(row["prediction_id"] for row in kept(monitor)) == Counter(f"3-{i}" for i in range(40))


def test_no_address_and_no_password_is_kept_logged_or_said(monitor, world, settings):
    settings.SOURCES = {"PG": "postgres://reader:s3cret-word@127.0.0.1:1/traffic"}
    name_it(monitor, world, connection="PG")
    with clock.frozen(LATER):
        (stopped,) = pulling.pull_due()
    assert "connection PG" in stopped.problem
    assert "s3cret-word" not in stopped.problem
    assert "127.0.0.1:1/" not in stopped.problem
    monitor.refresh_from_db()
    assert "s3cret" not in json.dumps(monitor.source)


@pytest.mark.parametrize(
    "wrong",
    [
        {"connection": "postgres://x"},
        {"table": "../../etc"},
        {"table": "a;drop table b"},
        {"table": "a/b"},
        {"since": "2026-11-02T00:30:00+00:00"},
        {"since": "2026-11-02T00:00:00"},
        {"hours": 2},
        {"delay_minutes": -1},
        {"colour": "red"},
    ],
)
def test_a_source_that_can_not_be_used_is_refused(wrong):
    with pytest.raises(InvalidSettings, match="source can not be used"):
        Source.from_json({"connection": "LAKE", "table": "t", "since": START.isoformat(), **wrong})


def test_the_commands_name_pull_and_count_a_table(monitor, world, lake, tmp_path):
    lake(rows())
    said, out = io.StringIO(), tmp_path / "profile.json"
    arguments = ["--connection", "LAKE", "--table", "traffic", "--since", "2026-11-02T00:00:00Z", "--sender"]
    pairs = [f"--column={ours}={theirs}" for ours, theirs in COLUMNS.items()]
    by = ["--by", world.owner.email]
    call_command("records_source", str(monitor.pk), *arguments, world.service.email, *pairs, *by, stdout=said)
    window = ["--model-version", "2", "--from", START.isoformat(), "--to", (START + timedelta(hours=4)).isoformat()]
    with clock.frozen(LATER):
        call_command("pull_records", "--monitor", str(monitor.pk), stdout=said)
        assert "4 windows, 40 records" in said.getvalue()
        call_command("profile_window", str(monitor.pk), *window, "--compare", "--out", str(out), stdout=said)
        assert json.loads(out.read_text())["n"] == 40
        lake(rows(1, start=START + timedelta(minutes=3), hours=0.1, seed=9), "more")
        with pytest.raises(SystemExit) as differs:
            call_command("profile_window", str(monitor.pk), *window, "--compare", stdout=said, stderr=io.StringIO())
    assert differs.value.code == 3
    call_command("records_source", str(monitor.pk), *by, stdout=said)
    monitor.refresh_from_db()
    assert monitor.source is None
    with pytest.raises(InvalidInput, match="PLACET_SOURCE_NOWHERE"):
        name_it(monitor, world, connection="NOWHERE")
