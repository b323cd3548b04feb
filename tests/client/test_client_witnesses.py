"""Witnesses: cosignatures of a checkpoint count as the trust file says (C2SP tlog-cosignature, tlog-policy)."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from placet import cosignatures
from placet.merkle import inclusion_proof
from placet.notes import checkpoint_text, encode_note, encode_vkey, signature_line
from placet.receipts import encode_receipt, verify_receipt
from placet.trust import format_trust, parse_trust
from placet.verify import (
    InvalidSignature,
    InvalidTrust,
    leaf_hash,
    parse_checkpoint,
    verify_bundle,
)

# A checkpoint of a public log that a public witness cosigned, with an ML-DSA-44 line (shortened here, as it is of no
# known key) left in: transparency-dev's witness network, October 2026.
LOG = "markovianprotocol.com/log+0302c6c8+ATkpOWo95UuEiW2EhNZAol4f0CS8hMluJfPcTSzrr03v"
NAVIGLI = "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G"
PUBLIC = (
    "markovianprotocol.com/log\n9266\nQnwPzJywq5AyOk9k1zLqfryh6Ktw1CnaaKplELApoxw=\n\n"
    "\u2014 markovianprotocol.com/log AwLGyIvuxLXZM101mKdNCPTsl9GgtiG/wzbd8cGru0pGnWVMXI06twIsEIZho7n8id+w2EO0BZCalxuEm"
    "6BauQGNmgo=\n"
    "\u2014 witness.navigli.sunlight.geomys.org o+AP4gAAAABqwX+So8evhUsltetL+QnwUxEYMNrD25pJYOTFHwDCopbgQMl2AEh583Ax"
    "fFNMDZzE73rdjK62tUN8oUBfd9p6usq+BA==\n"
    "\u2014 witness.navigli.sunlight.geomys.org a8RCSQAAAABqwX+S82A5jZ4hhbMpSISwr6lug/1/EqzgRP3QbJdnTxrqtZDX\n"
).encode()

# Made by github.com/transparency-dev/formats v0.1.1 (NewSignerForCosignatureV1) from a fixed key.
FORMATS_LOG = "example.com/vector-log+4516a1da+ARGkVJ4QEa2MOOLGBO6i7NVSJ1FQ97tIX+w+Ku0RZ6Em"
FORMATS_WITNESS = "witness.example.com/vector+416f103d+BK/QmJFVP3SKJOqAMhFxBQPtylo3sjwWibyFDAlZKK8B"
FORMATS_TEXT = "example.com/vector-log\n1234\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n"
FORMATS_LINE = (
    "\u2014 witness.example.com/vector QW8QPQAAAABqwLUbDdj7sDNRIVjmjYgqFI6y4UJhPg/UAA8J8wAdqSd3q4PedRhkgXA4xFN/Jg5uWn7Z"
    "kBA+H/UHQs5d9hITdXmQAA==\n"
)


def a_key(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


def witness_lines(count: int) -> str:
    keys = (encode_vkey(f"witness.example/{n}", a_key(20 + n).public_key(), 4) for n in range(1, count + 1))
    return "".join(f"witness W{n} {key}\n" for n, key in enumerate(keys, start=1))


def cosign(note: bytes, *witnesses: int, at: int = 1_795_000_000) -> bytes:
    text = note.decode().partition("\n\n")[0] + "\n"
    lines = (
        cosignatures.cosign(
            f"{text}\n".encode(), name=f"witness.example/{n}", private_key=a_key(20 + n), timestamp=at + n
        )
        for n in witnesses
    )
    return note + "".join(lines).encode()


def test_a_public_checkpoint_with_a_public_cosignature_is_judged_as_its_witness_meant():
    trust = parse_trust(f"log {LOG}\nwitness navigli {NAVIGLI} https://navigli.sunlight.geomys.org\nquorum navigli\n")
    assert parse_checkpoint(PUBLIC, trust.logs).size == 9266
    assert trust.cosigned(PUBLIC) == ({"navigli": 1_791_066_002}, True)
    with pytest.raises(InvalidSignature, match=r"witness.navigli.*does not fit"):
        trust.cosigned(PUBLIC.replace(b"o+AP4gAAAABqwX+S", b"o+AP4gAAAABqwX+T"))


def test_a_cosignature_made_elsewhere_verifies_and_is_made_again_byte_for_byte():
    note = encode_note(FORMATS_TEXT, FORMATS_LINE)
    witness = cosignatures.parse_cosigner(FORMATS_WITNESS)
    assert cosignatures.cosigned_by(note, [witness]) == {FORMATS_WITNESS: 1_791_014_171}
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode("BJEX3xv88eoQIKT4E+GkxZcXaJCYlQfi/GJ3NDFmZIW8")[1:])
    assert encode_vkey("witness.example.com/vector", key.public_key(), 4) == FORMATS_WITNESS
    note, name = f"{FORMATS_TEXT}\n".encode(), "witness.example.com/vector"
    line = cosignatures.cosign(note, name=name, private_key=key, timestamp=1_791_014_171)
    assert line == FORMATS_LINE


def test_a_cosignature_is_no_log_signature_and_the_other_way_round(log):
    note = cosign(log.checkpoint(), 1)
    trust = parse_trust(log.policy + witness_lines(1))
    only_cosigned = note.replace(log.checkpoint().partition(b"\n\n")[2], b"")
    with pytest.raises(InvalidSignature, match="No key of the trust file"):
        parse_checkpoint(only_cosigned, trust.logs)
    with pytest.raises(InvalidTrust, match="of type 4"):
        parse_trust(f"witness W1 {log.vkey}\n")
    with pytest.raises(InvalidTrust, match="of type 1"):
        parse_trust(witness_lines(1).replace("witness W1", "log"))


@pytest.mark.parametrize(
    ("policy", "cosigners", "met"),
    [
        ("quorum W1", [1], True),
        ("quorum W1", [2], False),
        ("quorum none", [1, 2, 3, 4], False),
        ("", [1, 2, 3, 4], False),
        ("group G any W1 W2\nquorum G", [2], True),
        ("group G any W1 W2\nquorum G", [3], False),
        ("group G all W1 W2\nquorum G", [1], False),
        ("group G all W1 W2\nquorum G", [1, 2], True),
        ("group G 2 W1 W2 W3\nquorum G", [1, 3], True),
        ("group G 2 W1 W2 W3\nquorum G", [3], False),
        ("group X 2 W1 W2 W3\ngroup Y any W4\ngroup B all X Y\nquorum B", [1, 2, 4], True),
        ("group X 2 W1 W2 W3\ngroup Y any W4\ngroup B all X Y\nquorum B", [1, 2, 3], False),
        ("group X 2 W1 W2 W3\ngroup Y any W4\ngroup B all X Y\nquorum B", [1, 4], False),
    ],
)
def test_a_quorum_is_met_as_its_groups_say(log, policy, cosigners, met):
    trust = parse_trust(log.policy + witness_lines(4) + policy)
    times, quorum = trust.cosigned(cosign(log.checkpoint(), *cosigners))
    assert (set(times), quorum) == ({f"W{n}" for n in cosigners}, met)
    assert parse_trust(format_trust(trust)) == trust


@pytest.mark.parametrize(
    "line",
    [
        "witness none {w}",
        "witness W1 {w}",
        "witness W9 {same}",
        "witness W9",
        "witness W9 {w} https://a.example more",
        "group W1 any W2",
        "group none any W2",
        "group G any",
        "group G any W7",
        "group G 0 W1",
        "group G 3 W1 W2",
        "group G -1 W1",
        "group G all W1 W1",
        "group G all G",
        "group G any none W1",
        "group G any W1\ngroup H any W1",
        "quorum",
        "quorum W7",
        "quorum G\ngroup G any W1",
        "quorum W1\nquorum W1",
        "quorum none\nquorum none",
        "log {log} until",
        "log {log} until -1",
        "log {log} until 07",
        "log {log} after 7",
        "permit {log} until 7",
    ],
)
def test_a_policy_that_c2sp_forbids_is_refused_with_its_line(log, line):
    new = encode_vkey("witness.example/new", a_key(50).public_key(), 4)
    same = encode_vkey("impostor.example", a_key(21).public_key(), 4)
    other = encode_vkey("other.example", a_key(51).public_key())
    text = log.policy + witness_lines(2) + line.format(w=new, same=same, log=other)
    with pytest.raises(InvalidTrust, match=r"Trust file, line [67]"):
        parse_trust(text)


def test_a_checkpoint_that_witnesses_cosigned_anchors_the_bundle_without_an_outside_one(tmp_path, log):
    policy = log.policy + witness_lines(2) + "group G all W1 W2\nquorum G\n"
    log.anchored = [cosign(log.checkpoint(5), 1, 2), cosign(log.checkpoint(6), 1)]
    report = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=policy, vouched=parse_trust(policy).vouched)
    assert (report.integrity, report.anchoring, report.anchored, report.exit_code) == ("holds", "holds", 5, 0)
    said = " ".join(report.notes)
    assert "up to entry 4 (dated 2026-11-23T18:00:04.000000Z), cosigned by W1, W2" in said
    assert "2026" in said.partition("cosigned by")[2]
    log.anchored = [cosign(log.checkpoint(5), 1)]
    report = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=policy, vouched=parse_trust(policy).vouched)
    assert (report.anchoring, report.anchored) == ("not shown", 0)


def test_cosignatures_do_not_help_a_history_that_they_do_not_fit(tmp_path, log):
    policy = log.policy + witness_lines(1) + "quorum W1\n"
    other = [*log.bodies[:4], b"{}"]
    log.anchored = [cosign(log.checkpoint(bodies=other), 1)]
    report = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=policy, vouched=parse_trust(policy).vouched)
    assert (report.integrity, report.anchoring, report.exit_code) == ("fails", "not shown", 3)
    log.anchored = [cosign(log.checkpoint(5), 1).replace(b"witness.example/1 ", b"witness.example/1 ")[:-6] + b"AAA=\n"]
    assert (
        verify_bundle(log.bundle(tmp_path / "b.zip"), policy=policy, vouched=parse_trust(policy).vouched).exit_code == 3
    )


def test_a_compromised_key_counts_only_for_checkpoints_up_to_its_size(tmp_path, log):
    trust = parse_trust(log.policy.replace(log.vkey, f"{log.vkey} until 6"))
    assert trust.logs == (f"{log.vkey} until 6",)
    assert parse_checkpoint(log.checkpoint(6), trust.logs).size == 6
    with pytest.raises(InvalidSignature, match="that counts for this note's name and size"):
        parse_checkpoint(log.checkpoint(7), trust.logs)
    assert verify_bundle(log.bundle(tmp_path / "b.zip"), policy=format_trust(trust)).exit_code == 3


def test_after_a_compromise_both_keys_verify_what_each_signed(log):
    text = checkpoint_text(origin=log.origin, size=7, root=bytes(32))
    new = a_key(40)
    note = encode_note(text, *(signature_line(text, name=log.origin, private_key=key) for key in (log.key, new)))
    both = parse_trust(f"log {log.vkey} until 6\nlog {encode_vkey(log.origin, new.public_key())}\n")
    assert parse_checkpoint(note, both.logs).size == 7
    assert parse_checkpoint(log.checkpoint(6), both.logs).size == 6


def test_a_receipt_says_which_witnesses_cosigned_it(log):
    trust = parse_trust(log.policy + witness_lines(2) + "quorum W2\n")
    proof = inclusion_proof(4, [leaf_hash(body) for body in log.bodies])
    for cosigners, quorum in (([1], False), ([1, 2], True), ([], False)):
        note = cosign(log.checkpoint(), *cosigners)
        receipt = encode_receipt(index=4, proof=proof, checkpoint_note=note, extra=log.bodies[4])
        found = verify_receipt(receipt, trust=trust)
        assert (set(found.witnesses), found.quorum) == ({f"W{n}" for n in cosigners}, quorum)
    assert verify_receipt(receipt, vkeys=[log.vkey]).witnesses == {}
