"""Every workspace of a real MLflow is read, prompts too; what moves past its server is seen and called by its name."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from governance.accounts.roles import Role
from governance.approvals.models import Finding
from governance.common import clock
from registry import adoptable, coverage, history, reconcile, selectors
from registry.models import ModelVersion, ObservedAlias, RegisteredModel, WatchSpan
from tests.factories import a_model, a_user, a_version
from tests.registry.stock_mlflow import Estate, stock_server

pytestmark = pytest.mark.slow


@dataclass
class Server:
    """A stock MLflow with workspaces, and the file that its rows are in."""

    url: str
    database: Path

    def sql(self, statement: str, *values: Any) -> None:
        """Write past the server."""
        connection = sqlite3.connect(self.database, timeout=30)
        with connection:
            connection.execute(statement, values)
        connection.close()

    def point(self, workspace: str, name: str, alias: str, number: int) -> None:
        """Set an alias in the database."""
        self.sql(
            "INSERT INTO registered_model_aliases (workspace, name, alias, version) VALUES (?, ?, ?, ?)",
            *(workspace, name, alias, number),
        )


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests here."""
    folder = tmp_path_factory.mktemp("workspaces")
    with stock_server(folder, options=["--enable-workspaces"]) as url:
        yield Server(url, folder / "mlflow.db")


@pytest.fixture
def server(running: Server, settings: Any, db: None) -> Iterator[Server]:
    """The server, which Placet is pointed at; its workspaces and aliases are gone afterwards."""
    settings.MLFLOW_TRACKING_URI = running.url
    a_user(Role.ADMINISTRATOR)  # who owns the findings of models that belong to nobody
    yield running
    for row in httpx.get(f"{running.url}/api/3.0/mlflow/workspaces").json()["workspaces"]:
        if row["name"] != "default":
            deleted(running, row["name"])
    running.sql("DELETE FROM registered_model_aliases")


def deleted(server: Server, workspace: str) -> None:
    """Delete a workspace with all that is in it."""
    answer = httpx.delete(f"{server.url}/api/3.0/mlflow/workspaces/{workspace}?mode=CASCADE", timeout=30)
    assert answer.status_code in {200, 204}, answer.text


def watched() -> reconcile.Report:
    return reconcile.run_pass("aliases", reconcile.watch_aliases)


def test_an_alias_that_sql_sets_in_another_workspace_is_seen_and_named(server: Server) -> None:
    with Estate(server.url, workspace="team-a") as there, Estate(server.url) as here:
        for estate in (there, here):
            estate.model("scoring")
        assert reconcile.reconcile().findings == []
        server.point("team-a", "scoring", "champion", 1)
        found = watched().findings
    assert [title.partition(",")[0] for title in found] == [
        "Unapproved champion: MLflow has team-a:scoring version 1 there"
    ]
    theirs, ours = selectors.model("team-a:scoring"), selectors.model("scoring")
    assert [span.by for span in history.timeline(theirs)] == [history.FOUND]
    assert history.timeline(ours) == []
    assert watched().findings == [], "it is known by now"
    deleted(server, "team-a")
    watched()
    assert ObservedAlias.objects.get().last_seen_at is not None


def test_versions_of_every_workspace_are_mirrored_with_their_bytes(server: Server) -> None:
    with Estate(server.url, workspace="team-a") as a, Estate(server.url, workspace="team-b") as b:
        for estate in (a, b):
            estate.model("twin", versions=2)
        assert reconcile.run_pass("new-versions", reconcile.mirror_registry).problems != []  # no evaluation data
    rows = ModelVersion.objects.filter(model__name="twin").select_related("model")
    assert sorted(map(str, rows)) == ["team-a:twin v1", "team-a:twin v2", "team-b:twin v1", "team-b:twin v2"]
    assert all(row.artifact_digest.startswith("sha256:") for row in rows)
    assert len({row.artifact_digest for row in rows}) == 2, "the same bytes under the same name, four versions"


def test_a_workspace_that_comes_later_is_watched_from_then_on_and_the_coverage_says_so(server: Server) -> None:
    began = clock.now()
    watched()
    with Estate(server.url, workspace="team-late"):
        watched()
    spans = list(WatchSpan.objects.filter(source="reconciler:aliases").order_by("started_at"))
    assert [coverage.read_in(span) for span in spans] == [["default"], ["default", "team-late"]]
    stated = coverage.statement(began, clock.now())
    late = next(row for row in stated["workspaces"] if row["workspace"] == "team-late")
    assert late["first_read_at"] == spans[1].started_at
    assert any(said.startswith("Workspace team-late was first read at ") for said in stated["unknown"])
    assert late["gaps"] == []


def test_what_is_in_production_in_each_workspace_can_be_adopted(server: Server) -> None:
    with Estate(server.url, workspace="team-a") as estate:
        estate.model("estate")
        estate.alias("estate", "Champion", 1)
        reconcile.reconcile()
        seen = adoptable.look()
        owner = a_user()
        rows = adoptable.rows(seen, adoptable.Wanted(only=("team-a:*",), owner=owner.email))
    assert [(row.place.model, row.place.alias, row.problem) for row in rows] == [("team-a:estate", "champion", "")]
    assert rows[0].version is not None
    assert rows[0].version.model.workspace == "team-a"


def test_a_protected_alias_on_a_prompt_is_seen_and_no_prompt_is_mirrored(server: Server) -> None:
    with Estate(server.url) as here, Estate(server.url, workspace="team-a") as there:
        for estate in (here, there):
            for name in ("greeting", "farewell", "smalltalk"):
                estate.prompt(name)
                estate.alias(name, "newest", 1)
    assert reconcile.reconcile().findings == []
    server.point("default", "greeting", "Champion", 1)
    server.point("team-a", "greeting", "champion", 1)
    server.sql(
        "UPDATE model_versions SET current_stage = 'Production' WHERE name = 'farewell' AND workspace = 'team-a'"
    )
    found = watched().findings
    told = "there, Placet approved another or none (it is a prompt, which Placet does not promote; take the alias off)"
    assert sorted(found) == [
        f"Unapproved Champion: MLflow has greeting version 1 {told}",
        f"Unapproved champion: MLflow has team-a:greeting version 1 {told}",
        "Unapproved stage: MLflow has team-a:farewell version 1 in Production",
    ]
    assert reconcile.reconcile().findings == [], "they are known by now"
    assert not ModelVersion.objects.filter(model__name__in=["greeting", "farewell", "smalltalk"]).exists()
    assert not RegisteredModel.objects.filter(name="smalltalk").exists()


def test_a_live_alias_whose_workspace_is_gone_is_a_finding(server: Server, cast: Any, settings: Any) -> None:
    settings.MLFLOW_TRACKING_URI = server.url
    cast.model = a_model(cast.system, workspace="gone")
    made = cast.live()
    found = watched().findings
    assert found == [
        f"champion is gone from {cast.model} in MLflow; Placet put it on version {made.version.number} "
        "and nobody took it off here"
    ]


def test_a_workspace_that_cannot_be_read_is_said_and_nothing_of_it_is_called_ended(
    tracking_server: Any, cast: Any, settings: Any
) -> None:
    """Models were mirrored from it; then the server was started without workspaces."""
    settings.MLFLOW_TRACKING_URI, _ = tracking_server
    began = clock.now()
    a_version(a_model(cast.system, workspace="team-shut"))
    done = watched()
    assert done.unread == {"team-shut"}
    assert done.findings == [
        "MLflow's workspace team-shut can't be read: MLflow answers 500. Nothing was changed; try again."
    ]
    assert Finding.objects.get().code == "workspace-unread"
    stated = coverage.statement(began, clock.now())
    assert "Workspace team-shut was never read: nothing is known of it." in stated["unknown"]
    assert [row["workspace"] for row in stated["workspaces"]] == ["default", "team-shut"]
