"""A digest taken in the store is that of a whole copy, with no more than a few files at a time on the disk."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from placet import streamed
from placet.digests import UnusableArtifact, artifact_manifest
from placet.streamed import folder_manifest, store_manifest

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's, botocore's and moto's own
FILES = {
    "MLmodel": b"flavors: {}\n",
    "a/b/c.bin": b"\1" * 3_000_000,
    "a/b.txt": b"",
    "a.b": b"1",
    "ümläut": b"x" * 70_000,
}


@pytest.fixture
def folder(tmp_path) -> Path:
    made = tmp_path / "model"
    for name, content in FILES.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(content)
    return made


def digest(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-m", "placet.cli", "digest", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_folder_in_threads_has_the_manifest_of_one_thread_and_tells_each_byte(folder):
    told: list[tuple[str, int]] = []
    found = folder_manifest(folder, progress=lambda path, size: told.append((path, size)))
    assert found == artifact_manifest(folder) == folder_manifest(folder, threads=1)
    assert {path: sum(size for name, size in told if name == path) for path, _ in told} == {
        name: len(content) for name, content in FILES.items() if content
    }
    one = folder / "MLmodel"
    assert folder_manifest(one).root_digest == artifact_manifest(one).root_digest


def test_what_has_no_digest_as_a_copy_has_none_in_threads(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    (folder / "link").symlink_to(folder / "MLmodel")
    for unusable in (folder, tmp_path / "empty"):
        with pytest.raises(UnusableArtifact) as one:
            artifact_manifest(unusable)
        with pytest.raises(UnusableArtifact) as threads:
            folder_manifest(unusable)
        assert str(one.value) == str(threads.value)


def test_the_command_prints_root_manifest_and_files(folder, tmp_path):
    manifest = artifact_manifest(folder)
    said = json.loads(digest(folder, "--json").stdout)
    assert (said["artifact_digest"], said["manifest_digest"]) == (manifest.root_digest, manifest.digest)
    assert [file["path"] for file in said["files"]] == [file.path for file in manifest.files]
    plain = digest(folder).stdout
    assert manifest.root_digest in plain
    assert "3,000,000  a/b/c.bin" in plain
    by_address = json.loads(digest(folder.as_uri(), "--json").stdout)
    assert by_address["artifact_digest"] == manifest.root_digest
    for nothing in (tmp_path / "nowhere", "s3-of-nobody://x/y"):
        failed = digest(nothing)
        assert (failed.returncode, failed.stdout) == (1, "")
        assert failed.stderr.startswith(str(nothing))


@pytest.mark.slow
def test_an_s3_store_is_digested_where_it_is(folder, monkeypatch, tmp_path):
    import boto3
    from moto.server import ThreadedMotoServer

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", address)
        client = boto3.client("s3", endpoint_url=address)
        client.create_bucket(Bucket="models")
        for name, content in FILES.items():
            client.put_object(Bucket="models", Key=f"1/model/{name}", Body=content)
            client.put_object(Bucket="models", Key=f"1/model-of-another/{name}", Body=b"other")
        assert store_manifest("s3://models/1/model") == artifact_manifest(folder)
        client.put_object(Bucket="models", Key="1/model/a/b.txt", Body=b"changed")
        assert store_manifest("s3://models/1/model").root_digest != artifact_manifest(folder).root_digest
        with pytest.raises(UnusableArtifact, match="no file"):
            store_manifest("s3://models/2/model")
    finally:
        server.stop()


@pytest.mark.slow
def test_a_proxied_store_is_digested_by_alias_version_and_location(tracking_server, logged_models, monkeypatch):
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(tracking_server[0])
    try:
        client = mlflow.MlflowClient()
        client.create_registered_model("streamed")
        client.create_model_version("streamed", f"models:/{logged_models[0]}", model_id=logged_models[0])
        client.set_registered_model_alias("streamed", "champion", "1")
        location = client.get_model_version_download_uri("streamed", "1")
        there = artifact_manifest(tracking_server[1] / location.removeprefix("mlflow-artifacts:/"))
        most = _most_at_once(monkeypatch)
        for uri in ("models:/streamed@champion", "models:/streamed/1", location):
            assert store_manifest(uri, threads=2) == there
        assert len(there.files) > 3
        assert most[0] <= 2  # never a whole copy
    finally:
        mlflow.set_tracking_uri(before)


def _most_at_once(monkeypatch) -> list[int]:
    """Watch how many fetched files lie on the disk at most."""
    most, genuine = [0], streamed._digested

    def digested(file, path, progress):
        most[0] = max(most[0], len(list(file.parent.iterdir())))
        return genuine(file, path, progress)

    monkeypatch.setattr(streamed, "_digested", digested)
    return most


@pytest.mark.parametrize("path", ["../other", "/etc/passwd", "a/../../b", "a\0b", ""])
def test_a_store_that_lists_what_is_not_below_it_is_refused(monkeypatch, path):
    from mlflow.entities.file_info import FileInfo

    class Store:
        def list_artifacts(self, folder):
            return [FileInfo(path, False, 1)]

    with pytest.raises(UnusableArtifact, match="lists a file called"):
        list(streamed._listed(Store()))
