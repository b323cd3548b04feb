"""Check our checkpoint, tiles and proofs with aics-tlog, and theirs with ours (optional: needs Python 3.12).

    python3.12 -m venv /tmp/interop && /tmp/interop/bin/pip install aics-tlog==0.2.1
    PYTHONPATH=client /tmp/interop/bin/python scripts/interop_tlog.py

It is an independent implementation of C2SP tlog-tiles, tlog-checkpoint and tlog-cosignature. Prints what it compared;
fails at the first disagreement.
"""

import random
import sys

import aics_tlog as other
from aics_tlog.cosign import cosignature_vkey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from placet import cosignatures, merkle, notes, verify
from placet.canonical import canonical_json
from placet.trust import parse_trust

ORIGIN, WITNESS = "bank.example/audit/1", "witness.example/w1"
KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
COSIGNER = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
SIZES = (1, 2, 3, 255, 256, 257, 1000, 66_000)
AT = 1_795_000_000


def body(index: int) -> bytes:
    """Return an entry; its content does not matter to the tree."""
    return canonical_json({"v": 1, "n": index})


def agree(what: str, ours: object, theirs: object) -> None:
    """Stop when the two implementations differ."""
    if ours != theirs:
        sys.exit(f"interop: {what} differ")


def checkpoints(size: int, root: bytes) -> int:
    """Sign the same checkpoint here and there, and let each verify the other's, cosignature included."""
    vkey = notes.encode_vkey(ORIGIN, KEY.public_key())
    their_vkey = other.vkey_from_ed25519(ORIGIN, KEY.public_key())
    agree("vkeys", vkey, other.format_vkey(their_vkey))
    their_witness = cosignature_vkey(WITNESS, COSIGNER.public_key())
    agree("witness vkeys", notes.encode_vkey(WITNESS, COSIGNER.public_key(), 4), other.format_vkey(their_witness))
    ours = notes.sign_checkpoint(origin=ORIGIN, size=size, root=root, private_key=KEY)
    theirs = other.sign_checkpoint(other.Checkpoint(ORIGIN, size, root), KEY, ORIGIN)
    agree("signed checkpoints", ours, theirs.to_bytes())
    text = notes.checkpoint_text(origin=ORIGIN, size=size, root=root)
    line = cosignatures.cosign(f"{text}\n".encode(), name=WITNESS, private_key=COSIGNER, timestamp=AT)
    _, their_line = other.sign_cosignature(COSIGNER, WITNESS, AT, ORIGIN, size, root)
    note = other.Note(text=theirs.text, signatures=(*theirs.signatures, their_line)).to_bytes()
    agree("cosigned checkpoints", ours + line.encode(), note)
    found = other.verify_checkpoint(other.parse_note(ours + line.encode()), their_vkey, [their_witness], quorum=1)
    agree("verdicts on our checkpoint", True, found.ok)
    trust = parse_trust(f"log {vkey}\nwitness W {other.format_vkey(their_witness)}\nquorum W\n")
    agree("readings of their checkpoint", (ORIGIN, size, root), tuple(verify.parse_checkpoint(note, trust.logs)))
    agree("verdicts on their cosignature", ({"W": AT}, True), trust.cosigned(note))
    return 4


def _reader(stored: dict[tuple[int, int], bytes]) -> merkle.ReadTile:
    return lambda level, index: stored[level, index]


def our_tiles(bodies: list[bytes]) -> dict[str, bytes]:
    """Return the tiles that the API serves for this log, by path."""
    stored = merkle.extend_tiles(0, (verify.leaf_hash(entry) for entry in bodies), lambda _level, _index: b"")
    found = {}
    for level, index, width in merkle.tiles_of(len(bodies)):
        found[merkle.tile_path(level, index, width)] = stored[level, index]
        if level == 0:
            bundled = merkle.entry_bundle(bodies[index * verify.TILE :][:width])
            found[merkle.tile_path("entries", index, width)] = bundled
    return found


def main() -> None:
    """Compare everything, and print how much that was."""
    counts = dict.fromkeys(("checkpoints", "tiles", "inclusion proofs", "consistency proofs"), 0)
    chooser = random.Random(20261123)  # noqa: S311 which cases to compare is no secret
    for size in SIZES:
        bodies = [body(index) for index in range(size)]
        leaves, tree = [verify.leaf_hash(entry) for entry in bodies], other.MerkleTree(bodies)
        root = verify.root(leaves)
        agree("roots", root, tree.root())
        counts["checkpoints"] += checkpoints(size, root)
        ours, theirs = our_tiles(bodies), other.tiles.materialise_tiles(bodies)
        agree(f"tiles of size {size}", ours, theirs)
        counts["tiles"] += len(ours)
        audited = other.audit_tiles(other.MemoryTileReader(ours), size, root)
        agree("audits of our tiles", len(ours), audited.tiles + audited.bundles)
        stored = merkle.extend_tiles(0, leaves, lambda _level, _index: b"")
        for _ in range(200 if size <= 1000 else 20):
            index, old = chooser.randrange(size), chooser.randrange(size) + 1
            mine = merkle.inclusion_proof_from_tiles(index, size, _reader(stored))
            agree("inclusion proofs", mine, tree.inclusion_proof(index))
            verify.verify_inclusion(index, size, leaves[index], mine, root)
            agree("verdicts on inclusion", True, other.verify_inclusion(leaves[index], index, size, mine, root))
            mine, old_root = merkle.consistency_proof_from_tiles(old, size, _reader(stored)), tree.root(old)
            agree("consistency proofs", mine, tree.consistency_proof(old, size))
            verify.verify_consistency(old, size, old_root, root, mine)
            agree("verdicts on consistency", True, other.verify_consistency(old, size, old_root, root, mine))
            counts["inclusion proofs"] += 1
            counts["consistency proofs"] += 1
    found = ", ".join(f"{count:,} {what}" for what, count in counts.items())
    sys.stdout.write(f"aics-tlog {other.__version__} and Placet agree on {found}.\n")


if __name__ == "__main__":
    main()
