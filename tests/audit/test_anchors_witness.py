"""The witness client, against the `placet witness` that auditors run, and against servers that misbehave."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from governance.audit import selectors
from governance.audit.anchors.configuration import sinks_from
from governance.audit.anchors.publisher import Publisher
from governance.audit.anchors.sinks import Sink
from governance.audit.anchors.witness import CLOCK_TOLERANCE_S
from governance.audit.errors import AnchorUnavailable
from governance.audit.models import Anchor
from governance.audit.notary import Notary
from governance.common import clock
from placet.cosignatures import Cosigner, cosign, encode_private_key, parse_cosigner, verify_cosignature
from placet.notes import encode_vkey
from placet.verify import leaf_hash, parse_checkpoint
from tests.arch.tree import ROOT
from tests.audit.anchoring import LEAVES, LOG_VKEY, ORIGIN, http_server, published
from tests.audit.entries import append

NAME = "auditor.example/w1"
KEY = Ed25519PrivateKey.generate()
VKEY = Cosigner(NAME, KEY.public_key().public_bytes_raw()).vkey
FORK = [*LEAVES[:4], leaf_hash(b"another"), *LEAVES[5:]]


@dataclass
class RunningWitness:
    process: subprocess.Popen[str]
    url: str
    state: Path

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


def start(folder: Path, log_vkey: str) -> RunningWitness:
    """Run `placet witness` on a free port and wait until it says where it listens."""
    (folder / "w.key").write_text(encode_private_key(NAME, KEY))
    files = ["--state", folder / "seen.note", "--key", folder / "w.key"]
    command = [sys.executable, "-m", "placet.cli", "witness", *files, "--log", log_vkey, "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "client")},
    )
    assert process.stdout
    said = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", said)
    assert found, said
    return RunningWitness(process, found[0], folder / "seen.note")


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[RunningWitness]:
    running = start(tmp_path, LOG_VKEY)
    yield running
    if running.process.poll() is None:
        assert running.stop() == 0
    running.process.stdout.close()


def sink_at(url: str, vkey: str = VKEY) -> Sink:
    (sink,) = sinks_from([f"witness+{url}/?key={vkey}"])
    return sink


def refusal(url: str, size: int, **about: object) -> str:
    with pytest.raises(AnchorUnavailable) as caught:
        sink_at(url).publish(published(size, **about))
    assert caught.value.detail.startswith(f"The witness witness+{url}/ ")
    return caught.value.detail


def test_a_growing_log_is_cosigned_and_the_line_is_kept(witness: RunningWitness) -> None:
    for size, previous in ((3, 0), (8, 3), (8, 8), (17, 8)):
        anchored = sink_at(witness.url).publish(published(size, previous=previous))
        cosignature = verify_cosignature(published(size).note, anchored.proof.decode(), parse_cosigner(VKEY))
        assert cosignature.name == NAME
        assert published(size).digest in anchored.reference
        # What the witness keeps is a checkpoint that the verifier takes, with both signatures.
        assert witness.state.read_bytes() == published(size).note + anchored.proof
        assert parse_checkpoint(witness.state.read_bytes(), [LOG_VKEY]).size == size


def test_a_witness_that_holds_another_size_than_we_think_is_asked_again_from_there(witness: RunningWitness) -> None:
    sink_at(witness.url).publish(published(5))
    for previous in (0, 3):  # as after a lost answer
        assert sink_at(witness.url).publish(published(9, previous=previous)).proof


def test_a_fork_is_refused(witness: RunningWitness) -> None:
    sink_at(witness.url).publish(published(8))
    before = witness.state.read_bytes()
    said = refusal(witness.url, 12, leaves=FORK, previous=8)
    assert "answered 422" in said
    assert "is not the beginning of this log" in said
    assert "holds another checkpoint of 8 entries" in refusal(witness.url, 8, leaves=FORK, previous=8)
    assert witness.state.read_bytes() == before


def test_a_rollback_is_refused(witness: RunningWitness) -> None:
    sink_at(witness.url).publish(published(8))
    assert "has cosigned 8 entries of this log, which has 5" in refusal(witness.url, 5, previous=2)
    assert parse_checkpoint(witness.state.read_bytes(), [LOG_VKEY]).size == 8


def test_what_was_seen_is_remembered_over_a_kill(witness: RunningWitness, tmp_path: Path) -> None:
    sink_at(witness.url).publish(published(8))
    witness.process.kill()
    witness.process.wait(20)
    again = start(tmp_path, LOG_VKEY)
    try:
        assert "has cosigned 8 entries" in refusal(again.url, 5)
        assert sink_at(again.url).publish(published(9, previous=8)).proof
    finally:
        assert again.stop() == 0
        again.process.stdout.close()


def test_a_log_or_key_that_the_witness_does_not_know_is_named(tmp_path: Path) -> None:
    other = encode_vkey("other.example", KEY.public_key())
    rotated = encode_vkey(ORIGIN, KEY.public_key())
    for vkey, wanted in ((other, "answered 404"), (rotated, "answered 403")):
        running = start(tmp_path, vkey)
        said = refusal(running.url, 5)
        assert wanted in said
        assert "give its operator the" in said
        running.stop()
        running.process.stdout.close()


@pytest.mark.parametrize(
    ("status", "content", "wanted"),
    [
        (429, b"slow down\n", "asked too often: write a longer ?every="),
        (503, b"", "failed; its operator"),
        (302, b"", "failed; its operator"),
        (409, b"5\n", "changed its mind"),
        (409, b"-5\n", "holds another checkpoint"),
        (409, b"999999999999999999\n", "has cosigned 999999999999999999 entries"),
        (200, b"", "without its valid signature"),
        (200, b"\xff\xfe", "without its valid signature"),
        (200, b"OK\n", "without its valid signature"),
    ],
)
def test_what_else_a_server_may_say(status: int, content: bytes, wanted: str) -> None:
    with http_server(lambda body: (status, content)) as url:
        assert wanted in refusal(url, 7)


def test_another_keys_signature_is_not_the_witnesses() -> None:
    other = Ed25519PrivateKey.generate()
    line = cosign(published(7).note, name=NAME, private_key=other, timestamp=1).encode()
    with http_server(lambda body: (200, line)) as url:
        assert "Compare ?key= with the witness's" in refusal(url, 7)


def test_a_signature_over_another_checkpoint_is_refused() -> None:
    line = cosign(published(6).note, name=NAME, private_key=KEY, timestamp=1).encode()
    with http_server(lambda body: (200, line)) as url:
        assert "does not fit the checkpoint" in refusal(url, 7)


def test_a_signature_from_the_future_is_refused() -> None:
    when = int(time.time()) + CLOCK_TOLERANCE_S + 60
    line = cosign(published(7).note, name=NAME, private_key=KEY, timestamp=when).encode()
    with http_server(lambda body: (200, line)) as url:
        assert "yet to come" in refusal(url, 7)


@pytest.mark.django_db(transaction=True)
def test_a_notarys_log_is_witnessed_as_it_grows(tmp_path: Path, notary: Notary) -> None:
    running = start(tmp_path, notary.vkey)
    now = clock.now()
    for minutes, size in enumerate((2, 5)):
        append(size - selectors.size())
        # A new publisher each time, as after a restart: the size before is in the database.
        notary.publisher = Publisher([sink_at(running.url)], background=False)
        with clock.frozen(now + timedelta(minutes=minutes)):
            notary.round()
        anchor = Anchor.objects.select_related("checkpoint").latest("id")
        assert anchor.size == size
        verify_cosignature(bytes(anchor.checkpoint.note), bytes(anchor.proof).decode(), parse_cosigner(VKEY))
    assert running.stop() == 0
    running.process.stdout.close()
