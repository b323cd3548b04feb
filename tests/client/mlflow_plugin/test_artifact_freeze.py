"""What is in production, approved or under review keeps its bytes, also while Placet is down."""

import http.client
import json
import threading
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from placet.mlflow_plugin.freeze import MAX_AGE_S
from tests.client.mlflow_plugin.conftest import Rest
from tests.client.mlflow_plugin.decision_server import ALLOW, DecisionServer
from tests.client.mlflow_plugin.mlflow_server import MlflowServer
from tests.client.mlflow_plugin.models import (
    ARTIFACTS,
    LoggedVersion,
    a_logged_version,
    a_run,
    an_experiment,
    content_of,
    freeze,
    put,
)


@pytest.fixture
def frozen(engineer: Rest, gate: DecisionServer) -> LoggedVersion:
    version = a_logged_version(engineer)
    freeze(engineer, gate, version)
    return version


def unchanged(user: Rest, version: LoggedVersion) -> bool:
    return all(content_of(user, f"{version.folder}/{file}") == "approved" for file in ("MLmodel", "data/weights.txt"))


def test_before_it_has_an_alias_a_version_may_change_and_then_no_more(engineer: Rest, gate: DecisionServer):
    version = a_logged_version(engineer)
    assert put(engineer, f"{version.folder}/MLmodel", b"approved").status == 200
    freeze(engineer, gate, version)
    refused = put(engineer, f"{version.folder}/MLmodel")
    assert (refused.status, refused.body["error_code"]) == (403, "PERMISSION_DENIED")
    assert f"belongs to '{version.name}' version 1, and it has the alias 'champion'" in refused.message
    assert "register it as a new version" in refused.message
    assert unchanged(engineer, version)
    report = gate.wait_for("artifact.write", name=version.name)
    assert report["identity"] == {"username": engineer.username, "source": "basic-auth"}
    assert report["detail"]["path"] == f"{version.folder}/MLmodel"
    assert report["subject"]["storage_location"] == f"{version.artifact_uri}/model"


@pytest.mark.parametrize("scheme", ["runs", "RUNS"])
def test_a_version_registered_by_its_run_is_frozen_where_the_run_has_it(
    engineer: Rest, gate: DecisionServer, scheme: str
):
    """MLflow's client resolves such a source; over REST it stays as it is, and consumers resolve it when they load."""
    version = a_logged_version(engineer)
    made = engineer.add_version(version.name, f"{scheme}:/{version.run_id}/model", run_id=version.run_id)
    assert made.body["model_version"]["source"].startswith(scheme), "the case that this is about"
    gate.answer = lambda _question: ALLOW
    assert engineer.set_alias(version.name, "champion", 2).status == 200
    refused = put(engineer, f"{version.folder}/MLmodel")
    assert (refused.status, "version 2" in refused.message) == (403, True), refused
    assert put(engineer, f"{version.run_folder}/notes.txt").status == 200
    assert unchanged(engineer, version)


@pytest.mark.parametrize(
    "spelt",
    [
        "{}/MLmodel",
        "{}//MLmodel",
        "{}/./MLmodel",
        "/{}/MLmodel",
        "{}/%4dLmodel",
        "{}/%254dLmodel",
        "{}%2FMLmodel",
        "{}/new",
    ],
)
def test_no_spelling_of_the_path_gets_around_it(engineer: Rest, frozen: LoggedVersion, spelt: str):
    for prefix in (ARTIFACTS, ARTIFACTS.replace("/api", "/ajax-api")):
        path = f"{prefix}/{spelt.format(frozen.folder)}"
        assert engineer.send("PUT", path, content=b"swapped").status in (400, 403)
        assert engineer.send("DELETE", path).status in (308, 400, 403, 404)
    assert unchanged(engineer, frozen)
    assert content_of(engineer, f"{frozen.folder}/new") != "swapped"


def test_neither_a_folder_above_nor_one_below_can_be_deleted(engineer: Rest, frozen: LoggedVersion):
    for path in (frozen.folder, f"{frozen.folder}/data", frozen.run_folder, frozen.experiment, ""):
        assert engineer.send("DELETE", f"{ARTIFACTS}/{path}").status in (403, 404), path
    assert engineer.send("DELETE", f"{ARTIFACTS}/{frozen.run_folder}").status == 403
    assert unchanged(engineer, frozen)


def test_the_uis_upload_by_run_is_held_too(engineer: Rest, frozen: LoggedVersion):
    query = f"run_uuid={frozen.run_id}&path={quote('model/MLmodel')}"
    upload = f"/ajax-api/2.0/mlflow/upload-artifact?{query}"
    refused = engineer.send("POST", upload, content=b"swapped")
    assert refused.status == 403
    assert unchanged(engineer, frozen)
    beside = upload.replace("model%2FMLmodel", "notes.txt").replace("model/MLmodel", "notes.txt")
    assert engineer.send("POST", beside, content=b"fine").status == 200


def test_an_experiment_that_is_said_to_lie_in_the_frozen_folder_is_no_way_in(
    engineer: Rest, frozen: LoggedVersion, mlflow_server: MlflowServer
):
    def upload_to(location: str) -> int:
        made = engineer.post("experiments/create", name=location, artifact_location=location)
        assert made.status == 200, made
        run = a_run(engineer, made.body["experiment_id"])
        upload = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run['run_id']}&path=x"
        return engineer.send("POST", upload, content=b"swapped").status

    folder = mlflow_server.log.parent / "artifacts" / frozen.folder
    before = sorted(folder.rglob("*"))
    assert upload_to(folder.as_uri()) == 403
    assert upload_to(str(folder / "data")) == 403
    upload_to(f"mlflow-artifacts:/{frozen.folder}")  # MLflow writes to the run's own folder, whatever this says
    assert sorted(folder.rglob("*")) == before
    assert unchanged(engineer, frozen)


def test_other_runs_and_the_same_runs_other_files_stay_free(engineer: Rest, frozen: LoggedVersion):
    assert put(engineer, f"{frozen.run_folder}/metrics.txt").status == 200
    assert put(engineer, f"{frozen.folder}-2/MLmodel").status == 200
    run = a_run(engineer, an_experiment(engineer))
    other = f"{run['experiment_id']}/{run['run_id']}/artifacts"
    assert put(engineer, f"{other}/model/MLmodel").status == 200
    assert engineer.send("DELETE", f"{ARTIFACTS}/{other}/model").status == 200
    assert a_logged_version(engineer).name


def test_it_holds_while_placet_is_down(engineer: Rest, gate: DecisionServer, frozen: LoggedVersion):
    with gate.down():
        assert put(engineer, f"{frozen.folder}/MLmodel").status == 403
        assert a_logged_version(engineer).name
    assert unchanged(engineer, frozen)


@pytest.mark.parametrize(
    ("status", "holds"),
    [("in_review", True), ("Approved", True), ("suspended", True), ("anything", True), (" Rejected", False)]
    + [(ended, False) for ended in ("withdrawn", "expired", "revoked")],
)
def test_the_status_that_placet_shows_freezes_until_it_is_an_ended_one(
    engineer: Rest, gate: DecisionServer, status: str, holds: bool
):
    version = a_logged_version(engineer)
    gate.answer = lambda _question: ALLOW
    tag = {"name": version.name, "version": "1", "key": "gov.status", "value": status}
    assert engineer.post("model-versions/set-tag", **tag).status == 200
    assert put(engineer, f"{version.folder}/MLmodel").status == (403 if holds else 200)


def test_the_stage_production_freezes(engineer: Rest, gate: DecisionServer):
    version = a_logged_version(engineer)
    gate.answer = lambda _question: ALLOW
    stage = {"name": version.name, "version": "1", "stage": "Production", "archive_existing_versions": False}
    assert engineer.post("model-versions/transition-stage", **stage).status == 200
    refused = put(engineer, f"{version.folder}/MLmodel")
    assert (refused.status, "stage Production" in refused.message) == (403, True)


def test_taking_the_alias_off_thaws(engineer: Rest, gate: DecisionServer, frozen: LoggedVersion):
    gate.answer = lambda _question: ALLOW
    assert engineer.delete("registered-models/alias", name=frozen.name, alias="champion").status == 200
    assert put(engineer, f"{frozen.folder}/MLmodel").status == 200


def wait_for_another_file(folder: Path, known: set[Path]) -> None:
    """Wait until MLflow has made the file into which an upload goes until it is whole, beside those that are there."""
    ends_at = time.monotonic() + 20
    while set(folder.iterdir()) <= known:
        assert time.monotonic() < ends_at, "the upload does not begin"
        time.sleep(0.02)


def test_bytes_that_still_trickle_in_when_the_version_is_frozen_are_dropped(
    engineer: Rest, gate: DecisionServer, mlflow_server: MlflowServer
):
    version = a_logged_version(engineer)
    folder = mlflow_server.log.parent / "artifacts" / version.folder
    known = set(folder.iterdir())
    connection = http.client.HTTPConnection(urlsplit(engineer.server.url).netloc, timeout=30)
    connection.putrequest("PUT", f"{ARTIFACTS}/{version.folder}/MLmodel")
    connection.putheader("Authorization", engineer.headers["Authorization"])
    connection.putheader("Content-Length", "7")
    connection.endheaders(b"swap")
    wait_for_another_file(folder, known)
    freeze(engineer, gate, version)
    connection.send(b"ped")
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["error_code"]) == (403, "PERMISSION_DENIED")
    connection.close()
    assert unchanged(engineer, version)
    assert set(folder.iterdir()) == known


def test_a_large_upload_sees_the_reason_and_not_a_broken_connection(engineer: Rest, frozen: LoggedVersion):
    refused = put(engineer, f"{frozen.folder}/MLmodel", b"x" * 20_000_000)
    assert (refused.status, "belongs to" in refused.message) == (403, True)


def test_a_version_that_another_process_froze_is_frozen_a_second_later(
    engineer: Rest, gate: DecisionServer, mlflow_server: MlflowServer
):
    """The alias is written straight into the database, as another worker of the server would have written it."""
    import sqlite3

    version = a_logged_version(engineer)
    with sqlite3.connect(mlflow_server.log.parent / "mlflow.db", timeout=20) as database:
        database.execute(
            "INSERT INTO registered_model_aliases (workspace, name, alias, version) VALUES ('default', ?, 'prod', 1)",
            (version.name,),
        )
    database.close()
    time.sleep(MAX_AGE_S)
    assert put(engineer, f"{version.folder}/MLmodel").status == 403


def test_uploads_side_by_side_are_all_answered(engineer: Rest, frozen: LoggedVersion):
    run = a_run(engineer, an_experiment(engineer))
    folder = f"{run['experiment_id']}/{run['run_id']}/artifacts"
    answers: list[int] = []

    def upload(number: int) -> None:
        target = f"{folder}/{number}" if number % 2 else f"{frozen.folder}/{number}"
        answers.append(put(engineer, target).status)

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] * 6 + [403] * 6
