"""What the papers and entries of a case say: each lie is found, also where the log itself signed the manifest."""

import json
from collections.abc import Callable

import pytest

from placet.canonical import canonical_json
from placet.case import verify_case
from placet.case_changes import table
from placet.case_requests import Requests
from placet.notes import encode_vkey
from tests.client.a_case import (
    ADMIN,
    FIRST,
    LAST,
    OFFICER,
    REQUEST,
    UNTIL,
    Story,
    a_story,
    bend,
    checked,
    files,
    sentences,
    the,
)
from tests.client.conftest import ORIGIN


@pytest.fixture
def story() -> Story:
    return a_story()


@pytest.fixture
def path(story, tmp_path):
    return story.write(tmp_path / "case.zip")


def test_an_approval_without_its_signatures_is_found(story, tmp_path):
    """The notary integrates what the server writes; that an approval follows from what was signed, a case shows."""
    decided = [i for i in story.chosen if json.loads(story.log.bodies[i])["event"] == "approval.decided"]
    story.chosen.remove(decided[-1])
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert report.exit_code == 3
    assert "stage risk has too few signatures" in sentences(report)


def test_a_case_that_holds_nothing_of_what_it_says_it_is_about_is_found(story, tmp_path):
    story.chosen.clear()
    story.papers.clear()
    story.log.anchored.clear()
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert "it is about PR-12, and no entry in it asks for that" in sentences(report)
    assert report.exit_code == 3


@pytest.mark.parametrize(
    ("scope", "why"),
    [
        ({"name": "PR-999 (approved)"}, "no entry in it asks for that"),
        ({"from": FIRST, "to": FIRST}, "its period has no length"),
        ({"from": "2026-11-23T20:00:00.000000Z"}, "was not made in the period"),
        ({"from": "x"}, "manifest.json"),
        ({"kind": "system"}, "about an AI system, and no entry in it is"),
    ],
)
def test_a_scope_that_is_not_what_the_entries_are_about_is_found(scope, why, story, tmp_path):
    if scope.get("kind") == "system":
        story.chosen.remove(the(story, "document.built"))
        story.papers = {name: data for name, data in story.papers.items() if not name.startswith("documents/")}
    story.scope |= scope
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert why in sentences(report)
    assert report.exit_code == 3


def test_a_policy_to_read_that_is_not_the_one_with_the_digest_is_found(story, tmp_path):
    name = next(name for name in story.papers if name.endswith(".txt"))
    lie = {name: story.papers[name].replace(b'"quorum": 1', b'"quorum": 9')}
    report = checked(story.write(tmp_path / "c.zip", lambda members: members.update(lie)), story)
    assert files(report) == {name}
    assert "it says something else than the policy with that digest" in sentences(report)
    other = name.replace(".txt", ".json")
    story.left_out = {other: "lost"}
    report = checked(story.write(tmp_path / "d.zip", lambda members: members.pop(other)), story)
    assert files(report) == {name}


def test_what_became_of_each_request_is_said(story, tmp_path):
    case = verify_case(story.write(tmp_path / "c.zip"), trust=story.log.policy)
    assert "PR-12, alias champion for credit-risk/2: approved until 2027-05-22 (entry 11)." in case.report.notes
    at = story.say("approval.state_changed", OFFICER, {"request": REQUEST, "from": "approved", "to": "revoked"})
    report = checked(story.write(tmp_path / "d.zip"), story)
    assert report.findings == ()
    assert any(f"(entry 11), then revoked (entry {at})." in note for note in report.notes)


def test_what_was_applied_without_an_approval_in_force_is_found(story, tmp_path):
    applied = json.loads(story.log.bodies[the(story, "promotion.applied")])["data"]
    story.say("approval.state_changed", OFFICER, {"request": REQUEST, "from": "approved", "to": "revoked"})
    at = story.say("promotion.applied", "system:apply", applied)
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert f"Entry {at} applies what was not approved then: the approval is revoked." in sentences(report)
    assert report.exit_code == 3


def test_what_was_applied_and_never_approved_is_found(story, tmp_path):
    for event in ("approval.approved", "permit.issued"):
        story.chosen.remove(the(story, event))
    story.papers = {name: data for name, data in story.papers.items() if not name.startswith("permits/")}
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert "applies what was not approved then: no entry approves it" in sentences(report)
    assert any("never approved" in note for note in report.notes)


@pytest.mark.parametrize("left", ["approval.approved", "approval.decided", "approval.state_changed"])
def test_what_is_said_of_a_request_that_was_never_opened_is_found(left, story, tmp_path):
    story.say("approval.state_changed", OFFICER, {"request": REQUEST, "from": "approved", "to": "revoked"})
    told = {i: json.loads(story.log.bodies[i])["event"] for i in story.chosen}
    away = ("approval.", "promotion.requested", "permit.")
    story.chosen = [i for i, event in told.items() if event == left or not event.startswith(away)]
    papers = [name for name in story.papers if name.startswith(("permits/", "policies/"))]
    report = checked(story.write(tmp_path / "c.zip", lambda m: [m.pop(name) for name in papers]), story)
    assert "speaks of a request that was never opened" in sentences(report)
    assert report.exit_code == 3


def test_an_approval_that_names_no_request_is_found(story, tmp_path):
    bend(story, the(story, "approval.approved"), request=[REQUEST])
    assert "names no request" in sentences(checked(story.write(tmp_path / "c.zip"), story))


def test_a_request_that_rests_on_itself_is_found(story, tmp_path):
    bend(story, the(story, "approval.review_opened"), waivers={"auc": REQUEST})
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert "it rests on itself" in sentences(report)


def test_waivers_that_rest_on_one_another_are_not_followed_without_end():
    """Each of these rests on the two before it: followed through every path, they would take for ever."""
    told: list[tuple[int, dict]] = []
    policy = {"name": "p", "version": 1, "digest": "sha256:" + "0" * 64}
    for number in range(60):
        about = {"request": f"r{number}", "subject": {"name": "x", "digest": "d"}, "asks_for": "waiver"}
        waivers = {"a": f"r{number - 1}", "b": f"r{number - 2}"} if number > 1 else {}
        review = {"request": f"r{number}", "manifest": "m", "verdict": "ALLOW", "waivers": waivers, "excluded": []}
        granted = about | {"policy": policy, "manifest": "m", "valid_until": "z", "use_restrictions": []}
        opened = about | {"policy": policy, "stages": [], "excluded": []}
        for event, data in (("opened", opened), ("review_opened", review), ("approved", granted)):
            told.append((len(told), {"event": f"approval.{event}", "actor": "person:a", "at": "t", "data": data}))
    wrongs = dict(Requests(dict(told)).derive())
    assert all("r" in sentence for sentence in wrongs.values())
    assert len(wrongs) == 58


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"asks_for": "alias shadow-only"}, "alias or act"),
        ({"policy": {"name": "lenient", "version": 1, "digest": "sha256:" + "9" * 64}}, "policy"),
        ({"checks": {"outcome": "BLOCK", "each": {}, "lifted": {}}}, "verdict"),
        ({"checks": {"outcome": "ALLOW", "each": {"auc": "fail"}, "lifted": {}}}, "outcome of a check"),
        ({"round": 2}, "round"),
        ({"format": "placet-lifting/1"}, "format"),
    ],
)
def test_what_a_person_signed_for_something_else_is_found(said, what, tmp_path):
    """The passkey's signature is good, and the entry repeats a part of the statement: the rest was another matter."""
    story = Story(statement=said).tell()
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert f"what was signed says another {what} than the log" in sentences(report)
    assert len(files(report)) == 1
    assert report.exit_code == 3


def test_a_signature_of_an_earlier_round_does_not_count_again(story, tmp_path):
    decided = [i for i in story.chosen if json.loads(story.log.bodies[i])["event"] == "approval.decided"]
    entry = json.loads(story.log.bodies[decided[-1]])
    review = json.loads(story.log.bodies[the(story, "approval.review_opened")])
    story.say("approval.review_opened", "system:placet", review["data"])
    again = story.say("approval.decided", OFFICER, entry["data"])
    body = json.loads(story.log.bodies[again]) | {"payload": entry["payload"]}
    story.log.bodies[again] = canonical_json(body)
    story.left_out = {f"log/payloads/{again:012}.json": "as before"}
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert "tells a second time of what was signed once" in sentences(report)
    assert "another round than the log" in sentences(report)


def test_stages_that_ask_for_less_than_the_policy_are_found(story, tmp_path):
    opened = next(i for i in story.chosen if json.loads(story.log.bodies[i])["event"] == "approval.opened")
    entry = json.loads(story.log.bodies[opened])
    entry["data"]["stages"] = entry["data"]["stages"][:1]
    story.log.bodies[opened] = canonical_json(entry)
    story.log.anchored.clear()
    assert "other stages than the policy has" in sentences(checked(story.write(tmp_path / "c.zip"), story))


def test_a_permit_for_other_bytes_than_were_approved_is_found(story, tmp_path):
    at = next(i for i in story.chosen if json.loads(story.log.bodies[i])["event"] == "permit.issued")
    entry = json.loads(story.log.bodies[at])
    entry["data"]["subject"] = {"name": "credit-risk/3", "digest": "sha256:" + "b" * 64}
    story.log.bodies[at] = canonical_json(entry)
    story.log.anchored.clear()
    assert "another version" in sentences(checked(story.write(tmp_path / "c.zip"), story))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"alias": "payments-prod"}, "another version or alias than was approved"),
        ({"model": "other-model", "version": "77"}, "another version or alias than was approved"),
        ({"expires_at": "2099-01-01T00:00:00.000000Z"}, "another time than was approved"),
        ({"decision_threshold": "0.01"}, "another threshold"),
        ({"use_restrictions": ["eu only"]}, "other restrictions"),
        ({"kind": "stop"}, "permits no such thing (approval.approved)"),
        ({"basis": "break-glass"}, "permits no such thing (approval.approved)"),
        ({"log": {"origin": ORIGIN, "index": 3, "size": 99}}, "permits no such thing (evidence_key.registered)"),
    ],
)
def test_a_permit_for_something_else_than_was_approved_is_found(said, why, tmp_path):
    """The notary's key signed it, and its entry says the same: what people approved, neither can change."""
    story = Story(permit=said).tell()
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert why in sentences(report)
    assert report.exit_code == 3


def test_a_permit_of_another_request_is_found(story, tmp_path):
    bend(story, the(story, "permit.issued"), request="c6f0e2f6-0f0c-4a53-8c8e-6f3f6a3b2f11")
    assert "for another request than its entry says" in sentences(checked(story.write(tmp_path / "c.zip"), story))


def test_a_permit_that_was_signed_after_the_approval_lost_its_force_is_found(story, tmp_path):
    at = the(story, "permit.issued")
    data = json.loads(story.log.bodies[at])["data"]
    story.say("approval.state_changed", OFFICER, {"request": REQUEST, "from": "approved", "to": "revoked"})
    story.chosen.remove(at)
    story.say("permit.issued", "system:notary", data)
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert "in force no more: the approval is revoked" in sentences(report)


def test_a_permit_by_another_key_fails_and_without_a_key_is_not_shown(path, story):
    other = encode_vkey(f"{ORIGIN}/permit", story.log.key.public_key())
    report = verify_case(path, trust=f"log {story.log.vkey}\npermit {other}\n").report
    assert report.exit_code == 3
    assert "not signed by a permit key" in sentences(report)
    report = verify_case(path, trust=f"log {story.log.vkey}\n").report
    assert (report.completeness, report.exit_code) == ("not shown", 4)


def said_otherwise(item: dict | None = None, **changes) -> Callable[[dict[str, bytes]], None]:
    """Tell the population otherwise; ``item`` changes each item, and the CSV goes with what comes out."""

    def change(members: dict[str, bytes]) -> None:
        said = json.loads(members["changes.json"]) | changes
        said["items"] = [row | (item or {}) for row in said["items"]]
        members["changes.json"], members["changes.csv"] = canonical_json(said), table(said["items"])

    return change


@pytest.mark.parametrize(
    "change",
    [
        said_otherwise(items=[], count=0),
        said_otherwise(items=[], count=0, events=[]),
        said_otherwise(items=[], count=0, models=["payroll"]),
        said_otherwise(items=[], count=0, models=[]),
        said_otherwise(items=[], count=0, **{"from": LAST, "to": UNTIL}),
        said_otherwise(count=2),
        said_otherwise({"kind": "refused"}),
        said_otherwise({"action": "nothing"}),
        said_otherwise({"version": "9"}),
        said_otherwise({"at": LAST}),
    ],
)
def test_a_population_that_is_not_that_of_the_entries_is_found(change, story, tmp_path):
    report = checked(story.write(tmp_path / "c.zip", change), story)
    assert "changes.json" in files(report)
    assert report.exit_code == 3


@pytest.mark.parametrize(
    ("old", "new"), [(b'"applied"', b'"refused"'), (b"list: 1", b"list: 0"), (b'"kind"', b'"sort"'), (b'"2"', b'"9"')]
)
def test_a_table_that_says_otherwise_in_any_cell_is_found(old, new, story, tmp_path):
    def change(members: dict[str, bytes]) -> None:
        assert old in members["changes.csv"]
        members["changes.csv"] = members["changes.csv"].replace(old, new, 1)

    report = checked(story.write(tmp_path / "c.zip", change), story)
    assert files(report) == {"changes.csv"}
    assert report.exit_code == 3


def test_a_coverage_statement_of_another_period_is_found(story, tmp_path):
    other = canonical_json({"from": LAST, "to": UNTIL, "unknown": []})
    report = checked(story.write(tmp_path / "c.zip", lambda m: m.update({"coverage.json": other})), story)
    assert files(report) == {"coverage.json"}


def test_a_statement_by_a_key_that_nobody_registered_is_found(story, tmp_path):
    story.chosen.remove(the(story, "evidence_key.registered"))
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert report.exit_code == 3
    assert any(str(name).endswith(".dsse.json") for name in files(report))


def test_evidence_that_no_entry_attaches_and_a_list_without_the_signed_digest_are_found(story, tmp_path):
    story.chosen.remove(attached := the(story, "evidence.attached"))
    assert "no entry of the case attaches" in sentences(checked(story.write(tmp_path / "c.zip"), story))
    story.chosen = sorted([*story.chosen, attached])
    review = the(story, "approval.review_opened")
    entry = json.loads(story.log.bodies[review])
    entry["data"]["evidence"][0]["id"] = "e2"
    story.log.bodies[review] = canonical_json(entry)
    story.log.anchored.clear()
    assert "does not have the digest that people signed" in sentences(checked(story.write(tmp_path / "d.zip"), story))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"subject": {"name": "payroll/9", "digest": "sha256:" + "e" * 64}}, "about another version than the request"),
        ({"type": "smoke/v1"}, "attaches other evidence than the performance/v1"),
    ],
)
def test_evidence_of_something_else_is_found(said, why, story, tmp_path):
    bend(story, the(story, "evidence.attached"), files={}, **said)
    papers = [name for name in story.papers if name.endswith(".dsse.json")]
    report = checked(story.write(tmp_path / "c.zip", lambda m: [m.pop(name) for name in papers]), story)
    assert why in sentences(report)
    assert report.exit_code == 3


def test_the_same_bytes_attached_as_another_row_are_not_what_the_review_was_opened_on(story, tmp_path):
    at = the(story, "evidence.attached")
    entry = json.loads(story.log.bodies[at])
    entry["subjects"][0]["key"] = "e2"
    story.log.bodies[at] = canonical_json(entry)
    story.log.anchored.clear()
    assert "no entry of the case attaches" in sentences(checked(story.write(tmp_path / "c.zip"), story))


def test_a_statement_by_a_key_that_had_ended_is_found(monkeypatch, tmp_path):
    honest = Story._evidence

    def ended(story: Story) -> str:
        key = json.loads(story.log.bodies[the(story, "evidence_key.registered")])["data"]
        story.say("evidence_key.ended", ADMIN, {"key": key["key"], "account": key["account"]})
        return honest(story)

    monkeypatch.setattr(Story, "_evidence", ended)
    story = a_story()
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert "not signed by a key that is registered" in sentences(report)
    assert report.exit_code == 3


def test_a_permit_on_other_evidence_than_was_approved_is_found(monkeypatch, tmp_path):
    honest = Story._permit
    other = "sha256:" + "f" * 64
    monkeypatch.setattr(Story, "_permit", lambda story, at, manifest, named: honest(story, at, other, named))
    story = a_story()
    report = checked(story.write(tmp_path / "c.zip"), story)
    assert "other bytes, evidence or another policy than were approved" in sentences(report)
    assert report.exit_code == 3
