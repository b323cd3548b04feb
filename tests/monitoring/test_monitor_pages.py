"""The pages of monitors and of their records: what they show of real rows, to whom, and with how many queries."""

import csv
import io
import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from monitor_world import START as NOVEMBER
from monitor_world import a_frame, a_version, an_officer, lines_of, measure, send

from governance.accounts import holds
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from monitoring import keeping, refusals, services
from monitoring.models import Alert, Monitor, RecordBatch, RefusedBatch
from monitoring.web import trends

WEEK = timedelta(days=7)
START = NOVEMBER - 20 * WEEK
SECRET = "a very private purpose"

pytestmark = pytest.mark.django_db(transaction=True)


def signed_in(person):
    client = Client()
    client.force_login(person)
    return client


def post(client, monitor, body, batch="b-1", kind="records"):
    path = f"/api/v1/monitors/{monitor.pk}/{kind}?batch={batch}"
    return client.post(path, body, content_type="application/x-ndjson")


def measured(monitor, week, **more):
    """Have one week of the calendar measured."""
    return measure(monitor, start=START + week * WEEK, end=START + (week + 1) * WEEK, **more)


def weeks(monitor, world, count, *, shift_from=99):
    """Measure some weeks one after the other."""
    runs = []
    for week in range(count):
        frame = a_frame(200, seed=week, shift=1 if week >= shift_from else 0)
        send(monitor, world, lines_of(frame, start=START + week * WEEK), f"week-{week}")
        runs.append(measured(monitor, week))
    return runs


def another_monitor(monitor, alias):
    """Make a monitor of an alias behind which nothing is live any more."""
    row = Monitor(model=monitor.model, alias=alias, snapshot=monitor.snapshot, settings={}, made_at=START)
    with transaction.atomic():
        audit.append(event=Event.MONITOR_CREATED, actor=System("test"), subjects=[row], data={"monitor": row.pk})


def queries_of(client, path):
    client.get(path)  # content types and the like are kept from the first time on
    with CaptureQueriesContext(connection) as caught:
        assert client.get(path).status_code == 200
    return len(caught)


@pytest.fixture
def reader(world):
    return signed_in(world.auditor)


@pytest.fixture
def api(world):
    return Client(headers={"Authorization": f"Bearer {world.token}"})


@pytest.fixture
def lenient(monitor, world):
    return keeping.set_intake(monitor_id=monitor.pk, intake={"quarantine": True}, actor=world.owner)


def with_bad_rows():
    rows = [json.loads(line) for line in lines_of(a_frame(20, seed=2)).splitlines()]
    rows[3] |= {"months": "six", "purpose": SECRET}
    rows[5] |= {"months": "=cmd|'/c calc'!A1"}
    rows[7] |= {"prediction": None}
    return "\n".join(json.dumps(row) for row in rows).encode()


def test_the_page_draws_windows_versions_alerts_and_the_chosen_column(monitor, world, reader):
    older = a_version(world, 1)
    send(monitor, world, lines_of(a_frame(200, seed=9), start=START - WEEK), "old", version=1)
    measured(monitor, -1, version=older)
    runs = weeks(monitor, world, 2, shift_from=1)
    page = reader.get(f"/monitors/{monitor.pk}")
    heat = page.context["heat"]
    assert [(band["label"], band["span"]) for band in heat["bands"]] == [("v1", 1), ("v2", 2)]
    assert [bool(window["alert"]) for window in heat["windows"]] == [False, False, True]
    assert f"/alerts/{runs[1].alert.pk}" in page.content.decode()
    first = page.context["distribution"]
    assert first["column"] == heat["rows"][0]["column"]
    chosen = reader.get(f"/monitors/{monitor.pk}?column=purpose&window={runs[0].pk}").context["distribution"]
    assert (chosen["column"], chosen["run"]["pk"], chosen["current_n"]) == ("purpose", runs[0].pk, 200)
    assert sum(bar["current"] for bar in chosen["bins"]) == pytest.approx(1)
    wrong = reader.get(f"/monitors/{monitor.pk}?column=nobody&window=x&alerts=-9")
    assert wrong.context["distribution"]["column"] == first["column"]


def test_a_window_measured_again_is_one_column_of_the_map(monitor, world, reader):
    (run,) = weeks(monitor, world, 1)
    again = measure(monitor, start=run.window_start, end=run.window_end)
    (window,) = reader.get(f"/monitors/{monitor.pk}").context["heat"]["windows"]
    assert window["pk"] == again.pk


def test_records_and_mean_prediction_are_drawn_over_the_windows(monitor, world, reader):
    weeks(monitor, world, 4, shift_from=3)
    charts = {chart["title"]: chart for chart in reader.get(f"/monitors/{monitor.pk}").context["trends"]["always"]}
    records, mean = charts["Records in the window"], charts["Mean prediction"]
    assert records["values"] == [200.0] * 4
    assert records["watch"] == [100.0, 400.0]
    from monitor_world import scores_of

    for week, value in enumerate(mean["values"]):
        true = scores_of(a_frame(200, seed=week, shift=1 if week >= 3 else 0)).mean()
        assert value == pytest.approx(true, abs=0.01)
    assert mean["reference"] == pytest.approx(scores_of(a_frame(600, seed=1)).mean())


def a_run(week, *signals):
    start = START + week * WEEK
    payload = {"columns": [], "signals": list(signals), "settings": {}, "reference": {"digest": ""}}
    return SimpleNamespace(
        pk=week, window_start=start, window_end=start + WEEK, rows=10, drifted=0, version=SimpleNamespace(number=1),
        evidence=SimpleNamespace(payload=payload), evidence_id=week,
    )  # fmt: skip


def a_signal(name, value, outcome="stable", **more):
    row = {"signal": name, "column": None, "value": value, "low": None, "high": None, "n": 10, "watch": 2.0}
    return row | {"limit": 3.0, "outcome": outcome} | more


def test_a_signal_that_nobody_here_has_heard_of_is_drawn_by_its_name_the_gravest_first():
    runs = [
        a_run(0, a_signal("seen_once", 1.0)),
        a_run(1, a_signal("queue_length", 4.0, "breach", low=3.5, high=4.5, unit="jobs"), a_signal("missing", 0.05)),
    ]
    windows = SimpleNamespace(columns=lambda *_: None)
    found = trends.trends(runs, {1: "AL-7"}, windows)["signals"]
    assert [chart["title"] for chart in found] == ["Queue length", "More values missing", "Seen once"]
    queue, missing, once = found
    assert (queue["values"], queue["ends"], queue["unit"]) == ([None, 4.0], [None, (3.5, 4.5)], "jobs")
    assert (queue["watch"], queue["limit"], queue["outcomes"]) == ([2.0], 3.0, ["", "breach"])
    assert (missing["values"], missing["unit"]) == ([None, 5.0], "%")
    assert (once["values"], once["said"]) == ([1.0, None], "not in the newest window")
    assert queue["marks"] == [(1, "AL-7")]


def test_alerts_are_shown_a_page_at_a_time_and_cost_the_same_however_many(monitor, world, reader):
    (run,) = weeks(monitor, world, 1, shift_from=0)
    few = queries_of(reader, f"/monitors/{monitor.pk}")
    assert len(reader.get(f"/monitors/{monitor.pk}").context["alerts"]["rows"]) == 1
    template = run.alert
    for number in range(12):
        frame = a_frame(100, seed=number, shift=1)
        services.alerts.resolve_alert(
            alert_id=Alert.objects.latest("number").pk, person=world.owner, how="Looked into it."
        )
        send(monitor, world, lines_of(frame, start=START + (number + 1) * WEEK), f"more-{number}")
        measured(monitor, number + 1)
    assert Alert.objects.count() == 13
    shown = reader.get(f"/monitors/{monitor.pk}").context["alerts"]
    assert (len(shown["rows"]), shown["total"], shown["older"]) == (10, 13, 2)
    second = reader.get(f"/monitors/{monitor.pk}?alerts=2").context["alerts"]
    assert [row["name"] for row in second["rows"]][-1] == str(template)
    assert (len(second["rows"]), second["older"], second["newer"]) == (3, None, 1)
    assert queries_of(reader, f"/monitors/{monitor.pk}") <= few + 2


def test_the_list_costs_the_same_for_many_monitors_and_tells_which_are_silent(monitor, world, reader):
    weeks(monitor, world, 2, shift_from=1)
    few = queries_of(reader, "/monitors")
    for alias in ("canary", "shadow", "blue"):
        another_monitor(monitor, alias)
    page = reader.get("/monitors")
    assert queries_of(reader, "/monitors") == few
    rows = {row["alias"]: row for row in page.context["monitors"]}
    shown = rows["champion"]
    assert (shown["outcome"], shown["open_alerts"], shown["breaches"]) == ("drift", 1, 1)
    assert (shown["volumes"], len(shown["series"])) == ([200.0, 200.0], 2)
    assert shown["silent"] is None
    assert rows["canary"]["silent"] is None, "nothing serves there, so nothing is expected"
    later = clock.now() - timedelta(days=8)
    RecordBatch.objects.update(received_at=later)
    (silent,) = reader.get("/monitors?state=silent").context["monitors"]
    assert silent["alias"] == "champion"
    assert silent["silent"] > timedelta(days=7)
    assert [row["alias"] for row in reader.get("/monitors?state=drift").context["monitors"]] == ["champion"]
    assert [row["alias"] for row in reader.get("/monitors?q=SHAD").context["monitors"]] == ["shadow"]
    nothing = reader.get("/monitors?q=nobody&state=alert")
    assert (nothing.context["monitors"], nothing.context["filtered"]) == ([], True)
    assert "No monitor is like that" in nothing.content.decode()


def test_the_strip_tells_what_came_in_today_with_one_query_of_its_own(lenient, world, api, reader):
    strip = f"/monitors/{lenient.pk}/live"
    assert reader.get(strip).context["live"]["last_batch"] is None
    assert post(api, lenient, with_bad_rows()).status_code == 201
    assert post(api, lenient, b'{"amount": 1}', "b-2").status_code == 422
    assert post(api, lenient, b'{"prediction_id": "a", "label": "bad"}', "l-1", "labels").status_code == 201
    live = reader.get(strip).context["live"]
    assert (live["batches"], live["rows"], live["quarantined"], live["refused"], live["labels"]) == (1, 17, 3, 1, 1)
    assert (live["last_batch"], live["last_rows"]) == ("b-1", 17)
    with CaptureQueriesContext(connection) as caught:
        reader.get(strip)
    assert sum("recordbatch" in query["sql"] for query in caught) == 1
    RecordBatch.objects.update(received_at=clock.now() - timedelta(days=2))
    assert reader.get(strip).context["live"]["rows"] == 0
    text = reader.get(strip).content.decode()
    assert 'hx-trigger="every 10s, seen"' in text
    assert "<html" not in text


def test_what_was_refused_is_noted_once_with_its_reasons_and_no_value(monitor, world, api, reader):
    bad = json.loads(lines_of(a_frame(1, seed=1))) | {"months": SECRET}
    body = json.dumps(bad).encode()
    for _ in range(3):
        assert post(api, monitor, body).status_code == 422
    (row,) = RefusedBatch.objects.all()
    assert (row.batch_id, row.code, row.attempts, row.sender) == ("b-1", "schema-drift", 3, world.engineer)
    (reason,) = row.reasons
    assert (reason["column"], reason["kind"], reason["count"]) == ("months", "mistyped", 1)
    page = reader.get(f"/monitors/{monitor.pk}/records")
    assert page.context["refused"]["rows"][0]["taken_at"] is None
    text = page.content.decode()
    assert "expected integer, found a text" in text
    assert SECRET not in text + json.dumps(row.reasons)
    assert post(api, monitor, lines_of(a_frame(3, seed=1))).status_code == 201
    assert reader.get(f"/monitors/{monitor.pk}/records").context["refused"]["rows"][0]["taken_at"]


def test_nothing_is_noted_of_who_may_not_send_and_the_newest_few_are_kept(monitor, world, api, monkeypatch):
    assert post(signed_in(world.auditor), monitor, b"{").status_code == 403
    assert not RefusedBatch.objects.exists()
    monkeypatch.setattr(refusals, "KEPT", 3)
    for number in range(5):
        post(api, monitor, b"{", f"b-{number}")
    assert list(RefusedBatch.objects.order_by("last_at").values_list("batch_id", flat=True)) == ["b-2", "b-3", "b-4"]


def test_the_records_page_lists_batches_and_what_holds_for_them(lenient, world, api, reader):
    assert post(api, lenient, with_bad_rows()).status_code == 201
    send(lenient, world, lines_of(a_frame(10, seed=4)), "b-2")
    officer = an_officer(world)
    holds.set_hold(kind="monitor", key=lenient.pk, reason="Case 4", by=officer)
    page = reader.get(f"/monitors/{lenient.pk}/records")
    assert [(row["id"], row["rows"], row["quarantined"]) for row in page.context["batches"]["rows"]] == [
        ("b-2", 10, 0),
        ("b-1", 17, 3),
    ]
    assert (page.context["keeping"]["hold"], page.context["keeping"]["days"]) == ("Case 4", 365)
    assert not page.context["keeping"]["may_hold"]
    assert signed_in(officer).get(f"/monitors/{lenient.pk}/records").context["keeping"]["may_hold"]
    only = reader.get(f"/monitors/{lenient.pk}/records?only=quarantined").context["batches"]["rows"]
    assert [row["id"] for row in only] == ["b-1"]
    none = reader.get(f"/monitors/{lenient.pk}/records?q=nobody%00&only=x")
    assert none.context["filters"] == {"q": "nobody", "only": ""}
    assert none.context["batches"]["rows"] == []
    before = queries_of(reader, f"/monitors/{lenient.pk}/records")
    for number in range(5):
        send(lenient, world, lines_of(a_frame(3, seed=number)), f"more-{number}")
    assert queries_of(reader, f"/monitors/{lenient.pk}/records") == before


def test_why_rows_were_put_aside_is_counted_and_never_shows_what_they_held(lenient, world, api, reader):
    assert post(api, lenient, with_bad_rows()).status_code == 201
    page = reader.get(f"/monitors/{lenient.pk}/records/b-1")
    found = page.context["put_aside"]
    assert found.rows == 3
    assert [(row["count"], row["rows"]) for row in found.reasons] == [(2, [4, 6]), (1, [8])]
    assert SECRET not in page.content.decode()
    assert "quarantine.csv" not in page.content.decode(), "an auditor reads no single row"
    assert reader.get(f"/monitors/{lenient.pk}/records/nobody").status_code == 404
    assert reader.get(f"/monitors/{lenient.pk}/records/b-1/quarantine.csv").status_code == 403
    keeper = signed_in(world.engineer)
    report = keeper.get(f"/monitors/{lenient.pk}/records/b-1/quarantine.json")
    body = report.json()
    assert (body["quarantined"], [row["row"] for row in body["rows"]]) == (3, [4, 6, 8])
    assert SECRET not in report.content.decode()
    assert report.headers["Content-Disposition"] == 'attachment; filename="b-1.quarantine.json"'
    sheet = keeper.get(f"/monitors/{lenient.pk}/records/b-1/quarantine.csv").getvalue().decode()
    lines = list(csv.reader(io.StringIO(sheet)))
    assert lines[0] == ["batch", "row", "reason"]
    assert lines[1][:2] == ["b-1", "4"]
    assert SECRET not in sheet
    assert keeper.get(f"/monitors/{lenient.pk}/records/nobody/quarantine.csv").status_code == 404


def test_no_cell_of_the_report_is_a_formula(lenient, world, api):
    name = "=cmd|'/c calc'!A1"
    assert post(api, lenient, with_bad_rows()).status_code == 201
    from monitoring.web.records_page import quarantine_csv

    batch = RecordBatch.objects.get()
    batch.batch_id = name  # no batch can be called so; another column's text could
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("monitoring.record_reading.reasons_by_row", lambda _: iter([(1, ["@SUM(1+1)"])]))
        cells = next(csv.reader(io.StringIO("".join(list(quarantine_csv(batch))[1:]))))
    assert cells == [f"'{name}", "1", "'@SUM(1+1)"]


def test_a_reader_of_another_system_sees_none_of_it(monitor, world):
    from governance.accounts.models import User

    stranger = signed_in(User.objects.create_user("stranger@example.org", "long enough password", name="Stranger"))
    send(monitor, world, lines_of(a_frame(10, seed=4)))
    for path in (
        "",
        "/live",
        "/records",
        "/records/b-1",
        "/records/b-1/quarantine.csv",
        "/records/b-1/quarantine.json",
    ):
        assert stranger.get(f"/monitors/{monitor.pk}{path}").status_code == 404
    assert stranger.get("/monitors").context["monitors"] == []
