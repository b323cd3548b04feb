"""The governed store made and used in this process, as MLflow's server makes it."""

import shutil
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from placet.mlflow_plugin.gate import GateMixin
from placet.mlflow_plugin.store import GovernedSqlAlchemyStore
from tests.client.mlflow_plugin.decision_server import DecisionServer


@pytest.fixture(scope="module")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry database with all tables and no rows; making one takes seconds, copying it does not."""
    path = tmp_path_factory.mktemp("registry") / "empty.db"
    GovernedSqlAlchemyStore(store_uri=f"governed+sqlite:///{path}")._dispose_engine()
    return path


@pytest.fixture
def store_uri(empty_registry: Path, tmp_path: Path, plugin_settings: pytest.MonkeyPatch) -> str:
    return f"governed+sqlite:///{shutil.copy(empty_registry, tmp_path / 'registry.db')}"


@pytest.fixture
def store(store_uri: str):
    made = GovernedSqlAlchemyStore(store_uri=store_uri)
    yield made
    made._dispose_engine()


def test_it_is_mlflows_own_sql_store_behind_the_gate(store):
    assert isinstance(store, GateMixin)
    assert store.db_uri.startswith("sqlite:///")
    assert not store.supports_workspaces


def test_outside_a_request_nobody_is_asking_and_the_gate_still_holds(store, gate: DecisionServer):
    store.create_registered_model("credit-risk")
    store.create_model_version("credit-risk", "s3://models/1")
    with pytest.raises(MlflowException, match="refused to set alias 'champion'"):
        store.set_registered_model_alias("credit-risk", "champion", "1")
    [question] = gate.asked("alias.set")
    assert (question["identity"], question["grant"]) == ({"username": None, "source": "none"}, None)


def test_a_copy_through_the_store_leaves_reserved_tags_behind(store, gate: DecisionServer):
    store.create_registered_model("credit-risk")
    original = store.create_model_version("credit-risk", "s3://models/1")
    original._tags = {"gov.status": "approved", "team": "scoring"}
    assert store.copy_model_version(original, "copied").tags == {"team": "scoring"}


def test_with_workspaces_on_the_question_names_the_workspace(
    store_uri: str, plugin_settings: pytest.MonkeyPatch, gate: DecisionServer
):
    from mlflow.utils.workspace_context import WorkspaceContext

    plugin_settings.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    store = GovernedSqlAlchemyStore(store_uri=store_uri)
    try:
        assert store.supports_workspaces
        with WorkspaceContext("team-a"):
            store.create_registered_model("credit-risk")
            store.create_model_version("credit-risk", "s3://models/1")
            with pytest.raises(MlflowException, match="refused"):
                store.set_registered_model_alias("credit-risk", "champion", "1")
        assert gate.asked("alias.set")[0]["subject"]["workspace"] == "team-a"
    finally:
        store._dispose_engine()


def test_reads_go_to_the_primary_even_with_a_replica(store_uri: str, plugin_settings: pytest.MonkeyPatch):
    plugin_settings.setenv("_MLFLOW_SERVER_READ_REPLICA_BACKEND_STORE", "sqlite:///replica.db")
    store = GovernedSqlAlchemyStore(store_uri=store_uri)
    assert store.read_engine is None
    store._dispose_engine()


@pytest.mark.parametrize("uri", ["sqlite:///r.db", "governed+mysql://h/d", "governed+file:///x", "governed+", ""])
def test_another_address_is_refused_with_what_to_write(uri: str):
    with pytest.raises(MlflowException, match=r"starts with governed\+postgresql://"):
        GovernedSqlAlchemyStore(store_uri=uri)
