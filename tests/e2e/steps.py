"""Tell single steps of the demo's story to the stack of the tests."""

from collections.abc import Callable

from examples.credit import story
from examples.credit.stage import Stage

Step = Callable[[int], None]


def play(number: int, stage: Stage, world: story.World) -> None:
    """Tell one step of the demo's story, with all that it expects; the number is the one that the demo prints."""
    _, act = story.STEPS[number - 1]
    act(stage, world)
