"""The commands that read the record: what they ask Placet, what they print, how they exit."""

import json
from urllib.parse import parse_qs

import pytest

typer_testing = pytest.importorskip("typer.testing")

from placet.commands import app  # noqa: E402

WORD = {
    "promotion": "PR-12",
    "approvers": [{"name": "Validator", "stage": "validation"}, {"name": "Risk officer", "stage": "risk"}],
    "manifest_digest": "sha256:" + "a" * 64,
    "permit_digest": "sha256:" + "b" * 64,
}
SPAN = {"alias": "champion", "version": 1, "since": "2026-11-01T10:00:00Z", "until": None, "by": "promotion"}


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: typer_testing.CliRunner().invoke(app, [str(a) for a in arguments])


def test_production_says_on_whose_word(run, api):
    path = "/api/v1/registered-models/credit%20risk/production"
    api.says("GET", path, {"model": "credit risk", "spans": [SPAN | {"word": WORD}]})
    done = run("production", "credit risk", "--at", "2026-11-23T14:02:00+01:00", "--alias", "champion")
    assert done.exit_code == 0
    for words in ("v1", "PR-12: Validator, Risk officer", "sha256:aaaa", "sha256:bbbb", "now"):
        assert words in done.output
    assert parse_qs(api.asked[-1]["query"]) == {"alias": ["champion"], "at": ["2026-11-23T14:02:00+01:00"]}


def test_production_exits_3_where_nobody_approved_it(run, api):
    path = "/api/v1/registered-models/credit-risk/production"
    api.says("GET", path, {"spans": [SPAN | {"by": "found", "version": None, "word": None}]})
    done = run("production", "credit-risk")
    assert done.exit_code == 3
    assert "nobody's: found by the reconciler" in done.output
    assert json.loads(run("production", "credit-risk", "--json").output)["spans"][0]["by"] == "found"
    api.says("GET", path, {"spans": []})
    assert "Nothing was behind a protected alias" in run("production", "credit-risk", "--alias", "canary").output
