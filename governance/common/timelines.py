"""A timeline to scale: marks on one axis of years, their dates above, and today's line. Rules as in charts.py."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from governance.common.charts import coord, figure, words

LABEL, LEVEL = 72.0, 15.0  # width and height that a date takes
MARKS = {
    "past": '<circle class="x-c-d" cx="{x}" cy="{y}" r="4.5"/>',
    "next": '<circle class="x-c-m" cx="{x}" cy="{y}" r="6"/>',
    "later": '<circle class="x-k-open" cx="{x}" cy="{y}" r="4.2"/>',
}


def timeline(
    marks: Sequence[tuple[date, str, str]], *, today: date, today_word: str, uid: str, title: str, desc: str
) -> str:
    """Draw dated marks on an axis to scale, each with its date on a level of its own where dates lie close.

    Args:
        marks: (day, label, past | next | later) in order of time; the labels are the days as people write them. Empty
            draws only today.
        today_word: what stands at today's line.
        desc: all of it in words.

    Returns: SVG of 760 units in width; the layout depends on the input alone.
    """
    left, right = 20.0, 680.0  # a date stands to the right of its mark
    days = [day for day, _label, _passage in marks] + [today]
    first, last = date(min(days).year, 1, 1), date(max(days).year + 1, 1, 1)

    def x(day: date) -> float:
        return left + (right - left) * (day - first).days / (last - first).days

    levels = _levels([x(day) for day, _label, _passage in marks])
    axis = 20.0 + LEVEL * (1 + max(levels, default=0))
    body = []
    for year in range(first.year, last.year + 1):
        at = coord(x(date(year, 1, 1)))
        body.append(f'<line class="x-c-grid" x1="{at}" x2="{at}" y1="{coord(axis - 6)}" y2="{coord(axis + 6)}"/>')
        if year < last.year:
            middle = (x(date(year, 1, 1)) + x(date(year + 1, 1, 1))) / 2
            body.append(words(middle, axis + 22, str(year), anchor="middle"))
    body.append(f'<line class="x-c-axis" x1="{left}" x2="{right}" y1="{coord(axis)}" y2="{coord(axis)}"/>')
    for (day, label, passage), level in zip(marks, levels, strict=True):
        y = axis - 14 - LEVEL * level
        body.append(
            f'<line class="x-c-grid" x1="{coord(x(day))}" x2="{coord(x(day))}" y1="{coord(y + 3)}" y2="{coord(axis)}"/>'
        )
        body.append(words(x(day) + 3, y, label, css="x-c-label" if passage == "next" else ""))
    now = coord(x(today))
    body.append(f'<line class="x-c-limit" x1="{now}" x2="{now}" y1="{coord(axis - 11)}" y2="{coord(axis + 30)}"/>')
    anchor = "start" if x(today) < 120 else "end" if x(today) > 640 else "middle"
    body.append(words(x(today), axis + 42, today_word, css="x-c-label", anchor=anchor))
    body += [MARKS[passage].format(x=coord(x(day)), y=coord(axis)) for day, _label, passage in marks]
    return figure("".join(body), uid=uid, title=title, desc=desc, width=760, height=axis + 50)


def _levels(places: Sequence[float]) -> list[int]:
    """Return the level of each label, 0 the lowest: above every later one that it reaches.

    So the line that leads down from a label passes to the left of what stands lower, and crosses no date.
    """
    found: list[int] = []
    for n in reversed(range(len(places))):
        reached = [level for place, level in zip(places[n + 1 :], found, strict=True) if place < places[n] + LABEL]
        found.insert(0, max(reached, default=-1) + 1)
    return found
