"""Bundles: the writer is deterministic and all-or-nothing; the verifier's three verdicts hold and fail apart."""

import io
import json
import zipfile

import pytest

from placet.bundle import BrokenLog, GovernedRow, Payload
from placet.canonical import canonical_json
from placet.notes import encode_vkey
from placet.verify import InvalidTrust, Verdict, leaf_hash, verify_bundle


def replaced(log, index, /, **fields):
    """Return the log's entries with one of them rewritten."""
    bodies = list(log.bodies)
    bodies[index] = canonical_json(json.loads(bodies[index]) | fields)
    return bodies


def names(report):
    return [(f.part, f.index) for f in report.findings]


@pytest.mark.parametrize("entries", [0, 1, 2, 255, 256, 257, 513])
def test_an_honest_bundle_holds_in_full(tmp_path, make_log, entries):
    log = make_log(entries)
    report = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=log.policy, checkpoints=log.anchored)
    assert report.findings == ()
    assert (report.integrity, report.completeness) == ("holds", "holds")
    assert report.anchoring == (Verdict.HOLDS if log.anchored else Verdict.NOT_SHOWN)
    assert report.exit_code == 0
    assert report.size == entries


def test_without_an_outside_checkpoint_anchoring_is_not_shown_which_is_no_failure(tmp_path, log):
    report = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=log.policy)
    assert report.anchoring == "not shown"
    assert report.exit_code == 0


def test_the_same_log_gives_the_same_bytes(tmp_path, log):
    one, two = log.bundle(tmp_path / "1.zip"), log.bundle(tmp_path / "2.zip")
    assert one.read_bytes() == two.read_bytes()


def test_ordinary_zip_tools_read_a_bundle(tmp_path, log):
    with zipfile.ZipFile(log.bundle(tmp_path / "b.zip")) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        assert manifest["size"] == 7
        assert archive.read("entries/00000000.jsonl").splitlines() == log.bodies
        assert len(archive.read("payloads/00000000.jsonl").splitlines()) == 3
        assert len(archive.read("governed/00000000.jsonl").splitlines()) == len(log.governed)


def test_a_bundle_that_would_not_verify_is_not_written_and_the_old_file_stays(tmp_path, log):
    path = log.bundle(tmp_path / "b.zip")
    before = path.read_bytes()
    for entries in (log.bodies[:-1], [*log.bodies, b"{}"], replaced(log, 2, event="approval.revoked")):
        with pytest.raises(BrokenLog):
            log.bundle(path, entries=entries)
    with pytest.raises(ValueError, match="65535"):
        log.bundle(path, entries=[b"x" * 65_536])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_policy_may_be_text_or_a_path_and_needs_a_log_key(tmp_path, log):
    path = log.bundle(tmp_path / "b.zip")
    trust = tmp_path / "policy.txt"
    trust.write_text(log.policy)
    for policy in (trust, str(trust), log.policy, f"log {log.vkey}"):
        assert verify_bundle(path, policy=policy).exit_code == 0
    with pytest.raises(InvalidTrust, match="no log key"):
        verify_bundle(path, policy="# nothing\n")


def test_a_changed_entry_is_named_with_its_id_and_event(tmp_path, log, messages):
    data = bytearray(log.bundle(tmp_path / "b.zip").read_bytes())
    at = data.index(log.bodies[4]) + log.bodies[4].index(b'"verdict":"approve"') + 12
    data[at] ^= 1
    (tmp_path / "b.zip").write_bytes(data)
    report = verify_bundle(tmp_path / "b.zip", policy=log.policy)
    found = next(f for f in report.findings if f.index == 4)
    assert report.exit_code == 3
    assert found.message == "Entry 4 does not have the hash that is stored for it."
    assert "entries do not have the root that the checkpoint signs" in messages(report)
    assert (found.entry_id, found.event) == ("00000000-0000-0000-0000-000000000005", "promotion.requested")
    assert {f.index for f in report.findings if f.index is not None} == {4}


def test_a_changed_stored_hash_is_told_apart_from_a_changed_entry(tmp_path, log, messages):
    data = bytearray(log.bundle(tmp_path / "b.zip").read_bytes())
    data[data.index(leaf_hash(log.bodies[3])) + 7] ^= 4
    (tmp_path / "b.zip").write_bytes(data)
    report = verify_bundle(tmp_path / "b.zip", policy=log.policy)
    assert "Entry 3 does not have the hash that is stored for it." in messages(report)
    assert "do not have the root" not in messages(report)
    assert report.exit_code == 3


def test_a_log_rewritten_with_another_key_fails_at_the_signature(tmp_path, log, messages):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    trusted = log.policy
    log.key = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
    log.anchored = []
    report = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=trusted)
    assert report.integrity == "fails"
    assert "No key of the trust file" in messages(report)


def test_a_log_rewritten_with_its_own_key_fails_only_against_an_outside_checkpoint(tmp_path, log):
    seen = log.checkpoint(5)
    log.bodies = replaced(log, 1, data={"verdict": "reject"})
    log.anchored = []
    path = log.bundle(tmp_path / "b.zip")
    alone, anchored = verify_bundle(path, policy=log.policy), verify_bundle(path, policy=log.policy, checkpoints=[seen])
    assert (alone.integrity, alone.anchoring, alone.exit_code) == ("holds", "not shown", 0)
    assert (anchored.integrity, anchored.anchoring, anchored.exit_code) == ("holds", "fails", 3)
    assert "another history of the first 5 entries" in anchored.findings[0].message


def test_a_log_that_was_cut_back_fails_against_an_outside_checkpoint(tmp_path, log):
    seen = tmp_path / "seen.note"
    seen.write_bytes(log.checkpoint())
    log.bodies, log.governed, log.payloads = log.bodies[:3], {}, {k: v for k, v in log.payloads.items() if k < 3}
    report = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=log.policy, checkpoints=[seen])
    assert report.anchoring == "fails"
    assert "counts 7 entries; the bundle 3" in next(f.message for f in report.findings if f.part == "anchoring")


def test_an_outside_checkpoint_that_nobody_trusted_signed_is_refused(tmp_path, log):
    report = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=log.policy, checkpoints=[b"hello\n"])
    assert (report.integrity, report.anchoring) == ("holds", "fails")


def test_an_anchored_checkpoint_in_the_bundle_that_signs_another_history_names_the_range(tmp_path, log, messages):
    log.anchored.append(log.checkpoint(5, bodies=replaced(log, 4, event="approval.revoked")))
    report = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=log.policy)
    assert "another history of the first 5 entries; 3 are as was signed" in messages(report)
    assert report.exit_code == 3


def test_a_governed_row_changed_without_an_entry_is_incomplete(tmp_path, log, messages):
    key = ("approvals_decision", "row-2")
    log.governed[key] = log.governed[key]._replace(digest="sha256:" + "0" * 64)
    report = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=log.policy)
    assert (report.integrity, report.completeness, report.exit_code) == ("holds", "fails", 4)
    assert names(report) == [("completeness", 2)]
    assert "is not what entry 2 left" in messages(report)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda log: log.governed.pop(("approvals_decision", "row-2")), "the row is gone"),
        (
            lambda log: log.governed.update(x=GovernedRow("t", "1", "00000000-0000-0000-0000-000000000001", "d")),
            "and not the newest about it: none",
        ),
        (
            lambda log: log.governed.update(x=GovernedRow("t", "1", "ffffffff-0000-0000-0000-000000000001", "d")),
            "not in the log",
        ),
        (
            lambda log: log.governed.update(
                x=log.governed.pop(("approvals_decision", "row-0"))._replace(
                    log_entry="00000000-0000-0000-0000-000000000002"
                )
            ),
            "and not the newest about it: 0",
        ),
        (lambda log: log.payloads.pop(3), "no entry records its erasure"),
    ],
)
def test_what_the_log_does_not_account_for_is_incomplete(tmp_path, log, messages, spoil, says):
    spoil(log)
    log.governed = {(r.table, r.key): r for r in log.governed.values()}
    report = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=log.policy)
    assert (report.integrity, report.completeness, report.exit_code) == ("holds", "fails", 4)
    assert says in messages(report)


def test_a_row_whose_entry_waits_for_the_tree_is_not_shown_and_never_holds(tmp_path, log):
    row = GovernedRow("t", "1", "ffffffff-0000-0000-0000-000000000001", "sha256:" + "0" * 64)
    log.governed["t", "1"] = row
    log.pending = 1
    report = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=log.policy)
    assert (report.completeness, report.exit_code) == ("not shown", 4)
    log.governed["t", "2"] = row._replace(key="2", log_entry="ffffffff-0000-0000-0000-000000000002")
    assert verify_bundle(log.bundle(tmp_path / "b.zip"), policy=log.policy).completeness == "fails"


def test_an_erased_payload_that_an_entry_records_is_no_finding(tmp_path, log):
    log.append("payload.redacted", data={"entry": json.loads(log.bodies[3])["id"], "reason": "Art. 17"})
    still_there = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=log.policy)
    assert "is redacted by entry 7, and shown" in still_there.findings[0].message
    del log.payloads[3]
    report = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=log.policy, checkpoints=log.anchored)
    assert report.exit_code == 0
    assert "The payload of entry 3 was erased; entry 7 records it." in report.notes


def test_a_swapped_payload_or_salt_is_tampering_and_names_the_entry(tmp_path, log):
    genuine = dict(log.payloads)
    for forged in (genuine[3]._replace(payload="another rationale"), genuine[3]._replace(salt=bytes(32))):
        log.payloads = genuine | {3: forged}
        report = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=log.policy)
        assert (report.integrity, report.exit_code) == ("fails", 3)
        assert names(report) == [("integrity", 3)]
    log.payloads = genuine | {1: Payload(1, bytes(32), "an entry that commits to none")}
    assert names(verify_bundle(log.bundle(tmp_path / "b.zip"), policy=log.policy)) == [("integrity", 1)]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"at": "2026-11-23T17:00:00.000000Z"}, "is dated before the entries that precede it, or after"),
        ({"at": "2027-11-23T17:00:00.000000Z"}, "or after the bundle was made"),
        ({"at": "2026-11-23T18:00:04Z"}, "is not a UTC time"),
        ({"log": "other.example"}, "belongs to another log"),
        ({"id": "00000000-0000-0000-0000-000000000001"}, "has the id of entry 0"),
        ({"v": 2}, "fields of a version 1 entry"),
        ({"extra": 1}, "fields of a version 1 entry"),
        ({"subjects": [{"table": "t"}]}, "fields of a version 1 entry"),
    ],
)
def test_an_entry_that_was_signed_but_is_not_a_proper_entry_is_a_finding(tmp_path, log, messages, fields, says):
    log.bodies = replaced(log, 5, **fields)
    report = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=log.policy)
    assert report.integrity == "fails"
    assert says in messages(report)
    assert names(report)[0] == ("integrity", 5)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b'{"a":1}',
        b'{ "v":1}',
        b'{"v":1.5}',
        b'{"v":99999999999999999999}',
        b"[" * 30_000,
        b"\xff\xfe",
        b'{"v":1,"v":1}',
        b'"\\ud800"',
        b"NaN",
    ],
)
def test_an_entry_that_is_no_canonical_json_is_a_finding_and_never_a_traceback(tmp_path, log, body):
    log.bodies[6] = body
    report = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=log.policy)
    assert ("integrity", 6) in names(report)
    assert report.exit_code == 3


@pytest.mark.parametrize(
    "respell",
    [
        lambda body: json.dumps(json.loads(body)).encode(),
        lambda body: json.dumps(dict(reversed(json.loads(body).items())), separators=(",", ":")).encode(),
        lambda body: body.replace(b"approve", b"\\u0061pprove"),
        lambda body: body.replace(b'"v":1', b'"v":0,"v":1'),
        lambda body: body + b" ",
    ],
)
def test_a_proper_entry_in_another_spelling_is_a_finding(tmp_path, log, messages, respell):
    log.bodies[6] = respell(log.bodies[6])
    report = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=log.policy)
    assert names(report) == [("integrity", 6)]
    assert "canonical JSON (RFC 8785)" in messages(report)


def test_entries_beyond_ascii_are_canonical_in_utf16_order(tmp_path, log):
    rfc8785 = pytest.importorskip("rfc8785")
    data = {"\ue000": "private", "\U00010000": "astral", "é": "ü\u2028\x7f\x01", "a": [True, None, -1, 0]}
    log.append(data=data)
    assert log.bodies[-1] == rfc8785.dumps(json.loads(log.bodies[-1]))
    assert verify_bundle(log.bundle(tmp_path / "b.zip"), policy=log.policy).exit_code == 0


def test_more_findings_than_a_reader_wants_are_counted(tmp_path, make_log):
    log = make_log(300)
    for key, row in log.governed.items():
        log.governed[key] = row._replace(digest="sha256:" + "0" * 64)
    for i in range(200):
        log.governed["zz", f"{i:03d}"] = GovernedRow("zz", f"{i:03d}", "00000000-0000-0000-0000-000000000001", "d")
    report = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=log.policy)
    assert len(report.findings) == 100
    assert report.notes == ("There is more about completeness than is listed.",)


def test_an_unknown_key_in_the_trust_file_does_not_make_a_bundle_pass(tmp_path, log):
    stranger = encode_vkey("bank.example/audit/1", log.permit_key.public_key())
    assert verify_bundle(log.bundle(tmp_path / "b.zip"), policy=f"log {stranger}\n").exit_code == 3


def test_a_report_is_json_and_says_what_each_verdict_does_not_show(tmp_path, log):
    value = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=log.policy).to_dict()
    assert json.loads(json.dumps(value)) == value
    assert all(value[part]["does_not_show"] for part in ("integrity", "completeness", "anchoring"))


def test_reading_a_stream_of_entries_needs_no_list(tmp_path, log):
    path = log.bundle(tmp_path / "b.zip", entries=iter(log.bodies), payloads=iter(log.payloads.values()))
    assert verify_bundle(path, policy=log.policy).exit_code == 0
    assert io.BytesIO(path.read_bytes()).read(2) == b"PK"


def test_a_salt_cut_elsewhere_than_its_payload_is_a_finding_although_the_commitment_fits(tmp_path, log, messages):
    genuine = log.payloads[3]
    joined = genuine.salt + genuine.payload.encode()
    log.payloads[3] = genuine._replace(salt=joined[:40], payload=joined[40:].decode())
    report = verify_bundle(log.bundle(tmp_path / "b.zip"), policy=log.policy)
    assert "salt is not of 32 bytes" in messages(report)
    assert report.exit_code == 3


def test_two_processes_say_what_one_says(tmp_path, make_log):
    log = make_log(70_000 // 100)
    path = log.bundle(tmp_path / "b.zip")
    told = []
    alone = verify_bundle(path, policy=log.policy, checkpoints=log.anchored, progress=lambda *at: told.append(at))
    assert alone == verify_bundle(path, policy=log.policy, checkpoints=log.anchored, jobs=2)
    assert told[-1] == (700, 700)
