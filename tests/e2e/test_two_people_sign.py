"""The policy's verdict on version 2, and who may lift it: steps 4 and 5 of the story, told to the same stack."""

from typing import Any

import pytest

from examples.credit import story, watching
from tests.e2e.steps import Step

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_one_check_is_insufficient_and_holds(step: Step, v2_in_review: Any) -> None:
    step(4)


def test_the_requester_is_refused_and_two_others_sign(world: story.World, step: Step, v2_in_review: Any) -> None:
    step(5)
    assert watching.alias_in_mlflow(world) == 2
