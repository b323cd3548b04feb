"""Fixtures of the monitoring tests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from monitor_world import World, make_world

from monitoring import scoring


@pytest.fixture
def storage(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """Keep all files of the test in its own folder, and score the reference in this process."""
    settings.STORAGE_ROOT = tmp_path
    before = list(scoring._path)
    scoring.register("monitor_world:score_rows")
    yield tmp_path
    scoring._path[:] = before


@pytest.fixture
def world(db: None, storage: Path) -> World:
    """Return a live, approved ``credit-risk`` version 2 behind ``champion``."""
    return make_world()


@pytest.fixture
def monitor(world: World) -> Any:
    """Return a monitor of what is live."""
    from monitoring import services

    return services.open_monitor(model=world.model, alias="champion", actor=world.owner)
