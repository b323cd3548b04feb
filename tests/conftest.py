"""Fixtures for all tests. The servers and their environment are in tests/servers.py."""

import gc
import os
from collections.abc import Iterator
from uuid import uuid4

import hypothesis
import psycopg
import pytest
from django.core.cache import caches
from django.db import connection
from django.db.models.signals import post_migrate
from pytest_django import DjangoDbBlocker
from pytest_django.fixtures import Settings

from tests.proving import count
from tests.roles import as_role
from tests.template import close_to_the_public, prepared_template

# A busy machine is no failure: nothing here is timed. A test that needs more examples to go red says so itself.
hypothesis.settings.register_profile("untimed", deadline=None, max_examples=count(100, 30))
hypothesis.settings.load_profile("untimed")


def pytest_collection_finish() -> None:
    """Keep the garbage collector from walking every module and test again and again: none of them ever goes."""
    gc.enable()
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Copy the test database from one that is migrated already."""
    with django_db_blocker.unblock():
        connection.settings_dict["TEST"]["TEMPLATE"] = prepared_template(connection)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Set up and tear down what pytest-django does not know of the test database.

    Our flush leaves content types and permissions in place, so nothing has to make them again after each test that
    commits. In the end whatever still speaks to the database is cut off, such as the server's side of a process that a
    test killed: PostgreSQL notices that a client went away only when it next writes to it, and drops no database
    meanwhile.
    """
    name = connection.settings_dict["NAME"]
    close_to_the_public(name, connection.settings_dict["TEST"]["TEMPLATE"])
    held, post_migrate.receivers = post_migrate.receivers, []
    yield
    post_migrate.receivers = held
    connection.close()
    with psycopg.connect(os.environ["PLACET_BOOTSTRAP_URL"]) as server:
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


@pytest.fixture
def as_notary(db: None) -> Iterator[None]:
    """Run the test's database work as the notary role, as the notary's own process does."""
    with as_role("notary"):
        yield


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    """Hash passwords quickly: scrypt takes a tenth of a second per sign-in, and no test is about it."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _own_cache(settings: Settings) -> Iterator[None]:
    """Keep what one test counted in Valkey from the next, and from another worker's; leave no connection behind."""
    settings.CACHES = {"default": {**settings.CACHES["default"], "KEY_PREFIX": uuid4().hex}}
    yield
    for cache in caches.all(initialized_only=True):
        for pool in cache._cache._pools.values():  # type: ignore[attr-defined]  # close() leaves them open
            pool.disconnect()
