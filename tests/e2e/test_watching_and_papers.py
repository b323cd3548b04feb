"""What the demo shows once a model is live: changed bytes are seen, drift suspends, strangers can check the papers."""

from typing import Any

import pytest

from examples.credit import story, watching
from examples.credit.stage import Stage

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_changed_bytes_are_seen_and_nothing_loads_them(world: story.World, stage: Stage, v2_live: Any) -> None:
    watching.tamper(stage, world)


def test_drift_suspends_the_approval(world: story.World, stage: Stage, v2_live: Any) -> None:
    watching.drift(stage, world)


def test_a_stranger_can_check_the_papers(world: story.World, stage: Stage, v2_live: Any) -> None:
    watching.papers(stage, world)
