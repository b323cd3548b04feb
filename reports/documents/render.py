"""Lay a document's content out and write it as PDF: the same snapshot gives the same bytes.

WeasyPrint is imported inside :func:`render` only, so that nothing at process start pays for it or needs its native
libraries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from django.template import Context, Engine

from reports.documents import charts, columns, glyphs, tags
from reports.documents.content import (
    STATE_WORDS,
    STATES,
    Block,
    Content,
    Facts,
    Figure,
    Paragraph,
    Section,
    Source,
    Table,
)
from reports.documents.snapshot import Record, SnapshotInvalid, canonical, digest
from reports.documents.translation import N_, _, speaking
from reports.documents.wording import DASH, integer, known, log_index, moment, sentence_case, words

TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "reports" / "pdf"
FONTS = Path(__file__).with_name("fonts")
FONT_FILES = ("Inter-Regular.ttf", "Inter-Medium.ttf", "Inter-SemiBold.ttf", "Inter-Bold.ttf")
ATTACHMENT = "evidence.json"
# The most characters that a paragraph prints, a cell or whatever else stands around one, and a line of the cover: a row
# has to fit a page.
_MOST, _MOST_IN_CELL, _MOST_ON_COVER = 20_000, 1_500, 240
# Tables of up to this many rows are not split over pages.
_KEPT_WHOLE = 8
# By the variable that stands for it in pdf.css: the words, and what CSS puts for each name.
_FEET: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "names": (N_("Document {id}\nSnapshot {digest}"), {"id": "string(id)", "digest": "string(digest)"}),
    "pages": (N_("Page {page} of {pages}"), {"page": "counter(page)", "pages": "counter(pages)"}),
}


def render(content: Content, snapshot: Record) -> bytes:
    """Return the document as one PDF (PDF/A-3a and PDF/UA-1) with the snapshot attached as ``evidence.json``.

    Byte-identical for the same snapshot with the same libraries (:func:`libraries`). Takes about 0.2 s a page and 400
    MB: call it in a worker, never in a request. No address outside the document is ever opened.

    Args:
        content: what :func:`reports.documents.building.build` made from ``snapshot``.
        snapshot: the same snapshot; its canonical form is attached and its digest names the document.

    Raises:
        SnapshotInvalid: ``content`` was built from another snapshot.
        OSError: a native library is missing (Pango); the message names it.
    """
    from reports.documents import pdf

    if content.snapshot_digest != digest(snapshot):
        raise SnapshotInvalid("The content was built from another snapshot: build it again from this one.")
    sheet = laid_out(content, snapshot)
    return pdf.write(
        sheet.html,
        sheet.css,
        blobs=sheet.blobs,
        identifier=bytes.fromhex(content.snapshot_digest.removeprefix("sha256:")),
        when=datetime.fromisoformat(content.created_at).astimezone(UTC),
        attachment=pdf.Embedded(ATTACHMENT, sheet.attached),
    )


@dataclass(frozen=True)
class Sheet:
    """What WeasyPrint gets: the final HTML and CSS, by name every resource that they may ask for, and what is attached.

    ``attached`` says it in words.
    """

    html: str
    css: str
    blobs: dict[str, tuple[str, bytes]]
    attached: str = ""


def laid_out(content: Content, snapshot: Record) -> Sheet:
    """Return the final HTML of a document with its style and resources; every character in it has a glyph."""
    with speaking(content.language):
        return _laid_out(content, snapshot)


def _laid_out(content: Content, snapshot: Record) -> Sheet:
    pictures = Pictures()
    html = glyphs.legible(to_html(content, snapshot, pictures))
    charts_drawn = {name: glyphs.legible(svg) for name, svg in pictures.files.items()}
    css = style()
    blobs = {name: ("image/svg+xml", svg.encode()) for name, svg in charts_drawn.items()}
    blobs |= {name: ("font/ttf", _font(name)) for name in FONT_FILES}
    blobs[ATTACHMENT] = ("application/json", canonical(snapshot))
    declared, fonts = glyphs.faces([html, *charts_drawn.values()])
    blobs |= {name: ("font/ttf", font) for name, font in fonts.items()}
    attached = _("Snapshot behind this document: records and evidence payloads, RFC 8785")
    return Sheet(html, declared + css, blobs, attached)


def style() -> str:
    """Return the print style of documents, with the words of each page's foot in the language that is spoken.

    A rule for each width that a column of a table can have is added.
    """
    widths = "".join(f".wide-{share} {{ width: {share}% }}\n" for share in range(1, 100))
    css = (TEMPLATES / "pdf.css").read_text(encoding="utf-8")
    for name, (words_there, values) in _FEET.items():
        css = css.replace(f"var(--{name})", _css_content(_(words_there), values))
    return css + widths


def _css_content(message: str, values: Mapping[str, str]) -> str:
    """Return a message as the value of ``content``: texts in quotes, and what CSS counts in place of its names."""
    parts = []
    for text, name, _spec, _conversion in Formatter().parse(message):
        if text:
            parts.append('"' + re.sub(r'[\\"<\n]', lambda found: f"\\{ord(found[0]):X} ", text) + '"')
        if name:
            parts.append(values[name])
    return " ".join(parts)


def libraries() -> dict[str, str]:
    """Return the versions that decide the bytes of a document, for the snapshot's ``environment``. Loads WeasyPrint."""
    from reports.documents import pdf

    return pdf.libraries()


@dataclass
class Pictures:
    """The charts of one document by file name, in the order of their use."""

    files: dict[str, str] = field(default_factory=dict)

    def add(self, svg: str) -> str:
        """Keep a chart and return its address in the bundle of the document's resources."""
        name = f"figure-{len(self.files) + 1:03d}.svg"
        self.files[name] = svg
        return f"bundle:{name}"


def to_html(content: Content, snapshot: Record, pictures: Pictures) -> str:
    """Return the document as HTML whose pictures are ``bundle:`` addresses collected in ``pictures``.

    A template engine of its own: no context processor, locale or setting of the site can change a document.
    """
    with speaking(content.language):
        return _as_html(content, snapshot, pictures)


def _as_html(content: Content, snapshot: Record, pictures: Pictures) -> str:
    numbers = {source: position for position, source in enumerate(content.sources, start=1)}
    created = datetime.fromisoformat(content.created_at)
    engine = _engine()
    html = engine.get_template("document.html").render(
        Context(
            {
                "content": content,
                "system": glyphs.shortened(content.cover[0][1], _MOST_ON_COVER),
                "signature": _in_cell(content.signature),
                "author": glyphs.shortened(content.organisation, _MOST_ON_COVER),
                "cover": [(label, glyphs.shortened(value, _MOST_ON_COVER)) for label, value in content.cover],
                "created": created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "disclaimer": str((snapshot.get("law") or {}).get("disclaimer") or ""),
                "counts": {state: str(count) for state, count in content.counts.items()},
                "sample_data": _("Sample data, for demonstration only."),
                "short": {"gaps": _("Gaps"), "sources": _("Sources"), "methods": _("Methods")},
                "long": {
                    "about": _("What stands behind this document"),
                    "gaps": _("Gaps and who owes them"),
                    "sources": _("Sources"),
                    "methods": _("Methods and reproduction"),
                },
                "coverage_of": _("Coverage by point of {outline}").format(outline=content.outline)
                if content.outline
                else _("Coverage by section"),
                "not_held": _("What {outline} asks for and this document does not hold.").format(
                    outline=content.outline
                )
                if content.outline
                else _("What is asked for and this document does not hold."),
                "coverage": list(_coverage(content, pictures)),
                "toc": list(_contents(content)),
                "sections": sections_shown(content, pictures),
                "gaps": [
                    {
                        "anchor": gap.anchor,
                        "number": gap.number,
                        "title": gap.title,
                        "what": _in_cell(gap.what),
                        "owner": sentence_case(words(gap.owner)),
                    }
                    for gap in content.gaps
                ],
                "sources": [_source(source, number) for source, number in numbers.items()],
                "methods": [_block(block, pictures) for block in content.appendices],
            },
            use_l10n=False,
            use_tz=False,
        )
    )
    return glyphs.isolated(html)


def sections_shown(content: Content, pictures: Pictures) -> list[dict[str, object]]:
    """Return the sections as a template shows them, with their charts in ``pictures``; texts are cut as on paper."""
    numbers = {source: position for position, source in enumerate(content.sources, start=1)}
    with speaking(content.language):
        return [_section(section, content, numbers, pictures) for section in content.sections]


@cache
def _engine() -> Engine:
    return Engine(
        dirs=[str(TEMPLATES)], autoescape=True, debug=False, builtins=[*Engine.default_builtins, tags.__name__]
    )


@cache
def _font(name: str) -> bytes:
    return (FONTS / name).read_bytes()


def _coverage(content: Content, pictures: Pictures) -> Iterator[dict[str, str]]:
    totals = [{state: sum(part.count(state) for part in parts) for state in STATES} for parts in content.chapters]
    most = max((sum(total.values()) for total in totals), default=1)
    for parts, total in zip(content.chapters, totals, strict=True):
        said = _("{measured} measured, {declared} declared, {missing} missing.").format(
            measured=total["measured"], declared=total["declared"], missing=total["missing"]
        )
        yield {
            "number": parts[0].number,
            "title": parts[0].title,
            **{state: str(count) for state, count in total.items()},
            "file": pictures.add(charts.state_bar(total["measured"], total["declared"], total["missing"], most=most)),
            "alt": said,
        }


def _contents(content: Content) -> Iterator[dict[str, object]]:
    yield {"anchor": "about", "number": "", "title": _("What stands behind this document"), "level": 1}
    for section in content.sections:
        yield {"anchor": section.anchor, "number": section.number, "title": section.title, "level": section.level}
    for anchor, number, title in (
        ("gaps", "G", _("Gaps and who owes them")),
        ("sources", "S", _("Sources")),
        ("methods", "M", _("Methods and reproduction")),
    ):
        yield {"anchor": anchor, "number": number, "title": title, "level": 1}


def _section(section: Section, content: Content, numbers: dict[Source, int], pictures: Pictures) -> dict[str, object]:
    return {
        "anchor": section.anchor,
        "number": section.number,
        "title": section.title,
        "level": section.level,
        "breaks": section.level == 1 and section.number in content.page_starts,
        "point": section.point or "",
        "requirement": section.requirement,
        "duty": section.duty,
        "paragraphs": [_paragraph(paragraph, numbers, pictures) for paragraph in section.paragraphs],
    }


def _paragraph(paragraph: Paragraph, numbers: dict[Source, int], pictures: Pictures) -> dict[str, object]:
    return {
        "state": paragraph.state,
        "label": _(STATE_WORDS[paragraph.state]),
        "by": _behind(paragraph),
        "refs": [str(numbers[source]) for source in paragraph.sources],
        "text": glyphs.shortened(paragraph.text, _MOST),
        "blocks": list(_blocks(paragraph.blocks, pictures)),
    }


def _behind(paragraph: Paragraph) -> str:
    """Say in one line who or what stands behind a paragraph."""
    if paragraph.declared_by is not None:
        return paragraph.declared_by.line
    if paragraph.owner is not None:
        return _("owed by the {role}").format(role=words(paragraph.owner))
    names = list(dict.fromkeys(source.name for source in paragraph.sources))
    first = paragraph.sources[0]
    if len(paragraph.sources) == 1:
        return f"{_in_cell(first.name)} {first.id[:8]}, {log_index(first.log_index)}"
    return _in_cell(", ".join(names))


def _blocks(blocks: Iterable[Block], pictures: Pictures) -> Iterator[dict[str, Any]]:
    """Yield the blocks for the template, with half-width figures in pairs."""
    waiting: list[dict[str, Any]] = []
    for block in blocks:
        made = _block(block, pictures)
        if isinstance(block, Figure) and block.half:
            waiting.append(made)
            continue
        if waiting:
            yield {"kind": "pair", "figures": waiting}
            waiting = []
        yield made
    if waiting:
        yield {"kind": "pair", "figures": waiting}


def _block(block: Block, pictures: Pictures) -> dict[str, Any]:
    if isinstance(block, Facts):
        rows = [tuple(_in_cell(value) for value in row) for row in block.rows]
        return {"kind": "facts", "caption": _in_cell(block.caption), "rows": rows, "whole": len(rows) <= _KEPT_WHOLE}
    if isinstance(block, Figure):
        said = {"alt": _in_cell(block.alt), "caption": _in_cell(block.caption)}
        return {"kind": "figure", "file": pictures.add(block.svg), **said}
    return _table(block, pictures)


def _table(table: Table, pictures: Pictures) -> dict[str, Any]:
    table = _cut(table)
    widths = columns.shares(table)
    return {
        "kind": "table",
        "caption": table.caption,
        "note": table.note,
        "whole": len(table.rows) <= _KEPT_WHOLE,
        "shared": bool(widths),
        "columns": [
            {"title": column.title, "numeric": column.numeric, "css": f"wide-{width}" if width else ""}
            for column, width in zip(table.columns, widths or [column.width for column in table.columns], strict=True)
        ],
        "rows": [
            [
                {
                    "text": cell.text,
                    "sub": cell.sub.split("\n") if cell.sub else [],
                    "tone": cell.tone,
                    "numeric": column.numeric,
                    "file": pictures.add(cell.svg) if cell.svg else "",
                    "alt": cell.alt,
                }
                for cell, column in zip(row, table.columns, strict=True)
            ]
            for row in table.rows
        ],
    }


def _cut(table: Table) -> Table:
    """Return the table with each of its texts as long as is printed of it."""
    return Table(
        caption=_in_cell(table.caption),
        columns=tuple(replace(column, title=_in_cell(column.title)) for column in table.columns),
        rows=tuple(
            tuple(
                replace(cell, text=_in_cell(cell.text), sub=_in_cell(cell.sub), alt=_in_cell(cell.alt)) for cell in row
            )
            for row in table.rows
        ),
        note=_in_cell(table.note),
    )


def _in_cell(text: str) -> str:
    return glyphs.shortened(text, _MOST_IN_CELL)


def _source(source: Source, number: int) -> dict[str, str]:
    return {
        "number": str(number),
        "name": _in_cell(source.name),
        "origin": known(source.origin or ""),
        "id": source.id or DASH,
        "digest": source.digest or _("no digest recorded"),
        "made": moment(source.made_at),
        "log": DASH if source.log_index is None else integer(source.log_index),
    }
