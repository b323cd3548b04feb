"""Who counts as authenticated, and how a grant travels."""

import subprocess
import sys
from pathlib import Path

import flask
import pytest

from placet.mlflow_plugin.headers import PlacetHeaderProvider, granted, shown
from placet.mlflow_plugin.identity import NOBODY, Identity, current_grant, current_identity
from tests.client.mlflow_plugin.conftest import Rest
from tests.client.mlflow_plugin.decision_server import ALLOW, DecisionServer
from tests.client.mlflow_plugin.mlflow_server import MlflowServer, declare_entry_points


def test_a_name_that_is_only_claimed_is_nobody():
    with flask.Flask("mlflow").test_request_context(auth=("admin", "guess")):
        assert flask.request.authorization.username == "admin"
        assert current_identity() == NOBODY
        flask.g.mlflow_authenticated_user = "ml-engineer"
        assert current_identity() == Identity("ml-engineer", "basic-auth")


def test_outside_a_request_there_is_neither_identity_nor_grant():
    assert (current_identity(), current_grant()) == (NOBODY, None)


def test_a_grant_above_the_limit_is_none():
    for length, expected in ((4096, "x" * 4096), (4097, None)):
        with flask.Flask("mlflow").test_request_context(headers={"X-Placet-Grant": "x" * length}):
            assert current_grant() == expected


def test_a_grant_is_sent_inside_its_block_only():
    provider = PlacetHeaderProvider()
    assert not provider.in_context()
    with granted("outer"):
        with granted("inner"):
            assert provider.request_headers() == {"X-Placet-Grant": "inner"}
        assert provider.in_context()
        assert provider.request_headers() == {"X-Placet-Grant": "outer"}
    assert (provider.in_context(), provider.request_headers()) == (False, {})


def test_a_permit_is_sent_inside_its_block_only_and_beside_a_grant():
    provider = PlacetHeaderProvider()
    with shown({"payload": "x"}), granted("grant"):
        sent = provider.request_headers()
    assert sent == {"X-Placet-Grant": "grant", "X-Placet-Permit": "eyJwYXlsb2FkIjogIngifQ=="}
    assert (provider.in_context(), provider.request_headers()) == (False, {})


def test_a_grant_ends_with_its_block_when_the_call_fails():
    def fail() -> None:
        with granted("grant-1"):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not PlacetHeaderProvider().in_context()


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "ümlaut", "x" * 4097])
def test_a_grant_that_cannot_be_a_header_is_refused(token: str):
    with pytest.raises(ValueError, match="visible ASCII"), granted(token):
        pass


def run(code: str, pythonpath: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": pythonpath, "PATH": "/usr/bin:/bin", "MLFLOW_DISABLE_TELEMETRY": "true", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_sending_a_grant_needs_nothing_of_mlflow(tmp_path: Path):
    code = "import sys, placet.mlflow_plugin.headers; print([m for m in sys.modules if m.split('.')[0] == 'mlflow'])"
    assert run(code, declare_entry_points(tmp_path)).strip() == "[]"


def test_mlflows_client_finds_the_plugin_quietly_and_sends_the_grant(
    engineer: Rest, gate: DecisionServer, mlflow_server: MlflowServer
):
    name = engineer.a_model()
    gate.answer = lambda question: ALLOW if question["grant"] == "grant-42" else gate_is_shut(question)
    printed = run(
        "import sys\n"
        "from mlflow import MlflowClient\n"
        "from mlflow.exceptions import MlflowException\n"
        "from placet.mlflow_plugin.headers import granted\n"
        f"client, name = MlflowClient(), {name!r}\n"
        "try: client.set_registered_model_alias(name, 'champion', '1')\n"
        "except MlflowException as error: print(error.error_code, error)\n"
        "with granted('grant-42'): client.set_registered_model_alias(name, 'champion', '1')\n"
        "print([m for m in sys.modules if m.startswith(('mlflow.server.', 'placet.mlflow_plugin.stores'))])\n",
        mlflow_server.pythonpath,
        MLFLOW_TRACKING_URI=mlflow_server.url,
        MLFLOW_TRACKING_USERNAME=engineer.username,
        MLFLOW_TRACKING_PASSWORD=engineer.password,
    )
    assert printed.startswith("PERMISSION_DENIED")
    assert f"`placet request {name} 1 --to champion`" in printed
    assert "Failure attempting" not in printed
    assert printed.strip().endswith("[]"), "the server's modules and the heavy stores stay unloaded in a client"
    assert engineer.aliases(name) == {"champion": "1"}
    assert [question["grant"] for question in gate.asked("alias.set")] == [None, "grant-42"]


def gate_is_shut(_question: object) -> tuple[int, str, bytes]:
    return 200, "application/json", b'{"verdict": "BLOCK", "detail": "No grant."}'
