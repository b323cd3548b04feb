"""Replays over HTTP: accepted at once, followed to the end, refused with the line, open to a token with its scope."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from governance.accounts.roles import Role
from governance.accounts.services import create_token
from governance.approvals import tasks
from governance.approvals.models import PolicyReplay
from governance.audit.actors import System
from tests.approvals.test_policy_replay_jobs import STRICT, past
from tests.factories import a_user

ADDRESS = "/api/v1/policy-replays"


@pytest.fixture
def sent(monkeypatch) -> list[str]:
    """What the broker was told, instead of a broker."""
    told: list[str] = []
    monkeypatch.setattr(tasks.replay_policy, "delay", told.append)
    return told


def ask(client: Client, body: Any, **headers: str) -> Any:
    return client.post(ADDRESS, json.dumps(body), content_type="application/json", headers=headers)


def signed_in(role: Role) -> Client:
    client = Client()
    client.force_login(a_user(role))
    return client


def test_a_replay_is_accepted_followed_and_read(cast, sent, django_capture_on_commit_callbacks):
    requests = past(cast)
    client = signed_in(Role.POLICY_AUTHOR)
    with django_capture_on_commit_callbacks(execute=True):
        answer = ask(client, {"text": STRICT})
    assert answer.status_code == 202
    waiting = client.get(answer["Location"]).json()
    assert (waiting["state"], waiting["counts"], waiting["result"]) == ("queued", None, [])
    assert sent == [waiting["id"]]
    tasks.replay_policy(waiting["id"])
    done = client.get(answer["Location"]).json()
    assert (done["state"], done["steps_done"], done["steps_total"]) == ("done", 2, 2)
    assert (done["counts"]["cases"], done["counts"]["stricter"]) == (2, 2)
    assert [row["case"] for row in done["result"]] == [str(row.pk) for row in requests]
    assert done["result_digest"] == PolicyReplay.objects.get().result_digest


def test_a_version_is_replayed_by_its_id(cast, sent):
    client = signed_in(Role.RISK_OFFICER)
    assert ask(client, {"version": str(cast.policy.pk), "most": 10}).json()["policy_version"] == str(cast.policy.pk)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"text": STRICT, "most": 0}, 422),
        ({"text": STRICT, "most": 5000}, 422),
        ({"version": "5b6c1f60-0000-4000-8000-000000000000"}, 404),
    ],
)
def test_what_cannot_be_replayed_is_refused(cast, sent, body, status):
    assert ask(signed_in(Role.POLICY_AUTHOR), body).status_code == status
    assert sent == []
    assert not PolicyReplay.objects.exists()


def test_a_text_that_is_no_policy_is_refused_with_its_line(cast, sent):
    answer = ask(signed_in(Role.POLICY_AUTHOR), {"text": STRICT.replace("quorum: 1", "quorum: 0")})
    assert answer.status_code == 422
    assert all(problem["line"] for problem in answer.json()["errors"])


def test_who_is_no_policy_person_is_refused_and_so_is_a_second_one_at_a_time(cast, sent):
    assert ask(signed_in(Role.ENGINEER), {"text": STRICT}).status_code == 403
    client = signed_in(Role.POLICY_AUTHOR)
    assert ask(client, {"text": STRICT}).status_code == 202
    second = ask(client, {"text": STRICT})
    assert (second.status_code, second.json()["type"]) == (409, "/problems/replay-under-way")


def test_a_token_needs_the_scope_and_a_repeated_key_asks_once(cast, sent):
    author = a_user(Role.POLICY_AUTHOR)
    made = {"holder": author, "days": 1, "actor": System("setup")}
    narrow = create_token(label="narrow", scopes=["promotions:read"], **made)
    token = create_token(label="policies", scopes=["policies:write"], **made)
    assert ask(Client(), {"text": STRICT}, authorization=f"Bearer {narrow}").status_code == 403
    keyed = {"authorization": f"Bearer {token}", "idempotency-key": "one"}
    first, second = (ask(Client(), {"text": STRICT}, **keyed) for _ in range(2))
    assert first.status_code == second.status_code == 202
    assert first["Location"] == second["Location"]
    assert PolicyReplay.objects.count() == 1
