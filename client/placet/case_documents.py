"""What the documents of a case must say: each snapshot, PDF, signature and later time-stamp against the log's entries.

A document is a PDF, whose bytes the log names, and the snapshot of facts that it was made from. The pages themselves
are not read: that they print what the snapshot says, only a second rendering shows. What is checked is that the file
carries that very snapshot, and that its measurements are those of the evidence that it cites.
"""

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from hashlib import sha256, sha512
from itertools import islice
from typing import Any, NamedTuple, Protocol

from placet.case_files import paper_name
from placet.verify import parse_time

Entry = Mapping[str, Any]
_EMBEDDED = re.compile(rb"/Type\s*/EmbeddedFile\b")
_LENGTH = re.compile(rb"/Length (\d{1,12})\b")
_END = re.compile(rb"%%EOF\r?\n?")
_DRAWN_ANEW = frozenset({"document", "environment", "signature", "signatory"})
"""Parts of a snapshot in which a signed document and the draft that its signatory read differ."""
STAMPS = (
    "Time-stamps of documents cover the files here. That an authority which you trust gave them, openssl says: "
    "openssl ts -verify -token_in -in FILE.tst -digest IMPRINT -CAfile roots.pem, with the imprint of its entry."
)


class Box(Protocol):
    """Where members are read from; ``placet.case.Members``."""

    def __contains__(self, name: str) -> bool: ...
    def read(self, name: str) -> bytes: ...


class Found(Protocol):
    """Where findings go; ``placet.case.Findings``."""

    notes: list[str]

    def add(self, part: str, message: str, *, file: str | None = None, index: int | None = None) -> None: ...
    def about(self, file: str, part: str = "integrity", index: int | None = None) -> AbstractContextManager[None]: ...


class Told(NamedTuple):
    """What one entry says: its index, when, who, and its data."""

    index: int
    at: str
    actor: str
    data: Mapping[str, Any]


class Documents:
    """The documents of one case.

    Args:
        entries: by index, those that were proved to be in the log.
        attached: evidence by the key of its row: the index of the entry that attaches it, and what that says.
    """

    def __init__(
        self, box: Box, entries: Mapping[int, Entry], attached: Mapping[str, tuple[int, Any]], found: Found
    ) -> None:
        self.box, self.found, self.attached = box, found, attached
        self.built, self.signed = dict[str, Told](), dict[str, Told]()
        self.stamps: dict[str, list[Told]] = {}
        for index, entry in sorted(entries.items()):
            told = Told(index, str(entry["at"]), str(entry["actor"]), entry["data"])
            if entry["event"] == "document.built":
                for row in entry["subjects"]:
                    self.built.setdefault(str(row.get("key")), told)
            elif entry["event"] == "document.signed":
                self.signed.setdefault(str(told.data.get("document")), told)
            elif entry["event"] == "document.time_stamped":
                self.stamps.setdefault(str(told.data.get("document")), []).append(told)

    def check(self) -> None:
        """Check every document; what is left out of the case is passed over here."""
        for told in self.built.values():
            with self.found.about(f"Entry {told.index}", index=told.index):
                self._document(told)
        for document, told in self.signed.items():
            with self.found.about(f"Entry {told.index}", index=told.index):
                self._draft(document, told)
        for document, stamps in self.stamps.items():
            with self.found.about(f"Entry {stamps[-1].index}", index=stamps[-1].index):
                self._stamped(document, stamps)
        if self.stamps:
            self.found.notes.append(STAMPS)

    def _document(self, told: Told) -> None:
        snapshot, pdf = _names(told.data)
        if snapshot in self.box:
            with self.found.about(snapshot, index=told.index):
                self._snapshot(snapshot, told)
        if pdf in self.box:
            with self.found.about(pdf, index=told.index):
                self._file(self.box.read(pdf), snapshot, told)

    def _snapshot(self, name: str, told: Told) -> None:
        """Check that a snapshot says of itself what its entry says, and that it cites evidence as it was attached."""
        said, data = json.loads(self.box.read(name)), told.data
        for what, ours, theirs in _pairs(said, data):
            if ours != theirs:
                raise ValueError(f"it says another {what} than its entry")
        for row in said.get("evidence") or ():
            self._cited(name, told, row)
        if signatory := said.get("signatory"):
            self._signatory(name, told, said, signatory)

    def _cited(self, name: str, told: Told, row: Mapping[str, Any]) -> None:
        """Check evidence that a document cites: attached before it, with this digest, and saying what it prints."""
        about = f"the {row.get('type')} evidence {str(row.get('id'))[:8]}"
        at, said = self.attached.get(str(row.get("id")), (-1, {}))
        if at < 0:
            self.found.add("completeness", f"{name}: no entry of the case attaches {about} that it cites.", file=name)
            return
        if at >= told.index:
            raise ValueError(f"it cites {about}, which was attached after it was made")
        if (said["type"], said["payload_digest"]) != (row["type"], row["payload_digest"]):
            raise ValueError(f"it cites {about} otherwise than entry {at} attaches it")
        kept = paper_name("evidence", said["payload_digest"], ".json")
        if kept in self.box and json.loads(self.box.read(kept)) != row["payload"]:
            raise ValueError(f"it prints {about} otherwise than it was measured")

    def _signatory(self, name: str, told: Told, said: Mapping[str, Any], signatory: Mapping[str, Any]) -> None:
        """Check that the log tells of the signature that a document prints, under the draft that it was drawn from."""
        signed = self.signed.get(str(signatory["draft"]))
        if signed is None:
            what = "no entry of the case tells of the signature that it prints"
            self.found.add("completeness", f"{name}: {what}.", file=name)
            return
        ours = signatory["draft_digest"], signatory["personal_data"], parse_time(signatory["at"]) <= parse_time(told.at)
        if signed.index >= told.index or ours != (signed.data["pdf"], signed.data["personal_data"], True):
            raise ValueError(f"it prints another signature than entry {signed.index} tells of")
        draft, _ = _names(signed.data)
        if draft not in self.box:
            return
        read = json.loads(self.box.read(draft))
        odd = sorted(part for part in {*said, *read} - _DRAWN_ANEW if said.get(part) != read.get(part))
        if odd:
            raise ValueError(f"its {odd[0]} is not what its signatory read in the draft")

    def _draft(self, document: str, told: Told) -> None:
        """Check that what somebody signed is a document of which the log tells."""
        built = self.built.get(document)
        if built is None:
            self.found.add("completeness", f"Entry {told.index}: the draft that was signed is not in the case.")
        elif any(built.data[name] != told.data[name] for name in ("pdf", "snapshot", "kind")):
            raise ValueError(f"it signs another document than entry {built.index} names")

    def _file(self, pdf: bytes, snapshot: str, told: Told) -> None:
        """Check that a PDF begins with the pages that its entry names, and carries the snapshot and nothing else."""
        unsigned = told.data["unsigned"]
        if not any("sha256:" + sha256(pdf[:end]).hexdigest() == unsigned for end in _ends(pdf)):
            raise ValueError("it does not begin with the pages that its entry names")
        if snapshot in self.box:
            ours = self.box.read(snapshot)
            carried = [*islice(_embedded(pdf, len(ours)), 2)]  # one too many is enough
            if carried != [ours]:
                what = "carries no snapshot" if not carried else "carries another snapshot than the one beside it"
                raise ValueError(f"the file {what}")

    def _stamped(self, document: str, stamps: list[Told]) -> None:
        """Check that each later time-stamp covers the file and every stamp before it."""
        built, last = self.built.get(document), stamps[-1].index
        if built is None:
            said = f"Entry {last}: the document that was time-stamped is not in the case."
            self.found.add("completeness", said, index=last)
            return
        _, pdf = _names(built.data)
        if pdf not in self.box:
            return
        covered, until = sha512(self.box.read(pdf)), ""
        for number, told in enumerate(sorted(stamps, key=lambda one: int(one.data["number"])), start=1):
            token = paper_name("documents", told.data["token"], ".tst")
            with self.found.about(token if token in self.box else f"Entry {told.index}", index=told.index):
                if told.data["number"] != number:
                    message = f"Entry {told.index}: the time-stamp {number} of the document is not in the case."
                    self.found.add("completeness", message, index=told.index)
                    return
                if told.data["imprint"] != f"sha512:{covered.hexdigest()}":
                    raise ValueError("it does not cover the file and the time-stamps before it")
                if token not in self.box:
                    return
                content = self.box.read(token)
                if imprint_of(content) != covered.digest():
                    raise ValueError("the token is over something else than its entry says")
                covered.update(content)
            if until and parse_time(told.at) > parse_time(until):
                self.found.notes.append(
                    f"{token}: the time-stamp before it had ended, so that nothing proves the document in between."
                )
            until = str(told.data["ends_at"])


def _names(data: Mapping[str, Any]) -> tuple[str, str]:
    """Return where the snapshot and the PDF that an entry names stand."""
    return paper_name("documents", data["snapshot"], ".json"), paper_name("documents", data["pdf"], ".pdf")


def _pairs(said: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield what a snapshot and its entry both say."""
    model, law, signature = said.get("model") or {}, said.get("law"), said.get("signature") or {}
    version = f"{model['name']}/{model['version']}" if {"name", "version"} <= model.keys() else None
    subject = data["subject"] or {}
    yield "kind", str(said["document"]["kind"]).replace("_", "-"), data["kind"]
    yield "version of the law", law["version"] if isinstance(law, dict) else "", data["law"]
    yield "model version", version, subject.get("name")
    yield "artifact", model.get("artifact_digest") if version else None, subject.get("digest")
    yield "level of signature", signature.get("level"), data["signature"]
    yield "certificate", signature.get("certificate"), data["certificate"]


def _ends(pdf: bytes) -> Iterator[int]:
    """Yield where a file may have ended before something was added to it: behind each end mark, and at its end."""
    yield len(pdf)
    for mark in islice(_END.finditer(pdf), 20):  # each costs a digest of what is before it
        yield from {mark.end(), mark.start() + 5}


def _embedded(pdf: bytes, most: int) -> Iterator[bytes]:
    """Yield the files that a PDF carries as Placet writes them, each up to a byte more than ``most``.

    Raises:
        ValueError: one is written otherwise.
    """
    for mark in _EMBEDDED.finditer(pdf):
        begins, at = pdf.rfind(b" obj", 0, mark.start()), pdf.find(b"stream", mark.end())
        head = pdf[begins:at]
        lengths = _LENGTH.findall(head)
        if min(begins, at) < 0 or len(lengths) != 1:
            raise ValueError("a file that it carries can't be read")
        start = at + 6 + (2 if pdf[at + 6 : at + 8] == b"\r\n" else 1)
        body = pdf[start : start + int(lengths[0])]
        try:
            yield zlib.decompressobj().decompress(body, most + 1) if b"/FlateDecode" in head else body
        except zlib.error:
            raise ValueError("a file that it carries can't be unpacked") from None


def imprint_of(token: bytes) -> bytes:
    """Return the digest that an RFC 3161 time-stamp token covers. Its signature is not checked.

    Raises:
        ValueError: it is no such token.
    """
    content = _path(token, 0x30, 1, 0xA0, 0, 0x30, 2, 0x30, 1, 0xA0, 0, 0x04)
    return _path(content, 0x30, 2, 0x30, 1, 0x04)


def _path(data: bytes, first: int, *steps: int) -> bytes:
    """Return the content of a DER value inside others: tag of the outermost, then index and tag, inwards."""
    body = _items(data, first)[0][1]
    for place, tag in zip(steps[::2], steps[1::2], strict=True):
        items = _items(body)
        if place >= len(items) or items[place][0] != tag:
            raise ValueError("it is no time-stamp token")
        body = items[place][1]
    return body


def _items(data: bytes, only: int | None = None) -> list[tuple[int, bytes]]:
    """Return the DER values that bytes consist of, as tag and content; with ``only``, one of that tag alone."""
    found, at = list[tuple[int, bytes]](), 0
    while at < len(data):
        tag, size, at = data[at], data[at + 1] if at + 1 < len(data) else 0, at + 2
        if size & 0x80:
            width = size & 0x7F
            if not 0 < width <= 4:
                raise ValueError("it is no time-stamp token")
            size, at = int.from_bytes(data[at : at + width]), at + width
        if at + size > len(data):
            raise ValueError("it is no time-stamp token")
        found.append((tag, data[at : at + size]))
        at += size
    if only is not None and [tag for tag, _ in found] != [only]:
        raise ValueError("it is no time-stamp token")
    return found
