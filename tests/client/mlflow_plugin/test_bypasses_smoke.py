"""The ways that matter most, on the other kinds of server: gunicorn, SQLite, workspaces, the other driver."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.client.mlflow_plugin.bypasses import Way, World, every_way
from tests.client.mlflow_plugin.bypasses_world import tried, world_on
from tests.client.mlflow_plugin.decision_server import DecisionServer
from tests.client.mlflow_plugin.postgresql_server import postgresql_server

pytestmark = pytest.mark.xdist_group("bypasses")  # servers of its own: may run beside the rest of this folder
SMOKE = [way for way in every_way() if way.smoke and way.attempt]
KINDS = ["gunicorn on PostgreSQL, psycopg2", "SQLite", "workspaces"]


@pytest.fixture(scope="module", params=KINDS)
def world_of_a_kind(
    request: pytest.FixtureRequest, _session_gate: DecisionServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("smoke")
    with ExitStack() as stack:
        database = f"sqlite:///{folder / 'mlflow.db'}"
        if "PostgreSQL" in request.param:
            database = f"postgresql+psycopg2://{stack.enter_context(postgresql_server())}"
        options = ["--gunicorn-opts", "--timeout 60"] if "gunicorn" in request.param else []
        workspace = "team-a" if request.param == "workspaces" else None
        options += ["--enable-workspaces"] if workspace else []
        world = world_on(folder, _session_gate, database=database, options=options, workspace=workspace)
        yield stack.enter_context(world)


@pytest.mark.slow
@pytest.mark.parametrize("way", SMOKE, ids=lambda way: way.id)
def test_nor_on_another_kind_of_server(world_of_a_kind: World, gate: DecisionServer, way: Way):
    tried(way, world_of_a_kind)
