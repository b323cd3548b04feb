"""Verify a Placet log offline: proofs, checkpoints and whole bundles. This is the only verifier.

It needs Python 3.11, its standard library and ``cryptography``, imports nothing else of Placet, and runs alone when it
is copied: ``python verify.py bundle.zip policy.txt [seen.note ...]``. It answers three questions, each with ``holds``,
``fails`` or ``not shown``: integrity (are these the bytes that the log's key signed?), completeness (does the log speak
for all that stands in the database's governed tables?), anchoring (is this the log that somebody outside saw?).

Sources: RFC 9162 (tree), RFC 8785 (JSON), C2SP signed-note, tlog-checkpoint and tlog-proof.
"""

import argparse
import base64
import json
import os
import re
import sqlite3
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature as _BadSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EMPTY_ROOT = sha256(b"").digest()
FORMAT, TILE, MAX_ENTRY, MAX_MEMBER = "placet-bundle/1", 256, 65_535, 1 << 28  # name, entries, bytes, bytes
_MOST = 100  # findings of one kind that are listed
_NUMBER = "(?:0|[1-9][0-9]{0,17})"
_NOTE = re.compile("([^\x00-\x09\x0b-\x1f]*\n)\n((?:\u2014 [^ \n]+ [^ \n]+\n)+)")
_CHECKPOINT = re.compile(rf"([^\n]+)\n({_NUMBER})\n([A-Za-z0-9+/]{{42}}[AEIMQUYcgkosw048]=)\n\n")
_RECEIPT = re.compile(rf"c2sp\.org/tlog-proof@v1\n(?:extra ([^\n]*)\n)?index ({_NUMBER})((?:\n[^\n]+)*)")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


class InvalidProof(ValueError):
    """An inclusion or consistency proof does not prove what it should."""


class InvalidSignature(ValueError):
    """A note is malformed, or no trusted key signed it."""


class InvalidTrust(ValueError):
    """A trust file or verifier key cannot be read; the message says which line."""


def _need(fact: object, otherwise: Exception | str) -> None:
    if not fact:
        raise ValueError(otherwise) if isinstance(otherwise, str) else otherwise


def leaf_hash(data: bytes) -> bytes:
    """Return SHA-256(0x00 || data), the hash of one entry's exact bytes (RFC 9162, 2.1.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right), the hash of an inner node (RFC 9162, 2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over hashes of leaves (or of equally large complete subtrees); SHA-256 of nothing for none."""
    level = list(leaf_hashes)
    while len(level) > 1:  # the odd last hash moves up unchanged: the same tree as RFC 9162's split at a power of two
        pairs = [sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
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
    wrong = InvalidProof(f"The tree of size {new_size} does not begin with the tree of size {old_size}.")
    if old_size == new_size:
        return _need(old_root == new_root and not proof, wrong)
    level = (old_size & -old_size).bit_length() - 1  # of the old tree's last complete subtree: there the proof begins
    seed, *path = (proof or [b""]) if old_size & (old_size - 1) else [old_root, *proof]
    found = _climb((old_size - 1) >> level, (new_size - 1) >> level, seed, path)
    return _need(found == (old_root, new_root), wrong)


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
    _need(base64.b64encode(raw).decode() == text, "not canonical base64")
    return raw


def key_id(name: str, public_key: bytes, kind: int = 1) -> bytes:
    """Return a key's 4-byte id: SHA-256(name || LF || signature type || key)[:4] (C2SP signed-note)."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + public_key).digest()[:4]


def parse_vkey(vkey: str, kind: int = 1) -> tuple[str, bytes]:
    """Return (name, Ed25519 key) of ``name+<8 hex>+<base64>``, or raise InvalidTrust. Type 1 signs, 4 cosigns."""
    found = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})", vkey)
    if found is None or (raw := decode64(found[3]))[0] != kind:
        raise InvalidTrust(f"{vkey!r} is not an Ed25519 verifier key (name+id+key) of type {kind}.")
    fits = key_id(found[1], raw[1:], kind).hex() == found[2]
    _need(fits, InvalidTrust(f"The key id in {vkey!r} does not belong to its name and key."))
    return found[1], raw[1:]


def open_note(note: bytes, vkeys: Iterable[str]) -> tuple[str, list[str]]:
    """Return a signed note's text (C2SP signed-note), and those of ``vkeys`` that signed it; other keys are ignored.

    Raises InvalidSignature when there is none, or a line that claims one of these keys does not verify.
    """
    try:
        text, tail = _NOTE.fullmatch(note.decode()).groups()  # type: ignore[union-attr]
        lines = [(name, decode64(blob)) for _, name, blob in (line.split(" ") for line in tail[:-1].split("\n"))]
    except (ValueError, AttributeError):
        raise InvalidSignature("This is no signed note: text, an empty line, well-formed signature lines.") from None
    signed = []
    for vkey, (name, raw) in ((vkey, parse_vkey(vkey)) for vkey in vkeys):
        for blob in (blob for who, blob in lines if (who, blob[:4]) == (name, key_id(name, raw))):
            try:
                Ed25519PublicKey.from_public_bytes(raw).verify(blob[4:], text.encode())
            except _BadSignature:
                raise InvalidSignature(f"The signature of {name} does not fit: it or the text was changed.") from None
            signed.append(vkey)
    _need(signed, InvalidSignature("No key of the trust file that counts for this note's name and size signed it."))
    return text, signed


def parse_checkpoint(note: bytes, vkeys: Iterable[str]) -> Checkpoint:
    """Check a checkpoint's signature and return what it says (C2SP tlog-checkpoint without extension lines).

    A vkey may end in `` until <size>``: it counts for checkpoints of at most that size. Raises InvalidSignature when
    the note is malformed, or not signed by a trusted key that is named like its origin.
    """
    if not (lines := _CHECKPOINT.match(note.decode(errors="replace"))):
        raise InvalidSignature("This is no signed note of a checkpoint: origin, size and root on three lines.")
    origin, size = lines[1], int(lines[2])
    limits = (vkey.partition(" until ") for vkey in vkeys if vkey.startswith(f"{origin}+"))
    open_note(note, [vkey for vkey, _, until in limits if not until or size <= int(until)])
    return Checkpoint(origin, size, base64.b64decode(lines[3]))


def open_receipt(receipt: bytes) -> tuple[int, list[bytes], bytes, bytes | None]:
    """Return index, proof, checkpoint note and extra data of a C2SP tlog-proof, unverified, or raise InvalidProof."""
    head, _, note = receipt.partition(b"\n\n")
    with suppress(ValueError):
        if found := _RECEIPT.fullmatch(head.decode()):
            extra = None if found[1] is None else decode64(found[1])
            return int(found[2]), [decode64(line) for line in found[3].split("\n")[1:]], note, extra
    raise InvalidProof("The receipt is not a C2SP tlog-proof.")


def log_keys(trust: str) -> tuple[str, ...]:
    """Return the keys in a trust file's lines ``log <vkey> [until <size>]``, or raise InvalidTrust."""
    keys = [" ".join(words[1:]) for line in trust.splitlines() if (words := line.split())[:1] == ["log"]]
    for vkey, sep, until in (key.partition(" until ") for key in keys):
        parse_vkey(vkey)
        _need(until.isdecimal() or not sep, InvalidTrust(f"'until {until}' in the trust file names no size."))
    _need(keys, InvalidTrust("The trust file lists no log key: it needs at least one line 'log <vkey>'."))
    return tuple(keys)


def add_member(archive: zipfile.ZipFile, name: str, data: bytes) -> str:
    """Write a member as every bundle has it, stored and dated 1980-01-01, and return its digest."""
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, 0o100644 << 16
    archive.writestr(info, data)
    return f"sha256:{sha256(data).hexdigest()}"


class _Box(NamedTuple):
    # Where each member's bytes stand in the file: all that a worker process needs to read by itself.
    path: Path
    members: dict[str, tuple[int, int]]  # name -> offset of its data, size

    def read(self, name: str) -> bytes:
        offset, size = self.members.get(name, (0, 0))
        _need(size <= MAX_MEMBER, f"{name[:200]} is larger than any member of a bundle")
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def lines(self, kind: str, tile: int) -> list[bytes]:
        *lines, rest = self.read(f"{kind}/{tile:08}.jsonl").split(b"\n")
        return [*lines, rest, b""] if rest else lines  # behind a line that does not end stands one that is nothing


def _integer(text: str) -> int:
    _need(re.fullmatch("-?[0-9]{1,16}", text) and abs(int(text)) < 2**53, "a number is no integer below 2^53")
    return int(text)


_READ = json.JSONDecoder(parse_int=_integer, parse_float=_integer, parse_constant=_integer).raw_decode
_WRITE = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def load_canonical(data: bytes) -> Any:
    """Read canonical JSON (RFC 8785). Raises ValueError with a phrase that says what is wrong."""
    try:
        text = data.decode()
        value = _READ(text)[0]
        if not text.isascii():  # Python sorts keys by code points, RFC 8785 by UTF-16 units: make these code points
            text = _ASTRAL.sub(lambda c: chr(0xD7C0 + (ord(c[0]) >> 10)) + chr(0xDC00 + (ord(c[0]) & 0x3FF)), text)
        same = _WRITE(value if text.isascii() else _READ(text)[0]) == text
    except (ValueError, RecursionError) as error:
        raise ValueError(str(error) if "2^53" in str(error) else "is not JSON") from None
    _need(same, "is not written in canonical JSON (RFC 8785)")
    return value


_FIELDS = ["actor", "at", "data", "event", "id", "log", "payload", "subjects", "v"]
_TYPES = [[str, str, dict, str, str, str, payload, list, int] for payload in (str, type(None))]
_SUBJECT, _TEXTS = ["after", "before", "key", "table"], {str, type(None)}


def parse_entry(body: bytes) -> dict[str, Any]:
    """Read one entry's exact bytes. Raises ValueError with what is wrong, also when they are not canonical."""
    entry: dict[str, Any] = load_canonical(body)
    fits = type(entry) is dict and [*entry] == _FIELDS and [*map(type, entry.values())] in _TYPES and entry["v"] == 1
    for subject in entry["subjects"] if fits else ():
        fits = fits and type(subject) is dict and [*subject] == _SUBJECT and subject["key"] is not None
        fits = fits and _TEXTS.issuperset(map(type, subject.values())) and f"{subject['table']}".isidentifier()
    _need(fits, "does not have the fields of a version 1 entry")
    parse_time(entry["at"])
    return entry


def parse_time(text: str) -> datetime:
    """Read ``2026-11-23T18:00:00.123456Z``, the only spelling of a time. Raises ValueError."""
    _need(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text, re.ASCII), f"{text!r} is not a UTC time")
    return datetime.fromisoformat(text)


def commitment(salt: bytes, payload: bytes) -> str:
    """Return the digest by which an entry commits to an erasable payload under a 32-byte salt."""
    _need(len(salt) == 32, "has a payload whose salt is not of 32 bytes")
    return "sha256:" + sha256(b"placet/payload/v1\x00" + salt + payload).hexdigest()


class Verdict(StrEnum):
    """The answer to one of the three questions."""

    HOLDS, FAILS, NOT_SHOWN = "holds", "fails", "not shown"


LIMITS = {
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
    notes: tuple[str, ...]
    origin: str
    size: int
    root: str
    anchored: int

    @property
    def exit_code(self) -> int:
        """0 nothing wrong; 3 tampered (integrity, anchoring or, by ``placet.assertions``, decisions); 4 incomplete."""
        wrong = "fails" in (self.integrity, self.anchoring) or "decisions" in {found.part for found in self.findings}
        return 3 if wrong else 0 if self.completeness == "holds" else 4

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        parts = {part: {"verdict": str(getattr(self, part)), "does_not_show": LIMITS[part]} for part in LIMITS}
        found = [{k: v for k, v in vars(f).items() if v is not None} for f in self.findings]
        return self._asdict() | parts | {"findings": found, "notes": [*self.notes], "exit_code": self.exit_code}

    def lines(self) -> list[str]:
        """Return the report as text; what a bundle says cannot steer the terminal."""
        text = [f"log {self.origin or 'unknown'}, {self.size} entries, root {self.root}"]
        text += [f"{part:<13} {getattr(self, part):<10} {limit}" for part, limit in LIMITS.items()]
        text += [f"  {f.part}: {f.message}" + f" ({f.event}, {f.entry_id})" * bool(f.entry_id) for f in self.findings]
        text += [*(f"  note: {note}" for note in self.notes), ENDINGS[self.exit_code]]
        return ["".join(c if c.isprintable() else "\ufffd" for c in line) for line in text]


# What entries and governed rows say goes into a temporary SQLite database, so that a log of any size needs little
# memory. Each rule about it is what it bears on, a sentence, and the query for where it is broken.
_TABLES = """
PRAGMA journal_mode = OFF; CREATE TABLE entry (i, id, at, payload, problem);
CREATE TABLE subject (name, i, after); CREATE TABLE governed (name, id, digest);
"""
_VIEWS = """
CREATE INDEX entry_id ON entry (id, i); CREATE TABLE newest AS SELECT name, max(i) i, after FROM subject GROUP BY name;
CREATE VIEW erased AS SELECT e.i, n.i AS by, payload FROM newest n JOIN entry e ON e.id = substr(name, 18)
  WHERE name LIKE 'payload.redacted %';
CREATE TABLE stands AS SELECT g.name, g.id, digest, e.i AS named, n.i, after
  FROM governed g LEFT JOIN entry e USING (id) LEFT JOIN newest n USING (name);
"""
_RULES = """
integrity: {1} | SELECT i, problem FROM entry WHERE problem NOT NULL
integrity: Entry {0} has the id of entry {1}. | SELECT max(i), min(i) FROM entry GROUP BY id HAVING count(id) > 1
integrity: Entry {0} is dated before the entries that precede it, or after the bundle was made.
 | SELECT i FROM (SELECT i, at, max(at) OVER (ORDER BY rowid) AS top FROM entry) WHERE at < top - 300 OR at > ? + 300
completeness: Entry {0} is redacted by entry {1}, and shown. | SELECT i, by FROM erased WHERE payload = 'shown'
completeness: The payload of entry {0} is missing; no entry records its erasure.
 | SELECT i FROM entry WHERE payload = 'missing' AND i NOT IN (SELECT i FROM erased)
note: The payload of entry {0} was erased; entry {1} records it. | SELECT i, by FROM erased WHERE payload = 'missing'
unshown: {1} names an entry that is not in the log: {2}. | SELECT NULL, name, id FROM stands WHERE named IS NULL
completeness: {1} names entry {2}, and not the newest about it: {3}.
 | SELECT i, name, named, ifnull(i, 'none') FROM stands WHERE named <> ifnull(i, -1)
completeness: {1} is not what entry {0} left. | SELECT i, name FROM stands WHERE named = i AND after IS NOT digest
completeness: {1} stands by entry {0}, but the row is gone.
 | SELECT i, name FROM newest WHERE after NOT NULL AND name NOT IN (SELECT name FROM governed)
"""


def _scan(box: _Box, origins: Collection[str], tiles: range) -> tuple[list[bytes], list[Any], list[Any]]:
    # The root over each tile's entries, and what the entries say, as rows.
    roots, entries, subjects = list[bytes](), list[Any](), list[Any]()
    for tile in tiles:
        bodies, kept, payloads = box.lines("entries", tile), box.read(f"hashes/{tile:08}"), dict[int, str]()
        for at, salt, payload in map(load_canonical, box.lines("payloads", tile)):
            payloads[at] = commitment(decode64(salt), payload.encode())
        hashes = [sha256(b"\x00" + body).digest() for body in bodies]  # leaf_hash, without the price of its call
        roots.append(root(hashes))
        for at, body in enumerate(bodies, start=tile * TILE):
            slot, shown = at % TILE, payloads.pop(at, None)
            try:
                _need(kept[slot * 32 :][:32] == hashes[slot], "does not have the hash that is stored for it")
                said = parse_entry(body)
            except ValueError as error:
                entries.append((at, None, None, None, f"Entry {at} {error}."))
                continue
            wrong = None if said["log"] in origins else f"Entry {at} belongs to another log."
            wrong = wrong if shown in {None, said["payload"]} else f"Entry {at} does not commit to the payload shown."
            state = said["payload"] and ("shown" if shown else "missing")
            entries.append((at, said["id"], datetime.fromisoformat(said["at"]).timestamp(), state, wrong))
            subjects += [(f"{s['table']} {s['key']}", at, s["after"]) for s in said["subjects"]]
            if said["event"] == "payload.redacted":
                subjects.append((f"payload.redacted {said['data'].get('entry')}", at, None))
        stray = None, None, None, None, f"Tile {tile} has payloads or hashes of entries that are not there."
        entries += [stray] if payloads or len(kept) != 32 * len(bodies) else []
    return roots, entries, subjects


class _Check:
    # One verification; its methods, in the order in which they run, add findings.

    def __init__(self, path: Path, keys: Sequence[str]) -> None:
        self.box, self.keys, self.head = _Box(path, {}), keys, Checkpoint("", 0, EMPTY_ROOT)
        self.findings, self.notes, self.counts = list[Finding](), list[str](), Counter[str]()
        self.digests, self.logs, self.tiles = dict[str, str](), dict[str, tuple[int, int]](), list[bytes]()
        self.right, self.anchored = False, (0, "")  # whether the entries have the signed root; how many are anchored
        self.root_of, self.db = cache(self._root_of), sqlite3.connect("")

    def find(self, part: str, message: str, index: int | None = None, file: str | None = None) -> None:
        self.counts[part] += 1
        if part == "note" or self.counts[part] == _MOST + 1:
            self.notes.append(message if part == "note" else f"There is more about {part} than is listed.")
        elif self.counts[part] <= _MOST:
            entry = {} if index is None else self.entry(index)
            part = part.replace("unshown", "completeness")
            self.findings.append(Finding(part, message, index, entry.get("id"), entry.get("event"), file))

    @contextmanager
    def about(self, file: str, part: str = "integrity") -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 whatever hostile bytes lead to is a finding
            self.find(part, f"{file}: {error}", file=file)

    def entry(self, index: int) -> dict[str, Any]:
        with suppress(ValueError, IndexError):
            return parse_entry(self.box.lines("entries", index // TILE)[index % TILE])
        return {}

    def _root_of(self, first: int, stop: int) -> bytes:
        if (width := stop - first) == TILE and first % TILE == 0:
            return self.tiles[first // TILE]
        if width <= TILE:
            tiles = range(first // TILE, -(-stop // TILE))
            leaves = [leaf_hash(body) for tile in tiles for body in self.box.lines("entries", tile)]
            return root(leaves[first % TILE :][:width])
        middle = first + (1 << (width - 1).bit_length() - 1)
        return node_hash(self.root_of(first, middle), self.root_of(middle, stop))

    def container(self) -> None:
        # Write the zip anew from its members, and hold it against the file: no byte may stand beside what is read.
        with zipfile.ZipFile(self.box.path) as old:
            infos = old.infolist()
        _need(sum(m.file_size for m in infos) < self.box.path.stat().st_size, "its members are larger than the file")
        self.box.members.update({m.filename: (m.header_offset + 30 + len(m.filename), m.file_size) for m in infos})
        with tempfile.TemporaryFile() as anew, self.box.path.open("rb") as file:
            with zipfile.ZipFile(anew, "w") as new:
                for name in self.box.members:
                    self.digests[name] = add_member(new, name, self.box.read(name))
            anew.seek(0)
            while (ours := anew.read(1 << 16)) == (theirs := file.read(1 << 16)) and ours:
                pass
            _need(ours == theirs, f"before byte {file.tell()} it is not as Placet writes it: cut, changed or repacked")

    def manifest(self) -> dict[str, Any]:
        # Check that the log itself signed the manifest, by an entry behind the exported ones, and what it lists.
        text, head = self.box.read("manifest.json"), self.head
        with self.about("manifest.tlog-proof"):
            index, proof, note, extra = open_receipt(self.box.read("manifest.tlog-proof"))
            later, said = parse_checkpoint(note, self.keys), parse_entry(extra or b"")
            verify_inclusion(index, later.size, leaf_hash(extra or b""), proof, later.root)
            facts = later.origin, said["log"], said["event"], said["data"].get("manifest"), later.size > head.size
            this = head.origin, head.origin, "bundle.exported", f"sha256:{sha256(text).hexdigest()}", True
            _need(facts == this, InvalidProof("This is not the log's entry about this manifest."))
        manifest: dict[str, Any] = load_canonical(text)
        about = tuple(manifest[key] for key in ("format", "origin", "size", "root"))
        _need(about == (FORMAT, head.origin, head.size, f"sha256:{head.root.hex()}"), "is not about this checkpoint")
        listed, here = dict(manifest["files"]), dict([*self.digests.items()][:-2])
        for name in sorted(name for name in {**listed, **here} if listed.get(name) != here.get(name)):
            self.find("integrity", f"{name[:200]!r} is missing, or not as the manifest lists it.", file=name[:200])
        _need([*listed] == [*here] or listed != here, "the members stand in another order")
        return manifest

    def forks(self) -> None:
        # Where the entries of each log stand: entry 0 may fork one, whose entry 0, now at index 1, may fork another.
        self.logs, at, stop = {self.head.origin: (0, self.head.size)}, 0, self.head.size
        while (entry := self.entry(at)).get("event") == "log.forked" and at < _MOST:
            origin, kept = entry["data"]["previous"]["origin"], entry["data"]["kept"]
            _need(type(kept) is int and kept >= 0, f"Entry {at} forks a log and does not say how many entries it keeps")
            at, stop = at + 1, min(stop, at + 1 + kept)
            self.logs.setdefault(f"{origin}", (at, stop))

    def entries(self, each: Callable[..., Iterable[Any]], progress: Callable[[int, int], object]) -> None:
        # Hash every entry and hold all against the signed root; keep what they say for the rules.
        size, tiles = self.head.size, range(-(-self.head.size // TILE))
        held = sum(name.startswith("entries/") for name in self.box.members)
        _need(len(tiles) == held, f"the bundle does not hold the tiles of {size} entries, but {held}")
        self.db.executescript(_TABLES)
        scan = partial(_scan, self.box, [*self.logs])
        for roots, entries, subjects in each(scan, [tiles[i : i + 32] for i in tiles[::32]]):
            self.tiles += roots
            self.db.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", entries)
            self.db.executemany("INSERT INTO subject VALUES (?, ?, ?)", subjects)
            progress(min(len(self.tiles) * TILE, size), size)
        self.right = (self.db.execute("SELECT count(i) FROM entry").fetchone()[0], root(self.tiles)) == self.head[1:]
        if not self.right:
            self.find("integrity", f"The {size} entries do not have the root that the checkpoint signs.")
        for tile in range(sum(name.startswith("governed/") for name in self.box.members)):
            rows = [(f"{t} {key}", *rest) for t, key, *rest in map(load_canonical, self.box.lines("governed", tile))]
            self.db.executemany("INSERT INTO governed VALUES (?, ?, ?)", rows)

    def checkpoints(self, outside: Sequence[bytes], vouched: Callable[[bytes], str]) -> None:
        # Hold every checkpoint, of the bundle and from outside, against the entries.
        good, inside = 0, [name for name in self.box.members if name.endswith(".note")]
        notes = [("integrity", name, self.box.read(name)) for name in inside]
        notes += [("anchoring", f"Checkpoint {n} from outside", note) for n, note in enumerate(outside, start=1)]
        for part, name, note in notes:
            with self.about(name, part):
                seen = parse_checkpoint(note, self.keys)
                _need(seen.origin in self.logs, f"it is of the log {seen.origin}, the bundle of {self.head.origin}.")
                first, stop = self.logs[seen.origin]
                forked = f"a fork gave up those from {stop - first} on (entries 0 to {first - 1} say why)"
                older = f"the bundle {stop}: it is older, or entries were removed"
                _need(seen.size <= stop - first, f"it counts {seen.size} entries; {forked if first else older}.")
                same = not self.right or self.root_of(first, first + seen.size) == seen.root
                _need(same, f"it signs another history of the first {seen.size} entries; {good} are as was signed.")
                good = max(good, first + seen.size)
                if by := "in the checkpoint that you brought" if part == "anchoring" else vouched(note):
                    self.anchored = max(self.anchored, (first + seen.size, by))
        if self.right and self.anchored[0]:
            last = self.entry(self.anchored[0] - 1).get("at")
            self.notes.append(f"Seen outside up to entry {self.anchored[0] - 1} (dated {last}), {self.anchored[1]}.")

    def rules(self, manifest: dict[str, Any]) -> None:
        # Ask for each rule where what the log says breaks it.
        pending, made = int(manifest["pending"]), parse_time(manifest["created_at"]).timestamp()
        self.db.executescript(_VIEWS)
        doubtful = self.db.execute("SELECT count(id) FROM entry").fetchone()[0] < self.head.size
        for rule in _RULES.replace("\n |", " |").strip().split("\n"):
            part, sentence, query = re.fullmatch(r"(\w+): (.*) \| (.*)", rule).groups()  # type: ignore[union-attr]
            rows = self.db.execute(query, (made,) * ("?" in query)).fetchall()
            part = "completeness" if part == "unshown" and len({row[2] for row in rows}) > pending else part
            for index, *more in rows:
                if not doubtful or part == "integrity":
                    self.find(part, sentence.format(index, *more), index)
        if doubtful or pending:
            self.find("note", f"{pending} entries waited for the tree. Completeness could be judged in part only.")


def verify_bundle(
    path: str | os.PathLike[str],
    *,
    policy: str | os.PathLike[str],
    checkpoints: Sequence[str | bytes | os.PathLike[str]] = (),
    vouched: Callable[[bytes], str] = lambda note: "",
    jobs: int = 1,
    progress: Callable[[int, int], object] = lambda done, size: None,
) -> Report:
    """Check a bundle against the keys you trust and the checkpoints you kept; hostile ones give findings, no exception.

    ``policy`` is the trust file and ``checkpoints`` are signed notes that you got from elsewhere, as text or path;
    ``vouched`` says who outside saw a checkpoint of the bundle, ``jobs`` how many processes read. Raises InvalidTrust.
    """
    keys, outside = log_keys(_given(policy).decode()), [_given(note) for note in checkpoints]
    Path(path).open("rb").close()
    check = _Check(Path(path), keys)
    with check.about("The file"):
        check.container()
    with check.about("checkpoint.note"), ProcessPoolExecutor(jobs) if jobs > 1 else nullcontext() as pool:
        check.head = parse_checkpoint(check.box.read("checkpoint.note"), keys)
        with check.about("manifest.json"):
            manifest = check.manifest()
            with check.about("The log"):
                check.forks()
                check.entries(pool.map if pool else map, progress)
                check.checkpoints(outside, vouched)
                check.rules(manifest)
    counts, head = check.counts, (*check.head[:2], f"sha256:{check.head.root.hex()}", check.anchored[0])
    whole = not counts["unshown"] and not counts["integrity"]
    asked = ("integrity", True), ("completeness", whole), ("anchoring", check.right and check.anchored[0])
    verdicts = [Verdict("fails" if counts[part] else "holds" if shown else "not shown") for part, shown in asked]
    return Report(verdicts[0], verdicts[1], verdicts[2], tuple(check.findings), tuple(check.notes), *head)


def _given(source: str | bytes | os.PathLike[str]) -> bytes:
    text = isinstance(source, str) and ("\n" in source or source.startswith("log "))  # and no path to one
    return str(source).encode() if text else source if isinstance(source, bytes) else Path(source).read_bytes()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``verify.py bundle.zip policy.txt [seen.note ...]``: print the report, return the exit code."""
    parser = argparse.ArgumentParser(prog="verify.py", description="Verify a Placet audit bundle offline.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("policy", type=Path, help="the trust file with the log's public key")
    parser.add_argument("checkpoints", type=Path, nargs="*", help="checkpoints that you kept")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes to use")
    given = parser.parse_args(arguments)
    try:
        report = verify_bundle(given.bundle, policy=given.policy, checkpoints=given.checkpoints, jobs=given.jobs)
    except (OSError, ValueError) as error:
        raise SystemExit(str(error)) from None
    print(json.dumps(report.to_dict(), indent=2) if given.json else "\n".join(report.lines()))  # noqa: T201
    return report.exit_code


if __name__ == "__main__":
    raise SystemExit(main())
