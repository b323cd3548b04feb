"""A documentation drawn as PDF against bare WeasyPrint on the same HTML, one of 100 pages, and a signature."""

from __future__ import annotations

import io
import resource
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pypdf
from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration

from benchmarks.timing import Comparison, interleaved, seconds
from reports.documents import pdf, signing
from reports.documents.building import build
from reports.documents.content import Content
from reports.documents.render import Sheet, laid_out, render
from tests.documents.sample_snapshot import a_snapshot
from tests.documents.signing_authority import Signers

PAGES = 100


def measure() -> Iterator[Comparison]:
    """Yield the three comparisons."""
    snapshot = a_snapshot()
    content = build(snapshot)
    sheet = laid_out(content, snapshot)
    rows = interleaved(
        {"bare WeasyPrint": lambda: bare(sheet), "Placet": lambda: render(content, snapshot)}, rounds=3, warm_up=1
    )
    drawn = render(content, snapshot)
    yield Comparison(
        title="One technical documentation as PDF",
        setup=f"{pages_of(drawn)} pages; the same final HTML, fonts and charts; bare: no profile, tags or attachment",
        rows=rows,
        claim=f"A document as PDF/A-3a and PDF/UA-1 takes {rows[1].ratio:.2f} times bare WeasyPrint on the same HTML.",
    )
    longer = long(content)
    (row,) = interleaved({f"{PAGES} pages": lambda: render(longer, snapshot)}, rounds=1, warm_up=0)
    size, most = pages_of(render(longer, snapshot)), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield Comparison(
        title="A long technical documentation",
        setup=f"{size} pages: the sections of the sample several times over; {most:.0f} MB at the most",
        rows=(row,),
        claim=f"{size} pages take {seconds(row.median_s)} and {most:.0f} MB.",
    )
    yield _signature(drawn)


def _signature(drawn: bytes) -> Comparison:
    with tempfile.TemporaryDirectory() as folder:
        signers = Signers.made_in(Path(folder) / "pki")
        with signers.serving() as identity:
            ways = {
                "B-B": lambda: signing.sign(drawn, signers.identity()),
                "B-LT": lambda: signing.sign(drawn, identity),
            }
            rows = interleaved(ways, rounds=3, warm_up=1)
    return Comparison(
        title="A signature, verified before it is kept",
        setup="P-256; the time-stamp authority is openssl on this machine, two processes a signature",
        rows=rows,
        claim=f"A PAdES B-LT signature takes {seconds(rows[1].median_s)}, {rows[1].ratio:.1f} times a B-B one.",
    )


def bare(sheet: Sheet) -> bytes:
    """Draw the same HTML with nothing of ours but the fetcher, which serves its pictures and fonts."""
    fetcher = pdf.BundleFetcher(sheet.blobs)
    fonts = FontConfiguration()
    style = CSS(string=sheet.css, font_config=fonts, url_fetcher=fetcher, base_url="bundle:/")
    source = HTML(string=sheet.html, url_fetcher=fetcher, base_url="bundle:/")
    made: bytes = source.write_pdf(stylesheets=[style], font_config=fonts)
    return made


def long(content: Content, pages: int = PAGES) -> Content:
    """Return the content with its sections repeated, under anchors of their own, until it fills so many pages."""
    times = -(-pages // 20)
    sections = [
        replace(section, anchor=f"{section.anchor}-{number}") for number in range(times) for section in content.sections
    ]
    return replace(content, sections=tuple(sections))


def pages_of(made: bytes) -> int:
    """Return how many pages a PDF has."""
    return len(pypdf.PdfReader(io.BytesIO(made)).pages)
