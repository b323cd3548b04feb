"""The child that draws: its limits, and what it cannot reach."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

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
