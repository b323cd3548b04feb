"""Curves of a score: ROC and precision-recall, what each threshold does, reliability, and a forest of slices.

Rules as in charts.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from governance.common.charts import Number, coord, digits_for, figure, plain, round_span, words

Point = Sequence[float]
SIDE = 300


@dataclass(frozen=True)
class Series:
    """A named line over shared places; ``band`` holds (low, high) at each place, None where there is none."""

    name: str
    values: Sequence[Number | None]
    band: Sequence[tuple[Number, Number] | None] = ()


def unit_curve(
    points: Sequence[Point],
    *,
    uid: str,
    title: str,
    across: str,
    up: str,
    at: tuple[Number, Number] | None = None,
    chance: Number | None = None,
    diagonal: bool = False,
) -> str:
    """Draw a curve in the unit square, with the place of the version's own threshold.

    Args:
        points: (x, y), 0 to 1 each, along the curve.
        across, up: what the axes say.
        at: where the version's threshold is.
        chance: height of the line that a score without any signal gives; ``diagonal`` draws it from corner to corner.
    """
    frame = _Frame((0.0, 1.0), (0.0, 1.0))
    body = frame.axes(across, up)
    if diagonal:
        body += frame.segment("x-c-limit", (0, 0), (1, 1))
    if chance is not None:
        body += frame.segment("x-c-limit", (0, chance), (1, chance))
    body.append(frame.line("x-c-line", points))
    said = [f"{len(points)} points from ({_pair(points[0])}) to ({_pair(points[-1])})"] if points else ["No curve"]
    if at is not None:
        body.append(frame.dot(*at))
        said.append(f"the version's threshold is at ({_pair(at)})")
    return figure("".join(body), uid=uid, title=title, desc=f"{'; '.join(said)}.", width=SIDE, height=SIDE)


def over_thresholds(
    thresholds: Sequence[Number],
    series: Sequence[Series],
    *,
    uid: str,
    title: str,
    up: str,
    own: Number | None = None,
    unit: bool = True,
) -> str:
    """Draw what follows from each threshold, with a line at the version's own.

    Args:
        thresholds: rising.
        series: at most four, told apart by colour and by dashes.
        up: what the vertical axis says.
        own: the version's threshold.
        unit: the vertical axis goes from 0 to 1; else as far as the values do, from 0.
    """
    given = [v for line in series for v in line.values if v is not None]
    given += [end for line in series for pair in line.band if pair for end in pair]
    height = (0.0, 1.0) if unit else (0.0, round_span([0.0, *given])[1])
    low, high = round_span([*thresholds, own]) if thresholds else (0.0, 1.0)
    frame = _Frame((max(0.0, low), min(1.0, high)), height, top=16 + 14 * len(series))
    body = frame.axes("threshold", up)
    said = []
    for place, line in enumerate(series):
        css = f"x-c-line x-c-line{place}" if place else "x-c-line"
        y = 12 + 14 * place
        body.append(f'<line class="{css}" x1="{frame.left}" x2="{frame.left + 26}" y1="{y - 4}" y2="{y - 4}"/>')
        body.append(words(frame.left + 32, y, line.name))
        ends = [(t, pair) for t, pair in zip(thresholds, line.band, strict=False) if pair]
        if ends:
            ring = [(t, pair[1]) for t, pair in ends] + [(t, pair[0]) for t, pair in reversed(ends)]
            body.append(f'<polygon class="x-c-band1" points="{frame.points(ring)}"/>')
        body.append(frame.line(css, [(t, v) for t, v in zip(thresholds, line.values, strict=True) if v is not None]))
        nearest = _at(thresholds, line.values, own)
        if nearest is not None:
            said.append(f"{line.name} {plain(nearest, 3)}")
    if own is not None:
        body += frame.segment("x-c-now", (own, height[0]), (own, height[1]))
        label = f"own, {plain(own, 2)}"
        left = own > (frame.x[0] + frame.x[1]) / 2
        anchor, step = ("end", -4) if left else ("start", 4)
        body.append(words(frame.across(own) + step, frame.top + 10, label, css="x-c-label", anchor=anchor))
    where = f"At the version's threshold of {plain(own, 2)}: " if own is not None and said else ""
    desc = f"{len(thresholds)} thresholds. {where}{', '.join(said) or 'nothing to draw'}. Table below."
    return figure("".join(body), uid=uid, title=title, desc=desc, width=SIDE, height=SIDE)


def reliability(bins: Sequence[Mapping[str, Any]], *, uid: str, title: str, across: str, up: str, unit: bool) -> str:
    """Draw what was observed in each bin of the prediction, with its interval; on the diagonal both are equal.

    Args:
        bins: mappings with ``predicted``, ``observed`` (value, low, high) and ``n``.
        unit: both axes go from 0 to 1; else as far as the values do, both alike.
    """
    given = [row["predicted"] for row in bins]
    given += [row["observed"][end] for row in bins for end in ("value", "low", "high")]
    span = (0.0, 1.0) if unit else round_span(given)
    frame = _Frame(span, span)
    body = [*frame.axes(across, up), *frame.segment("x-c-limit", (span[0], span[0]), (span[1], span[1]))]
    body.append(frame.line("x-c-line", [(row["predicted"], row["observed"]["value"]) for row in bins]))
    said = []
    digits = digits_for(span[1] - span[0])
    for row in bins:
        value, low, high = (row["observed"][end] for end in ("value", "low", "high"))
        if low is not None and high is not None:
            body += frame.segment("x-c-ci x-c-none", (row["predicted"], low), (row["predicted"], high))
        body.append(frame.dot(row["predicted"], value, radius=3.2))
        said.append(f"predicted {plain(row['predicted'], digits)}, observed {plain(value, digits)} of {row['n']:,}")
    desc = f"{'; '.join(said) or 'No bin'}. Table below."
    return figure("".join(body), uid=uid, title=title, desc=desc, width=SIDE, height=SIDE)


def forest(rows: Sequence[Mapping[str, Any]], *, uid: str, title: str, across: str) -> str:
    """Draw a difference with its interval for each row, around 0.

    Args:
        rows: mappings with ``label``, ``difference`` (value, low, high), ``n`` and ``shown`` (whether it is more than
            noise, as adjusted), from top to bottom.
        across: what the axis says.
    """
    left, right, top, pitch, width = 250, 640, 6, 26, 700
    bottom = top + pitch * len(rows)
    lo, hi = round_span([0.0, *(row["difference"][end] for row in rows for end in ("value", "low", "high"))])
    digits = digits_for(hi - lo)

    def x(value: Number) -> float:
        return left + (right - left) * (min(max(value, lo), hi) - lo) / (hi - lo)

    body = []
    ticks, decimals = _ticks(lo, hi)
    for tick in ticks:
        css = "x-c-zero" if tick == 0 else "x-c-grid"
        body.append(f'<line class="{css}" x1="{coord(x(tick))}" x2="{coord(x(tick))}" y1="{top}" y2="{bottom}"/>')
        body.append(words(x(tick), bottom + 14, plain(tick, decimals, signed=True), anchor="middle"))
    said = []
    for place, row in enumerate(rows):
        y = top + pitch * (place + 0.5)
        value, low, high = (row["difference"][end] for end in ("value", "low", "high"))
        tone = "fail" if row["shown"] else "none"
        label = str(row["label"])
        body.append(words(left - 10, y + 4, label if len(label) <= 40 else f"{label[:39]}…", anchor="end"))
        if low is not None and high is not None:
            ends = f'x1="{coord(x(low))}" x2="{coord(x(high))}" y1="{coord(y)}" y2="{coord(y)}"'
            body.append(f'<line class="x-c-ci x-c-{tone}" {ends}/>')
        body.append(f'<circle class="x-c-point x-c-{tone}" cx="{coord(x(value))}" cy="{coord(y)}" r="4"/>')
        body.append(words(right + 10, y + 4, f"n {row['n']:,}"))
        said.append(f"{label}: {plain(value, digits, signed=True)}")
    body.append(words((left + right) / 2, bottom + 30, across, anchor="middle"))
    desc = f"{'; '.join(said) or 'No slice'}. Table below."
    return figure("".join(body), uid=uid, title=title, desc=desc, width=width, height=bottom + 36)


@dataclass(frozen=True)
class _Frame:
    """A square with axes: ``x`` and ``y`` are what its sides stand for."""

    x: tuple[float, float]
    y: tuple[float, float]
    top: int = 8
    left: int = 46
    right: int = SIDE - 10
    bottom: int = SIDE - 40

    def across(self, value: Number) -> float:
        return self.left + (self.right - self.left) * _share(value, self.x)

    def up(self, value: Number) -> float:
        return self.bottom - (self.bottom - self.top) * _share(value, self.y)

    def points(self, points: Sequence[Point]) -> str:
        return " ".join(f"{coord(self.across(a))},{coord(self.up(b))}" for a, b in points)

    def line(self, css: str, points: Sequence[Point]) -> str:
        return f'<polyline class="{css}" points="{self.points(points)}"/>' if points else ""

    def segment(self, css: str, start: Point, end: Point) -> list[str]:
        (x1, y1), (x2, y2) = ((coord(self.across(a)), coord(self.up(b))) for a, b in (start, end))
        return [f'<line class="{css}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>']

    def dot(self, across: Number, up: Number, radius: Number = 4.5) -> str:
        at = f'cx="{coord(self.across(across))}" cy="{coord(self.up(up))}"'
        return f'<circle class="x-c-point x-c-none" {at} r="{radius}"/>'

    def axes(self, across: str, up: str) -> list[str]:
        body = []
        ticks, digits = _ticks(*self.x)
        for tick in ticks:
            at, label = coord(self.across(tick)), plain(tick, digits)
            body.append(f'<line class="x-c-grid" x1="{at}" x2="{at}" y1="{self.top}" y2="{self.bottom}"/>')
            body.append(f'<text x="{at}" y="{self.bottom + 14}" text-anchor="middle">{label}</text>')
        ticks, digits = _ticks(*self.y)
        for tick in ticks:
            height, label = self.up(tick), plain(tick, digits)
            ends = f'x1="{self.left}" x2="{self.right}" y1="{coord(height)}" y2="{coord(height)}"'
            body.append(f'<line class="x-c-grid" {ends}/>')
            body.append(f'<text x="{self.left - 5}" y="{coord(height + 4)}" text-anchor="end">{label}</text>')
        body.append(words((self.left + self.right) / 2, self.bottom + 32, across, anchor="middle"))
        middle = (self.top + self.bottom) / 2
        body.append(
            f'<text transform="translate(11 {coord(middle)}) rotate(-90)" text-anchor="middle">{escape(up)}</text>'
        )
        return body


def _share(value: Number, span: tuple[float, float]) -> float:
    return min(1.0, max(0.0, (value - span[0]) / (span[1] - span[0])))


def _ticks(low: float, high: float) -> tuple[list[float], int]:
    """Return round values between two ends, at most six, and with how many decimals they are written."""
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)], max(
        0, -math.floor(math.log10(step) + 1e-9)
    )


def _at(places: Sequence[Number], values: Sequence[Number | None], own: Number | None) -> Number | None:
    return next((v for place, v in zip(places, values, strict=True) if place == own), None)


def _pair(point: Point | tuple[Number, Number]) -> str:
    return f"{plain(point[0], 3)}, {plain(point[1], 3)}"
