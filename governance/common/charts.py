"""Server-side charts: SVG text coloured by class only, each with a title and a description of its figures in words.

Nothing here writes a style attribute, so the pages keep ``default-src 'none'``. Every chart stands beside a table or
says its numbers in ``<desc>``: none is the only place where a figure can be read. Pure Python, no Django.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape

Number = float | int

MINUS = "\N{MINUS SIGN}"
AT_LEAST, AT_MOST = "\N{GREATER-THAN OR EQUAL TO}", "\N{LESS-THAN OR EQUAL TO}"


def plain(value: Number | None, digits: int = 2, *, signed: bool = False) -> str:
    """Write a number for people: fixed decimals, a real minus sign, an en dash for None and for what is not finite."""
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    text = f"{abs(value):,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        return text
    return f"{MINUS}{text}" if value < 0 else (f"+{text}" if signed else text)


def digits_for(span: Number) -> int:
    """Return how many decimals show a difference of one hundredth of ``span`` (0 to 6)."""
    if not math.isfinite(span) or span <= 0:
        return 2
    return min(6, max(0, 2 - math.floor(math.log10(span)) - 1)) if span < 10 else (1 if span < 100 else 0)


def dom_id(*parts: object) -> str:
    """Join ``parts`` into a value fit for an ``id`` attribute: letters, digits and hyphens."""
    return re.sub(r"[^A-Za-z0-9]+", "-", "-".join(str(part) for part in parts)).strip("-") or "chart"


def figure(body: str, *, uid: str, title: str, desc: str, width: Number, height: Number, css: str = "x-chart") -> str:
    """Wrap ``body`` (SVG text, already safe) with its view box, title and description.

    Args:
        body: SVG elements; whoever builds them escapes what came from outside.
        uid: unique on the page; the title and description ids are made from it.
        title, desc: plain text, escaped here.
        width, height: the view box, in its own units.
        css: classes of the svg element.
    """
    return (
        f'<svg class="{css}" viewBox="0 0 {coord(width)} {coord(height)}" role="img" aria-labelledby="{uid}-t {uid}-d">'
        f'<title id="{uid}-t">{escape(title)}</title><desc id="{uid}-d">{escape(desc)}</desc>{body}</svg>'
    )


def interval_bar(
    value: Number | None,
    low: Number | None,
    high: Number | None,
    *,
    uid: str,
    title: str,
    limit: Number | None = None,
    better: str = "higher",
    domain: tuple[Number, Number] | None = None,
    outcome: str = "none",
    zero: bool = False,
) -> str:
    """Draw an estimate with its 95 % interval, the limit and the side of it that misses.

    Args:
        value, low, high: estimate and interval ends in the measure's own unit; what is None is not drawn.
        limit: where the check changes its mind; None draws none.
        better: ``higher`` (the limit is a minimum) or ``lower`` (a maximum).
        domain: what the width stands for; None takes the smallest round span that holds everything.
        outcome: colours the interval: pass, fail, insufficient, ref or none.
        zero: draw a line at 0, for differences.

    Returns: SVG of 190 by 24 units. With no value at all it says "not measured" in words.
    """
    lo, hi = domain or round_span([value, low, high, limit, 0.0 if zero else None])
    digits = digits_for(hi - lo)
    if value is None and (low is None or high is None):
        return figure(
            '<text class="x-c-none" x="95" y="16" text-anchor="middle">not measured</text>',
            uid=uid, title=title, desc="Not measured.", width=190, height=24, css="x-iv",
        )  # fmt: skip
    sign = AT_LEAST if better == "higher" else AT_MOST
    said = [f"Estimate {plain(value, digits, signed=zero)}" if value is not None else "No estimate"]
    if low is not None:
        said.append(f"95 % interval {plain(low, digits, signed=zero)} to {plain(high, digits, signed=zero)}")
    if limit is not None:
        said.append(f"limit {sign} {plain(limit, digits)}")
    tone = outcome if outcome in {"pass", "fail", "insufficient", "ref"} else "none"
    body = []
    if limit is not None:
        edge = _scale(limit, lo, hi, 190)
        body.append(
            f'<rect class="x-c-miss" x="0" y="3" width="{coord(edge)}" height="18"/>'
            if better == "higher"
            else f'<rect class="x-c-miss" x="{coord(edge)}" y="3" width="{coord(190 - edge)}" height="18"/>'
        )
    body.append('<line class="x-c-axis" x1="0" x2="190" y1="12" y2="12"/>')
    if zero and lo <= 0 <= hi:
        at = coord(_scale(0, lo, hi, 190))
        body.append(f'<line class="x-c-zero" x1="{at}" x2="{at}" y1="3" y2="21"/>')
    if limit is not None:
        body.append(f'<line class="x-c-limit" x1="{coord(edge)}" x2="{coord(edge)}" y1="1" y2="23"/>')
    if low is not None and high is not None:
        x1, x2 = coord(_scale(low, lo, hi, 190)), coord(_scale(high, lo, hi, 190))
        body.append(f'<line class="x-c-ci x-c-{tone}" x1="{x1}" x2="{x2}" y1="12" y2="12"/>')
    if value is not None:
        body.append(f'<circle class="x-c-point x-c-{tone}" cx="{coord(_scale(value, lo, hi, 190))}" cy="12" r="4"/>')
    desc = f"{', '.join(said)}. Drawn from {plain(lo, digits)} to {plain(hi, digits)}."
    return figure("".join(body), uid=uid, title=title, desc=desc, width=190, height=24, css="x-iv")


def words(x: Number, y: Number, text: str, *, css: str = "", anchor: str = "") -> str:
    """One SVG text element; ``text`` is escaped here."""
    attributes = (f' class="{css}"' if css else "") + (f' text-anchor="{anchor}"' if anchor else "")
    return f'<text{attributes} x="{coord(x)}" y="{coord(y)}">{escape(text)}</text>'


def outcome_dots(counts: Mapping[str, int], *, uid: str, title: str = "Checks by outcome") -> str:
    """Draw one mark per check, worst first. The shape says the outcome: cross, ring, dashed ring, dot, dash."""
    order = ("fail", "insufficient", "missing", "pass", "not_applicable")
    marks: list[str] = []
    for outcome in order:
        for _ in range(counts.get(outcome, 0)):
            x = 5 + 9.6 * len(marks)
            marks.append(_mark(outcome, x))
    said = ", ".join(f"{counts[o]} {o.replace('_', ' ')}" for o in order if counts.get(o)) or "no check"
    width = max(24.0, 10 + 9.6 * len(marks))
    return figure("".join(marks), uid=uid, title=title, desc=said, width=width, height=12, css="x-dots")


def quorum_dots(signed: int, quorum: int) -> str:
    """Draw a ring for each of ``quorum`` signatures, full for those given. A picture beside its own words: unnamed."""
    count = min(max(signed, quorum), 12)
    marks = [
        f'<circle class="x-k-{"pass" if place < signed else "open"}" cx="{coord(6 + 13 * place)}" cy="6" r="4.6"/>'
        for place in range(count)
    ]
    if not marks:
        return ""
    return f'<svg class="x-quorum" aria-hidden="true" viewBox="0 0 {13 * count} 12">{"".join(marks)}</svg>'


def stacked_bar(parts: Sequence[tuple[str, int, str]], *, uid: str, title: str, whole: int = 0) -> str:
    """Draw shares of a whole as one bar of 150 by 10 units.

    Args:
        parts: (word, count, class suffix: m measured, d declared, x missing, age0 to age3, or a state of
            a record's question) in drawing order; counts are
            at least 0.
        whole: what the full width stands for, so that bars can be compared; without it, the parts together.
    """
    total = whole or sum(count for _, count, _ in parts)
    body, x = [], 0.0
    for _, count, kind in parts:
        if total and count:
            width = 150 * count / total
            body.append(f'<rect class="x-c-{kind}" x="{coord(x)}" width="{coord(max(1.0, width - 1))}" height="10"/>')
            x += width
    said = ", ".join(f"{count} {word}" for word, count, _ in parts)
    return figure("".join(body), uid=uid, title=title, desc=said, width=150, height=10, css="x-bar")


def heat_class(value: Number | None, limit: Number | None) -> str:
    """Return a heat cell's class by the share of the limit used: x-heat0 (below 0.2) to x-heat5 (1.3), x-heatx none."""
    if value is None or not math.isfinite(value) or not limit:
        return "x-heatx"
    used = round(value / limit, 9)
    steps = (0.2, 0.4, 0.7, 1.0, 1.3)
    return f"x-heat{sum(used >= step for step in steps)}"


def _mark(outcome: str, x: float) -> str:
    """One mark of ``outcome_dots``, centred on ``x``."""
    match outcome:
        case "fail":
            return f'<path class="x-k-fail" d="M{coord(x - 2.7)} 3.3l5.4 5.4m0-5.4l-5.4 5.4"/>'
        case "insufficient":
            return f'<circle class="x-k-insufficient" cx="{coord(x)}" cy="6" r="2.9"/>'
        case "missing":
            return f'<circle class="x-k-missing" cx="{coord(x)}" cy="6" r="3"/>'
        case "pass":
            return f'<circle class="x-k-pass" cx="{coord(x)}" cy="6" r="3.4"/>'
        case _:
            return f'<path class="x-k-na" d="M{coord(x - 2.6)} 6h5.2"/>'


def round_span(values: Iterable[Number | None]) -> tuple[float, float]:
    """Return round ends that hold every finite value with a tenth of air on each side; (0, 1) for none, never empty."""
    known = [float(v) for v in values if v is not None and math.isfinite(v)]
    if not known:
        return 0.0, 1.0
    lo, hi = min(known), max(known)
    pad = (hi - lo) * 0.12 or abs(hi) * 0.2 or 0.5
    unit = 10 ** math.floor(math.log10(pad))
    low_end = math.floor((lo - pad) / unit) * unit
    # A quantity that is never negative does not get an axis below 0.
    return (max(0.0, low_end) if lo >= 0 else low_end), math.ceil((hi + pad) / unit) * unit


def round_up(share: float) -> float:
    """Return the next of 1, 2, 2.5, 5 times a power of ten at or above ``share``; 0 for 0."""
    if share <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(share))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= share * 0.999999)


def _scale(value: Number, lo: Number, hi: Number, width: Number) -> float:
    """Map ``value`` in [lo, hi] onto [0, width], clipped so that a far end stays inside the picture."""
    return max(0.0, min(float(width), float(width) * (value - lo) / (hi - lo)))


def coord(value: Number) -> str:
    """A coordinate: one decimal at most, no trailing zero, so the same input gives the same bytes."""
    text = f"{float(value):.1f}"
    return text.removesuffix(".0")
