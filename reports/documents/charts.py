"""Charts for print: plain SVG strings with fixed colours, each with the same figures in words.

Sizes are in points, so that a label of 7 reads as 7 points on paper. Shape and position carry the meaning, colour only
repeats it: the charts survive a black-and-white printer. Every axis label has the class ``tick``. Pure Python.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from reports.documents.translation import _
from reports.documents.wording import decimal, integer

INK, MUTED, GRID, LINE = "#182433", "#535f72", "#e3e8ef", "#b9c4d2"
BLUE, GREY, MISS = "#1b57b0", "#7d899b", "#fbe9e7"
TONES = {"none": BLUE, "good": "#126039", "bad": "#b32626", "warn": "#9a5b00", "info": BLUE}
WIDTH = 468.0
FAMILIES = "Inter, Noto Sans CJK SC"
_LONGEST = 120  # characters of a text in a chart, which no line break shortens
# Beyond ASCII any script may come; short where it can't, since a chart has many texts.
WIDER = f"{FAMILIES}, Noto Sans Hebrew, IBM Plex Sans Arabic"
Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class IntervalRow:
    """One line of an interval chart; what is None is not drawn. ``cross`` marks the reference library's value."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    sub: str = ""
    limit: float | None = None
    cross: float | None = None
    tone: Literal["none", "good", "bad", "warn", "info"] = "none"


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return round values that span ``low`` to ``high``: steps of 1, 2 or 5 times a power of ten, about ``count`` of
    them.

    A millionth of a step may lie outside. Nearly equal bounds get a span of 1 around them.

    Raises:
        ValueError: a bound is not finite.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("Axis bounds must be finite.")
    if high - low <= 1e-9 * max(abs(low), abs(high)) or high - low < 1e-12:
        low, high = low - 0.5, high + 0.5
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def interval_chart(
    rows: Sequence[IntervalRow],
    *,
    axis: str,
    limit: float | None = None,
    better: Better = "higher",
    reference: float | None = None,
    floor: float | None = None,
) -> str:
    """Draw estimates with their 95 % intervals on one axis.

    Args:
        rows: from top to bottom, at least one.
        axis: what the horizontal axis shows.
        limit: a limit for all rows, with the side that misses it shaded; rows may have their own as a tick instead.
        better: ``higher`` if the limit is a minimum, ``lower`` if it is a maximum.
        reference: a dotted line where there is no difference (1 for ratios, 0 for differences).
        floor: the axis never starts above this.
    """
    given = [v for row in rows for v in (row.value, row.low, row.high, row.limit, row.cross) if v is not None]
    given += [v for v in (limit, reference, floor) if v is not None]
    marks = ticks(min(given, default=0.0), max(given, default=1.0))
    left, right, top, pitch = 128.0, 86.0, 14.0, 21.0
    bottom = top + pitch * len(rows)
    x = _scale(marks[0], marks[-1], left, WIDTH - right)
    parts = [_axis(marks, x, top, bottom, axis)]
    if limit is not None:
        start, end = (left, x(limit)) if better == "higher" else (x(limit), WIDTH - right)
        parts.insert(
            0,
            _rect(start, top, end - start, bottom - top, MISS),
        )
        parts.append(_line(x(limit), top - 3, x(limit), bottom, TONES["bad"], 1))
        anchor = "start" if x(limit) < WIDTH / 2 else "end"
        shift = 3 if anchor == "start" else -3
        parts.append(
            _text(
                x(limit) + shift,
                top - 5,
                _("limit {value}").format(value=decimal(limit, 2)),
                6.6,
                TONES["bad"],
                anchor=anchor,
            )
        )
    if reference is not None:
        parts.append(_line(x(reference), top, x(reference), bottom, MUTED, 0.7, dash="1.5 2"))
    for index, row in enumerate(rows):
        parts.append(_interval_row(row, x, top + pitch * (index + 0.5), left, right))
    return _svg(WIDTH, bottom + 26, parts)


def mini_interval(
    value: float | None,
    low: float | None,
    high: float | None,
    *,
    domain: tuple[float, float],
    limit: float | None = None,
    better: Better = "higher",
    reference: float | None = None,
    tone: Literal["none", "good", "bad", "warn", "info"] = "none",
) -> str:
    """Draw one estimate with its interval, small enough for a table cell. ``domain`` is what the width stands for."""
    width, height, middle = 92.0, 13.0, 6.5
    lower, upper = domain if domain[1] > domain[0] else (domain[0] - 0.5, domain[0] + 0.5)
    x = _scale(lower, upper, 3, width - 3)
    parts = [_line(3, middle, width - 3, middle, GRID, 0.8)]
    if limit is not None:
        at = min(max(x(limit), 3), width - 3)
        start, end = (3.0, at) if better == "higher" else (at, width - 3)
        parts.insert(
            0, f'<rect x="{_n(start)}" y="1" width="{_n(end - start)}" height="{_n(height - 2)}" fill="{MISS}"/>'
        )
        parts.append(_line(at, 0.5, at, height - 0.5, TONES["bad"], 0.9))
    if reference is not None:
        parts.append(_line(x(reference), 1, x(reference), height - 1, MUTED, 0.6, dash="1.2 1.6"))
    parts.append(_whisker(value, low, high, x, middle, TONES[tone], half=2.2, radius=2.0))
    return _svg(width, height, parts)


def shap_bars(features: Sequence[tuple[str, float, float | None, float | None]], *, axis: str) -> str:
    """Draw mean absolute SHAP values as bars from 0, largest first, with their interval as a whisker.

    Args:
        features: (name, mean absolute value, low, high), all at least 0.
        axis: the unit of the value.
    """
    top, pitch, left, right = 8.0, 16.0, 128.0, 86.0
    marks = ticks(0.0, max((high or value for _, value, _, high in features), default=1.0))
    x = _scale(0.0, marks[-1], left, WIDTH - right)
    bottom = top + pitch * len(features)
    parts = [_axis(marks, x, top, bottom, axis)]
    for index, (name, value, low, high) in enumerate(features):
        y = top + pitch * (index + 0.5)
        parts.append(_text(left - 8, y + 2.4, _clipped(name), 7.2, INK, anchor="end"))
        parts.append(_rect(left, y - 4, x(value) - left, 8, BLUE, extra='rx="1" fill-opacity="0.82"'))
        if low is not None and high is not None:
            parts += [_line(x(low), y, x(high), y, INK, 0.9), _line(x(low), y - 2, x(low), y + 2, INK, 0.9)]
            parts.append(_line(x(high), y - 2, x(high), y + 2, INK, 0.9))
        parts.append(_text(WIDTH - right + 10, y + 2.4, decimal(value), 7.2, INK))
    return _svg(WIDTH, bottom + 26, parts)


def roc_curve(points: Sequence[tuple[float, float]], *, operating: tuple[float, float] | None = None) -> str:
    """Draw the ROC curve with the diagonal of chance and, where given, the point of the decision threshold.

    Args:
        points: (false positive rate, true positive rate), each in [0, 1].
        operating: the point at the decision threshold.
    """
    x, y, parts = _square(_("False positive rate"), _("True positive rate"))
    parts.append(_line(x(0), y(0), x(1), y(1), LINE, 0.8, dash="2 2"))
    if points:
        path = " ".join(f"{'M' if index == 0 else 'L'}{_n(x(a))} {_n(y(b))}" for index, (a, b) in enumerate(points))
        parts.append(f'<path d="{path}" fill="none" stroke="{BLUE}" stroke-width="1.5" stroke-linejoin="round"/>')
    if operating is not None:
        parts.append(_circle(x(operating[0]), y(operating[1]), 3.2, "#fff", extra=f'stroke="{INK}" stroke-width="1.4"'))
        parts.append(_text(x(operating[0]) + 6, y(operating[1]) + 8, _("decision threshold"), 6.8, INK))
    return _svg(228, 218, parts)


def calibration_plot(bins: Sequence[tuple[float, float, int]]) -> str:
    """Draw observed against predicted rates. The area of a dot grows with the number of rows in its bin.

    Args:
        bins: (mean predicted, observed rate, rows), the rates in [0, 1]; empty bins are left out by the caller.
    """
    x, y, parts = _square(_("Mean predicted probability"), _("Observed rate"))
    parts.append(_line(x(0), y(0), x(1), y(1), LINE, 0.8, dash="2 2"))
    if bins:
        path = " ".join(f"{'M' if i == 0 else 'L'}{_n(x(p))} {_n(y(o))}" for i, (p, o, _) in enumerate(bins))
        parts.append(f'<path d="{path}" fill="none" stroke="{BLUE}" stroke-width="0.9" stroke-opacity="0.55"/>')
    largest = max((n for _, _, n in bins), default=1)
    for predicted, observed, n in bins:
        radius = 1.8 + 3.4 * math.sqrt(n / largest)
        parts.append(_circle(x(predicted), y(observed), radius, BLUE, extra='fill-opacity="0.85"'))
    return _svg(228, 218, parts)


def state_bar(measured: int, declared: int, missing: int, *, most: int) -> str:
    """Draw how many paragraphs of a section are in each state: one block each, filled, ruled or open."""
    width, pitch = 92.0, min(9.0, 92.0 / max(most, 1))
    fills = [(BLUE, BLUE)] * measured + [("#a9c1e6", BLUE)] * declared + [("#fff", TONES["warn"])] * missing
    parts = [
        _rect(0.5 + index * pitch, 2, pitch - 1.4, 8, fill, extra=f'stroke="{stroke}" stroke-width="0.7"')
        for index, (fill, stroke) in enumerate(fills)
    ]
    return _svg(width, 12, parts)


def tick_labels(svgs: Iterable[str]) -> set[str]:
    """Return the axis labels drawn in some charts: numbers that a chart adds and no record holds."""
    found = set()
    for svg in svgs:
        for piece in svg.split('class="tick"')[1:]:
            found.add(piece.partition(">")[2].partition("<")[0])
    return found


def _interval_row(row: IntervalRow, x: _Scale, y: float, left: float, right: float) -> str:
    colour = TONES[row.tone]
    parts = [_text(left - 8, y + (-0.6 if row.sub else 2.4), _clipped(row.label), 7.4, INK, anchor="end", weight=500)]
    if row.sub:
        parts.append(_text(left - 8, y + 7.2, row.sub, 6.3, MUTED, anchor="end"))
    if row.limit is not None:
        parts.append(_line(x(row.limit), y - 6, x(row.limit), y + 6, TONES["bad"], 1))
    parts.append(_whisker(row.value, row.low, row.high, x, y, colour, half=3.2, radius=2.9))
    if row.cross is not None:
        at = x(row.cross)
        parts += [
            _line(at - 2.6, y - 2.6, at + 2.6, y + 2.6, INK, 0.9),
            _line(at - 2.6, y + 2.6, at + 2.6, y - 2.6, INK, 0.9),
        ]
    shown = decimal(row.value) if row.value is not None else _("undefined")
    parts.append(_text(WIDTH - right + 10, y + 2.4, shown, 7.4, INK, weight=600))
    return "".join(parts)


def _whisker(
    value: float | None,
    low: float | None,
    high: float | None,
    x: _Scale,
    y: float,
    colour: str,
    *,
    half: float,
    radius: float,
) -> str:
    parts = []
    if low is not None and high is not None:
        a, b = x(low), x(high)
        parts += [
            _line(a, y, b, y, colour, 1.3),
            _line(a, y - half, a, y + half, colour, 1.1),
            _line(b, y - half, b, y + half, colour, 1.1),
        ]
    if value is not None:
        parts.append(_circle(x(value), y, radius, colour))
    return "".join(parts)


@dataclass(frozen=True)
class _Scale:
    """A linear scale that keeps what lies outside the axis on its edge."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)


def _scale(low: float, high: float, start: float, end: float) -> _Scale:
    return _Scale(low, high, start, end)


def _axis(marks: Sequence[float], x: _Scale, top: float, bottom: float, title: str) -> str:
    step = marks[1] - marks[0] if len(marks) > 1 else 1.0
    digits = max(0, min(6, -math.floor(math.log10(step) + 1e-9)))
    parts = []
    for mark in marks:
        parts.append(_line(x(mark), top, x(mark), bottom, GRID, 0.6))
        parts.append(_text(x(mark), bottom + 9, decimal(mark, digits), 6.6, MUTED, anchor="middle", css="tick"))
    parts.append(_text((x.start + x.end) / 2, bottom + 20, title, 6.8, MUTED, anchor="middle"))
    return "".join(parts)


def _square(horizontal: str, vertical: str) -> tuple[_Scale, _Scale, list[str]]:
    x, y = _scale(0, 1, 34, 218), _scale(0, 1, 186, 8)
    parts = [f'<rect x="34" y="8" width="184" height="178" fill="none" stroke="{LINE}" stroke-width="0.7"/>']
    for mark in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        parts += [_line(x(mark), 8, x(mark), 186, GRID, 0.5), _line(34, y(mark), 218, y(mark), GRID, 0.5)]
        parts.append(_text(x(mark), 195, decimal(mark, 1), 6.4, MUTED, anchor="middle", css="tick"))
        parts.append(_text(30, y(mark) + 2.2, decimal(mark, 1), 6.4, MUTED, anchor="end", css="tick"))
    parts.append(_text(126, 208, horizontal, 6.8, MUTED, anchor="middle"))
    parts.append(f'<g transform="translate(9 97) rotate(-90)">{_text(0, 0, vertical, 6.8, MUTED, anchor="middle")}</g>')
    return x, y, parts


def _text(
    x: float,
    y: float,
    content: str,
    size: float,
    fill: str,
    *,
    anchor: str = "start",
    weight: int = 400,
    css: str = "label",
) -> str:
    families = FAMILIES if content.isascii() else WIDER
    return (
        f'<text x="{_n(x)}" y="{_n(y)}" font-family="{families}" font-size="{size}" font-weight="{weight}" '
        f'fill="{fill}" text-anchor="{anchor}" class="{css}">{escape(_clipped(content, _LONGEST))}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, stroke: str, width: float, *, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    ends = f'x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"'
    return f'<line {ends} stroke="{stroke}" stroke-width="{width}"{dashed}/>'


def _rect(x: float, y: float, width: float, height: float, fill: str, *, extra: str = "") -> str:
    box = f'x="{_n(x)}" y="{_n(y)}" width="{_n(max(0.0, width))}" height="{_n(height)}"'
    return f'<rect {box} fill="{fill}"{" " if extra else ""}{extra}/>'


def _circle(x: float, y: float, radius: float, fill: str, *, extra: str = "") -> str:
    return f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" fill="{fill}"{" " if extra else ""}{extra}/>'


def _svg(width: float, height: float, parts: Iterable[str]) -> str:
    size = f'width="{_n(width)}pt" height="{_n(height)}pt" viewBox="0 0 {_n(width)} {_n(height)}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(parts)}</svg>'


def _clipped(label: str, most: int = 26) -> str:
    return label if len(label) <= most else f"{label[: most - 1]}…"


def _n(value: float) -> str:
    """Write a coordinate with at most two decimals and no trailing zeros: short, and the same on every machine."""
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"


def count_note(n: int) -> str:
    """Write the number of rows behind a row of a chart."""
    return _("n = {n}").format(n=integer(n))
