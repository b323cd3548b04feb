"""See to it that every character of a document is printed: by Inter, by a fallback for its script, or as its number.

Without this, Pango would look for a glyph in whatever fonts a machine has, and print an empty box when it finds none:
the same snapshot would give other bytes elsewhere, and a reader could not tell what stood there.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from reports.documents.translation import counted

FALLBACK = "Fallback.ttf"
FAMILY = "Noto Sans CJK SC"
RIGHT_TO_LEFT = {
    "NotoSansHebrew-Regular.ttf": "Noto Sans Hebrew",
    "IBMPlexSansArabic-Regular.ttf": "IBM Plex Sans Arabic",
}
"""The fonts of scripts that are read from right to left, by file, each with its family."""

# Of the collection's faces: the one with the forms of simplified Chinese. It holds kana and hangul as well.
_INDEX = 2
# A blank after such a character is drawn in its font.
_SPACES = {0x20, 0xA0}
_BEYOND_ASCII = re.compile(r"[^\t\n\r\x20-\x7e]+")
# Invisible or unassigned: controls, formats (they turn the direction of reading), surrogates, private use, unassigned.
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Co", "Cn"}
_FONTS = Path(__file__).with_name("fonts")
# Hebrew and Arabic with their supplements and presentation forms.
_RIGHT = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"
# From the first such letter to the last one before letters of another script, in HTML.
_RUN = re.compile(rf"[{_RIGHT}](?:(?:[\s\d.,:;'()/%!?\u200c\u200d\u2013-]|&(?:quot|#x27|amp);)*[{_RIGHT}])*")
_BETWEEN_TAGS = re.compile(rf"(?<=>)[^<>]*[{_RIGHT}][^<>]*(?=<)")
_REFERENCE = re.compile("&#?[a-z0-9]+;")
# They decide the forms of the Arabic letters at their sides, and turn nothing.
_JOINERS = "\u200c\u200d"
_JOINING = {ord(letter) for letter in _JOINERS}


@cache
def latin() -> frozenset[int]:
    """Return the code points that every weight of Inter covers."""
    return frozenset.intersection(*(_coverage(path) for path in sorted(_FONTS.glob("Inter-*.ttf"))))


@cache
def right_to_left() -> Mapping[int, str]:
    """Return the file of the font that prints each code point of a script that is read from right to left.

    Marks over and under letters are left out: WeasyPrint writes them so that the letter is lost to who copies it.
    """
    return {
        number: name
        for name in RIGHT_TO_LEFT
        for number in _coverage(_FONTS / name) - latin()
        if _RUN.match(chr(number)) and unicodedata.category(chr(number)) != "Mn"
    }


@cache
def east_asian() -> frozenset[int]:
    """Return the code points that the fallback covers and Inter does not."""
    return _coverage(_collection(), number=_INDEX) - latin()


def legible(text: str) -> str:
    """Return ``text`` with each character that no shipped font can print written as ``U+XXXX``.

    Markup may be in it: all of ours is ASCII. A direction override is written out too, so that it cannot turn a line.
    """
    return _BEYOND_ASCII.sub(lambda match: _shown(match[0]), text)


def shortened(text: str, most: int) -> str:
    """Return ``text``, cut after ``most`` characters with a sentence that says so and where the rest stands."""
    if len(text) <= most:
        return text
    cut = counted("[cut here: the whole text, {count} characters, is in evidence.json]", len(text)).format(
        count=f"{len(text):,}"
    )
    return f"{text[:most]} … {cut}"


def isolated(html: str) -> str:
    """Return a page with each right-to-left text in an element of its own, so that it turns nothing that stands beside.

    Text that is mostly of such a script is one element as a whole; in other text each run is.
    """
    if not _RUN.search(html):
        return html
    head, body, rest = html.partition("<body")
    return head + body + _BETWEEN_TAGS.sub(lambda match: _isolated(match[0]), rest)


def _isolated(text: str) -> str:
    letters = [letter for letter in _REFERENCE.sub("", text) if letter.isalpha()]
    turned = sum(bool(_RUN.match(letter)) for letter in letters)
    whole = 2 * turned > len(letters)
    return f'<bdi dir="rtl">{text}</bdi>' if whole else _RUN.sub(r'<bdi dir="rtl">\g<0></bdi>', text)


def faces(texts: Iterable[str]) -> tuple[str, dict[str, bytes]]:
    """Return the style that declares what ``texts`` need beside Inter, and those fonts by their name in the bundle."""
    read = list(texts)
    used = {ord(letter) for text in read for letter in set(text) if letter > "\x7f"} - latin()
    named = {right_to_left()[number] for number in used if number in right_to_left()} if used else set()
    fonts = {name: (_FONTS / name).read_bytes() for name in sorted(named)}
    if (cut := fallback(read)) is not None:
        fonts[FALLBACK] = cut
    families = RIGHT_TO_LEFT | {FALLBACK: FAMILY}
    style = (f'@font-face {{ font-family: "{families[name]}"; src: url("bundle:{name}"); }}\n' for name in fonts)
    return "".join(style), fonts


def fallback(texts: Iterable[str]) -> bytes | None:
    """Return the East Asian font cut down to the characters of ``texts`` that need it, None if none does.

    The same characters give the same bytes.
    """
    used = {ord(letter) for text in texts for letter in set(text) if letter > "\x7f"} - latin() - _JOINING
    used -= right_to_left().keys() if used else set()
    wanted = used & east_asian() if used else used
    if not wanted:
        return None
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    options = Options()
    options.notdef_outline, options.hinting = True, False
    options.layout_features = []  # vertical and alternate forms would draw in thousands of glyphs
    options.drop_tables += ["BASE", "VORG", "vhea", "vmtx"]
    with TTFont(_collection(), fontNumber=_INDEX, lazy=True, recalcTimestamp=False) as font:
        cutter = Subsetter(options)
        cutter.populate(unicodes=wanted | _SPACES)
        cutter.subset(font)
        _to_quadratic(font)
        out = io.BytesIO()
        font.save(out)
    return out.getvalue()


def _to_quadratic(font: Any) -> None:
    """Give the font TrueType outlines, within a thousandth of an em: PDFs hold those in the form most readers know."""
    from fontTools.pens.cu2quPen import Cu2QuPen
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from fontTools.ttLib import newTable

    order, outlines = font.getGlyphOrder(), font.getGlyphSet()
    drawn = {}
    for name in order:
        pen = TTGlyphPen(outlines)
        outlines[name].draw(Cu2QuPen(pen, max_err=1.0, reverse_direction=True))
        drawn[name] = pen.glyph()
    font["loca"], font["glyf"], font["post"].formatType = newTable("loca"), newTable("glyf"), 3.0
    font["glyf"].glyphOrder, font["glyf"].glyphs = order, drawn
    font["maxp"].tableVersion = 0x00010000
    fields = "maxZones maxTwilightPoints maxStorage maxFunctionDefs maxInstructionDefs maxStackElements"
    for field in (*fields.split(), "maxSizeOfInstructions", "maxComponentElements"):
        setattr(font["maxp"], field, 1 if field == "maxZones" else 0)
    del font["CFF "]
    font.sfntVersion = "\000\001\000\000"


def _shown(run: str) -> str:
    parts: list[str] = []
    numbered = False
    for place, letter in enumerate(run):
        number = ord(letter)
        hidden = not _joins(run, place) and (unicodedata.category(letter) in _UNPRINTABLE or not _is_printed(number))
        parts.append(f"{' ' if numbered else ''}U+{number:04X}" if hidden else letter)
        numbered = hidden
    return "".join(parts)


def _is_printed(number: int) -> bool:
    return number in latin() or number in right_to_left() or number in east_asian()


def _joins(run: str, place: int) -> bool:
    sides = (run[place - 1 : place], run[place + 1 : place + 2])
    return run[place] in _JOINERS and all(side and unicodedata.bidirectional(side) == "AL" for side in sides)


def _coverage(path: Path, *, number: int = 0) -> frozenset[int]:
    from fontTools.ttLib import TTFont

    with TTFont(path, fontNumber=number, lazy=True) as font:
        return frozenset(font.getBestCmap())


def _collection() -> Path:
    return Path(str(files("noto_cjk_sans_otc").joinpath("NotoSansCJK-Regular.ttc")))
