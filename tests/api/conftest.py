"""Clients of the API on real commits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from tests.healthy_mlflow import healthy_mlflow


@pytest.fixture(scope="session")
def mlflow_address() -> Iterator[str]:
    """A server that answers MLflow's health check."""
    with healthy_mlflow() as address:
        yield address


@pytest.fixture
def cast(transactional_db: None, mlflow_address: str, settings: Any) -> Any:
    """Everybody with a part in a promotion."""
    from tests.factories import Cast

    settings.MLFLOW_TRACKING_URI = mlflow_address
    return Cast()


@pytest.fixture
def signed_in() -> Callable[[Any], Client]:
    """Make a client with a person's session."""

    def sign_in(person: Any) -> Client:
        client = Client()
        client.force_login(person)
        return client

    return sign_in
