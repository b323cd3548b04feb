"""Write audit bundles: one deterministic zip that ``placet.verify`` checks without a database or an account.

The same input gives the same bytes. Entries stream through, a tile of 256 at a time.
"""

import base64
import hashlib
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from placet.canonical import canonical_json
from placet.merkle import Frontier
from placet.verify import (
    FORMAT,
    MAX_ENTRY,
    MAX_MEMBER,
    TILE,
    InvalidProof,
    add_member,
    decode64,
    leaf_hash,
    open_receipt,
    parse_entry,
    parse_time,
)

_T = TypeVar("_T")

README = """Placet audit bundle (placet-bundle/1)

Check it on any machine, with no account:

    pip install "placet[cli]"
    placet verify bundle.zip --policy policy.txt --checkpoint a-checkpoint-you-kept.note

policy.txt holds the public keys that you trust. Get it from somewhere else than this bundle. A checkpoint that you
kept, or that somebody outside published, is what shows that this is still the same log; without one, ask for it.

checkpoint.note     the latest signed checkpoint: origin, number of entries, root hash
checkpoints/        every checkpoint that was anchored outside, and time stamps (RFC 3161) over them:
                    openssl ts -verify -in <size>.tsr -data <size>.note -CAfile tsa.pem
entries/            the log's entries, exact bytes, one a line, 256 a file
hashes/             the hash of each of them (32 bytes), so that a changed entry can be told from its neighbours
payloads/           texts that can be erased: [index of the entry, salt, text] a line
governed/           every governed row of the database: [table, key, the entry that speaks for it, digest] a line
manifest.json       what the bundle says about itself: counts, and the digest of every file above
manifest.tlog-proof the log's own entry that names the manifest's digest, with its proof: so the manifest is signed
"""


class BrokenLog(ValueError):
    """The entries are not the ones that the checkpoint signs, so no bundle is written."""


class Payload(NamedTuple):
    """One erasable text: the index of its entry, the 32-byte salt, and the text that the entry commits to."""

    entry_index: int
    salt: bytes
    payload: str


class GovernedRow(NamedTuple):
    """One governed row as it stands: table, key, the id of its newest log entry, and the row's digest."""

    table: str
    key: str
    log_entry: str
    digest: str


def write_bundle(
    path: str | os.PathLike[str],
    *,
    origin: str,
    checkpoint_note: bytes,
    anchored: Iterable[bytes] = (),
    timestamps: Iterable[tuple[int, bytes]] = (),
    entries: Iterable[bytes],
    payloads: Iterable[Payload | tuple[int, bytes, str]] = (),
    governed: Iterable[GovernedRow | tuple[str, str, str, str]] = (),
    pending: int = 0,
    created_at: datetime | str,
    seal: Callable[[bytes], bytes],
) -> Path:
    """Write a bundle, all or nothing: a failure leaves no file and keeps an older one.

    Args:
        path: where to write; the folder must exist.
        origin: the log's name.
        checkpoint_note: the latest signed checkpoint.
        anchored: every signed checkpoint that was published outside, in any order.
        timestamps: RFC 3161 tokens over such checkpoints, as (size, token).
        entries: the exact bytes of every entry, by index, as many as the checkpoint counts.
        payloads: the erasable texts, by index.
        governed: every governed row that stands, by table and key (so that the bundle is deterministic).
        pending: how many entries are written but not yet in the tree.
        created_at: now, as an aware time or as ``2026-11-23T18:00:00.123456Z``.
        seal: given the manifest's bytes, appends an entry ``bundle.exported`` with ``data.manifest`` = their digest
            (``sha256:<hex>``) to the log, and returns its receipt, which carries the entry as extra data.
    Raises:
        BrokenLog: the entries do not have the checkpoint's size and root, a checkpoint is of another log, a time stamp
            is of none of them, or the receipt is not of an entry about this manifest.
        ValueError: an entry is too long, or a time is not UTC.
    """
    target, stamp = Path(path), _stamp(created_at)
    size, root_hash = _read_note(checkpoint_note, origin)
    notes = {_read_note(note, origin)[0]: note for note in anchored}
    tokens = dict(timestamps)
    if stray := tokens.keys() - notes.keys():
        raise BrokenLog(f"There is a time stamp over a checkpoint of size {min(stray)}, but no such checkpoint.")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with temporary.open("xb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                bundle = _Bundle(archive)
                bundle.add("README.txt", README.encode())
                for at, note in sorted(notes.items()):
                    bundle.add(f"checkpoints/{at:020}.note", note)
                    if at in tokens:
                        bundle.add(f"checkpoints/{at:020}.tsr", tokens[at])
                bundle.add("checkpoint.note", checkpoint_note)
                tree = bundle.add_entries(entries, (Payload(*p) for p in payloads), size)
                if tree.root() != root_hash:
                    raise BrokenLog(
                        f"The entries' root is {tree.root().hex()}, the checkpoint signs {root_hash.hex()}."
                    )
                for number, rows in enumerate(_in_tiles(list(GovernedRow(*row)) for row in governed)):
                    bundle.add(f"governed/{number:08}.jsonl", _lines(rows))
                about = {"format": FORMAT, "origin": origin, "size": size, "root": "sha256:" + root_hash.hex()}
                rest = {"created_at": stamp, "pending": pending, "files": bundle.files}
                manifest = canonical_json(about | rest)
                bundle.add("manifest.json", manifest)
                bundle.add("manifest.tlog-proof", _checked_seal(seal(manifest), manifest, size))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


class _Bundle:
    """The members written so far, with their digests in the order in which they stand."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.files: list[list[str]] = []

    def add(self, name: str, data: bytes) -> None:
        if len(data) > MAX_MEMBER:
            raise ValueError(f"{name} would be larger than {MAX_MEMBER >> 20} MiB.")
        self.files.append([name, add_member(self.archive, name, data)])

    def add_entries(self, entries: Iterable[bytes], payloads: Iterable[Payload], size: int) -> Frontier:
        """Write the tiles of entries, and beside each what of it can be erased; return their tree."""
        tree, erasable = Frontier(), iter(payloads)
        waiting = next(erasable, None)
        for number, bodies in enumerate(_in_tiles(bytes(body) for body in entries)):
            first = number * TILE
            for index, body in enumerate(bodies, start=first):
                if len(body) > MAX_ENTRY:
                    raise ValueError(f"Entry {index} is {len(body)} bytes long; the limit is {MAX_ENTRY}.")
                if b"\n" in body or index >= size:
                    raise BrokenLog(f"Entry {index} is no canonical JSON, or one more than the checkpoint counts.")
            hashes = [leaf_hash(body) for body in bodies]
            for leaf in hashes:
                tree.append(leaf)
            self.add(f"entries/{number:08}.jsonl", b"".join(body + b"\n" for body in bodies))
            self.add(f"hashes/{number:08}", b"".join(hashes))
            beside = []
            while waiting is not None and waiting.entry_index < first + TILE:
                beside.append([waiting.entry_index, base64.b64encode(waiting.salt).decode(), waiting.payload])
                waiting = next(erasable, None)
            if beside:
                self.add(f"payloads/{number:08}.jsonl", _lines(beside))
        if tree.size != size or waiting is not None:
            raise BrokenLog(f"There are {tree.size} entries; the checkpoint counts {size}.")
        return tree


def _in_tiles(items: Iterable[_T]) -> Iterator[list[_T]]:
    remaining = iter(items)
    while tile := list(islice(remaining, TILE)):
        yield tile


def _lines(values: Iterable[object]) -> bytes:
    return b"".join(canonical_json(value) + b"\n" for value in values)


def _checked_seal(receipt: bytes, manifest: bytes, size: int) -> bytes:
    """Return the receipt if its entry names this manifest. Its proof is for the reader of the bundle to check."""
    try:
        index, _, _, extra = open_receipt(receipt)
        entry = parse_entry(extra or b"")
    except (InvalidProof, ValueError) as error:
        raise BrokenLog(f"The manifest's receipt cannot be used: {error}") from None
    digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
    if index < size or (entry["event"], entry["data"].get("manifest")) != ("bundle.exported", digest):
        raise BrokenLog("The receipt is not of an entry 'bundle.exported' about this manifest, behind those exported.")
    return receipt


def _read_note(note: bytes, origin: str) -> tuple[int, bytes]:
    """Return size and root that a checkpoint names. Its signature is for the reader of the bundle to check."""
    try:
        name, size, encoded = note.decode().split("\n")[:3]
        result = int(size), decode64(encoded)
    except ValueError:
        raise BrokenLog("A checkpoint is not a signed note of origin, size and root.") from None
    if name != origin:
        raise BrokenLog(f"A checkpoint is of the log {name!r}, not of {origin!r}.")
    return result


def _stamp(when: datetime | str) -> str:
    if isinstance(when, str):
        parse_time(when)
        return when
    if when.tzinfo is None:
        raise ValueError("created_at must say its time zone.")
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
