"""A protected write is refused whenever Placet does not say ALLOW, and nothing else suffers."""

import json
import time

import pytest

from placet.mlflow_plugin.transport import POOL_SIZE
from tests.client.mlflow_plugin.conftest import Rest
from tests.client.mlflow_plugin.decision_server import ALLOW, TOKEN, DecisionServer, verdict

ALLOW_BODY = json.dumps({"verdict": "ALLOW"}).encode()
NOT_A_YES = {
    "HOLD": verdict("HOLD"),
    "lower case": verdict("allow"),
    "with a space": verdict("ALLOW "),
    "true": verdict(True),
    "one": verdict(1),
    "a list": verdict(["ALLOW"]),
    "an object": verdict({"ALLOW": "ALLOW"}),
    "null": verdict(None),
    "the bare word": (200, "application/json", b'"ALLOW"'),
    "another key": (200, "application/json", b'{"allow": true}'),
    "a list around it": (200, "application/json", b'[{"verdict": "ALLOW"}]'),
    "not JSON": (200, "application/json", b"ALLOW"),
    "half": (200, "application/json", ALLOW_BODY[:-1]),
    "not UTF-8": (200, "application/json", b'{"verdict": "ALLOW", "detail": "\xff"}'),
    "deep": (200, "application/json", b"[" * 60_000),
    "empty": (200, "application/json", b""),
    "too long": (200, "application/json", ALLOW_BODY + b" " * 70_000),
    "called HTML": (200, "text/html", ALLOW_BODY),
    "created": (201, "application/json", ALLOW_BODY),
    "redirect": (302, "application/json", ALLOW_BODY),
    "unauthorised": (401, "application/json", ALLOW_BODY),
    "server error": (500, "application/json", ALLOW_BODY),
    "unavailable": (503, "application/json", ALLOW_BODY),
}


@pytest.fixture
def ask(plugin_settings: pytest.MonkeyPatch):
    """Ask from this process, as the server's plugin does; raises what the plugin would."""
    from placet.mlflow_plugin.decisions import Detail, Question, Subject, require_allowed

    def ask() -> None:
        subject = Subject(workspace="default", name="asked-here", version="2")
        question = Question(action="alias.set", subject=subject, detail=Detail(alias="champion"))
        require_allowed(question, what="set alias 'champion'")

    return ask


@pytest.fixture
def refused():
    """Return a context that expects a refusal with HTTP 403."""
    from mlflow.exceptions import MlflowException

    def refused(match: str):
        return pytest.raises(MlflowException, match=match, check=lambda error: error.get_http_status_code() == 403)

    return refused


def test_an_honest_yes_passes_and_carries_the_token(ask, gate: DecisionServer):
    gate.answer = lambda _question: ALLOW
    ask()
    [request] = gate.requests_about("asked-here")
    assert request.path == "/api/v1/gate/decisions"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("answer", NOT_A_YES.values(), ids=NOT_A_YES)
def test_anything_but_200_json_with_the_verdict_allow_refuses(ask, refused, gate: DecisionServer, answer):
    gate.answer = lambda _question: answer
    with refused("set alias 'champion'"):
        ask()


@pytest.mark.parametrize("trickles_from", ["head", "body"])
def test_a_server_that_trickles_is_cut_off_at_the_total_deadline(
    ask, refused, gate: DecisionServer, trickles_from: str
):
    gate.answer = lambda _question: ALLOW
    gate.byte_pause_s, gate.trickles_from = 0.4, trickles_from
    began, before = time.monotonic(), gate.open_connections
    with refused(r"within 2\.5 s"):
        ask()
    assert 2.4 < time.monotonic() - began < 5
    while gate.open_connections > before:
        assert time.monotonic() - began < 7, "the connection, and with it the waiting thread, was not freed"
        time.sleep(0.05)
    gate.byte_pause_s = None
    ask()


def test_connections_are_kept_and_a_dead_one_is_replaced(ask, refused, gate: DecisionServer):
    gate.answer = lambda _question: ALLOW
    for _ in range(3 * POOL_SIZE):
        ask()
    kept = gate.ports_of("asked-here")
    assert len(kept) <= POOL_SIZE, "each thread of the pool keeps its own"
    with gate.down(), refused("ConnectionRefusedError"):
        ask()
    with gate.down():
        pass
    ask()
    assert gate.ports_of("asked-here") - kept


def test_proxies_of_the_environment_are_not_used(ask, gate: DecisionServer, monkeypatch: pytest.MonkeyPatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    gate.answer = lambda _question: ALLOW
    ask()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PLACET_URL", ""),
        ("PLACET_URL", "localhost:8000"),
        ("PLACET_URL", "file:///etc/passwd"),
        ("PLACET_URL", "http://user:secret@localhost"),
        ("PLACET_URL", "http://localhost:port"),
        ("PLACET_GATE_TOKEN", " "),
        ("PLACET_GATE_TOKEN", "two\nlines"),
    ],
)
def test_a_missing_or_broken_setting_refuses_and_names_it(
    ask, refused, plugin_settings: pytest.MonkeyPatch, name: str, value: str
):
    plugin_settings.setenv(name, value)
    with refused(name):
        ask()


def test_text_from_placet_cannot_forge_lines_or_flood_the_answer(ask, refused, gate: DecisionServer):
    gate.answer = lambda _question: verdict("BLOCK", detail="No.\nTraceback:" + "x" * 9999, link="javascript:alert(1)")
    with refused(r"No\. Traceback:x+") as error:
        ask()
    assert len(str(error.value)) < 1300
    assert "javascript" not in str(error.value)


def test_with_placet_down_protected_writes_are_refused_at_once_and_all_else_works(engineer: Rest, gate: DecisionServer):
    with gate.down():
        name = engineer.a_model(versions=2)
        assert engineer.set_alias(name, "challenger", 1).status == 200
        assert engineer.post("model-versions/set-tag", name=name, version="1", key="a", value="b").status == 200
        assert engineer.delete("model-versions/delete", name=name, version="2").status == 200
        began = time.monotonic()
        refused = engineer.set_alias(name, "champion", 1)
        assert time.monotonic() - began < 2.5, "it waited for the deadline"
    assert refused.status == 403
    assert "ConnectionRefusedError" in refused.message
    assert engineer.aliases(name) == {"challenger": "1"}
    gate.wait_for("version.create", name=name)  # the notice is sent when Placet is back


def test_with_placet_hanging_the_user_has_the_refusal_within_the_deadline(engineer: Rest, gate: DecisionServer):
    name = engineer.a_model()
    gate.byte_pause_s, gate.trickles_from = 60, "head"
    began = time.monotonic()
    refused = engineer.set_alias(name, "champion", 1)
    assert time.monotonic() - began < 6
    assert (refused.status, engineer.aliases(name)) == (403, {})
