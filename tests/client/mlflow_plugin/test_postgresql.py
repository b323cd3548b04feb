"""The same gate in front of PostgreSQL, with the users in PostgreSQL too."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.mlflow_plugin.conftest import ENGINEER, ENGINEER_PASSWORD, Rest
from tests.client.mlflow_plugin.decision_server import ALLOW, DecisionServer, verdict
from tests.client.mlflow_plugin.mlflow_server import SERVICE, governed_server
from tests.client.mlflow_plugin.postgresql_server import postgresql_server


@pytest.fixture
def postgresql() -> Iterator[str]:
    with postgresql_server() as address:
        yield address


@pytest.mark.slow
def test_the_gate_holds_on_postgresql(postgresql: str, gate: DecisionServer, tmp_path: Path):
    database = f"postgresql+psycopg://{postgresql}"
    with governed_server(tmp_path, database=database, auth_database=database, placet_url=gate.url) as server:
        service = Rest(server, SERVICE, server.password)
        assert service.post("users/create", username=ENGINEER, password=ENGINEER_PASSWORD).status == 200
        engineer = Rest(server, ENGINEER, ENGINEER_PASSWORD)
        assert Rest(server, ENGINEER, "wrong").post("registered-models/create", name="x").status == 401

        name = engineer.a_model(versions=2)
        assert gate.wait_for("version.create", name=name)["identity"]["username"] == ENGINEER
        assert engineer.set_alias(name, "challenger", 2).status == 200
        assert engineer.set_alias(name, "Champion", 2).status == 403
        gate.answer = lambda question: ALLOW if question["grant"] == "apply-1" else verdict("BLOCK")
        assert service.set_alias(name, "champion", 1, headers={"X-Placet-Grant": "apply-1"}).status == 200
        assert service.set_alias(name, "champion", 2).status == 403
        assert engineer.aliases(name) == {"challenger": "2", "champion": "1"}
        assert engineer.delete("registered-models/delete", name=name).status == 403
        assert gate.asked("alias.set")[1]["identity"]["username"] == SERVICE

        made_admin = service.call("PATCH", "users/update-admin", username=ENGINEER, is_admin=True)
        assert made_admin.status == 200
        assert engineer.set_alias(name, "champion", 2).status == 403
