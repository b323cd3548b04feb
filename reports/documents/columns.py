"""How wide the columns of a table are, found from the advances of the glyphs in its cells.

WeasyPrint would find it by laying each cell out twice more, which takes an eighth of the time of a document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from math import ceil
from pathlib import Path
from string import digits

from reports.documents import glyphs
from reports.documents.content import Cell, Column, Table

# Sizes of pdf.css in points: of a table inside a paragraph and its text, and what stands at the sides of a cell.
_TABLE, _TEXT, _TITLE, _SUB, _CHART = 463.0, 7.6, 6.8, 6.7, 92.0
_PADDING, _NUMERIC_PADDING = 7.0, 14.0
# The shapes of a text and its kerning differ from the sum of its advances by less than this.
_SPARE = 1.03
_WIDEST = 1.1
_FONT = Path(__file__).with_name("fonts") / "Inter-SemiBold.ttf"


def shares(table: Table) -> tuple[int, ...]:
    """Return each column's width in per cent of the table; together 100, and none less than its longest word needs.

    The texts are those that are printed, cut to what a cell holds. Widths that the table gives are kept, and the others
    stand on one line, as far as there is room; what is left over goes to the others. Empty if not even the
    words fit: then the layout has to find what to do.
    """
    needs = [_needs(column, [row[place] for row in table.rows]) for place, column in enumerate(table.columns)]
    least = [need for need, _ in needs]
    if sum(least) > 100:
        return ()
    free = [not column.width for column in table.columns]
    wanted = [column.width or line for column, (_, line) in zip(table.columns, needs, strict=True)]
    # A column of sentences would leave the widths that are given nothing: at first none takes more than its part.
    part = (100 - sum(column.width for column in table.columns)) / max(sum(free), 1)
    at_first = [min(width, part) if is_free else width for width, is_free in zip(wanted, free, strict=True)]
    exact = _grown(_grown(least, at_first), wanted)
    weights = [width * (is_free or not any(free)) for width, is_free in zip(exact, free, strict=True)]
    rest = (100 - sum(exact)) / sum(weights)
    return _whole([width + rest * weight for width, weight in zip(exact, weights, strict=True)], least)


def _grown(widths: Sequence[float], wanted: Sequence[float]) -> list[float]:
    """Return the widths grown to what is wanted; where there is no room for all, those that lack little come first."""
    spare = 100 - sum(widths)
    grown = list(widths)
    places = sorted(range(len(grown)), key=lambda place: wanted[place] - widths[place])
    for served, place in enumerate(places):
        more = min(max(wanted[place] - widths[place], 0.0), spare / (len(places) - served))
        grown[place] += more
        spare -= more
    return grown


def _whole(exact: Sequence[float], least: Sequence[int]) -> tuple[int, ...]:
    """Round to whole numbers that add up to 100: those that lose most by rounding down are rounded up."""
    whole = [max(int(width + 1e-9), need) for width, need in zip(exact, least, strict=True)]
    by_loss = sorted(range(len(whole)), key=lambda place: whole[place] - exact[place])
    for place in by_loss[: 100 - sum(whole)]:
        whole[place] += 1
    return tuple(whole)


def _needs(column: Column, cells: Iterable[Cell]) -> tuple[int, int]:
    """Return the least that a column needs and what keeps each of its lines whole, in whole per cent of the table."""
    padding = _NUMERIC_PADDING if column.numeric else _PADDING
    extents = [_extent(column.title, _TITLE)]
    for cell in cells:
        extents.append(_extent(cell.text, _TEXT, unbroken=column.numeric))
        extents += (_extent(line, _SUB, unbroken=column.numeric) for line in cell.sub.split("\n"))
        if cell.svg:
            extents.append((_CHART, _CHART))
    least, wanted = (max(sizes) * _SPARE + padding for sizes in zip(*extents, strict=True))
    return ceil(100 * least / _TABLE), ceil(100 * wanted / _TABLE)


def _extent(text: str, size: float, *, unbroken: bool = False) -> tuple[float, float]:
    """Return the widths of a text's longest word and of all of it, as it is printed, in points."""
    printed = glyphs.legible(text)
    words = [printed] if unbroken else printed.split() or [""]
    return max(map(_width, words)) * size, _width(printed) * size


def _width(text: str) -> float:
    """Return how wide a text is, in units of its size; a character of another font than Inter counts as the widest."""
    known = _advances()
    return sum(known.get(letter, _WIDEST) for letter in text)


@cache
def _advances() -> Mapping[str, float]:
    from fontTools.ttLib import TTFont

    with TTFont(_FONT, lazy=True) as font:
        units, widths = font["head"].unitsPerEm, font["hmtx"].metrics
        known = {chr(number): widths[glyph][0] / units for number, glyph in font.getBestCmap().items()}
    return known | dict.fromkeys(digits, max(map(known.__getitem__, digits)))  # figures stand below each other
