"""Ways around the gate by changing the approved version's files through the server."""

from collections.abc import Iterable
from urllib.parse import quote

from tests.client.mlflow_plugin.bypasses import Attempt, Outcome, Way, World
from tests.client.mlflow_plugin.conftest import Response
from tests.client.mlflow_plugin.models import ARTIFACTS, a_run, an_experiment

REFUSED, NOTHING, OUT = Outcome.REFUSED, Outcome.NOTHING, Outcome.OUT_OF_SCOPE
PREFIXES = (ARTIFACTS, ARTIFACTS.replace("/api", "/ajax-api"))


def write(*spellings: str) -> Attempt:
    def attempt(world: World) -> Iterable[Response]:
        for spelt in spellings:
            for prefix in PREFIXES:
                path = f"{prefix}/{spelt.format(world.victim.folder)}"
                yield world.user.send("PUT", path, content=b"swapped")

    return attempt


def delete(world: World) -> Iterable[Response]:
    victim = world.victim
    for path in (f"{victim.folder}/MLmodel", victim.folder, victim.run_folder, f"{victim.experiment}/{victim.run_id}"):
        for prefix in PREFIXES:
            yield world.user.send("DELETE", f"{prefix}/{path}")


def upload_by_run(world: World) -> Iterable[Response]:
    for path in ("model/MLmodel", "model/data/weights.txt", "model//MLmodel", "model/%4dLmodel"):
        query = f"run_uuid={world.victim.run_id}&path={quote(path)}"
        yield world.user.send("POST", f"/ajax-api/2.0/mlflow/upload-artifact?{query}", content=b"swapped")


def in_parts(world: World) -> Iterable[Response]:
    for act, more in (("create", {"num_parts": 1}), ("complete", {"upload_id": "x", "parts": [{"part_number": 1}]})):
        body = {"path": "MLmodel", **more}
        target = f"/api/2.0/mlflow-artifacts/mpu/{act}/{world.victim.folder}"
        yield world.user.call("POST", target.lstrip("/"), prefix="", **body)


def presigned(world: World) -> Iterable[Response]:
    body = {"run_id": world.victim.run_id, "path": "model/MLmodel", "expiration": 600_000}
    yield world.user.post("artifacts/presigned-upload-url", **body)


def an_experiment_inside(world: World) -> Iterable[Response]:
    folder = world.folder / "artifacts" / world.victim.folder
    for number, location in enumerate((folder.as_uri(), str(folder), str(folder.parent / "." / "model" / "data"))):
        made = world.user.post("experiments/create", name=f"in-{world.name}-{number}", artifact_location=location)
        if made.status != 200:  # with workspaces MLflow itself chooses the location
            yield made
            continue
        run = a_run(world.user, made.body["experiment_id"])
        query = f"run_uuid={run['run_id']}&path=x"
        yield world.user.send("POST", f"/ajax-api/2.0/mlflow/upload-artifact?{query}", content=b"swapped")


def a_run_of_another_experiment(world: World) -> Iterable[Response]:
    run = a_run(world.user, an_experiment(world.user))
    up = f"../../../{world.victim.folder}/MLmodel"
    for path in (up, up.replace("..", "%2e%2e"), up.replace("..", "%252e%252e"), up.replace("/", "\\")):
        query = f"run_uuid={run['run_id']}&path={quote(path)}"
        yield world.user.send("POST", f"/ajax-api/2.0/mlflow/upload-artifact?{query}", content=b"swapped")


def deleting_the_run(world: World) -> Iterable[Response]:
    run = {"run_id": world.victim.run_id}
    yield world.user.post("runs/delete", **run)
    yield world.user.post("runs/restore", **run)


SPELT = (
    "{}//MLmodel",
    "{}/./MLmodel",
    "/{}/MLmodel",
    "{}/%4dLmodel",
    "{}/%254dLmodel",
    "{}%2FMLmodel",
    "x/../{}/MLmodel",
)
PART = "The approved version's files"
WAYS = [
    Way(
        PART,
        "`PUT` to the artifact proxy",
        REFUSED,
        "frozen while the version has a protected alias, stage or open status",
        write("{}/MLmodel", "{}/added.py"),
        True,
    ),
    Way(
        PART,
        "the same path spelt `//`, `./`, `..`, `%4d`, `%254d`, `%2F`",
        REFUSED,
        "a path is compared decoded until stable",
        write(*SPELT),
        True,
    ),
    Way(
        PART,
        "`DELETE` of a file, the folder or a folder above it",
        REFUSED,
        "a folder above holds it, too",
        delete,
        True,
    ),
    Way(
        PART,
        "the UI's upload for a run (`upload-artifact`)",
        REFUSED,
        "the guard is in what all routes use",
        upload_by_run,
        True,
    ),
    Way(
        PART,
        "an experiment whose location is said to be the approved folder",
        REFUSED,
        "places are compared, not runs",
        an_experiment_inside,
        True,
    ),
    Way(
        PART,
        "climbing out of another run's folder",
        REFUSED,
        "a path that goes up is refused",
        a_run_of_another_experiment,
    ),
    Way(
        PART,
        "the files of a version that was registered over REST by `runs:/`",
        REFUSED,
        "frozen where the run has them",
        tested="test_artifact_freeze.py::test_a_version_registered_by_its_run_is_frozen_where_the_run_has_it",
    ),
    Way(
        PART,
        "an upload in parts, begun before the approval or after",
        REFUSED,
        "looked at when it begins and when it is put together",
        in_parts,
        tested="test_artifact_freeze_s3.py::test_an_upload_in_parts_can_neither_begin_in_a_frozen_folder_nor_end_there",
    ),
    Way(
        PART,
        "a presigned upload, asked for before the approval and used after",
        REFUSED,
        "none is given out",
        presigned,
        tested="test_artifact_freeze_s3.py::test_no_presigned_upload_is_given_out",
    ),
    Way(
        PART,
        "an upload that trickles in while the version is approved",
        REFUSED,
        "looked at again at its end, before it takes the file's place",
        tested="test_artifact_freeze.py::test_bytes_that_still_trickle_in_when_the_version_is_frozen_are_dropped",
    ),
    Way(
        PART,
        "deleting the run that logged it",
        NOTHING,
        "marks the run; its files stay, and `mlflow gc` can't delete them through the server",
        deleting_the_run,
    ),
]
