"""Cases: an honest one holds in full; a changed byte, a file too few or too many, and each lie is found and named."""

import json
import zipfile
from collections.abc import Callable

import pytest

from placet.canonical import canonical_json
from placet.case import is_case, verify_case
from placet.case_files import BrokenCase, entry_name
from placet.notes import encode_vkey
from placet.receipts import encode_receipt
from placet.verify import InvalidTrust, Verdict, open_receipt, verify_bundle
from tests.client.a_case import (
    Story,
    a_story,
    checked,
    files,
    rewritten,
    sentences,
    the,
)
from tests.client.conftest import ORIGIN, LogUnderTest


@pytest.fixture
def story() -> Story:
    return a_story()


@pytest.fixture
def path(story, tmp_path):
    return story.write(tmp_path / "case.zip")


def test_an_honest_case_holds_in_full(path, story):
    case = verify_case(path, trust=story.log.policy, checkpoints=story.log.anchored)
    assert case.report.findings == ()
    said = (case.report.integrity, case.report.completeness, case.report.anchoring)
    assert said == (Verdict.HOLDS,) * 3
    assert case.report.exit_code == 0
    here = {row.kind: row.here for row in case.rows}
    assert here["decisions"] == 2
    assert here["permits"] == here["public keys"] == 1
    assert here["entries of the log"] == len(story.chosen)
    assert any("Seen outside" in note for note in case.report.notes)
    assert case.to_dict()["scope"]["name"] == "PR-12"


def test_without_an_outside_checkpoint_anchoring_is_not_shown(path, story):
    assert checked(path, story).anchoring == "not shown"


def test_the_same_story_gives_the_same_bytes(tmp_path, story):
    one, two = story.write(tmp_path / "1.zip"), story.write(tmp_path / "2.zip")
    assert one.read_bytes() == two.read_bytes()


def test_a_case_and_a_bundle_are_told_apart(path, tmp_path, log):
    bundle = log.bundle(tmp_path / "b.zip")
    (tmp_path / "no.zip").write_bytes(b"PK no zip")
    assert [is_case(file) for file in (path, bundle, tmp_path / "no.zip", tmp_path / "absent.zip")] == [
        True,
        False,
        False,
        False,
    ]
    assert verify_bundle(path, policy=log.policy).exit_code == 3
    assert verify_case(bundle, trust=log.policy).report.exit_code == 3


def test_a_flipped_byte_in_any_member_is_found_and_its_file_named(path, story, tmp_path):
    with zipfile.ZipFile(path) as box:
        members = box.infolist()
    content = path.read_bytes()
    for member in members:
        start = member.header_offset + 30 + len(member.filename)
        for at in {start, start + member.file_size // 2, start + member.file_size - 1}:
            flipped = bytearray(content)
            flipped[at] ^= 1
            (tmp_path / "flipped.zip").write_bytes(flipped)
            report = checked(tmp_path / "flipped.zip", story)
            assert report.exit_code == 3, (member.filename, at)
            assert member.filename in files(report), (member.filename, at)


def test_a_flipped_byte_is_found_also_where_the_zip_was_made_to_fit(path, story, tmp_path):
    with zipfile.ZipFile(path) as box:
        names = box.namelist()
    for name in names:

        def flip(members: dict[str, bytes], name: str = name) -> None:
            data = bytearray(members[name])
            data[len(data) // 2] ^= 1
            members[name] = bytes(data)

        report = checked(rewritten(path, tmp_path / "anew.zip", flip), story)
        assert report.exit_code == 3, name
        assert name in files(report), name


def test_bytes_beside_the_members_are_found(path, story, tmp_path):
    content = path.read_bytes()
    for changed in (b"x" + content, content + b"x", content[:-1]):
        (tmp_path / "c.zip").write_bytes(changed)
        assert checked(tmp_path / "c.zip", story).exit_code == 3


def test_a_member_that_is_dropped_or_added_is_found_and_named(path, story, tmp_path):
    with zipfile.ZipFile(path) as box:
        names = box.namelist()
    for name in names:
        report = checked(rewritten(path, tmp_path / "less.zip", lambda members, name=name: members.pop(name)), story)
        assert report.exit_code == 3, name
        assert name in files(report), name
    for name in ("evidence/" + "0" * 64 + ".json", "requests/PR-99.html", "log/entries/000000000000.tlog-proof"):

        def add(members: dict[str, bytes], name: str = name) -> None:
            kept = {last: members.pop(last) for last in ("manifest.json", "manifest.tlog-proof")}
            members[name] = b"{}"
            members |= kept

        report = checked(rewritten(path, tmp_path / "more.zip", add), story)
        assert report.exit_code == 3
        assert name in files(report)


def test_members_in_another_order_are_found_though_each_is_as_listed(path, story, tmp_path):
    def turn(members: dict[str, bytes]) -> None:
        first = next(iter(members))
        kept = {name: members.pop(name) for name in list(members)[1:]}
        members |= {name: data for name, data in kept.items() if not name.startswith("manifest")}
        members[first] = members.pop(first)
        members |= {name: kept[name] for name in ("manifest.json", "manifest.tlog-proof")}

    report = checked(rewritten(path, tmp_path / "o.zip", turn), story)
    assert "the members stand in another order" in sentences(report)
    assert report.exit_code == 3


def test_a_line_that_somebody_adds_to_the_logs_word_is_found(path, story, tmp_path):
    line = "\u2014 evil.example AAAAAAAA\n".encode()

    def add(members: dict[str, bytes]) -> None:
        members["manifest.tlog-proof"] += line

    report = checked(rewritten(path, tmp_path / "o.zip", add), story)
    assert report.exit_code == 3
    assert files(report) == {"manifest.tlog-proof"}


@pytest.mark.parametrize(
    "name",
    [
        "log/evil.html",
        "log/README",
        "log/anchored/1.json",
        f"log/anchored/{99:020}.json",
        f"log/anchored/{1:020}.tsr",
        "keys/approval.pdf",
        "requests/PR-99.html",
        "requests/pr-12.html",
    ],
)
def test_a_file_that_has_no_place_is_found_though_the_log_signs_the_manifest(name, story, tmp_path):
    report = checked(story.write(tmp_path / "c.zip", lambda members: members.update({name: b"[]"})), story)
    assert files(report) == {name}
    assert report.exit_code == 3


def test_the_page_of_a_promotion_whose_request_is_here_has_a_place(story, tmp_path):
    page = {"requests/PR-12.html": b"<!doctype html>", "keys/README.txt": b"Compare."}
    assert checked(story.write(tmp_path / "c.zip", lambda members: members.update(page)), story).exit_code == 0


def two_of(members, folder: str) -> list[str]:
    return [name for name in members if name.startswith(f"{folder}/")][:2]


def swap(folder: str) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        one, two = two_of(members, folder)
        members[one], members[two] = members[two], members[one]

    return change


def test_two_swapped_decisions_are_found_even_when_the_log_signs_the_manifest(path, story, tmp_path):
    report = checked(rewritten(path, tmp_path / "s.zip", swap("decisions")), story)
    assert report.exit_code == 3
    assert len([name for name in files(report) if name.startswith("decisions/")]) == 2
    report = checked(story.write(tmp_path / "t.zip", swap("decisions")), story)
    assert report.exit_code == 3
    assert {found.part for found in report.findings} == {"decisions"}
    assert len(files(report)) == 2


@pytest.mark.parametrize("folder", ["evidence", "documents", "policies", "permits", "credentials", "log/payloads"])
def test_a_paper_that_the_server_changed_is_found_though_the_manifest_lists_it(folder, story, tmp_path):
    def change(members: dict[str, bytes]) -> None:
        name = next(name for name in two_of(members, folder) if not name.endswith(".txt"))
        members[name] = members[name].replace(b"a", b"b", 1) if b"a" in members[name] else members[name] + b" "

    report = checked(story.write(tmp_path / "c.zip", change), story)
    assert report.exit_code == 3
    assert any(name.startswith(f"{folder}/") for name in files(report))


def test_a_paper_that_the_server_adds_is_named_by_no_entry(story, tmp_path):
    name = f"documents/{'0' * 64}.pdf"
    report = checked(story.write(tmp_path / "c.zip", lambda members: members.update({name: b"%PDF"})), story)
    assert files(report) == {name}
    assert "no entry of the case names it" in sentences(report)


def test_what_is_missing_and_not_told_fails_and_what_is_told_is_not_shown(story, tmp_path):
    name = next(name for name in story.papers if name.startswith("documents/"))
    report = checked(story.write(tmp_path / "c.zip", lambda members: members.pop(name)), story)
    assert (report.integrity, report.completeness, report.exit_code) == ("holds", "fails", 4)
    assert files(report) == {name}
    story.left_out = {name: "larger than 32 MB"}
    report = checked(story.write(tmp_path / "d.zip", lambda members: members.pop(name)), story)
    assert (report.findings, report.completeness, report.exit_code) == ((), "not shown", 4)
    assert any(name in note and "32 MB" in note for note in report.notes)


def test_words_that_were_erased_may_be_missing_if_the_log_says_so(story, tmp_path):
    index = next(index for index in story.log.payloads if index in story.chosen)
    gone = story.log.payloads.pop(index)
    assert checked(story.write(tmp_path / "c.zip"), story).exit_code == 4
    entry = json.loads(story.log.bodies[index])["id"]
    story.say("payload.redacted", "dpo", {"entry": entry, "reason": "asked"})
    assert gone.payload
    assert checked(story.write(tmp_path / "d.zip"), story).exit_code == 0


def test_a_checkpoint_that_tells_another_history_fails_anchoring(path, story):
    other = a_story()
    other.log.append("log.heartbeat")
    report = checked(path, story, checkpoints=[other.log.checkpoint(len(story.log.bodies))])
    assert (report.anchoring, report.exit_code) == ("fails", 3)
    sealed = story.log.seal(b"{}")
    forged = LogUnderTest(bodies=[*story.log.bodies, b"{}"])
    assert forged.checkpoint() != open_receipt(sealed)[2]
    report = checked(path, story, checkpoints=[forged.checkpoint()])
    assert (report.anchoring, report.exit_code) == ("fails", 3)
    report = checked(path, story, checkpoints=[story.log.checkpoint(3)])
    assert report.anchoring == "not shown"
    assert any("no proof in the case leads from its 3 entries" in note for note in report.notes)


def test_the_checkpoint_that_names_the_manifest_vouches_for_nothing_in_the_case(tmp_path, story):
    """A log that shows two histories can name the manifest in the public one, and keep the case in the other."""
    public, seen = LogUnderTest(), list[bytes]()
    for _ in range(len(story.log.bodies) + 30):
        public.append("log.heartbeat")

    def seal(manifest: bytes) -> bytes:
        receipt = public.seal(manifest)
        seen.append(open_receipt(receipt)[2])
        return receipt

    story.log.anchored.clear()
    story.log.seal = seal  # type: ignore[method-assign]
    report = checked(story.write(tmp_path / "split.zip"), story, checkpoints=seen)
    assert (report.anchoring, report.anchored) == ("not shown", 0)
    assert any("no proof in the case leads from" in note for note in report.notes)


@pytest.mark.parametrize(("at", "kept", "code"), [(0, 9, 0), (0, 0, 3), (0, -1, 3), (0, None, 3), (1, 9, 3), (3, 9, 3)])
def test_entries_of_another_log_count_only_behind_a_fork_at_the_beginning(at, kept, code, story, tmp_path):
    """Entry 0 forks a log and keeps so many of its entries: those that follow it, and no others, may be its own."""
    was = "staging.example/audit"
    entry = json.loads(story.log.bodies[at])
    entry |= {"event": "log.forked", "data": {"previous": {"origin": was}, "kept": kept}}
    story.log.bodies[at] = canonical_json(entry)
    second = json.loads(story.log.bodies[at + 1])
    story.log.bodies[at + 1] = canonical_json(second | {"log": was, "event": "log.heartbeat", "data": {}})
    story.chosen = [at, at + 1]
    story.scope["kind"] = "period"
    story.papers.clear()
    story.log.anchored.clear()
    case = verify_case(story.write(tmp_path / "f.zip"), trust=story.log.policy)
    wrong = {name for name in files(case.report) if name.startswith("log/")}
    assert wrong <= {entry_name(at), entry_name(at + 1)}
    assert bool(wrong) == bool(code)


def test_another_logs_key_and_no_key_are_refused(path, story):
    other = encode_vkey(ORIGIN, story.log.permit_key.public_key())
    assert verify_case(path, trust=f"log {other}\n").report.exit_code == 3
    with pytest.raises(InvalidTrust):
        verify_case(path, trust="# nothing\n\n")


def test_names_sizes_and_packing_that_no_case_has_are_refused(tmp_path, story, path):
    for name in ("../evil", "/etc/passwd", "a/../b", "log/entries/..", "a\\b", "log//x", "log/ü.note"):

        def add(members: dict[str, bytes], name: str = name) -> None:
            members[name] = b"x"

        assert "is no member of a case" in sentences(checked(rewritten(path, tmp_path / "n.zip", add), story)), name
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("log/checkpoint.note", bytes(50_000_000))
    report = checked(tmp_path / "bomb.zip", story)
    assert "larger than the file" in sentences(report)
    assert report.exit_code == 3


def test_members_out_of_order_and_a_receipt_of_something_else_are_not_written(tmp_path, story):
    with pytest.raises(BrokenCase):
        story.log.seal = lambda manifest: b"no receipt"  # type: ignore[method-assign]
        story.write(tmp_path / "c.zip")
    assert list(tmp_path.iterdir()) == []


def test_an_entry_that_is_not_under_the_checkpoint_is_found_though_the_manifest_lists_it(story, tmp_path):
    at = the(story, "document.built")

    def change(members: dict[str, bytes]) -> None:
        index, proof, note, extra = open_receipt(members[entry_name(at)])
        other = (extra or b"").replace(b'"kind":"annex-iv"', b'"kind":"annex-xx"')
        members[entry_name(at)] = encode_receipt(index=index, proof=proof, checkpoint_note=note, extra=other)

    report = checked(story.write(tmp_path / "c.zip", change), story)
    assert report.exit_code == 3
    assert entry_name(at) in files(report)
    assert "leads to another root" in sentences(report)
