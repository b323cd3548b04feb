"""What supervisors and load balancers are told of the web process."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection
from django.test import Client
from pytest_django.fixtures import Settings

from governance.common.postgres import migrated
from governance.common.postgres.bounded import at_most


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that stays ours and that nothing listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_a_process_that_serves_is_alive_whatever_else_is_down(client: Client):
    answer = client.get("/healthz")  # this test may not touch the database, and pytest-django sees to that
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_process_is_ready_when_database_migrations_and_cache_are(client: Client, db: None):
    answer = client.get("/readyz")
    checks = {"database": "ok", "migrations": "ok", "cache": "ok"}
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "checks": checks})
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.django_db(transaction=True)
def test_without_a_database_it_is_not_ready_and_by_itself_ready_again(client: Client, closed_port: int):
    before = connection.settings_dict["PORT"]
    connection.close()
    connection.settings_dict["PORT"] = str(closed_port)
    try:
        answer = client.get("/readyz")
    finally:
        connection.settings_dict["PORT"] = before
    assert answer.status_code == 503
    assert answer.json()["checks"] == {
        "database": "PostgreSQL does not answer.",
        "migrations": "Not known: PostgreSQL does not answer.",
        "cache": "ok",
    }
    assert client.get("/readyz").status_code == 200


def test_a_new_release_is_not_ready_before_its_migrations(client: Client, db: None, monkeypatch: pytest.MonkeyPatch):
    asked = migrated.newest_migrations()
    assert ("audit", "0001_initial") not in asked  # the last ones only
    monkeypatch.setattr(migrated, "newest_migrations", lambda: asked | {("audit", "9999_of_the_next_release")})
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["migrations"].startswith("1 apps lack their newest migration: run manage.py migrate")


def test_an_older_release_stays_ready_when_the_next_one_has_migrated(
    client: Client, db: None, monkeypatch: pytest.MonkeyPatch
):
    older = frozenset(sorted(migrated.newest_migrations())[1:])
    monkeypatch.setattr(migrated, "newest_migrations", lambda: older)
    assert client.get("/readyz").status_code == 200


def test_without_a_cache_it_is_not_ready(client: Client, db: None, settings: Settings, closed_port: int):
    location = f"redis://secret-of-the-cache@127.0.0.1:{closed_port}/0"
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": location}}
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["cache"] == "The cache (REDIS_URL) does not answer."
    assert b"secret" not in answer.content


def test_a_supervisor_reaches_the_probes_by_any_name_and_without_https(client: Client, db: None, settings: Settings):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECOND_FACTOR = "everyone"
    for path in ("/healthz", "/readyz"):
        assert client.get(path, headers={"Host": "10.1.2.3:8000"}).status_code == 200
    assert client.get("/log").status_code == 301  # what is no probe is sent to https as before


def test_a_question_that_takes_too_long_is_cut_off_and_the_next_is_not(db: None):
    with pytest.raises(OperationalError, match="statement timeout"), at_most(0.05) as cursor:
        cursor.execute("SELECT pg_sleep(5)")
    with at_most(0.05):
        pass
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)
