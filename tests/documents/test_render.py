"""The PDF: the same bytes twice, valid as PDF/A-3a and PDF/UA-1, no figure from elsewhere, and nothing fetched."""

import io
import json
import os
import re
import subprocess
import sys
import zlib
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import page
import pikepdf
import pypdf
import pytest

from reports.documents import wording
from reports.documents.building import build
from reports.documents.render import Pictures, laid_out, render, to_html
from reports.documents.snapshot import SnapshotInvalid, canonical, digest
from tests.documents.figures import not_in_snapshot, text_of, written
from tests.documents.sample_snapshot import a_bare_snapshot, a_snapshot

# WeasyPrint leaves its colour profile open: the file is closed when the object goes, with a warning.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:unclosed file.*sRGB2014:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*sRGB2014:pytest.PytestUnraisableExceptionWarning"),
]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def full():
    snapshot = a_snapshot()
    content = build(snapshot)
    return snapshot, content, render(content, snapshot)


@pytest.fixture(scope="module")
def bare():
    snapshot = a_bare_snapshot()
    content = build(snapshot)
    return snapshot, content, render(content, snapshot)


def test_the_same_snapshot_gives_the_same_bytes_in_another_process(full):
    _, _, pdf = full
    code = (
        "import sys, hashlib\n"
        "from reports.documents.building import build\n"
        "from reports.documents.render import render\n"
        "from tests.documents.sample_snapshot import a_snapshot\n"
        "snapshot = a_snapshot()\n"
        "sys.stdout.buffer.write(render(build(snapshot), snapshot))\n"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "PYTHONPATH": str(ROOT)}
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT, env=environment)
    assert again.stdout == pdf


def test_another_snapshot_gives_other_bytes_and_another_identifier(bare, full):
    first, second = (pypdf.PdfReader(io.BytesIO(pdf)).trailer["/ID"] for _, _, pdf in (bare, full))
    assert first != second


@pytest.mark.parametrize("profile", ["3a", "ua1"])
@pytest.mark.parametrize("which", ["full", "bare"])
def test_the_file_passes_validation(which, profile, request, tmp_path):
    path = tmp_path / "document.pdf"
    path.write_bytes(request.getfixturevalue(which)[2])
    report = page.validate_pdf(str(path), profile=profile)
    assert [failure.message for failure in report.failures] == []
    assert report.rules.passed == report.rules.total


def test_only_the_vendored_typeface_is_embedded(full):
    with pikepdf.open(io.BytesIO(full[2])) as document:
        names = {
            str(item.BaseFont)
            for item in document.objects
            if isinstance(item, pikepdf.Dictionary) and item.get("/Type") == "/Font"
        }
    assert names
    assert all("Inter" in name for name in names)


def test_every_figure_in_the_pdf_stands_in_the_snapshot(full):
    snapshot, content, pdf = full
    assert not_in_snapshot(content, snapshot, pdf) == set()


def test_the_check_on_figures_would_see_an_invented_one(full):
    snapshot, content, pdf = full
    poorer = json.loads(json.dumps(snapshot).replace("0.480809", "0.511111"))
    assert "0.481" in not_in_snapshot(content, poorer, pdf)


@pytest.mark.parametrize(
    ("value", "right", "wrong"),
    [
        (0.480809, {"0.5", "0.48", "0.481", "48.1"}, {"0.480", "0.49", "48.0"}),
        (-0.015309, {"0.015", "1.5"}, {"0.016", "0.01", "1.6"}),
        (0.00031, {"3.1", "0.000"}, {"3.2", "0.001"}),
        (1234.5678, {"1,234.6", "1,234.57", "1,234.568"}, {"1,234.5", "1,235"}),
        (300, {"300"}, {"301", "299"}),
    ],
)
def test_the_check_on_figures_rounds_by_itself(value, right, wrong):
    assert right <= written(value)
    assert not wrong & written(value)


def test_the_text_supports_and_never_claims_compliance(full, bare):
    for _, _, pdf in (full, bare):
        text = text_of(pdf)
        assert "Supports Article 11(1)" in text
        assert re.search(r"\bcompliant\b", text, re.IGNORECASE) is None


def test_the_cover_says_unsigned_draft_sample_and_the_law_with_its_date(full):
    _, content, pdf = full
    cover = pypdf.PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    assert "unsigned draft" in cover.lower()
    assert "Sample data" in cover
    assert "as amended by Regulation (EU) 2026/1744" in cover
    assert "2026-11-23 (register" in cover
    assert content.snapshot_digest in cover.replace("\n", "")


def test_every_page_but_the_cover_carries_id_digest_and_number(full):
    _, content, pdf = full
    sheets = pypdf.PdfReader(io.BytesIO(pdf)).pages
    for number, sheet in enumerate(sheets[1:], start=2):
        text = sheet.extract_text()
        assert content.document_id in text
        assert content.snapshot_digest in text
        assert f"Page {number} of {len(sheets)}" in text


def test_the_contents_name_the_page_on_which_each_section_starts(full):
    _, content, pdf = full
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    contents = reader.pages[2].extract_text()
    anchors = {
        name: reader.get_destination_page_number(target) + 1 for name, target in reader.named_destinations.items()
    }
    for section in content.sections:
        line = next(line for line in contents.splitlines() if line.startswith(f"{section.number} {section.title} "))
        assert line.rstrip().endswith(str(anchors[section.anchor])), line


def test_every_gap_is_printed_on_the_gap_page_with_its_owner(bare):
    _, content, pdf = bare
    flat = " ".join(text_of(pdf).split())
    for gap in content.gaps:
        assert flat.count(gap.what) >= 2, f"{gap.number}: once in its section, once on the gap page"
        assert wording.sentence_case(wording.words(gap.owner)) in flat


def test_the_attached_evidence_is_the_snapshot_in_canonical_form(full):
    snapshot, content, pdf = full
    attached = pypdf.PdfReader(io.BytesIO(pdf)).attachments
    assert list(attached) == ["evidence.json"]
    assert attached["evidence.json"] == [canonical(snapshot)]
    assert digest(json.loads(attached["evidence.json"][0])) == content.snapshot_digest


def test_charts_have_words_for_those_who_cannot_see_them(full):
    snapshot, content, _ = full
    html = to_html(content, snapshot, Pictures())
    assert all(alt for alt in re.findall(r'<img[^>]* alt="([^"]*)"', html))
    assert html.count("<img") == len(re.findall(r'<img[^>]* alt="', html))


def test_markup_in_the_data_is_printed_and_never_obeyed():
    snapshot = a_bare_snapshot()
    snapshot["system"]["name"] = "<img src='file:///etc/passwd'> & <b>score</b>"
    html = to_html(build(snapshot), snapshot, Pictures())
    assert "&lt;img src=&#x27;file:///etc/passwd&#x27;&gt;" in html
    assert "<img src='file" not in html
    assert "<b>score" not in html


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://example.org/x.svg",
        "file:///etc/passwd",
        "/etc/passwd",
        "bundle:../x",
        "bundle:/%2e%2e/x",
        "ftp://example.org/x",
    ],
)
@pytest.mark.parametrize(
    "where", ["<img alt='x' src='{}'/>", "<p style='background:url({})'>x</p>", "<link rel='stylesheet' href='{}'/>"]
)
def test_no_address_outside_the_document_is_opened(address, where):
    from reports.documents import pdf

    with pytest.raises(pdf.ResourceRefused, match="not allowed"):
        pdf.write(
            f"<html lang='en'><title>x</title>{where.format(address)}</html>",
            "",
            blobs={},
            identifier=b"0" * 16,
            when=datetime(2026, 11, 23, tzinfo=UTC),
        )


def test_a_page_that_is_not_well_formed_is_refused():
    from reports.documents import pdf

    with pytest.raises(pdf.WritingFailed, match="not well-formed"):
        pdf.write("<p>a<br>b</p>", "", blobs={}, identifier=b"0" * 16, when=datetime(2026, 11, 23, tzinfo=UTC))


def test_an_address_inside_a_chart_is_refused_too():
    from reports.documents import pdf

    image = '<image href="file:///etc/passwd" width="9" height="9"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{image}</svg>'
    blobs = {"chart.svg": ("image/svg+xml", svg.encode())}
    with pytest.raises(pdf.ResourceRefused, match="not allowed"):
        pdf.write(
            "<html lang='en'><title>x</title><img alt='x' src='bundle:chart.svg'/></html>",
            "",
            blobs=blobs,
            identifier=b"0" * 16,
            when=datetime(2026, 11, 23, tzinfo=UTC),
        )


def test_no_stream_ends_in_a_carriage_return_that_reads_as_a_line_end():
    import pydyf

    import reports.documents.pdf  # noqa: F401 (from then on streams are written so)

    unlucky = next(raw for n in count() if zlib.compress(raw := b"%d" % n, 9).endswith(b"\r"))
    assert pydyf.Stream([unlucky], compress=True).data.partition(b"stream\n")[2] == unlucky + b"\nendstream"
    lucky = pydyf.Stream([unlucky + b"."], compress=True).data
    assert zlib.decompress(lucky.partition(b"stream\n")[2].removesuffix(b"\nendstream")) == unlucky + b"."


def test_the_streams_that_are_made_last_end_clearly_too():
    import pydyf

    from reports.documents import pdf

    assert pydyf.Stream.data.fget is pdf._written
    for number in range(256):  # a checksum ends in the sum of the bytes: every such sum comes once
        file, out = pydyf.PDF(), io.BytesIO()
        file.info["Title"] = pydyf.String("A" * (256 - number) + "B" * number)
        file.write(out, b"1.7", b"%016d" % number, compress=True)
        assert b"\r\nendstream" not in out.getvalue()


def test_text_that_is_shaped_once_is_drawn_as_if_it_were_shaped_twice(bare, monkeypatch):
    from weasyprint.text import line_break

    from reports.documents import pdf, shaping

    words = "Unverhältnismäßigkeiten of accountability <u>underlined</u> שלום " * 9
    styles = ("text-align: justify", "white-space: pre-line", "hyphens: auto; width: 30mm", "letter-spacing: 1pt")
    html = (
        '<html lang="de"><head><title>T</title></head><body>'
        + "".join(f'<p style="{style}">{words}\n{words}</p>' for style in styles)
        + "</body></html>"
    )
    snapshot, content, _ = bare
    sheet = laid_out(content, snapshot)
    options = {"blobs": sheet.blobs, "identifier": bytes(16), "when": datetime(2026, 11, 23, tzinfo=UTC)}
    assert line_break.Layout is shaping.Line
    once = pdf.write(html, sheet.css, **options)
    monkeypatch.setattr(line_break, "Layout", shaping.Line.__base__)
    assert pdf.write(html, sheet.css, **options) == once


def test_content_of_another_snapshot_is_refused():
    with pytest.raises(SnapshotInvalid, match="another snapshot"):
        render(build(a_bare_snapshot()), a_snapshot())


def test_importing_the_documents_does_not_load_the_pdf_library():
    code = (
        "import sys, reports.documents.building, reports.documents.render\n"
        "assert not {'weasyprint', 'pydyf', 'fontTools'} & set(sys.modules), 'loaded at import'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
