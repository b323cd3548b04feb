"""Numbers that can't be, whatever was measured: what is looked for in evidence that Placet did not compute. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from governance.evidence import evaluation
from governance.evidence.numbers import Number, numbers

SLACK = 1e-9  # of the last digit, in which two programs may round apart
_OF_ALL = "selection_rate tpr fpr fnr precision recall accuracy balanced_accuracy base_rate share flipped"
SHARES = frozenset(_OF_ALL.split()) | {"auc", "average_precision", "brier", "ece", "mce"}
"""Names of numbers that lie between 0 and 1."""
BIASED_UPWARDS = "calibration/v1"
"""Noise can only enlarge its errors, so their point value may lie above their interval."""


def impossible(payload: Mapping[str, Any], *, rows: int | None) -> str:
    """Return the first number that can't be, in a sentence; empty when there is none.

    Args:
        payload: of any type of evidence.
        rows: how many the data has, None where it is not known.
    """
    n = payload.get("n")
    if rows is not None and isinstance(n, int) and n > rows:
        return f"n is {n:,}, and the data has {rows:,} rows."
    free = payload.get("type") == BIASED_UPWARDS
    named = payload.get("type") != evaluation.TYPE  # whose sender gives the names
    regression = payload.get("task") == "regression"
    for number in numbers(payload, points=False):
        if wrong := _wrong(number, n, inside=not free, named=named, differences=not regression):
            return f"{number.path}: {wrong}"
    return ""


def _wrong(number: Number, n: object, *, inside: bool, named: bool, differences: bool) -> str:
    value, low, high = number.value, number.low, number.high
    said = [part for part in (value, low, high) if part is not None]
    if not all(map(math.isfinite, said)):
        return "it is not finite."
    if low is not None and high is not None and low > high:
        return f"its interval ends at {high:g}, before it begins at {low:g}."
    if value is None and said:
        return "it is undefined, and has an interval."
    if inside and value is not None:
        slack = SLACK * max(1.0, abs(value))
        if not (value if low is None else low) - slack <= value <= (value if high is None else high) + slack:
            return f"{value:g} lies outside its own interval, from {low} to {high}."
    name = _name(number.path) if named else ""
    share = name in SHARES or (number.denominator is not None and not name.endswith("difference"))
    if value is not None and share and not -SLACK <= value <= 1 + SLACK:
        return f"{value:g} is no share; a share lies between 0 and 1."
    if value is not None and name.endswith("_ratio") and value < 0:
        return f"{value:g} is no ratio of shares; it is below 0."
    if value is not None and differences and name.endswith("_difference") and abs(value) > 1 + SLACK:
        return f"{value:g} is no difference of shares; that lies between -1 and 1."
    if number.n is not None and isinstance(n, int) and number.n > n:
        return f"it is of {number.n:,} rows, and n is {n:,}."
    return ""


def _name(path: str) -> str:
    """Return what a number is called: ``tpr`` of ``features[sex].groups[f].tpr`` and of ``metrics[tpr].candidate``."""
    before, _, last = path.rpartition(".")
    if last in ("candidate", "production", "number") and before.endswith("]"):
        return before[before.rindex("[") + 1 : -1]
    return last.partition("[")[0]
