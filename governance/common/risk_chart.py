"""The matrix of a risk file: likelihood against severity, each risk from before its measures to after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from governance.common.charts import coord, figure, words

STEPS = 5
CELL_W, CELL_H, LEFT, TOP = 76, 52, 34, 6
PER_ROW, APART, RADIUS = 4, 18, 8
HIGH, MIDDLE = 12, 5
"""From which product of likelihood and severity a cell is drawn as high, or as middle: a picture, not a rule."""


def risk_matrix(risks: Sequence[Mapping[str, Any]], *, uid: str, title: str) -> str:
    """Draw a 5 by 5 matrix with a ring per risk before measures, and a dot after them.

    Args:
        risks: ``number``, ``likelihood``, ``severity`` (1 to 5), ``residual_likelihood`` and ``residual_severity`` or
            None.

    Returns: SVG; severity runs to the right, likelihood upwards. The description says every number.
    """
    width, height = LEFT + STEPS * CELL_W + 4, TOP + STEPS * CELL_H + 40
    body = [_cell(likelihood, severity) for likelihood in range(1, STEPS + 1) for severity in range(1, STEPS + 1)]
    for step in range(1, STEPS + 1):
        body.append(words(LEFT + (step - 0.5) * CELL_W, TOP + STEPS * CELL_H + 15, str(step), anchor="middle"))
        body.append(words(LEFT - 8, TOP + (STEPS - step + 0.5) * CELL_H + 4, str(step), anchor="end"))
    body.append(words(LEFT, TOP + STEPS * CELL_H + 33, "Severity to the right, likelihood upwards"))
    placed: dict[tuple[int, int], int] = {}
    said, lines, marks = [], [], []
    for risk in risks:
        before = _place(placed, risk["likelihood"], risk["severity"])
        said.append(f"R-{risk['number']}: likelihood {risk['likelihood']}, severity {risk['severity']}")
        marks.append(_mark(before, str(risk["number"]), "before"))
        if risk["residual_likelihood"] and risk["residual_severity"]:
            after = _place(placed, risk["residual_likelihood"], risk["residual_severity"])
            said[-1] += f", after measures {risk['residual_likelihood']} and {risk['residual_severity']}"
            lines.append(
                f'<line class="x-r-line" x1="{coord(before[0])}" y1="{coord(before[1])}" '
                f'x2="{coord(after[0])}" y2="{coord(after[1])}"/>'
            )
            marks.append(_mark(after, str(risk["number"]), "after"))
    desc = "; ".join(said) + "." if said else "No risk."
    return figure("".join([*body, *lines, *marks]), uid=uid, title=title, desc=desc, width=width, height=height)


def _cell(likelihood: int, severity: int) -> str:
    score = likelihood * severity
    tone = "high" if score >= HIGH else "middle" if score >= MIDDLE else "low"
    x, y = LEFT + (severity - 1) * CELL_W, TOP + (STEPS - likelihood) * CELL_H
    return f'<rect class="x-r-{tone}" x="{x + 1}" y="{y + 1}" width="{CELL_W - 2}" height="{CELL_H - 2}" rx="3"/>'


def _place(placed: dict[tuple[int, int], int], likelihood: int, severity: int) -> tuple[float, float]:
    """Return where the next mark of a cell goes; the ninth and later lie on the eighth."""
    nth = min(placed.get((likelihood, severity), 0), 2 * PER_ROW - 1)
    placed[likelihood, severity] = nth + 1
    x = LEFT + (severity - 1) * CELL_W + 11 + APART * (nth % PER_ROW)
    y = TOP + (STEPS - likelihood) * CELL_H + 15 + 22 * (nth // PER_ROW)
    return x, y


def _mark(at: tuple[float, float], number: str, when: str) -> str:
    x, y = at
    circle = f'<circle class="x-r-{when}" cx="{coord(x)}" cy="{coord(y)}" r="{RADIUS}"/>'
    return circle + words(x, y + 3.5, number, css=f"x-r-{when}-text", anchor="middle")
