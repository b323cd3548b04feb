"""Charts of figures by group of people: rates with intervals, and figures over thresholds. Rules as charts.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from governance.common.charts import Number, coord, figure, plain
from governance.common.series import round_ticks

LONGEST = 24  # letters of a label; the table beside the chart has the whole of it


def rate_dots(
    rows: Sequence[Mapping[str, Any]],
    *,
    uid: str,
    title: str,
    reference: str = "",
    span: tuple[Number, Number] | None = (0.0, 1.0),
) -> str:
    """Draw one figure of each group with its 95 % interval, and a line at the reference group's.

    Args:
        rows: mappings with ``group`` and ``figure`` (``value``, ``low``, ``high``), from top to bottom. A figure
            without a value is not drawn, and said with its reason.
        reference: the group whose value gets a line through all rows.
        span: what the width stands for; None takes the smallest round span that holds everything.
    """
    left, right, top, pitch, width = 150, 46, 8, 24, 460
    figures = [row["figure"] for row in rows]
    given = [value for figure_ in figures for value in (figure_.get("value"), figure_.get("low"), figure_.get("high"))]
    ticks = round_ticks([*given, *(span or ())])
    low, high = span or (ticks[0], ticks[-1])
    bottom = top + pitch * len(rows)

    def x(value: Number) -> float:
        return left + (width - left - right) * min(1.0, max(0.0, (value - low) / ((high - low) or 1.0)))

    body = []
    for tick in [tick for tick in ticks if low <= tick <= high]:
        at = coord(x(tick))
        body.append(
            f'<line class="x-c-grid" x1="{at}" x2="{at}" y1="{top}" y2="{bottom}"/>'
            f'<text x="{at}" y="{bottom + 14}" text-anchor="middle">{plain(tick, _digits(ticks))}</text>'
        )
    said = []
    digits = 2 if span else _digits(ticks) + 1
    for place, row in enumerate(rows):
        y, shown = top + pitch * (place + 0.5), row["figure"]
        is_reference = row["group"] == reference
        body.append(
            f'<text class="x-c-label" x="{left - 10}" y="{coord(y + 4)}" text-anchor="end">'
            f"{escape(_short(row['group']))}</text>"
        )
        if is_reference and shown.get("value") is not None:
            at = coord(x(shown["value"]))
            body.insert(0, f'<line class="x-c-watch" x1="{at}" x2="{at}" y1="{top}" y2="{bottom}"/>')
        body.append(_whisker(shown, x, y, "ref" if is_reference else "pass"))
        said.append(_said(row["group"], shown, digits, is_reference=is_reference))
        text = plain(shown["value"], digits) if shown.get("value") is not None else _not_drawn(shown)
        body.append(f'<text x="{width - right + 8}" y="{coord(y + 4)}">{escape(text)}</text>')
    return figure("".join(body), uid=uid, title=title, desc=f"{'; '.join(said)}.", width=width, height=bottom + 20)


def over_thresholds(
    thresholds: Sequence[Number],
    values: Sequence[Number | None],
    *,
    own: int,
    uid: str,
    title: str,
    low: Number | None = None,
    high: Number | None = None,
    limit: Number | None = None,
) -> str:
    """Draw a figure over decision thresholds, the version's own marked, with the interval it has there.

    Args:
        thresholds: rising. values: one for each; None is undefined and breaks the line.
        own: index of the version's own threshold.
        low, high: the interval of the figure at it. limit: a line, if there is one.
    """
    left, right, top, bottom, width, height = 46, 12, 14, 36, 460, 190
    ticks = round_ticks([*values, low, high, limit])
    floor, ceiling = ticks[0], ticks[-1]
    first, last = thresholds[0], thresholds[-1]

    def x(value: Number) -> float:
        return left + (width - left - right) * (value - first) / ((last - first) or 1.0)

    def y(value: Number) -> float:
        return top + (height - top - bottom) * (1 - (value - floor) / (ceiling - floor))

    body = [
        f'<line class="x-c-grid" x1="{left}" x2="{width - right}" y1="{coord(y(tick))}" y2="{coord(y(tick))}"/>'
        f'<text x="{left - 6}" y="{coord(y(tick) + 4)}" text-anchor="end">{plain(tick, _digits(ticks))}</text>'
        for tick in ticks
    ]
    if limit is not None:
        at = coord(y(limit))
        body.append(f'<line class="x-c-limit-bad" x1="{left}" x2="{width - right}" y1="{at}" y2="{at}"/>')
    points = [(x(t), y(v)) if v is not None else None for t, v in zip(thresholds, values, strict=True)]
    body += [f'<polyline class="x-c-line" points="{line}"/>' for line in _unbroken(points)]
    at, mark = coord(x(thresholds[own])), thresholds[own]
    body.append(f'<line class="x-c-now" x1="{at}" x2="{at}" y1="{top}" y2="{height - bottom}"/>')
    if low is not None and high is not None:
        body.append(f'<line class="x-c-ci x-c-pass" x1="{at}" x2="{at}" y1="{coord(y(low))}" y2="{coord(y(high))}"/>')
    if values[own] is not None:
        body.append(f'<circle class="x-c-point x-c-pass" cx="{at}" cy="{coord(y(values[own] or 0.0))}" r="4"/>')
    for value, anchor in ((first, "start"), (last, "end")):
        if abs(x(value) - x(mark)) > 70:
            body.append(
                f'<text x="{coord(x(value))}" y="{height - 20}" text-anchor="{anchor}">{plain(value, 2)}</text>'
            )
    side = "start" if x(mark) < left + 60 else "end" if x(mark) > width - 70 else "middle"
    body.append(
        f'<text class="x-c-label" x="{at}" y="{height - 20}" text-anchor="{side}">{plain(mark, 2)}, its own</text>'
        f'<text x="{coord((left + width - right) / 2)}" y="{height - 5}" text-anchor="middle">threshold</text>'
    )
    said = [f"at {plain(t, 2)} {_or_undefined(v)}" for t, v in zip(thresholds, values, strict=True)]
    desc = f"The version's own threshold is {plain(mark, 2)}, where it is {_or_undefined(values[own])}"
    desc += f", 95 % interval {plain(low, 2)} to {plain(high, 2)}" if low is not None and high is not None else ""
    desc += f". Limit {plain(limit, 2)}" if limit is not None else ""
    desc = f"{desc}. Over thresholds: {'; '.join(said)}."
    return figure("".join(body), uid=uid, title=title, desc=desc, width=width, height=height)


def _whisker(shown: Mapping[str, Any], x: Any, y: float, tone: str) -> str:
    parts = []
    if shown.get("low") is not None and shown.get("high") is not None:
        a, b = coord(x(shown["low"])), coord(x(shown["high"]))
        parts.append(f'<line class="x-c-ci x-c-{tone}" x1="{a}" x2="{b}" y1="{coord(y)}" y2="{coord(y)}"/>')
    if shown.get("value") is not None:
        at = coord(x(shown["value"]))
        parts.append(f'<circle class="x-c-point x-c-{tone}" cx="{at}" cy="{coord(y)}" r="4"/>')
    return "".join(parts)


def _said(group: str, shown: Mapping[str, Any], digits: int, *, is_reference: bool) -> str:
    name = f"{group} (reference)" if is_reference else str(group)
    if shown.get("value") is None:
        return f"{name}: {shown.get('reason') or 'undefined'}"
    text = f"{name} {plain(shown['value'], digits)}"
    if shown.get("low") is None:
        return text
    return f"{text}, 95 % interval {plain(shown['low'], digits)} to {plain(shown['high'], digits)}"


def _not_drawn(shown: Mapping[str, Any]) -> str:
    return "hidden" if shown.get("suppressed") else "\N{EN DASH}"


def _or_undefined(value: Number | None) -> str:
    return "undefined" if value is None else plain(value, 2)


def _short(label: object) -> str:
    text = str(label)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _digits(ticks: Sequence[Number]) -> int:
    """How many decimals the marks need: 0 to 6."""
    return next((d for d in range(6) if all(abs(round(t, d) - t) < 1e-9 for t in ticks)), 6)


def _unbroken(points: Sequence[tuple[float, float] | None]) -> list[str]:
    runs: list[list[str]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(f"{coord(point[0])},{coord(point[1])}")
    return [" ".join(run) for run in runs if run]
