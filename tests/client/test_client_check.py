"""``placet check``: the verdict before anybody is asked, the exit code by it, and no other data than was meant."""

import json

import pytest

typer_testing = pytest.importorskip("typer.testing")

from placet.commands import app  # noqa: E402
from placet.digests import file_digest  # noqa: E402

ADDRESS = "/api/v1/promotion-checks"


def a_trial(verdict="HOLD", *, state="attached", **fields):
    check = {"id": "auc", "title": "AUC holds", "outcome": "pass", "value": 0.8123, "low": 0.79, "high": 0.84}
    return {
        "model": "credit-risk",
        "version": 3,
        "alias": "champion",
        "artifact_digest": "sha256:" + "a" * 64,
        "dataset": "sha256:" + "d" * 64,
        "policy": "credit v2",
        "policy_digest": "sha256:" + "b" * 64,
        "verdict": verdict,
        "reason": "The human review of the selection ratio is missing.",
        "checks": [check | {"limit": 0.75, "reason": "The whole interval clears the limit."}],
        "evidence": [{"type": "performance/v1", "kind": "", "state": state, "evidence": None, "error": ""}],
        "under_way": state in {"queued", "running"},
        "stages": [{"name": "risk", "roles": ["risk_officer"], "quorum": 1, "signed": 0, "state": "waiting"}],
    } | fields


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *given: typer_testing.CliRunner().invoke(app, ["check", *map(str, given)])


@pytest.mark.parametrize(("verdict", "code"), [("ALLOW", 0), ("HOLD", 4), ("BLOCK", 3)])
def test_it_prints_the_verdict_with_its_checks_and_exits_by_it(run, api, verdict, code):
    api.says("POST", ADDRESS, a_trial(verdict))
    done = run("models:/credit-risk/3", "--to", "champion", "--change-class", "substantial")
    assert done.exit_code == code, done.output
    for words in (
        f"credit-risk/3 to champion: a request would be told {verdict}",
        "The human review of the selection ratio is missing.",
        "0.79 to 0.84",
        "stage risk: 0 of 1 signed (risk_officer)",
        "Nothing was opened: placet request asks for it.",
    ):
        assert words in done.output
    assert json.loads(api.asked[-1]["body"]) == {
        "model": "credit-risk",
        "version": "3",
        "alias": "champion",
        "make_evidence": False,
        "change_class": "substantial",
    }


def test_with_wait_evidence_is_made_first(run, api, monkeypatch):
    monkeypatch.setattr("placet.trials.time.sleep", lambda seconds: None)
    first = a_trial(state="not_made")
    api.says("POST", ADDRESS, first, a_trial(state="queued"), a_trial(state="running"), a_trial("ALLOW"))
    done = run("team-a:credit-risk/3", "--to", "champion", "--wait", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["verdict"] == "ALLOW"
    sent = [json.loads(asked["body"]) for asked in api.asked]
    assert [body["make_evidence"] for body in sent] == [False, True, False, False]
    assert {body["model"] for body in sent} == {"team-a:credit-risk"}


def test_with_wait_it_gives_up_in_words(run, api, monkeypatch):
    monkeypatch.setattr("placet.trials.time.sleep", lambda seconds: None)
    api.says("POST", ADDRESS, a_trial(state="running"))
    done = run("credit-risk/3", "--to", "champion", "--wait", "--timeout", "1")
    assert done.exit_code == 1
    assert "Still working: Evidence about credit-risk/3 is not made after 1 s" in done.output
    assert "performance/v1: running" in done.output


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("not_made", "evidence performance/v1 is not made yet: placet check --wait has it made"),
        ("failed", "evidence performance/v1 could not be made (It ran out of memory.)"),
        ("to_submit", "evidence performance/v1 is for people to submit"),
        ("with_the_request", "evidence performance/v1 is made when the request is"),
    ],
)
def test_it_says_what_is_missing_and_why(run, api, state, words):
    piece = {"type": "performance/v1", "kind": "", "state": state, "evidence": None}
    error = "It ran out of memory." if state == "failed" else ""
    api.says("POST", ADDRESS, a_trial(evidence=[piece | {"error": error}]))
    assert words in run("models:/credit-risk/3", "--to", "champion").output


def test_the_data_that_is_meant_is_the_data_that_is_measured_on(run, api, tmp_path):
    pd = pytest.importorskip("pandas")
    tracking = pytest.importorskip("placet.tracking")
    frame = pd.DataFrame({"income": [1.5, 2.5, 4.0], "bad": [0, 1, 0]})
    tracking.write_parquet(frame, declared := tmp_path / "declared.parquet")
    frame.to_parquet(mine := tmp_path / "eval.parquet", compression="gzip")
    assert file_digest(mine) != file_digest(declared)
    api.says("POST", ADDRESS, a_trial("ALLOW", dataset=file_digest(declared)))
    for file in (mine, declared):
        assert run("models:/credit-risk/3", "--to", "champion", "--data", file).exit_code == 0
    frame.assign(income=[1.5, 2.5, 4.1]).to_parquet(mine)
    asked = len(api.asked)
    refused = run("models:/credit-risk/3", "--to", "champion", "--data", mine, "--wait")
    assert refused.exit_code == 3
    assert "Placet would measure credit-risk/3 on other data" in refused.output
    assert [json.loads(row["body"])["make_evidence"] for row in api.asked[asked:]] == [False]


def test_what_can_not_be_used_is_said_in_one_sentence(run, api, tmp_path):
    (garbage := tmp_path / "x.parquet").write_bytes(b"no rows")
    for given, words in (
        (("models:/credit-risk@champion", "--to", "champion"), "names no version of a model"),
        (("credit-risk", "--to", "champion"), "write it as in models:/credit-risk/3"),
        (("credit-risk/3",), "Missing option"),
        (("credit-risk/3", "--to", "champion", "--data", tmp_path / "none"), "none cannot be read"),
        (("credit-risk/3", "--to", "champion", "--data", garbage), "x.parquet is no Parquet file of rows"),
    ):
        done = run(*given)
        assert (done.exit_code, words in done.output) == (2, True), (given, done.output)
    assert api.asked == []


def test_a_refusal_of_the_request_is_a_refusal_here(run, api):
    detail = "credit-risk v3 has an open request for champion; withdraw it first, or wait for its decision."
    api.says("POST", ADDRESS, {"title": "Request open", "detail": detail, "status": 409}, status=409)
    done = run("credit-risk/3", "--to", "champion")
    assert (done.exit_code, detail in done.output) == (4, True)
