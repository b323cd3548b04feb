"""People, a policy and a model in the registry; MLflow's health check answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.healthy_mlflow import healthy_mlflow


@pytest.fixture(scope="session")
def mlflow_address() -> Iterator[str]:
    """A server that answers MLflow's health check."""
    with healthy_mlflow() as address:
        yield address


@pytest.fixture
def cast(db, mlflow_address, settings):
    """Everybody with a part in a promotion, in a wrapped test."""
    from tests.factories import Cast

    settings.MLFLOW_TRACKING_URI = mlflow_address
    return Cast()


@pytest.fixture
def committed_cast(transactional_db, mlflow_address, settings):
    """The same on real commits, for races and for what the database checks at commit."""
    from tests.factories import Cast

    settings.MLFLOW_TRACKING_URI = mlflow_address
    return Cast()
