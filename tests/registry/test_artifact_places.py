"""Where a version's files may be fetched from: whoever may register a version says where they lie."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import pytest

from registry import artifacts
from registry.errors import ArtifactUnavailable, MlflowDown, UnknownModel, UnknownVersion


class NoClient:
    """MLflow is not asked for what it does not serve."""


class Client:
    """MLflow, which says where what is named by its run or logged model lies."""

    def __init__(self, place: str) -> None:
        self.place = place

    def run_artifacts(self, run_id: str) -> str:
        return self.place

    logged_model_artifacts = run_artifacts


@pytest.fixture
def server():
    reached = []

    class Inside(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reached.append(self.path)
            self.send_response(200)
            self.end_headers()

    running = HTTPServer(("127.0.0.1", 0), Inside)
    Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield running.server_address[1], reached
    running.shutdown()
    running.server_close()


def test_a_location_that_names_a_server_has_nobody_connect_to_it(server, tmp_path):
    port, reached = server
    with pytest.raises(ArtifactUnavailable, match=r"at http://127.*PLACET_ARTIFACT_SCHEMES"):
        artifacts.fetch(NoClient(), f"http://127.0.0.1:{port}/latest/meta-data", tmp_path)
    assert reached == []


@pytest.mark.parametrize(
    "location",
    [
        *("https://10.0.0.1/x", "HTTP://10.0.0.1/x", "ftp://10.0.0.1/x", "sftp://10.0.0.1/x", "hdfs://10.0.0.1/x"),
        *("viewfs://10.0.0.1/x", "r2://b@10.0.0.1/x", "b2://b@10.0.0.1/x", "abfss://f@evil.example/x", "dbfs:/x"),
        *(
            "runs:/0123",
            "runs:/0123/../x",
            "runs:/0123/%2e%2e/x",
            "models:/m-1/x",
            "models:/name/1",
            "mlflow-artifacts://10.0.0.1/x",
            "x+plugin://10.0.0.1/x",
        ),
    ],
)
def test_no_other_way_leads_to_a_server_of_ones_choice(location, tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts, "_fetch_with_mlflow", lambda *given: pytest.fail(f"fetched {given}"))
    with pytest.raises(ArtifactUnavailable):
        artifacts.fetch(NoClient(), location, tmp_path)


@pytest.mark.parametrize("location", ["s3://bucket/x", "gs://bucket/x", "file:///srv/x", "/srv/x", "C", "a/b:c"])
def test_a_bucket_and_a_path_are_read(location, tmp_path, monkeypatch):
    fetched = []
    monkeypatch.setattr(artifacts, "_fetch_with_mlflow", lambda *given: fetched.append(given))
    artifacts.fetch(NoClient(), location, tmp_path)
    assert fetched == [(location, tmp_path)]


@pytest.mark.parametrize(("location", "path"), [("runs:/0123abc/model", "/model"), ("models:/m-0123", "")])
def test_what_is_named_by_its_run_or_logged_model_is_read_where_mlflow_says(location, path, tmp_path, monkeypatch):
    fetched = []
    monkeypatch.setattr(artifacts, "_fetch_with_mlflow", lambda *given: fetched.append(given))
    artifacts.fetch(Client("s3://bucket/0123"), location, tmp_path)
    assert fetched == [(f"s3://bucket/0123{path}", tmp_path)]


@pytest.mark.parametrize("location", ["runs:/0123/model", "models:/m-0123"])
@pytest.mark.parametrize(
    "place", ["http://10.0.0.1/x", "runs:/4567/x", "models:/m-4567", "mlflow-artifacts://10.0.0.1/x"]
)
def test_nor_does_what_mlflow_says_lead_to_a_server_or_to_another_name(location, place, tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts, "_fetch_with_mlflow", lambda *given: pytest.fail(f"fetched {given}"))
    with pytest.raises(ArtifactUnavailable):
        artifacts.fetch(Client(place), location, tmp_path)


class Lost:
    """MLflow, which raises when it is asked where something lies."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def run_artifacts(self, run_id: str) -> str:
        raise self.error

    logged_model_artifacts = run_artifacts


ANSWERED_400 = httpx.HTTPStatusError("400", request=httpx.Request("GET", "http://mlflow"), response=httpx.Response(400))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (UnknownModel("No run"), UnknownVersion),
        (ANSWERED_400, ArtifactUnavailable),
        (ValueError("no JSON"), ArtifactUnavailable),  # MLflow 2 has no logged models, and says so in HTML
        (MlflowDown("away"), MlflowDown),
    ],
)
@pytest.mark.parametrize("location", ["runs:/0123/model", "models:/m-0123"])
def test_where_mlflow_does_not_say_that_is_told(location, error, told, tmp_path):
    with pytest.raises(told):
        artifacts.fetch(Lost(error), location, tmp_path)
    assert artifacts.listing_digest(Lost(error), location) == ""


def test_files_named_by_their_run_are_listed_where_they_lie(monkeypatch):
    monkeypatch.setattr(artifacts, "_listed", lambda client, location, budget: [(location, 1)])
    place = "mlflow-artifacts:/0/0123/artifacts"
    named = artifacts.listing_digest(Client(place), "runs:/0123/model")
    assert named == artifacts.listing_digest(NoClient(), f"{place}/model") != ""


def test_a_deployment_allows_more_or_less(tmp_path, monkeypatch, settings):
    fetched = []
    monkeypatch.setattr(artifacts, "_fetch_with_mlflow", lambda *given: fetched.append(given[0]))
    settings.ARTIFACT_SCHEMES = ["https"]
    artifacts.fetch(NoClient(), "https://store.example/x", tmp_path)
    with pytest.raises(ArtifactUnavailable):
        artifacts.fetch(NoClient(), "s3://bucket/x", tmp_path)
    assert fetched == ["https://store.example/x"]
