"""Every act goes to the workspace of its model, on a governed MLflow that has the same name and bytes in two."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connections

from placet.digests import artifact_manifest
from placet.loader import Refused, verify_model
from placet.notes import encode_vkey
from placet.sdk import Placet
from placet.trust import Trust
from registry import alias_changes, applying, interventions, marking, mlflow, reconcile, selectors
from registry.models import AliasChange, ApplyGrant, Permit, WatchSpan
from registry.permits import statement_of
from tests.client.mlflow_plugin.decision_server import TOKEN
from tests.client.mlflow_plugin.mlflow_server import SERVICE, MlflowServer, governed_server
from tests.factories import a_model, fresh
from tests.registry.stock_mlflow import MLMODEL, Estate
from tests.registry.test_standby import PERMIT_KEY
from tests.reports.factories import notarise

pytestmark = pytest.mark.slow
_numbers = itertools.count(1)
WHY = "Customers are refused by mistake since noon."


@pytest.fixture(scope="module")
def governed(
    live_server: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[MlflowServer, tuple[Estate, Estate]]]:
    """A governed server with workspaces, whose decisions this process gives over HTTP; who registers in two of them."""
    folder = tmp_path_factory.mktemp("governed")
    users, registry = (f"sqlite:///{folder / name}" for name in ("users.db", "mlflow.db"))
    with governed_server(
        folder,
        database=registry,
        auth_database=users,
        placet_url=live_server.url,
        options=["--enable-workspaces"],
    ) as server:
        auth = (SERVICE, server.password)
        with Estate(server.url, auth=auth) as here, Estate(server.url, workspace="team-a", auth=auth) as there:
            yield server, (here, there)


@pytest.fixture
def placet(governed: Any, settings: Any, committed_cast: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Placet, whose MLflow is that server; the cast's model lies in team-a, and its twin serves the same system."""
    server, estates = governed
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)  # the server's threads keep none open
    settings.GATE_TOKEN = TOKEN
    settings.MLFLOW_TRACKING_URI = server.url
    settings.MLFLOW_USERNAME, settings.MLFLOW_PASSWORD = SERVICE, server.password
    settings.MLFLOW_SERVICE_USER = SERVICE
    name = f"twin-{next(_numbers)}"
    for estate in estates:
        estate.model(name, versions=2)
    committed_cast.twin = a_model(committed_cast.system, name=name)
    committed_cast.model = a_model(committed_cast.system, name=name, workspace="team-a")
    (tmp_path / "notary").mkdir()
    return committed_cast


def approved(cast: Any, number: int, folder: Path) -> Any:
    """A version as it lies in MLflow, approved, with the notary's permit."""
    with mlflow.Client(cast.model.workspace) as client:
        there = client.version(cast.model.name, number)
        place = client.storage_location(cast.model.name, number)
    local = folder / f"{cast.model.workspace}-{number}"
    local.mkdir()
    (local / "MLmodel").write_bytes(MLMODEL)
    (local / "model.skops").write_bytes(f"weights {number}".encode())
    manifest = artifact_manifest(local)
    made = cast.promotion(
        number=number,
        mlflow_created_at_ms=there.created_at_ms,
        source=there.source,
        storage_location=place,
        artifact_digest=manifest.root_digest,
        manifest_digest=manifest.digest,
    )
    cast.signed(made)
    notarise(folder / "notary")
    return fresh(made)


def applied(cast: Any, promotion: Any) -> str:
    change = applying.request_apply(promotion_id=promotion.pk, person=cast.engineer)
    assert change is not None
    return alias_changes.carry_out(change.pk)


def pointers(cast: Any) -> list[int | None]:
    """Where the alias points in the default workspace, and in the other."""
    found = []
    for workspace in ("default", "team-a"):
        with mlflow.Client(workspace) as client:
            found.append(client.alias(cast.twin.name, "champion"))
    return found


def test_an_approval_in_one_workspace_lets_nothing_through_in_another(
    placet: Any, governed: Any, live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    promotion = approved(placet, 1, tmp_path)
    change = applying.request_apply(promotion_id=promotion.pk, person=placet.engineer)
    assert change is not None
    token = alias_changes.take_grant(change.pk)
    with mlflow.Client() as elsewhere:
        with pytest.raises(PermissionError, match="The apply grant is not valid for this call"):
            elsewhere.set_alias(placet.twin.name, "champion", 1, grant=token)
        with pytest.raises(
            PermissionError, match=rf"{placet.twin} version 1 has no approval for champion\. Request it: `placet"
        ):
            elsewhere.set_alias(placet.twin.name, "champion", 1, grant="")
    assert not ApplyGrant.objects.filter(used_at__isnull=False).exists()
    with mlflow.Client("team-a") as there, pytest.raises(PermissionError, match="is approved; only Placet sets"):
        there.set_alias(placet.twin.name, "champion", 1, grant="")
    assert alias_changes.carry_out(change.pk) == AliasChange.State.DONE
    assert pointers(placet) == [None, 1]
    said = statement_of(Permit.objects.get(approval=promotion.approval, kind="serve"))["predicate"]
    assert (said["workspace"], said["model"]) == ("team-a", placet.twin.name)
    assert selectors.live(placet.twin, "champion") is None
    for name, value in (("URI", governed[0].url), ("USERNAME", SERVICE), ("PASSWORD", governed[0].password)):
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
    with Placet(live_server.url) as connection:
        loads = {"trust": Trust((), (encode_vkey("placet/permit", PERMIT_KEY.public_key()),)), "placet": connection}
        found = verify_model(f"models:/{placet.model}@champion", cache=tmp_path / "cache", **loads)
        assert (found.version, found.permit.workspace) == ("1", "team-a")
        with pytest.raises(Refused, match=f"Nothing that Placet approved is behind champion of {placet.twin}"):
            verify_model(f"models:/{placet.twin}@champion", **loads)
        with pytest.raises(Refused, match="workspace"):
            verify_model(f"models:/{placet.model}@champion", workspace="default", **loads)


def test_a_grant_to_stop_one_takes_the_alias_off_no_namesake(placet: Any, tmp_path: Path) -> None:
    ours = placet.model
    for model in (ours, placet.twin):
        placet.model = model
        assert applied(placet, approved(placet, 1, tmp_path)) == AliasChange.State.DONE
    stopped = interventions.stop(model=str(ours), alias="champion", person=placet.owner, reason=WHY)
    token = alias_changes.take_grant(stopped.pk)
    with mlflow.Client() as elsewhere, pytest.raises(PermissionError, match="grant is not valid for this call"):
        elsewhere.delete_alias(placet.twin.name, "champion", grant=token)
    assert alias_changes.carry_out(stopped.pk) == AliasChange.State.DONE
    assert pointers(placet) == [1, None]
    assert [span.version.model for span in selectors.all_live()] == [placet.twin]


def test_going_back_stopping_and_marking_act_where_the_model_lies(placet: Any, tmp_path: Path) -> None:
    for number in (1, 2):
        assert applied(placet, approved(placet, number, tmp_path)) == AliasChange.State.DONE
    assert pointers(placet) == [None, 2]
    words = {"model": str(placet.model), "alias": "champion", "reason": WHY}
    back = interventions.roll_back(person=placet.engineer, **words)
    assert alias_changes.carry_out(back.pk) == AliasChange.State.DONE
    assert pointers(placet) == [None, 1]
    notarise(tmp_path / "notary")
    assert marking.mark_all() > 0
    with mlflow.Client("team-a") as there, mlflow.Client() as elsewhere:
        row = there._get("model-versions/get", name=placet.twin.name, version=1)["model_version"]
        assert {tag["key"]: tag["value"] for tag in row["tags"]}["gov.status"] == "live"
        assert "tags" not in elsewhere._get("model-versions/get", name=placet.twin.name, version=1)["model_version"]
    found = reconcile.reconcile()
    assert [title for title in found.findings if placet.twin.name in title] == []
    stopped = interventions.stop(person=placet.owner, **words)
    assert alias_changes.carry_out(stopped.pk) == AliasChange.State.DONE
    assert pointers(placet) == [None, None]
    broken = interventions.break_glass(person=placet.owner, version=2, **words)
    assert alias_changes.carry_out(broken.pk) == AliasChange.State.DONE
    assert pointers(placet) == [None, 2]


def test_a_workspace_that_is_hidden_from_placet_is_not_taken_for_an_empty_one(
    placet: Any, governed: Any, settings: Any
) -> None:
    """To an identity that is no admin MLflow's searches show nothing, and answer well."""
    server, _ = governed
    plain = {"username": f"{placet.twin}", "password": "plain-password-1"}
    admin = (SERVICE, server.password)
    assert httpx.post(f"{server.url}/api/2.0/mlflow/users/create", json=plain, auth=admin).status_code == 200
    settings.MLFLOW_USERNAME, settings.MLFLOW_PASSWORD = plain.values()
    with mlflow.Client("team-a") as hidden:
        assert list(hidden.model_pages()) == [[]]
        with pytest.raises(httpx.HTTPStatusError, match="403"):
            hidden.check_workspace()
    done = reconcile.run_pass("aliases", reconcile.watch_aliases)
    assert (done.read, done.findings) == (set(), [])
    spans = WatchSpan.objects.filter(source=reconcile.deviations.SOURCE)  # the server's plugin checks in by itself
    assert not spans.exists(), "nobody watched"
