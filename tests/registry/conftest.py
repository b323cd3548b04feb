"""People, a policy and a model in the registry; MLflow's health check answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from tests.healthy_mlflow import healthy_mlflow
from tests.registry.mlflow_double import Registry, running
from tests.registry.real_mlflow import logged_models, tracking_server  # noqa: F401  # fixtures


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


@pytest.fixture
def tracking(settings) -> Iterator[Registry]:
    """A tracking server of this test's own, which Placet's workers are pointed at."""
    registry = Registry()
    cache.delete_many([f"placet:reconciler-down:{name}" for name in ("aliases", "live-bytes", "new-versions")])
    with running(registry) as address:
        settings.MLFLOW_TRACKING_URI = address
        yield registry
