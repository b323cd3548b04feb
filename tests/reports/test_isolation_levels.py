"""One word for how far a model was kept apart."""

import pytest

from reports.isolation.levels import SCALE, level_of, reaches


@pytest.mark.parametrize(
    ("steps", "level"),
    [
        ("netns+pidns+filesystem+uid+rlimits+seccomp", "full"),
        ("userns+netns+pidns+filesystem+rlimits+seccomp", "full"),
        ("netns+pidns+uid+rlimits+seccomp", "separate"),  # no file system of its own
        ("userns+netns+pidns+filesystem+rlimits", "separate"),  # no filter of system calls
        ("uid+rlimits+seccomp", "separate"),
        ("userns+netns+pidns+rlimits+seccomp", "limited"),  # the worker's own files
        ("filesystem+uid+rlimits", "limited"),  # the network is there
        ("rlimits+seccomp", "limited"),
        ("", "limited"),
    ],
)
def test_what_the_steps_add_up_to(steps, level):
    assert level_of(steps.split("+")) == level


def test_the_scale_is_ordered():
    assert SCALE == ("limited", "separate", "full")
    assert reaches("full", "separate")
    assert reaches("separate", "separate")
    assert not reaches("limited", "separate")
    assert not reaches("in-process", "limited")
    with pytest.raises(ValueError, match=r"not in tuple"):
        reaches("full", "high")
