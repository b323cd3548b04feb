"""Forks: after a legitimate restore a new log goes on from the entries that survived, and says what it gave up."""

import dataclasses

import pytest

from placet.verify import leaf_hash, parse_checkpoint, root, verify_bundle


def fork(log, kept: int, *, origin: str, reason: str = "disk lost", **previous):
    """Return a log that keeps the first ``kept`` entries of another one behind the entry that says so."""
    head = parse_checkpoint(log.checkpoint(), [log.vkey])
    said = {"origin": head.origin, "size": head.size, "root": "sha256:" + head.root.hex()}
    said |= {"note": log.checkpoint().decode()} | previous
    new = dataclasses.replace(log, origin=origin, bodies=[], anchored=[], payloads={}, governed={})
    new.append(
        "log.forked",
        id=f"aaaaaaaa-0000-0000-0000-{len(log.bodies):012d}",
        data={"previous": said, "kept": kept, "carried": 0, "reason": reason},
        at=log_time(kept),
    )
    new.bodies += log.bodies[:kept]
    return new


def log_time(index: int) -> str:
    return f"2026-11-23T18:00:{index:02d}.000000Z"


def plain(make_log, entries: int):
    log = make_log(0)
    for _ in range(entries):
        log.append()
    return log


@pytest.fixture
def old(make_log):
    return plain(make_log, 9)


@pytest.fixture
def forked(old):
    new = fork(old, 6, origin="bank.example/audit/2")
    for index in range(3):
        new.append(id=f"bbbbbbbb-0000-0000-0000-{index:012d}", at=log_time(30 + index))
    return new


def both(*logs) -> str:
    return "".join(f"log {log.vkey}\n" for log in logs)


def test_a_forked_log_verifies_with_its_surviving_entries(tmp_path, old, forked, messages):
    report = verify_bundle(
        forked.bundle(tmp_path / "b.zip"), policy=both(forked, old), checkpoints=[forked.checkpoint(8)]
    )
    assert report.findings == (), messages(report)
    assert (report.integrity, report.completeness, report.anchoring, report.anchored) == ("holds", "holds", "holds", 8)
    assert report.size == 10


@pytest.mark.parametrize("size", [1, 5, 6])
def test_a_checkpoint_of_the_old_log_holds_as_far_as_its_entries_were_kept(tmp_path, old, forked, size):
    report = verify_bundle(
        forked.bundle(tmp_path / "b.zip"), policy=both(forked, old), checkpoints=[old.checkpoint(size)]
    )
    assert (report.anchoring, report.anchored, report.exit_code) == ("holds", size + 1, 0)


@pytest.mark.parametrize("size", [7, 9])
def test_a_checkpoint_beyond_what_was_kept_fails_and_says_which_entries_were_given_up_and_why(
    tmp_path, old, forked, size
):
    report = verify_bundle(
        forked.bundle(tmp_path / "b.zip"), policy=both(forked, old), checkpoints=[old.checkpoint(size)]
    )
    assert (report.integrity, report.anchoring, report.exit_code) == ("holds", "fails", 3)
    said = report.findings[0].message
    assert f"counts {size} entries; a fork gave up those from 6 on (entries 0 to 0 say why)" in said


def test_another_history_of_the_kept_entries_fails_against_the_old_checkpoint(tmp_path, old):
    seen = old.checkpoint(5)
    old.bodies[2] = old.bodies[2].replace(b"approve", b"reject!")
    new = fork(old, 6, origin="bank.example/audit/2")
    report = verify_bundle(new.bundle(tmp_path / "b.zip"), policy=both(new, old), checkpoints=[seen])
    assert (report.integrity, report.anchoring) == ("holds", "fails")
    assert "another history of the first 5 entries" in report.findings[0].message


def test_forks_nest_and_each_old_log_is_found_at_its_place(tmp_path, old, forked):
    third = fork(forked, 9, origin="bank.example/audit/3", reason="disk lost again")
    third.append(id="cccccccc-0000-0000-0000-000000000000", at=log_time(50))
    policy, path = both(third, forked, old), third.bundle(tmp_path / "b.zip")
    for seen, anchored in [(old.checkpoint(6), 8), (forked.checkpoint(9), 10), (third.checkpoint(10), 10)]:
        report = verify_bundle(path, policy=policy, checkpoints=[seen])
        assert report.findings == ()
        assert (report.anchoring, report.anchored) == ("holds", anchored)
    beyond = verify_bundle(path, policy=policy, checkpoints=[forked.checkpoint(10)])
    assert "a fork gave up those from 9 on (entries 0 to 0 say why)" in beyond.findings[0].message
    before = verify_bundle(path, policy=policy, checkpoints=[old.checkpoint(8)])
    assert "a fork gave up those from 6 on (entries 0 to 1 say why)" in before.findings[0].message


def test_an_outer_fork_may_give_up_what_an_inner_one_had_kept(tmp_path, old, forked):
    third = fork(forked, 4, origin="bank.example/audit/3", reason="again")
    report = verify_bundle(
        third.bundle(tmp_path / "b.zip"), policy=both(third, forked, old), checkpoints=[old.checkpoint(3)]
    )
    assert (report.anchoring, report.anchored) == ("holds", 5)
    report = verify_bundle(
        third.bundle(tmp_path / "b.zip"), policy=both(third, forked, old), checkpoints=[old.checkpoint(5)]
    )
    assert "a fork gave up those from 3 on (entries 0 to 1 say why)" in report.findings[0].message


def test_an_entry_of_a_log_that_was_not_continued_is_a_finding_on_either_side_of_the_fork(tmp_path, old, forked):
    for index in (3, 8):
        bad = dataclasses.replace(forked, bodies=list(forked.bodies))
        right = old.origin if index == 3 else forked.origin
        bad.bodies[index] = bad.bodies[index].replace(f'"log":"{right}"'.encode(), b'"log":"other.example"')
        report = verify_bundle(bad.bundle(tmp_path / "b.zip"), policy=both(forked, old))
        assert f"Entry {index} belongs to another log." in [f.message for f in report.findings]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kept": -1}, "does not say how many entries it keeps"),
        ({"kept": "6"}, "does not say how many entries it keeps"),
        ({"kept": True}, "does not say how many entries it keeps"),
        ({"kept": 100}, "a fork gave up those from 0 on"),
        ({"previous": None}, "The log: "),
        ({"previous": {}}, "The log: 'origin'"),
    ],
)
def test_a_fork_entry_that_says_nothing_sound_is_a_finding(tmp_path, old, change, says):
    head = {
        "origin": old.origin,
        "size": 9,
        "root": "sha256:" + root([leaf_hash(b) for b in old.bodies]).hex(),
        "note": "",
    }
    new = dataclasses.replace(old, origin="bank.example/audit/2", bodies=[], anchored=[])
    new.append("log.forked", data={"previous": head, "kept": 2, "carried": 0, "reason": "r"} | change)
    report = verify_bundle(new.bundle(tmp_path / "b.zip"), policy=both(new, old), checkpoints=[old.checkpoint(2)])
    assert report.exit_code == 3
    assert says in report.findings[0].message
