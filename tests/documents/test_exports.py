"""The other forms of a document say what the PDF says, open nothing, and call themselves copies."""

import io
import json
import re

import docx
import pytest

from reports.documents.building import build
from reports.documents.exports import TYPES, export
from reports.documents.kinds import KINDS
from tests.documents import sample_kinds as samples

PDF = "sha256:" + "a" * 64


def words_of(data):
    made = docx.Document(io.BytesIO(data))
    cells = [cell.text for table in made.tables for row in table.rows for cell in row.cells]
    return "\n".join([paragraph.text for paragraph in made.paragraphs] + cells)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_json_has_every_paragraph_with_its_state_and_what_stands_behind_it(kind):
    snapshot = samples.full(kind)
    content = build(snapshot)
    said = json.loads(export("json", snapshot, PDF))
    rows = [row for section in said["sections"] for row in section["paragraphs"]]
    assert [(row["state"], row["text"]) for row in rows] == [(p.state, p.text) for _, p in content.paragraphs()]
    for row in rows:
        behind = {"measured": row["sources"], "declared": row["declared_by"], "missing": row["owed_by"]}
        assert behind[row["state"]], row
    assert [row["number"] for row in said["sources"]] == list(range(1, len(content.sources) + 1))
    assert said["counts"] == content.counts
    assert (said["snapshot_digest"], said["pdf_digest"]) == (content.snapshot_digest, PDF)


@pytest.mark.parametrize("kind", ["annex-iv", "fria", "model-risk"])
def test_html_is_one_file_that_opens_nothing(kind):
    snapshot = samples.full(kind)
    html = export("html", snapshot, PDF).decode()
    assert "bundle:" not in html
    assert re.findall(r'(?:src|href)="(?!data:image/svg\+xml;base64,|#)[^"]*"', html) == []
    assert "url(" not in html
    assert "default-src 'none'" in html
    assert PDF in html
    for _, paragraph in build(snapshot).paragraphs():
        assert paragraph.state.capitalize() in html


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_docx_is_a_draft_with_every_paragraph_and_says_so(kind):
    snapshot = samples.full(kind)
    text = words_of(export("docx", snapshot, PDF))
    assert "Draft to edit" in text
    assert PDF in text
    for section, paragraph in build(snapshot).paragraphs():
        assert f"{section.number} {section.title}" in text
        assert paragraph.text in text
    for block in build(snapshot).appendices:
        assert block.caption in text
        assert all(value in text for row in block.rows for value in row)


@pytest.mark.parametrize("kind", ["annex-iv", "fria"])
def test_docx_leaves_out_no_method_and_no_date_of_a_duty(kind):
    snapshot = samples.full(kind)
    content, text = build(snapshot), words_of(export("docx", snapshot, PDF))
    assert content.appendices
    for block in content.appendices:
        assert block.caption in text
        assert all(value in text for row in block.rows for value in (row if isinstance(row[0], str) else ()))
    assert content.lead in text
    assert all(section.duty in text for section in content.sections)


def test_what_xml_does_not_hold_is_replaced():
    snapshot = samples.full("fria")
    snapshot["system"]["name"] = "bell \x07 and \x00"
    assert "bell \ufffd and \ufffd" in words_of(export("docx", snapshot, PDF))


@pytest.mark.parametrize("form", sorted(set(TYPES) - {"docx"}))
def test_the_same_snapshot_gives_the_same_file(form):
    assert export(form, samples.full("fria"), PDF) == export(form, samples.full("fria"), PDF)
