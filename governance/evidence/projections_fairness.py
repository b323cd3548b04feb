"""The scalars of ``fairness/v1`` that a policy may name: the worst group of each comparison. Pure, no Django."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Scalar = str | int | float | bool | None
Payload = Mapping[str, Any]

FEATURE = "<feature>"  # in a declared path: stands for each sensitive feature that the policy asks for
WORST = {"worst": "double?", "worst_ci_low": "double?", "worst_ci_high": "double?", "worst_group": "string?"}
PAIRS = ("selection_ratio", "tpr_difference", "fpr_difference", "fnr_difference", "precision_difference")
OF_NUMBERS = ("residual_difference", "prediction_difference")
HIGH_IS_BAD = frozenset({"fnr_difference"})

DECLARED = {
    "n": "int",
    **{
        f"{head}{pair}.{name}": kind
        for head in ("", f"{FEATURE}.", "intersections.")
        for pair in (*PAIRS, *OF_NUMBERS)
        for name, kind in WORST.items()
    },
}


def project(payload: Payload) -> dict[str, Scalar]:
    """Return the worst group of each comparison: over all features, by feature, and over all intersections.

    Each group compared stands against the reference group, and low is bad, but for ``fnr_difference``, where high is.
    Where low is bad, ``worst`` is the smallest value of any group, ``worst_ci_low`` the smallest lower end and
    ``worst_ci_high`` the smallest upper end: every group clears a limit exactly when ``worst_ci_low`` does, and some
    group misses it for certain exactly when ``worst_ci_high`` does. Where high is bad, all three are the largest.

    That every group clears needs no allowance for how many there are: one that does not is enough to stop it. That
    some group misses does, so the end that a failure is read from is the simultaneous interval's, where there is one.

    When a group's figure is undefined or suppressed, so are ``worst`` and the end that a pass is read from. Figures of
    decisions have no path for a regression, and the other way round.
    """
    out: dict[str, Scalar] = {"n": payload["n"]}
    for pair in OF_NUMBERS if payload.get("task") == "regression" else PAIRS:
        everybody: list[tuple[str, Payload]] = []
        for feature in payload["features"]:
            compared = _compared(feature["groups"], pair)
            out |= _worst(f"{feature['feature']}.{pair}", pair, compared)
            everybody += [(f"{feature['feature']}={group}", figure) for group, figure in compared]
        out |= _worst(pair, pair, everybody)
        crossed = [figure for table in payload.get("intersections", ()) for figure in _compared(table["groups"], pair)]
        out |= _worst(f"intersections.{pair}", pair, crossed)
    return out


def _compared(groups: Iterable[Payload], pair: str) -> list[tuple[str, Payload]]:
    return [(group["group"], group[pair]) for group in groups if group["compared"] and group.get(pair)]


def _worst(path: str, pair: str, compared: Iterable[tuple[str, Payload]]) -> dict[str, Scalar]:
    figures = list(compared)
    if not figures:
        return {f"{path}.{name}": None for name in WORST}
    high_is_bad = pair in HIGH_IS_BAD
    most = max if high_is_bad else min
    passes, fails = ("high", "low") if high_is_bad else ("low", "high")
    together = 0 if high_is_bad else 1  # the end of the simultaneous interval that a failure is read from
    values, passing = [figure["value"] for _, figure in figures], [figure[passes] for _, figure in figures]
    failing = [
        figure["simultaneous"][together] if figure.get("simultaneous") else figure[fails] for _, figure in figures
    ]
    complete = None not in values
    known = [(figure["value"], group) for group, figure in figures if figure["value"] is not None]
    return {
        f"{path}.worst": most(values) if complete else None,
        f"{path}.worst_ci_{passes}": most(passing) if None not in passing else None,
        f"{path}.worst_ci_{fails}": most((end for end in failing if end is not None), default=None),
        f"{path}.worst_group": most(known)[1] if complete and known else None,
    }
