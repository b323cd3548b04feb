"""Read a PDF that somebody handed in: ``python -m reports.documents.checking``, in a process of its own.

A stranger's file can be made to keep a reader busy for ever or to break it: so it is read here, with no secret, no
socket, little memory and little time, and what is found is written as soon as it is found. Standard input: one frame
with the settings as JSON (roots, and the later time-stamps of the file as it was made), one with the file, and one with
the file as it was made, empty if it is not known.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from asn1crypto import cms, pem, tsp, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature, async_validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from reports.documents import tokens
from reports.documents.frames import DONE, FAILED, PROGRESS, read_frame, write_frame
from reports.documents.press_child import shut_in

MOST_SIGNATURES = 5
MOST_CHANGES = 40
MEMORY_MB = 1024
_OBJECT = re.compile(rb"(?:^|[\r\n])(\d{1,9}) 0 obj\b")
_TYPE = re.compile(rb"/Type\s*(/\w+)")
_KINDS = {
    "/Metadata": "the document's metadata",
    "/EmbeddedFile": "the attached evidence.json",
    "/ObjStm": "how the pages hang together, or their reading order",
    "/XRef": "the file's index",
    "/Sig": "the signature",
}


def signatures_of(
    reader: PdfFileReader, roots: list[x509.Certificate], loop: asyncio.AbstractEventLoop
) -> Iterator[dict[str, Any]]:
    """Yield what each signature is worth, at most ``MOST_SIGNATURES``.

    Each: ``signer``, ``certificate`` (sha256), ``level``, ``intact``, ``whole`` (nothing was added after it),
    ``trusted`` (None without roots), ``valid`` (all of them), ``signed_at``, ``stamped`` (a time-stamp says
    so), ``why`` (what is wrong, empty for nothing).
    """
    for signature in reader.embedded_signatures[:MOST_SIGNATURES]:
        try:
            yield _judged(reader, signature, roots, loop)
        except Exception as error:  # noqa: BLE001 (a stranger's file can fail in any way)
            yield {"valid": False, "intact": False, "why": f"It can't be read ({type(error).__name__})."}


def _judged(
    reader: PdfFileReader,
    signature: EmbeddedPdfSignature,
    roots: list[x509.Certificate],
    loop: asyncio.AbstractEventLoop,
) -> dict[str, Any]:
    stamped_at = _stamped_at(signature)
    given: dict[str, Any] = {"trust_roots": roots, "allow_fetching": False}
    if stamped_at is not None:  # judged as of then: a certificate may have ended since
        given |= {"moment": stamped_at, "retroactive_revinfo": True}
    store = DocumentSecurityStore.read_dss(reader) if "/DSS" in reader.root else None

    given["revocation_mode"] = "require" if store else "soft-fail"

    def made() -> ValidationContext:
        return store.as_validation_context(dict(given)) if store else ValidationContext(**given)

    # Without an analysis of later revisions, which can take for ever: a file that has any is not whole anyway.
    status = loop.run_until_complete(async_validate_pdf_signature(signature, made(), made(), skip_diff=True))
    stamp = status.timestamp_validity
    whole = status.coverage == SignatureCoverageLevel.ENTIRE_FILE
    trusted = bool(status.trusted and (stamp is None or (stamp.trusted and stamp.intact)))
    certificate = status.signing_cert
    found = {
        "signer": str(certificate.subject.native.get("common_name") or certificate.subject.human_friendly)[:200],
        "certificate": f"sha256:{certificate.sha256.hex()}",
        "level": "B-LT" if stamp is not None and store else "B-T" if stamp is not None else "B-B",
        "intact": bool(status.intact and status.valid),
        "whole": whole,
        "trusted": trusted if roots else None,
        "revoked": bool(status.revoked),
        "signed_at": _iso(stamped_at or status.signer_reported_dt),
        "stamped": stamped_at is not None,
    }
    return found | {"valid": found["intact"] and whole and trusted, "why": _why(found, roots)}


def _why(found: dict[str, Any], roots: list[x509.Certificate]) -> str:
    if not found["intact"]:
        return "The signed bytes were changed after the signature, or the signature is not by this certificate."
    if not found["whole"]:
        return "Bytes were added to the file after the signature."
    if found["revoked"]:
        return "The certificate was revoked."
    if not roots:
        return "No roots are set here (PLACET_DOCUMENT_TRUST_FILE), so nobody says whose certificate it is."
    if not found["trusted"]:
        return "The certificate, or that of the time-stamp, does not lead to a root that is trusted here."
    return ""


def stamps_of(
    stamps: Sequence[Mapping[str, Any]], roots: list[x509.Certificate], loop: asyncio.AbstractEventLoop
) -> Iterator[str | None]:
    """Yield for each later time-stamp why it does not hold, judged as of when it was made.

    Empty where it holds; None where its signature fits, and no roots say whose it is.

    Args:
        stamps: each with ``imprint`` (SHA-512 in hexadecimal) and ``token`` (base64).
    """
    for stamp in stamps:
        try:
            token = cms.ContentInfo.load(base64.b64decode(stamp["token"]), strict=True)
            made = ValidationContext(
                trust_roots=roots,
                allow_fetching=False,
                moment=tokens.info_of(token)["gen_time"].native,
                revocation_mode="soft-fail",
            )
            status = loop.run_until_complete(tokens.judge(token, bytes.fromhex(stamp["imprint"]), made))
        except Exception as error:  # noqa: BLE001 (bytes that were changed can fail in any way)
            yield f"It can't be read ({type(error).__name__})."
            continue
        if not (status.intact and status.valid):
            yield "It does not cover the file and the time-stamps before it."
        elif not roots:
            yield None
        else:
            yield "" if status.trusted else "Its certificate does not lead to a root that is trusted here."


def _stamped_at(signature: EmbeddedPdfSignature) -> datetime | None:
    for attribute in signature.signer_info["unsigned_attrs"] or ():
        if attribute["type"].native == "signature_time_stamp_token":
            info = attribute["values"][0]["content"]["encap_content_info"]["content"].parsed
            at: datetime | None = info["gen_time"].native if isinstance(info, tsp.TSTInfo) else None
            return at
    return None


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def changes(ours: bytes, theirs: bytes) -> list[str]:
    """Return which parts of our file another file has otherwise, as people call them, at most ``MOST_CHANGES``.

    Streams are told apart by their marks in the bytes; the other file is never parsed for it.
    """
    mine, other = _objects(ours), _objects(theirs)
    pages = _contents(PdfFileReader(io.BytesIO(ours)))
    found: dict[str, None] = {}
    for number in sorted({*mine, *other}):
        if mine.get(number) == other.get(number):
            continue
        if number not in mine:
            said = "an object that our file does not have"
        else:
            said = pages.get(number) or _kind(mine[number])
            said += "" if number in other else " (left out)"
        found[said] = None
        if len(found) == MOST_CHANGES:
            break
    return list(found)


def _objects(pdf: bytes) -> dict[int, bytes]:
    """Return the bytes of each object by its number; of one that was written again, the last."""
    marks = [(int(match[1]), match.end()) for match in _OBJECT.finditer(pdf)]
    ends = [end for _, end in marks[1:]] + [len(pdf)]
    return {
        number: pdf[start : pdf.find(b"endobj", start, end)] for (number, start), end in zip(marks, ends, strict=True)
    }


def _contents(reader: PdfFileReader) -> dict[int, str]:
    """Return the stream of each page: object number -> what people call it."""
    found: dict[int, str] = {}
    waiting = [reader.root["/Pages"]]
    page = 0
    while waiting:
        node = waiting.pop(0)
        if "/Kids" in node:
            waiting = [kid.get_object() for kid in node["/Kids"]] + waiting
            continue
        page += 1
        content = node.raw_get("/Contents")
        if hasattr(content, "idnum"):
            found[content.idnum] = f"the content of page {page}"
    return found


def _kind(body: bytes) -> str:
    found = _TYPE.search(body[:2000])
    return _KINDS.get(found[1].decode() if found else "", "another part of the file")


def main() -> None:
    """Judge one file; write each finding as a frame of JSON as soon as it is there."""
    source, out = sys.stdin.buffer, sys.stdout.buffer
    frames = [read_frame(source) for _ in range(3)]
    asked, theirs, ours = (frame[1] if frame else b"" for frame in frames)
    settings = json.loads(asked)
    raw_roots = settings["roots"].encode()
    roots = [x509.Certificate.load(der) for _, _, der in pem.unarmor(raw_roots, multiple=True)] if raw_roots else []
    loop = asyncio.new_event_loop()  # it makes a pair of sockets, which nobody can from here on
    shut_in(MEMORY_MB)
    stamps = list(stamps_of(settings.get("stamps", ()), roots, loop))  # ours, so before what a stranger's file may take
    write_frame(out, PROGRESS, json.dumps({"stamps": stamps}).encode())
    try:
        reader = PdfFileReader(io.BytesIO(theirs), strict=False)
        head: dict[str, Any] = {"revisions": reader.total_revisions, "signatures": []}
    except (Exception, RecursionError) as error:  # noqa: BLE001
        write_frame(out, FAILED, f"The file can't be read as a PDF ({type(error).__name__}).".encode())
        return
    try:
        head["signatures"] = list(signatures_of(reader, roots, loop))
    except (Exception, RecursionError) as error:  # noqa: BLE001
        head["why"] = f"Its signatures can't be read ({type(error).__name__})."
    write_frame(out, PROGRESS, json.dumps(head).encode())
    if ours:
        try:
            said = changes(ours, theirs)
        except (Exception, RecursionError):  # noqa: BLE001
            said = ["so much that the file can't be held against ours"]
        write_frame(out, PROGRESS, json.dumps({"changes": said}).encode())
    write_frame(out, DONE, b"")
    loop.close()


if __name__ == "__main__":
    main()
