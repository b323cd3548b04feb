"""A witness cosigns a log that grows, refuses one that forks or shrinks, and remembers over restarts."""

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from placet.cosignatures import (
    Cosigner,
    encode_private_key,
    parse_cosigner,
    parse_private_key,
    verify_cosignature,
)
from placet.merkle import consistency_proof
from placet.notes import InvalidKey, encode_vkey, sign_checkpoint
from placet.verify import InvalidSignature, InvalidTrust, leaf_hash, parse_checkpoint, root
from placet.witness import MAX_REQUEST, Witness, encode_request
from tests.arch.tree import ROOT

ORIGIN, NAME = "log.example/audit", "witness.example/w1"
LOG_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"log").digest())
WITNESS_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"witness").digest())
LOG = encode_vkey(ORIGIN, LOG_KEY.public_key())
LEAVES = [leaf_hash(bytes([n])) for n in range(20)]
OTHER = [*LEAVES[:4], leaf_hash(b"another"), *LEAVES[5:]]


def note(size: int, *, leaves: list[bytes] = LEAVES, origin: str = ORIGIN, key: Ed25519PrivateKey = LOG_KEY) -> bytes:
    return sign_checkpoint(origin=origin, size=size, root=root(leaves[:size]), private_key=key)


def request(old: int, new: int, *, leaves: list[bytes] = LEAVES) -> bytes:
    proof = consistency_proof(old, leaves[:new]) if 0 < old < new else []
    return encode_request(old, proof, note(new, leaves=leaves))


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(NAME, WITNESS_KEY, [LOG], tmp_path / "seen.note", clock=lambda: 1_700_000_000.9)


def test_it_cosigns_a_log_that_grows(witness: Witness) -> None:
    for old, new in ((0, 3), (3, 8), (8, 8), (8, 17)):
        answer = witness.add_checkpoint(request(old, new))
        assert answer.status == 200, answer.text
        cosignature = verify_cosignature(note(new), answer.text, witness.cosigner)
        assert (cosignature.timestamp, cosignature.line) == (1_700_000_000, answer.text)


def test_its_state_is_a_checkpoint_that_the_verifier_takes(witness: Witness) -> None:
    answer = witness.add_checkpoint(request(0, 5))
    assert witness.state.read_bytes() == note(5) + answer.text.encode()
    assert parse_checkpoint(witness.state.read_bytes(), [LOG]).size == 5


def test_a_fork_is_refused_and_leaves_the_state_alone(witness: Witness) -> None:
    witness.add_checkpoint(request(0, 8))
    before = witness.state.read_bytes()
    assert witness.add_checkpoint(request(8, 12, leaves=OTHER)).status == 422
    same_size = witness.add_checkpoint(encode_request(8, [], note(8, leaves=OTHER)))
    assert (same_size.status, "two histories" in same_size.text) == (409, True)
    assert witness.state.read_bytes() == before


def test_a_log_that_went_back_is_told_the_size_that_was_seen(witness: Witness) -> None:
    witness.add_checkpoint(request(0, 8))
    for old, new in ((0, 5), (5, 8), (3, 12)):
        answer = witness.add_checkpoint(request(old, new))
        assert (answer.status, answer.text, answer.content_type) == (409, "8\n", "text/x.tlog.size")
    assert witness.add_checkpoint(request(8, 8).replace(note(8), note(5))).status == 400


def test_it_remembers_over_a_restart(witness: Witness) -> None:
    witness.add_checkpoint(request(0, 8))
    again = Witness(NAME, WITNESS_KEY, [LOG], witness.state)
    assert again.add_checkpoint(request(0, 12)).text == "8\n"


def test_a_state_that_is_not_the_logs_stops_the_start(witness: Witness) -> None:
    witness.state.write_bytes(note(3, key=WITNESS_KEY))
    with pytest.raises(InvalidSignature):
        Witness(NAME, WITNESS_KEY, [LOG], witness.state)


def test_an_unknown_log_and_an_unknown_key_are_told_apart(witness: Witness) -> None:
    assert witness.add_checkpoint(encode_request(0, [], note(3, origin="other.example"))).status == 404
    assert witness.add_checkpoint(encode_request(0, [], note(3, key=WITNESS_KEY))).status == 403
    assert not witness.state.exists()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body.replace(b"old 3", b"old 03"),
        lambda body: body.replace(b"old 3", b"old -3"),
        lambda body: body.replace(b"old 3", b"new 3"),
        lambda body: body.replace(b"old 3\n", b"old 3\nnot-base64\n"),
        lambda body: body.replace(b"old 3\n", b"old 3\nAAAA\n"),
        lambda body: body.partition(b"\n\n")[0],
        lambda body: b"",
        lambda body: b"\xff" + body,
        lambda body: body.replace(b"old 3\n", b"old 3\n" + b"A" * 43 + b"=\n" + (b"A" * 43 + b"=\n") * 63),
    ],
)
def test_a_malformed_request_is_a_bad_request(witness: Witness, spoil: Callable[[bytes], bytes]) -> None:
    witness.add_checkpoint(request(0, 3))
    assert witness.add_checkpoint(spoil(request(3, 8))).status == 400


def test_a_proof_from_nothing_must_be_empty(witness: Witness) -> None:
    assert witness.add_checkpoint(encode_request(0, [bytes(32)], note(3))).status == 422


def test_one_witness_watches_one_log(tmp_path: Path) -> None:
    other = encode_vkey("other.example", LOG_KEY.public_key())
    with pytest.raises(ValueError, match="one log"):
        Witness(NAME, WITNESS_KEY, [LOG, other], tmp_path / "state")


def test_keys_survive_being_written_down() -> None:
    cosigner = Cosigner(NAME, WITNESS_KEY.public_key().public_bytes_raw())
    assert parse_cosigner(cosigner.vkey) == cosigner
    name, key = parse_private_key(encode_private_key(NAME, WITNESS_KEY))
    assert (name, key.private_bytes_raw()) == (NAME, WITNESS_KEY.private_bytes_raw())
    with pytest.raises(InvalidTrust, match="not the key of a witness"):
        parse_cosigner(encode_vkey(NAME, WITNESS_KEY.public_key()))  # type 0x01 signs notes, not cosignatures
    with pytest.raises(InvalidTrust, match="key id"):
        parse_cosigner(cosigner.vkey.replace("w1", "w2"))
    for wrong in ("", "PRIVATE+KEY+a+b", encode_private_key(NAME, WITNESS_KEY).replace("w1", "w2")):
        with pytest.raises(InvalidKey):
            parse_private_key(wrong)


def test_the_published_example_of_a_cosignature_has_the_layout_that_is_read_here() -> None:
    """C2SP tlog-cosignature shows no key, so its example can't be verified; length and timestamp can be read."""
    blob = base64.b64decode(
        "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA=="
    )
    assert (len(blob), int.from_bytes(blob[4:12], "big")) == (76, 1679315147)


def test_a_cosignature_over_other_text_or_with_another_time_is_refused(witness: Witness) -> None:
    line = witness.add_checkpoint(request(0, 5)).text
    with pytest.raises(InvalidSignature, match="does not fit"):
        verify_cosignature(note(6), line, witness.cosigner)
    blob = bytearray(base64.b64decode(line.split(" ")[2]))
    blob[11] ^= 1
    later = f"\u2014 {NAME} {base64.b64encode(blob).decode()}\n"
    with pytest.raises(InvalidSignature, match="does not fit"):
        verify_cosignature(note(5), later, witness.cosigner)
    with pytest.raises(InvalidSignature, match="No cosignature is by"):
        verify_cosignature(note(5), line.replace("w1", "w2"), witness.cosigner)


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "placet.cli", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "client"), "COLUMNS": "200"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)


def test_the_key_command_writes_a_private_file_once_and_prints_the_vkey(tmp_path: Path) -> None:
    made = run("witness-key", "--out", tmp_path / "w.key", "--name", NAME)
    assert made.returncode == 0
    assert parse_cosigner(made.stdout.strip()).name == NAME
    assert (tmp_path / "w.key").stat().st_mode & 0o777 == 0o600
    again = run("witness-key", "--out", tmp_path / "w.key", "--name", NAME)
    assert (again.returncode, "cannot be written" in again.stderr) == (1, True)
    as_json = run("witness-key", "--out", tmp_path / "v.key", "--name", NAME, "--json")
    assert parse_cosigner(json.loads(as_json.stdout)["vkey"]).name == NAME


def test_the_command_says_in_a_sentence_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "w.key").write_text(encode_private_key(NAME, WITNESS_KEY))
    wrong_listen = run("witness", "--state", tmp_path / "s", "--key", tmp_path / "w.key", "--log", LOG, "--listen", "x")
    assert (wrong_listen.returncode, wrong_listen.stderr.count("\n")) == (2, 1)
    no_key = run("witness", "--state", tmp_path / "s", "--key", tmp_path / "none", "--log", LOG)
    assert (no_key.returncode, "none cannot be used" in no_key.stderr) == (1, True)
    wrong_log = run("witness", "--state", tmp_path / "s", "--key", tmp_path / "w.key", "--log", "log.example")
    assert (wrong_log.returncode, "verifier key" in wrong_log.stderr) == (2, True)


def test_no_request_may_be_large() -> None:
    assert len(encode_request(1, [bytes(32)] * 63, note(20))) < MAX_REQUEST
