"""What an auditor's laptop needs: a whole bundle verified, beside nothing but hashing the same entries in a loop."""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.timing import Comparison, interleaved, times
from placet.bundle import GovernedRow, Payload, write_bundle
from placet.notes import encode_vkey, sign_checkpoint
from placet.verify import Verdict, canonical_json, commitment, leaf_hash, root, verify_bundle

ENTRIES = 20_000
ORIGIN = "bench.example/audit/1"


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _log() -> tuple[list[bytes], list[GovernedRow], list[Payload]]:
    """Return entries like those of decisions: one subject each, every fourth with an erasable payload."""
    bodies, rows, payloads = [], [], []
    for index in range(ENTRIES):
        entry_id, key = str(uuid.UUID(int=index + 1)), str(uuid.UUID(int=ENTRIES + index))
        salt, text = hashlib.sha256(b"%d" % index).digest(), f"Reason {index}: nothing speaks against it."
        secret = commitment(salt, text.encode()) if index % 4 == 0 else None
        after = _digest(key)
        entry = {
            "v": 1,
            "log": ORIGIN,
            "id": entry_id,
            "event": "approval.decided",
            "at": f"2026-11-23T{index // 3600:02d}:{index // 60 % 60:02d}:{index % 60:02d}.000000Z",
            "actor": f"person:{uuid.UUID(int=7)}",
            "subjects": [{"table": "approvals_decision", "key": key, "before": None, "after": after}],
            "data": {"stage": "risk", "verdict": "approve", "manifest": _digest("m"), "statement": _digest("s")},
            "payload": secret,
        }
        bodies.append(canonical_json(entry))
        rows.append(GovernedRow("approvals_decision", key, entry_id, after))
        if secret:
            payloads.append(Payload(index, salt, text))
    return bodies, rows, payloads


def measure() -> Comparison:
    """Verify a bundle of 20,000 entries with an outside checkpoint."""
    bodies, rows, payloads = _log()
    key = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
    leaves = [leaf_hash(body) for body in bodies]
    note = sign_checkpoint(origin=ORIGIN, size=ENTRIES, root=root(leaves), private_key=key)
    trust = f"log {encode_vkey(ORIGIN, key.public_key())}\n"
    with tempfile.TemporaryDirectory() as folder:
        path = write_bundle(
            Path(folder) / "bundle.zip",
            origin=ORIGIN,
            checkpoint_note=note,
            entries=bodies,
            payloads=payloads,
            governed=rows,
            created_at="2026-11-24T00:00:00.000000Z",
        )
        size_mb = path.stat().st_size / 1e6

        def verified() -> None:
            report = verify_bundle(path, policy=trust, checkpoints=[note])
            said = (report.integrity, report.completeness, report.anchoring)
            assert said == (Verdict.HOLDS,) * 3, report.findings

        def hashed() -> None:
            for body in bodies:
                hashlib.sha256(b"\x00" + body).digest()

        taken = interleaved({"SHA-256 of each entry": hashed, "verify_bundle": verified}, rounds=5)
    rate = ENTRIES / taken[1].median_s
    return Comparison(
        title=f"Verify: {ENTRIES:,} entries offline, {size_mb:.0f} MB",
        setup=f"integrity, completeness and anchoring; {rate:,.0f} entries a second on this machine",
        rows=taken,
        claim=f"Verifying a bundle costs {times(taken[1].ratio)} times as much as hashing its entries in a bare loop.",
    )
