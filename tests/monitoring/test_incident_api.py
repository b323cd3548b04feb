"""Serious incidents over HTTP: status codes, scopes, keys, tags, and that no token speaks."""

from __future__ import annotations

import json
import uuid

import pytest
from django.test import Client
from incident_world import HOW, TOLD, WHY, ago, an_incident, fresh, people, report, task_of, with_a_version

from governance.accounts.services import create_token
from governance.common import clock
from monitoring.incidents.models import Incident
from tests.factories import PASSWORD

# Real commits: the log's deferred triggers look at each of them.
pytestmark = pytest.mark.django_db(transaction=True)
API = "/api/v1/incidents"


@pytest.fixture
def around():
    return people()


def signed_in(person):
    client = Client()
    client.force_login(person)
    return client


def with_token(person, *scopes):
    return Client(headers={"Authorization": f"Bearer {create_token(holder=person, label='t', scopes=scopes)}"})


def post(client, path, data=None, **headers):
    return client.post(f"{API}{path}", json.dumps(data or {}), content_type="application/json", headers=headers)


def told(around, **more):
    return {"system": around.system.slug, "title": "One district was refused", "what_happened": TOLD} | more


def test_an_incident_goes_from_its_first_word_to_its_closing(around):
    version = with_a_version(around)
    engineer, owner, officer = (signed_in(person) for person in (around.engineer, around.owner, around.officer))
    facts = {"harms": ["rights"], "version": version.subject_name, "aware_at": clock.rfc3339(ago(days=1))}
    made = post(engineer, "", told(around, **facts))
    assert made.status_code == 201
    body = made.json()
    path = f"/{body['id']}"
    assert made["Location"] == f"{API}{path}"
    assert (body["number"], body["state"], body["harms"], body["version"]) == (
        "INC-1",
        "open",
        ["rights"],
        version.subject_name,
    )
    assert [(row["point"], row["days_left"], row["owed"]) for row in body["clocks"]] == [("Art 73.2", 14, True)]
    assert "do not alter" in body["notices"][0]
    assert post(engineer, f"{path}/notes", {"text": "Called them."}).status_code == 201
    due = clock.now().date().isoformat()
    tasks = post(engineer, f"{path}/tasks", {"text": "Ask for the form", "due_on": due}).json()["tasks"]
    assert [(row["owner"]["name"], row["done_at"]) for row in tasks] == [("ML engineer", None)]
    stated = post(engineer, f"{path}/facts", {"harms": ["rights", "death"], "why": WHY}).json()
    assert [row["point"] for row in stated["clocks"]] == ["Art 73.4", "Art 73.2"]
    seen = post(engineer, f"{path}/times", {"suspected_at": clock.rfc3339(ago(days=3)), "why": WHY}).json()
    assert seen["clocks"][0]["immediately_since"] == seen["aware_at"]
    assert post(engineer, f"{path}/reports", {"authority": "A", "reference": "1"}).status_code == 403
    sent = post(owner, f"{path}/reports", {"authority": "A", "reference": "1"})
    assert (sent.status_code, sent.json()["state"]) == (201, "reported")
    closing = {"how": HOW, "ending": "reported", "password": PASSWORD}
    refused = post(officer, f"{path}/closures", closing)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/incident-tasks-open")
    assert post(officer, f"{path}/tasks/{tasks[0]['id']}/completions").status_code == 201
    refused = post(owner, f"{path}/closures", closing)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/own-incident")
    done = post(officer, f"{path}/closures", closing).json()
    assert (done["state"], done["closed_by"]["name"]) == ("closed", "Risk officer")
    assert [row["event"].partition(".")[2] for row in done["timeline"]] == [
        *("opened", "noted", "task_added", "facts_changed", "times_changed", "reported", "task_done", "closed")
    ]
    draft = officer.get(f"{API}{path}/draft").json()
    assert draft["incident"] == "INC-1"


def test_the_list_is_filtered_and_leaves_out_what_is_not_read(around):
    incident = an_incident(around, facts={"harms": ["rights"]})
    sent = report(an_incident(around), around.owner)
    client = signed_in(around.auditor)

    def ids(query=""):
        return [row["id"] for row in client.get(f"{API}{query}").json()["results"]]

    assert ids() == [str(sent.pk), str(incident.pk)]
    assert ids("?state=open") == ids("?harm=rights") == [str(incident.pk)]
    assert ids(f"?system={around.system.slug}&state=reported") == [str(sent.pk)]
    assert client.get(f"{API}?state=gone").status_code == 422
    stranger = signed_in(around.stranger)
    assert stranger.get(API).json()["results"] == []
    assert stranger.get(f"{API}/{incident.pk}").status_code == 404
    for act in ("facts", "times", "notes", "tasks", "reports", "closures", "hand-overs"):
        assert post(stranger, f"/{incident.pk}/{act}", {"why": WHY}).status_code in {404, 422}


def test_a_token_reads_with_its_scope_and_says_nothing(around):
    incident = an_incident(around)
    task = task_of(incident, around.engineer)
    reading = with_token(around.owner, "incidents:read")
    assert reading.get(API).status_code == reading.get(f"{API}/{incident.pk}").status_code == 200
    assert reading.get(f"{API}/{incident.pk}/draft").status_code == 200
    assert with_token(around.owner, "records:write").get(API).status_code == 403
    for path in (
        *("", f"/{incident.pk}/facts", f"/{incident.pk}/times", f"/{incident.pk}/notes", f"/{incident.pk}/tasks"),
        *(f"/{incident.pk}/tasks/{task.pk}/completions", f"/{incident.pk}/reports", f"/{incident.pk}/closures"),
        f"/{incident.pk}/hand-overs",
    ):
        assert post(reading, path, told(around)).status_code == 403
    assert fresh(incident).log_entry == task.log_entry


def test_a_call_that_is_repeated_with_its_key_is_done_once(around):
    client, key = signed_in(around.engineer), {"Idempotency-Key": uuid.uuid4().hex}
    first, again = (post(client, "", told(around), **key) for _ in range(2))
    assert first.json()["id"] == again.json()["id"]
    assert Incident.objects.count() == 1


def test_whoever_saw_an_older_state_changes_nothing(around):
    incident = an_incident(around)
    client = signed_in(around.engineer)
    seen = client.get(f"{API}/{incident.pk}")["ETag"]
    first = post(client, f"/{incident.pk}/notes", {"text": "One."}, **{"If-Match": seen})
    late = post(client, f"/{incident.pk}/notes", {"text": "Two."}, **{"If-Match": seen})
    assert (first.status_code, late.status_code) == (201, 412)
    assert post(client, f"/{incident.pk}/notes", {"text": "Two."}, **{"If-Match": first["ETag"]}).status_code == 201


@pytest.mark.parametrize(
    ("act", "sent", "code", "problem"),
    [
        ("", {"harms": ["e"]}, 422, "invalid-input"),
        ("", {"version": "credit-risk"}, 422, "invalid-input"),
        ("", {"what_happened": "Short."}, 422, "invalid-input"),
        ("", {"system": "no-such-system"}, 404, "unknown"),
        ("", {"alert": str(uuid.uuid4())}, 404, "unknown"),
        ("", {"owner": str(uuid.uuid4())}, 422, "invalid-input"),
        ("", {"aware_at": "2999-01-01T00:00:00Z"}, 422, "incident-times-refused"),
        ("facts", {"why": WHY}, 422, "invalid-input"),
        ("facts", {"equivalent_law": "Art 73.9", "why": WHY}, 422, "invalid-input"),
        ("times", {"suspected_at": "2999-01-01T00:00:00Z", "why": WHY}, 422, "incident-times-refused"),
        ("times", {"reported_at": "2026-11-01T00:00:00Z", "why": WHY}, 422, "incident-times-refused"),
        ("tasks", {"text": "x", "due_on": "2020-01-01"}, 422, "invalid-input"),
        ("reports", {"authority": " ", "reference": "x"}, 422, "invalid-input"),
        ("closures", {"how": HOW, "ending": "reported", "password": PASSWORD}, 409, "incident-not-reported"),
        ("closures", {"how": HOW, "ending": "not_serious", "password": "no"}, 403, "sign-in-again"),
        ("closures", {"how": HOW, "ending": "not_serious"}, 422, "invalid-input"),
        ("closures", {"how": HOW, "ending": "not_owed", "password": PASSWORD}, 422, "invalid-input"),
        ("closures", {"how": HOW, "ending": "provider_informed", "password": PASSWORD}, 422, "invalid-input"),
        ("closures", {"how": HOW, "password": PASSWORD}, 422, "invalid-input"),
        ("hand-overs", {"owner": str(uuid.uuid4()), "why": WHY}, 422, "invalid-input"),
    ],
)
def test_a_refusal_is_a_problem_that_says_what_to_do(around, act, sent, code, problem):
    incident = an_incident(around)
    path, body = (f"/{incident.pk}/{act}", sent) if act else ("", told(around) | sent)
    answer = post(signed_in(around.officer), path, body)
    assert (answer.status_code, answer.json()["type"]) == (code, f"/problems/{problem}")
    assert answer.json()["detail"]
    assert fresh(incident).log_entry == incident.log_entry
    assert Incident.objects.count() == 1
