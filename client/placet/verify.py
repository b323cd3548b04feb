"""Verify a Placet log offline: proofs, checkpoints and whole bundles.

This is the only verifier. It needs Python 3.11, its standard library and ``cryptography``, imports nothing else of
Placet, and can be copied and run alone: ``python verify.py bundle.zip policy.txt [seen.note ...]``.

What it answers, as three separate verdicts, each ``holds``, ``fails`` or ``not shown``:

* integrity: are these the bytes that the log's key signed?
* completeness: does the log account for everything that stands in the database's governed tables?
* anchoring: is this the same log that somebody outside saw, at an earlier checkpoint that you bring along?

Sources: RFC 9162 (tree and proofs), RFC 8785 (canonical JSON), C2SP signed-note, tlog-checkpoint, tlog-tiles.
Reading order: tree, signed notes, container, entries, bundle.
"""

import base64
import binascii
import hashlib
import json
import mmap
import os
import re
import struct
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature as _BadSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EMPTY_ROOT = hashlib.sha256(b"").digest()
FORMAT = "placet-bundle/1"
MAX_ENTRY = 65_535
TILE = 256
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    LookupError,
)
_CLOCK_TOLERANCE = timedelta(minutes=5)
_SMALL, _LINE, _UNPACKED = 1 << 20, 64 << 20, 1 << 30  # caps in bytes: small file, one line, a repacked bundle
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_FINDINGS = 100  # more of one kind are counted, not listed


class InvalidProof(ValueError):
    """An inclusion or consistency proof does not prove what it should."""


class InvalidSignature(ValueError):
    """A note is malformed, or no trusted key signed it."""


class InvalidTrust(ValueError):
    """A trust file or verifier key cannot be read; the message says which line."""


# ---------------------------------------------------------------------------------------------------------- tree


def leaf_hash(data: bytes) -> bytes:
    """Return SHA-256(0x00 || data), the hash of one entry's exact bytes (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right), the hash of an inner node (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root of the tree over ``leaf_hashes``; SHA-256 of nothing for an empty log.

    Pairs level by level, the odd last hash moving up unchanged: the same tree as RFC 9162's split at a power of two.
    """
    level = list(leaf_hashes)
    while len(level) > 1:
        paired = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = paired + level[len(paired) * 2 :]
    return level[0] if level else EMPTY_ROOT


def verify_inclusion(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that ``leaf_hash`` is leaf ``index`` of the tree of ``size`` leaves with this ``root``.

    Raises:
        InvalidProof: it is not, or the proof has the wrong length.
    Source: RFC 9162, 2.1.3.2.
    """
    if not 0 <= index < size:
        raise InvalidProof(f"Index {index} is not inside a tree of size {size}.")
    if len(leaf_hash) != 32 or any(len(p) != 32 for p in proof):
        raise InvalidProof("Every hash in an inclusion proof is 32 bytes long.")
    fn, sn, computed = index, size - 1, leaf_hash
    for sibling in proof:
        if sn == 0:
            raise InvalidProof("The inclusion proof is too long.")
        if fn & 1 or fn == sn:
            computed = node_hash(sibling, computed)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            computed = node_hash(computed, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise InvalidProof("The inclusion proof is too short.")
    if computed != root:
        raise InvalidProof(f"The inclusion proof of entry {index} leads to another root.")


def verify_consistency(  # noqa: C901 the RFC's algorithm in one piece
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree of ``new_size`` begins with the tree of ``old_size``: nothing was changed or removed.

    Raises:
        InvalidProof: it does not; or a size is 0 (an empty tree is consistent with anything, so it proves nothing).
    Source: RFC 9162, 2.1.4.2.
    """
    if not 0 < old_size <= new_size:
        raise InvalidProof(f"No consistency proof exists from size {old_size} to size {new_size}.")
    if old_size == new_size:
        if proof or old_root != new_root:
            raise InvalidProof("Two trees of the same size have different roots, or the proof is not empty.")
        return
    if any(len(h) != 32 for h in (old_root, new_root, *proof)):
        raise InvalidProof("Every hash in a consistency proof is 32 bytes long.")
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not path:
        raise InvalidProof("The consistency proof is too short.")
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if sn == 0:
            raise InvalidProof("The consistency proof is too long.")
        if fn & 1 or fn == sn:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = node_hash(new, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise InvalidProof("The consistency proof is too short.")
    if old != old_root or new != new_root:
        raise InvalidProof(f"The tree of size {new_size} does not begin with the tree of size {old_size}.")


# -------------------------------------------------------------------------------------------------- signed notes


@dataclass(frozen=True)
class Checkpoint:
    """What the log's key signed: ``size`` entries (from index 0) have this 32-byte ``root``."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True)
class Trust:
    """The public keys you trust, as vkeys: ``logs`` sign checkpoints, ``permits`` sign permits."""

    logs: tuple[str, ...]
    permits: tuple[str, ...]


def decode64(text: str) -> bytes:
    """Decode standard base64 strictly: one spelling per value. Raises ValueError."""
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError("not canonical base64")
    return raw


def key_id(name: str, public_key: bytes) -> bytes:
    """Return the 4-byte key id of an Ed25519 key: SHA-256(name || LF || 0x01 || key)[:4] (C2SP signed-note)."""
    return hashlib.sha256(name.encode() + b"\n\x01" + public_key).digest()[:4]


def parse_vkey(vkey: str) -> tuple[str, bytes]:
    """Return (name, 32-byte Ed25519 public key) of ``name+<8 hex>+<base64>``.

    Raises:
        InvalidTrust: malformed, another algorithm than Ed25519, or a key id that does not fit.
    """
    name, _, rest = vkey.partition("+")
    hexid, _, encoded = rest.partition("+")
    try:
        raw = decode64(encoded)
        Ed25519PublicKey.from_public_bytes(raw[1:])
    except (ValueError, binascii.Error):
        raw = b""
    if not name or any(c.isspace() for c in name) or len(raw) != 33 or raw[0] != 1:
        raise InvalidTrust(f"{vkey!r} is not an Ed25519 verifier key (name+id+key).")
    if hexid != key_id(name, raw[1:]).hex():
        raise InvalidTrust(f"The key id in {vkey!r} does not belong to its name and key.")
    return name, raw[1:]


def parse_trust(text: str) -> Trust:
    """Read a trust file: lines ``log <vkey>`` and ``permit <vkey>``, ``#`` comments; several of each are rotation.

    Raises:
        InvalidTrust: a line that is neither; a duplicate key; a key that is malformed.
    """
    keys: dict[str, list[str]] = {"log": [], "permit": []}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#") or words == ["quorum", "none"]:
            continue
        if len(words) != 2 or words[0] not in keys:
            raise InvalidTrust(f"Trust file, line {number}: expected 'log <vkey>' or 'permit <vkey>'.")
        try:
            parse_vkey(words[1])
        except InvalidTrust as error:
            raise InvalidTrust(f"Trust file, line {number}: {error}") from None
        if words[1] in keys[words[0]]:
            raise InvalidTrust(f"Trust file, line {number}: the key is listed twice.")
        keys[words[0]].append(words[1])
    return Trust(logs=tuple(keys["log"]), permits=tuple(keys["permit"]))


def open_note(note: bytes, vkeys: Sequence[str]) -> tuple[str, set[str]]:
    """Return a signed note's text and the names of the trusted keys that signed it.

    Signatures by unknown keys are ignored; one that claims a trusted key and does not verify refuses the whole note.

    Raises:
        InvalidSignature: malformed, wrongly signed, or signed by no trusted key.
        InvalidTrust: one of ``vkeys`` is malformed.
    Source: C2SP signed-note.
    """
    trusted = {(name, key_id(name, raw)): raw for name, raw in map(parse_vkey, vkeys)}
    try:
        text, separator, tail = note.decode().rpartition("\n\n")
    except UnicodeDecodeError:
        raise InvalidSignature("The note is not UTF-8.") from None
    if not separator or not tail.endswith("\n") or any(ord(c) < 32 and c != "\n" for c in text + tail):
        raise InvalidSignature("This is not a signed note: text, an empty line, signature lines.")
    signed_by = set()
    for line in tail[:-1].split("\n"):
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        try:
            blob = decode64(encoded)
        except ValueError:
            blob = b""
        if dash != "\u2014" or not name or len(blob) < 5:
            raise InvalidSignature("A signature line of the note is malformed.")
        if (raw := trusted.get((name, blob[:4]))) is None:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(raw).verify(blob[4:], (text + "\n").encode())
        except _BadSignature:
            raise InvalidSignature(f"The signature of {name} does not fit the note: one of them was changed.") from None
        signed_by.add(name)
    if not signed_by:
        raise InvalidSignature("No key of the trust file signed this note.")
    return text + "\n", signed_by


def parse_checkpoint(note: bytes, vkeys: Sequence[str]) -> Checkpoint:
    """Check a checkpoint's signature and return what it says.

    Args:
        note: the exact bytes of the signed note.
        vkeys: the log keys that you trust.
    Raises:
        InvalidSignature: malformed, or not signed by a trusted key named like the origin.
    Source: C2SP tlog-checkpoint, without extension lines.
    """
    text, signed_by = open_note(note, vkeys)
    lines = text[:-1].split("\n")
    try:
        origin, size, encoded = lines
        raw = decode64(encoded)
    except ValueError:
        raise InvalidSignature("The checkpoint is not origin, size and root on three lines.") from None
    if not re.fullmatch(r"0|[1-9][0-9]{0,18}", size) or len(raw) != 32 or not origin:
        raise InvalidSignature("The checkpoint is not origin, size and root on three lines.")
    if origin not in signed_by:
        raise InvalidSignature(f"The checkpoint of {origin} is not signed by a trusted key of that name.")
    return Checkpoint(origin=origin, size=int(size), root=raw)


# ----------------------------------------------------------------------------------------------------- container
# A bundle is a zip with one spelling: members stored, no extra fields, 1980-01-01, in writing order. So any byte that
# changes shows, also in a header that ordinary zip tools ignore. The writer (placet.bundle) uses these two functions.


def zip_header(name: bytes, crc: int, size: int) -> bytes:
    """Return the only accepted local header of a member: ``size`` bytes (below 4 GiB) with this CRC-32."""
    return struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, 0, 0, 0, 0x21, crc, size, size, len(name), 0) + name


def zip_directory(members: Iterable[tuple[bytes, int, int, int]], end: int) -> bytes:
    """Return the only accepted directory for ``members`` (name, crc, size, offset) whose data stops at ``end``."""
    out, count = bytearray(), 0
    for name, crc, size, offset in members:
        extra = struct.pack("<HHQ", 1, 8, offset) if offset >= 0xFFFFFFFF else b""
        version, lengths = 45 if extra else 20, (len(name), len(extra), 0, 0, 0)
        out += struct.pack("<4sHHHHHHIII", b"PK\x01\x02", (3 << 8) | version, version, 0, 0, 0, 0x21, crc, size, size)
        out += struct.pack("<HHHHHII", *lengths, 0o100644 << 16, min(offset, 0xFFFFFFFF)) + name + extra
        count += 1
    length = len(out)
    if count >= 0xFFFF or end >= 0xFFFFFFFF or length >= 0xFFFFFFFF:  # zip64
        out += struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, (3 << 8) | 45, 45, 0, 0, count, count, length, end)
        out += struct.pack("<4sIQI", b"PK\x06\x07", 0, end + length, 1)
    capped, length, end = min(count, 0xFFFF), min(length, 0xFFFFFFFF), min(end, 0xFFFFFFFF)
    out += struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, capped, capped, length, end, 0)
    return bytes(out)


def tile_path(level: int | str, index: int, width: int = TILE) -> str:
    """Return the path of a tile (``level`` 0 to 63, or ``entries``) as C2SP tlog-tiles spells it."""
    text = f"{index % 1000:03d}"
    while index := index // 1000:
        text = f"x{index % 1000:03d}/{text}"
    return f"tile/{level}/{text}" + ("" if width == TILE else f".p/{width}")


def tiles_of(size: int) -> Iterator[tuple[int, int, int]]:
    """Yield (level, index, width) of every tile that a tree of ``size`` leaves has."""
    level = 0
    while count := size >> (8 * level):
        yield from ((level, index, TILE) for index in range(count >> 8))
        if count & 255:
            yield level, count >> 8, count & 255
        level += 1


# ------------------------------------------------------------------------------------------------------- entries


def canonical_json(value: Any) -> bytes:
    """Return the RFC 8785 bytes of ``value``: objects, arrays, strings, booleans, null and integers.

    Raises:
        ValueError: a float, an integer of 2^53 or more in magnitude, or a string that is not Unicode.
    """
    if isinstance(value, dict):
        keys = sorted(value, key=lambda k: k.encode("utf-16-be"))
        return b"{" + b",".join(canonical_json(k) + b":" + canonical_json(value[k]) for k in keys) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical_json, value)) + b"]"
    if isinstance(value, float) or (isinstance(value, int) and abs(value) >= 2**53):
        raise ValueError("holds a number that is no integer below 2^53")
    return json.dumps(value, ensure_ascii=False).encode()


def _integer(text: str) -> int:
    if len(text) > 17 or abs(number := int(text)) >= 2**53:
        raise ValueError("holds a number that is no integer below 2^53")
    return number


def _refuse(_text: str) -> Any:
    raise ValueError("holds a number that is no integer below 2^53")


_READ = json.JSONDecoder(parse_int=_integer, parse_float=_refuse, parse_constant=_refuse).decode
_WRITE = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def load_canonical(data: bytes) -> Any:
    """Read canonical JSON (RFC 8785). Raises ValueError with a phrase that says what is wrong."""
    try:
        value = _READ(data.decode())
        # Python sorts keys by code point, RFC 8785 by UTF-16: the same below U+E000, whose UTF-8 begins with 0xEE.
        alike = data.isascii() or max(data) < 0xEE
        same = (_WRITE(value).encode() if alike else canonical_json(value)) == data
    except (ValueError, RecursionError) as error:
        raise ValueError(str(error) if "2^53" in str(error) else "is not JSON") from None
    if not same:
        raise ValueError("is not written in canonical JSON (RFC 8785)")
    return value


def parse_entry(body: bytes) -> dict[str, Any]:
    """Read one entry's exact bytes. Raises ValueError with what is wrong, also when they are not canonical."""
    entry: dict[str, Any] = load_canonical(body)
    if not _is_entry(entry):
        raise ValueError("does not have the fields of a version 1 entry")
    if not _UUID.fullmatch(entry["id"]):
        raise ValueError("has an id that is not a UUID")
    parse_time(entry["at"])
    return entry


def _is_entry(entry: Any) -> bool:
    keys = {"v", "log", "id", "event", "at", "actor", "subjects", "data", "payload"}
    return (
        isinstance(entry, dict)
        and set(entry) == keys
        and entry["v"] == 1
        and all(isinstance(entry[k], str) for k in ("log", "id", "event", "at", "actor"))
        and isinstance(entry["payload"], str | None)
        and isinstance(entry["data"], dict)
        and isinstance(entry["subjects"], list)
        and all(isinstance(s, dict) and set(s) == {"table", "key", "before", "after"} for s in entry["subjects"])
        and all(isinstance(s["table"], str) and isinstance(s["key"], str) for s in entry["subjects"])
        and all(isinstance(s["before"], str | None) and isinstance(s["after"], str | None) for s in entry["subjects"])
    )


def parse_time(text: str) -> datetime:
    """Read ``2026-11-23T18:00:00.123456Z``, the only spelling of a time. Raises ValueError."""
    if not _TIME.fullmatch(text):
        raise ValueError(f"{text!r} is not a UTC time with microseconds")
    return datetime.fromisoformat(text)


def commitment(salt: bytes, payload: bytes) -> str:
    """Return the digest by which an entry commits to an erasable payload under a 32-byte salt."""
    return "sha256:" + hashlib.sha256(b"placet/payload/v1\x00" + salt + payload).hexdigest()


# -------------------------------------------------------------------------------------------------------- report


class Verdict(StrEnum):
    """The answer to one of the three questions."""

    HOLDS = "holds"
    FAILS = "fails"
    NOT_SHOWN = "not shown"


LIMITS: Mapping[str, str] = {
    "integrity": "Does not show that what was written was true, nor that nothing was left out.",
    "completeness": "Does not show changes to tables that are not governed, nor what was never written down.",
    "anchoring": "Reaches as far as the newest checkpoint you bring; without one, a log rewritten with its key passes.",
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or missing; ``index``, ``entry_id`` and ``event`` name the entry when there is one."""

    part: str
    message: str
    index: int | None = None
    entry_id: str | None = None
    event: str | None = None
    file: str | None = None


@dataclass(frozen=True)
class Report:
    """What a bundle shows: three verdicts and every finding behind them."""

    integrity: Verdict
    completeness: Verdict
    anchoring: Verdict
    findings: tuple[Finding, ...]
    origin: str | None = None
    size: int | None = None
    root: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 nothing wrong; 3 tampered (integrity or anchoring fails); 4 incomplete."""
        if Verdict.FAILS in (self.integrity, self.anchoring):
            return 3
        return 0 if self.completeness == Verdict.HOLDS else 4

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        head = {p: {"verdict": str(getattr(self, p)), "does_not_show": LIMITS[p]} for p in LIMITS}
        found = [{k: v for k, v in vars(f).items() if v is not None} for f in self.findings]
        tail = {"origin": self.origin, "size": self.size, "root": self.root, "notes": list(self.notes)}
        return {**head, "findings": found, **tail, "exit_code": self.exit_code}


# -------------------------------------------------------------------------------------------------------- bundle


class _Entry(NamedTuple):
    """What is kept of an entry once it was read."""

    id: str
    event: str
    payload: str | None


@dataclass
class _Check:
    """The state of one verification: what was read, and what was found."""

    trust: Trust
    files: dict[str, memoryview | bytes] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    levels: list[list[bytes]] = field(default_factory=list)  # levels[l][i] = root of leaves [i * 256^l, (i+1) * 256^l)
    entries: list[_Entry | None] = field(default_factory=list)  # None: cannot be read
    by_id: dict[str, int] = field(default_factory=dict)
    newest: dict[tuple[str, str], tuple[int, Any]] = field(default_factory=dict)  # (table, key): (index, after)
    redacted: dict[str, int] = field(default_factory=dict)  # id of the redacted entry: index of the redaction
    damaged: bool = False  # the entries are not what was signed
    doubtful: bool = False  # an entry does not fit its hash, so what entries say cannot be compared with other things

    def find(
        self, part: str, message: str, *, index: int | None = None, file: str | None = None, entry_id: str | None = None
    ) -> None:
        """Add a finding; after a hundred of a part, only count."""
        self.counts[part] = self.counts.get(part, 0) + 1
        if self.counts[part] > _FINDINGS:
            return
        entry = self.entries[index] if index is not None and index < len(self.entries) else None
        about = (entry.id, entry.event) if entry else (entry_id, None)
        self.findings.append(Finding(part, message, index, about[0], about[1], file))

    def read(self, name: str, limit: int = _SMALL) -> bytes | None:
        """Return a file's bytes; None and a finding when it is missing or too long to be what it claims to be."""
        self.seen.add(name)
        data = self.files.get(name)
        if data is None:
            self.find("integrity", f"{name} is missing from the bundle.", file=name)
        elif len(data) > limit:
            self.find("integrity", f"{name} is larger than {limit} bytes.", file=name)
        else:
            return bytes(data)
        return None

    def json(self, name: str) -> Any:
        """Return a canonical JSON file's value; None and a finding when it is not one."""
        data = self.read(name, _LINE)
        try:
            return None if data is None else load_canonical(data)
        except ValueError as error:
            self.find("integrity", f"{name} {error}.", file=name)
        return None

    def lines(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of a .jsonl file, one canonical JSON object per line."""
        self.seen.add(name)
        if name not in self.files:
            self.find("integrity", f"{name} is missing from the bundle.", file=name)
        for number, line in enumerate(_lines(self.files.get(name, b"")), start=1):
            try:
                value = load_canonical(line.removesuffix(b"\n"))
            except ValueError as error:
                self.find("integrity", f"{name}, line {number}, {error}.", file=name)
                continue
            if isinstance(value, dict) and line.endswith(b"\n"):
                yield value
            else:
                self.find("integrity", f"{name}, line {number}, is not one object on one line.", file=name)

    def root_at(self, size: int) -> bytes:
        """Return the root over the first ``size`` entries, from the hashes of full tiles."""
        right: list[bytes] = []
        for level, hashes in enumerate(self.levels):
            count = size >> (8 * level)
            if items := hashes[count - (count & 255) : count] + right:
                right = [root(items)]
        return right[0] if right else EMPTY_ROOT


def _lines(data: memoryview | bytes) -> Iterator[bytes]:
    """Yield the lines of ``data`` with their ends, without copying all of it."""
    rest = b""
    for start in range(0, len(data), _SMALL):
        *whole, rest = (rest + bytes(data[start : start + _SMALL])).split(b"\n")
        yield from (line + b"\n" for line in whole)
        if len(rest) > _LINE:
            break
    if rest:
        yield rest


def verify_bundle(
    path: str | os.PathLike[str],
    *,
    policy: str | os.PathLike[str],
    checkpoints: Sequence[str | bytes | os.PathLike[str]] = (),
) -> Report:
    """Check a bundle against the keys you trust and the checkpoints you kept.

    Args:
        path: the bundle (.zip). Nothing is unpacked to disk.
        policy: the trust file, as its text or its path.
        checkpoints: signed notes that you received from elsewhere than this bundle, each as bytes, text or path.
    Returns: a report; a bundle that is broken or hostile gives findings, never an exception.
    Raises:
        InvalidTrust: the trust file cannot be read as one, or lists no log key.
        OSError: a file cannot be opened.
    """
    trust = parse_trust(_given(policy).decode())
    if not trust.logs:
        raise InvalidTrust("The trust file lists no log key: it needs at least one line 'log <vkey>'.")
    seen_notes = [_given(note) for note in checkpoints]
    check = _Check(trust)
    _open_container(check, Path(path))
    head = _head(check)
    if head is None:
        return _report(check, None, _anchoring(check, None, seen_notes))
    manifest = _manifest(check, head)
    _entries(check, head, manifest.get("created_at"))
    _anchored(check, head)
    _payloads(check, manifest)
    _governed(check, manifest)
    check.seen.add("README.txt")
    for name in sorted(set(check.files) - check.seen):
        check.find("integrity", f"{name[:200]!r} does not belong in a bundle.", file=name[:200])
    return _report(check, head, _anchoring(check, head, seen_notes))


def _given(source: str | bytes | os.PathLike[str]) -> bytes:
    """Return the bytes of a text or of the file at a path; a string with a line end or a vkey is text."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, str) and ("\n" in source or source.startswith(("log ", "permit "))):
        return source.encode()
    return Path(source).read_bytes()


def _report(check: _Check, head: Checkpoint | None, anchoring: Verdict) -> Report:
    for part, count in check.counts.items():
        if count > _FINDINGS:
            check.notes.append(f"{count - _FINDINGS} more findings about {part} are not listed.")
    integrity = Verdict.FAILS if check.counts.get("integrity") else Verdict.HOLDS
    completeness = Verdict.HOLDS if integrity == Verdict.HOLDS else Verdict.NOT_SHOWN
    if check.counts.get("unshown"):
        completeness = Verdict.NOT_SHOWN
    if check.counts.get("completeness"):
        completeness = Verdict.FAILS
    found = tuple(Finding(**{**vars(f), "part": f.part.replace("unshown", "completeness")}) for f in check.findings)
    notes = tuple(check.notes)
    if head is None:
        return Report(integrity, completeness, anchoring, found, notes=notes)
    root_digest = "sha256:" + head.root.hex()
    return Report(integrity, completeness, anchoring, found, head.origin, head.size, root_digest, notes)


def _open_container(check: _Check, path: Path) -> None:
    """Fill ``check.files``: strictly by our own walk, else, after a finding, by whatever zipfile makes of it."""
    with path.open("rb") as file:
        if not (length := os.fstat(file.fileno()).st_size):
            check.find("integrity", "The bundle is an empty file.")
            return
        data = memoryview(mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ))
    offset, members = 0, []
    while bytes(data[offset : offset + 4]) == b"PK\x03\x04" and offset + 30 <= length:
        crc, size, _, name_length = struct.unpack_from("<IIIH", data, offset + 14)
        name = bytes(data[offset + 30 : offset + 30 + name_length])
        start = offset + 30 + name_length
        if data[offset:start] != zip_header(name, crc, size) or start + size > length or not name.isascii():
            break
        content = data[start : start + size]
        if zlib.crc32(content) != crc:
            check.find("integrity", f"{name.decode()} was changed: its checksum differs.", file=name.decode())
        if name.decode() in check.files:
            check.find("integrity", f"{name.decode()} is in the bundle twice.", file=name.decode())
        check.files.setdefault(name.decode(), content)
        members.append((name, crc, size, offset))
        offset = start + size
    expected = zip_directory(members, offset)
    if data[offset:] == expected:
        return
    rest = bytes(data[offset : offset + len(expected)])
    at = offset + next((i for i, (a, b) in enumerate(zip(rest, expected, strict=False)) if a != b), len(rest))
    check.find(
        "integrity", f"From byte {at} on, the file is not a bundle as Placet writes it: cut, changed or repacked."
    )
    if bytes(data[offset : offset + 4]) != b"PK\x01\x02":
        _unpack(check, path)


def _unpack(check: _Check, path: Path) -> None:
    """Read what the walk did not, so that findings can name entries. Sizes are capped; names are only looked up."""
    total = sum(map(len, check.files.values()))
    try:
        with zipfile.ZipFile(path) as archive:
            for name, times in Counter(info.filename for info in archive.infolist()).items():
                if times > 1:
                    check.find("integrity", f"{name[:200]!r} is in the bundle {times} times.", file=name[:200])
            for info in archive.infolist():
                if info.filename in check.files:
                    continue
                total += info.file_size
                if total > _UNPACKED:
                    check.find("integrity", "The bundle unpacks to more than 1 GiB; the rest is not read.")
                    return
                try:
                    with archive.open(info) as member:
                        check.files[info.filename] = member.read(info.file_size)
                except (*_ZIP_ERRORS, RuntimeError):
                    check.find("integrity", f"{info.filename[:200]!r} cannot be read.", file=info.filename[:200])
    except _ZIP_ERRORS:
        check.find("integrity", "The file's directory cannot be read: it is not a zip file, or it was cut short.")


def _head(check: _Check) -> Checkpoint | None:
    """Return the bundle's latest checkpoint; unsigned figures stand in when the signature fails, after a finding."""
    note = check.read("checkpoint")
    if note is None:
        return None
    try:
        head = parse_checkpoint(note, check.trust.logs)
    except InvalidSignature as error:
        check.find("integrity", f"checkpoint: {error}", file="checkpoint")
        try:
            origin, size, encoded = note.decode().split("\n")[:3]
            head = Checkpoint(origin, int(size[:19]), decode64(encoded))
        except ValueError:
            return None
    if head.size > TILE * (len(check.files) + 1000):
        check.find("integrity", f"The checkpoint speaks of {head.size} entries; the bundle is too small to hold them.")
        return None
    return head


def _manifest(check: _Check, head: Checkpoint) -> dict[str, Any]:
    """Check manifest.json against the checkpoint and return it; an empty one when it cannot be read."""
    manifest = check.json("manifest.json")
    keys = {"format", "origin", "size", "root", "created_at", "entries", "payloads", "governed", "pending"}
    if not isinstance(manifest, dict) or set(manifest) != keys or manifest["format"] != FORMAT:
        if manifest is not None:
            check.find("integrity", f"manifest.json is not a manifest of {FORMAT}.", file="manifest.json")
        return {}
    for key, value in {"origin": head.origin, "size": head.size, "root": "sha256:" + head.root.hex()}.items():
        if manifest[key] != value:
            check.find("integrity", f"manifest.json names another {key} than the checkpoint.", file="manifest.json")
    counts = [manifest[k] for k in ("entries", "payloads", "governed", "pending")]
    try:
        parse_time(manifest["created_at"])
    except (ValueError, TypeError):
        counts = []
    if not counts or any(not isinstance(n, int) or isinstance(n, bool) or n < 0 for n in counts):
        check.find("integrity", "manifest.json has a count or time that is not one.", file="manifest.json")
        return {}
    if manifest["entries"] != head.size:
        check.find("completeness", f"The manifest counts {manifest['entries']} entries, the checkpoint {head.size}.")
    return manifest


def _entries(check: _Check, head: Checkpoint, created_at: str | None) -> None:
    """Hash every entry, find the ones that are not what was signed, check the tiles, then judge what entries say."""
    leaves: list[bytes | None] = []
    tiles: list[bytes | None] = []
    times: list[datetime | None] = []
    problems: dict[int, str] = {}
    for level, index, width in tiles_of(head.size):
        if level:
            break
        name = tile_path(0, index, width)
        tile = check.read(name)
        if tile is not None and len(tile) != 32 * width:
            check.find("integrity", f"{name} does not hold {width} hashes.", file=name)
            tile = None
        tiles += [tile[i * 32 : i * 32 + 32] if tile else None for i in range(width)]
        for body in _bodies(check, index, width):
            at = len(leaves)
            leaves.append(None if body is None else leaf_hash(body))
            times.append(_remember(check, body, head, problems, trusted=leaves[at] == tiles[at]))
    _compare_leaves(check, head, leaves, tiles)
    _check_times(times, created_at, problems)
    for at, problem in problems.items():
        if leaves[at] == tiles[at]:  # else it was already named
            check.find("integrity", f"Entry {at} {problem}.", index=at)


def _check_times(times: list[datetime | None], created_at: str | None, problems: dict[int, str]) -> None:
    """Note entries dated before the ones that precede them, or after the bundle; five minutes are tolerated."""
    latest = datetime.min.replace(tzinfo=UTC) + _CLOCK_TOLERANCE
    limit = parse_time(created_at) if created_at else None
    for at, when in enumerate(times):
        if when is None:
            continue
        if when < latest - _CLOCK_TOLERANCE:
            problems.setdefault(at, f"is dated {when.isoformat()}, before the entries that precede it")
        if limit and when - limit > _CLOCK_TOLERANCE:
            problems.setdefault(at, f"is dated {when.isoformat()}, after the bundle was made")
        latest = max(latest, when)


def _remember(
    check: _Check, body: bytes | None, head: Checkpoint, problems: dict[int, str], *, trusted: bool
) -> datetime | None:
    """Read the next entry, keep what later checks need of it, and return its time.

    Of an entry that does not fit its hash only id and event are kept, to name it: nothing follows from what it says.
    """
    at = len(check.entries)
    check.entries.append(None)
    try:
        entry = parse_entry(body or b"")
    except ValueError as error:
        problems[at] = str(error)
        check.doubtful = True
        return None
    check.entries[at] = _Entry(entry["id"], sys.intern(entry["event"]), entry["payload"])
    if not trusted:
        check.doubtful = True
        return None
    if entry["log"] != head.origin:
        problems[at] = "belongs to another log"
    if entry["id"] in check.by_id:
        problems[at] = f"has the same id as entry {check.by_id[entry['id']]}"
    check.by_id[entry["id"]] = at
    for subject in entry["subjects"]:
        check.newest[subject["table"], subject["key"]] = (at, subject["after"])
    if entry["event"] == "payload.redacted" and isinstance(redacted := entry["data"].get("entry"), str):
        check.redacted[redacted] = at
    return parse_time(entry["at"])


def _bodies(check: _Check, index: int, width: int) -> Iterator[bytes | None]:
    """Yield ``width`` entries of one entry bundle; None for each that cannot be told apart any more."""
    name = tile_path("entries", index, width)
    data = check.read(name, TILE * (MAX_ENTRY + 2)) or b""
    offset = count = 0
    while count < width and offset + 2 <= len(data):
        length = int.from_bytes(data[offset : offset + 2], "big")
        if offset + 2 + length > len(data):
            break
        yield data[offset + 2 : offset + 2 + length]
        offset, count = offset + 2 + length, count + 1
    if (count < width or offset != len(data)) and name in check.files:
        at = index * TILE + count
        check.find(
            "integrity", f"{name} does not hold {width} entries: it breaks off at entry {at}.", index=at, file=name
        )
    yield from [None] * (width - count)


def _compare_leaves(check: _Check, head: Checkpoint, leaves: list[bytes | None], tiles: list[bytes | None]) -> None:
    """Compare entries, tiles and the signed root, and say which of them differs."""
    by_entry = [leaf or tile or EMPTY_ROOT for leaf, tile in zip(leaves, tiles, strict=True)]
    by_tile = [tile or leaf or EMPTY_ROOT for leaf, tile in zip(leaves, tiles, strict=True)]
    right = None not in leaves and root(by_entry) == head.root
    tile_right = right or root(by_tile) == head.root
    check.damaged = not right
    for i, (leaf, tile) in enumerate(zip(leaves, tiles, strict=True)):
        if leaf is None:
            check.find("integrity", f"Entry {i} cannot be read.", index=i)
        elif leaf != tile and right:
            check.find("integrity", f"The stored hash of entry {i} was changed; the entry is as signed.", index=i)
        elif leaf != tile:
            what = "is not what was signed" if tile_right else "does not fit its stored hash"
            check.find("integrity", f"Entry {i} {what}.", index=i)
    if not tile_right:
        check.find("integrity", f"The {head.size} entries do not have the root that the checkpoint signs.")
    check.levels = [by_entry if right else by_tile]
    while len(below := check.levels[-1]) >= TILE:
        check.levels.append([root(below[i : i + TILE]) for i in range(0, len(below) - TILE + 1, TILE)])
    for level, index, width in tiles_of(head.size):
        if not level:
            continue
        name = tile_path(level, index, width)
        hashes = b"".join(check.levels[level][index * TILE : index * TILE + width])
        if check.read(name) not in (None, hashes):
            check.find("integrity", f"{name} does not hold the hashes of the tiles below it.", file=name)


def _anchored(check: _Check, head: Checkpoint) -> None:
    """Check every anchored checkpoint in the bundle against the entries, and the consistency proofs between them."""
    good, known = 0, {head.size: head.root}
    for name in sorted(n for n in check.files if n.startswith("checkpoints/")):
        try:
            note = parse_checkpoint(check.read(name) or b"", check.trust.logs)
        except InvalidSignature as error:
            check.find("integrity", f"{name}: {error}", file=name)
            continue
        if name != f"checkpoints/{note.size:020d}.note" or note.origin != head.origin or note.size > head.size:
            check.find("integrity", f"{name} is not a checkpoint of this log up to its latest one.", file=name)
        elif check.root_at(note.size) != note.root:
            first = f"an entry from {good} to {note.size - 1} was changed, added or removed"
            check.find("integrity", f"{name}: the first {note.size} entries have another root; {first}.", file=name)
            known[note.size] = note.root
        else:
            good = note.size
            known[note.size] = note.root
    sizes = sorted(size for size in known if size)
    for old, new in pairwise(sizes):
        name = f"consistency/{old}-{new}.json"
        value = check.json(name)
        if value is None:
            continue
        try:
            verify_consistency(old, new, known[old], known[new], [decode64(h) for h in value["proof"]])
        except (ValueError, TypeError, KeyError) as error:
            check.find("integrity", f"{name}: {error}", file=name)


def _payloads(check: _Check, manifest: dict[str, Any]) -> None:
    """Check each payload against the commitment in its entry, and that each missing one was redacted on record."""
    found: set[int] = set()
    count = 0
    for count, line in enumerate(check.lines("payloads.jsonl"), start=1):
        at: Any = line.get("index")
        if not isinstance(at, int) or not 0 <= at < len(check.entries):
            check.find("integrity", f"payloads.jsonl, line {count}, belongs to no entry.", file="payloads.jsonl")
            continue
        try:
            digest = commitment(decode64(line["salt"]), line["payload"].encode())
        except (KeyError, ValueError, AttributeError, TypeError):
            check.find("integrity", f"payloads.jsonl, line {count}, is not a payload.", file="payloads.jsonl")
            continue
        entry = check.entries[at]
        if entry is None:
            continue  # an entry that cannot be read is already a finding
        if entry.payload != digest or at in found:
            check.find("integrity", f"The payload of entry {at} is not the one it commits to.", index=at)
        elif entry.id in check.redacted:
            by = check.redacted[entry.id]
            check.find("completeness", f"Entry {at} was redacted by entry {by}; its payload is still here.", index=at)
        found.add(at)
    if manifest and count != manifest["payloads"]:
        check.find("completeness", f"The manifest counts {manifest['payloads']} payloads; the bundle holds {count}.")
    if not check.doubtful:
        _missing_payloads(check, found)


def _missing_payloads(check: _Check, found: set[int]) -> None:
    """Tell payloads that were erased on record from payloads that are gone."""
    for at, entry in enumerate(check.entries):
        if entry is None or entry.payload is None or at in found:
            continue
        if entry.id in check.redacted:
            check.notes.append(f"The payload of entry {at} was erased; entry {check.redacted[entry.id]} records it.")
        else:
            check.find("completeness", f"The payload of entry {at} is missing; no entry records its erasure.", index=at)


def _governed(check: _Check, manifest: dict[str, Any]) -> None:
    """Check that the governed rows and the log's newest word about each of them agree, in both directions."""
    listed: set[tuple[str, str]] = set()
    waiting: set[str] = set()
    count = 0
    for count, row in enumerate(check.lines("governed.jsonl"), start=1):
        if set(row) != {"table", "key", "log_entry", "digest"} or not all(isinstance(v, str) for v in row.values()):
            check.find("integrity", f"governed.jsonl, line {count}, is not a governed row.", file="governed.jsonl")
            continue
        if (row["table"], row["key"]) in listed:
            check.find("completeness", f"{row['table']} {row['key']} is listed twice.", entry_id=row["log_entry"])
        listed.add((row["table"], row["key"]))
        if row["log_entry"] not in check.by_id:
            waiting.add(row["log_entry"])
        if not check.doubtful:
            _governed_row(check, row, may_wait=bool(manifest) and len(waiting) <= manifest["pending"])
    if manifest and count != manifest["governed"]:
        check.find("completeness", f"The manifest counts {manifest['governed']} governed rows; the bundle has {count}.")
    if manifest and manifest["pending"]:
        check.notes.append(f"{manifest['pending']} entries were not yet in the tree when the bundle was made.")
    if check.doubtful:
        check.notes.append("Governed rows are not compared with entries that cannot be read or differ from their hash.")
    else:
        _missing_rows(check, listed)


def _missing_rows(check: _Check, listed: set[tuple[str, str]]) -> None:
    """Find rows that stand by the log's newest word, but not in the database."""
    for name, (at, after) in check.newest.items():
        if after is not None and name not in listed:
            check.find("completeness", f"{' '.join(name)} stands by entry {at}, but the row is gone.", index=at)


def _governed_row(check: _Check, row: dict[str, str], *, may_wait: bool) -> None:
    """Compare one governed row with the newest entry that names it."""
    where, named = f"{row['table']} {row['key']}", row["log_entry"]
    at, after = check.newest.get((row["table"], row["key"]), (None, None))
    if named not in check.by_id and may_wait:
        check.find("unshown", f"{where} names an entry that is not in the log yet.", entry_id=named)
    elif named not in check.by_id:
        check.find("completeness", f"{where} names an entry that is not in the log.", entry_id=named)
    elif at is None:
        check.find("completeness", f"No entry of the log names {where}.", entry_id=named)
    elif check.by_id[named] != at:
        check.find("completeness", f"{where} names another entry than {at}, the newest about it.", index=at)
    elif after != row["digest"]:
        check.find("completeness", f"{where} is not what entry {at} left: changed without an entry.", index=at)


def _anchoring(check: _Check, head: Checkpoint | None, notes: Sequence[bytes]) -> Verdict:
    """Compare the checkpoints from outside with the entries in the bundle."""
    for number, note in enumerate(notes, start=1):
        which = f"Outside checkpoint {number}" if len(notes) > 1 else "The outside checkpoint"
        try:
            seen = parse_checkpoint(note, check.trust.logs)
        except InvalidSignature as error:
            check.find("anchoring", f"{which}: {error}")
            continue
        if head is None or not seen.size:
            check.find("anchoring", f"{which} cannot be compared: it is of an empty log, or the bundle is unreadable.")
        elif seen.origin != head.origin:
            check.find("anchoring", f"{which} is of the log {seen.origin}, the bundle of {head.origin}.")
        elif seen.size > head.size:
            why = "the bundle is older, or entries were removed"
            check.find("anchoring", f"{which} counts {seen.size} entries, the bundle {head.size}: {why}.")
        elif check.root_at(seen.size) != seen.root:
            check.find("anchoring", f"{which} signs another history of the first {seen.size} entries.")
    if check.counts.get("anchoring"):
        return Verdict.FAILS
    if notes and not check.damaged:
        return Verdict.HOLDS
    return Verdict.NOT_SHOWN


def main(arguments: Sequence[str]) -> int:
    """Run ``verify.py bundle.zip policy.txt [seen.note ...]``: print the report as JSON, return the exit code."""
    if len(arguments) < 2:
        sys.stderr.write("usage: python verify.py bundle.zip policy.txt [seen.note ...]\n")
        return 2
    try:
        report = verify_bundle(arguments[0], policy=Path(arguments[1]), checkpoints=[Path(a) for a in arguments[2:]])
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(report.to_dict(), indent=2, ensure_ascii=False) + "\n")
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
