"""The pages of replays: asked for by a policy person, changed requests first, filtered, with a link to each request."""

from __future__ import annotations

import pytest
from django.test import Client

from governance.accounts.roles import Role
from governance.approvals import replaying, tasks
from governance.approvals.models import PolicyReplay
from governance.policy import services as policies
from tests.approvals.test_policy_replay_jobs import STRICT, past
from tests.factories import a_user


@pytest.fixture
def author(db):
    return a_user(Role.POLICY_AUTHOR)


@pytest.fixture
def client(author) -> Client:
    client = Client()
    client.force_login(author)
    return client


def test_a_draft_is_replayed_from_the_page_and_watched_to_its_end(cast, client, author, monkeypatch):
    monkeypatch.setattr(tasks.replay_policy, "delay", lambda pk: None)
    past(cast)
    draft = policies.draft_policy(text=STRICT, author=author)
    assert f"{draft}, draft" in client.get("/policy-replays").content.decode()
    answer = client.post("/policy-replays/ask", {"version": str(draft.pk)})
    row = PolicyReplay.objects.get()
    assert answer["Location"] == f"/policy-replays/{row.pk}"
    assert "Under way" in client.get(answer["Location"]).content.decode()
    progress = client.get(f"/policy-replays/{row.pk}/progress")
    assert b"hx-get" in progress.content
    assert "HX-Refresh" not in progress
    tasks.replay_policy(str(row.pk))
    assert client.get(f"/policy-replays/{row.pk}/progress")["HX-Refresh"] == "true"
    assert "2" in client.get("/policy-replays").content.decode()


def test_what_changes_comes_first_is_filtered_and_leads_to_the_request(cast, client, author):
    lifted, held = past(cast)
    wide = cast.reviewed(number=4, ratio=0.97, half=0.05).approval  # passes then and now: a third, unchanged one
    lax = policies.draft_policy(
        text=cast.policy.text.replace("on_insufficient: human_review", "on_insufficient: warn"), author=author
    )
    row = replaying.run_replay(replaying.ask_replay(asker=author, policy_version=lax).pk)
    assert row.counts["looser"] == 1
    page = client.get(f"/policy-replays/{row.pk}").content.decode()
    places = [page.index(f"/approvals/{request.pk}") for request in (held, lifted, wide)]
    assert places[0] < min(places[1:])
    assert "1 go from HOLD to ALLOW" in page
    only = client.get(f"/policy-replays/{row.pk}?show=looser").content.decode()
    assert f"/approvals/{held.pk}" in only
    assert f"/approvals/{wide.pk}" not in only
    assert "No request is like that." in client.get(f"/policy-replays/{row.pk}?show=stricter").content.decode()
    for odd in ("show=nonsense", "from=999999999999", "from=-1", "from=x"):
        assert client.get(f"/policy-replays/{row.pk}?{odd}").status_code == 200


def test_many_rows_come_in_pages(cast, client, author, monkeypatch):
    from governance.approvals.web import replays

    past(cast)
    monkeypatch.setattr(replays, "SHOWN", 1)
    row = replaying.run_replay(replaying.ask_replay(asker=author, text=STRICT).pk)
    first, second = (client.get(f"/policy-replays/{row.pk}?from={start}").content.decode() for start in (0, 1))
    assert "1 to 1 of 2" in first
    assert "2 to 2 of 2" in second
    assert ("Next" in first, "Previous" in first, "Next" in second, "Previous" in second) == (True, False, False, True)


def test_who_may_not_ask_sees_no_form_and_is_refused(cast, author):
    client = Client()
    client.force_login(cast.engineer)
    assert "replay-version" not in client.get("/policy-replays").content.decode()
    answer = client.post("/policy-replays/ask", {"version": str(cast.policy.pk)}, follow=True)
    assert "A policy author, a policy publisher or a risk officer" in answer.content.decode()
    assert not PolicyReplay.objects.exists()


@pytest.mark.parametrize("version", ["", "x", "5b6c1f60-0000-4000-8000-000000000000"])
def test_no_version_is_a_sentence(client, version):
    assert client.post("/policy-replays/ask", {"version": version}, follow=True).status_code == 200
    assert client.get(f"/policy-replays/{'5b6c1f60-0000-4000-8000-000000000000'}").status_code == 404
    assert Client().get("/policy-replays").status_code == 302
