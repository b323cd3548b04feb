"""Fixtures for all tests. The servers and their environment are in tests/servers.py."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from pytest_django.fixtures import Settings

from tests.roles import as_role


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
def _own_cache(settings: Settings) -> None:
    """Keep what one test counted in Valkey from the next, and from another worker's."""
    settings.CACHES = {"default": {**settings.CACHES["default"], "KEY_PREFIX": uuid4().hex}}
