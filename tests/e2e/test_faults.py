"""Something that Placet rests on fails while a promotion runs: nothing is lost or goes live wrongly, and it ends well.

Each fault comes from outside, on the demo's own stack; System health says what is wrong meanwhile, and once the fault
is over nobody has to mend anything. All of them take most of a quarter of an hour, so `make prove` runs them; the
killed worker and the wiped broker stand in every run, in test_promotion_survives.py.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from examples.credit import story, watching
from examples.credit.people import Refused
from examples.credit.stage import Stage
from tests.e2e.conftest import ROOT
from tests.e2e.faults import FAULTS, Fault
from tests.e2e.ledger import Ledger
from tests.e2e.test_placet_away import assert_whole
from tests.proving import PROVE

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(not PROVE, reason="PLACET_PROVE: takes most of a quarter of an hour"),
]

TOLD_WITHIN_S = 90.0
"""A process counts as silent after 45 s."""
TRAIN = """
import json, sys
from examples.credit import train
sys.stdout.write(json.dumps([int(train.train("boosted")) for _ in range(int(sys.argv[1]))]))
"""


@pytest.fixture(scope="module")
def candidates(world: story.World, stage: Stage, v2_live: Any) -> Iterator[int]:
    """Versions like the one that is live, one for each fault."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TRAIN, str(len(FAULTS))],
        env={**os.environ, **world.engineer_env, "PYTHONPATH": f"{ROOT}:{ROOT / 'client'}"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    numbers = json.loads(done.stdout.splitlines()[-1])

    def mirrored() -> bool | None:
        seen = {row["number"] for row in world.pipeline.call("GET", f"registered-models/{story.MODEL}")["versions"]}
        return set(numbers) <= seen or None

    stage.wait("Placet mirrors them", mirrored, seconds=120)
    return iter(numbers)


def request(world: story.World, stage: Stage, number: int) -> None:
    """Request the version and wait until evidence is being made."""
    body, key = {"model": story.MODEL, "version": number, "alias": "champion"}, {"Idempotency-Key": f"fault-{number}"}
    world.promotions[number] = world.pipeline.call("POST", "promotion-requests", body, **key)

    def running() -> Any:
        return next((job for job in story.follow(world, number)["jobs"] if job["state"] == "running"), None)

    stage.wait("evidence is being made", running, seconds=120, every=0.1)


def collected(world: story.World, stage: Stage, number: int) -> None:
    """Wait until all evidence is there."""

    def probe() -> bool | None:
        now = patient(stage, lambda: story.follow(world, number))
        assert not [job for job in now["jobs"] if job["state"] == "failed"], now["jobs"]
        return now["approval"]["state"] == "in_review" or None

    stage.wait("the review opens", probe, seconds=300)


def permitted(world: story.World, stage: Stage, number: int) -> None:
    stage.wait(
        "the notary signs the permit",
        lambda: patient(stage, lambda: story.follow(world, number))["next_step"].startswith("Apply") or None,
        seconds=90,
    )


def patient(stage: Stage, ask: Callable[[], Any]) -> Any:
    """Ask until it is answered: a server that comes back needs a moment."""

    def probe() -> Any:
        with contextlib.suppress(Refused, httpx.HTTPError):
            return ask()
        return None

    return stage.wait("an answer", probe, seconds=90)


def told(world: story.World, stage: Stage, fault: Fault) -> None:
    """Wait until System health, or the probe of a web process that can't serve the page, names the part."""

    def probe() -> bool | None:
        if fault.ready:
            return httpx.get(f"{world.url}/readyz", timeout=30).json()["checks"][fault.ready] != "ok" or None
        with contextlib.suppress(Refused, httpx.HTTPError):
            parts = world.people["admin"].call("GET", "health")["parts"]
            return any(part["key"] == fault.part and part["state"] != "good" and part["do"] for part in parts) or None
        return None

    stage.wait(f"health tells of {fault.name}", probe, seconds=TOLD_WITHIN_S, every=1.0)


def ill(world: story.World, stage: Stage) -> set[str]:
    """Return the keys of the parts that are bad or can't be asked."""
    parts = patient(stage, lambda: world.people["admin"].call("GET", "health"))["parts"]
    return {part["key"] for part in parts if part["state"] in {"bad", "unknown"}}


def finished(world: story.World, stage: Stage, number: int) -> None:
    """Wait until the version is live: by what was asked for meanwhile, or asked for now."""

    def probe() -> bool | None:
        if live(world) == {number}:
            return True
        if patient(stage, lambda: story.follow(world, number))["next_step"].startswith("Apply"):
            story.apply(stage, world, number)
        return None

    stage.wait("it is live", probe, seconds=180, every=1.0)


def assert_once(world: story.World, stage: Stage, ledger: Ledger, number: int) -> None:
    """It went live once, by one change that is on record: a worker that starts again writes it down a bit later."""

    def recorded() -> list[Any]:
        return ledger.rows(
            "SELECT (SELECT count(*) FROM registry_aliashistory WHERE promotion_id = p.id),"
            " (SELECT count(*) FROM registry_aliashistory WHERE promotion_id = p.id AND upper_inf(during)),"
            " (SELECT count(*) FROM registry_aliaschange WHERE promotion_id = p.id AND state = 'done')"
            " FROM registry_promotionrequest p WHERE p.id = %s",
            [world.promotions[number]["id"]],
        )

    stage.wait("it is on record", lambda: recorded()[0][1:] == (1, 1) or None, seconds=90)
    assert recorded() == [(1, 1, 1)]


def try_to_apply(world: story.World, number: int) -> None:
    """Ask for the write; what comes of it is for the fault to say."""
    with contextlib.suppress(Refused, httpx.HTTPError):
        world.pipeline.call("POST", f"promotion-requests/{world.promotions[number]['id']}/applications")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_promotion_outlives(
    fault: Fault, world: story.World, stage: Stage, ledger: Ledger, candidates: Iterator[int]
) -> None:
    if fault.lacks:
        pytest.skip(fault.lacks)
    number, was_live, was_ill = next(candidates), live(world), ill(world, stage)
    before = ledger.entries_after(0)
    request(world, stage, number)
    if fault.point == "collecting":
        with fault.happens(world, stage):
            told(world, stage, fault)
            assert live(world) <= was_live
    collected(world, stage, number)
    if fault.point == "review":
        with fault.happens(world, stage):
            story.sign(stage, world, number)
            told(world, stage, fault)
            try_to_apply(world, number)
            assert live(world) <= was_live, "no permit was signed"
    else:
        story.sign(stage, world, number)
    permitted(world, stage, number)
    if fault.point == "permitted":
        with fault.happens(world, stage):
            try_to_apply(world, number)
            told(world, stage, fault)
            assert live(world) <= was_live | {number}
    finished(world, stage, number)
    stage.wait("all is well again", lambda: ill(world, stage) <= was_ill or None, seconds=180, every=1.0)
    assert_once(world, stage, ledger, number)
    assert ledger.entries_after(0)[: len(before)] == before, "what was written before stands as it was"
    assert_whole(world, stage)


def live(world: story.World) -> set[int]:
    """Return the version that the alias points to; none if MLflow can't be asked."""
    try:
        found = watching.alias_in_mlflow(world)
    except httpx.HTTPError:
        found = None
    return set() if found is None else {found}
