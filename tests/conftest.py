"""Fixtures for all tests. The servers and their environment are in tests/servers.py."""

from collections.abc import Iterator
from pathlib import Path
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


# Folders whose tests share one server or one stack: each stays on one worker, and the longest start first.
TOGETHER = ("e2e", "client/mlflow_plugin", "platform", "documents")
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share servers on one worker, and let the longest groups start first."""

    def rank(item: pytest.Item) -> int:
        below = item.path.relative_to(HERE).as_posix()
        return next((place for place, folder in enumerate(TOGETHER) if below.startswith(f"{folder}/")), len(TOGETHER))

    for item in items:
        if (place := rank(item)) < len(TOGETHER):
            item.add_marker(pytest.mark.xdist_group(TOGETHER[place]))
    items.sort(key=rank)
