"""A signed file is still PDF/A-3a and PDF/UA-1, other programs call it valid, and one changed byte does not pass."""

import io
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import page
import pytest
from asn1crypto import pem
from pyhanko.pdf_utils.generic import StreamObject
from pyhanko.pdf_utils.reader import PdfFileReader

from reports.documents import signing
from reports.documents.building import build
from reports.documents.render import render
from tests.documents.sample_snapshot import a_bare_snapshot
from tests.documents.signature_checks import flipped, pdfsig, pyhanko
from tests.documents.signing_authority import Signers

SOFTHSM = next(
    (
        str(path)
        for folder in ("/usr/lib/softhsm", "/usr/lib64/softhsm", "/usr/lib/x86_64-linux-gnu/softhsm")
        if (path := Path(folder) / "libsofthsm2.so").exists()
    ),
    "",
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:unclosed file.*sRGB2014:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*sRGB2014:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def pages() -> bytes:
    snapshot = a_bare_snapshot()
    return render(build(snapshot), snapshot)


@pytest.fixture(scope="module")
def signed(signers, pages) -> dict[str, bytes]:
    with signers.serving() as identity:
        stamped = signing.sign(pages, identity)
    assert stamped.time_stamp_ends_at
    return {"B-B": signing.sign(pages, signers.identity()).pdf, "B-LT": stamped.pdf}


@contextmanager
def lists_served_from(folder: Path, asked: list[str]) -> Iterator[str]:
    """Serve the revocation lists of the signers that are made in ``folder / "fetched"``, and note what is asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = pem.unarmor((folder / "fetched" / Path(self.path).name).read_bytes())[2]
            self.send_response(200)
            self.send_header("Content-Type", "application/pkix-crl")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("level", ["B-B", "B-LT"])
def test_the_signature_is_added_behind_the_pages_and_keeps_both_profiles(signed, pages, level, tmp_path):
    assert signed[level].startswith(pages), "so the digest of a second rendering is that of its beginning"
    path = tmp_path / "signed.pdf"
    path.write_bytes(signed[level])
    for profile in ("3a", "ua1"):
        report = page.validate_pdf(str(path), profile=profile)
        assert [failure.message for failure in report.failures] == []
        assert report.rules.passed == report.rules.total
    checked = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    fonts = subprocess.run(["pdffonts", path], capture_output=True, text=True).stdout.splitlines()[2:]
    assert fonts
    assert all(line.split()[-5:-2] == ["yes", "yes", "yes"] for line in fonts), fonts


def test_a_revocation_list_may_end_in_a_carriage_return(pages, tmp_path):
    path, added = tmp_path / "added.pdf", signing.Addition(io.BytesIO(pages))
    added.root["/Extra"] = added.add_object(StreamObject(stream_data=b"a list\r"))
    added.update_root()
    with path.open("wb") as file:
        added.write(file)
    assert not page.validate_pdf(str(path), profile="3a").failures
    assert PdfFileReader(io.BytesIO(path.read_bytes())).root["/Extra"].data == b"a list\r"


@pytest.mark.parametrize("level", ["B-B", "B-LT"])
def test_poppler_calls_it_valid_and_one_flipped_byte_invalid(signed, pages, level, tmp_path):
    said = pdfsig(signed[level], tmp_path)
    assert "Signature is Valid." in said
    assert "Total document signed" in said
    assert "ETSI.CAdES.detached" in said
    assert "Digest Mismatch" in pdfsig(flipped(signed[level], len(pages) // 2), tmp_path)


@pytest.mark.parametrize("level", ["B-B", "B-LT"])
def test_pyhanko_finds_all_that_it_needs_in_the_file_alone_and_sees_a_flipped_byte(signed, signers, pages, level):
    status = pyhanko(signed[level], signers, level=level)
    assert status.bottom_line
    if level == "B-LT":
        assert status.timestamp_validity
        assert status.timestamp_validity.trusted
    spoilt = pyhanko(flipped(signed[level], len(pages) // 2), signers, level=level)
    assert not spoilt.intact
    assert not spoilt.bottom_line


def test_a_key_that_never_leaves_its_token_signs_too(signers, pages, tmp_path, monkeypatch):
    monkeypatch.setenv("SOFTHSM2_CONF", str(signers.folder / "softhsm.conf"))
    uri = signers.in_softhsm(SOFTHSM)
    pdf = signing.sign(pages, signers.identity(key=uri)).pdf
    assert "Signature is Valid." in pdfsig(pdf, tmp_path)
    (signers.folder / "pin").write_text("9999\n")
    with pytest.raises(signing.SigningFailed, match="token placet of the documents' key does not open"):
        signing.sign(pages, signers.identity(key=uri))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"key": "/nowhere/key.pem"}, "key of the documents can't be read"),
        ({"certificate_file": "/nowhere/chain.pem"}, "certificates in /nowhere/chain.pem can't be read"),
        ({"key": "pkcs11:token=placet"}, "write pkcs11:token=NAME;object=LABEL"),
        ({"authority": "http://127.0.0.1:9/tsr"}, "time-stamp authority"),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(signers, pages, change, says):
    with pytest.raises(signing.SigningFailed, match=says):
        signing.sign(pages, replace(signers.identity(), **change))


def test_a_revoked_certificate_signs_nothing_that_needs_its_revocation_list(pages, tmp_path):
    revoked = Signers.made_in(tmp_path / "revoked", revoked=True)
    with revoked.serving() as identity, pytest.raises(signing.SigningFailed, match=r"(?i)revoked"):
        signing.sign(pages, identity)


def test_revocation_lists_are_fetched_from_where_the_certificates_say(pages, tmp_path):
    asked: list[str] = []
    with lists_served_from(tmp_path, asked) as url:
        signers = Signers.made_in(tmp_path / "fetched", crl_url=f"{url}/root.crl")
        with signers.serving() as identity:
            theirs = (str(signers.folder / "tsa.crl"),)  # the other authority names no address
            with pytest.raises(signing.SigningFailed):
                signing.sign(pages, replace(identity, crl_files=theirs))
            assert asked == []
            signed = signing.sign(pages, replace(identity, crl_files=theirs, fetch=True)).pdf
    assert "/root.crl" in asked
    assert "Signature is Valid." in pdfsig(signed, tmp_path)


def test_a_certificate_on_a_fetched_list_signs_nothing(pages, tmp_path):
    asked: list[str] = []
    with lists_served_from(tmp_path, asked) as url:
        signers = Signers.made_in(tmp_path / "fetched", revoked=True, crl_url=f"{url}/root.crl")
        with signers.serving() as identity, pytest.raises(signing.SigningFailed, match=r"(?i)revoked"):
            signing.sign(pages, replace(identity, crl_files=(str(signers.folder / "tsa.crl"),), fetch=True))
    assert "/root.crl" in asked


def test_the_cover_says_how_the_file_is_signed(signers):
    snapshot = a_bare_snapshot()
    assert build(snapshot).signature == "Not signed."
    assert build(snapshot | {"signature": signing.describe(signers.identity())}).signature == (
        "Signed with the certificate of Example Bank model governance (PAdES B-B). No time-stamp authority is set up: "
        "when it was signed is known from this system and its log only."
    )
    described = signing.describe(signers.identity(authority="https://user:secret@tsa.example/tsr?token=1"))
    said = build(snapshot | {"signature": described}).signature
    assert said.endswith("(PAdES B-LT), time-stamped by https://tsa.example/tsr.")


def test_the_tools_that_the_tests_ask_are_installed():
    assert [tool for tool in ("qpdf", "pdfsig", "pdffonts", "softhsm2-util") if not shutil.which(tool)] == []
    assert SOFTHSM
