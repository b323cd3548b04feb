"""What the documents of a case say: each lie is found, also where the log itself signed the manifest."""

import json
from hashlib import sha256

import pytest

from placet.case import verify_case
from placet.case_documents import imprint_of
from placet.case_files import entry_name, paper_name
from tests.client.a_case import FIRST, Story, a_story, bend, checked, files, sentences, the
from tests.client.small_papers import a_token, carrying


@pytest.fixture
def story() -> Story:
    return a_story()


def told(story: Story, event: str, number: int = 0) -> int:
    return [i for i in story.chosen if json.loads(story.log.bodies[i])["event"] == event][number]


def data_of(story: Story, index: int) -> dict:
    return json.loads(story.log.bodies[index])["data"]


def without(story: Story, index: int) -> None:
    """Leave an entry out, with the papers that it alone names."""
    story.chosen.remove(index)
    rest = " ".join(story.log.bodies[i].decode() for i in story.chosen)
    digests = {str(value) for value in data_of(story, index).values() if str(value).startswith("sha256:")}
    gone = {digest[7:] for digest in digests if digest not in rest}
    story.papers = {name: data for name, data in story.papers.items() if not any(one in name for one in gone)}


def test_documents_with_their_signature_and_stamps_hold(story, tmp_path):
    case = verify_case(story.write(tmp_path / "c.zip"), trust=story.log.policy)
    assert case.report.findings == ()
    assert {row.kind: row.here for row in case.rows}["documents"] == 8
    assert any("openssl ts -verify -token_in" in note for note in case.report.notes)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"document": {"kind": "fria"}}, "another kind"),
        ({"law": {"version": "2024"}}, "another version of the law"),
        ({"signature": {"level": "B-LT", "certificate": "c"}}, "another level of signature"),
        ({"evidence": [{"id": "e1", "type": "fairness/v1", "payload_digest": "x", "payload": {}}]}, "otherwise than"),
    ],
)
def test_a_snapshot_that_says_otherwise_than_the_log_is_found(said, why, tmp_path):
    story = Story(snapshot=said).tell()
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert why in sentences(report)
    assert report.exit_code == 3
    assert any(name.startswith("documents/") and name.endswith(".json") for name in files(report))


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        (None, "another model version"),
        ({"name": "credit-risk/1", "digest": "sha256:" + "a" * 64}, "another model version"),
        ({"name": "credit-risk/2", "digest": "sha256:" + "b" * 64}, "another artifact"),
    ],
)
def test_a_document_about_another_version_than_its_entry_says_is_found(subject, why, story, tmp_path):
    bend(story, the(story, "document.built"), subject=subject)
    assert why in sentences(checked(story.write(tmp_path / "c.zip"), story))


def test_figures_that_are_not_those_of_the_evidence_are_found(tmp_path):
    kept = "sha256:" + sha256(b'{"auc":0.81,"type":"performance/v1"}').hexdigest()
    better = {"auc": 0.97, "type": "performance/v1"}
    row = {"id": "e1", "type": "performance/v1", "payload_digest": kept, "payload": better}
    story = Story(snapshot={"evidence": [row]}).tell()
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert "prints the performance/v1 evidence e1 otherwise than it was measured" in sentences(report)
    assert report.exit_code == 3


def test_evidence_that_nothing_attaches_is_not_complete(tmp_path):
    row = {"id": "e9", "type": "drift/v1", "payload_digest": "x", "payload": {}}
    story = Story(snapshot={"evidence": [row]}).tell()
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert "no entry of the case attaches the drift/v1 evidence e9 that it cites" in sentences(report)
    assert (str(report.completeness), report.exit_code) == ("fails", 4)


def test_evidence_that_is_younger_than_the_document_is_found(story, tmp_path):
    built = data_of(story, the(story, "document.built"))
    story.chosen.remove(the(story, "document.built"))
    story.chosen.remove(told(story, "document.time_stamped"))
    story.chosen.remove(told(story, "document.time_stamped"))
    story.papers = {name: data for name, data in story.papers.items() if not name.endswith(".tst")}
    payload = story.keep("evidence", b'{"type":"drift/v1"}', ".json")
    row = {"id": "e7", "type": "drift/v1", "payload_digest": payload, "payload": {"type": "drift/v1"}}
    story.papers.pop(paper_name("documents", built["pdf"], ".pdf"))
    story.papers.pop(paper_name("documents", built["snapshot"], ".json"))
    story.document("d9", "annex-iv", {"evidence": [row]})
    attached = {"type": "drift/v1", "subject": {"name": "x", "digest": "y"}, "payload_digest": payload, "files": {}}
    story.say("evidence.attached", "system:worker", attached, about="e7")
    assert "which was attached after it was made" in sentences(checked(story.write(tmp_path / "c.zip"), story))


def test_a_pdf_that_carries_another_snapshot_or_none_is_found(story, tmp_path):
    index = the(story, "document.built")
    data = data_of(story, index)
    said = story.papers[paper_name("documents", data["snapshot"], ".json")]
    for pdf, why in (
        (carrying(said.replace(b"0.81", b"0.97")), "the file carries another snapshot"),
        (carrying(said) + carrying(b"{}"), "the file carries another snapshot"),
        (carrying(said + b" " * 9_000_000), "the file carries another snapshot"),
        (b"%PDF-1.7 nothing %%EOF\n", "the file carries no snapshot"),
        (carrying(said).replace(b"/Length", b"/Longer"), "a file that it carries can't be read"),
        (carrying(said).replace(b"\nstream\n", b"\nstream\nxx"), "a file that it carries can't be unpacked"),
    ):
        bent = a_story()
        bent.papers.pop(paper_name("documents", data["pdf"], ".pdf"))
        for number in (0, 0):
            without(bent, told(bent, "document.time_stamped", number))
        named = bent.keep("documents", pdf, ".pdf")
        bend(bent, index, pdf=named, unsigned=named)
        report = checked(bent.write(tmp_path / "c.zip"), bent)
        assert why in sentences(report), why
        assert paper_name("documents", named, ".pdf") in files(report)


def test_pages_that_are_not_those_before_the_signature_are_found(story, tmp_path):
    bend(story, the(story, "document.built"), unsigned="sha256:" + "0" * 64)
    assert "does not begin with the pages that its entry names" in sentences(
        checked(story.write(tmp_path / "c"), story)
    )


def test_a_file_that_was_signed_begins_with_the_pages_of_its_entry(story, tmp_path):
    index = the(story, "document.built")
    data = data_of(story, index)
    for number in (0, 0):
        without(story, told(story, "document.time_stamped", number))
    pages = story.papers.pop(paper_name("documents", data["pdf"], ".pdf"))
    bend(story, index, pdf=story.keep("documents", pages + b"the signature\n%%EOF\n", ".pdf"))
    assert checked(story.write(tmp_path / "c.zip"), story).findings == ()


def test_a_printed_signature_of_which_no_entry_tells_is_not_complete(story, tmp_path):
    without(story, the(story, "document.signed"))
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert "no entry of the case tells of the signature that it prints" in sentences(report)
    assert report.exit_code == 4


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"record": [{"id": "provider-name", "answer": "Other Bank"}]}, "its record is not what its signatory read"),
        (
            {"signatory": {"draft": "d2", "draft_digest": "x", "personal_data": True, "at": FIRST}},
            "it prints another signature",
        ),
    ],
)
def test_a_declaration_that_is_not_what_its_signatory_signed_is_found(said, why, tmp_path):
    story = Story(declared=said).tell()
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert why in sentences(report)
    assert report.exit_code == 3


def test_a_signature_under_another_document_than_the_log_names_is_found(story, tmp_path):
    bend(story, the(story, "document.signed"), kind="fria")
    assert "it signs another document than entry" in sentences(checked(story.write(tmp_path / "c.zip"), story))
    story = a_story()
    draft = told(story, "document.built", 1)
    story.chosen.remove(draft)  # its papers stay: the signature names them too
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert "the draft that was signed is not in the case" in sentences(report)


def test_stamps_that_do_not_cover_the_file_and_each_other_are_found(story, tmp_path):
    first, second = told(story, "document.time_stamped"), told(story, "document.time_stamped", 1)
    bend(story, second, imprint=data_of(story, first)["imprint"])
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert "it does not cover the file and the time-stamps before it" in sentences(report)
    assert report.exit_code == 3
    story = a_story()
    other = a_token(b"\0" * 64)
    story.papers.pop(paper_name("documents", data_of(story, second)["token"], ".tst"))
    bend(story, second, token=story.keep("documents", other, ".tst"))
    assert "the token is over something else than its entry says" in sentences(
        checked(story.write(tmp_path / "c"), story)
    )


def test_a_stamp_that_is_missing_between_two_is_not_complete(story, tmp_path):
    without(story, told(story, "document.time_stamped"))
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert "the time-stamp 1 of the document is not in the case" in sentences(report)
    assert report.exit_code == 4
    story = a_story()
    without(story, the(story, "document.built"))
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert "the document that was time-stamped is not in the case" in sentences(report)


def test_a_stamp_that_came_too_late_is_said(story, tmp_path):
    bend(story, told(story, "document.time_stamped"), ends_at="2020-01-01T00:00:00.000000Z")
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert report.exit_code == 0
    assert any("the time-stamp before it had ended" in note for note in report.notes)


def test_what_is_no_token_covers_nothing():
    assert imprint_of(a_token(b"\7" * 64)) == b"\7" * 64
    good = a_token(b"\7" * 64)
    for bad in (b"", b"\x30", good[:-1], good + b"\0", b"\x30\x80", b"\x30\x03\x02\x01\x01", b"\xff" * 40):
        with pytest.raises(ValueError, match="no time-stamp token"):
            imprint_of(bad)


def test_a_page_that_hides_an_entry_or_leads_elsewhere_is_found(story, tmp_path):
    hidden = the(story, "approval.decided")
    link = f'<a href="{entry_name(hidden)}">{hidden}</a>'.encode()

    def hide(members: dict[str, bytes]) -> None:
        members["index.html"] = members["index.html"].replace(link, b"")

    report = checked(story.write(tmp_path / "c.zip", hide), story)
    assert f"no page tells of entry {hidden}" in sentences(report)
    assert report.exit_code == 3

    def lead(members: dict[str, bytes]) -> None:
        members["index.html"] += b'<a href="https://example.com/">read on</a>'

    report = checked(story.write(tmp_path / "c.zip", lead), story)
    assert "which is no file of the case" in sentences(report)
    assert files(report) == {"index.html"}


def test_a_coverage_statement_that_ends_later_or_counts_otherwise_is_found(story, tmp_path):
    for more, why in (
        ({"to": "2027-01-01T00:00:00.000000Z"}, "of another period"),
        ({"unexplained_changes": 0, "deviations": [{}], "grants": {"without_a_change": []}}, "counts other changes"),
    ):

        def bent(members: dict[str, bytes], more: dict = more) -> None:
            told = json.loads(members["coverage.json"])
            members["coverage.json"] = json.dumps(told | more).encode()

        assert why in sentences(checked(story.write(tmp_path / "c.zip", bent), story))
