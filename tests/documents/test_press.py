"""The child that draws: its limits, and what it cannot reach."""

import io
import json
import os
import signal
import subprocess
import sys
import unicodedata
from hashlib import sha256
from pathlib import Path

import page
import pypdf
import pytest

from reports.documents import glyphs
from reports.documents.building import build
from reports.documents.press import DrawingFailed, Press
from reports.documents.render import render
from reports.documents.snapshot import SnapshotInvalid
from tests.documents.sample_snapshot import a_bare_snapshot, a_snapshot
from tests.proving import PROVE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:unclosed file.*sRGB2014:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*sRGB2014:pytest.PytestUnraisableExceptionWarning"),
]


def bare() -> tuple:
    snapshot = a_bare_snapshot()
    return build(snapshot), snapshot


def peak_mb(pid) -> float:
    return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


def flat(pdf: bytes) -> str:
    return "".join("".join(sheet.extract_text() for sheet in pypdf.PdfReader(io.BytesIO(pdf)).pages).split())


def test_a_megabyte_in_one_field_is_cut_and_says_so(press):
    _, snapshot = bare()
    snapshot["system"] |= {"purpose": "x" * 1_000_000, "name": "y" * 1_000_000}
    pdf = press.render(build(snapshot), snapshot)
    text = flat(pdf)
    assert "[cuthere:thewholetext,1,000,000characters,isinevidence.json]" in text
    (attached,) = pypdf.PdfReader(io.BytesIO(pdf)).attachments["evidence.json"]
    assert json.loads(attached)["system"]["purpose"] == "x" * 1_000_000


def test_the_child_draws_the_same_bytes_as_this_process_whatever_the_order_of_the_keys(press):
    content, snapshot = bare()
    turned = dict(reversed(list(snapshot.items())))
    assert press.render(content, snapshot) == render(content, snapshot) == render(build(turned), turned)


def test_progress_is_told_page_by_page(press):
    said: list[str] = []
    press.render(*bare(), said.append)
    assert "laying out page 1" in said
    assert said[-1] == "writing the file"


def test_the_child_holds_no_secret_and_can_open_no_socket(monkeypatch):
    monkeypatch.setenv("PLACET_SECRET_KEY", "very-secret")
    press = Press()
    try:
        press.libraries()
        status = Path(f"/proc/{press.pid}/status").read_text()
        assert b"very-secret" not in Path(f"/proc/{press.pid}/environ").read_bytes()
        assert "Seccomp:\t2" in status, "the filter that refuses socket()"
        assert "NoNewPrivs:\t1" in status
    finally:
        press.close()


def test_a_child_is_used_again_and_replaced_after_its_share_of_documents():
    press = Press(documents=2)
    try:
        pids = []
        for _ in range(3):
            press.libraries()
            pids.append(press.pid)
        assert pids[0] is not None
        assert pids[1] is None, "the second was its last"
        assert pids[2] not in (None, pids[0])
    finally:
        press.close()


def test_a_document_that_takes_too_long_is_ended_and_the_next_one_is_drawn():
    press = Press(time_limit_s=60)
    try:
        press.libraries()
        press.time_limit_s = 0.05
        with pytest.raises(DrawingFailed, match=r"not drawn within 0\.05 s"):
            press.render(*bare())
        assert press.pid is None
        press.time_limit_s = 60
        assert press.libraries()["weasyprint"]
    finally:
        press.close()


@pytest.mark.skipif(not PROVE, reason="PLACET_PROVE: takes most of a minute")
def test_a_hundred_pages_are_drawn_in_half_a_gigabyte():
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.long_document"]
    done = subprocess.run(command, input=json.dumps(a_snapshot()), stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["pages"] >= 100
    assert found["peak_mb"] / found["pages"] * 100 <= 500


def test_a_page_takes_four_megabytes_of_the_child_and_no_more():
    press = Press()
    try:
        press.libraries()
        before = peak_mb(press.pid)
        snapshot = a_snapshot()
        pages = len(pypdf.PdfReader(io.BytesIO(press.render(build(snapshot), snapshot))).pages)
        assert before <= 100
        assert (peak_mb(press.pid) - before) / pages <= 5.0
    finally:
        press.close()


def test_a_document_that_needs_too_much_memory_is_refused_in_words():
    press = Press(memory_mb=300)
    try:
        _, snapshot = bare()
        snapshot["system"]["purpose"] = "x" * 80_000_000
        with pytest.raises(DrawingFailed):
            press.render(build(snapshot), snapshot)
        assert press.libraries()["weasyprint"]
    finally:
        press.close()


def test_a_child_that_dies_fails_its_document_alone():
    press = Press()
    try:
        press.libraries()
        assert press.pid
        os.kill(press.pid, signal.SIGKILL)
        with pytest.raises(DrawingFailed, match="Ask again"):
            press.render(*bare())
        assert press.libraries()["weasyprint"]
    finally:
        press.close()


def test_what_the_child_refuses_is_told_by_its_name(press):
    content, snapshot = bare()
    with pytest.raises(SnapshotInvalid, match="another snapshot"):
        press.render(content, snapshot | {"sample": not snapshot.get("sample")})


def test_every_character_has_a_glyph_or_its_number():
    assert glyphs.legible("Łódź δ Ж ≥ → 漢字") == "Łódź δ Ж ≥ → 漢字"
    assert glyphs.legible("a\u202eb\U0001f600\U0001f601c\x00") == "aU+202EbU+1F600 U+1F601cU+0000"
    assert glyphs.fallback(["Łódź δ"]) is None
    assert glyphs.fallback(["漢", "字"]) == glyphs.fallback(["字漢 plain"])


# Scripts that are read from right to left


def test_the_fonts_are_those_that_were_looked_at():
    fonts = Path(glyphs.__file__).with_name("fonts")
    stated = dict(reversed(line.split("  ")) for line in (fonts / "SHA256SUMS").read_text().splitlines())
    found = {
        path.name: sha256(path.read_bytes()).hexdigest() for path in fonts.iterdir() if path.suffix in {".ttf", ".txt"}
    }
    assert found == stated


def test_hebrew_and_arabic_are_printed_and_their_marks_are_written_as_numbers():
    assert glyphs.legible("שלום مرحبا ۱۲") == "שלום مرحبا ۱۲"
    assert glyphs.legible("שָׁ") == "שU+05B8 U+05C1"
    joined = "\N{ARABIC LETTER MEEM}\u200c\N{ARABIC LETTER KHAH}"
    assert glyphs.legible(joined) == joined, "a joiner inside a word decides its forms"
    assert glyphs.legible("a\u200cb م\u200f") == "aU+200Cb مU+200F"


def test_a_right_to_left_name_stands_by_itself():
    isolated = glyphs.isolated
    assert isolated("<body><p>The system שלום 2 of 3</p>") == (
        '<body><p>The system <bdi dir="rtl">שלום</bdi> 2 of 3</p>'
    )
    whole = "<body><p>ניקוד אשראי (2) ל&quot;צרכנים&quot; AI.</p>"
    assert isolated(whole) == f'<body><p><bdi dir="rtl">{whole[9:-4]}</bdi></p>'
    quoted = "<body><p>We use the system ניקוד של צה&quot;ל 7 מאי for this.</p>"
    assert isolated(quoted).count("<bdi") == 1
    assert isolated('<head><title>שלום</title><body data-title="שלום">x</body>') == (
        '<head><title>שלום</title><body data-title="שלום">x</body>'
    )
    assert isolated("<body><p>&lt;b&gt;שלום&lt;/b&gt; Latin</p>") == (
        '<body><p>&lt;b&gt;<bdi dir="rtl">שלום</bdi>&lt;/b&gt; Latin</p>'
    )


def test_right_to_left_words_are_drawn_embedded_extractable_and_in_place(press, tmp_path):
    _, snapshot = bare()
    snapshot["system"] |= {
        "name": "ניקוד אשראי",
        "purpose": "Before نظام تقييم الائتمان 7 and after; ניקוד 8 of 9.",
        "recorded_by_role": "owner",
        "recorded_at": "2026-11-23T08:00:00Z",
    }
    path = tmp_path / "right.pdf"
    path.write_bytes(press.render(build(snapshot), snapshot))
    for profile in ("3a", "ua1"):
        assert [failure.message for failure in page.validate_pdf(str(path), profile=profile).failures] == []
    fonts = subprocess.run(["pdffonts", path], capture_output=True, text=True).stdout.splitlines()[2:]
    assert {name for name in ("Hebrew", "Arabic") if any(name in line for line in fonts)} == {"Hebrew", "Arabic"}
    assert all(line.split()[-5:-2] == ["yes", "yes", "yes"] for line in fonts), fonts
    # Poppler turns the two letters of the one glyph for lam and alef round, so pypdf reads the Arabic.
    plain = " ".join(" ".join(sheet.extract_text() for sheet in pypdf.PdfReader(path).pages).split())
    assert "Before نظام تقييم الائتمان 7 and after; ניקוד 8 of 9." in plain
    said = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True).stdout
    seen = "".join(letter for letter in said if unicodedata.category(letter) != "Cf")
    assert "ניקוד אשראי" in seen
    (line,) = [line for line in seen.splitlines() if "Before" in line]
    places = [line.index(part) for part in ("Before", "نظام", "7 and after;", "ניקוד", "8 of 9.")]
    assert places == sorted(places), line
