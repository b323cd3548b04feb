"""Whatever dies while evidence is made, there is one piece of it in the end, and every attempt is told.

PostgreSQL, Valkey and the Celery worker are real; only where the producer waits is told to it from here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from celery import current_app
from django.conf import settings
from django.db import connection

from governance.accounts.models import User
from governance.common.embedded import Stack
from governance.evidence import jobs, services, tasks
from governance.evidence.models import Evidence, EvidenceJob
from tests.arch.tree import ROOT
from tests.factories import a_user
from tests.payloads import a_digest

pytestmark = pytest.mark.slow
PATIENCE_S = 90.0


class Bench:
    """A broker and a worker of the test's own, and the folder by which the worker is told where to wait."""

    def __init__(self, folder: Path, broker: str) -> None:
        self.folder, self.broker = folder, broker
        self.worker: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        database = settings.DATABASES["default"] | {"NAME": connection.settings_dict["NAME"]}
        address = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database)
        env = {**os.environ, "DATABASE_URL": address, "REDIS_URL": self.broker, "PLACET_DB_ROLE": "app"}
        env |= {"PLACET_TEST_STAGES": str(self.folder), "PLACET_STORAGE_URL": str(settings.STORAGE_ROOT)}
        env["PYTHONPATH"] = f"{ROOT}{os.pathsep}{ROOT / 'client'}"
        with (self.folder / "worker.log").open("ab") as log:
            self.worker = subprocess.Popen(
                [
                    *(
                        sys.executable,
                        "-m",
                        "celery",
                        "-A",
                        "tests.evidence.waiting_worker",
                        "worker",
                        "-Q",
                        "evidence",
                    ),
                    *("-c", "1", "--pool", "prefork", "--without-gossip", "--without-mingle", "--loglevel", "INFO"),
                ],
                cwd=ROOT,
                env=env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL, to the worker and to the process that runs the job, as when a machine goes away."""
        assert self.worker is not None
        os.killpg(self.worker.pid, signal.SIGKILL)
        self.worker.wait()

    def stop_at(self, stage: str) -> None:
        (self.folder / f"{stage}.wait").touch()

    def let_go(self, stage: str) -> None:
        (self.folder / f"{stage}.wait").unlink()

    def waits_at(self, stage: str) -> tuple[int, int]:
        """Wait until the worker is there; return its process and that of its child, 0 for none."""
        here = self.folder / f"{stage}.here"
        until(here.exists, self, f"the worker came to {stage}")
        process, child = here.read_text().split()
        return int(process), int(child)

    def log(self) -> str:
        return (self.folder / "worker.log").read_text()[-3000:]


def until(holds: Callable[[], Any], bench: Bench, what: str, *, sweep: bool = False) -> None:
    """Wait; with ``sweep`` as beat does: hand out again what nobody works on."""
    ends = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < ends, f"not within {PATIENCE_S} s: {what}\n{bench.log()}"
        if sweep:
            tasks.sweep_jobs()
        time.sleep(0.25)


@contextmanager
def celery_at(url: str) -> Iterator[None]:
    """Let this process speak to a broker."""
    before = current_app.conf.broker_write_url

    def point(to: str) -> None:
        current_app.conf.broker_url = current_app.conf.broker_write_url = to
        current_app.amqp._producer_pool = None
        current_app._pool = None

    point(url)
    try:
        yield
    finally:
        point(before)


@pytest.fixture(scope="module")
def own_broker() -> Iterator[str]:
    """A Valkey that no other test uses, so that it can be wiped."""
    with tempfile.TemporaryDirectory(prefix="placet-kills-") as name:
        Path(name).chmod(0o755)  # the server's own user enters it
        with Stack(
            var=Path(name) / "var", processes=("valkey",), ports={"valkey": 0}, durable=False, external={}
        ) as stack:
            yield stack.env("test")["REDIS_URL"]


@pytest.fixture
def bench(transactional_db: None, own_broker: str, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, own_broker)
    with celery_at(own_broker):
        made.start()
        try:
            yield made
        finally:
            made.kill()


@pytest.fixture
def engineer(transactional_db: None) -> User:
    return a_user("engineer")


def asked() -> EvidenceJob:
    job = services.request_evidence(
        evidence_type="performance/v1", subject_digest=a_digest("model"), subject_name="credit-risk/1"
    )
    tasks.enqueue([job.pk])
    return job


def finished(job: EvidenceJob) -> bool:
    return bool(EvidenceJob.objects.filter(pk=job.pk, finished_at__isnull=False).exists())


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("stage", ["fetching", "scoring", "measuring", "attaching"])
def test_a_worker_killed_at_any_stage_costs_an_attempt_and_no_evidence(bench: Bench, stage: str) -> None:
    bench.stop_at(stage)
    job = asked()
    bench.waits_at(stage)
    assert not Evidence.objects.exists()
    bench.kill()
    bench.let_go(stage)
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("running", 1), "the row still says that the dead worker holds it"
    assert services.claim(job.pk) is None, "and so it does, until its lease runs out"
    bench.start()
    until(lambda: finished(job), bench, "the job is done", sweep=True)
    job.refresh_from_db()
    assert (job.state, job.attempts, job.error) == ("done", 2, "")
    assert [row.reason for row in job.tries.order_by("number")] == [services.WORKER_DIED, ""]
    assert Evidence.objects.count() == 1, "one piece of evidence, from the attempt that ended well"
    assert Evidence.objects.get().job_id == job.pk


def test_a_broker_that_was_wiped_and_a_worker_killed_at_once_cost_no_evidence(bench: Bench) -> None:
    bench.stop_at("scoring")
    job = asked()
    other = services.request_evidence(
        evidence_type="performance/v1", subject_digest=a_digest("other"), subject_name="credit-risk/2"
    )
    tasks.enqueue([other.pk])
    bench.waits_at("scoring")
    with redis.Redis.from_url(bench.broker) as broker:
        assert broker.llen("evidence") or broker.hlen("unacked"), "a message is there to be lost"
        assert broker.flushall() is True
    bench.kill()
    bench.let_go("scoring")
    EvidenceJob.objects.filter(pk=other.pk).update(enqueued_at=None)  # or wait the twenty seconds of the sweep
    bench.start()
    until(lambda: finished(job) and finished(other), bench, "both jobs are done", sweep=True)
    assert set(EvidenceJob.objects.values_list("state", flat=True)) == {"done"}
    assert sorted(Evidence.objects.values_list("subject_name", flat=True)) == ["credit-risk/1", "credit-risk/2"]


def test_a_job_that_kills_its_worker_each_time_is_given_up_after_three_attempts(bench: Bench) -> None:
    (bench.folder / "poison").touch()
    job = asked()
    until(lambda: finished(job), bench, "the job is given up", sweep=True)
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("failed", services.MAX_ATTEMPTS) == ("failed", 3)
    assert "died in each of 3 attempts" in job.error
    assert [row.reason for row in job.tries.order_by("number")] == [services.WORKER_DIED] * 3
    assert not Evidence.objects.exists()
    again = asked()
    assert again.pk != job.pk, "a new request is a new job, and the failed one stays"
    services.claim(again.pk)


def test_a_cancelled_job_ends_the_model_s_process_and_can_be_tried_again(bench: Bench, engineer: User) -> None:
    bench.stop_at("scoring")
    job = asked()
    worker, child = bench.waits_at("scoring")
    assert is_alive(child)
    jobs.cancel_job(job_id=job.pk, by=engineer, reason="Wrong data were pinned.")
    until(lambda: not is_alive(child), bench, "the child is ended")
    assert is_alive(worker), "the worker goes on with other work"
    job.refresh_from_db()
    assert (job.state, job.error) == ("cancelled", "Cancelled: Wrong data were pinned.")
    bench.let_go("scoring")
    again = jobs.retry_job(job_id=job.pk, by=engineer)
    tasks.enqueue([again.pk])
    until(lambda: finished(again), bench, "the second job is done", sweep=True)
    again.refresh_from_db()
    job.refresh_from_db()
    assert (again.state, again.retry_of_id, job.state) == ("done", job.pk, "cancelled")
    assert [row.reason for row in job.tries.all()] == ["Cancelled: Wrong data were pinned."]
    assert Evidence.objects.get().job_id == again.pk


def test_postgres_going_away_for_a_moment_is_survived(bench: Bench) -> None:
    """Every connection of the worker is cut while it measures; its lease thread and its attempt end, not the job."""
    bench.stop_at("measuring")
    job = asked()
    bench.waits_at("measuring")
    owner = psycopg.connect(os.environ["PLACET_BOOTSTRAP_URL"])
    with owner:
        owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
            [connection.settings_dict["NAME"], connection.connection.info.backend_pid],
        )
    owner.close()
    bench.let_go("measuring")
    until(lambda: finished(job), bench, "the job is done", sweep=True)
    job.refresh_from_db()
    assert job.state == "done"
    assert Evidence.objects.count() == 1
