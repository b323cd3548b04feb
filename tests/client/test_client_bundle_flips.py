"""One flipped byte anywhere in a bundle makes it fail, and names the entry when it is in an entry."""

import contextlib
import hashlib
import io
import json
import random
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placet.canonical import canonical_json
from placet.verify import add_member, verify_bundle
from tests.proving import count, write_down


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, make_log):
    folder = tmp_path_factory.mktemp("flips")
    log = make_log(5)
    return log, log.bundle(folder / "b.zip").read_bytes(), folder


def test_every_byte_of_a_small_bundle_is_watched(bundle):
    log, data, folder = bundle
    target = folder / "flipped.zip"
    chooser = random.Random(20261123)  # noqa: S311 which bit to flip is no secret
    for at in range(0, len(data), 4):
        flipped = bytearray(data)
        flipped[at] ^= 1 << chooser.randrange(8)
        target.write_bytes(flipped)
        report = verify_bundle(target, policy=log.policy, checkpoints=log.anchored)
        assert report.exit_code == 3, f"byte {at}"
        assert report.integrity == "fails", f"byte {at}"


def test_a_flip_inside_an_entry_names_that_entry(bundle):
    log, data, folder = bundle
    target = folder / "entry.zip"
    chooser = random.Random(7)  # noqa: S311 which bytes to flip is no secret
    for index, body in enumerate(log.bodies):
        start = data.index(body)
        for at in chooser.sample(range(start, start + len(body)), 40):
            flipped = bytearray(data)
            flipped[at] ^= 1 << chooser.randrange(8)
            target.write_bytes(flipped)
            report = verify_bundle(target, policy=log.policy)
            assert {f.index for f in report.findings if f.index is not None} == {index}, f"byte {at}"
            assert report.exit_code == 3


def test_any_flipped_bit_at_any_place_fails(bundle):
    """10,000 of them, anywhere, under ``make prove``; some hundreds otherwise."""
    log, data, folder = bundle
    chooser, target = random.Random(20261124), folder / "any.zip"  # noqa: S311 which bit to flip is no secret
    missed = []
    flips = count(10_000, 300)
    for _ in range(flips):
        at, bit = chooser.randrange(len(data)), chooser.randrange(8)
        target.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
        if verify_bundle(target, policy=log.policy).exit_code != 3:
            missed.append((at, bit))
    assert missed == []
    said = f"{flips:,} bits of a bundle flipped, one at a time, at random places: every one was found."
    write_down("flips", said)


@given(st.binary(max_size=400), st.integers(0, 10_000), st.integers(0, 400))
@settings(deadline=None, max_examples=200)
def test_a_spliced_bundle_never_raises(bundle, junk, at, removed):
    log, data, folder = bundle
    at %= len(data)
    spliced = data[:at] + junk + data[at + removed :]
    (folder / "spliced.zip").write_bytes(spliced)
    report = verify_bundle(folder / "spliced.zip", policy=log.policy, checkpoints=log.anchored)
    assert report.exit_code == (0 if spliced == data else 3)


def rebuilt(members: dict[str, bytes], seal) -> bytes:
    """Return a bundle in the one spelling with a signed manifest that lists these members: only they are wrong."""
    members = {name: data for name, data in members.items() if name != "manifest.tlog-proof"}
    manifest = members.pop("manifest.json")
    with contextlib.suppress(ValueError, TypeError):
        files = [[name, f"sha256:{hashlib.sha256(data).hexdigest()}"] for name, data in members.items()]
        manifest = canonical_json(json.loads(manifest) | {"files": files})
    members |= {"manifest.json": manifest, "manifest.tlog-proof": seal(manifest)}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            add_member(archive, name, data)
    return out.getvalue()


@given(data=st.data())
@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_log_signs_gives_findings_and_never_a_traceback(bundle, data):
    log, content, folder = bundle
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    before = dict(members)
    for name in data.draw(st.lists(st.sampled_from(sorted(members)), min_size=1, max_size=3)):
        old = members[name]
        at, cut = data.draw(st.integers(0, len(old))), data.draw(st.integers(0, 80))
        junk = data.draw(
            st.binary(max_size=40)
            | st.sampled_from([b"null", b"-1", b"1e9", b'"\\u0000"', b"9007199254740991", b"[]", b"{}", b"\n", b"true"])
        )
        members[name] = old[:at] + junk + old[at + cut :]
    (folder / "signed.zip").write_bytes(rebuilt(members, log.seal))
    report = verify_bundle(folder / "signed.zip", policy=log.policy, checkpoints=log.anchored)
    assert report.lines()
    if {n: d for n, d in members.items() if n not in {"README.txt", "manifest.tlog-proof"}} == {
        n: d for n, d in before.items() if n not in {"README.txt", "manifest.tlog-proof"}
    }:
        assert report.integrity == "holds"
    elif "manifest.json" not in members or members["manifest.json"] == before["manifest.json"]:
        assert report.exit_code != 0


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("entries/00000000.jsonl", lambda data: data + b"{}\n", "do not have the root"),
        ("entries/00000000.jsonl", lambda data: data[:-2] + b"\n", "Entry 4 does not have the hash"),
        ("entries/00000000.jsonl", lambda data: b"", "The 5 entries do not have the root"),
        ("entries/00000001.jsonl", lambda data: b"{}\n", "does not hold the tiles of 5 entries"),
        ("hashes/00000000", lambda data: data + data[:32], "hashes of entries that are not there"),
        ("hashes/00000000", lambda data: data[:32] + bytes(32) + data[64:], "Entry 1 does not have the hash"),
        ("payloads/00000000.jsonl", lambda data: data + b'[9,"","x"]\n', "32 bytes"),
        ("governed/00000000.jsonl", lambda data: data + b"[1,2,3]\n", "The log: "),
    ],
)
def test_a_part_that_the_log_signed_but_that_does_not_fit_the_others_is_named(bundle, name, change, says):
    log, content, folder = bundle
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    members[name] = change(members.get(name, b""))
    (folder / "signed.zip").write_bytes(rebuilt(members, log.seal))
    report = verify_bundle(folder / "signed.zip", policy=log.policy)
    assert says in " ".join(f.message for f in report.findings)
    assert report.exit_code == 3
