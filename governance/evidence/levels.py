"""How well a model was kept apart while it was measured: three words in order, which policies may ask for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LEVELS = ("limited", "separate", "full")
"""From the weakest: some step of the isolation was missing; a process without network and files or user of its own; all
steps that Placet knows. docs/explanation has what each means."""

RUN_THE_MODEL = frozenset({"performance", "calibration", "fairness", "explanation", "robustness"})
"""Types of evidence, without version, for which the model's own code runs."""

KEY = "isolation_level"
"""Under this name the environment of a piece of evidence has the level that was reached."""


def reached(environment: Mapping[str, Any]) -> str:
    """Return the level that the evidence says, empty where it says none, or none that there is."""
    said = environment.get(KEY)
    return said if isinstance(said, str) and said in LEVELS else ""


def suffices(level: str, wanted: str) -> bool:
    """Return whether a level is as high as the one that is wanted; none at all (empty) never is."""
    return level in LEVELS and LEVELS.index(level) >= LEVELS.index(wanted)
