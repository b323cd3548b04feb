"""Evidence comes about once and in time, whatever dies meanwhile: the worker that makes it, or the broker's memory."""

import signal
import time
from collections import Counter
from typing import Any

import pytest
import redis

from examples.credit import story
from examples.credit.stage import Stage
from tests.e2e.ledger import Ledger
from tests.e2e.steps import Step

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

KINDS = {
    f"{name}/v1" for name in ("performance", "calibration", "fairness", "explanation", "robustness", "data_quality")
}
LIMIT_S = 120.0
CELERY = ("worker", "evidence", "beat")


def ask(world: story.World, number: int) -> Any:
    """Request a version as ``story.request_version`` will again: under the same key, so it is one request."""
    body = {"model": story.MODEL, "version": number, "alias": "champion"}
    made = world.pipeline.call("POST", "promotion-requests", body, **{"Idempotency-Key": f"demo-{number}"})
    world.promotions[number] = made
    return made


def in_state(promotion: Any, state: str) -> list[str]:
    """Return the types of evidence whose job is in ``state``."""
    return [job["type"] for job in promotion["jobs"] if job["state"] == state]


def wait_until_running(stage: Stage, world: story.World, number: int) -> Any:
    """Return the promotion at the first moment at which one of its jobs is being worked on."""

    def probe() -> Any:
        now = story.follow(world, number)
        return now if in_state(now, "running") else None

    return stage.wait("a job runs", probe, seconds=LIMIT_S, every=0.1)


def beaten(world: story.World) -> int:
    """Return how many tasks beat has sent, by its log: it writes its own counts every three minutes only."""
    return (world.var / "log" / "beat.log").read_text().count("Sending due task")


def assert_one_evidence_per_type(ledger: Ledger, promotion: Any) -> None:
    """Every job ended once, and the tables hold one piece of evidence per type and inputs about this version."""
    assert Counter((job["type"], job["state"]) for job in promotion["jobs"]) == {(kind, "done"): 1 for kind in KINDS}
    found = ledger.rows(
        "SELECT e.type, e.dataset_digest, e.baseline_digest, e.parameters::text, count(*), count(DISTINCT e.job_id)"
        " FROM evidence_evidence e JOIN approvals_approvalrequest a ON a.subject_digest = e.subject_digest"
        " WHERE a.id = %s GROUP BY 1, 2, 3, 4",
        [promotion["approval"]["id"]],
    )
    assert {row[0] for row in found} == KINDS
    assert {row[0]: row[4:] for row in found} == dict.fromkeys(KINDS, (1, 1))
    assert len(found) == len(KINDS), "one set of inputs per type"


def test_a_killed_evidence_worker_costs_one_attempt_and_no_evidence(
    world: story.World, stage: Stage, step: Step, ledger: Ledger, record_testsuite_property: Any
) -> None:
    began = time.monotonic()
    ask(world, 2)
    struck = in_state(wait_until_running(stage, world, 2), "running")
    world.stack.kill("evidence", signal.SIGKILL, keep_down=True)
    stage.wait("it is dead", lambda: world.stack.supervisor.pid("evidence") is None or None, every=0.05)
    assert in_state(story.follow(world, 2), "running") == struck, "the job it held is held by nobody"
    world.stack.restart("evidence")
    step(3)
    now = story.follow(world, 2)
    took = time.monotonic() - began
    record_testsuite_property("seconds to evidence, worker killed", f"{took:.1f}")
    assert took < LIMIT_S
    assert_one_evidence_per_type(ledger, now)
    attempts = {job["type"]: job["attempts"] for job in now["jobs"]}
    assert len(struck) == 1, "the evidence worker does one job at a time"
    assert attempts[struck[0]] >= 2, "the attempt that died is counted"


def test_a_wiped_broker_costs_no_evidence_and_no_process(
    world: story.World, stage: Stage, ledger: Ledger, more_versions: dict[str, int], record_testsuite_property: Any
) -> None:
    number = more_versions["again"]
    pids = {name: world.stack.supervisor.pid(name) for name in CELERY}
    began = time.monotonic()
    ask(world, number)
    waiting = in_state(wait_until_running(stage, world, number), "queued")
    with redis.Redis.from_url(world.stack.env("app")["REDIS_URL"]) as broker:
        assert broker.flushall() is True
    beats = beaten(world)
    assert waiting, "messages were in the broker when it was wiped"
    now = story.request_version(stage, world, number)
    took = time.monotonic() - began
    record_testsuite_property("seconds to evidence, broker wiped", f"{took:.1f}")
    assert took < LIMIT_S
    assert_one_evidence_per_type(ledger, now)
    assert {name: world.stack.supervisor.pid(name) for name in CELERY} == pids, "nothing had to be started again"
    assert beaten(world) > beats, "beat goes on"
