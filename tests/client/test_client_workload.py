"""A run of a pipeline signs in with the token that it is given, and holds no other."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest

from placet import commands, workload
from placet.sdk import Placet, PlacetProblem

EXCHANGE = "/api/v1/token-exchange"
LIST = "/api/v1/promotion-requests"
MADE = {"access_token": "placet_made", "token_type": "Bearer", "expires_in": 900, "scope": "promotions:read"}
NOBODY = {"results": [], "next": None}


@pytest.fixture
def run(api, monkeypatch):
    for name in ("PLACET_TOKEN", "PLACET_OIDC_TOKEN", "PLACET_OIDC_AUDIENCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_URL", raising=False)
    api.says("POST", EXCHANGE, MADE)
    api.says("GET", LIST, NOBODY)
    return api


def github(api, monkeypatch, *tokens):
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{api.url}/oidc?api-version=2")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-the-runner")
    api.says("GET", "/oidc", *({"value": token} for token in tokens))


def test_gitlab_s_token_is_exchanged_once_for_all_calls(run, monkeypatch):
    monkeypatch.setenv("PLACET_OIDC_TOKEN", "run-token")
    with Placet() as placet:
        assert list(placet.promotions()) == list(placet.promotions()) == []
    exchanged, first, second = run.asked
    assert parse_qs(exchanged["body"].decode()) == {
        "grant_type": ["urn:ietf:params:oauth:grant-type:token-exchange"],
        "subject_token": ["run-token"],
        "subject_token_type": ["urn:ietf:params:oauth:token-type:jwt"],
    }
    assert "Authorization" not in exchanged["headers"]
    assert {asked["headers"]["Authorization"] for asked in (first, second)} == {"Bearer placet_made"}


def test_github_s_token_is_asked_for_with_the_audience_and_again_as_placet_s_ends(run, monkeypatch):
    github(run, monkeypatch, "one", "two")
    run.says("POST", EXCHANGE, MADE | {"expires_in": 0}, MADE)
    now = [1000.0]
    monkeypatch.setattr(workload.time, "monotonic", lambda: now[0])
    with Placet() as placet:
        list(placet.promotions())
        now[0] += 2
        list(placet.promotions())
        list(placet.promotions())
    asked = [about for about in run.asked if about["path"] == "/oidc"]
    assert [parse_qs(about["query"]) for about in asked] == [{"api-version": ["2"], "audience": [run.url]}] * 2
    assert asked[0]["headers"]["Authorization"] == "Bearer of-the-runner"
    shown = [parse_qs(about["body"].decode())["subject_token"] for about in run.asked if about["path"] == EXCHANGE]
    assert shown == [["one"], ["two"]]
    others = [about for about in run.asked if about["path"] != "/oidc"]
    assert "of-the-runner" not in str(others)  # the runner's secret goes to the runner's own address alone


def test_the_audience_can_be_named(run, monkeypatch):
    github(run, monkeypatch, "one")
    monkeypatch.setenv("PLACET_OIDC_AUDIENCE", "placet-prod")
    with Placet() as placet:
        list(placet.promotions())
    assert parse_qs(run.asked[0]["query"])["audience"] == ["placet-prod"]


def test_a_token_that_is_there_is_used(run, monkeypatch):
    monkeypatch.setenv("PLACET_OIDC_TOKEN", "run-token")
    monkeypatch.setenv("PLACET_TOKEN", "stored")
    with Placet() as placet:
        list(placet.promotions())
    assert [asked["headers"]["Authorization"] for asked in run.asked] == ["Bearer stored"]


def test_a_gitlab_run_whose_sign_in_ended_says_what_to_do(run, monkeypatch):
    monkeypatch.setenv("PLACET_OIDC_TOKEN", "run-token")
    now = [1000.0]
    monkeypatch.setattr(workload.time, "monotonic", lambda: now[0])
    with Placet() as placet:
        list(placet.promotions())
        now[0] += 900
        with pytest.raises(PlacetProblem, match="its token was exchanged already"):
            list(placet.promotions())
    assert len([asked for asked in run.asked if asked["path"] == EXCHANGE]) == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (403, "Have an administrator compare its repository, branch, environment"),
        (404, "This Placet exchanges no tokens"),
        (429, "Try again in a minute"),
        (500, "Placet answered 500"),
        (200, "Placet answered 200"),
    ],
)
def test_what_is_not_exchanged_says_what_to_do_and_not_the_token(run, monkeypatch, capsys, status, said):
    monkeypatch.setenv("PLACET_OIDC_TOKEN", "run-token")
    run.says("POST", EXCHANGE, {"title": "No"}, status=status)
    with pytest.raises(PlacetProblem) as problem, Placet() as placet:
        list(placet.promotions())
    assert said in str(problem.value)
    assert "run-token" not in repr(problem.value)
    assert commands.run(["status", "PR-1"]) == 1
    assert "Not signed in: " in capsys.readouterr().err


def test_a_github_job_without_the_permission_is_told_which(run, monkeypatch):
    github(run, monkeypatch, "")
    with pytest.raises(PlacetProblem, match="id-token: write"), Placet() as placet:
        list(placet.promotions())


def test_nothing_of_a_token_shows_in_what_is_printed(run):
    made = workload.Run(token="run-token", address="https://x.example", bearer="of-the-runner")
    assert json.dumps(repr(made)).count("run-token") + repr(made).count("of-the-runner") == 0
