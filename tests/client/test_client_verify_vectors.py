"""Published vectors: every transparency-dev proof case, and the known answers of Go's signed notes."""

import base64
import json
import os
from pathlib import Path

import pytest

from placet.merkle import verify_subtree_consistency, verify_subtree_inclusion
from placet.trust import parse_trust
from placet.verify import (
    InvalidProof,
    InvalidSignature,
    InvalidTrust,
    open_note,
    parse_checkpoint,
    parse_vkey,
    verify_consistency,
    verify_inclusion,
)

BESIDE = Path(__file__).parents[3] / "shared" / "vectors"
VECTORS = Path(os.environ.get("PLACET_VECTORS") or BESIDE) / "transparency-dev-merkle" / "testdata"

# golang.org/x/mod/sumdb/note, note_test.go (BSD-3-Clause): a published key and a note that it signed.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def cases(kind: str) -> list[Path]:
    found = sorted((VECTORS / kind).rglob("*.json"))
    if not found:
        pytest.skip(f"the published vectors are not at {VECTORS}; PLACET_VECTORS names another folder")
    return found


def raw(texts: list[str] | None) -> list[bytes]:
    return [base64.b64decode(t) for t in texts or []]


def test_every_published_inclusion_case_is_judged_as_published():
    wrong = []
    for path in (files := cases("inclusion")):
        case = json.loads(path.read_text())
        try:
            verify_inclusion(
                case["leafIdx"],
                case["treeSize"],
                raw([case["leafHash"]])[0],
                raw(case["proof"]),
                raw([case["root"]])[0],
            )
            refused = False
        except InvalidProof:
            refused = True
        if refused != case["wantErr"]:
            wrong.append(path.name)
    assert len(files) == 98
    assert not wrong


def test_every_published_consistency_case_is_judged_as_published():
    wrong = []
    for path in (files := cases("consistency")):
        case = json.loads(path.read_text())
        old, new = raw([case["root1"] or "", case["root2"] or ""])
        try:
            verify_consistency(case["size1"], case["size2"], old, new, raw(case["proof"]))
            refused = False
        except InvalidProof:
            refused = True
        if refused != case["wantErr"]:
            wrong.append(path.name)
    assert len(files) == 98
    assert not wrong


def test_every_published_subtree_inclusion_case_is_judged_as_published():
    wrong = []
    for path in (files := cases("subtreeinclusion")):
        case = json.loads(path.read_text())
        leaf, top = raw([case["leafHash"] or "", case["root"] or ""])
        try:
            verify_subtree_inclusion(case["leafIdx"], case["start"], case["end"], leaf, raw(case["proof"]), top)
            refused = False
        except InvalidProof:
            refused = True
        if refused != case["wantErr"]:
            wrong.append(str(path))
    assert len(files) == 204
    assert not wrong


def test_every_published_subtree_consistency_case_is_judged_as_published():
    wrong = []
    for path in (files := cases("subtreeconsistency")):
        case = json.loads(path.read_text())
        below, top = raw([case["root1"] or "", case["root2"] or ""])
        try:
            verify_subtree_consistency(case["start"], case["end"], case["size"], below, top, raw(case["proof"]))
            refused = False
        except InvalidProof:
            refused = True
        if refused != case["wantErr"]:
            wrong.append(str(path))
    assert len(files) == 118
    assert not wrong


def test_size_zero_is_an_error_on_either_side_even_with_equal_roots():
    same = bytes(32)
    for old, new in [(0, 0), (0, 5), (5, 0)]:
        with pytest.raises(InvalidProof):
            verify_consistency(old, new, same, same, [])


def test_a_note_signed_by_gos_known_key_is_accepted():
    text, signed_by = open_note(PETER_NOTE.encode(), [PETER])
    assert signed_by == [PETER]
    assert text == PETER_NOTE.split("\n\n")[0] + "\n"


def test_a_changed_note_and_a_note_by_a_stranger_are_refused(log):
    with pytest.raises(InvalidSignature, match="does not fit"):
        open_note(PETER_NOTE.replace("answer", "Answer").encode(), [PETER])
    with pytest.raises(InvalidSignature, match="No key of the trust file"):
        open_note(PETER_NOTE.encode(), [log.vkey])


def test_signature_lines_of_unknown_keys_are_ignored_but_must_be_well_formed(log):
    cosigned = log.checkpoint() + b"\xe2\x80\x94 witness.example AAAAAAAAAAAA\n"
    assert parse_checkpoint(cosigned, [log.vkey]).size == 7
    with pytest.raises(InvalidSignature, match="well-formed"):
        parse_checkpoint(log.checkpoint() + b"witness.example AAAAAAAAAAAA\n", [log.vkey])


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.replace(b"\n7\n", b"\n07\n"),
        lambda note: note.replace(b"\n7\n", b"\n8\n"),
        lambda note: note.replace(b"bank.example/audit/1\n", b"bank.example/audit/2\n", 1),
        lambda note: note.replace(b"\n\n", b"\nextension\n\n"),
        lambda note: note.replace(b"\n\n", b"\n"),
        lambda note: note[:-1],
        lambda note: note + b"\xff",
        lambda note: b"",
        lambda note: note.replace(b"\n", b"\r\n"),
    ],
)
def test_a_checkpoint_that_was_touched_is_refused(log, change):
    with pytest.raises(InvalidSignature):
        parse_checkpoint(change(log.checkpoint()), [log.vkey])


def test_a_checkpoint_is_refused_when_its_signer_is_not_named_like_its_origin(log):
    from placet.notes import checkpoint_text, encode_note, encode_vkey, signature_line

    text = checkpoint_text(origin="bank.example/audit/1", size=1, root=bytes(32))
    note = encode_note(text, signature_line(text, name="other.example", private_key=log.key))
    with pytest.raises(InvalidSignature, match="counts for this note's name"):
        parse_checkpoint(note, [encode_vkey("other.example", log.key.public_key())])


def test_signing_is_deterministic(log):
    assert log.checkpoint() == log.checkpoint()


@pytest.mark.parametrize(
    "line",
    [
        "log",
        "log x",
        "witness w x",
        "log {vkey} https://a.example",
        "log {vkey}\nlog {vkey}",
        "log {broken}",
        "nonsense",
    ],
)
def test_a_trust_file_with_a_wrong_line_names_the_line(log, line):
    text = "# comment\n" + line.format(vkey=log.vkey, broken=log.vkey.replace("+", "+0", 1))
    with pytest.raises(InvalidTrust, match=r"line [23]"):
        parse_trust(text)


def test_a_trust_file_may_list_several_keys_of_each_kind(log):
    trust = parse_trust(log.policy + f"\n  log {PETER}\t\nquorum none\n")
    assert trust.logs == (log.vkey, PETER)
    assert len(trust.permits) == 1


def test_a_vkey_whose_id_belongs_to_another_key_is_refused():
    with pytest.raises(InvalidTrust, match="does not belong"):
        parse_vkey(PETER.replace("c74f20a3", "c74f20a4"))
