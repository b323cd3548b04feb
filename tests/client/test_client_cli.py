"""The command line: exit codes 0 to 4, text that a person reads, JSON that a machine reads, never a traceback."""

import base64
import json
import subprocess
import sys

import pytest

typer_testing = pytest.importorskip("typer.testing")

from placet.commands import app  # noqa: E402
from placet.sdk import Promotion  # noqa: E402
from tests.client.a_case import a_story  # noqa: E402

ID = "0a0a0a0a-0000-4000-8000-000000000001"
PATH = f"/api/v1/promotion-requests/{ID}"


@pytest.fixture
def run(monkeypatch):
    monkeypatch.delenv("PLACET_TRUST_FILE", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: typer_testing.CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def files(tmp_path, log):
    (keys := tmp_path / "keys").mkdir()
    (keys / "policy.txt").write_text(log.policy)
    (tmp_path / "seen.note").write_bytes(log.anchored[0])
    return log.bundle(tmp_path / "bundle.zip"), keys / "policy.txt", tmp_path / "seen.note"


def a_request(verdict=None, approval="in_review", state="requested", **fields):
    check = {
        "id": "fairness.selection-ratio",
        "title": "Selection-rate ratio",
        "outcome": "insufficient",
        "value": 0.83,
        "low": 0.71,
        "high": 0.97,
        "limit": 0.8,
        "reason": "The interval spans the limit.",
    }
    stage = {"name": "risk", "roles": ["risk_officer"], "quorum": 2, "signed": 1, "state": "open"}
    return {
        "id": ID,
        "state": state,
        "model": "credit-risk",
        "version": "2",
        "alias": "champion",
        "url": "http://placet.example/requests/1",
        "next_step": "A validator must sign the human review of Selection-rate ratio.",
        "approval": {"id": "a", "state": approval, "verdict": verdict, "checks": [check], "stages": [stage]},
        "jobs": [{"type": "fairness/v1", "state": "done", "done": 300, "total": 300, "message": ""}],
    } | fields


def test_verify_prints_three_verdicts_and_what_each_does_not_show(run, files):
    bundle, policy, seen = files
    done = run("verify", bundle, "--policy", policy, "--checkpoint", seen)
    assert done.exit_code == 0
    for words in ("integrity", "completeness", "anchoring", "Does not show", "Nothing is wrong."):
        assert words in done.output
    assert "not shown" in run("verify", bundle, "--policy", policy).output


def test_verify_finds_the_trust_file_beside_the_bundle_first_and_then_in_the_environment(run, files, monkeypatch):
    bundle, policy, seen = files
    assert run("verify", bundle).exit_code == 2
    assert run("verify", bundle, policy, seen).exit_code == 0
    monkeypatch.setenv("PLACET_TRUST_FILE", str(policy))
    assert run("verify", bundle).exit_code == 0
    (bundle.parent / "policy.txt").write_text("nonsense\n")
    assert "cannot be used" in run("verify", bundle).output
    assert run("verify", bundle, "--policy", policy, seen, "--jobs", "2", "--json").exit_code == 0


def test_verify_exits_3_for_tampering_and_names_the_entry(run, files, log):
    bundle, policy, _ = files
    data = bytearray(bundle.read_bytes())
    data[data.index(log.bodies[2]) + 60] ^= 1
    bundle.write_bytes(data)
    done = run("verify", bundle, "--policy", policy)
    assert done.exit_code == 3
    assert "Entry 2 does not have the hash that is stored for it." in done.output
    as_json = run("verify", bundle, "--policy", policy, "--json")
    assert as_json.exit_code == 3
    assert 2 in [f.get("index") for f in json.loads(as_json.stdout)["findings"]]


def test_verify_exits_4_for_an_incomplete_log(run, files, log):
    bundle, policy, _ = files
    del log.payloads[3]
    log.bundle(bundle)
    assert run("verify", bundle, "--policy", policy).exit_code == 4


def test_verify_says_in_one_sentence_what_is_missing(run, files, tmp_path):
    bundle, policy, _ = files
    cases = [
        (("verify", bundle), 2, "Name the trust file"),
        (("verify", tmp_path / "none.zip", "--policy", policy), 1, "none.zip cannot be read"),
        (("verify", bundle, "--policy", tmp_path / "none.txt"), 1, "none.txt cannot be read"),
        (("verify", bundle, "--policy", bundle), 1, "cannot be used"),
        (("verify", tmp_path, "--policy", policy), 1, "cannot be read"),
        (("verify",), 2, "Missing argument"),
        (("frobnicate",), 2, "No such command"),
    ]
    for arguments, code, says in cases:
        done = run(*arguments)
        assert (done.exit_code, says in done.output) == (code, True), (arguments, done.output)
        assert "Traceback" not in done.output


def test_what_a_bundle_says_cannot_steer_the_terminal(run, files, log):
    bundle, policy, _ = files
    log.append("\x1b[2Jowned", data={}, at="2026-11-23T10:00:00.000000Z")
    log.bundle(bundle)
    done = run("verify", bundle, "--policy", policy)
    assert done.exit_code == 3
    assert "\x1b" not in done.output
    assert "[2Jowned" in done.output


@pytest.mark.parametrize(
    ("verdict", "approval", "code"),
    [
        ("ALLOW", "approved", 0),
        ("ALLOW", "in_review", 0),
        ("HOLD", "in_review", 4),
        ("BLOCK", "in_review", 3),
        (None, "collecting", 4),
        ("ALLOW", "rejected", 3),
        ("ALLOW", "revoked", 3),
        ("ALLOW", "suspended", 4),
    ],
)
def test_status_exits_by_the_verdict_and_shows_why(run, api, verdict, approval, code):
    api.says("GET", PATH, a_request(verdict, approval))
    done = run("status", ID)
    assert done.exit_code == code
    for words in (
        "credit-risk/2 to champion",
        "insufficient",
        "0.71 to 0.97",
        "1 of 2 signed (risk_officer)",
        "A validator must",
    ):
        assert words in done.output
    assert json.loads(run("status", ID, "--json").stdout)["id"] == ID


def test_request_waits_for_the_verdict_and_not_for_people(run, api):
    api.says("POST", "/api/v1/promotion-requests", a_request(approval="collecting"), status=202)
    api.says("GET", PATH, a_request("HOLD"))
    assert run("request", "credit-risk", "2", "--to", "champion").exit_code == 0
    done = run("request", "credit-risk", "2", "--to", "champion", "--wait", "--idempotency-key", "ci-1")
    assert done.exit_code == 4
    assert "fairness/v1: done" in done.stderr
    assert api.asked[-2]["headers"]["Idempotency-Key"] == "ci-1"


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_waiting_ends_when_only_people_can_go_on(run, api, state):
    """A job that failed leaves the request collecting: the reason is told at once, and nobody waits for a timeout."""
    stuck = a_request(approval="collecting")
    done = {"type": "performance/v1", "state": "done", "message": ""}
    bad = {"type": "fairness/v1", "state": state, "message": "Failed", "error": "The data has no column age_group."}
    running = {"type": "robustness/v1", "state": "running", "message": "rows"}
    api.says("POST", "/api/v1/promotion-requests", stuck | {"jobs": [running, bad, done]}, status=202)
    api.says("GET", PATH, stuck | {"jobs": [running | {"state": "done"}, bad, done]})
    made = run("request", "credit-risk", "2", "--to", "champion", "--wait")
    assert made.exit_code == 4
    assert f"fairness/v1: {state} (The data has no column age_group.)" in made.stderr
    again = [running, {**bad, "state": "running"}, bad, done]  # newest first: somebody had it tried again
    assert Promotion.from_json(stuck | {"jobs": again}).working
    assert Promotion.from_json(stuck | {"jobs": []}).working


def test_apply_waits_for_the_alias(run, api):
    api.says("POST", f"{PATH}/applications", a_request("ALLOW", "approved", "applying"), status=202)
    api.says("GET", PATH, a_request("ALLOW", "approved", "applied"))
    assert run("apply", ID, "--wait", "--json").exit_code == 0
    api.says("GET", PATH, a_request("ALLOW", "approved", "failed"))
    assert run("apply", ID, "--wait").exit_code == 1


@pytest.mark.parametrize(("status", "code"), [(401, 1), (403, 3), (404, 1), (409, 4), (422, 1), (500, 1)])
def test_a_refusal_is_one_sentence_with_its_exit_code(run, api, status, code):
    api.says(
        "POST", f"{PATH}/applications", {"title": "Not approved", "detail": "Two people must sign."}, status=status
    )
    done = run("apply", ID)
    assert done.exit_code == code
    assert done.stderr == "Not approved: Two people must sign.\n"


def invalid_input(detail, errors):
    """The problem as the server sends it for fields that are not valid."""
    title = "The request's fields are not valid"
    return {"type": "/problems/invalid-input", "title": title, "status": 422, "detail": detail, "errors": errors}


@pytest.mark.parametrize(
    ("errors", "says"),
    [
        (
            {"version": [{"message": "A valid integer is required.", "code": "invalid"}]},
            "version: A valid integer is required.\n",
        ),
        (
            {
                "alias": [{"message": "This field is required.", "code": "required"}],
                "use_restrictions": {"1": [{"message": "Not a valid string.", "code": "invalid"}]},
            },
            "alias: This field is required.\nuse_restrictions.1: Not a valid string.\n",
        ),
        (
            {"non_field_errors": [{"message": "Expected a dictionary.", "code": "invalid"}]},
            "The request's fields are not valid: The first sentence.\n",
        ),
        (None, "The request's fields are not valid: The first sentence.\n"),
    ],
)
def test_a_field_error_is_a_line_that_names_the_field(run, api, errors, says):
    api.says("POST", "/api/v1/promotion-requests", invalid_input("The first sentence.", errors), status=422)
    done = run("request", "m", "1", "--to", "x")
    assert (done.exit_code, done.stderr) == (1, says)


def test_a_request_is_named_by_its_number_as_well(run, api):
    api.says("GET", "/api/v1/promotion-requests/PR-2", a_request("ALLOW", "approved"))
    assert run("status", "PR-2").exit_code == 0
    api.says("POST", "/api/v1/promotion-requests/PR-2/applications", a_request("ALLOW", "approved", "applying"))
    assert run("apply", "PR-2").exit_code == 0
    detail = "There is no promotion request PR-9. Give its id or its number, such as PR-12."
    problem = {"type": "/problems/unknown", "title": "Not found", "status": 404, "detail": detail}
    api.says("GET", "/api/v1/promotion-requests/PR-9", problem, status=404)
    done = run("status", "PR-9")
    assert (done.exit_code, done.stderr) == (1, f"Not found: {detail}\n")


@pytest.mark.parametrize(("state", "code"), [("applied", 0), ("superseded", 0), ("failed", 1), ("rolled_back", 3)])
def test_status_exits_by_what_became_of_the_alias(run, api, state, code):
    api.says("GET", PATH, a_request("ALLOW", "approved", state))
    assert run("status", ID).exit_code == code


def test_without_an_address_or_with_a_wrong_id_it_is_a_usage_error(run, api, monkeypatch):
    assert run("status", "../x").exit_code == 2
    monkeypatch.delenv("PLACET_URL")
    done = run("status", ID)
    assert (done.exit_code, "PLACET_URL" in done.stderr) == (2, True)


def test_bundle_saves_what_verify_checks(run, api, files, tmp_path):
    bundle, policy, _ = files
    api.says("GET", "/api/v1/bundles/latest", bundle.read_bytes())
    out = tmp_path / "out.zip"
    assert run("bundle", out).exit_code == 0
    assert run("verify", out, "--policy", policy).exit_code == 0
    assert json.loads(run("bundle", out, "--json").stdout)["bytes"] == out.stat().st_size
    assert "cannot be written" in run("bundle", tmp_path / "no-such-folder" / "x.zip").output


def test_verify_model_refuses_what_names_no_alias(run, files):
    pytest.importorskip("mlflow")
    done = run("verify-model", "models:/credit-risk/1", "--trust", files[1])
    assert (done.exit_code, "a version number" in done.stderr) == (3, True)
    assert json.loads(run("verify-model", "models:/m/1", "--json").stdout)["allowed"] is False


def test_version_and_help(run):
    assert run("version").output.startswith("placet ")
    assert json.loads(run("version", "--json").output)["version"]
    assert "0 ok or allowed, 1 error, 2 usage, 3 blocked or tampered, 4 held" in run("--help").output


def test_the_command_starts_without_any_heavy_library():
    code = "import sys, placet.commands; sys.exit(bool({'mlflow', 'pandas', 'pyarrow', 'django'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_without_the_cli_extra_it_says_what_to_install(tmp_path):
    code = "import sys; sys.modules['typer'] = None; from placet.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, "placet[cli]" in done.stderr) == (1, True)


CHANGE = {
    "number": "AC-7",
    "kind": "rollback",
    "model": "credit-risk",
    "alias": "champion",
    "version": 1,
    "replaces": 2,
}
CHANGE |= {"state": "asked", "state_reason": ""}
ALIAS = "/api/v1/registered-models/credit-risk/aliases/champion"


@pytest.mark.parametrize(
    ("command", "path", "body"),
    [
        (["rollback", "credit-risk"], "rollbacks", {"version": None}),
        (["rollback", "credit-risk", "--to", "1"], "rollbacks", {"version": 1}),
        (["stop", "credit-risk"], "stops", {}),
        (["break-glass", "credit-risk", "3"], "broken-glasses", {"version": 3}),
    ],
)
@pytest.mark.parametrize(("state", "code"), [("done", 0), ("failed", 1), ("asked", 4)])
def test_an_act_at_once_is_asked_for_and_followed(run, api, command, path, body, state, code):
    api.says("POST", f"{ALIAS}/{path}", CHANGE, status=202)
    api.says("GET", "/api/v1/alias-changes/AC-7", CHANGE | {"state": state})
    done = run(*command, "--reason", "It refuses everybody.", *(["--no-wait"] if state == "asked" else []))
    assert done.exit_code == code, done.output
    assert f"AC-7 rollback: credit-risk champion to version 1: {state}" in done.stdout
    assert json.loads(api.asked[0]["body"]) == {"reason": "It refuses everybody."} | body


@pytest.mark.parametrize(("kind", "tags", "said"), [("rollback", [], "No permit to roll back"), ("stop", None, "404")])
def test_offline_what_does_not_lie_ready_is_said(run, api, monkeypatch, kind, tags, said):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", api.url)
    if tags is not None:
        api.says("GET", "/api/2.0/mlflow/registered-models/get", {"registered_model": {"tags": tags}})
    done = run(kind, "credit-risk", "--offline")
    assert done.exit_code == 3
    assert said in done.stderr


@pytest.mark.parametrize(("address", "code", "said"), [("http://127.0.0.1:9", 1, "does not answer"), ("", 2, "Set")])
def test_offline_without_mlflow_is_said(run, monkeypatch, address, code, said):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    done = run("stop", "credit-risk", "--offline")
    assert done.exit_code == code
    assert said in done.stderr


@pytest.fixture
def lying_ready(api, monkeypatch):
    """A permit to go back to version 1, in a MLflow that takes what is shown to it."""
    payload = base64.b64encode(b'{"predicate": {"version": "1"}}').decode()
    permit = base64.b64encode(json.dumps({"payload": payload}).encode()).decode()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", api.url)
    tags = [{"key": "gov.rollback.champion", "value": permit}]
    api.says("GET", "/api/2.0/mlflow/registered-models/get", {"registered_model": {"tags": tags}})
    api.says("POST", "/api/2.0/mlflow/registered-models/alias", {})
    return permit


def test_offline_the_reason_goes_with_the_permit(run, api, lying_ready):
    done = run("rollback", "credit-risk", "--offline", "--reason", "Prüfung: fällt aus.")
    assert done.exit_code == 0, done.output
    sent = api.asked[-1]["headers"]
    assert (sent["X-Placet-Permit"], sent["X-Placet-Reason"]) == (
        lying_ready,
        "Pr%C3%BCfung%3A%20f%C3%A4llt%20aus.",
    )


def test_offline_only_the_version_that_was_meant(run, api, lying_ready):
    refused = run("rollback", "credit-risk", "--offline", "--to", "3")
    assert (refused.exit_code, "goes back to version 1, not to 3" in refused.stderr) == (3, True)
    assert [one["method"] for one in api.asked] == ["GET"]
    assert run("rollback", "credit-risk", "--offline", "--to", "1").exit_code == 0


def test_verify_reads_a_case_prints_its_papers_and_names_a_changed_file(run, tmp_path):
    story = a_story()
    path, policy = story.write(tmp_path / "case.zip"), tmp_path / "policy.txt"
    policy.write_text(story.log.policy)
    (tmp_path / "seen.note").write_bytes(story.log.anchored[0])
    result = run("verify", path, policy, tmp_path / "seen.note")
    assert result.exit_code == 0
    assert result.output.splitlines()[0] == "promotion PR-12, 2026-11-23 to 2026-11-24"
    for words in ("decisions", "permits", "integrity", "completeness", "anchoring", "Nothing is wrong."):
        assert words in result.output
    told = json.loads(run("verify", path, policy, "--json").output)
    assert (told["format"], told["exit_code"], told["scope"]["kind"]) == ("placet-case/1", 0, "promotion")
    name = next(name for name in story.papers if name.startswith("permits/"))
    path.write_bytes(path.read_bytes().replace(story.papers[name], b" " + story.papers[name][1:]))
    result = run("verify", path, policy)
    assert result.exit_code == 3
    assert name in result.output.replace("\n", "")


def test_bundle_has_the_papers_of_a_promotion_made_and_saves_them(run, api, tmp_path):
    job = {"id": ID, "state": "running", "done": 3, "total": 9, "error": ""}
    api.says("POST", "/api/v1/bundles", job, status=202)
    api.says("GET", f"/api/v1/bundles/{ID}", job | {"state": "done"})
    api.says("GET", f"/api/v1/bundles/{ID}/file", b"a zip")
    result = run("bundle", tmp_path / "c.zip", "--promotion", "PR-12", "--seen-size", "120")
    assert (result.exit_code, (tmp_path / "c.zip").read_bytes()) == (0, b"a zip")
    asked = next(call for call in api.asked if call["method"] == "POST")
    assert json.loads(asked["body"]) == {"promotion": "PR-12", "seen_size": 120}
    assert asked["headers"]["Idempotency-Key"]
    run("bundle", tmp_path / "d.zip", "--from", "2026-11-01", "--to", "2026-12-01", "--json")
    asked = [call for call in api.asked if call["method"] == "POST"][-1]
    assert json.loads(asked["body"]) == {"from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}
    api.says("GET", f"/api/v1/bundles/{ID}", job | {"state": "failed", "error": "Too many entries."})
    result = run("bundle", tmp_path / "e.zip", "--system", "consumer-credit")
    assert (result.exit_code, (tmp_path / "e.zip").exists()) == (1, False)
    assert "Too many entries." in result.stderr
