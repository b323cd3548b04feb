"""An MLflow that the gate was not made for: the server does not start.

``scripts/mlflow_range.py`` runs this in an environment with a later MLflow, put there past the pin. With the pinned one
the gate is told that it was made for another.
"""

from pathlib import Path

import mlflow
import pytest

from placet.mlflow_plugin.store import GATED_MLFLOW
from tests.client.mlflow_plugin.decision_server import DecisionServer
from tests.client.mlflow_plugin.test_starting import start

PRETENDED = "3.16"
MADE_FOR = GATED_MLFLOW if not mlflow.__version__.startswith(f"{GATED_MLFLOW}.") else PRETENDED


@pytest.mark.slow
def test_a_server_of_another_minor_version_serves_no_registry(tmp_path: Path, gate: DecisionServer):
    """Nor without the app, whose own checks would stop it: the store is there in every server and client."""
    database = f"sqlite:///{tmp_path / 'mlflow.db'}"
    options = ["server", "--port", "0", "--workers", "1"]
    options += ["--backend-store-uri", database, "--registry-store-uri", f"governed+{database}"]
    pretend = f"from placet.mlflow_plugin import store; store.GATED_MLFLOW = {MADE_FOR!r}; "
    done = start(tmp_path, gate, code=f"{pretend}from mlflow.cli import cli; cli({options!r})")
    assert done.returncode != 0
    said = f"This Placet gates MLflow {MADE_FOR}, and this is MLflow {mlflow.__version__}, so it serves no registry."
    assert said in done.stderr
