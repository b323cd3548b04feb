"""A server that would not be governed does not start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.mlflow_plugin.decision_server import TOKEN, DecisionServer
from tests.client.mlflow_plugin.mlflow_server import declare_entry_points

CHECK = "from placet.mlflow_plugin.app import check_governed; check_governed()"


def start(
    folder: Path, gate: DecisionServer, *, code: str = CHECK, **changes: str
) -> "subprocess.CompletedProcess[str]":
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": declare_entry_points(folder / "site"),
        "_MLFLOW_SERVER_REGISTRY_STORE": f"governed+sqlite:///{folder / 'registry.db'}",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PLACET_URL": gate.url,
        "PLACET_GATE_TOKEN": TOKEN,
    }
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment | changes,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_a_governed_server_passes_its_own_checks_and_each_gap_is_named(tmp_path: Path, gate: DecisionServer):
    """One process for all gaps, because importing MLflow takes seconds; each check re-reads the environment."""
    code = f"""
import os
from mlflow.server import handlers
from placet.mlflow_plugin import surface
from placet.mlflow_plugin.app import NotGoverned, check_governed
check_governed()
def refused():
    try: check_governed()
    except NotGoverned as problem: print(problem)
    else: raise SystemExit("it passed")
for name, bad in (("PLACET_URL", ""), ("PLACET_GATE_TOKEN", ""), ("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "true")):
    good, os.environ[name] = os.environ[name], bad
    refused()
    os.environ[name] = good
known, surface.READS = surface.READS, frozenset()
refused()
surface.READS = known
governed = handlers._model_registry_store
handlers._model_registry_store = object()
refused()
handlers._model_registry_store = governed
os.environ["_MLFLOW_SERVER_REGISTRY_STORE"] = {f"sqlite:///{tmp_path / 'registry.db'}"!r}
refused()
"""
    done = start(tmp_path, gate, code=code)
    assert done.returncode == 0, done.stderr
    gaps = ["PLACET_URL", "PLACET_GATE_TOKEN", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false"]
    gaps += ["get_model_version", "object, which is not gated", "--registry-store-uri governed+"]
    for line, gap in zip(done.stdout.splitlines(), gaps, strict=True):
        assert gap in line


@pytest.mark.slow
def test_mlflow_server_without_the_governed_store_exits(tmp_path: Path, gate: DecisionServer):
    code = (
        "from mlflow.cli import cli; cli(['server', '--port', '0', '--workers', '1', '--app-name', 'governed', "
        f"'--backend-store-uri', 'sqlite:///{tmp_path / 'mlflow.db'}'])"
    )
    done = start(tmp_path, gate, code=code)
    assert "NotGoverned: Start the server with --registry-store-uri governed+" in done.stderr
