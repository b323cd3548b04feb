"""Apply against revoke, twenty at once, through a real governed MLflow server that asks the real decision endpoint.

Whoever wins: within one pass of the reconciler the alias in MLflow, its history and the log say the same, and nothing
was let through after the revocation. The rounds go through the moments of an apply: a revocation that is meant for one
is made and committed there, while the apply stands still; one that comes as the gate answers waits for its answer. One
in eight comes whenever it comes.
"""

from __future__ import annotations

import base64
import json
import random
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection

from governance.approvals import services as approvals
from governance.approvals.models import Finding
from governance.audit.actors import System
from governance.audit.models import Entry
from placet.digests import artifact_manifest
from registry import alias_changes, applying, gate, live, mlflow, reconcile, selectors
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
WON_BY_REVOKE = ("before it begins", "bytes digested", "grant made", "gate asked")
ANSWERING = "gate answering"
WON_BY_APPLY = (ANSWERING, "gate answered", "alias written")
WHENEVER = "whenever"
MOMENTS = (*WON_BY_REVOKE, *WON_BY_APPLY, WHENEVER)


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


class Interrupted:
    """Stops the first apply that comes to a moment until the revocation is committed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moment, self._reached, self._revoked = "", Event(), Event()
        for place, owner, name, before in (
            ("bytes digested", live, "difference", False),
            ("grant made", alias_changes, "take_grant", False),
            ("gate asked", gate, "decide", True),
            (ANSWERING, gate, "_in_force", False),
            ("gate answered", gate, "decide", False),
            ("alias written", mlflow.Client, "set_alias", False),
        ):
            monkeypatch.setattr(owner, name, self._with_a_stop(owner, name, place, before=before))

    def _with_a_stop(self, owner: Any, name: str, place: str, *, before: bool) -> Callable[..., Any]:
        work: Callable[..., Any] = getattr(owner, name)

        def stopping(*args: Any, **kwargs: Any) -> Any:
            ours = name != "decide" or kwargs.get("grant")
            if before and ours:
                self._stop(place)
            done = work(*args, **kwargs)
            if not before and ours:
                self._stop(place)
            return done

        return stopping

    def _stop(self, place: str) -> None:
        if place != self.moment:
            return
        self._reached.set()
        ends = time.monotonic() + 30
        while not self._revoked.wait(0.02) and not (place == ANSWERING and a_revocation_waits()):
            assert time.monotonic() < ends, "the revocation does not come"

    def begin(self, moment: str) -> None:
        """Let the next round's revocation come at a moment."""
        self._reached.clear()
        self._revoked.clear()
        self.moment = moment

    def revoke(self, promotion: Any, *, after_s: float) -> None:
        """Revoke when the moment has come."""
        if self.moment == WHENEVER:
            time.sleep(after_s)
        elif self.moment != MOMENTS[0]:
            assert self._reached.wait(30), f"no apply came to {self.moment}"
        approvals.revoke(request_id=promotion.approval_id, reason="Its data were wrong.", actor=System("test"))
        self._revoked.set()


def a_revocation_waits() -> bool:
    """Return whether somebody waits for what this transaction holds (pg_stat_activity would not change within it)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])


def order_of(promotion: Any, change: AliasChange) -> tuple[list[int], int]:
    """Return the numbers of the log's entries that let the change through, and of the one that revokes its approval."""
    let_through, revoked = [], 0
    for seq, body in Entry.objects.order_by("seq").values_list("seq", "body"):
        entry = json.loads(body)
        if entry["event"] == "gate.allowed" and entry["data"].get("change") == change.number:
            let_through.append(seq)
        if entry["event"] == "approval.state_changed" and entry["data"]["request"] == str(promotion.approval_id):
            revoked = seq
    return let_through, revoked


def test_the_alias_its_history_and_the_log_agree_whoever_wins(
    placet: Any,
    governed: MlflowServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_testsuite_property: Any,
) -> None:
    tracking, chance, interrupted = Tracking(governed), random.Random(7), Interrupted(monkeypatch)  # noqa: S311
    (tmp_path / "notary").mkdir()
    django_settings.MLFLOW_SERVICE_USER = SERVICE
    rounds, won = count(200, len(MOMENTS)), Counter[tuple[str, str]]()
    for number in range(1, rounds + 1):
        promotion = approved(placet, tracking, number, tmp_path)
        change = applying.request_apply(promotion_id=promotion.pk, person=placet.engineer)
        assert change is not None
        moment, after_s = MOMENTS[number % len(MOMENTS)], chance.uniform(0, 1.5)
        interrupted.begin(moment)
        if moment == MOMENTS[0]:
            interrupted.revoke(promotion, after_s=0)
            rest: list[Callable[[], Any]] = []
        else:
            rest = [lambda promotion=promotion, after_s=after_s: interrupted.revoke(promotion, after_s=after_s)]
        results = at_once(*[lambda pk=change.pk: alias_changes.carry_out(pk)] * (AT_ONCE - 1), *rest)
        assert not [result for result in results if isinstance(result, Exception)], results
        alias_changes.carry_out(change.pk)  # as the sweep does, for one that waited in vain
        change.refresh_from_db()
        won[moment, change.state] += 1
        reconcile.run_pass("aliases", reconcile.watch_aliases)
        assert_they_agree(placet, promotion, change, moment)
    sides = {side: sum(n for (_, state), n in won.items() if state == side) for side in ("done", "failed")}
    said = f"{rounds} rounds, apply first in {sides['done']}, revoke first in {sides['failed']}"
    record_testsuite_property("apply against revoke", said)
    by_moment = ", ".join(f"{moment} {won[moment, 'done']}:{won[moment, 'failed']}" for moment in MOMENTS)
    sys.stdout.write(f"apply against revoke: {said} ({by_moment})\n")
    assert (
        {won[moment, "failed"] for moment in WON_BY_APPLY} == {0} == {won[moment, "done"] for moment in WON_BY_REVOKE}
    )


def assert_they_agree(placet: Any, promotion: Any, change: AliasChange, moment: str) -> None:
    """MLflow, the history and the log say the same; one grant wrote, before the revocation, or none did."""
    with mlflow.Client() as client:
        there = client.alias(placet.model.name, "champion")
    now_live = selectors.live(placet.model, "champion")
    assert there == (now_live.version.number if now_live else None) == newest_said("champion"), moment
    assert not Finding.objects.filter(code__in=["unapproved-alias", "alias-removed"]).exists(), moment
    is_done = change.state == AliasChange.State.DONE
    grants = ApplyGrant.objects.filter(change=change)
    assert grants.filter(written_at__isnull=False).count() == grants.filter(used_at__isnull=False).count() == is_done
    if moment in MOMENTS[:2]:
        assert not grants.exists(), "none is made of what is revoked"
    let_through, revoked = order_of(promotion, change)
    assert len(let_through) == is_done, moment
    assert all(seq < revoked for seq in let_through), f"let through after the revocation ({moment})"
