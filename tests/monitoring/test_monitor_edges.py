"""Monitors over HTTP and in the browser: status codes, problems, scopes, and a page that shows the figures."""

import json
import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from monitor_world import START, a_frame, lines_of, measure, measure_week, run_job, send

from monitoring import runs, selectors
from monitoring.models import Alert, DriftRun, Monitor, RecordBatch

JSON_LINES = "application/x-ndjson"

# Real commits: the log's deferred triggers look at each of them.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api(world):
    return Client(headers={"Authorization": f"Bearer {world.token}"})


def signed_in(person):
    client = Client()
    client.force_login(person)
    return client


def post(client, path, data=None, **more):
    return client.post(f"/api/v1/{path}", json.dumps(data or {}), content_type="application/json", **more)


def post_records(client, monitor, body, batch="b-1", content_type=JSON_LINES, query=""):
    return client.post(f"/api/v1/monitors/{monitor.pk}/records?batch={batch}{query}", body, content_type=content_type)


def test_a_monitor_is_opened_listed_and_read_with_the_columns_of_its_records(world, api):
    made = post(api, "monitors", {"model": "credit-risk", "alias": "champion", "settings": {"bins": 20}})
    assert made.status_code == 201
    body = made.json()
    assert body["columns"] == {"amount": "number", "months": "integer", "purpose": "string", "prediction": "number"}
    assert (body["version"], body["settings"]["bins"], body["settings"]["sample"]) == (2, 20, 5000)
    assert [row["id"] for row in api.get("/api/v1/monitors").json()["results"]] == [body["id"]]
    assert api.get("/api/v1/monitors?model=other").json()["results"] == []
    assert api.get(f"/api/v1/monitors/{body['id']}").json()["records"] == 0
    assert post(api, "monitors", {"model": "credit-risk", "alias": "champion"}).status_code == 409
    assert post(api, "monitors", {"model": "nobody", "alias": "champion"}).status_code == 404
    refused = post(api, "monitors", {"model": "credit-risk", "alias": "champion", "settings": {"limit": 9}})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-settings")
    assert post(signed_in(world.auditor), "monitors", {"model": "credit-risk", "alias": "champion"}).status_code == 403


def test_a_batch_is_201_then_200_then_409(world, api, monitor):
    body = lines_of(a_frame(30, seed=1))
    first, again = post_records(api, monitor, body), post_records(api, monitor, body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() | {"created": False} == again.json()
    assert (first.json()["rows"], first.json()["version"]) == (30, 2)
    other = post_records(api, monitor, lines_of(a_frame(30, seed=2)))
    assert (other.status_code, other.json()["type"]) == (409, "/problems/batch-id-taken")


def test_of_eight_senders_of_one_batch_one_creates_it(world, monitor):
    body, codes, start = lines_of(a_frame(40, seed=1)), [], threading.Barrier(8)

    def deliver():
        start.wait()
        client = Client(headers={"Authorization": f"Bearer {world.token}"})
        codes.append(post_records(client, monitor, body).status_code)
        connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [*[200] * 7, 201]
    assert RecordBatch.objects.get().rows == 40


def test_a_batch_named_by_its_digest_is_taken(api, monitor):
    assert post_records(api, monitor, lines_of(a_frame(3, seed=1)), batch="sha256:" + "ab" * 32).status_code == 201


@pytest.mark.parametrize(
    ("change", "status", "problem"),
    [
        ({"body": b'{"amount": 1}'}, 422, "schema-drift"),
        ({"body": b"{"}, 422, "unreadable-records"),
        ({"body": b""}, 422, "unreadable-records"),
        ({"content_type": "text/csv"}, 422, "unreadable-records"),
        ({"content_type": "application/x-www-form-urlencoded"}, 422, "unreadable-records"),
        ({"batch": ""}, 422, "invalid-input"),
        ({"batch": "..%2F..%2Fetc"}, 422, "unreadable-records"),
        ({"query": "&version=two"}, 422, "invalid-input"),
        ({"query": "&version=9"}, 404, "unknown-version"),
    ],
)
def test_what_can_not_be_taken_is_a_problem_that_says_what_to_do(api, monitor, change, status, problem):
    answer = post_records(api, monitor, **({"body": lines_of(a_frame(3, seed=1))} | change))
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{problem}")
    assert answer.json()["detail"]
    assert not RecordBatch.objects.exists()


def test_a_schema_problem_lists_columns_and_rows(api, monitor):
    record = json.loads(lines_of(a_frame(1, seed=1)))
    body = "\n".join(json.dumps(r) for r in (record, {**record, "months": "six"})).encode()
    (problem,) = post_records(api, monitor, body).json()["problems"]
    assert (problem["column"], problem["kind"], problem["rows"]) == ("months", "mistyped", [2])


def test_a_body_too_large_is_refused_unread(api, monitor, monkeypatch):
    from monitoring.api import parsers

    monkeypatch.setattr(parsers, "MAX_BYTES", 100)
    answer = post_records(api, monitor, lines_of(a_frame(50, seed=1)))
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-many-records")


def test_compressed_bodies_are_refused(api, monitor):
    answer = api.post(
        f"/api/v1/monitors/{monitor.pk}/records?batch=b",
        b"x",
        content_type=JSON_LINES,
        headers={"Content-Encoding": "gzip"},
    )
    assert answer.status_code == 422


def test_who_may_send(world, monitor):
    body = lines_of(a_frame(3, seed=1))
    assert post_records(Client(), monitor, body).status_code == 401
    assert post_records(signed_in(world.auditor), monitor, body).status_code == 403
    assert post_records(signed_in(world.engineer), monitor, body).status_code == 201


def test_a_run_is_202_and_followed_at_its_address(api, world, monitor):
    post_records(api, monitor, lines_of(a_frame(400, seed=3, shift=1)))
    week = {"start": START.isoformat(), "end": (START + timedelta(days=7)).isoformat()}
    asked = post(api, f"monitors/{monitor.pk}/drift-runs", week)
    assert asked.status_code == 202
    assert asked.json()["state"] == "queued"
    address = asked.headers["Location"]
    assert api.get(address).json()["state"] == "queued"
    (listed,) = api.get(f"/api/v1/monitors/{monitor.pk}/drift-runs").json()["results"]
    assert listed["id"] == asked.json()["id"]
    job = runs.EvidenceJob.objects.get(pk=asked.json()["id"])
    run_job(job)
    done = api.get(address).json()
    assert (done["state"], done["outcome"], done["window"]["n"]) == ("done", "drift", 400)
    assert done["payload"]["type"] == "drift/v1"
    assert done["alert"]["state"] == "open"
    (listed,) = api.get(f"/api/v1/monitors/{monitor.pk}/drift-runs").json()["results"]
    assert (listed["outcome"], listed["payload"]) == ("drift", None)
    assert api.get(f"/api/v1/monitors/{monitor.pk}/drift-runs/{uuid.uuid4()}").status_code == 404


def test_the_same_idempotency_key_asks_once(api, monitor):
    post_records(api, monitor, lines_of(a_frame(100, seed=3)))
    answers = [post(api, f"monitors/{monitor.pk}/drift-runs", headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].json()["id"] == answers[1].json()["id"]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"start": "2026-11-09T00:00:00Z", "end": "2026-11-02T00:00:00Z"}, 422),
        ({"start": "soon"}, 422),
        ({"version": 0}, 422),
        ({"version": 7}, 404),
        ({}, 409),
    ],
)
def test_a_window_that_can_not_be_measured_is_a_problem(api, monitor, data, status):
    answer = post(api, f"monitors/{monitor.pk}/drift-runs", data)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_an_alert_is_handled_by_a_person_never_by_a_token(api, world, monitor):
    send(monitor, world, lines_of(a_frame(400, seed=3, shift=1)))
    alert = measure_week(monitor).alert
    assert post(api, f"alerts/{alert.pk}/acknowledgements").status_code == 403
    owner = signed_in(world.owner)
    assert post(owner, f"alerts/{alert.pk}/acknowledgements").json()["state"] == "acknowledged"
    assert post(owner, f"alerts/{alert.pk}/resolutions", {"how": "short"}).status_code == 422
    assert post(owner, f"alerts/{alert.pk}/resolutions", {"how": "A new channel was opened."}).status_code == 201
    assert Alert.objects.get().state == "resolved"


def test_the_pages_show_figures_alert_and_histograms(world, monitor):
    reader = signed_in(world.auditor)
    empty = reader.get(f"/monitors/{monitor.pk}")
    assert empty.status_code == 200
    assert "No window" in empty.content.decode()
    send(monitor, world, lines_of(a_frame(400, seed=3, shift=1)))
    run = measure_week(monitor)
    page = reader.get(f"/monitors/{monitor.pk}")
    text = page.content.decode()
    assert page.status_code == 200
    value = next(c["value"] for c in run.evidence.payload["columns"] if c["column"] == "months")
    for words in (f"{value:.2f}", run.alert.title, "Approval suspended", "credit-risk", "up to "):
        assert words in text
    bins = page.context["distribution"]["bins"]
    assert sum(b["reference"] for b in bins) == pytest.approx(1)
    assert sum(b["current"] for b in bins) == pytest.approx(1)
    listing = reader.get("/monitors")
    assert f"/monitors/{monitor.pk}" in listing.content.decode()
    assert Client().get("/monitors").status_code == 302
    assert reader.get(f"/monitors/{uuid.uuid4()}").status_code == 404


def test_evidentlys_report_is_a_download_and_never_a_page(world, monitor):
    send(monitor, world, lines_of(a_frame(200, seed=3)))
    run = run_job(runs.request_run(monitor_id=monitor.pk, evidently_report=True))
    reader = signed_in(world.auditor)
    answer = reader.get(f"/monitors/{monitor.pk}/drift-runs/{run.pk}/evidently.html")
    assert answer.content == b"<html>"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    plain = measure(monitor, start=run.window_start, end=run.window_end)
    assert reader.get(f"/monitors/{monitor.pk}/drift-runs/{plain.pk}/evidently.html").status_code == 404


def test_a_page_costs_no_more_queries_for_more_windows(world, monitor, django_assert_max_num_queries):
    reader = signed_in(world.auditor)
    send(monitor, world, lines_of(a_frame(400, seed=3)))
    for _ in range(3):
        measure(monitor, start=None, end=None) if Monitor.objects.get().runs.count() == 0 else measure(
            monitor, start=monitor.batches.get().start, end=monitor.batches.get().end
        )
    with django_assert_max_num_queries(30):
        assert reader.get(f"/monitors/{monitor.pk}").status_code == 200


def test_a_run_that_is_committed_between_two_looks_is_told_as_a_run(api, world, monitor, monkeypatch):
    send(monitor, world, lines_of(a_frame(400, seed=3)))
    run = measure_week(monitor)
    looked = selectors.runs_of
    looks = iter([DriftRun.objects.none()])
    monkeypatch.setattr(selectors, "runs_of", lambda watched: next(looks, looked(watched)))
    told = api.get(f"/api/v1/monitors/{monitor.pk}/drift-runs/{run.pk}").json()
    assert (told["state"], told["payload"]["n"]) == ("done", 400)
