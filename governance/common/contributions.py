"""Charts of explanations: how SHAP values depend on a feature, the deletion curves, and one record's waterfall.

Rules as in charts.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from governance.common.charts import Number, coord, digits_for, figure, plain, round_span, words
from governance.common.series import round_ticks

LABEL = 27  # letters that fit beside a row


def dependence(bins: Sequence[Mapping[str, Any]], *, uid: str, title: str, unit: str) -> str:
    """Draw one row per bin or category: the mean SHAP value, and the line from its lower to its upper quartile.

    Args:
        bins: mappings with ``label``, ``n``, ``mean``, ``q25`` and ``q75``.
        unit: of the SHAP values.

    Returns: SVG of 760 units in width.
    """
    left, right, top, row = 220, 730, 8, 24
    lo, hi = round_span([0.0, *(item[key] for item in bins for key in ("mean", "q25", "q75"))])
    bottom = top + row * len(bins)
    digits = digits_for(hi - lo)

    def x(value: Number) -> float:
        return left + (right - left) * (value - lo) / (hi - lo)

    body = [_mark(x(tick), top, bottom, plain(tick, digits, signed=True), zero=tick == 0) for tick in _ticks(lo, hi)]
    for i, item in enumerate(bins):
        middle = top + row * i + row / 2
        body.append(words(left - 10, middle + 4, _short(f"{item['label']}"), css="x-c-label", anchor="end"))
        body.append(
            f'<line class="x-c-ci x-c-none" x1="{coord(x(item["q25"]))}" x2="{coord(x(item["q75"]))}" '
            f'y1="{coord(middle)}" y2="{coord(middle)}"/>'
            f'<circle class="x-c-point x-c-none" cx="{coord(x(item["mean"]))}" cy="{coord(middle)}" r="4"/>'
        )
    body.append(words((left + right) / 2, bottom + 30, f"SHAP value, {unit}", anchor="middle"))
    said = "; ".join(f"{item['label']}: mean {plain(item['mean'], digits, signed=True)}" for item in bins)
    desc = f"{said or 'No group is large enough to show'}. Lines from the lower to the upper quartile."
    return figure("".join(body), uid=uid, title=title, desc=desc, width=760, height=bottom + 36)


def deletion(curves: Mapping[str, Any], *, uid: str, title: str, unit: str) -> str:
    """Draw how far the score has moved by the share of features deleted: in the explanation's order and at random.

    Args:
        curves: ``share`` (0 to 1), ``ordered`` and ``random``, of the same length.
        unit: of the score.

    Returns: SVG of 760 by 234 units; the random order is the thin dashed line.
    """
    left, right, top, bottom = 60, 730, 12, 180
    ticks = round_ticks([0.0, *curves["ordered"], *curves["random"]])
    hi = ticks[-1]
    digits = digits_for(hi)

    def at(share: Number, moved: Number) -> str:
        return f"{coord(left + (right - left) * share)},{coord(bottom - (bottom - top) * moved / hi)}"

    body = []
    for tick in ticks:
        y = coord(bottom - (bottom - top) * tick / hi)
        body.append(f'<line class="x-c-grid" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>')
        body.append(words(left - 6, float(y) + 4, plain(tick, digits), anchor="end"))
    body += [
        words(left + (right - left) * share, bottom + 16, f"{plain(100 * share, 0)} %", anchor="middle")
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    for key, css in (("random", "x-c-limit"), ("ordered", "x-c-line")):
        points = " ".join(at(share, moved) for share, moved in zip(curves["share"], curves[key], strict=True))
        fill = ' fill="none"' if key == "random" else ""
        body.append(f'<polyline class="{css}"{fill} points="{points}"/>')
    body.append(words((left + right) / 2, bottom + 32, "features deleted, the largest first", anchor="middle"))
    body.append(words(left, bottom + 48, f"Line: in the explanation's order. Dashed: in random order. Move in {unit}."))
    half = len(curves["share"]) // 2
    desc = (
        f"With {plain(100 * curves['share'][half], 0)} % of the features deleted the score has moved by "
        f"{plain(curves['ordered'][half], digits)} in the explanation's order and by "
        f"{plain(curves['random'][half], digits)} in random order; with all of them by "
        f"{plain(curves['ordered'][-1], digits)}."
    )
    return figure("".join(body), uid=uid, title=title, desc=desc, width=760, height=bottom + 54)


def waterfall(
    rows: Sequence[Mapping[str, Any]], *, base: Number, score: Number, uid: str, title: str, unit: str
) -> str:
    """Draw how one score comes about: from the base value, one bar per contribution, to the score.

    Args:
        rows: mappings with ``label`` (the feature and its value) and ``phi``, in the order drawn. They add up to
            ``score - base``.
        unit: of the score.

    Returns: SVG of 760 units in width.
    """
    left, right, top, pitch = 250, 700, 26, 26
    stops = [base]
    for row in rows:
        stops.append(stops[-1] + row["phi"])
    lo, hi = round_span([*stops, score])
    digits = digits_for(hi - lo) + 1  # contributions are to be told apart, not only placed
    bottom = top + pitch * len(rows)

    def x(value: Number) -> float:
        return left + (right - left) * (value - lo) / (hi - lo)

    body = [_mark(x(tick), top, bottom, plain(tick, digits), zero=tick == 0) for tick in _ticks(lo, hi)]
    body.append(f'<line class="x-c-now" x1="{coord(x(base))}" x2="{coord(x(base))}" y1="{top - 6}" y2="{bottom}"/>')
    body.append(words(x(base), top - 10, f"base value {plain(base, digits)}", anchor="middle"))
    for i, row in enumerate(rows):
        start, end = stops[i], stops[i + 1]
        middle = top + pitch * i + pitch / 2
        first, width = x(min(start, end)), max(1.0, x(max(start, end)) - x(min(start, end)))
        css = "x-f7" if row["phi"] > 0 else "x-f0"
        body.append(words(left - 10, middle + 4, _short(str(row["label"]), 36), css="x-c-label", anchor="end"))
        body.append(
            f'<rect class="{css}" x="{coord(first)}" y="{coord(middle - 8)}" width="{coord(width)}" height="16"/>'
        )
        body.append(words(right + 8, middle + 4, plain(row["phi"], digits, signed=True)))
    body.append(words(x(score), bottom + 30, f"score {plain(score, digits)}, {unit}", css="x-c-label", anchor="middle"))
    said = "; ".join(f"{row['label']} {plain(row['phi'], digits, signed=True)}" for row in rows)
    desc = f"From the base value {plain(base, digits)} to the score {plain(score, digits)}: {said}."
    return figure("".join(body), uid=uid, title=title, desc=desc, width=760, height=bottom + 38)


def _ticks(lo: Number, hi: Number) -> list[float]:
    found = [tick for tick in round_ticks([lo, hi]) if lo - 1e-9 <= tick <= hi + 1e-9]
    return found or [float(lo), float(hi)]


def _mark(x: float, top: Number, bottom: Number, label: str, *, zero: bool) -> str:
    css = "x-c-zero" if zero else "x-c-grid"
    line = f'<line class="{css}" x1="{coord(x)}" x2="{coord(x)}" y1="{coord(top)}" y2="{coord(bottom)}"/>'
    return line + words(x, bottom + 14, label, anchor="middle")


def _short(text: str, most: int = LABEL) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
