"""`placet verify <n>.tlog-proof`: one entry, checked on any machine."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from placet.commands import app
from placet.cosignatures import cosign
from placet.merkle import inclusion_proof
from placet.notes import checkpoint_text, encode_vkey, sign_checkpoint
from placet.receipts import encode_receipt
from placet.verify import leaf_hash, root

ENTRY = b'{"actor":"person:1","at":"2026-11-23T18:00:00.000000Z","event":"approval.decided"}'


@pytest.fixture
def receipt(tmp_path: Path) -> tuple[Path, Path]:
    key = Ed25519PrivateKey.generate()
    leaves = [leaf_hash(b"first"), leaf_hash(ENTRY), leaf_hash(b"third")]
    note = sign_checkpoint(origin="log.example", size=3, root=root(leaves), private_key=key)
    path, policy = tmp_path / "1.tlog-proof", tmp_path / "policy.txt"
    path.write_bytes(encode_receipt(index=1, proof=inclusion_proof(1, leaves), checkpoint_note=note, extra=ENTRY))
    policy.write_text(f"log {encode_vkey('log.example', key.public_key())}\n")
    return path, policy


def test_a_receipt_that_holds_names_its_entry_and_exits_0(receipt):
    path, policy = receipt
    done = CliRunner().invoke(app, ["verify", str(path), "--policy", str(policy)])
    assert done.exit_code == 0, done.output
    assert "approval.decided" in done.output


def test_a_receipt_with_one_changed_byte_exits_3(receipt):
    path, policy = receipt
    content = path.read_bytes().replace(b"index 1", b"index 2")
    path.write_bytes(content)
    done = CliRunner().invoke(app, ["verify", str(path), "--policy", str(policy)])
    assert done.exit_code == 3


def test_a_receipt_names_the_witnesses_that_cosigned_its_checkpoint(receipt):
    path, policy = receipt
    witness = Ed25519PrivateKey.generate()
    leaves = [leaf_hash(b"first"), leaf_hash(ENTRY), leaf_hash(b"third")]
    text = checkpoint_text(origin="log.example", size=3, root=root(leaves))
    line = cosign(f"{text}\n".encode(), name="witness.example/w", private_key=witness, timestamp=1_795_000_000)
    path.write_bytes(path.read_bytes() + line.encode())
    key = encode_vkey("witness.example/w", witness.public_key(), 4)
    policy.write_text(policy.read_text() + f"witness W {key}\nquorum W\n")
    done = CliRunner().invoke(app, ["verify", str(path), "--policy", str(policy)])
    assert done.exit_code == 0, done.output
    assert "Witness W cosigned that checkpoint at 2026-11-18T" in done.output
    assert "Your quorum of witnesses" in done.output
