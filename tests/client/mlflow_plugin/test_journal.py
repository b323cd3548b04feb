"""The journal of permits used while Placet was away survives crashes, and never loses or invents a use."""

import json
import threading
from pathlib import Path

import pytest

from placet.mlflow_plugin.journal import Journal, journal_of_this_server

SUBJECT, IDENTITY = {"name": "m"}, {"username": "ada", "source": "basic-auth"}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


def begun(journal: Journal, permit: str = "sha256:1") -> str:
    with journal.locked():
        return journal.begin(subject=SUBJECT, identity=IDENTITY, alias="champion", permit_digest=permit, reason="why")


def test_it_lies_where_the_setting_says_else_where_the_server_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PLACET_JOURNAL", raising=False)
    assert journal_of_this_server().path == tmp_path / "placet-journal.jsonl"
    monkeypatch.setenv("PLACET_JOURNAL", str(tmp_path / "other.jsonl"))
    assert journal_of_this_server().path == tmp_path / "other.jsonl"


def test_a_use_is_on_the_disk_before_begin_returns_and_only_its_owner_may_read_it(journal: Journal):
    use = begun(journal)
    [line] = journal.path.read_bytes().splitlines()
    assert (json.loads(line)["journal_id"], json.loads(line)["step"]) == (use, "begun")
    assert journal.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("steps", "outcome", "used"),
    [
        (["done"], "done", True),
        (["done", "delivered"], "done", True),
        (["failed"], "failed", False),
        (["failed", "delivered"], "failed", False),
        ([], None, False),
        (["unknown"], "unknown", False),
        (["unknown", "delivered"], "unknown", True),
    ],
)
def test_what_counts_as_used(journal: Journal, steps: list[str], outcome: str | None, used: bool):
    use = begun(journal)
    for step in steps:
        journal.note(use, step)
    [found] = journal.uses()
    assert (found.outcome, journal.was_used("sha256:1"), journal.was_used("sha256:2")) == (outcome, used, False)


def test_a_use_that_was_cut_off_is_unknown_and_stays_so(journal: Journal):
    begun(journal)
    done = begun(journal, "sha256:2")
    journal.note(done, "done")
    for _ in range(2):
        with journal.locked():
            assert [use.outcome for use in journal.undelivered()] == ["unknown", "done"]
    assert journal.path.read_text().count("unknown") == 1
    journal.note(done, "delivered")
    with journal.locked():
        assert [use.outcome for use in journal.undelivered()] == ["unknown"]


@pytest.mark.parametrize("torn", [b'{"journal_id": "to', b"\xff\xfe", b"[]", b'{"step": "begun"}', b"null"])
def test_a_torn_or_foreign_line_takes_no_other_with_it(journal: Journal, torn: bytes):
    first = begun(journal)
    with journal.path.open("ab") as file:
        file.write(torn)
    second = begun(journal, "sha256:2")
    journal.note(first, "done")
    assert [(use.journal_id, use.outcome) for use in journal.uses()] == [(first, "done"), (second, None)]


def test_what_placet_is_told_holds_all_that_it_needs(journal: Journal):
    use = begun(journal)
    journal.note(use, "done")
    said = json.loads(journal.uses()[0].as_question())
    used_at = said["detail"].pop("used_at")
    assert used_at.endswith("+00:00")
    detail = {"alias": "champion", "permit_digest": "sha256:1", "outcome": "done", "journal_id": use, "reason": "why"}
    expected = {"action": "permit.used", "subject": SUBJECT, "identity": IDENTITY, "detail": detail, "grant": None}
    assert said == expected


def test_many_writers_take_turns_and_one_delivers(journal: Journal):
    threads = [threading.Thread(target=begun, args=(journal, f"sha256:{n}")) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(journal.uses()) == 20
    with journal.delivering() as first, journal.delivering() as second:
        assert (first, second) == (True, False)
    with journal.delivering() as again:
        assert again


def test_where_nothing_can_be_written_there_is_no_use(tmp_path: Path):
    with pytest.raises(OSError, match="No such file"):
        begun(Journal(tmp_path / "not there" / "journal.jsonl"))
