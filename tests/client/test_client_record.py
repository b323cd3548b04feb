"""The commands that read the record: what they ask Placet, what they print, how they exit."""

import json
from urllib.parse import parse_qs

import pytest

typer_testing = pytest.importorskip("typer.testing")

from placet import terminal  # noqa: E402
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
    for words in ("v1", "PR-12: Validator, Risk officer", "2026-11-01 10:00:00", "a" * 12, "b" * 12, "now"):
        assert words in done.output
    assert parse_qs(api.asked[-1]["query"]) == {"alias": ["champion"], "at": ["2026-11-23T14:02:00+01:00"]}


@pytest.mark.parametrize(
    ("by", "word", "said"),
    [
        (
            "promotion",
            WORD | {"changed_as": "rollback"},
            "PR-12: Validator, Risk officer; AC-7 rollback by Model owner",
        ),
        ("break_glass", {"changed_as": "break_glass"}, "AC-7 break glass by Model owner"),
        ("adopted", {"adoption": "AD-1"}, "nobody's: adopted by AD-1"),
    ],
)
def test_production_says_whose_act_it_was(run, api, by, word, said):
    spans = [SPAN | {"by": by, "word": {"change": "AC-7", "changed_by": "Model owner"} | word}]
    api.says("GET", "/api/v1/registered-models/credit-risk/production", {"spans": spans})
    done = run("production", "credit-risk")
    assert (done.exit_code, said in done.output, "None" in done.output) == (0, True, False), done.output


def test_production_exits_3_where_nobody_approved_it(run, api):
    path = "/api/v1/registered-models/credit-risk/production"
    api.says("GET", path, {"spans": [SPAN | {"by": "found", "version": None, "word": None}]})
    done = run("production", "credit-risk")
    assert done.exit_code == 3
    assert "nobody's: found by the reconciler" in done.output
    assert json.loads(run("production", "credit-risk", "--json").output)["spans"][0]["by"] == "found"
    api.says("GET", path, {"spans": []})
    assert "Nothing was behind a protected alias" in run("production", "credit-risk", "--alias", "canary").output


GAP = {"from": "2026-11-02T00:00:00Z", "to": "2026-11-02T01:00:00Z", "seconds": 3600.0}
STATEMENT = {
    "from": "2026-11-01T00:00:00Z",
    "to": "2026-12-01T00:00:00Z",
    "plugin": {"active_s": 100.0, "gaps": [GAP]},
    "reconciler": {"aliases": {"active_s": 200.0, "gaps": []}},
    "blind_window_s": 12.5,
    "webhooks": 3,
    "deviations": [],
    "unexplained_changes": 0,
    "grants": {"alias_writes": 4, "with_one_grant": 4},
    "unknown": ["Watching began at noon."],
}
PERIOD = ("--from", "2026-11-01T00:00:00Z", "--to", "2026-12-01T00:00:00Z")


def test_coverage_says_gaps_and_what_is_not_known_and_exits_3_for_a_deviation(run, api):
    api.says("GET", "/api/v1/coverage", STATEMENT)
    done = run("coverage", *PERIOD)
    assert done.exit_code == 0
    for words in ("plugin", "1 min 40 s", "1 h", "12.5 s", "4, 4 with exactly one grant", "Watching began at noon."):
        assert words in done.output
    assert parse_qs(api.asked[-1]["query"]) == {"from": [PERIOD[1]], "to": [PERIOD[3]]}
    found = {"model": "m", "alias": "champion", "version": 7, "first_seen_at": "A", "last_seen_at": None}
    api.says("GET", "/api/v1/coverage", STATEMENT | {"deviations": [found]})
    done = run("coverage", *PERIOD)
    assert done.exit_code == 3
    assert "found: m@champion at 7, A to now" in done.output
    moved = {"model": "m", "alias": "champion", "version": 7, "at": "A"}
    api.says("GET", "/api/v1/coverage", STATEMENT | {"grants": STATEMENT["grants"] | {"without_a_change": [moved]}})
    assert run("coverage", *PERIOD).exit_code == 3, "history that no change began"


def test_population_says_what_it_was_drawn_from_and_asks_for_both_sample_and_seed(run, api):
    log = {"entries": 40, "first_index": 10, "last_index": 49, "pending": 2}
    item = {"index": 12, "at": "A", "kind": "refused", "model": "=m", "alias": "champion", "actor": "user:1"}
    api.says("GET", "/api/v1/change-population", {"count": 1, "log": log, "items": [item]})
    done = run("population", *PERIOD, "--sample", "5", "--seed", "audit 7")
    assert done.exit_code == 0
    for words in ("1 changes and attempts, of 40 entries with indexes 10 to 49", "2 entries had no index", "refused"):
        assert words in done.output
    assert parse_qs(api.asked[-1]["query"])["seed"] == ["audit 7"]
    assert run("population", *PERIOD, "--sample", "5").exit_code == 2


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (12.54, "12.54 s"),
        (60, "1 min"),
        (3_725, "1 h 2 min"),
        (86_400, "1 d"),
        (90_061, "1 d 1 h"),
        (None, ""),
    ],
)
def test_a_length_of_time_is_said_in_its_two_largest_units(seconds, said):
    assert terminal.duration(seconds) == said


def test_a_time_is_said_in_utc_and_what_is_none_as_it_came_without_control_characters():
    assert terminal.moment("2026-11-26T18:04:10.781726+01:00") == "2026-11-26 17:04:10"
    assert terminal.moment("now\x1b[2J") == "now\ufffd[2J"
