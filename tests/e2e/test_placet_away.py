"""Placet's web process is down: its holder goes back, or stops, by the permit that lies ready, and it is on record.

Everything is the product's own: the notary signed the permit, the worker laid it beside the model in MLflow, the client
shows it, MLflow's plugin verifies it and keeps its journal, and Placet hears of it when it is back.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from examples.credit import story, watching
from examples.credit.stage import Stage
from governance.common.embedded import mlflow_accounts
from governance.common.embedded.layout import REPOSITORY
from placet.permits import said_unverified
from tests.e2e.ledger import Ledger

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PLACET = Path(sys.executable).with_name("placet")
OWNER, STRANGER = "m.owner", "stranger"
WORDS = {OWNER: "password-of-the-owner", STRANGER: "password-of-the-stranger"}
REFUSED_WITHIN_S = 0.7
REASON = "Version 2 refuses everybody."


@dataclass(frozen=True)
class Installation:
    """The stack as somebody at a terminal meets it, under the name that MLflow knows them by."""

    world: story.World
    stage: Stage

    def auth(self, name: str) -> tuple[str, str]:
        return name, WORDS.get(name) or self.world.engineer_env["MLFLOW_TRACKING_PASSWORD"]

    def placet(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the client in a terminal of its own, with no address of Placet's where it says so."""
        user, password = self.auth(name)
        own = {"MLFLOW_TRACKING_USERNAME": user, "MLFLOW_TRACKING_PASSWORD": password}
        place = {"PLACET_URL": self.world.url, "PLACET_TOKEN": self.world.token, "COLUMNS": "200"}
        return subprocess.run(
            [PLACET, *words],
            env={**os.environ, **self.world.engineer_env, **own, **place},
            capture_output=True,
            text=True,
            check=False,
        )

    def mlflow(self, name: str, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Call MLflow's REST API."""
        return httpx.request(
            method,
            f"{self.world.mlflow_url}/api/2.0/mlflow/{path}",
            auth=self.auth(name),
            headers=headers,
            timeout=30,
            trust_env=False,
            **({"params": body} if method == "GET" else {"json": body}),
        )

    def lying_ready(self, kind: str, version: int, *holders: str) -> str:
        """Wait until the permit from ``version`` for these people lies beside the model, and return its envelope."""
        model = f"registered-models/get?name={story.MODEL}"

        def probe() -> str | None:
            tags = self.mlflow("ml-engineer", "GET", model).json()["registered_model"].get("tags", ())
            envelope = next((tag["value"] for tag in tags if tag["key"] == f"gov.{kind}.champion"), "")
            said = said_unverified(envelope) if envelope else {}
            fits = said and said["replaces"]["version"] == str(version) and tuple(said["holders"]) == holders
            return envelope if fits else None

        return str(self.stage.wait(f"a permit to {kind} lies ready", probe, seconds=90))

    @contextmanager
    def away(self) -> Iterator[None]:
        """Kill Placet's web process for the length of the block; its workers go on."""
        stack = self.world.stack
        stack.kill("web", signal.SIGKILL, keep_down=True)
        self.stage.wait("it is dead", lambda: stack.supervisor.pid("web") is None or None, every=0.05)
        try:
            yield
        finally:
            stack.restart("web")


@pytest.fixture(scope="module")
def installation(world: story.World, stage: Stage, v2_live: Any) -> Installation:
    """Version 1 was the champion and version 2 is; the owner has a name in MLflow, and somebody has one there alone."""
    admin = world.stack.env("mlflow-admin")
    mlflow_accounts.create_users(admin["MLFLOW_TRACKING_URI"], admin["PLACET_MLFLOW_ADMIN_PASSWORD"], WORDS)
    said = ["--provider", "mlflow", "--subject", OWNER, "--by", world.people["admin"].email]
    linked = subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "link_identity", world.people["owner"].email, *said],
        cwd=REPOSITORY,
        env=world.stack.env("app"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert linked.returncode == 0, linked.stderr
    return Installation(world, stage)


def heard_of(ledger: Ledger, stage: Stage, kind: str) -> dict[str, Any]:
    """Wait until Placet has written down a write that it was told of, and return its row."""

    def probe() -> dict[str, Any] | None:
        rows = ledger.rows(
            "SELECT to_jsonb(c) || jsonb_build_object('by', p.email) FROM registry_aliaschange c"
            " LEFT JOIN accounts_user p ON p.id = c.asked_by_id WHERE c.journal_id IS NOT NULL AND c.kind = %s",
            [kind],
        )
        assert len(rows) <= 1
        return dict(rows[0][0]) if rows else None

    return dict(stage.wait("Placet hears of it", probe, seconds=60))


def open_findings(ledger: Ledger, *codes: str) -> list[str]:
    """Return the titles of open findings."""
    query = "SELECT title FROM approvals_finding WHERE closed_at IS NULL AND code = ANY(%s) ORDER BY opened_at"
    return [title for (title,) in ledger.rows(query, [list(codes)])]


def said_at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_the_holder_goes_back_while_placet_is_away_and_it_is_on_record(
    installation: Installation, world: story.World, stage: Stage, ledger: Ledger
) -> None:
    permit = installation.lying_ready("rollback", 2, OWNER, "ml-engineer")
    before, began = ledger.newest(), datetime.now(UTC)
    with installation.away():
        assert_nothing_else_moves(installation, permit)
        by_stranger = installation.placet(STRANGER, "rollback", story.MODEL, "--offline")
        assert by_stranger.returncode == 3, by_stranger
        assert f"'{STRANGER}' is not among those who may use it: {OWNER}, ml-engineer" in by_stranger.stderr
        assert watching.alias_in_mlflow(world) == 2

        done = installation.placet("ml-engineer", "rollback", story.MODEL, "--offline", "--reason", REASON)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{story.MODEL} champion to version 1" in done.stdout
        assert watching.alias_in_mlflow(world) == 1
        written = datetime.now(UTC)

        again = installation.placet("ml-engineer", "rollback", story.MODEL, "--offline")
        assert (again.returncode, "points to version 1 now" in again.stderr) == (3, True), again
        stage.wait("the reconciler sees it", lambda: open_findings(ledger, "unapproved-alias") or None, seconds=40)
    change = heard_of(ledger, stage, "rollback")
    assert_on_record(installation, ledger, change, since=before, between=(began, written), by="engineer")
    assert ledger.rows(
        "SELECT v.number, h.opened_by_id::text, p.number IS NOT NULL FROM registry_aliashistory h"
        " JOIN registry_modelversion v ON v.id = h.version_id JOIN registry_promotionrequest p ON p.id = h.promotion_id"
        " WHERE h.alias = 'champion' AND upper_inf(h.during)"
    ) == [(1, change["id"], True)]
    assert_whole(world, stage)


def test_the_owner_stops_while_placet_is_away_and_somebody_is_asked_to_review_it(
    installation: Installation, world: story.World, stage: Stage, ledger: Ledger
) -> None:
    live = watching.alias_in_mlflow(world)
    assert live is not None
    installation.lying_ready("stop", live, OWNER)
    before, began = ledger.newest(), datetime.now(UTC)
    with installation.away():
        by_engineer = installation.placet("ml-engineer", "stop", story.MODEL, "--offline")
        assert by_engineer.returncode == 3, by_engineer
        assert f"'ml-engineer' is not among those who may use it: {OWNER}." in by_engineer.stderr
        assert watching.alias_in_mlflow(world) == live

        done = installation.placet(OWNER, "stop", story.MODEL, "--offline", "--reason", REASON, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout)["version"] is None
        assert watching.alias_in_mlflow(world) is None
        written = datetime.now(UTC)

        again = installation.placet(OWNER, "stop", story.MODEL, "--offline")
        assert (again.returncode, "nothing is behind an alias spelt 'champion' now" in again.stderr) == (3, True), again
    change = heard_of(ledger, stage, "stop")
    assert_on_record(installation, ledger, change, since=before, between=(began, written), by="owner")
    assert ledger.rows("SELECT 1 FROM registry_aliashistory WHERE alias = 'champion' AND upper_inf(during)") == []
    (review,) = open_findings(ledger, "stop-review")
    assert f"AC-{change['number']}" in review
    assert_whole(world, stage)


def assert_nothing_else_moves(installation: Installation, permit: str) -> None:
    """An ordinary protected write is refused at once, by whoever; so is the permit for another version."""
    target = {"name": story.MODEL, "alias": "champion", "version": "3"}
    installation.mlflow("ml-engineer", "POST", "registered-models/alias", target)
    for headers in ({}, {"X-Placet-Permit": permit}):
        took = []
        for _ in range(3):
            began = time.monotonic()
            refused = installation.mlflow("ml-engineer", "POST", "registered-models/alias", target, **headers)
            took.append(time.monotonic() - began)
            assert (refused.status_code, refused.json()["error_code"]) == (403, "PERMISSION_DENIED"), refused.text
            assert "Placet could not be asked" in refused.json()["message"]
        if os.getloadavg()[0] <= 3 * (os.cpu_count() or 1):  # beside others' work the figure says nothing
            assert min(took) < REFUSED_WITHIN_S, took


def assert_on_record(
    installation: Installation,
    ledger: Ledger,
    change: dict[str, Any],
    *,
    since: int,
    between: tuple[datetime, datetime],
    by: str,
) -> None:
    """Row, log, command and page say who did what when; within a pass nothing of it is taken for a bypass."""
    world, person = installation.world, installation.world.people[by]
    assert (change["state"], change["by"]) == ("done", person.email)
    assert change["reason"].startswith(REASON)
    assert between[0] <= said_at(change["done_at"]) <= between[1]
    ((pk,),) = ledger.rows("SELECT id FROM accounts_user WHERE email = %s", [person.email])
    said = [entry for entry in ledger.entries_after(since) if entry["event"].startswith("alias_change.")]
    assert [(entry["event"], entry["actor"]) for entry in said] == [
        ("alias_change.asked", f"person:{pk}"),
        ("alias_change.done", f"person:{pk}"),
    ]
    about = said[-1]["data"]
    assert (about["change"], about["kind"], about["alias"]) == (change["number"], change["kind"], "champion")
    installation.stage.wait(
        "no finding of it is open",
        lambda: not open_findings(ledger, "unapproved-alias", "alias-removed") or None,
        seconds=40,
    )
    assert open_findings(ledger, "permit-misused") == []
    shown = installation.placet("ml-engineer", "production", story.MODEL, "--alias", "champion")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    if change["kind"] == "rollback":
        assert f"AC-{change['number']} rollback by {person.role}" in shown.stdout
    page = world.people["risk"].page(f"/models/{watching._model_pk(world)}")
    assert f"AC-{change['number']}" in page
    assert REASON in page
    assert person.role in page


def assert_whole(world: story.World, stage: Stage) -> None:
    """A stranger's check of the whole log passes."""
    trust = world.engineer_env["PLACET_TRUST_FILE"]
    bundle = world.output / "after-the-outage.zip"

    def checked() -> subprocess.CompletedProcess[str] | None:
        world.people["auditor"].download("/api/v1/bundles/latest", bundle)
        done = subprocess.run(
            [PLACET, "verify", bundle, "--policy", trust, "--json"], capture_output=True, text=True, check=False
        )
        return None if done.returncode == 4 else done  # an entry was on its way into the tree

    verdict = stage.wait("the bundle is whole", checked, seconds=60)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
    assert json.loads(verdict.stdout)
