"""What an auditor's laptop needs: a whole bundle verified, beside nothing but hashing the same entries in a loop.

``python -m benchmarks verify`` takes the full 1,000,000 entries; ``PLACET_BENCH_ENTRIES`` makes it smaller.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.timing import Comparison, interleaved, times
from placet.bundle import GovernedRow, Payload, write_bundle
from placet.canonical import canonical_json
from placet.merkle import Frontier
from placet.notes import encode_vkey, sign_checkpoint
from placet.receipts import encode_receipt
from placet.verify import (
    TILE,
    Verdict,
    commitment,
    leaf_hash,
    root,
    verify_bundle,
)

ENTRIES = int(os.environ.get("PLACET_BENCH_ENTRIES", "1000000"))
ROUNDS = 5
ORIGIN = "bench.example/audit/1"
KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
TRUST = f"log {encode_vkey(ORIGIN, KEY.public_key())}\n"


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _entry(index: int, **fields: object) -> bytes:
    """Return the bytes of an entry; every tenth is about a governed row and commits to an erasable payload."""
    row = [{"table": "approvals_decision", "key": f"{index:08d}", "before": None, "after": _digest(f"row {index}")}]
    secret = commitment(_salt(index), _text(index)) if index % 10 == 0 else None
    day, second = 1 + index // 86_400, index % 86_400
    entry = {
        "v": 1,
        "log": ORIGIN,
        "id": _id(index),
        "event": "approval.decided",
        "at": f"2026-11-{day:02d}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000000Z",
        "actor": "system:notary",
        "subjects": row if index % 10 == 0 else [],
        "data": {"verdict": "approve"},
        "payload": secret,
    }
    return canonical_json(entry | fields)


def _id(index: int) -> str:
    return str(uuid.UUID(bytes=hashlib.sha256(b"%d" % index).digest()[:16]))  # in no order, as random ids are


def _salt(index: int) -> bytes:
    return hashlib.sha256(b"salt %d" % index).digest()


def _text(index: int) -> bytes:
    return b"Reason %d: nothing speaks against it." % index


def _bundle(folder: Path, bodies: list[bytes]) -> tuple[Path, bytes]:
    """Write the bundle of these entries; return its path and its checkpoint."""
    tree = Frontier()
    for body in bodies:
        tree.append(leaf_hash(body))
    note = sign_checkpoint(origin=ORIGIN, size=tree.size, root=tree.root(), private_key=KEY)
    path_to_last = tree.hashes[::-1]  # the complete subtrees to the left of the next entry

    def seal(manifest: bytes) -> bytes:
        digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
        entry = _entry(len(bodies), event="bundle.exported", data={"manifest": digest}, subjects=[], payload=None)
        tree.append(leaf_hash(entry))
        later = sign_checkpoint(origin=ORIGIN, size=tree.size, root=tree.root(), private_key=KEY)
        return encode_receipt(index=len(bodies), proof=path_to_last, checkpoint_note=later, extra=entry)

    tenth = range(0, len(bodies), 10)
    path = write_bundle(
        folder / "bundle.zip",
        origin=ORIGIN,
        checkpoint_note=note,
        entries=bodies,
        payloads=(Payload(i, _salt(i), _text(i).decode()) for i in tenth),
        governed=(GovernedRow("approvals_decision", f"{i:08d}", _id(i), _digest(f"row {i}")) for i in tenth),
        created_at="2026-12-24T00:00:00.000000Z",
        seal=seal,
    )
    return path, note


def _verified(path: Path, note: bytes, jobs: int) -> None:
    report = verify_bundle(path, policy=TRUST, checkpoints=[note], jobs=jobs)
    said = (report.integrity, report.completeness, report.anchoring)
    assert said == (Verdict.HOLDS,) * 3, report.findings


def _run(path: Path, note: Path, jobs: int) -> tuple[float, float]:
    """Verify in a process of its own, as the command does; return its peak memory and the largest worker's, in MB."""
    command = [sys.executable, "-m", "benchmarks.verification", str(path), str(note), str(jobs)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 our own module
    own, workers = json.loads(done.stdout)
    return own / 1024, workers / 1024


def _own_peak_kb() -> int:
    """Return this process's peak; from /proc, as Linux's getrusage also counts what the process was forked from."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure() -> Iterator[Comparison]:
    """Hash, then verify, a log of 1,000,000 entries, a tenth of them with a governed row and a payload."""
    bodies = [_entry(index) for index in range(ENTRIES)]
    mean = sum(map(len, bodies)) / len(bodies)

    def hashed() -> None:
        for body in bodies:
            hashlib.sha256(body).digest()

    def rooted() -> None:
        tiles = (bodies[i : i + TILE] for i in range(0, ENTRIES, TILE))  # as the verifier does
        root([root([hashlib.sha256(b"\x00" + body).digest() for body in tile]) for tile in tiles])

    taken = interleaved({"SHA-256 of each entry": hashed, "leaf hashes and root": rooted}, rounds=ROUNDS)
    yield Comparison(
        title=f"Tree: {ENTRIES:,} entries of {mean:.0f} bytes",
        setup="what no verifier can do without, beside a bare loop over the same entries",
        rows=taken,
        claim=f"Leaf hashes and root cost {times(taken[1].ratio)} times a bare loop that hashes the entries.",
    )
    with tempfile.TemporaryDirectory() as folder:
        path, note = _bundle(Path(folder), bodies)
        size_mb = path.stat().st_size / 1e6
        (kept := Path(folder) / "seen.note").write_bytes(note)
        ways = {
            "verify_bundle, one process": lambda: _run(path, kept, 1),
            "verify_bundle, two processes": lambda: _run(path, kept, 2),
            "SHA-256 of each entry": hashed,
        }
        taken = interleaved(ways, rounds=ROUNDS)
        own, _ = _run(path, kept, 1)
        parent, worker = _run(path, kept, 2)
    rate = ENTRIES / taken[0].median_s
    faster = taken[0].median_s / taken[1].median_s
    yield Comparison(
        title=f"Verify: {ENTRIES:,} entries offline, {size_mb:.0f} MB",
        setup=f"{rate:,.0f} entries a second in one process, {rate * faster:,.0f} in two on this machine; peak memory "
        f"{own:.0f} MB in one process, {parent:.0f} MB and {worker:.0f} MB a worker in two",
        rows=taken,
        claim=f"Two processes verify a bundle {times(faster)} times as fast as one; verifying costs "
        f"{times(taken[0].median_s / taken[2].median_s)} times as much as hashing its entries in a bare loop.",
    )


if __name__ == "__main__":
    _verified(Path(sys.argv[1]), Path(sys.argv[2]).read_bytes(), int(sys.argv[3]))
    print(json.dumps([_own_peak_kb(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))
