"""A document as DOCX: a draft to edit, which says so on its first page. Only text and tables; charts stand in words.

``docx`` is imported inside the function, so that nothing at process start pays for it.
"""

from __future__ import annotations

import io
import re
from datetime import datetime
from typing import Any

from reports.documents.content import STATE_WORDS, Block, Content, Facts, Figure, Paragraph
from reports.documents.translation import N_, _, counted, speaking
from reports.documents.wording import integer, log_index, sentence_case, words

TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
DRAFT = N_("Draft to edit. What is changed here stands behind no digest and no signature; the PDF is the document.")
# Characters that XML 1.0 does not hold.
_UNHELD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MOST_ROWS = 2_000


def as_docx(content: Content, notice: str) -> bytes:
    """Return the document as a DOCX file.

    Args:
        notice: which PDF it is made from, as the first lines say.
    """
    with speaking(content.language):
        return _written(content, notice)


def _written(content: Content, notice: str) -> bytes:
    import docx

    made = docx.Document()
    made.core_properties.title = _plain(content.title)[:250]
    made.core_properties.author = _plain(content.organisation)[:250] or "Placet"
    made.core_properties.created = made.core_properties.modified = datetime.fromisoformat(content.created_at)
    made.add_heading(_plain(content.title), 0)
    made.add_paragraph(_plain(content.subtitle))
    for sentence in (_(DRAFT), notice, f"{content.status}. {content.signature} {content.caveat}", content.lead):
        made.add_paragraph(_plain(sentence.strip()), style="Intense Quote")
    _rows(made, ["", ""], [list(row) for row in content.cover])
    for section in content.sections:
        made.add_heading(_plain(f"{section.number} {section.title}"), section.level)
        if section.requirement:
            duty = f" ({section.duty})" if section.duty else ""
            made.add_paragraph(_plain(f"{section.point or ''} {section.requirement}{duty}".strip()), style="Quote")
        for paragraph in section.paragraphs:
            _paragraph(made, paragraph)
    made.add_heading(_("Gaps and who owes them"), 1)
    gaps = [[gap.number, gap.what, sentence_case(words(gap.owner))] for gap in content.gaps]
    _rows(made, [_("Point"), _("What is missing"), _("Owed by")], gaps)
    made.add_heading(_("Sources"), 1)
    sources = [[row.name, row.id, row.digest or "", log_index(row.log_index)] for row in content.sources]
    _rows(made, [_("Source"), _("Id"), _("Digest"), _("Log")], sources)
    made.add_heading(_("Methods and reproduction"), 1)
    for block in content.appendices:
        _block(made, block)
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def _paragraph(made: Any, paragraph: Paragraph) -> None:
    line = made.add_paragraph()
    line.add_run(f"{_(STATE_WORDS[paragraph.state])} ").bold = True
    line.add_run(_plain(_behind(paragraph))).italic = True
    made.add_paragraph(_plain(paragraph.text))
    for block in paragraph.blocks:
        _block(made, block)


def _behind(paragraph: Paragraph) -> str:
    if paragraph.declared_by is not None:
        return paragraph.declared_by.line
    if paragraph.owner is not None:
        return _("owed by the {role}").format(role=words(paragraph.owner))
    return ", ".join(dict.fromkeys(f"{row.name} {row.id[:8]}, {log_index(row.log_index)}" for row in paragraph.sources))


def _block(made: Any, block: Block) -> None:
    made.add_paragraph(_plain(block.caption), style="Caption")
    if isinstance(block, Figure):
        made.add_paragraph(_plain(block.alt))
    elif isinstance(block, Facts):
        _rows(made, ["", ""], [list(row) for row in block.rows])
    else:
        rows = [["\n".join(part for part in (cell.text, cell.sub) if part) for cell in row] for row in block.rows]
        _rows(made, [column.title for column in block.columns], rows)
        if block.note:
            made.add_paragraph(_plain(block.note))


def _rows(made: Any, titles: list[str], rows: list[list[str]]) -> None:
    if not rows:
        made.add_paragraph(_("None."))
        return
    shown = [titles, *rows[:_MOST_ROWS]] if any(titles) else rows[:_MOST_ROWS]
    table = made.add_table(rows=len(shown), cols=len(titles), style="Table Grid")
    for cells, row in zip(table.rows, shown, strict=True):
        for cell, text in zip(cells.cells, row, strict=True):
            cell.text = _plain(text)
    if len(rows) > _MOST_ROWS:
        more = len(rows) - _MOST_ROWS
        said = counted("{count} further rows stand in the PDF.", more).format(count=integer(more))
        made.add_paragraph(said)


def _plain(text: str) -> str:
    return _UNHELD.sub("\ufffd", text)
