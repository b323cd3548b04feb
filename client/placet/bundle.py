"""Write audit bundles: one deterministic zip that ``placet.verify`` checks without a database or an account.

The same input gives the same bytes. Entries stream through; per entry only its 32-byte hash is kept in memory.
"""

import base64
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from placet.merkle import consistency_proof_from_tiles, extend_tiles
from placet.verify import (
    FORMAT,
    MAX_ENTRY,
    TILE,
    canonical_json,
    decode64,
    leaf_hash,
    parse_time,
    root,
    tile_path,
    zip_directory,
    zip_header,
)

_MEMBER_LIMIT = 0xFFFFFFFF

README = """Placet audit bundle (placet-bundle/1)

Check it on any machine, with no account:

    pip install "placet[cli]"
    placet verify bundle.zip --policy policy.txt --checkpoint a-checkpoint-you-kept.note

policy.txt holds the public keys that you trust. Get it from somewhere else than this bundle. A checkpoint that you
kept, or that somebody outside published, is what shows that this is still the same log; without one, ask for it.

manifest.json      what the bundle says about itself (not signed; compared with everything else)
checkpoint         the latest signed checkpoint: origin, number of entries, root hash
checkpoints/       every checkpoint that was anchored outside
consistency/       the proofs that each checkpoint's tree begins with the one before
tile/entries/      the log's entries, exact bytes, each after its length in two bytes
tile/0, tile/1     the hashes of the tree (C2SP tlog-tiles)
payloads.jsonl     texts that can be erased; an entry commits to each with a salted digest
governed.jsonl     every governed row of the database, with its digest and the entry that speaks for it
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
    entries: Iterable[bytes],
    payloads: Iterable[Payload | tuple[int, bytes, str]] = (),
    governed: Iterable[GovernedRow | tuple[str, str, str, str]] = (),
    pending: int = 0,
    created_at: datetime | str,
) -> Path:
    """Write a bundle, all or nothing: a failure leaves no file and keeps an older one.

    Args:
        path: where to write; the folder must exist.
        origin: the log's name.
        checkpoint_note: the latest signed checkpoint.
        anchored: every signed checkpoint that was published outside, in any order.
        entries: the exact bytes of every entry, by index, as many as the checkpoint counts.
        payloads: the erasable texts, by index.
        governed: every governed row that stands, by table and key (so that the bundle is deterministic).
        pending: how many entries are written but not yet in the tree.
        created_at: now, as an aware time or as ``2026-11-23T18:00:00.123456Z``.
    Raises:
        BrokenLog: the entries do not have the checkpoint's size and root, or a checkpoint is of another log.
        ValueError: an entry is too long, or a time is not UTC.
    """
    target, stamp = Path(path), _stamp(created_at)
    size, root_hash = _read_note(checkpoint_note, origin)
    notes = {_read_note(note, origin)[0]: note for note in anchored}
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with temporary.open("xb") as file, _Zip(file) as archive:
            archive.add("README.txt", [README.encode()])
            archive.add("checkpoint", [checkpoint_note])
            for anchored_size, note in sorted(notes.items()):
                archive.add(f"checkpoints/{anchored_size:020d}.note", [note])
            leaves = _add_entries(archive, entries, size)
            tiles = extend_tiles(0, leaves, lambda _level, _index: b"")
            if (found := root(leaves)) != root_hash:
                raise BrokenLog(f"The entries' root is {found.hex()}, the checkpoint signs {root_hash.hex()}.")
            for (level, index), data in sorted(tiles.items()):
                archive.add(tile_path(level, index, len(data) // 32), [data])
            _add_consistency(archive, sorted({s for s in (*notes, size) if 0 < s <= size}), tiles)
            counts = {
                "payloads": archive.add("payloads.jsonl", (_payload_line(Payload(*p)) for p in payloads)),
                "governed": archive.add("governed.jsonl", (_line(GovernedRow(*r)._asdict()) for r in governed)),
            }
            about = {"format": FORMAT, "origin": origin, "size": size, "root": "sha256:" + root_hash.hex()}
            rest = {"created_at": stamp, "entries": len(leaves), "pending": pending}
            archive.add("manifest.json", [canonical_json({**about, **counts, **rest})])
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def _add_entries(archive: "_Zip", entries: Iterable[bytes], size: int) -> list[bytes]:
    leaves: list[bytes] = []
    bodies: list[bytes] = []

    def flush() -> None:
        if bodies:
            data = b"".join(len(b).to_bytes(2, "big") + b for b in bodies)
            archive.add(tile_path("entries", (len(leaves) - 1) // TILE, len(bodies)), [data])
            bodies.clear()

    for item in entries:
        body = bytes(item)
        if len(body) > MAX_ENTRY:
            raise ValueError(f"Entry {len(leaves)} is {len(body)} bytes long; the limit is {MAX_ENTRY}.")
        if len(leaves) == size:
            raise BrokenLog(f"There are more entries than the {size} that the checkpoint counts.")
        leaves.append(leaf_hash(body))
        bodies.append(body)
        if len(bodies) == TILE:
            flush()
    flush()
    if len(leaves) != size:
        raise BrokenLog(f"There are {len(leaves)} entries; the checkpoint counts {size}.")
    return leaves


def _add_consistency(archive: "_Zip", sizes: Sequence[int], tiles: dict[tuple[int, int], bytes]) -> None:
    for old, new in pairwise(sizes):
        proof = consistency_proof_from_tiles(old, new, lambda level, index: tiles[level, index])
        value = {"proof": [base64.b64encode(item).decode() for item in proof]}
        archive.add(f"consistency/{old}-{new}.json", [canonical_json(value)])


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


def _payload_line(item: Payload) -> bytes:
    return _line({"index": item.entry_index, "salt": base64.b64encode(item.salt).decode(), "payload": item.payload})


def _line(value: dict[str, object]) -> bytes:
    return canonical_json(value) + b"\n"


def _stamp(when: datetime | str) -> str:
    if isinstance(when, str):
        parse_time(when)
        return when
    if when.tzinfo is None:
        raise ValueError("created_at must say its time zone.")
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class _Zip:
    """Writes the one spelling of a zip that ``placet.verify`` accepts."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.members: list[tuple[bytes, int, int, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _value: object, _trace: TracebackType | None) -> None:
        if kind is None:
            end = self.file.tell()
            self.file.write(zip_directory(self.members, end))
            self.file.flush()
            os.fsync(self.file.fileno())

    def add(self, name: str, parts: Iterable[bytes] | Iterator[bytes]) -> int:
        """Add one member from its parts; return how many parts there were."""
        raw, offset, crc, size, count = name.encode("ascii"), self.file.tell(), 0, 0, 0
        self.file.write(zip_header(raw, 0, 0))
        for part in parts:
            self.file.write(part)
            crc, size, count = zlib.crc32(part, crc), size + len(part), count + 1
            if size > _MEMBER_LIMIT:
                raise ValueError(f"{name} would be larger than 4 GiB; export a shard of the log instead.")
        self.file.seek(offset)
        self.file.write(zip_header(raw, crc, size))
        self.file.seek(0, os.SEEK_END)
        self.members.append((raw, crc, size, offset))
        return count
