"""Write audit bundles: one deterministic zip that ``placet.verify`` checks without a database or an account.

The same input gives the same bytes. Entries stream through; per entry only its 32-byte hash is kept in memory.
"""

import base64
import hashlib
import os
import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from placet.merkle import consistency_proof_from_tiles
from placet.verify import (
    FORMAT,
    MAX_ENTRY,
    TILE,
    InvalidProof,
    canonical_json,
    decode64,
    leaf_hash,
    member_order,
    open_receipt,
    parse_entry,
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

checkpoint          the latest signed checkpoint: origin, number of entries, root hash
checkpoints/        every checkpoint that was anchored outside, and time stamps (RFC 3161) over them
tile/entries/       the log's entries, exact bytes, each after its length in two bytes
tile/0, tile/1      the hashes of the tree (C2SP tlog-tiles)
consistency/        the proofs that each checkpoint's tree begins with the one before
payloads.jsonl      texts that can be erased; an entry commits to each with a salted digest
governed.jsonl      every governed row of the database, with its digest and the entry that speaks for it
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
    outside = {f"checkpoints/{anchored_size:020d}.note": note for anchored_size, note in notes.items()}
    for stamped_size, token in timestamps:
        if stamped_size not in notes:
            raise BrokenLog(f"There is a time stamp over a checkpoint of size {stamped_size}, but no such checkpoint.")
        outside[f"checkpoints/{stamped_size:020d}.tsr"] = token
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with temporary.open("xb") as file, _Zip(file) as archive:
            archive.add("README.txt", [README.encode()])
            archive.add("checkpoint", [checkpoint_note])
            for name in sorted(outside, key=member_order):
                archive.add(name, [outside[name]])
            tree = _Tree(_add_entries(archive, entries, size))
            if (found := tree.root()) != root_hash:
                raise BrokenLog(f"The entries' root is {found.hex()}, the checkpoint signs {root_hash.hex()}.")
            for name, data in sorted(tree.tiles().items(), key=lambda item: member_order(item[0])):
                archive.add(name, [data])
            _add_consistency(archive, sorted({s for s in (*notes, size) if 0 < s <= size}), tree)
            counts = {
                "payloads": archive.add("payloads.jsonl", (_payload_line(Payload(*p)) for p in payloads)),
                "governed": archive.add("governed.jsonl", (_line(GovernedRow(*r)._asdict()) for r in governed)),
            }
            about = {"format": FORMAT, "origin": origin, "size": size, "root": "sha256:" + root_hash.hex()}
            rest = {"created_at": stamp, "pending": pending, "files": archive.digests.copy()}
            manifest = canonical_json({**about, **counts, **rest})
            archive.add("manifest.json", [manifest])
            archive.add("manifest.tlog-proof", [_checked_seal(seal(manifest), manifest, size)])
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


class _Tree:
    """The hashes of a log's tree: 32 bytes a leaf, and a 256th of that for each level of tiles above."""

    def __init__(self, leaves: bytes) -> None:
        self.levels = [leaves]
        while len(below := self.levels[-1]) >= 32 * TILE:
            whole = range(0, len(below) - 32 * TILE + 1, 32 * TILE)
            self.levels.append(b"".join(root(_cut(below[i : i + 32 * TILE])) for i in whole))

    def tile(self, level: int, index: int) -> bytes:
        return self.levels[level][index * 32 * TILE : (index + 1) * 32 * TILE]

    def tiles(self) -> dict[str, bytes]:
        found = {}
        for level, hashes in enumerate(self.levels):
            for index in range(-(-len(hashes) // (32 * TILE))):
                data = self.tile(level, index)
                found[tile_path(level, index, len(data) // 32)] = data
        return found

    def root(self) -> bytes:
        width = 32 * TILE
        return root([root(_cut(self.levels[0][i : i + width])) for i in range(0, len(self.levels[0]), width)])


def _cut(hashes: bytes) -> list[bytes]:
    return [hashes[i : i + 32] for i in range(0, len(hashes), 32)]


def _add_entries(archive: "_Zip", entries: Iterable[bytes], size: int) -> bytes:
    leaves = bytearray()
    bodies: list[bytes] = []

    def flush() -> None:
        if bodies:
            data = b"".join(len(b).to_bytes(2, "big") + b for b in bodies)
            archive.add(tile_path("entries", (len(leaves) // 32 - 1) // TILE, len(bodies)), [data])
            bodies.clear()

    for index, item in enumerate(entries):
        body = bytes(item)
        if len(body) > MAX_ENTRY:
            raise ValueError(f"Entry {index} is {len(body)} bytes long; the limit is {MAX_ENTRY}.")
        if index == size:
            raise BrokenLog(f"There are more entries than the {size} that the checkpoint counts.")
        leaves += leaf_hash(body)
        bodies.append(body)
        if len(bodies) == TILE:
            flush()
    flush()
    if len(leaves) != 32 * size:
        raise BrokenLog(f"There are {len(leaves) // 32} entries; the checkpoint counts {size}.")
    return bytes(leaves)


def _add_consistency(archive: "_Zip", sizes: Sequence[int], tree: _Tree) -> None:
    for old, new in pairwise(sizes):
        proof = consistency_proof_from_tiles(old, new, tree.tile)
        value = {"proof": [base64.b64encode(item).decode() for item in proof]}
        archive.add(f"consistency/{old}-{new}.json", [canonical_json(value)])


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
        self.digests: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _value: object, _trace: TracebackType | None) -> None:
        if kind is None:
            end = self.file.tell()
            self.file.write(zip_directory(self.members, end))
            self.file.flush()
            os.fsync(self.file.fileno())

    def add(self, name: str, parts: Iterable[bytes]) -> int:
        """Add one member from its parts; return how many parts there were."""
        raw, offset, crc, size, count = name.encode("ascii"), self.file.tell(), 0, 0, 0
        digest = hashlib.sha256()
        self.file.write(zip_header(raw, 0, 0))
        for part in parts:
            self.file.write(part)
            digest.update(part)
            crc, size, count = zlib.crc32(part, crc), size + len(part), count + 1
            if size > _MEMBER_LIMIT:
                raise ValueError(f"{name} would be larger than 4 GiB; export a shard of the log instead.")
        self.file.seek(offset)
        self.file.write(zip_header(raw, crc, size))
        self.file.seek(0, os.SEEK_END)
        self.members.append((raw, crc, size, offset))
        self.digests[name] = "sha256:" + digest.hexdigest()
        return count
