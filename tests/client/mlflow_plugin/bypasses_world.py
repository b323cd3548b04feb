"""Starts a governed server with a victim on it, and tries one way around its gate."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.client.mlflow_plugin.bypasses import Outcome, Way, World
from tests.client.mlflow_plugin.conftest import ENGINEER, ENGINEER_PASSWORD, Rest
from tests.client.mlflow_plugin.decision_server import DecisionServer
from tests.client.mlflow_plugin.mlflow_server import SERVICE, governed_server
from tests.client.mlflow_plugin.models import LoggedVersion

REFUSALS = {308, 400, 401, 403, 404, 405, 415, 501, 503}  # 503: MLflow's word for a part that is switched off
WRITES = {"alias.set", "alias.delete", "stage.transition"}


@contextmanager
def world_on(
    folder: Path,
    gate: DecisionServer,
    *,
    database: str,
    options: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    workspace: str | None = None,
) -> Iterator[World]:
    """Run a server for a victim, which lies in ``workspace`` if there is one. There the user is an admin, too."""
    auth_database = database if database.startswith("postgresql") else f"sqlite:///{folder / 'auth.db'}"
    with governed_server(
        folder,
        database=database,
        auth_database=auth_database,
        placet_url=gate.url,
        options=options,
        settings=settings,
    ) as server:
        admin = Rest(server, SERVICE, server.password)
        assert admin.post("users/create", username=ENGINEER, password=ENGINEER_PASSWORD).status == 200
        user = Rest(server, ENGINEER, ENGINEER_PASSWORD)
        if workspace:
            assert admin.call("POST", "workspaces", prefix="/api/3.0/mlflow", name=workspace).status == 201
            assert admin.call("PATCH", "users/update-admin", username=ENGINEER, is_admin=True).status == 200
            for who in (admin, user):
                who.headers["X-MLFLOW-WORKSPACE"] = workspace
        yield World(server, user, admin, gate, database, LoggedVersion("", "", "", ""))


def tried(way: Way, world: World) -> None:
    """Try the way and see that it comes out as the table says."""
    assert way.attempt is not None
    if not world.name:
        world.new_victim()
    world.gate.reset()
    before = world.standing()
    answers = list(way.attempt(world))
    asked = [question["action"] for question in world.gate.questions if question["action"] in WRITES]
    world.gate.reset()
    after = world.standing()
    if way.outcome == Outcome.DETECTED:
        assert after != before, "Nothing happened, so this proves nothing."
        assert asked == [], "It passed the gate, so it belongs in another part of the table."
        world.new_victim()
        return
    assert after == before
    assert answers, "Nothing was tried."
    if way.outcome == Outcome.REFUSED:
        passed = [answer for answer in answers if answer.status not in REFUSALS]
        assert passed == [], passed
    else:
        broken = [answer for answer in answers if answer.status >= 500]
        assert broken == [], broken
