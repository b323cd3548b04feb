"""What Placet asks of an MLflow server without the plugin, asked of a real one.

Here it is the pinned version; ``scripts/mlflow_range.py`` runs the same against both ends of the supported range.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from placet.digests import artifact_manifest
from registry import artifacts, mlflow
from registry.errors import MlflowDown, UnknownModel, UnknownVersion
from tests.registry.stock_mlflow import Estate, stock_server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def estate(tmp_path_factory) -> Iterator[Estate]:
    with stock_server(tmp_path_factory.mktemp("stock")) as url, Estate(url) as estate:
        yield estate


@pytest.fixture
def placet(estate, settings) -> Iterator[mlflow.Client]:
    """Placet's own client, pointed at the server."""
    settings.MLFLOW_TRACKING_URI = estate.url
    with mlflow.Client() as client:
        yield client


def test_models_versions_and_aliases_are_read_page_by_page(estate, placet, monkeypatch):
    monkeypatch.setattr(mlflow, "MODELS_A_PAGE", 2)
    monkeypatch.setattr(mlflow, "VERSIONS_A_PAGE", 2)
    for name, versions in (("loans", 3), ("leases", 1), ("cards", 1)):
        estate.model(name, versions=versions)
    estate.alias("loans", "Champion", 2)
    estate.stage("cards", 1, "Production")

    models = [placet.read_model(row) for page in placet.model_pages() for row in page]
    assert {model.name: model.aliases for model in models} == {"loans": {"Champion": 2}, "leases": {}, "cards": {}}
    seen = [placet.read_version(row) for page in placet.version_pages() for row in page]
    assert [(row.name, row.number) for row in seen] == [
        *(("loans", number) for number in (1, 2, 3)),
        *(("leases", 1), ("cards", 1)),
    ], "oldest first"
    assert [row.stage for row in seen] == ["None"] * 4 + ["Production"]
    assert list(placet.versions("loans")) == seen[:3]
    assert placet.version("loans", 2) == seen[1]
    assert (seen[1].run_id, seen[1].source.startswith("mlflow-artifacts:/")) == (estate.run_id, True)
    assert placet.alias("loans", "Champion") == 2
    assert placet.alias("loans", "nobody") is None
    assert placet.spelling("loans", "champion") == "Champion"
    with pytest.raises(UnknownVersion):
        placet.version("loans", 9)


def test_a_runs_facts_and_files_are_read_also_where_there_is_none(estate, placet):
    estate.post("runs/log-parameter", run_id=estate.run_id, key="decision_threshold", value="0.4")
    estate.post("runs/log-metric", run_id=estate.run_id, key="recall", value=0.9, timestamp=1)
    estate.post("runs/set-tag", run_id=estate.run_id, key="mlflow.source.git.commit", value="abc")
    run = placet.run(estate.run_id)
    assert (run.parameters, run.metrics) == ({"decision_threshold": "0.4"}, {"recall": 0.9})
    assert run.tags["mlflow.source.git.commit"] == "abc"

    assert placet.run_artifact(estate.run_id, "placet/dataset.json") is None
    estate.file("placet/dataset.json", b"{}")
    assert placet.run_artifact(estate.run_id, "placet/dataset.json") == b"{}"
    assert placet.run_artifact(estate.run_id, "placet/evaluation.parquet") is None


def test_a_versions_files_are_digested_and_a_swap_is_seen(estate, placet, tmp_path):
    estate.model("digested")
    location = placet.storage_location("digested", 1)

    def digest(folder: str) -> str:
        (tmp_path / folder).mkdir()
        artifacts.fetch(placet, location, tmp_path / folder)
        return artifact_manifest(tmp_path / folder).root_digest

    approved, listed = digest("approved"), artifacts.listing_digest(placet, location)
    assert (tmp_path / "approved" / "model.skops").read_bytes() == b"weights 1"
    estate.file("digested/1/model.skops", b"swapped, and longer")
    assert digest("swapped") != approved
    assert artifacts.listing_digest(placet, location) not in {listed, "", artifacts.NOTHING}
    with pytest.raises(UnknownVersion, match="no artifacts"):
        artifacts.fetch(placet, f"{location}-elsewhere", tmp_path)


def test_aliases_and_tags_are_set_and_taken_off(estate, placet):
    estate.model("applied")
    placet.set_alias("applied", "champion", 1, grant="a-grant-that-nobody-looks-at")
    assert placet.alias("applied", "champion") == 1
    placet.delete_alias("applied", "champion", grant="another")
    assert placet.alias("applied", "champion") is None

    placet.set_tag("applied", 1, "gov.status", "approved")
    placet.set_tag("applied", None, "gov.case_url", "https://placet.example/models/1")
    (row,) = next(placet.version_pages("applied"))
    assert row["tags"] == [{"key": "gov.status", "value": "approved"}]
    placet.delete_tag("applied", 1, "gov.status")
    placet.delete_tag("applied", None, "gov.case_url")
    assert not next(placet.version_pages("applied"))[0].get("tags")
    with pytest.raises(UnknownModel):
        placet.set_tag("nobody", 1, "gov.status", "approved")


def test_webhooks_are_listed_or_said_to_be_missing(estate, placet):
    """MLflow has them from 3.3 on; on an older server the poll goes on without."""
    if _release(estate) >= (3, 3):
        assert list(placet.webhooks()) == []
    else:
        with pytest.raises(MlflowDown, match="MLflow has no webhooks"):
            list(placet.webhooks())


def _release(estate: Estate) -> tuple[int, ...]:
    return tuple(map(int, httpx.get(f"{estate.url}/version").text.split(".")[:2]))
