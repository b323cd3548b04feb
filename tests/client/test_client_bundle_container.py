"""The container: one spelling of a zip, every member listed in a manifest that the log itself signed."""

import dataclasses
import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import placet.verify
from placet.bundle import BrokenLog
from placet.canonical import canonical_json
from placet.merkle import inclusion_proof
from placet.notes import sign_checkpoint
from placet.receipts import encode_receipt
from placet.verify import add_member, leaf_hash, main, verify_bundle


def rewrite(source: Path, target: Path, change=lambda name, data: [(name, data)]) -> Path:
    """Write the members again, in the one spelling, with some of them changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            for as_name, data in change(name, old.read(name)):
                new.NameToInfo.pop(as_name, None)  # a second member of one name, without a warning
                add_member(new, as_name, data)
    return target


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_bundle_packed_again_by_another_tool_fails_and_nothing_in_it_is_unpacked(tmp_path, log, messages, method):
    with (
        zipfile.ZipFile(log.bundle(tmp_path / "b.zip")) as old,
        zipfile.ZipFile(tmp_path / "r.zip", "w", method) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    report = verify_bundle(tmp_path / "r.zip", policy=log.policy, checkpoints=log.anchored)
    assert (report.integrity, report.completeness) == ("fails", "not shown")
    said = "cut, changed or repacked" if method == zipfile.ZIP_STORED else "larger than the file"
    assert said in messages(report)
    assert report.exit_code == 3


@pytest.mark.parametrize(
    "missing",
    [
        "README.txt",
        "entries/00000000.jsonl",
        "hashes/00000000",
        "payloads/00000000.jsonl",
        "governed/00000000.jsonl",
        "checkpoints/00000000000000000003.note",
    ],
)
def test_a_missing_file_is_named(tmp_path, log, messages, missing):
    path = log.bundle(tmp_path / "b.zip")
    report = verify_bundle(
        rewrite(path, tmp_path / "r.zip", lambda name, data: [] if name == missing else [(name, data)]),
        policy=log.policy,
    )
    assert f"'{missing}' is missing, or not as the manifest lists it" in messages(report)
    assert report.exit_code == 3


@pytest.mark.parametrize("missing", ["checkpoint.note", "manifest.json", "manifest.tlog-proof"])
def test_without_checkpoint_manifest_or_its_receipt_a_bundle_fails(tmp_path, log, messages, missing):
    path = log.bundle(tmp_path / "b.zip")
    target = rewrite(path, tmp_path / "r.zip", lambda name, data: [] if name == missing else [(name, data)])
    report = verify_bundle(target, policy=log.policy)
    assert missing in {f.file for f in report.findings}
    assert report.exit_code == 3


def test_an_added_file_a_second_copy_and_another_order_are_findings(tmp_path, log, messages):
    path = log.bundle(tmp_path / "b.zip")

    def extra(name, data):
        return (
            [(name, data), ("../../etc/passwd", b"root"), ("/abs", b"")]
            if name == "checkpoint.note"
            else [(name, data)]
        )

    report = verify_bundle(rewrite(path, tmp_path / "r.zip", extra), policy=log.policy)
    assert "'../../etc/passwd' is missing, or not as the manifest lists it" in messages(report)
    assert not (tmp_path.parent.parent / "etc").exists()

    twice = rewrite(
        path, tmp_path / "d.zip", lambda name, data: [(name, data)] * (2 if name == "checkpoint.note" else 1)
    )
    assert verify_bundle(twice, policy=log.policy).integrity == "fails"

    first = {}
    moved = rewrite(
        path,
        tmp_path / "o.zip",
        lambda name, data: (
            first.update({name: data}) or []
            if name == "README.txt"
            else [(name, data), *first.items()][: 2 if name == "checkpoint.note" else 1]
        ),
    )
    report = verify_bundle(moved, policy=log.policy)
    assert "the members stand in another order" in messages(report)


def test_a_checkpoint_that_claims_a_huge_log_is_answered_at_once(tmp_path, log, messages):
    path = log.bundle(tmp_path / "b.zip")
    many = 2**52
    note = sign_checkpoint(origin=log.origin, size=many, root=bytes(32), private_key=log.key)

    def huge(name, data):
        if name == "manifest.json":
            data = canonical_json(json.loads(data) | {"size": many, "root": "sha256:" + bytes(32).hex()})
        return [(name, note if name == "checkpoint.note" else data)]

    report = verify_bundle(rewrite(path, tmp_path / "r.zip", huge), policy=log.policy)
    assert "does not hold the tiles of" in messages(report)
    assert report.exit_code == 3


def test_every_cut_of_a_bundle_is_a_finding(tmp_path, log):
    data = log.bundle(tmp_path / "b.zip").read_bytes()
    for length in [*range(0, 200), *range(200, len(data), 97), len(data) - 1]:
        (tmp_path / "c.zip").write_bytes(data[:length])
        report = verify_bundle(tmp_path / "c.zip", policy=log.policy)
        assert report.exit_code == 3, length
        assert report.findings
    (tmp_path / "c.zip").write_bytes(data + b"\0")
    assert verify_bundle(tmp_path / "c.zip", policy=log.policy).exit_code == 3


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip at all", b"PK\x03\x04" + b"\xff" * 100, b"\0" * 5000])
def test_a_file_that_is_no_bundle_is_a_finding(tmp_path, log, content):
    (tmp_path / "b.zip").write_bytes(content)
    report = verify_bundle(tmp_path / "b.zip", policy=log.policy, checkpoints=log.anchored)
    assert (report.integrity, report.completeness, report.anchoring, report.exit_code) == (
        "fails",
        "not shown",
        "not shown",
        3,
    )


def names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_the_manifest_lists_every_other_member_and_comes_last_with_its_receipt(tmp_path, log):
    path = log.bundle(tmp_path / "b.zip")
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        digests = {name: f"sha256:{hashlib.sha256(archive.read(name)).hexdigest()}" for name in archive.namelist()}
    assert list(digests)[-2:] == ["manifest.json", "manifest.tlog-proof"]
    assert manifest["files"] == [[name, digest] for name, digest in digests.items() if "manifest" not in name]
    assert set(manifest) == {*("format", "origin", "size", "root", "created_at", "pending", "files")}


def test_a_changed_file_whose_checksum_was_put_right_is_named_by_the_manifest(tmp_path, log, messages):
    path = log.bundle(tmp_path / "b.zip")
    target = rewrite(
        path, tmp_path / "r.zip", lambda name, data: [(name, data + b"!" if name == "README.txt" else data)]
    )
    report = verify_bundle(target, policy=log.policy)
    assert [f.file for f in report.findings] == ["README.txt"]
    assert report.exit_code == 3


def a_stranger(log):
    return dataclasses.replace(log, key=Ed25519PrivateKey.from_private_bytes(b"\x09" * 32))


def of_the_bundle_itself(log, manifest):
    """A receipt of an entry that stands in the exported log, under the exported checkpoint."""
    leaves = [leaf_hash(body) for body in log.bodies]
    last, proof = len(leaves) - 1, inclusion_proof(len(leaves) - 1, leaves)
    return encode_receipt(index=last, proof=proof, checkpoint_note=log.checkpoint(), extra=log.bodies[-1])


@pytest.mark.parametrize(
    ("sealed", "says"),
    [
        (lambda log, manifest: b"nonsense", "not a C2SP tlog-proof"),
        (lambda log, manifest: log.seal(manifest, event="bundle.imported"), "not the log's entry about this manifest"),
        (lambda log, manifest: log.seal(manifest + b" "), "not the log's entry about this manifest"),
        (lambda log, manifest: log.seal(manifest, log="other.example"), "not the log's entry about this manifest"),
        (lambda log, manifest: a_stranger(log).seal(manifest), "No key of the trust file"),
        (of_the_bundle_itself, "not the log's entry about this manifest"),
        (lambda log, manifest: log.seal(manifest).replace(b"index 7", b"index 6"), "leads to another root"),
        (
            lambda log, manifest: b"\n".join(log.seal(manifest).split(b"\n")[:1] + log.seal(manifest).split(b"\n")[2:]),
            "not JSON",
        ),
    ],
)
def test_a_manifest_that_the_log_does_not_name_is_a_finding(tmp_path, log, messages, sealed, says):
    path, receipts = log.bundle(tmp_path / "b.zip"), {}

    def reseal(name, data):
        if name == "manifest.json":
            receipts["manifest.tlog-proof"] = sealed(log, data)
        return [(name, receipts.get(name, data))]

    report = verify_bundle(rewrite(path, tmp_path / "r.zip", reseal), policy=log.policy, checkpoints=log.anchored)
    assert [f.file for f in report.findings] == ["manifest.tlog-proof"]
    assert says in messages(report)
    assert (report.integrity, report.completeness, report.anchoring) == ("fails", "not shown", "holds")


def test_a_bundle_is_not_written_when_its_seal_is_of_something_else(tmp_path, log):
    for seal in (lambda manifest: b"", lambda manifest: log.seal(b"{}"), lambda m: log.seal(m, event="x")):
        with pytest.raises(BrokenLog, match="receipt"):
            log.bundle(tmp_path / "b.zip", seal=seal)
    assert list(tmp_path.iterdir()) == []


def test_a_time_stamp_is_in_the_bundle_which_says_how_to_check_it(tmp_path, log):
    log.timestamps = [(3, b"DER")]
    path = log.bundle(tmp_path / "b.zip")
    assert "checkpoints/00000000000000000003.tsr" in names(path)
    report = verify_bundle(path, policy=log.policy)
    assert report.findings == ()
    with zipfile.ZipFile(path) as archive:
        assert b"openssl ts -verify -in <size>.tsr -data <size>.note" in archive.read("README.txt")
    log.timestamps = [(4, b"DER")]
    with pytest.raises(BrokenLog, match="no such checkpoint"):
        log.bundle(tmp_path / "c.zip")


def test_the_verifier_runs_alone_as_a_script(tmp_path, log):

    script = tmp_path / "verify.py"
    script.write_bytes(Path(placet.verify.__file__).read_bytes())
    path, policy = log.bundle(tmp_path / "b.zip"), tmp_path / "policy.txt"
    policy.write_text(log.policy)
    seen = tmp_path / "seen.note"
    seen.write_bytes(log.anchored[0])

    def run(*arguments):
        command = [sys.executable, "-I", script, *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={})

    done = run(path, policy, seen)
    assert done.returncode == 0, done.stderr
    for words in (
        "integrity     holds",
        "completeness  holds",
        "anchoring     holds",
        "Does not show",
        "Nothing is wrong.",
    ):
        assert words in done.stdout
    as_json = json.loads(run(path, policy, "--json", "--jobs", "2").stdout)
    assert as_json["integrity"]["verdict"] == "holds"
    assert as_json["anchoring"]["verdict"] == "not shown"
    assert json.loads(run(path, policy, seen, "--json").stdout)["anchored"] == 3
    assert run(path).returncode == 2
    lost = run(path, tmp_path / "none.txt")
    assert (lost.returncode, "none.txt" in lost.stderr, "Traceback" in lost.stderr) == (1, True, False)
    with pytest.raises(SystemExit, match="2"):
        main([])
