"""How far a model was kept apart, as one word of an ordered scale that policies can require.

The words beside it (``environment["isolation"]``) name the single steps; this names what they add up to:

- ``limited``: limits on resources and a filter of system calls that takes sockets away, but no user and no file system
  of its own. A host that reaches no more than this starts no model, so no computed evidence carries it; it is where a
  policy's scale begins, for evidence that was submitted.
- ``separate``: no network, and a user or a file system of its own: it can't read what the worker can.
- ``full``: network, process table, file system, user and the dangerous system calls are all taken away. A user name
  space counts as a user of its own: in it the model has no right outside.

Code of a model's author is run at ``full`` only.
"""

from __future__ import annotations

from collections.abc import Iterable

LIMITED, SEPARATE, FULL = "limited", "separate", "full"
SCALE = (LIMITED, SEPARATE, FULL)
USER = {"uid", "userns"}
EVERYTHING = {"netns", "pidns", "filesystem", "rlimits", "seccomp"}


def level_of(steps: Iterable[str]) -> str:
    """Return the level that the launcher's steps add up to; ``steps`` are its own names (``netns``, ``uid``, …)."""
    reached = set(steps)
    if reached >= EVERYTHING and reached & USER:
        return FULL
    if reached & {"netns", "seccomp"} and reached & {"uid", "filesystem"}:
        return SEPARATE
    return LIMITED


def reaches(level: str, required: str) -> bool:
    """Return whether ``level`` is at least ``required``; a word that is not on the scale reaches nothing.

    Raises:
        ValueError: ``required`` is not on the scale.
    """
    wanted = SCALE.index(required)
    return level in SCALE and SCALE.index(level) >= wanted
