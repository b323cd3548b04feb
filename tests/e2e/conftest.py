"""One whole stack for all end-to-end tests, with version 1 of the demo's model in production when they begin.

The tests play one after another on it, in the order of ``ACTS``; each also runs alone, because the fixtures bring the
story as far as it needs.
"""

import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from examples.credit import story, telling
from examples.credit.receiver import Receiver
from examples.credit.stage import Stage
from governance.common.embedded import Stack
from tests.e2e.faults import clock_of_its_own, disk_of_its_own
from tests.e2e.ledger import Ledger
from tests.e2e.steps import Step, play
from tests.e2e.wire import Wire, wire

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ACTS = (
    "test_gate_refuses",
    "test_promotion_survives",
    "test_two_people_sign",
    "test_deciding_in_a_browser",
    "test_grant_is_single_use",
    "test_watching_and_papers",
    "test_publishing_a_policy",
    "test_an_auditor_checks",
    "test_an_owner_minds_a_system",
    "test_an_administrator_keeps_the_house",
    "test_every_page",
    "test_bad_input",
    "test_faults",
    "test_placet_away",
    "test_starting_again",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put this folder's tests into the order of the story, where pytest would take the alphabet's."""
    places = [place for place, item in enumerate(items) if HERE in item.path.parents]
    ours = sorted((items[place] for place in places), key=lambda item: ACTS.index(item.path.stem))
    for place, item in zip(places, ours, strict=True):
        items[place] = item


@pytest.fixture(scope="session")
def stage() -> Stage:
    """What the story tells goes nowhere; what it expects still stops a test."""
    return Stage(Console(file=io.StringIO(), width=200))


@pytest.fixture(scope="session")
def mlflow_wire() -> Iterator[Wire]:
    """The wire between Placet's worker and MLflow."""
    with wire() as server:
        yield server


@pytest.fixture(scope="session")
def world(stage: Stage, mlflow_wire: Wire) -> Iterator[story.World]:
    """Every process of Placet, the demo's people, a classified system, and credit-risk v1 as the champion."""
    with tempfile.TemporaryDirectory(prefix="placet-e2e-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the servers' own user enters it
        var = folder / "var"
        var.mkdir()
        ports = dict.fromkeys(("web", "mlflow", "postgres", "valkey"), 0)
        with (
            disk_of_its_own(var),
            clock_of_its_own(folder),
            Receiver() as receiver,
            Stack(
                var=var,
                ports=ports,
                demo=True,
                durable=False,
                external={},
                extra_env={
                    "worker": {"MLFLOW_TRACKING_URI": mlflow_wire.url, "PLACET_HOOK_HOSTS": receiver.host},
                },
            ) as stack,
        ):
            mlflow_wire.mlflow_url = stack.env("engineer")["MLFLOW_TRACKING_URI"]
            made = telling.world(stack, receiver, var)
            try:
                play(1, stage, made)
                yield made
            finally:
                for http in (made.pipeline._http, *(person._http for person in made.people.values())):
                    http.close()


@pytest.fixture(scope="session")
def step(stage: Stage, world: story.World) -> Step:
    """Tell a step of the story, by its number. Step 1 is told when the world is made."""
    return lambda number: play(number, stage, world)


@pytest.fixture(scope="session")
def ledger(world: story.World) -> Iterator[Ledger]:
    """A reader of the database."""
    reader = Ledger(world.stack.env("app")["DATABASE_URL"])
    yield reader
    reader.close()


@pytest.fixture(scope="session", autouse=True)
def training(world: story.World) -> Iterator[subprocess.Popen[str]]:
    """The engineer's other scripts, at work beside the first tests."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", HERE / "more_versions.py"],
        env={**world.engineer_env, "PYTHONPATH": f"{ROOT}:{ROOT / 'client'}"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


@pytest.fixture(scope="session")
def more_versions(world: story.World, stage: Stage, training: subprocess.Popen[str]) -> dict[str, int]:
    """What the other scripts registered: v3, like v1; v4, whose evaluation data lacks its label; an orphan model.

    Returns: the number of the version by what it is: ``again``, ``unlabelled``, ``orphan``.
    """
    output, errors = training.communicate()
    assert training.returncode == 0, errors[-2000:]
    numbers: dict[str, int] = json.loads(output.splitlines()[-1])

    def mirrored() -> bool | None:
        # Only the orphan's absence is an error of the API; both are mirrored in one pass.
        seen = {row["number"] for row in world.pipeline.call("GET", f"registered-models/{story.MODEL}")["versions"]}
        return True if {numbers["again"], numbers["unlabelled"]} <= seen else None

    stage.wait("Placet mirrors them", mirrored, seconds=180)
    return numbers


@pytest.fixture(scope="session")
def v2_in_review(world: story.World, stage: Stage) -> Any:
    """The promotion of v2 with all its evidence, as the API tells it."""
    if 2 not in world.promotions or story.follow(world, 2)["approval"]["state"] == "collecting":
        story.request_version(stage, world, 2)
    return story.follow(world, 2)


@pytest.fixture(scope="session")
def v2_live(world: story.World, step: Step, v2_in_review: Any) -> Any:
    """The promotion of v2, signed and applied; v2 is the champion."""
    if story.follow(world, 2)["approval"]["state"] == "in_review":
        step(5)
    return story.follow(world, 2)


@pytest.fixture(scope="session")
def again_in_review(world: story.World, stage: Stage, more_versions: dict[str, int], v2_live: Any) -> Any:
    """A promotion to champion that waits for its signatures: of the version like v1. Nothing is being made any more."""
    again = more_versions["again"]
    if again not in world.promotions:
        body = {"model": story.MODEL, "version": again, "alias": "champion"}
        world.promotions[again] = world.pipeline.call("POST", "promotion-requests", body)

    def in_review() -> Any:
        now = story.follow(world, again)
        return now if now["approval"]["state"] == "in_review" else None

    return stage.wait("its evidence is made", in_review, seconds=240)
