"""An MLflow server with half of the gate serves no registry, or lets no protected write pass."""

from pathlib import Path

import pytest

from tests.client.mlflow_plugin.conftest import Rest
from tests.client.mlflow_plugin.decision_server import ALLOW, DecisionServer
from tests.client.mlflow_plugin.mlflow_server import ENTRY_POINTS, governed_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("own servers"),  # may run beside the rest of this folder
]


def test_a_server_whose_plugin_is_broken_serves_no_registry_at_all(gate: DecisionServer, tmp_path: Path):
    """MLflow only warns of a plugin that it can't import, so the address must be one that nothing else serves."""
    database = f"sqlite:///{tmp_path / 'mlflow.db'}"
    broken = ENTRY_POINTS.replace("placet.mlflow_plugin.store:", "placet.mlflow_plugin.not_there:")
    with governed_server(
        tmp_path, database=database, auth_database="", placet_url=gate.url, app=(), entry_points=broken
    ) as server:
        somebody = Rest(server, "", "")
        for method, path in (
            ("GET", "registered-models/search"),
            ("POST", "registered-models/create"),
            ("POST", "registered-models/alias"),
        ):
            answer = somebody.call(method, path, name="m", alias="champion", version="1")
            assert answer.status >= 400, answer
            assert "Model registry functionality is unavailable" in answer.message, answer


def test_a_server_that_was_started_without_the_app_lets_no_protected_write_pass(gate: DecisionServer, tmp_path: Path):
    """It authenticates nobody and freezes nothing, so even Placet's yes does not help."""
    database = f"sqlite:///{tmp_path / 'mlflow.db'}"
    with governed_server(tmp_path, database=database, auth_database="", placet_url=gate.url, app=()) as server:
        somebody = Rest(server, "", "")
        name = somebody.a_model()
        gate.answer = lambda _question: ALLOW
        assert somebody.set_alias(name, "challenger", 1).status == 200
        refused = somebody.set_alias(name, "champion", 1)
        assert (refused.status, "--app-name governed" in refused.message) == (403, True)
        tag = {"name": name, "version": "1", "key": "gov.status", "value": "approved"}
        assert somebody.post("model-versions/set-tag", **tag).status == 403
