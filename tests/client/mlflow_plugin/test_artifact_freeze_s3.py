"""The freeze in front of an object store: uploads in parts and presigned ones, on an S3 server and a real MLflow."""

import warnings
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from placet.mlflow_plugin.artifacts import GUARDED
from tests.client.mlflow_plugin.conftest import ENGINEER, ENGINEER_PASSWORD, Response, Rest
from tests.client.mlflow_plugin.decision_server import DecisionServer
from tests.client.mlflow_plugin.mlflow_server import SERVICE, governed_server
from tests.client.mlflow_plugin.models import a_logged_version, a_run, an_experiment, freeze, put

KEYS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_DEFAULT_REGION": "us-east-1"}
PART = b"p" * (5 << 20)


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """An S3 server with a bucket ``models``, and a client of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import boto3
        from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=url, aws_access_key_id="tests", aws_secret_access_key="tests", region_name="us-east-1"
    )
    client.create_bucket(Bucket="models")
    yield SimpleNamespace(url=url, client=client)
    client.close()
    server.stop()


@pytest.fixture(scope="module")
def _engineer_of_s3(s3: Any, _session_gate: DecisionServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    folder = tmp_path_factory.mktemp("on-s3")
    with governed_server(
        folder,
        database=f"sqlite:///{folder / 'mlflow.db'}",
        auth_database=f"sqlite:///{folder / 'auth.db'}",
        placet_url=_session_gate.url,
        options=["--artifacts-destination", "s3://models/kept"],
        settings={**KEYS, "MLFLOW_S3_ENDPOINT_URL": s3.url},
    ) as server:
        admin = Rest(server, SERVICE, server.password)
        assert admin.post("users/create", username=ENGINEER, password=ENGINEER_PASSWORD).status == 200
        yield Rest(server, ENGINEER, ENGINEER_PASSWORD)


@pytest.fixture
def engineer(_engineer_of_s3: Rest, gate: DecisionServer) -> Rest:
    return _engineer_of_s3


def mpu(user: Rest, act: str, folder: str, **more: Any) -> Response:
    return user.post(f"mpu/{act}/{folder}", prefix="/api/2.0/mlflow-artifacts", path="weights.bin", **more)


def uploaded_in_parts(user: Rest, folder: str) -> dict[str, Any]:
    """Begin an upload and send its one part, as MLflow's client does; return what completes it."""
    created = mpu(user, "create", folder, num_parts=1)
    assert created.status == 200, created
    [credential] = created.body["credentials"]
    parts = urlsplit(credential["url"])
    bucket = Rest(SimpleNamespace(url=f"http://{parts.netloc}"), "", "")  # type: ignore[arg-type]
    assert bucket.send("PUT", f"{parts.path}?{parts.query}", content=PART, headers={}).status == 200
    part = {"part_number": 1, "etag": "x", "url": credential["url"]}
    return {"upload_id": created.body["upload_id"], "parts": [part]}


@pytest.mark.slow
def test_an_upload_in_parts_can_neither_begin_in_a_frozen_folder_nor_end_there(
    engineer: Rest, gate: DecisionServer, s3: Any
):
    version = a_logged_version(engineer, files=("MLmodel",))
    begun = uploaded_in_parts(engineer, version.folder)
    freeze(engineer, gate, version)
    assert mpu(engineer, "create", version.folder, num_parts=1).status == 403
    assert mpu(engineer, "complete", version.folder, **begun).status == 403
    assert mpu(engineer, "complete", version.folder.replace("model", "%256dodel"), **begun).status == 403
    assert mpu(engineer, "abort", version.folder, upload_id=begun["upload_id"]).status == 403
    assert put(engineer, f"{version.folder}/MLmodel").status == 403
    keys = [item["Key"] for item in s3.client.list_objects_v2(Bucket="models")["Contents"]]
    assert [key for key in keys if version.folder in key] == [f"kept/{version.folder}/MLmodel"]

    free = a_run(engineer, an_experiment(engineer))
    folder = f"{free['experiment_id']}/{free['run_id']}/artifacts"
    again = uploaded_in_parts(engineer, folder)
    [etag] = [
        part["ETag"]
        for part in s3.client.list_parts(
            Bucket="models", Key=f"kept/{folder}/weights.bin", UploadId=again["upload_id"]
        )["Parts"]
    ]
    again["parts"][0]["etag"] = etag
    assert mpu(engineer, "complete", folder, **again).status == 200


@pytest.mark.slow
def test_no_presigned_upload_is_given_out(engineer: Rest, gate: DecisionServer):
    """Whoever holds one can write until it expires, so it could be asked for before the approval and used after it."""
    run = a_run(engineer, an_experiment(engineer, artifact_location="s3://models/direct"))
    asked = {"run_id": run["run_id"], "path": "model/MLmodel", "expiration": 600_000}
    for prefix in ("/api/2.0/mlflow", "/ajax-api/2.0/mlflow"):
        refused = engineer.post("artifacts/presigned-upload-url", prefix=prefix, **asked)
        assert (refused.status, "presigned" in refused.message) == (403, True)


@pytest.mark.slow
def test_the_buckets_own_address_is_the_same_place_as_the_proxys(engineer: Rest, gate: DecisionServer, s3: Any):
    version = a_logged_version(engineer, files=("MLmodel",))
    freeze(engineer, gate, version)
    run = a_run(engineer, an_experiment(engineer, artifact_location=f"s3://models/kept/{version.folder}"))
    upload = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run['run_id']}&path=x"
    assert engineer.send("POST", upload, content=b"swapped").status == 403
    body = s3.client.get_object(Bucket="models", Key=f"kept/{version.folder}/MLmodel")["Body"].read()
    assert body == b"approved"


READS = {
    "list_artifacts",
    "get_local_path",
    "download_artifacts",
    "download_trace_data",
    "download_trace_data_to_file",
    "download_archived_trace_data",
    "download_trace_attachment",
    "download_trace_attachment_to_file",
    "get_download_presigned_url",
    "flush_async_logging",
}
WRITES_BY_LOG_ARTIFACT = {
    "upload_trace_data",
    "upload_archived_trace_data",
    "upload_archived_trace_data_bytes",
    "upload_attachment",
}


def test_every_kind_of_repository_can_be_guarded_in_its_place():
    """Python lets an object change its class only where both lay their instances out alike."""
    from mlflow.store.artifact.artifact_repository_registry import get_registered_artifact_repositories

    from placet.mlflow_plugin.artifacts import GuardedWrites, guarded

    kinds = {kind for kind in get_registered_artifact_repositories().values() if isinstance(kind, type)}
    assert len(kinds) > 10
    for kind in kinds:
        repository = guarded(object.__new__(kind))
        assert isinstance(repository, GuardedWrites), kind
        assert isinstance(repository, kind), kind


def test_no_method_of_mlflows_repositories_is_left_without_a_word():
    from mlflow.store.artifact import artifact_repo

    names = set()
    for repository in vars(artifact_repo).values():
        if isinstance(repository, type) and repository.__module__ == artifact_repo.__name__:
            names |= {name for name, value in vars(repository).items() if not name.startswith("_") and callable(value)}
    assert names - GUARDED - READS - WRITES_BY_LOG_ARTIFACT == set()
    for name in WRITES_BY_LOG_ARTIFACT:
        called = set(vars(artifact_repo.ArtifactRepository)[name].__code__.co_names)
        assert called & {"log_artifact", *WRITES_BY_LOG_ARTIFACT}, name
