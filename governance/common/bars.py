"""Columns that stand side by side, each of parts on top of one another. Rules as in charts.py."""

from __future__ import annotations

from collections.abc import Sequence

from governance.common.charts import coord, figure, words

Part = tuple[str, int, str]
"""A word, a count of at least 0, and the class suffix of its colour, as ``charts.stacked_bar`` has them."""


def columns(bars: Sequence[tuple[str, Sequence[Part]]], *, uid: str, title: str) -> str:
    """Draw a column for each label with its total above it, to one scale from 0; SVG of 360 by 150 units.

    Args:
        bars: (label, parts from the bottom up); the empty ones keep their places.
    """
    width, height, top, bottom = 360.0, 150.0, 18.0, 22.0
    most = max((sum(count for _, count, _ in parts) for _, parts in bars), default=0)
    slot = width / max(1, len(bars))
    wide = min(56.0, slot * 0.7)
    body = []
    for place, (label, parts) in enumerate(bars):
        middle, y = slot * (place + 0.5), height - bottom
        for _, count, kind in parts:
            if count:
                tall = (height - top - bottom) * count / most
                y -= tall
                body.append(
                    f'<rect class="x-c-{kind}" x="{coord(middle - wide / 2)}" y="{coord(y)}" width="{coord(wide)}" '
                    f'height="{coord(max(1.0, tall - 1))}"/>'
                )
        total = sum(count for _, count, _ in parts)
        body.append(words(middle, y - 5, f"{total:,}", css="x-c-label", anchor="middle"))
        body.append(words(middle, height - 6, label, anchor="middle"))
    base = coord(height - bottom)
    body.append(f'<line class="x-c-axis" x1="0" x2="{coord(width)}" y1="{base}" y2="{base}"/>')
    said = [f"{label}: {', '.join(f'{count:,} {word}' for word, count, _ in parts)}" for label, parts in bars]
    return figure("".join(body), uid=uid, title=title, desc="; ".join(said) + ".", width=width, height=height)
