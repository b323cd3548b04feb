"""Each known way around the gate, tried on a governed MLflow server with PostgreSQL and uvicorn."""

from collections.abc import Iterator

import pytest

from tests.client.mlflow_plugin.bypasses import PAGE, Way, World, every_way, table
from tests.client.mlflow_plugin.bypasses_world import tried, world_on
from tests.client.mlflow_plugin.decision_server import DecisionServer
from tests.client.mlflow_plugin.postgresql_server import postgresql_server

pytestmark = pytest.mark.xdist_group("bypasses")  # servers of its own: may run beside the rest of this folder
ATTEMPTS = [way for way in every_way() if way.attempt]


@pytest.fixture(scope="module")
def world_on_postgresql(_session_gate: DecisionServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with postgresql_server() as address:
        database = f"postgresql+psycopg://{address}"
        with world_on(tmp_path_factory.mktemp("bypasses"), _session_gate, database=database) as world:
            yield world


@pytest.mark.slow
@pytest.mark.parametrize("way", ATTEMPTS, ids=lambda way: way.id)
def test_no_way_leads_around_the_gate(world_on_postgresql: World, gate: DecisionServer, way: Way):
    tried(way, world_on_postgresql)


def test_each_way_without_an_attempt_names_the_test_that_tries_it_or_is_out_of_scope():
    here = PAGE.parents[2] / "tests" / "client" / "mlflow_plugin"
    for way in every_way():
        assert way.attempt or way.tested or way.outcome == "out of scope", way.what
        if way.tested:
            file, _, test = way.tested.partition("::")
            assert f"def {test}(" in (here / file).read_text(), way.tested
    assert len({way.id for way in every_way()}) == len(every_way())


def test_the_page_shows_this_very_table():
    assert table() in PAGE.read_text(), "Run `python -m tests.client.mlflow_plugin.bypasses`."
