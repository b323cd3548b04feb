"""Charts over windows: sparkline, line chart with limits and bands, histogram of two windows. Rules as charts.py."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from governance.common.charts import Number, coord, digits_for, figure, plain, round_span, round_up


def sparkline(values: Sequence[Number | None], *, uid: str, title: str, limit: Number | None = None) -> str:
    """Draw a short series (oldest first, None is a gap) with its limit; 150 by 30 units."""
    present = [v for v in values if v is not None]
    if not present:
        return figure("", uid=uid, title=title, desc="No value.", width=150, height=30, css="x-spark")
    lo, hi = round_span([*present, limit])
    step = 142 / max(1, len(values) - 1)
    at = [(4 + step * i, 28 - 26 * (v - lo) / (hi - lo)) if v is not None else None for i, v in enumerate(values)]
    body = "".join(f'<polyline class="x-c-line" points="{points}"/>' for points in _runs(at))
    if limit is not None:
        y = coord(28 - 26 * (limit - lo) / (hi - lo))
        body = f'<line class="x-c-limit-bad" x1="0" x2="150" y1="{y}" y2="{y}"/>' + body
    last = at[-1]
    if last:
        body += f'<circle class="x-c-point x-c-none" cx="{coord(last[0])}" cy="{coord(last[1])}" r="2.6"/>'
    digits = digits_for(hi - lo)
    desc = f"{len(present)} values, last {plain(present[-1], digits)}"
    desc += f", limit {plain(limit, digits)}" if limit is not None else ""
    return figure(body, uid=uid, title=title, desc=desc + ".", width=150, height=30, css="x-spark")


def line_chart(
    labels: Sequence[str],
    values: Sequence[Number | None],
    *,
    uid: str,
    title: str,
    limit: Number | None = None,
    watch: Number | Sequence[Number] | None = None,
    bands: Iterable[tuple[int, int, str]] = (),
    ends: Sequence[tuple[Number, Number] | None] = (),
    outcomes: Sequence[str] = (),
    marks: Iterable[tuple[int, str]] = (),
    reference: Number | None = None,
    step: bool = False,
    from_zero: bool = True,
    height: int = 160,
) -> str:
    """Draw a series over windows with its limits and, behind it, which version served.

    Args:
        labels: one per window, oldest first.
        values: same length; None is no data and breaks the line (never drawn as 0).
        limit, watch: horizontal lines in the unit of the values; several for a span that is watched on both sides.
        bands: (first index, last index, label), shaded in turn.
        ends: the interval of each value, drawn behind it; None where it has none.
        outcomes: of each value; without them what lies above the limit is drawn as missing it.
        marks: (index, label) of what happened in a window, such as an alert.
        reference: a line to compare with, no limit.
        step: draw steps instead of slopes.
        from_zero: begin the axis at 0 for what is never negative; without it small changes of a large figure show.

    Raises:
        ValueError: ``labels`` and ``values`` differ in length.
    """
    if len(labels) != len(values):
        raise ValueError(f"{len(labels)} labels for {len(values)} values: give one label per value.")
    left, right, top, bottom, width = 46, 8, 20, 24, 460
    present = [v for v in values if v is not None]
    watches = () if watch is None else tuple(watch) if isinstance(watch, Sequence) else (watch,)
    spans = [end for pair in ends if pair for end in pair]
    zero = 0.0 if from_zero and present and min([*present, *spans]) >= 0 else None
    ticks = round_ticks([*present, *spans, limit, *watches, reference, zero])
    lo, hi = ticks[0], ticks[-1]
    digits = digits_for(hi - lo)
    slot = (width - left - right) / max(1, len(values))

    def y(v: Number) -> float:
        return top + (height - top - bottom) * (1 - (v - lo) / (hi - lo))

    plot = height - top - bottom
    body: list[str] = []
    for turn, (first, last, label) in enumerate(bands):
        x0, x1 = left + slot * first, left + slot * (last + 1)
        body.append(
            f'<rect class="x-c-band{turn % 2}" x="{coord(x0)}" y="{top}" width="{coord(x1 - x0)}" height="{plot}"/>'
            f'<text class="x-c-label" x="{coord(x0 + 4)}" y="{top - 6}">{escape(label)}</text>'
        )
    body += [_tick(y(tick), plain(tick, _decimals(ticks)), left, width - right) for tick in ticks]
    lines = [*((line, "x-c-watch", "watch") for line in watches), (limit, "x-c-limit-bad", "limit")]
    taken: list[float] = [float(top)]
    for line, css, word in (*reversed(lines), (reference, "x-c-reference-line", "reference")):
        if line is not None:
            at_y, said = coord(y(line)), f"{word} {plain(line, digits)}"
            # Below its line where another word, or the band's name, stands above it.
            above = y(line) - 4
            said_y = y(line) + 12 if any(abs(above - other) < 11 for other in taken) else above
            taken.append(said_y)
            body.append(
                f'<line class="{css}" x1="{left}" x2="{width - right}" y1="{at_y}" y2="{at_y}"/>'
                f'<text class="x-c-{word}-text" x="{left + 4}" y="{coord(said_y)}">{said}</text>'
            )
    every = max(1, math.ceil(len(labels) / 8))
    at: list[tuple[float, float] | None] = []
    body += [
        f'<line class="x-c-span" x1="{coord(left + slot * (i + 0.5))}" x2="{coord(left + slot * (i + 0.5))}" '
        f'y1="{coord(y(pair[0]))}" y2="{coord(y(pair[1]))}"/>'
        for i, pair in enumerate(ends)
        if pair
    ]
    for i, (label, v) in enumerate(zip(labels, values, strict=True)):
        x = left + slot * (i + 0.5)
        at.append((x, y(v)) if v is not None else None)
        if i % every == 0:
            body.append(f'<text x="{coord(x)}" y="{height - 8}" text-anchor="middle">{escape(label)}</text>')
    body += [f'<polyline class="x-c-line" points="{p}"/>' for p in _runs(_stepped(at) if step else at)]
    body += [
        f'<circle class="x-c-point x-c-{tone}" cx="{coord(point[0])}" cy="{coord(point[1])}" r="3.2"/>'
        for point, tone in zip(at, _tones(values, limit, outcomes), strict=True)
        if point
    ]
    said_marks = []
    for i, label in marks:
        x = left + slot * (i + 0.5)
        body.append(
            f'<path class="x-c-mark" d="M{coord(x - 4)} {top}h8l-4 7z"/>'
            f'<line class="x-c-mark-line" x1="{coord(x)}" x2="{coord(x)}" y1="{top}" y2="{height - bottom}"/>'
        )
        said_marks.append(f"{label} in {labels[i]}")
    figures = [f"{label} {_or_no_data(v, digits)}" for label, v in zip(labels, values, strict=True)]
    desc = f"{'; '.join(figures)}." + (f" Limit {plain(limit, digits)}." if limit is not None else "")
    desc += f" {'; '.join(said_marks)}." if said_marks else ""
    return figure("".join(body), uid=uid, title=title, desc=desc, width=width, height=height)


def _tones(values: Sequence[Number | None], limit: Number | None, outcomes: Sequence[str]) -> list[str]:
    """Return how each point is coloured: by its outcome, else by the limit that it lies above."""
    if outcomes:
        shown = {"breach": "fail", "drift": "fail", "watch": "insufficient", "insufficient": "ref"}
        return [shown.get(outcome, "none") for outcome in outcomes]
    return ["fail" if limit is not None and v is not None and v > limit else "none" for v in values]


def histogram(
    bins: Sequence[Mapping[str, Any]],
    *,
    uid: str,
    title: str,
    reference_n: int | None = None,
    current_n: int | None = None,
) -> str:
    """Draw the reference window as bars and the current one as a stepped line, both in shares of their own rows.

    Args:
        bins: mappings with ``label`` and ``reference``, ``current``: shares in 0 to 1, or None where there is no data.
        reference_n, current_n: rows behind the shares, said in the description.
    """
    left, right, top, bottom, width, height = 46, 8, 10, 26, 880, 230
    top_share = max((float(b[k]) for b in bins for k in ("reference", "current") if b.get(k) is not None), default=0.0)
    hi = round_up(top_share) or 1.0
    slot = (width - left - right) / max(1, len(bins))

    def y(share: float) -> float:
        return top + (height - top - bottom) * (1 - share / hi)

    decimals = 0 if hi >= 0.1 else 1
    body = [_tick(y(t), f"{plain(100 * t, decimals)} %", left, width - right) for t in (0.0, hi / 2, hi)]
    corners: list[tuple[float, float] | None] = []
    every = max(1, math.ceil(len(bins) / 8))
    for i, item in enumerate(bins):
        x = left + slot * i
        if item.get("reference") is not None:
            level = y(float(item["reference"]))
            body.append(
                f'<rect class="x-c-reference" x="{coord(x + 1)}" y="{coord(level)}" width="{coord(slot - 2)}" '
                f'height="{coord(height - bottom - level)}"/>'
            )
        if item.get("current") is None:
            corners.append(None)
        else:
            corners += [(x, y(float(item["current"]))), (x + slot, y(float(item["current"])))]
        if i % every == 0:
            label = str(item.get("label", ""))
            body.append(
                f'<text x="{coord(x + slot / 2)}" y="{height - 8}" text-anchor="middle">'
                f"{escape(label if len(label) < 15 else label[:13] + '…')}</text>"
            )
    body += [f'<polyline class="x-c-current" points="{p}"/>' for p in _runs(corners)]
    figures = [
        f"{b.get('label', i)}: reference {_percent(b.get('reference'))}, current {_percent(b.get('current'))}"
        for i, b in enumerate(bins)
    ]
    desc = f"{'; '.join(figures)}."
    if reference_n is not None and current_n is not None:
        desc += f" Reference n {reference_n:,}, current n {current_n:,}."
    return figure("".join(body), uid=uid, title=title, desc=desc, width=width, height=height)


def _tick(y: float, label: str, left: int, right: int) -> str:
    """A horizontal grid line with its label on the left."""
    return (
        f'<line class="x-c-grid" x1="{left}" x2="{right}" y1="{coord(y)}" y2="{coord(y)}"/>'
        f'<text x="{left - 6}" y="{coord(y + 4)}" text-anchor="end">{label}</text>'
    )


def _or_no_data(value: Number | None, digits: int) -> str:
    return "no data" if value is None else plain(value, digits)


def _percent(share: Number | None) -> str:
    return "no data" if share is None else f"{plain(100 * float(share), 1)} %"


def round_ticks(values: Iterable[Number | None]) -> list[float]:
    """Return three to six round axis marks whose ends hold every finite value; 0 and 1 (by halves) for none."""
    known = [float(v) for v in values if v is not None and math.isfinite(v)] or [0.0, 1.0]
    lo, hi = min(known), max(known)
    step = round_up((hi - lo) / 4 or abs(hi) / 2 or 0.5)
    first, last = math.floor(lo / step + 1e-9), math.ceil(hi / step - 1e-9)
    last = last if last > first + 1 else first + 2
    return [round(i * step, 10) for i in range(first, last + 1)]


def _decimals(ticks: Sequence[float]) -> int:
    """How many decimals the marks need: 0 to 6."""
    return next((d for d in range(6) if all(abs(round(t, d) - t) < 1e-9 for t in ticks)), 6)


def _runs(points: Sequence[tuple[float, float] | None]) -> list[str]:
    """Return the unbroken stretches of ``points`` as polyline texts."""
    runs: list[list[str]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(f"{coord(point[0])},{coord(point[1])}")
    return [" ".join(run) for run in runs if run]


def _stepped(points: Sequence[tuple[float, float] | None]) -> list[tuple[float, float] | None]:
    """Insert the corner of each step between neighbours."""
    out: list[tuple[float, float] | None] = []
    for point in points:
        if point and out and out[-1]:
            out.append((point[0], out[-1][1]))
        out.append(point)
    return out
