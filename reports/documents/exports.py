"""A document in other forms than PDF: one HTML file, JSON with states and sources, and a DOCX draft to edit.

They are made from the same content as the PDF and are no part of what was signed: each says so and names the PDF.
"""

from __future__ import annotations

import base64
import re
from dataclasses import asdict, dataclass
from typing import Any

import rfc8785

from reports.documents import docx
from reports.documents.building import build
from reports.documents.content import Block, Content, Facts, Figure, Paragraph, Section, Source
from reports.documents.render import Pictures, style, to_html
from reports.documents.snapshot import Record
from reports.documents.translation import _, speaking

FORMAT = "placet-document/1"
TYPES = {"html": "text/html; charset=utf-8", "json": "application/json", "docx": docx.TYPE}
_FACES = re.compile(r"@font-face\s*\{[^}]*\}")
# On a screen there are no pages: the text has the width of one, and the cover no fixed height.
_SCREEN = (
    "html{font-family:Inter,system-ui,sans-serif;font-size:11pt}body{max-width:190mm;margin:0 auto;padding:0 4mm 20mm}"
    ".cover{height:auto;padding:12mm;margin-bottom:12mm}table{overflow-wrap:anywhere}img{max-width:100%}"
)


@dataclass(frozen=True)
class Made:
    """What an export says of the document that it is made from."""

    pdf_digest: str

    @property
    def notice(self) -> str:
        """The sentence that stands on top."""
        return _(
            "Made from the same facts as the PDF {digest}, which is the document; this file is a copy of it."
        ).format(digest=self.pdf_digest)


def export(form: str, snapshot: Record, pdf_digest: str) -> bytes:
    """Return a document in one of the forms of ``TYPES``.

    Args:
        form: ``html``, ``json`` or ``docx``.
        snapshot: what the PDF was drawn from.
        pdf_digest: of the PDF.

    Raises:
        SnapshotInvalid: the snapshot was made for another release.
    """
    content, made = build(snapshot), Made(pdf_digest)
    with speaking(content.language):
        if form == "html":
            return as_html(content, snapshot, made)
        return as_json(content, made) if form == "json" else docx.as_docx(content, made.notice)


def as_html(content: Content, snapshot: Record, made: Made) -> bytes:
    """Return the document as one HTML file that opens nothing: pictures and style are in it."""
    pictures = Pictures()
    html = to_html(content, snapshot, pictures)
    html = re.sub(r'(?<=<img )([^>]*?)src="bundle:([\w.-]+)"', lambda m: f'{m[1]}src="{_data(pictures, m[2])}"', html)
    css = _FACES.sub("", style()) + _SCREEN
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}"><style>{css}</style>'
    html = html.replace("</head>", f"{head}</head>", 1)
    return html.replace('<p class="mark">', f'<p class="note">{made.notice}</p><p class="mark">', 1).encode()


def as_json(content: Content, made: Made) -> bytes:
    """Return what the document says as RFC 8785 JSON: each paragraph with its state and what stands behind it."""
    numbers = {source: place for place, source in enumerate(content.sources, start=1)}
    return rfc8785.dumps(
        {
            "format": FORMAT,
            "notice": made.notice,
            "pdf_digest": made.pdf_digest,
            "kind": content.kind,
            "title": content.title,
            "subtitle": content.subtitle,
            "status": content.status,
            "document_id": content.document_id,
            "snapshot_digest": content.snapshot_digest,
            "created_at": content.created_at,
            "law_version": content.law_version,
            "language": content.language,
            "sample": content.sample,
            "cover": [{"label": label, "value": value} for label, value in content.cover],
            "counts": {str(state): count for state, count in content.counts.items()},
            "sections": [_section(section, numbers) for section in content.sections],
            "gaps": [
                {"number": gap.number, "title": gap.title, "what": gap.what, "owed_by": gap.owner}
                for gap in content.gaps
            ],
            "sources": [_source(source, number) for source, number in numbers.items()],
            "appendices": [_block(block) for block in content.appendices],
        }
    )


def _section(section: Section, numbers: dict[Source, int]) -> dict[str, Any]:
    return {
        "number": section.number,
        "title": section.title,
        "level": section.level,
        "point": section.point,
        "requirement": section.requirement,
        "duty": section.duty,
        "paragraphs": [_paragraph(paragraph, numbers) for paragraph in section.paragraphs],
    }


def _paragraph(paragraph: Paragraph, numbers: dict[Source, int]) -> dict[str, Any]:
    return {
        "state": paragraph.state,
        "text": paragraph.text,
        "sources": [numbers[source] for source in paragraph.sources],
        "declared_by": asdict(paragraph.declared_by) if paragraph.declared_by else None,
        "owed_by": paragraph.owner,
        "blocks": [_block(block) for block in paragraph.blocks],
    }


def _block(block: Block) -> dict[str, Any]:
    if isinstance(block, Figure):
        return {"kind": "figure", "caption": block.caption, "in_words": block.alt}
    if isinstance(block, Facts):
        return {"kind": "facts", "caption": block.caption, "rows": [list(row) for row in block.rows]}
    return {
        "kind": "table",
        "caption": block.caption,
        "columns": [column.title for column in block.columns],
        "rows": [[{"text": cell.text, "sub": cell.sub, "in_words": cell.alt} for cell in row] for row in block.rows],
        "note": block.note,
    }


def _source(source: Source, number: int) -> dict[str, Any]:
    return {
        "number": number,
        "id": source.id,
        "name": source.name,
        "digest": source.digest,
        "log_index": source.log_index,
        "made_at": source.made_at,
        "origin": source.origin,
    }


def _data(pictures: Pictures, name: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(pictures.files[name].encode()).decode()}"
