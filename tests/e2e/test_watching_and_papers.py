"""What the demo shows once a model is live: changed bytes are seen, drift suspends, strangers can check the papers."""

from typing import Any

import pytest

from tests.e2e.steps import Step

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_changed_bytes_are_seen_and_nothing_loads_them(step: Step, v2_live: Any) -> None:
    step(6)


def test_drift_suspends_the_approval(step: Step, v2_live: Any) -> None:
    step(7)


def test_a_stranger_can_check_the_papers(step: Step, v2_live: Any) -> None:
    step(8)
