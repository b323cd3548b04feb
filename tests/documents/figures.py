"""Which figures a document prints, and whether its facts, and the evidence that it cites, hold them."""

import io
import re
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache

import pypdf

from reports.documents import charts, wording
from reports.documents.render import Pictures, to_html
from reports.documents.snapshot import digest

# Numbers that the document's own sentences hold: confidence level, articles, annexes, acts, the count base of the log.
OF_THE_TEXT = {"0", "95", "11", "9", "14", "47", "72", "16", "2024", "1689", "2026", "1744"}
# The level of every interval, and the bounds of a share.
OF_THE_SENTENCES = {"95", "0", "1"}


@cache
def text_of(pdf):
    return "\n".join(sheet.extract_text() for sheet in pypdf.PdfReader(io.BytesIO(pdf)).pages)


def leaves(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from leaves(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)
    elif value is not None and not isinstance(value, bool):
        yield value


def numbers_in(text):
    return set(re.findall(r"(?<![\w.,/:-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w.,/:]*\d)", text))


def written(value):
    """Every way in which the document may write one value of the snapshot."""
    if isinstance(value, str):
        times = {wording.moment(value)} if re.match(r"\d{4}-\d\d-\d\dT", value) else set()
        return numbers_in(" ".join({value, *times})) | set(re.findall(r"\d+(?:\.\d+)*", value))
    whole = {f"{int(value):,}", str(int(value))} if value == int(value) else set[str]()  # 19000.0 is 19,000
    shapes = {str(value)} | whole
    return {found for shape in shapes | set(rounded(value)) for found in numbers_in(shape)}


def rounded(value):
    """Each way in which a document rounds a number, worked out here: code that rounds wrongly is no judge of itself."""
    size = abs(Decimal(value))
    for number, digits in ((size, 1), (size, 2), (size, 3), (size * 100, 1)):
        yield f"{number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN):,}"
    if 0 < size < Decimal("0.05"):  # what would vanish is written in powers of ten
        yield f"{size.scaleb(-size.adjusted()).quantize(Decimal('0.1'), ROUND_HALF_EVEN)} 10"


def without_digests(text, snapshot):
    """The text without digests and ids, which a narrow column may break anywhere."""
    for leaf in {*leaves(snapshot), digest(snapshot)}:
        if isinstance(leaf, str) and re.fullmatch(r"(sha256:)?[0-9a-f-]{16,}", leaf):
            text = re.sub(r"\s*".join(re.escape(letter) for letter in leaf), " ", text)
    return text


def not_in_snapshot(content, snapshot, pdf):
    """The numbers printed in the PDF that neither the snapshot nor the document's own numbering explains."""
    pictures = Pictures()
    to_html(content, snapshot, pictures)
    known = {number for leaf in leaves(snapshot) for number in written(leaf)} | OF_THE_TEXT
    known |= charts.tick_labels(pictures.files.values())
    pages = len(pypdf.PdfReader(io.BytesIO(pdf)).pages)
    known |= {str(number) for number in range(1, pages + 1)}
    known |= {str(number) for number in range(1, len(content.sources) + 1)}
    known |= {
        str(section.count(state)) for section in content.sections for state in ("measured", "declared", "missing")
    }
    known |= {str(count) for count in content.counts.values()}
    return {number for number in numbers_in(without_digests(text_of(pdf), snapshot)) if number not in known}


def printed(paragraph):
    """Every text that a paragraph prints: its own, and those of its tables, lists and charts."""
    yield paragraph.text
    for block in paragraph.blocks:
        yield block.caption
        yield getattr(block, "note", "")
        yield getattr(block, "alt", "")
        for row in getattr(block, "rows", ()):
            for cell in row:
                yield from (cell,) if isinstance(cell, str) else (cell.text, cell.sub, cell.alt)


def known_of(payload):
    """The numbers that evidence explains: of its payload, how many rows each of its lists has, when and where it was
    made.
    """
    counts = (
        {str(len(part)) for part in payload.values() if isinstance(part, list)} if isinstance(payload, dict) else set()
    )
    return {number for leaf in leaves(payload) for number in written(leaf)} | counts


def not_in_evidence(content, payloads):
    """The numbers in paragraphs under a cited evidence that its payload, as the database has it, does not hold."""
    found = set()
    for _, paragraph in content.paragraphs():
        cited = [payloads[source.id] for source in paragraph.sources if source.id in payloads]
        if not cited or len(cited) != len(paragraph.sources):
            continue
        placed = [(source.made_at, source.log_index) for source in paragraph.sources]
        known = set().union(*map(known_of, [*cited, *placed])) | OF_THE_SENTENCES
        found |= {number for text in printed(paragraph) for number in numbers_in(text)} - known
    return found
