"""Nobody moves a governed alias past Placet: each attempt is answered with 403, a way forward, and a log entry."""

import json
import subprocess
import sys
from typing import Any

import httpx
import pytest

from examples.credit import story, watching
from tests.e2e.ledger import Ledger
from tests.e2e.steps import Step

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

# What an engineer may type into a notebook. Each line must be refused.
NOTEBOOK = {
    "set the alias": "client.set_registered_model_alias('credit-risk', 'champion', 2)",
    "set it in other letters": "client.set_registered_model_alias('credit-risk', 'CHAMPION', '2')",
    "move to the stage": "client.transition_model_version_stage('credit-risk', '2', 'Production')",
    "take the alias off": "client.delete_registered_model_alias('credit-risk', 'champion')",
    "delete the version": "client.delete_model_version('credit-risk', '1')",
    "delete the model": "client.delete_registered_model('credit-risk')",
    "rename the model": "client.rename_registered_model('credit-risk', 'credit-risk-2')",
    "set a reserved tag": "client.set_model_version_tag('credit-risk', '2', 'gov.approved', 'yes')",
}
ACTIONS = {
    "set the alias": "alias.set",
    "set it in other letters": "alias.set",
    "move to the stage": "stage.transition",
    "take the alias off": "alias.delete",
    "delete the version": "version.delete",
    "delete the model": "model.delete",
    "rename the model": "model.rename",
    "set a reserved tag": "tag.set",
}
RUN = """
import json, sys, mlflow
client, said = mlflow.MlflowClient(), {}
for name, line in json.load(sys.stdin).items():
    try:
        eval(line)
    except mlflow.exceptions.MlflowException as refusal:
        said[name] = [refusal.get_http_status_code(), refusal.message]
    else:
        said[name] = [200, "it was let through"]
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def attempts(world: story.World, ledger: Ledger) -> tuple[dict[str, tuple[int, str]], list[dict[str, Any]]]:
    """What MLflow's client was told on each line of the notebook, and the entries that this left in the log."""
    before = ledger.newest()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUN],
        input=json.dumps(NOTEBOOK),
        env=world.engineer_env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1]), ledger.entries_after(before)


@pytest.mark.parametrize("name", NOTEBOOK)
def test_the_mlflow_client_is_refused_and_told_what_to_do(attempts: Any, name: str) -> None:
    status, said = attempts[0][name]
    assert status == 403, said
    assert "Placet refused to" in said
    if ACTIONS[name] in {"alias.set", "stage.transition"}:
        assert "placet request credit-risk 2 --to champion" in said
    else:
        assert "Ask its owner in Placet" in said
    assert "http://localhost" in said, "a page shows more"


def test_each_attempt_is_in_the_log_with_the_person_who_made_it(
    world: story.World, attempts: Any, ledger: Ledger
) -> None:
    ((engineer,),) = ledger.rows("SELECT id FROM accounts_user WHERE email = %s", [world.people["engineer"].email])
    logged = [entry for entry in attempts[1] if entry["event"] == "gate.refused"]
    assert {entry["actor"] for entry in logged} == {f"person:{engineer}"}
    assert [entry["data"]["action"] for entry in logged] == list(ACTIONS.values())
    assert all(entry["data"]["model"] == "credit-risk" for entry in logged)


@pytest.mark.parametrize("prefix", ["/api", "/ajax-api"])
def test_the_rest_addresses_are_no_way_around(world: story.World, prefix: str) -> None:
    env = world.engineer_env
    auth = (env["MLFLOW_TRACKING_USERNAME"], env["MLFLOW_TRACKING_PASSWORD"])
    with httpx.Client(base_url=env["MLFLOW_TRACKING_URI"], auth=auth, timeout=60.0) as client:
        address = f"{prefix}/2.0/mlflow/registered-models/alias"
        body = {"name": "credit-risk", "alias": "champion", "version": "2"}
        answer = client.post(address, json=body)
        forged = client.post(address, json=body, headers={"X-Placet-Grant": "grant_made_up"})
    assert answer.status_code == 403
    assert "placet request" in answer.json()["message"]
    assert forged.status_code == 403
    assert "grant is not valid" in forged.json()["message"]


def test_the_demos_own_attempt_is_refused_in_words(step: Step) -> None:
    step(2)


def test_nothing_moved(world: story.World) -> None:
    assert watching.alias_in_mlflow(world) == 1
