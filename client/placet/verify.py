"""Verify a Placet log offline: proofs, checkpoints and whole bundles.

This is the only verifier. It needs Python 3.11, its standard library and ``cryptography``, imports nothing else of
Placet, and can be copied and run alone: ``python verify.py bundle.zip [policy.txt] [seen.note ...]``.

What it answers, as three separate verdicts, each ``holds``, ``fails`` or ``not shown``:

* integrity: are these the bytes that the log's key signed?
* completeness: does the log account for everything that stands in the database's governed tables?
* anchoring: is this the log that somebody outside saw, in a checkpoint that you kept or that your witnesses cosigned?

Sources: RFC 9162 (tree), RFC 8785 (JSON), C2SP signed-note and tlog-{checkpoint,cosignature,policy,proof,tiles}.
Reading order: tree, notes, trust, container, entries, report, rules, bundle, command.
"""

import argparse
import base64
import hashlib
import json
import math
import os
import re
import sqlite3
import struct
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature as _BadSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_sha256 = hashlib.sha256
EMPTY_ROOT = _sha256(b"").digest()
FORMAT, TILE, MAX_ENTRY = "placet-bundle/1", 256, 65_535
_PIECE, _LARGE = 1 << 20, 64 << 20  # bytes: of one read and of a small file, of the longest JSON text
_FINDINGS = 100  # more of one kind are counted, not listed
_INTEGER = re.compile("-?[0-9]{1,16}")
_NUMBER = "(?:0|[1-9][0-9]{0,17})"
_NOTE = re.compile("([^\x00-\x09\x0b-\x1f]*\n)\n((?:\u2014 [^ \n]+ [^ \n]+\n)+)")
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


class InvalidProof(ValueError):
    """An inclusion or consistency proof does not prove what it should."""


class InvalidSignature(ValueError):
    """A note is malformed, or no trusted key signed it."""


class InvalidTrust(ValueError):
    """A trust file or verifier key cannot be read; the message says which line."""


def _need(fact: object, otherwise: ValueError) -> None:
    if not fact:
        raise otherwise


def leaf_hash(data: bytes) -> bytes:
    """Return SHA-256(0x00 || data), the hash of one entry's exact bytes (RFC 9162, 2.1.1)."""
    return _sha256(b"\x00" + data).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """Return the leaf hash of each entry."""
    return [_sha256(b"\x00" + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right), the hash of an inner node (RFC 9162, 2.1.1)."""
    return _sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over hashes of leaves (or of equally large complete subtrees); SHA-256 of nothing for none."""
    level = list(leaf_hashes)
    while len(level) > 1:  # the odd last hash moves up unchanged: the same tree as RFC 9162's split at a power of two
        each = iter(level)
        pairs = [_sha256(b"\x01" + left + right).digest() for left, right in zip(each, each, strict=False)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0] if level else EMPTY_ROOT


def verify_inclusion(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that ``leaf_hash`` is leaf ``index`` of the tree of this size and root, or raise InvalidProof (2.1.3.2)."""
    _need(0 <= index < size, InvalidProof(f"Index {index} is not inside a tree of size {size}."))
    found = _climb(index, size - 1, leaf_hash, proof)[1]
    _need(found == root, InvalidProof(f"The inclusion proof of entry {index} leads to another root."))


def verify_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the new tree begins with the old one, or raise InvalidProof; size 0 proves nothing (2.1.4.2)."""
    _need(0 < old_size <= new_size, InvalidProof(f"Nothing proves size {new_size} consistent with size {old_size}."))
    level = (old_size & -old_size).bit_length() - 1  # of the old tree's last complete subtree: there the proof begins
    if old_size == new_size:
        found = (old_root, old_root) if not proof else (b"", b"")
    else:
        seed, *path = (proof or [b""]) if old_size & (old_size - 1) else [old_root, *proof]
        found = _climb((old_size - 1) >> level, (new_size - 1) >> level, seed, path)
    wrong = f"The tree of size {new_size} does not begin with the tree of size {old_size}."
    _need(found == (old_root, new_root), InvalidProof(wrong))


def _climb(index: int, last: int, seed: bytes, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    # From node ``index`` of a level that ends with node ``last`` up: the root of the tree so far, and of the whole.
    _need(all(len(item) == 32 for item in (seed, *proof)), InvalidProof("A proof is made of hashes of 32 bytes."))
    old = new = seed
    for sibling in proof:
        _need(last, InvalidProof("The proof is too long."))
        if index & 1 or index == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        index, last = index >> 1, last >> 1
    _need(not last, InvalidProof("The proof is too short."))
    return old, new


class Checkpoint(NamedTuple):
    """What the log's key signed: ``size`` entries (from index 0) have this 32-byte ``root``."""

    origin: str
    size: int
    root: bytes


def decode64(text: str) -> bytes:
    """Decode standard base64 strictly: one spelling per value. Raises ValueError."""
    raw = base64.b64decode(text, validate=True)
    _need(base64.b64encode(raw).decode() == text, ValueError("not canonical base64"))
    return raw


def key_id(name: str, public_key: bytes, kind: int = 1) -> bytes:
    """Return a key's 4-byte id: SHA-256(name || LF || signature type || key)[:4] (C2SP signed-note)."""
    return _sha256(name.encode() + b"\n" + bytes([kind]) + public_key).digest()[:4]


def parse_vkey(vkey: str, kind: int = 1) -> tuple[str, bytes]:
    """Return (name, Ed25519 key) of ``name+<8 hex>+<base64>``, or raise InvalidTrust. Type 1 signs, 4 cosigns."""
    found = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})", vkey)
    if found is None or (raw := decode64(found[3]))[0] != kind:
        raise InvalidTrust(f"{vkey!r} is not an Ed25519 verifier key (name+id+key) of type {kind}.")
    fits = key_id(found[1], raw[1:], kind).hex() == found[2]
    _need(fits, InvalidTrust(f"The key id in {vkey!r} does not belong to its name and key."))
    return found[1], raw[1:]


def open_note(note: bytes, vkeys: Iterable[str], kind: int = 1) -> tuple[str, dict[str, int]]:
    """Return a signed note's text, and for each of ``vkeys`` that signed it the POSIX time of its cosignature (or 0).

    Signatures by unknown keys are ignored; one that claims a trusted key and does not verify refuses the whole note.
    Raises InvalidSignature, also when nobody signed (``kind`` 1). Sources: C2SP signed-note, tlog-cosignature.
    """
    text, lines = _split_note(note)
    signed = {}
    for vkey, (name, raw) in ((vkey, parse_vkey(vkey, kind)) for vkey in vkeys):
        for blob in (blob for who, blob in lines if (who, blob[:4]) == (name, key_id(name, raw, kind))):
            signed[vkey] = at = int.from_bytes(blob[4:12]) if kind == 4 else 0
            message, cut = (f"cosignature/v1\ntime {at}\n{text}", 12) if kind == 4 else (text, 4)
            try:
                Ed25519PublicKey.from_public_bytes(raw).verify(blob[cut:], message.encode())
            except _BadSignature:
                raise InvalidSignature(f"The signature of {name} does not fit: it or the text was changed.") from None
    _need(
        signed or kind == 4,
        InvalidSignature("No key of the trust file signed this note, or none that counts at its size."),
    )
    return text, signed


def _split_note(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    # The text and the signature lines as (name, key id || signature); nothing of it is verified yet.
    try:
        text, tail = _NOTE.fullmatch(note.decode()).groups()  # type: ignore[union-attr]
        lines = [(name, decode64(blob)) for _, name, blob in (line.split(" ") for line in tail[:-1].split("\n"))]
        _need(all(len(blob) > 4 for _, blob in lines), ValueError("a key id and no signature"))
    except (ValueError, AttributeError):
        raise InvalidSignature("This is no signed note: text, an empty line, well-formed signature lines.") from None
    return text, lines


def parse_checkpoint(note: bytes, vkeys: Iterable[str]) -> Checkpoint:
    """Check a checkpoint's signature and return what it says (C2SP tlog-checkpoint without extension lines).

    A vkey may end in `` until <size>``: it counts for checkpoints of at most that size. Raises InvalidSignature when
    the note is malformed, or not signed by a trusted key that is named like its origin.
    """
    lines = re.fullmatch(rf"([^\n]+)\n({_NUMBER})\n([A-Za-z0-9+/]{{42}}[AEIMQUYcgkosw048]=)\n", _split_note(note)[0])
    if lines is None:
        raise InvalidSignature("The checkpoint is not origin, size and root on three lines.")
    said = Checkpoint(lines[1], int(lines[2]), base64.b64decode(lines[3]))
    limits = (vkey.partition(" until ") for vkey in vkeys)
    _, signed = open_note(note, [vkey for vkey, _, until in limits if not until or said.size <= int(until)])
    named = any(vkey.partition("+")[0] == said.origin for vkey in signed)
    _need(named, InvalidSignature(f"The checkpoint of {said.origin} is not signed by a trusted key of that name."))
    return said


def open_receipt(receipt: bytes) -> tuple[int, list[bytes], bytes, bytes | None]:
    """Return index, proof, checkpoint note and extra data of a C2SP tlog-proof, unverified, or raise InvalidProof."""
    head, _, note = receipt.partition(b"\n\n")
    with suppress(ValueError):
        form = rf"c2sp\.org/tlog-proof@v1\n(?:extra ([^\n]*)\n)?index ({_NUMBER})((?:\n[^\n]+)*)"
        if found := re.fullmatch(form, head.decode()):
            extra = None if found[1] is None else decode64(found[1])
            return int(found[2]), [decode64(line) for line in found[3].split("\n")[1:]], note, extra
    raise InvalidProof("The receipt is not a C2SP tlog-proof.")


class Trust(NamedTuple):
    """The keys you trust: of logs (perhaps with `` until <size>``), of permits, of witnesses by name.

    ``groups`` says how many of which members make a group, ``quorum`` which witness or group must have cosigned.
    """

    logs: tuple[str, ...]
    permits: tuple[str, ...]
    witnesses: Mapping[str, str] = {}
    groups: Mapping[str, tuple[int, tuple[str, ...]]] = {}
    quorum: str = "none"

    def cosigned(self, note: bytes) -> tuple[dict[str, int], bool]:
        """Return which witnesses cosigned a note when (POSIX time), and whether they are the quorum."""
        _, signed = open_note(note, self.witnesses.values(), kind=4)
        times = {name: signed[vkey] for name, vkey in self.witnesses.items() if vkey in signed}
        met = set(times)
        for name, (count, members) in self.groups.items():  # a group stands behind its members
            met |= {name} if len(met.intersection(members)) >= count else set()
        return times, self.quorum in met


def parse_trust(text: str) -> Trust:
    """Read a trust file: C2SP tlog-policy, plus ``permit`` lines, and ``until`` for a log key that was compromised.

    ``log <vkey> [until <size>]``, ``permit <vkey>``, ``witness <name> <vkey> [<url>]``, ``group <name> <k|any|all>
    <name>...``, ``quorum <name|none>``, ``#`` comments. Raises InvalidTrust, which names the line.
    """
    logs, permits, witnesses, groups, quorum = [], [], {}, {}, "none"  # type: ignore[var-annotated]
    once = [("name", "none")]  # what may stand in the file only once
    for number, line in enumerate(text.split("\n"), start=1):
        known = {*witnesses, *groups}
        try:
            match [] if line.lstrip().startswith("#") else line.split():
                case []:
                    continue
                case ["log", vkey, *until] if re.fullmatch(f"(until {_NUMBER})?", " ".join(until)):
                    once.append(("log", str(parse_vkey(vkey))))
                    logs.append(" ".join([vkey, *until]))
                case ["permit", vkey]:
                    once.append(("permit", str(parse_vkey(vkey))))
                    permits.append(vkey)
                case ["witness", name, vkey] | ["witness", name, vkey, _]:
                    once += [("name", name), ("witness", str(parse_vkey(vkey, 4)[1]))]
                    witnesses[name] = vkey
                case ["group", name, how, *members] if known.issuperset(members) and members:
                    count = {"any": 1, "all": len(members)}.get(how) or int(how if re.fullmatch(_NUMBER, how) else 0)
                    _need(0 < count <= len(members), InvalidTrust(f"{name} takes any, all or 1 to {len(members)}."))
                    once += [("name", name), *(("member", member) for member in members)]
                    groups[name] = count, tuple(members)
                case ["quorum", quorum] if quorum in {*known, "none"}:
                    once.append(("quorum", ""))
                case _:
                    _need(False, InvalidTrust("expected 'log <vkey>', 'permit <vkey>' or C2SP tlog-policy."))
            _need(len({*once}) == len(once), InvalidTrust("a key, a name, a member or the quorum stands there twice."))
        except InvalidTrust as error:
            raise InvalidTrust(f"Trust file, line {number}: {error}") from None
    return Trust(tuple(logs), tuple(permits), witnesses, groups, quorum)


# A bundle is a zip with one spelling: members stored in this order, no extra fields, 1980-01-01. So any byte that
# changes shows, also in a header that ordinary zip tools ignore. The writer (placet.bundle) uses these functions too.

_ORDER = ("README.txt", "checkpoint", "tile/entries/", "tile/", "consistency/", "payloads.jsonl", "governed.jsonl")


def member_order(name: str) -> tuple[int, int, str]:
    """Return the key that sorts members as they stand in a bundle (the manifest and its receipt come last)."""
    return next((i for i, start in enumerate(_ORDER) if name.startswith(start)), len(_ORDER)), len(name), name


def zip_header(name: bytes, crc: int, size: int) -> bytes:
    """Return the only accepted local header of a member: ``size`` bytes (below 4 GiB) with this CRC-32."""
    return struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, 0, 0, 0, 0x21, crc, size, size, len(name), 0) + name


def zip_directory(members: Iterable[tuple[bytes, int, int, int]], end: int) -> bytes:
    """Return the only accepted directory for ``members`` (name, crc, size, offset) whose data stops at ``end``."""
    parts, most = [], 0xFFFFFFFF
    for name, crc, size, at in members:
        far = struct.pack("<HHQ", 1, 8, at) if at >= most else b""
        version, about = 45 if far else 20, (crc, size, size, len(name), len(far), 0, 0, 0, 0o100644 << 16)
        head = struct.pack("<4sBB5H3I5HII", b"PK\x01\x02", version, 3, version, 0, 0, 0, 0x21, *about, min(at, most))
        parts.append(head + name + far)
    out, count = b"".join(parts), len(parts)
    size, short = len(out), min(count, 0xFFFF)
    if short == 0xFFFF or end >= most or size >= most:  # zip64
        out += struct.pack("<4sQBBHIIQQQQ", b"PK\x06\x06", 44, 45, 3, 45, 0, 0, count, count, size, end)
        out += struct.pack("<4sIQI", b"PK\x06\x07", 0, end + size, 1)
    return out + struct.pack("<4s4HIIH", b"PK\x05\x06", 0, 0, short, short, min(size, most), min(end, most), 0)


def tile_path(level: int | str, index: int, width: int = TILE) -> str:
    """Return the path of a tile (``level`` 0 to 63, or ``entries``) as C2SP tlog-tiles spells it."""
    text = f"{index % 1000:03d}"
    while index := index // 1000:
        text = f"x{index % 1000:03d}/{text}"
    return f"tile/{level}/{text}" + ("" if width == TILE else f".p/{width}")


class _Box(NamedTuple):
    # Where each member's bytes stand in the file: all that a worker process needs to read by itself.
    path: Path
    members: dict[str, tuple[int, int, str]]  # name -> offset of its data, size, digest

    def pieces(self, name: str) -> Iterator[bytes]:
        offset, size, _ = self.members.get(name, (0, 0, ""))
        with self.path.open("rb") as file:
            file.seek(offset)
            while size and (piece := file.read(min(_PIECE, size))):
                yield piece
                size -= len(piece)

    def read(self, name: str, limit: int = _PIECE) -> bytes:  # nothing when it is missing or longer than the limit
        return b"".join(self.pieces(name)) if self.members.get(name, (0, 0, ""))[1] <= limit else b""

    def tile(self, index: int, size: int) -> tuple[list[bytes], list[bytes]]:
        # A tile's entries and their stored hashes; entries that cannot be told apart any more are one last piece.
        width, at, bodies = min(TILE, size - index * TILE), 0, list[bytes]()
        data = self.read(tile_path("entries", index, width), TILE * (MAX_ENTRY + 2))
        while at < len(data) and len(bodies) <= width:
            end = at + 2 + int.from_bytes(data[at : at + 2])
            bodies.append(data[at + 2 : end] if end <= len(data) else data[at:])
            at = end
        kept = self.read(tile_path(0, index, width), 32 * width)
        return bodies, [kept[i : i + 32] for i in range(0, len(kept), 32)]


def canonical_json(value: Any) -> bytes:
    """Return the RFC 8785 bytes of ``value``; ValueError for floats, integers from 2^53 on, and what is not Unicode."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda k: k.encode("utf-16-be"))
        return b"{" + b",".join(canonical_json(k) + b":" + canonical_json(value[k]) for k in keys) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical_json, value)) + b"]"
    return (
        str(_integer(str(value))) if type(value) in {int, float} else json.dumps(value, ensure_ascii=False)
    ).encode()


def _integer(text: str) -> int:
    _need(
        _INTEGER.fullmatch(text) and abs(int(text)) < 2**53, ValueError("holds a number that is no integer below 2^53")
    )
    return int(text)


_READ = json.JSONDecoder(parse_int=_integer, parse_float=_integer, parse_constant=_integer).raw_decode
_WRITE = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def load_canonical(data: bytes) -> Any:
    """Read canonical JSON (RFC 8785). Raises ValueError with a phrase that says what is wrong."""
    try:
        value, _ = _READ(data.decode())
        # Python sorts keys by code point, RFC 8785 by UTF-16: the same below U+E000, whose UTF-8 begins with 0xEE.
        same = (_WRITE(value).encode() if data.isascii() or max(data) < 0xEE else canonical_json(value)) == data
    except (ValueError, RecursionError) as error:
        raise ValueError(str(error) if "2^53" in str(error) else "is not JSON") from None
    _need(same, ValueError("is not written in canonical JSON (RFC 8785)"))
    return value


def parse_entry(body: bytes) -> dict[str, Any]:
    """Read one entry's exact bytes. Raises ValueError with what is wrong, also when they are not canonical."""
    entry: dict[str, Any] = load_canonical(body)
    try:
        texts = [entry["log"], entry["event"], entry["actor"], entry["id"], entry["at"], entry["payload"] or ""]
        fits = len(entry) == 9 and body.endswith(b'"v":1}') and type(entry["data"]) is dict
        for subject in entry["subjects"]:
            texts += [subject["table"], subject["key"], subject["before"] or "", subject["after"] or ""]
            fits = fits and len(subject) == 4 and subject["table"].isidentifier()
        fits = fits and type(entry["subjects"]) is list and bool("".join(texts))
    except (LookupError, TypeError, AttributeError):
        fits = False
    _need(fits, ValueError("does not have the fields of a version 1 entry"))
    _need(_UUID.fullmatch(entry["id"]), ValueError("has an id that is not a UUID"))
    parse_time(entry["at"])
    return entry


def parse_time(text: str) -> datetime:
    """Read ``2026-11-23T18:00:00.123456Z``, the only spelling of a time. Raises ValueError."""
    _need(_TIME.fullmatch(text), ValueError(f"{text!r} is not a UTC time with microseconds"))
    return datetime.fromisoformat(text)


def commitment(salt: bytes, payload: bytes) -> str:
    """Return the digest by which an entry commits to an erasable payload under a 32-byte salt."""
    return "sha256:" + _sha256(b"placet/payload/v1\x00" + salt + payload).hexdigest()


class Verdict(StrEnum):
    """The answer to one of the three questions."""

    HOLDS, FAILS, NOT_SHOWN = "holds", "fails", "not shown"


LIMITS: Mapping[str, str] = {
    "integrity": "Does not show that what was written was true, nor that nothing was left out.",
    "completeness": "Does not show changes to tables that are not governed, nor what was never written down.",
    "anchoring": "Reaches as far as the newest checkpoint that you bring or witnesses cosigned; no entry behind it.",
}
ENDINGS = {0: "Nothing is wrong.", 3: "Tampered with, or not this log.", 4: "Not complete."}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or missing; ``index``, ``entry_id`` and ``event`` name the entry when there is one."""

    part: str
    message: str
    index: int | None = None
    entry_id: str | None = None
    event: str | None = None
    file: str | None = None


class Report(NamedTuple):
    """What a bundle shows: three verdicts, every finding behind them, and how many entries were seen outside."""

    integrity: Verdict
    completeness: Verdict
    anchoring: Verdict
    findings: tuple[Finding, ...]
    origin: str | None = None
    size: int | None = None
    root: str | None = None
    notes: tuple[str, ...] = ()
    anchored: int = 0

    @property
    def exit_code(self) -> int:
        """0 nothing wrong; 3 tampered (integrity or anchoring fails); 4 incomplete."""
        if Verdict.FAILS in (self.integrity, self.anchoring):
            return 3
        return 0 if self.completeness == Verdict.HOLDS else 4

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        head = {part: {"verdict": str(getattr(self, part)), "does_not_show": LIMITS[part]} for part in LIMITS}
        found = [{k: v for k, v in vars(f).items() if v is not None} for f in self.findings]
        rest = {name: getattr(self, name) for name in ("origin", "size", "root", "anchored", "exit_code")}
        return {**head, "findings": found, "notes": list(self.notes), **rest}

    def lines(self) -> list[str]:
        """Return the report as text; what a bundle says cannot steer the terminal."""
        text = [f"log {self.origin}, {self.size} entries, root {self.root}"] if self.origin else []
        text += [f"{part:<13} {getattr(self, part):<10} {limit}" for part, limit in LIMITS.items()]
        for f in self.findings:
            text.append(f"  {f.part}: {f.message}" + (f" ({f.event}, {f.entry_id})" if f.entry_id else ""))
        text += [*(f"  note: {note}" for note in self.notes), ENDINGS[self.exit_code]]
        return ["".join(c if c.isprintable() else "\ufffd" for c in line) for line in text]


# What entries, payloads and governed rows say goes into a temporary SQLite database, so that a log of any size needs
# little memory. Each rule about it is what it bears on ("whole": completeness, if every entry could be read), a
# sentence, and the query for where it is broken: the entry's index (or null), and what else the sentence says.

_TABLES = """
CREATE TABLE entry (i INTEGER PRIMARY KEY, id, at, payload, problem);
CREATE TABLE subject (name, i, after);
CREATE TABLE payload (i, digest);
CREATE TABLE governed (name, id, digest);
"""
_VIEWS = """
CREATE INDEX entry_id ON entry (id);
CREATE TABLE newest AS SELECT name, max(i) AS i, after FROM subject GROUP BY name;
CREATE INDEX newest_name ON newest (name);
CREATE TABLE erased AS SELECT e.i, n.i AS by FROM newest n JOIN entry e ON e.id = substr(name, 18)
  WHERE name LIKE 'payload.redacted %' AND payload NOT NULL;
CREATE VIEW holds AS SELECT i, count(*) > 1 OR payload IS NOT digest AS wrong
  FROM payload JOIN entry USING (i) WHERE id NOT NULL GROUP BY i;
CREATE VIEW held AS SELECT (SELECT count(*) FROM payload) AS p, (SELECT count(*) FROM governed) AS g;
CREATE TABLE stands AS SELECT g.name, g.id, digest, e.i AS named, n.i, after
  FROM governed g LEFT JOIN entry e USING (id) LEFT JOIN newest n USING (name);
CREATE VIEW waits AS SELECT name, id FROM stands WHERE named IS NULL;
"""
_RULES = """
integrity: Entry {0} is dated {1}, after the bundle was made.
 | SELECT i, datetime(at, 'unixepoch') FROM entry WHERE at > :made + 300
integrity: Entry {0} {1}. | SELECT i, problem FROM entry WHERE problem NOT NULL
integrity: Entry {0} has the same id as entry {1}.
 | SELECT max(i), min(i) FROM entry GROUP BY id HAVING count(id) > 1
integrity: The payload of entry {0} is not the one it commits to. | SELECT i FROM holds WHERE wrong
integrity: A payload belongs to entry {1}, which is not in the log.
 | SELECT NULL, i FROM payload WHERE i < 0 OR i >= :size
completeness: The manifest counts {1} payloads and {2} governed rows; the bundle holds {3} and {4}.
 | SELECT NULL, :payloads, :governed, p, g FROM held WHERE p <> :payloads OR g <> :governed
whole: Entry {0} was redacted by entry {1}; its payload is still here. | SELECT i, by FROM erased JOIN payload USING (i)
whole: The payload of entry {0} is missing; no entry records its erasure.
 | SELECT i FROM entry WHERE payload NOT NULL AND i NOT IN (SELECT i FROM payload UNION ALL SELECT i FROM erased)
note: The payload of entry {0} was erased; entry {1} records it.
 | SELECT i, by FROM erased WHERE i NOT IN (SELECT i FROM payload)
whole: {1} is listed twice. | SELECT NULL, name FROM governed GROUP BY name HAVING count(*) > 1
unshown: {1} names an entry that is not in the log yet: {2}.
 | SELECT NULL, name, id FROM waits WHERE (SELECT count(DISTINCT id) FROM waits) <= :pending
whole: {1} names an entry that is not in the log: {2}.
 | SELECT NULL, name, id FROM waits WHERE (SELECT count(DISTINCT id) FROM waits) > :pending
whole: No entry of the log names {1}. | SELECT NULL, name FROM stands WHERE named NOT NULL AND i IS NULL
whole: {1} names another entry than {0}, the newest about it. | SELECT i, name FROM stands WHERE named <> i
whole: {1} is not what entry {0} left: changed without an entry.
 | SELECT i, name FROM stands WHERE named = i AND after IS NOT digest
whole: {1} stands by entry {0}, but the row is gone.
 | SELECT i, name FROM newest WHERE after NOT NULL AND name NOT IN (SELECT name FROM governed)
"""


class _Shard(NamedTuple):
    # A log whose entries stand in the tree: the newest one, and those that it was forked from after a restore.
    head: Checkpoint  # of an earlier log: what the fork says that it had
    offset: int  # how many fork entries stand before its first entry
    stop: int  # the index behind its last entry that was kept
    lost: str  # which fork entry gave up the others, and why
    named: int  # the index behind its last entry, those included that its own tree never held


def _scan(box: _Box, shards: list[_Shard], first: int) -> tuple[list[bytes], list[bytes], list[Any], list[Any]]:
    # Of up to 256 tiles: the roots over entries and over stored hashes; of entries that fit theirs, what they say.
    own, stored, subjects, size = [], [], [], shards[0].head.size
    entries: list[tuple[Any, ...]] = []
    for tile in range(first, min(first + TILE, -(-size // TILE))):
        bodies, kept = box.tile(tile, size)
        hashes = leaf_hashes(bodies)
        own.append(root(hashes))
        stored.append(own[-1] if hashes == kept else root(kept))
        for at, (body, mine, theirs) in enumerate(zip(bodies, hashes, kept, strict=False), start=tile * TILE):
            if mine != theirs:
                continue
            try:
                said = parse_entry(body)
            except ValueError as error:
                entries.append((at, None, math.nan, None, str(error)))
                continue
            log = next(shard.head.origin for shard in reversed(shards) if shard.offset <= at < shard.named)
            problem = None if said["log"] == log else "belongs to another log"
            entries.append((at, said["id"], datetime.fromisoformat(said["at"]).timestamp(), said["payload"], problem))
            subjects += [(f"{s['table']} {s['key']}", at, s["after"]) for s in said["subjects"]]
            if said["event"] == "payload.redacted":
                subjects.append((f"payload.redacted {said['data'].get('entry')}", at, None))
    return own, stored, entries, subjects


class _Check:
    # One verification; its methods, in the order in which they run, add findings.

    def __init__(self, trust: Trust, path: Path) -> None:
        self.trust, self.box = trust, _Box(path, {})
        self.head = Checkpoint("", 0, EMPTY_ROOT)
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        self.counts: Counter[str] = Counter()
        self.shards: list[_Shard] = []
        self.levels: list[list[bytes]] = []  # roots of complete subtrees of 256, 65,536, ... entries
        self.right, self.anchored = False, (0, "")  # whether the entries have the signed root; how many are anchored
        self.db = sqlite3.connect("")
        self.db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _TABLES)

    def find(self, part: str, message: str, index: int | None = None, file: str | None = None) -> None:
        self.counts[part] += 1
        if self.counts[part] <= _FINDINGS:
            entry = {} if index is None else self.entry(index)
            self.findings.append(Finding(part, message, index, entry.get("id"), entry.get("event"), file))

    @contextmanager
    def about(self, file: str, part: str = "integrity") -> Iterator[None]:
        try:
            yield
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            self.find(part, f"{file}: {error}", file=file)

    def entry(self, index: int) -> dict[str, Any]:
        with suppress(ValueError, IndexError):
            return parse_entry(self.box.tile(index // TILE, self.head.size)[0][index % TILE])
        return {}

    def leaves(self, tile: int) -> list[bytes]:
        bodies, kept = self.box.tile(tile, self.head.size)
        return leaf_hashes(bodies) if self.right else kept

    def root_of(self, offset: int, size: int) -> bytes:
        if offset:
            tiles = range(offset // TILE, -(-(offset + size) // TILE))
            return root([leaf for tile in tiles for leaf in self.leaves(tile)][offset % TILE :][:size])
        above = self.leaves(size // TILE)[: size % TILE] if size % TILE else []
        for level, roots in enumerate(self.levels, start=1):
            count = size >> (8 * level)
            above = roots[count & ~255 : count] + ([root(above)] if above else [])
        return root(above)

    def open(self) -> bool:
        # Walk the members, rebuild the one zip that they can stand in, and compare; return whether all could be read.
        at, members, length = 0, [], self.box.path.stat().st_size
        with self.box.path.open("rb") as file:
            while len(head := file.read(30)) == 30 and head[:4] == b"PK\x03\x04":
                crc, size, _, name_length = struct.unpack_from("<IIIH", head, 14)
                raw, start, found, digest = file.read(name_length), at + 30 + name_length, 0, _sha256()
                if head + raw != zip_header(raw, crc, size) or start + size > length or not raw.isascii():
                    break
                name = raw.decode()
                self.box.members[name] = start, size, ""
                for piece in self.box.pieces(name):
                    found = zlib.crc32(piece, found)
                    digest.update(piece)
                if found != crc:
                    self.find("integrity", f"{name} was changed, between bytes {start} and {start + size}.", file=name)
                self.box.members[name] = start, size, f"sha256:{digest.hexdigest()}"
                members.append((raw, crc, size, at))
                at = file.seek(start + size)
            file.seek(at)
            expected = zip_directory(members, at)
            rest = file.read(len(expected) + 1)
        if rest != expected or len(members) > len(self.box.members):
            at += next((i for i, (a, b) in enumerate(zip(rest, expected, strict=False)) if a != b), len(rest))
            self.find("integrity", f"From byte {at} on, it is not as Placet writes a bundle: cut, changed or repacked.")
        return rest[:4] == b"PK\x01\x02"

    def manifest(self) -> dict[str, Any]:
        # Check that the log itself signed the manifest, by an entry behind the exported ones, and what it says.
        text, head, files = self.box.read("manifest.json", _LARGE), self.head, self.box.members
        manifest: dict[str, Any] = load_canonical(text)
        with self.about("manifest.tlog-proof"):
            index, proof, note, extra = open_receipt(self.box.read("manifest.tlog-proof"))
            later, said = parse_checkpoint(note, self.trust.logs), parse_entry(extra or b"")
            verify_inclusion(index, later.size, leaf_hash(extra or b""), proof, later.root)
            facts = [later.origin, said["log"], said["event"], said["data"].get("manifest"), later.size > head.size]
            this = [head.origin, head.origin, "bundle.exported", f"sha256:{_sha256(text).hexdigest()}", True]
            _need(facts == this, InvalidProof("This is not the log's entry about this manifest."))
        facts = [manifest[key] for key in ("format", "origin", "size", "root")]
        _need(facts == [FORMAT, *head[:2], f"sha256:{head.root.hex()}"], ValueError("is not about this checkpoint"))
        listed = {**manifest["files"], "manifest.json": ..., "manifest.tlog-proof": ...}
        for name in sorted((listed.keys() | files.keys()) - {found.file for found in self.findings}):
            known = member_order(name)[0] < len(_ORDER) or listed.get(name) is ...
            if name not in files or not known or listed.get(name) not in (..., files[name][2]):
                wrong = "missing from the bundle" if name not in files else "not a file that the manifest lists"
                self.find("integrity", f"{name[:200]!r} is {wrong}.", file=name[:200])
        order = [*sorted(manifest["files"], key=member_order), *list(listed)[-2:]]
        _need(order == [*files] or listed.keys() != files.keys(), ValueError("the members stand in another order"))
        return manifest

    def forks(self) -> None:
        # Read which logs the tree continues: entry 0 may fork one, whose entry 0, now at index 1, may fork another.
        self.shards = [_Shard(self.head, 0, self.head.size, "", self.head.size)]
        while (entry := self.entry(at := len(self.shards) - 1)).get("event") == "log.forked" and at < _FINDINGS:
            (data, (_, _, stop, lost, named)), facts = (entry["data"], self.shards[-1]), [0, 0]
            with self.about(f"Entry {at}, which forks a log"):
                previous, kept, carried = data["previous"], data["kept"], data["carried"]
                had = Checkpoint(previous["origin"], previous["size"], bytes.fromhex(previous["root"][7:]))
                counted = {type(kept), type(carried), type(had.size)} == {int}
                facts = [counted and 0 <= kept <= had.size and carried >= 0, kept < stop or at > 0]
                _need(facts == [True, True], ValueError("it keeps more entries than there are"))
                with suppress(InvalidSignature):  # a key may be too old to be trusted still
                    seen = parse_checkpoint(previous["note"].encode(), self.trust.logs)
                    _need(seen == had, ValueError("the checkpoint that it holds says something else"))
            if facts != [True, True]:
                return
            named = min(at + 1 + kept + carried, named)
            if at + 1 + kept <= stop:
                stop, lost = at + 1 + kept, f"the fork that entry {at} records ({data.get('reason')})"
            self.shards.append(_Shard(had, at + 1, stop, lost, max(stop, named)))

    def entries(self, each: Callable[..., Iterable[Any]], progress: Callable[[int, int], object] | None) -> None:
        # Hash every entry, and keep what it says for the rules.
        size, newest, own, stored = self.head.size, -math.inf, [], []  # type: int, float, list[bytes], list[bytes]
        _need(size // TILE <= len(self.box.members), ValueError(f"the bundle is too small to hold {size} entries"))
        starts = range(0, -(-size // TILE), TILE)
        scans = each(partial(_scan, self.box, self.shards), starts)
        for name, insert in (("payloads", "payload VALUES (?, ?)"), ("governed", "governed VALUES (?, ?, ?)")):
            with self.about(f"{name}.jsonl"):  # read while other processes, if any, begin with the entries
                self.db.executemany(f"INSERT INTO {insert}", self.lines(f"{name}.jsonl"))
        for some, kept, entries, subjects in scans:
            own += some
            stored += kept
            for slot, (at, name, when, payload, problem) in enumerate(entries):
                if when < newest - 300:  # seconds: clocks of several writers may differ a little
                    wrong = problem or "is dated before the entries that precede it"
                    entries[slot] = (at, name, when, payload, wrong)
                newest = max(newest, when)
            self.db.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", entries)
            self.db.executemany("INSERT INTO subject VALUES (?, ?, ?)", subjects)
            if progress:
                progress(min(len(own) * TILE, size), size)
        self.tree(size, own, stored)

    def tree(self, size: int, own: list[bytes], stored: list[bytes]) -> None:
        # Hold the entries against their stored hashes, tile by tile, and both against the signed root.
        named, self.right = self.counts["integrity"], root(own) == self.head.root
        wrong = "is not what was signed" if root(stored) == self.head.root else "does not fit its stored hash"
        for tile in (tile for tile in range(len(own)) if own[tile] != stored[tile]):
            bodies, kept = self.box.tile(tile, size)
            for slot in range(min(TILE, size - tile * TILE)):
                at, mine = tile * TILE + slot, leaf_hashes(bodies[slot : slot + 1])
                if mine != kept[slot : slot + 1]:
                    about = f"The stored hash of entry {at} was changed; the entry is as signed."
                    self.find("integrity", about if self.right else f"Entry {at} {wrong}.", at)
        if not self.right and (root(stored) != self.head.root or named == self.counts["integrity"]):
            self.find("integrity", f"The {size} entries do not have the root that the checkpoint signs.")
        level, kinds = (own if self.right else stored)[: size // TILE], ("entries", 0)
        known = {tile_path(kind, i, min(TILE, size - i * TILE)) for kind in kinds for i in range(len(own))}
        while level:
            self.levels.append(level)
            tiles = [level[i : i + TILE] for i in range(0, len(level), TILE)]
            for name, roots in ((tile_path(len(self.levels), i, len(roots)), roots) for i, roots in enumerate(tiles)):
                known.add(name)
                if self.box.read(name) != b"".join(roots):
                    self.find("integrity", f"{name} does not hold the hashes of the tiles below it.", file=name)
            level = [root(roots) for roots in tiles if len(roots) == TILE]
        for name in (name for name in self.box.members if name.startswith("tile/") and name not in known):
            self.find("integrity", f"{name[:200]} is no part of a tree of {size} entries.", file=name[:200])

    def checkpoints(self) -> None:
        # Hold every checkpoint in the bundle against the entries, and each consistency proof against two of them.
        known, good = {}, 0
        names = sorted(name for name in self.box.members if name.startswith("checkpoints/"))
        for name in [*(name for name in names if name.endswith(".note")), "checkpoint"]:
            with self.about(name):
                note = self.box.read(name)
                seen = parse_checkpoint(note, self.trust.logs)
                fits = seen.origin == self.head.origin and name in {f"checkpoints/{seen.size:020d}.note", "checkpoint"}
                _need(fits, ValueError("is not a checkpoint of this log under its size"))
                known[seen.size] = seen.root
                wrong = (
                    f"it {self.against(seen)} An entry from {good} to {seen.size - 1} was changed, added or removed."
                )
                _need(not self.against(seen), ValueError(wrong))
                good = seen.size
                times, quorum = self.trust.cosigned(note)
                if quorum:
                    last = datetime.fromtimestamp(min(max(times.values()), 1 << 37), UTC).isoformat()
                    self.anchored = max(self.anchored, (seen.size, f"cosigned by {', '.join(times)}, last {last}"))
        for old, new in pairwise(sorted(size for size in known if size)):
            with self.about(f"consistency/{old}-{new}.json"):
                proof = load_canonical(self.box.read(f"consistency/{old}-{new}.json"))["proof"]
                verify_consistency(old, new, known[old], known[new], [decode64(item) for item in proof])
        for shard in self.shards[1:]:
            whole = shard.head.size == shard.stop - shard.offset
            if whole and self.right and self.root_of(shard.offset, shard.head.size) != shard.head.root:
                self.find("integrity", f"The entries of {shard.head.origin} are not those that its fork says.")
        for name in (name for name in names if name.endswith(".tsr")):
            self.notes.append(f"{name} is a time stamp: openssl ts -verify -in {name} -data {name[:-4]}.note")

    def against(self, seen: Checkpoint) -> str:
        # Say what in this tree speaks against a checkpoint; nothing if its log's first entries are as it signs them.
        shard = next((shard for shard in self.shards if shard.head.origin == seen.origin), None)
        if shard is None:
            return f"is of the log {seen.origin}, the bundle of {self.head.origin}."
        kept, had = shard.stop - shard.offset, shard.head
        if seen.size <= kept:
            same = self.root_of(shard.offset, seen.size) == seen.root
            return "" if same else f"signs another history of the first {seen.size} entries."
        if not shard.offset:
            return f"counts {seen.size} entries, the bundle {kept}: the bundle is older, or entries were removed."
        text = f"counts {seen.size} entries; entries {kept} to {seen.size - 1} were given up by {shard.lost}."
        if seen.size > had.size or (seen.size == had.size and seen.root != had.root):
            text += f" But the fork says that the log had {had.size} entries with root {had.root.hex()}."
        return text

    def lines(self, name: str) -> Iterator[tuple[Any, ...]]:
        # What the lines of a .jsonl member say, as rows of its table.
        at, rest = 0, b""
        for piece in self.box.pieces(name):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                try:
                    row = load_canonical(line)
                    if name == "payloads.jsonl":
                        _need(len(row) == 3 and len(salt := decode64(row["salt"])) == 32, ValueError("is no payload"))
                        yield row["index"] + 0, commitment(salt, row["payload"].encode())
                    else:
                        _need(len(row) == 4 and row["table"].isidentifier(), ValueError("is no governed row"))
                        yield f"{row['table']} {row['key']}", row["log_entry"] + "", row["digest"] + ""
                except (ValueError, LookupError, TypeError, AttributeError) as error:
                    self.find(
                        "integrity", f"{name}: the line from byte {at} on is not as it should be ({error}).", file=name
                    )
                at += len(line) + 1
            _need(len(rest) < _LARGE, ValueError("a line is too long"))
        _need(not rest, ValueError("the last line does not end"))

    def rows(self, manifest: dict[str, Any]) -> None:
        # Ask for each rule where what the log says breaks it.
        made = parse_time(manifest["created_at"]).timestamp()
        facts = {name: int(manifest[name]) for name in ("size", "payloads", "governed", "pending")} | {"made": made}
        self.db.executescript(_VIEWS)
        doubtful = self.db.execute("SELECT count(id) FROM entry").fetchone()[0] < self.head.size
        for rule in _RULES.replace("\n |", " |").strip().split("\n"):
            part, sentence, query = re.fullmatch(r"(\w+): (.*) \| (.*)", rule).groups()  # type: ignore[union-attr]
            if doubtful and part not in ("integrity", "completeness"):
                continue  # some entries were not read: nothing follows from what the others do not say
            for index, *more in self.db.execute(query, facts):
                said = sentence.format(index, *more)
                if part == "note":
                    self.notes += [said] if len(self.notes) < _FINDINGS else []
                else:
                    self.find(part.replace("whole", "completeness"), said, index)
        if doubtful:
            self.notes.append("Payloads and governed rows are not held against a log with entries that cannot be read.")
        elif facts["pending"]:
            self.notes.append(f"{facts['pending']} entries were not yet in the tree when the bundle was made.")

    def anchoring(self, outside: Sequence[bytes]) -> Verdict:
        # Hold the checkpoints from outside against the entries.
        for number, note in enumerate(outside, start=1):
            which = f"Outside checkpoint {number}" if len(outside) > 1 else "The outside checkpoint"
            try:
                seen = parse_checkpoint(note, self.trust.logs)
                wrong = self.against(seen) if self.shards else ""
                _need(not wrong, InvalidSignature(wrong))
                offset = next((shard.offset for shard in self.shards if shard.head.origin == seen.origin), 0)
                self.anchored = max(self.anchored, (seen.size + offset, "in the checkpoint that you brought"))
            except InvalidSignature as error:
                self.find("anchoring", f"{which} {error}")
        if self.counts["anchoring"] or not self.right or not self.anchored[0]:
            return Verdict.FAILS if self.counts["anchoring"] else Verdict.NOT_SHOWN
        last = self.entry(self.anchored[0] - 1).get("at")
        self.notes.append(f"Seen outside up to entry {self.anchored[0] - 1} (dated {last}), {self.anchored[1]}.")
        return Verdict.HOLDS


def verify_bundle(
    path: str | os.PathLike[str],
    *,
    policy: str | os.PathLike[str],
    checkpoints: Sequence[str | bytes | os.PathLike[str]] = (),
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> Report:
    """Check a bundle against the keys you trust and the checkpoints you kept; hostile ones give findings, no exception.

    Args:
        path: the bundle (.zip). Nothing is unpacked.
        policy: the trust file, as its text or its path.
        checkpoints: signed notes that you received from elsewhere than this bundle, each as bytes, text or path.
        jobs: how many processes read entries.
        progress: called with (entries read, entries).
    Raises:
        InvalidTrust: the trust file cannot be read as one, or lists no log key.
        OSError: a file cannot be opened.
    """
    trust, outside = parse_trust(_given(policy).decode()), [_given(note) for note in checkpoints]
    _need(trust.logs, InvalidTrust("The trust file lists no log key: it needs at least one line 'log <vkey>'."))
    check = _Check(trust, Path(path))
    if check.open():
        with ExitStack() as stack, check.about("checkpoint"):
            check.head = parse_checkpoint(check.box.read("checkpoint"), trust.logs)
            with check.about("manifest.json"):
                manifest = check.manifest()
                pool = stack.enter_context(ProcessPoolExecutor(jobs)) if jobs > 1 else None
                check.forks()
                check.entries(pool.map if pool else map, progress)
                check.checkpoints()
                check.rows(manifest)
    anchoring = check.anchoring(outside)
    counts, notes = check.counts, check.notes
    more = {part: count - _FINDINGS for part, count in counts.items() if count > _FINDINGS}
    notes += [f"{count} more findings about {part} are not listed." for part, count in more.items()]
    integrity = Verdict.FAILS if counts["integrity"] else Verdict.HOLDS
    shown = Verdict.NOT_SHOWN if counts["unshown"] or counts["integrity"] else Verdict.HOLDS
    completeness = Verdict.FAILS if counts["completeness"] else shown
    found = tuple(replace(f, part=f.part.replace("unshown", "completeness")) for f in check.findings)
    report = Report(integrity, completeness, anchoring, found, notes=tuple(notes), anchored=check.anchored[0])
    origin, size, top = check.head
    return report._replace(origin=origin, size=size, root=f"sha256:{top.hex()}") if origin else report


def _given(source: str | bytes | os.PathLike[str]) -> bytes:
    # A text as it is, or what the file at a path holds; a string with a line end or a key is text.
    if isinstance(source, bytes):
        return source
    text = isinstance(source, str) and ("\n" in source or source.startswith(("log ", "permit ")))
    return str(source).encode() if text else Path(source).read_bytes()


def default_policy(bundle: Path) -> Path | None:
    """Return the trust file to use when none is named: policy.txt beside the bundle, else PLACET_TRUST_FILE."""
    beside, named = bundle.with_name("policy.txt"), os.environ.get("PLACET_TRUST_FILE")
    return beside if beside.is_file() else Path(named) if named else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``verify.py bundle.zip [policy.txt] [seen.note ...]``: print the report, return the exit code."""
    parser = argparse.ArgumentParser(prog="verify.py", description="Verify a Placet audit bundle offline.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("files", type=Path, nargs="*", help="policy.txt (unless --policy), checkpoints that you kept")
    parser.add_argument("--policy", type=Path, help="the trust file; policy.txt beside the bundle if not given")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[])
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes to use")
    given = parser.parse_args(arguments)
    policy = given.policy or (given.files.pop(0) if given.files else default_policy(given.bundle))
    if policy is None:
        parser.error("name the trust file with the log's public key: verify.py bundle.zip policy.txt")
    shown = sys.stderr.isatty() and not given.json
    progress = (lambda done, size: sys.stderr.write(f"\r{done:,} of {size:,} entries ")) if shown else None
    notes = [*given.files, *given.checkpoint]
    try:
        report = verify_bundle(given.bundle, policy=policy, checkpoints=notes, jobs=given.jobs, progress=progress)
    except (OSError, ValueError, sqlite3.Error) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(report.to_dict(), indent=2) if given.json else "\n".join(report.lines()))
    sys.stdout.write("\n")
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
