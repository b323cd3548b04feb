"""Placet learns who made a run, from the identity that was proved, once it has said that it wants to know."""

import time
from collections.abc import Iterator

import pytest

from tests.client.mlflow_plugin.conftest import Rest
from tests.client.mlflow_plugin.decision_server import DEFAULT_ALIASES, DecisionServer, configured, verdict
from tests.client.mlflow_plugin.models import a_run, an_experiment


@pytest.fixture
def wanting(engineer: Rest, gate: DecisionServer) -> Iterator[object]:
    """Let the running server check in at once and hear which notices are wanted; none afterwards."""
    name, before = engineer.a_model(), gate.configuration

    def want(number: int, **more: object) -> None:
        gate.configuration = configured(number, DEFAULT_ALIASES, every_s=15, **more)
        gate.answer = lambda _question: verdict("BLOCK", configuration=number)
        seen = len(gate.check_ins)
        assert engineer.set_alias(name, "champion", 1).status == 403
        gate.wait_for_check_in(after=seen, timeout_s=5)
        time.sleep(0.2)

    yield want
    want(300_000 + len(gate.check_ins))
    gate.configuration = before


def test_the_runs_maker_is_told_once_it_is_wanted_and_never_the_one_that_the_client_claims(
    engineer: Rest, gate: DecisionServer, wanting
):
    experiment = an_experiment(engineer)
    a_run(engineer, experiment)
    time.sleep(0.2)
    assert gate.asked("run.create") == [], "nobody asked for it"
    wanting(400_001, notices=["run.create"])
    made = engineer.post("runs/create", experiment_id=experiment, user_id="somebody-else")
    run_id = made.body["run"]["info"]["run_id"]
    told = gate.wait_for("run.create", name="")
    assert told["subject"] == {
        **{"workspace": "default", "name": "", "version": None, "created_at_ms": None},
        **{"source": None, "storage_location": None, "run_id": run_id},
    }
    assert told["identity"] == {"username": engineer.username, "source": "basic-auth"}


def test_making_runs_neither_waits_for_placet_nor_fails_with_it(engineer: Rest, gate: DecisionServer, wanting):
    wanting(400_002, notices=["run.create"])
    experiment = an_experiment(engineer)
    with gate.down():
        began = time.monotonic()
        for _ in range(5):
            a_run(engineer, experiment)
        assert time.monotonic() - began < 5
