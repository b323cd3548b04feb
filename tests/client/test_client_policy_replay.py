"""``placet policy replay``: asks, waits when told to, prints what would change, exits as people and CI expect."""

import json
import socket

import pytest

typer_testing = pytest.importorskip("typer.testing")

from placet.commands import app  # noqa: E402

ID = "0a0a0a0a-0000-4000-8000-000000000001"
ADDRESS = "/api/v1/policy-replays"


def a_replay(state="done", **fields):
    check = {"id": "performance.auc", "title": "AUC", "then": "pass", "now": "fail", "effect_then": "ALLOW"}
    row = {
        "case": "0b0b0b0b-0000-4000-8000-000000000001",
        "then": "ALLOW",
        "now": "BLOCK",
        "way": "stricter",
        "reason": "AUC fails.",
        "changed_checks": [check | {"effect_now": "BLOCK"}],
        "missing": [],
    }
    done = {
        "counts": {
            "cases": 2,
            "changed": 1,
            "stricter": 1,
            "looser": 0,
            "verdicts": {"ALLOW BLOCK": 1, "HOLD HOLD": 1},
            "missing": {"drift/v1": 1},
        },
        "result": [row, row | {"now": "HOLD", "then": "HOLD", "way": "same", "changed_checks": []}],
        "result_digest": "sha256:1",
    }
    waiting = {"counts": None, "result": [], "result_digest": ""}
    about = {"id": ID, "state": state, "policy_name": "credit", "steps_done": 0, "steps_total": 2, "error": ""}
    return about | (done if state == "done" else waiting) | fields


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "200")
    file = tmp_path / "policy.yaml"
    file.write_text("policy: credit\n")

    def invoke(*options, file=file):
        return typer_testing.CliRunner().invoke(app, ["policy", "replay", str(file), *options])

    return invoke


def test_without_wait_it_says_where_the_result_will_be(run, api):
    api.says("POST", ADDRESS, a_replay("queued"), status=202)
    done = run("--most", "10")
    assert done.exit_code == 0
    assert f"{api.url}/policy-replays/{ID}" in done.output
    assert json.loads(api.asked[-1]["body"]) == {"text": "policy: credit\n", "most": 10}


def test_it_waits_for_the_result_and_shows_what_would_change(run, api):
    api.says("POST", ADDRESS, a_replay("queued"), status=202)
    api.says("GET", f"{ADDRESS}/{ID}", a_replay())
    done = run("--wait")
    assert done.exit_code == 0
    for words in (
        "credit: 2 past requests, 1 stricter, 0 looser, 1 the same",
        "drift/v1 is missing in 1",
        "AUC fails.",
        "performance.auc",
        "sha256:1",
    ):
        assert words in done.output
    assert done.output.count("0b0b0b0b") == 1
    assert json.loads(run("--wait", "--json").stdout)["counts"]["cases"] == 2


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (a_replay(), 4),
        (a_replay(counts=a_replay()["counts"] | {"changed": 0, "stricter": 0}, result=[]), 0),
        (a_replay("failed", error="ValueError: no"), 1),
    ],
)
def test_ci_may_have_a_change_of_verdict_stop_it(run, api, found, code):
    api.says("POST", ADDRESS, a_replay("queued"), status=202)
    api.says("GET", f"{ADDRESS}/{ID}", found)
    assert run("--exit-code").exit_code == code


@pytest.mark.parametrize(("status", "code"), [(403, 3), (409, 4), (422, 1)])
def test_a_refusal_is_one_sentence_with_its_exit_code(run, api, status, code):
    api.says("POST", ADDRESS, {"title": "No", "detail": "checks[0].expr, line 4: wrong"}, status=status)
    done = run("--wait")
    assert (done.exit_code, done.stderr) == (code, "No: checks[0].expr, line 4: wrong\n")


def test_a_file_that_cannot_be_sent_is_refused_before_anything_is_asked(run, api, tmp_path):
    binary, large = tmp_path / "binary.yaml", tmp_path / "large.yaml"
    binary.write_bytes(b"\xff\xfe")
    large.write_bytes(b"a" * 2_000_001)
    assert "is not UTF-8 text" in run(file=binary).stderr
    assert "is larger than any policy may be" in run(file=large).stderr
    assert run(file=tmp_path / "absent.yaml").exit_code == 1
    assert api.asked == []


def test_no_answer_is_a_sentence(run, monkeypatch):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PLACET_URL", f"http://127.0.0.1:{held.getsockname()[1]}")
        assert "cannot be reached" in run().stderr
