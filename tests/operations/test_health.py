"""The page and the API of the installation's health, asked of real servers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery.signals import after_task_publish
from celery.worker.heartbeat import Heart
from django.core.cache import cache
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

from governance.accounts.roles import Role
from governance.accounts.services import create_token
from governance.audit.notary import LOCK
from governance.audit.vitals import vitals
from governance.common import alive, files
from governance.config import celery
from governance.config.operations import asking
from governance.config.operations.facts import Broker, Facts, Unasked
from governance.config.operations.judging import judged
from governance.config.operations.states import Part, State
from registry import watches
from tests.factories import a_user
from tests.healthy_mlflow import healthy_mlflow


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that stays ours and that nothing listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture(autouse=True)
def _nobody_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alive, "_told", {})


@pytest.fixture
def mlflow(settings: Settings) -> Iterator[None]:
    """An MLflow that answers its health check."""
    with healthy_mlflow() as address:
        settings.MLFLOW_TRACKING_URI = address
        yield


@pytest.fixture
def no_mlflow(settings: Settings, closed_port: int) -> None:
    """No MLflow."""
    settings.MLFLOW_TRACKING_URI = f"http://127.0.0.1:{closed_port}"


def part(key: str, found: Facts | None = None) -> Part:
    """Return one part of what is known now."""
    return next(part for part in judged(found or asking.facts()) if part.key == key)


def test_real_servers_answer_every_question(db: None, mlflow: None, settings: Settings, tmp_path: Path):
    settings.STORAGE_ROOT = tmp_path
    found = asking.facts()
    assert not [fact for fact in vars(found).values() if isinstance(fact, Unasked)]
    well = {part.key for part in judged(found) if part.state == State.GOOD}
    assert well >= {"database", "migrations", "clock", "broker", "storage", "evidence", "notices", "hooks", "log-time"}
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_worker_and_beat_tell_that_they_live(db: None):
    assert part("worker:default").value == part("beat").value == "no sign of life"
    eventer: Any = SimpleNamespace(on_enabled=set(), on_disabled=set(), send=lambda *_, **__: None)
    Heart(timer=None, eventer=eventer)._send("worker-heartbeat")
    assert part("worker:default").state == State.GOOD
    assert part("worker:evidence").state == State.GOOD  # without -Q a worker takes from every queue
    celery._watch_beat()
    try:
        after_task_publish.send(sender="some.task")
    finally:
        after_task_publish.disconnect(celery._beat_is_alive)
    assert part("beat").state == State.GOOD


def test_a_worker_tells_of_its_own_queue_alone(db: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(celery.app.amqp.queues, "_consume_from", {"evidence": None})
    celery._worker_is_alive()
    assert (part("worker:default").state, part("worker:evidence").state) == (State.BAD, State.GOOD)


def test_signs_come_back_by_themselves_after_the_cache_was_wiped(db: None, monkeypatch: pytest.MonkeyPatch):
    now = 1_000.0
    monkeypatch.setattr(alive.time, "monotonic", lambda: now)
    alive.tell("beat")
    cache.clear()
    alive.tell("beat")
    assert "beat" not in alive.told(["beat"])  # told less than ten seconds ago
    now += alive.EVERY_S
    alive.tell("beat")
    assert "beat" in alive.told(["beat"])


def test_a_cache_that_is_away_hides_who_works_and_ends_no_process(db: None, settings: Settings, closed_port: int):
    away = f"redis://127.0.0.1:{closed_port}/0"
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": away}}
    settings.CELERY_BROKER_URL = away
    alive.tell("beat")
    found = asking.facts()
    assert found.broker == Unasked("The broker (REDIS_URL) does not answer, so nobody knows who works.")
    assert part("database", found).state == State.GOOD


def test_messages_that_wait_are_counted_by_queue(db: None, monkeypatch: pytest.MonkeyPatch):
    class Client(asking.redis.Redis):
        def llen(self, name: str) -> int:  # type: ignore[override]
            return {"default": 7, "evidence": 2_001}[name]

    monkeypatch.setattr(asking.redis, "Redis", Client)
    found = asking.facts()
    assert isinstance(found.broker, Broker)
    assert found.broker.waiting == {"default": 7, "evidence": 2_001}


@pytest.mark.django_db(transaction=True)
def test_a_notary_is_seen_by_the_lock_that_it_holds():
    assert not vitals().notary_works
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK + 1])  # another's
        assert not vitals().notary_works
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        try:
            assert vitals().notary_works
        finally:
            cursor.execute("SELECT pg_advisory_unlock_all()")
    assert not vitals().notary_works


def test_an_mlflow_that_is_away_is_told_of_with_when_it_was_last_read(db: None, no_mlflow: None):
    watches.beat(source="reconciler:aliases", details={}, expected_every_s=10)
    found = part("mlflow")
    assert (found.state, found.value) == (State.BAD, "does not answer")
    assert found.since == watches.last_beat("reconciler:aliases")


def test_an_mlflow_that_answers_and_is_read_is_well(db: None, mlflow: None):
    assert part("mlflow").value == "answers, but nobody reads it"
    watches.beat(source="reconciler:aliases", details={}, expected_every_s=10)
    watches.beat(source="plugin:a", details={}, expected_every_s=15)
    assert (part("mlflow").state, part("gate").state) == (State.GOOD, State.GOOD)


def test_a_storage_that_takes_no_file_says_why_and_is_well_again(
    db: None, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings.STORAGE_ROOT = tmp_path

    def refuses(content: bytes, path: Path) -> Path:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(files, "draft", refuses)
        found = part("storage")
    assert (found.state, found.means) == (State.BAD, "Read-only file system.")
    assert part("storage").state == State.GOOD


def test_a_bucket_that_is_away_is_given_up_soon(db: None, settings: Settings, tmp_path: Path, closed_port: int):
    credentials = tmp_path / "credentials"
    credentials.write_text("AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=hidden\n")
    settings.STORAGE_ROOT = tmp_path / "spool"
    settings.STORAGE_BUCKET = "s3://placet/files"
    endpoint = f"http://127.0.0.1:{closed_port}"
    settings.STORAGE_OPTIONS = {"endpoint": endpoint, "region": "eu", "credentials": str(credentials)}
    found = part("storage")
    assert found.state == State.BAD
    assert found.means.startswith("The file storage does not take the call")
    assert "hidden" not in found.means


def test_who_looks_after_the_system_reads_the_page(db: None, no_mlflow: None, client: Client):
    client.force_login(a_user(Role.ADMINISTRATOR))
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    text = answer.content.decode()
    assert "At least one part does not work." in text
    assert "Start MLflow." in text
    assert "docs/how-to/watch-placet.md#mlflow" in text
    assert 'href="/health"' in client.get("/").content.decode()


def test_nobody_else_does(db: None, client: Client):
    assert client.get("/health").status_code == 302
    client.force_login(a_user(Role.ENGINEER))
    assert client.get("/health").status_code == 403
    assert 'href="/health"' not in client.get("/").content.decode()


@pytest.mark.parametrize(
    ("role", "scopes", "status"),
    [
        (Role.AUDITOR, ["health:read"], 200),
        (Role.AUDITOR, ["bundles:read"], 403),
        (Role.ENGINEER, ["health:read"], 403),
    ],
)
def test_a_token_with_scope_and_role_reads_the_same(
    db: None, no_mlflow: None, client: Client, role: str, scopes: list[str], status: int
):
    token = create_token(holder=a_user(role), label="watch", scopes=scopes)
    answer = client.get("/api/v1/health", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == status
    if status == 200:
        said = answer.json()
        assert said["state"] == said["parts"][0]["state"] == "bad"
        assert {part["key"] for part in said["parts"]} >= {"database", "notary", "mlflow", "gate", "storage"}
