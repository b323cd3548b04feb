"""Say of a PDF that somebody hands in whether it is one of ours, what its signature is worth, and what was changed."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from django.conf import settings
from redis.exceptions import RedisError

from governance.accounts.models import User
from governance.common.counting import count
from governance.common.errors import Unknown
from governance.evidence import storage
from reports import kept, selectors
from reports.documents.frames import ASK, FAILED, PROGRESS, Torn, read_frame, write_frame
from reports.errors import TooManyChecks
from reports.models import Document, DocumentJob

TIME_LIMIT_S = 20.0
# How many files one person may have looked at, in how many seconds; and how many one process reads side by side, each
# with up to a gigabyte. Who comes meanwhile waits for as long as two files may take.
MOST_CHECKS, CHECKS_WITHIN_S = 20, 600
SIDE_BY_SIDE = 2
_room = threading.BoundedSemaphore(SIDE_BY_SIDE)
# A signed file has the first half of the snapshot's digest in the clear, and each file the document's id: as a keyword
# among its metadata, which PDF/A wants uncompressed.
_IDENTIFIER = re.compile(rb"/ID\s*\[\s*<([0-9a-fA-F]{32})>")
_KEYWORD = re.compile(rb"<pdf:Keywords>[^<]{0,300}?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_KEPT = ("PATH", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
Standing = Literal["ours", "unsigned", "evidence_changed", "altered", "unknown"]


@dataclass(frozen=True)
class Checked:
    """What was found out.

    Attributes:
        standing: ``ours`` byte for byte; ``unsigned``: the pages of one of ours without its signature;
            ``evidence_changed``: the bytes are ours or its pages, and what it was made from is not what it was;
            ``altered``: it says that it is one of ours and is not; ``unknown``: nothing of it is known here.
        document: which one, None for unknown or where the person may not read it.
        signatures: as :func:`reports.documents.checking.signatures_of` gives them.
        changes: what an altered file has otherwise, in words; and what the document was made from and is no longer
            what it was, for who may read the document.
        stamps: its later time-stamps, for who may read the document.
        newer: a later version of the same document that the person may read; None where it is the newest.
        signatory: who made its statement, and where the log says so, for who may read the document.
        problem: why the signatures could not be read, empty where they could.
    """

    digest: str
    size: int
    standing: Standing
    document: Document | None = None
    signatures: list[dict[str, Any]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    stamps: list[kept.Stamp] = field(default_factory=list)
    newer: Document | None = None
    signatory: kept.Signatory | None = None
    problem: str = ""


def check(pdf: bytes, person: User) -> Checked:
    """Look at a PDF. Takes up to ``TIME_LIMIT_S``; the file is parsed in a process of its own.

    Args:
        pdf: at most ``MAX_DOCUMENT_MB``, which the caller sees to.
        person: who asks; of a system out of their reach no more is said than that the file is ours.

    Raises:
        TooManyChecks: the person asked too often, or too many files are being read; ``retry_after`` says when to come.
    """
    with _place_for(person):
        return _checked(pdf, person)


@contextmanager
def _place_for(person: User) -> Iterator[None]:
    """Count the file for the person and hold a place for it.

    A cache that does not answer counts nothing: the places still bound what is read at a time.
    """
    key = f"document-check:{person.pk}"
    try:
        asked = count(key, CHECKS_WITHIN_S)
    except RedisError:
        asked = 1
    if asked > MOST_CHECKS:
        raise TooManyChecks(
            f"At most {MOST_CHECKS} files are checked for one person in {CHECKS_WITHIN_S // 60} minutes. "
            "Wait, then try again.",
            retry_after=CHECKS_WITHIN_S,
        )
    if not _room.acquire(timeout=2 * TIME_LIMIT_S):
        raise TooManyChecks("Other files are being checked. Try again in a minute.", retry_after=60)
    try:
        yield
    finally:
        _room.release()


def _checked(pdf: bytes, person: User) -> Checked:
    digest = "sha256:" + sha256(pdf).hexdigest()
    known, row = _standing(pdf, digest)
    original = b""
    changes: list[str] = []
    if known == "altered" and row is not None:
        try:
            original = storage.get(row.pdf_digest)
        except Unknown:
            changes = ["our own copy is missing, so nothing can be held against it"]
        else:
            changes = _differences(pdf, original, row)
    covered = kept.covered(row) if row is not None else []
    found = _read(pdf, original, [stamp.asked for stamp in covered if stamp.asked])
    changes += found.get("changes", [])
    moved = kept.changed(row) if row is not None else []
    if moved and known in {"ours", "unsigned"}:
        known = "evidence_changed"
    readable = row is not None and selectors.documents_for(person).filter(pk=row.pk).exists()
    if row is None or not readable:
        row, moved = None, []
    return Checked(
        digest=digest,
        size=len(pdf),
        standing=known,
        document=row,
        signatures=found.get("signatures", []),
        changes=changes + moved,
        stamps=kept.judged(covered, found.get("stamps")) if row else [],
        newer=kept.newer(row, person) if row else None,
        signatory=kept.signatory_of(row) if row else None,
        problem=found.get("why", ""),
    )


def _standing(pdf: bytes, digest: str) -> tuple[Standing, Document | None]:
    rows = Document.objects.select_related("system").defer("snapshot")
    if (row := rows.filter(pdf_digest=digest).first()) is not None:
        return "ours", row
    if (row := rows.filter(unsigned_digest=digest).first()) is not None:
        return "unsigned", row
    for identifier in dict.fromkeys(_IDENTIFIER.findall(pdf)[:10]):
        begins = f"sha256:{identifier.decode().lower()}"
        if (row := rows.filter(snapshot_digest__startswith=begins).first()) is not None:
            return "altered", row
    for keyword in dict.fromkeys(_KEYWORD.findall(pdf)[:10]):
        made = DocumentJob.objects.filter(pk=keyword.decode()).values("document")
        if (row := rows.filter(pk__in=made).first()) is not None:
            return "altered", row
    return "unknown", None


def _differences(pdf: bytes, original: bytes, row: Document) -> list[str]:
    """Say where two files differ, byte by byte."""
    common = min(len(pdf), len(original))
    if pdf[: row.unsigned_bytes] == original[: row.unsigned_bytes]:
        said = ["the pages are the ones that we made; what was added after them is not"]
    else:
        first = next((at for at in range(common) if pdf[at] != original[at]), common)
        said = [f"the first byte that differs is byte {first + 1:,} of {len(original):,}"]
    if len(pdf) != len(original):
        more = len(pdf) - len(original)
        said.append(f"the file is {abs(more):,} bytes {'longer' if more > 0 else 'shorter'} than ours")
    return said


def _read(pdf: bytes, original: bytes, stamps: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    asked = io.BytesIO()
    trust = settings.DOCUMENT_TRUST_FILE
    try:
        roots = Path(trust).read_text(encoding="ascii") if trust else ""
    except (OSError, ValueError):
        roots = ""
    for body in (json.dumps({"roots": roots, "stamps": [*stamps]}).encode(), pdf, original):
        write_frame(asked, ASK, body)
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "reports.documents.checking"],
            input=asked.getvalue(),
            capture_output=True,
            timeout=TIME_LIMIT_S,
            cwd=settings.BASE_DIR,
            env={name: os.environ[name] for name in _KEPT if name in os.environ},
            check=False,
        )
        said, late = done.stdout, False
    except subprocess.TimeoutExpired as ended:
        said, late = ended.stdout or b"", True
    return _found(io.BytesIO(said), late=late)


def _found(said: io.BytesIO, *, late: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    ended = False
    try:
        while (frame := read_frame(said)) is not None:
            kind, body = frame
            if kind == PROGRESS:
                found |= json.loads(body)
            else:
                ended = True
                found |= {"why": body.decode(errors="replace")} if kind == FAILED else {}
    except (Torn, ValueError):
        ended = False
    if not ended and "signatures" not in found:
        limit = f"within {TIME_LIMIT_S:g} s" if late else "within the memory that it is given"
        found["why"] = f"The file can't be read {limit}."
    elif not ended:
        found["changes"] = ["so much that the file can't be held against ours in time"]
    return found
