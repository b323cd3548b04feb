"""Apply against revoke, twenty at once, through a real governed MLflow server that asks the real decision endpoint.

Whoever wins: within one pass of the reconciler the alias in MLflow, its history and the log say the same.
"""

from __future__ import annotations

import base64
import json
import random
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from governance.approvals import services as approvals
from governance.approvals.models import Finding
from governance.audit.actors import System
from governance.audit.models import Entry
from placet.digests import artifact_manifest
from registry import alias_changes, applying, mlflow, reconcile, selectors
from registry.models import AliasChange, ApplyGrant
from tests.client.mlflow_plugin.decision_server import TOKEN
from tests.client.mlflow_plugin.mlflow_server import SERVICE, MlflowServer, governed_server
from tests.factories import fresh
from tests.proving import count
from tests.registry.test_applying import at_once
from tests.reports.factories import notarise

pytestmark = pytest.mark.slow
AT_ONCE = 20
FILES = ("MLmodel", "model.skops")


@pytest.fixture
def governed(live_server: Any, tmp_path: Path) -> Iterator[MlflowServer]:
    """A governed server on SQLite whose decisions this process gives, over HTTP."""
    users, registry = (f"sqlite:///{tmp_path / name}" for name in ("users.db", "mlflow.db"))
    with governed_server(tmp_path, database=registry, auth_database=users, placet_url=live_server.url) as server:
        yield server


@pytest.fixture
def placet(governed: MlflowServer, settings: Any, committed_cast: Any) -> Any:
    """Placet, whose MLflow is that server."""
    settings.GATE_TOKEN = TOKEN
    settings.MLFLOW_TRACKING_URI = governed.url
    settings.MLFLOW_USERNAME, settings.MLFLOW_PASSWORD = SERVICE, governed.password
    return committed_cast


class Tracking:
    """MLflow's REST API as its admin, for what a training job does."""

    def __init__(self, server: MlflowServer) -> None:
        self.url = server.url
        self._auth = "Basic " + base64.b64encode(f"{SERVICE}:{server.password}".encode()).decode()

    def ask(self, method: str, path: str, body: bytes, kind: str = "application/json") -> dict[str, Any]:
        headers = {"Authorization": self._auth, "Content-Type": kind}
        request = urllib.request.Request(f"{self.url}{path}", body, headers, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return dict(json.loads(answer.read() or b"{}"))

    def registered(self, name: str, number: int) -> tuple[int, str]:
        """Log a model in a run and register it as the next version; return its creation time and where it lies."""
        made = self.ask("POST", "/api/2.0/mlflow/runs/create", b'{"experiment_id": "0"}')["run"]["info"]
        place = f"{made['artifact_uri']}/model"
        below = place.removeprefix("mlflow-artifacts:/")
        for file in FILES:
            path = f"/api/2.0/mlflow-artifacts/artifacts/{below}/{file}"
            self.ask("PUT", path, f"{file} of {number}".encode(), "application/octet-stream")
        body = json.dumps({"name": name, "source": place, "run_id": made["run_id"]}).encode()
        version = self.ask("POST", "/api/2.0/mlflow/model-versions/create", body)["model_version"]
        return int(version["creation_timestamp"]), place


def approved(cast: Any, tracking: Tracking, number: int, folder: Path) -> Any:
    """The next version in MLflow, approved, with the notary's permit."""
    name = cast.model.name
    if number == 1:
        tracking.ask("POST", "/api/2.0/mlflow/registered-models/create", json.dumps({"name": name}).encode())
    created_at_ms, place = tracking.registered(name, number)
    local = folder / str(number)
    local.mkdir()
    for file in FILES:
        (local / file).write_text(f"{file} of {number}")
    manifest = artifact_manifest(local)
    made = cast.promotion(
        number=number,
        mlflow_created_at_ms=created_at_ms,
        source=place,
        storage_location=place,
        artifact_digest=manifest.root_digest,
        manifest_digest=manifest.digest,
    )
    cast.signed(made)
    notarise(folder / "notary")
    return fresh(made)


def newest_said(alias: str) -> int | None:
    """Which version the log says is behind an alias, from its entries alone."""
    said = [json.loads(body) for body in Entry.objects.order_by("seq").values_list("body", flat=True)]
    done = [entry["data"] for entry in said if entry["event"] in {"promotion.applied", "alias_change.done"}]
    return next((data["version"] for data in reversed(done) if data["alias"] == alias), None)


def test_the_alias_its_history_and_the_log_agree_whoever_wins(
    placet: Any, governed: MlflowServer, tmp_path: Path
) -> None:
    tracking, chance = Tracking(governed), random.Random(7)  # noqa: S311
    (tmp_path / "notary").mkdir()
    django_settings.MLFLOW_SERVICE_USER = SERVICE
    outcomes = set()
    for number in range(1, count(200, 20) + 1):
        promotion = approved(placet, tracking, number, tmp_path)
        change = applying.request_apply(promotion_id=promotion.pk, person=placet.engineer)
        assert change is not None

        def revoke(promotion: Any = promotion, wait: float = chance.uniform(0, 0.6)) -> None:
            import time

            time.sleep(wait)
            approvals.revoke(request_id=promotion.approval_id, reason="Its data were wrong.", actor=System("test"))

        calls = [lambda pk=change.pk: alias_changes.carry_out(pk)] * (AT_ONCE - 1)
        results = at_once(*calls, revoke)
        assert not [result for result in results if isinstance(result, Exception)], results
        alias_changes.carry_out(change.pk)  # as the sweep does, for one that waited in vain
        change.refresh_from_db()
        outcomes.add(change.state)
        reconcile.run_pass("aliases", reconcile.watch_aliases)
        with mlflow.Client() as client:
            there = client.alias(placet.model.name, "champion")
        live = selectors.live(placet.model, "champion")
        assert there == (live.version.number if live else None) == newest_said("champion")
        assert not Finding.objects.filter(code__in=["unapproved-alias", "alias-removed"]).exists()
        written = ApplyGrant.objects.filter(change=change, written_at__isnull=False).count()
        assert written == (1 if change.state == AliasChange.State.DONE else 0)
    assert outcomes == {"done", "failed"}, "each side won at least once"
