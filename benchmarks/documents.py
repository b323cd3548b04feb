"""A documentation drawn as PDF against bare WeasyPrint on the same HTML, one of 100 pages, and a signature."""

from __future__ import annotations

import gc
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pypdf
from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration

from benchmarks.rivals.as_published import published
from benchmarks.timing import Comparison, Row, interleaved, seconds, within
from reports.documents import pdf, signing
from reports.documents.building import build
from reports.documents.press_child import collect_between
from reports.documents.render import Sheet, laid_out, render
from reports.documents.snapshot import Record
from tests.documents.sample_snapshot import a_snapshot
from tests.documents.signing_authority import Signers

BARE_RATIO, LONG_S, LONG_MB, SIGNATURE_S = 1.1, 25.0, 500.0, 1.0
"""What may be taken at most: of bare WeasyPrint's time; by 100 pages, seconds and MB; by a signature, seconds."""
ROUNDS, LONG_RUNS = 9, 3


def measure() -> Iterator[Comparison]:
    """Yield the three comparisons, each with whether it is within its limit."""
    snapshot = a_snapshot()
    content = build(snapshot)
    sheet = laid_out(content, snapshot)
    with _collecting_between():
        rows = interleaved(
            {"bare WeasyPrint": lambda: bare(sheet), "Placet": lambda: render(content, snapshot)},
            rounds=ROUNDS,
            warm_up=1,
        )
    drawn = render(content, snapshot)
    yield Comparison(
        title="One technical documentation as PDF",
        setup=f"{pages_of(drawn)} pages; the same final HTML, fonts and charts; bare: no profile, tags or attachment; "
        f"both collect garbage between two, as the press does; {within(rows[1].ratio, BARE_RATIO, 'times')}",
        rows=rows,
        claim=f"A document as PDF/A-3a and PDF/UA-1 takes {rows[1].ratio:.2f} times bare WeasyPrint on the same HTML.",
    )
    yield _long(snapshot)
    yield _signature(drawn)


@contextmanager
def _collecting_between() -> Iterator[None]:
    """Collect as the press does, for both sides: where a search through a long document falls is chance, and it costs
    either side a tenth of its time.
    """
    collect_between()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def _long(snapshot: Record) -> Comparison:
    runs = sorted((_drawn_apart(snapshot) for _ in range(LONG_RUNS)), key=lambda found: found["wall_s"])
    found = runs[LONG_RUNS // 2]
    pages, peak = found["pages"], max(run["peak_mb"] for run in runs)
    row = Row(f"{pages} pages", found["wall_s"], 1.0, LONG_RUNS)
    return Comparison(
        title="A long technical documentation",
        setup=f"the sections of the sample several times over, in a process like the press's; peak {peak:.0f} MB; "
        f"{within(found['wall_s'], LONG_S, 's')}, {within(peak, LONG_MB, 'MB')}",
        rows=(row,),
        claim=f"{pages} pages take {seconds(found['wall_s'])} ({seconds(found['cpu_s'])} of CPU) and {peak:.0f} MB.",
    )


def _drawn_apart(snapshot: Record) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.long_document"],
        input=json.dumps(snapshot),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


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
        setup="P-256; the time-stamp authority is openssl on this machine, two processes a signature; "
        f"{within(rows[1].median_s, SIGNATURE_S, 's')}",
        rows=rows,
        claim=f"A PAdES B-LT signature takes {seconds(rows[1].median_s)}, {rows[1].ratio:.1f} times a B-B one.",
    )


def bare(sheet: Sheet) -> bytes:
    """Draw the same HTML with nothing of ours but the fetcher, which serves its pictures and fonts."""
    with published():
        return _bare(sheet)


def _bare(sheet: Sheet) -> bytes:
    fetcher = pdf.BundleFetcher(sheet.blobs)
    fonts = FontConfiguration()
    style = CSS(string=sheet.css, font_config=fonts, url_fetcher=fetcher, base_url="bundle:/")
    source = HTML(string=sheet.html, url_fetcher=fetcher, base_url="bundle:/")
    made: bytes = source.write_pdf(stylesheets=[style], font_config=fonts)
    return made


def pages_of(made: bytes) -> int:
    """Return how many pages a PDF has."""
    return len(pypdf.PdfReader(io.BytesIO(made)).pages)
