"""Access reviews: each role kept or revoked by somebody whose it is not, and the signed result."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256

import pytest
import rfc8785
from django.db import connections, transaction

from governance.accounts import administration, recertification
from governance.accounts import review_reading as reading
from governance.accounts.errors import ItemDecided, OwnRole, ReviewSigned, ReviewUnfinished
from governance.accounts.models import AccessReview, AccessReviewItem, Grant, User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.accounts.services import SignInAgain
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from tests.accounts.test_role_rules import a_machine, refused, two
from tests.factories import PASSWORD, SETUP, a_user, given

__all__ = ["two"]
pytestmark = pytest.mark.django_db(transaction=True)
Verdict = AccessReviewItem.Verdict


@pytest.fixture
def staff(two) -> list[User]:
    """A risk officer, a validator and an engineer."""
    return [a_user(role) for role in (Role.RISK_OFFICER, Role.VALIDATOR, Role.ENGINEER)]


def opened(two: tuple[User, User], **fields: object) -> AccessReview:
    today = clock.now().date()
    words = {"reviewer": a_user(name="Head of risk"), "due_on": today + timedelta(days=30), "by": two[0]}
    return recertification.open_review(**(words | fields))


def item_of(review: AccessReview, person: User) -> AccessReviewItem:
    return review.items.get(grant__person=person)


def decide(item: AccessReviewItem, by: User, verdict: str = "keep", reason: str = "") -> AccessReviewItem:
    return recertification.decide_item(item_id=item.pk, by=by, verdict=verdict, reason=reason)


def keep(items: Iterable[AccessReviewItem], by: User) -> None:
    for item in items:
        decide(item, by)


def entries(count: int) -> list[log.LogEntry]:
    return [log.as_entry(entry) for entry in reversed(log.entries()[:count])]


def test_a_review_holds_every_role_in_its_scope_as_it_stood(two, staff):
    ended = given(a_user(), Role.ENGINEER, valid_until=clock.now() + timedelta(days=1))
    with clock.frozen(clock.now() + timedelta(days=2)):
        review = opened(two)
        later = given(a_user(), Role.ENGINEER)
    held = set(review.items.values_list("grant", flat=True))
    assert held == set(Grant.objects.exclude(pk__in=[ended.pk, later.pk]).values_list("pk", flat=True))
    entry = log.entry_by_id(review.log_entry)
    data = entry.parsed["data"]
    assert (entry.event, entry.actor, data["items"]) == ("access_review.opened", two[0].actor_id, 5)
    assert {row["table"] for row in entry.parsed["subjects"]} == {"accounts_accessreview", "accounts_accessreviewitem"}


def test_a_scope_is_of_roles_and_of_one_system(two, staff):
    system = a_user().pk
    here = given(staff[2], Role.VALIDATOR, system_id=system)
    given(staff[2], Role.OWNER, system_id=system)
    assert opened(two, roles=["validator"]).items.count() == 2
    assert opened(two, system_id=system).items.count() == 2
    assert [item.grant for item in opened(two, roles=["validator"], system_id=system).items.all()] == [here]


def test_what_no_review_is_opened_on(two, staff):
    today = clock.now().date()
    with pytest.raises(Forbidden):
        opened(two, by=staff[0])
    with pytest.raises(OwnRole, match="another reviewer"):
        opened(two, reviewer=two[0])
    leaver = a_user()
    User.objects.filter(pk=leaver.pk).update(is_active=False)
    for wrong in (
        {"reviewer": a_machine()},
        {"reviewer": leaver},
        {"due_on": today - timedelta(days=1)},
        {"due_on": today + timedelta(days=366)},
        {"roles": ["king"]},
        {"roles": ["policy_author"]},  # nobody holds it
    ):
        with pytest.raises(InvalidInput):
            opened(two, **wrong)
    assert not AccessReview.objects.exists()


def test_a_review_of_many_roles_is_opened_and_signed_in_entries_that_fit(two, monkeypatch):
    monkeypatch.setattr(recertification, "AT_ONCE", 2)
    people = [a_user(Role.ENGINEER) for _ in range(5)]
    review = opened(two, roles=["engineer"])
    assert [entry.parsed["data"]["from_item"] for entry in entries(3)] == [0, 2, 4]
    for person in people:
        administration.take_role(person=person, role=Role.ENGINEER, by=two[0])
    recertification.sign_review(review_id=review.pk, by=review.reviewer, password=PASSWORD)
    assert [len(entry.parsed["subjects"]) for entry in entries(4)] == [2, 2, 1, 1]
    assert set(review.items.values_list("verdict", flat=True)) == {"ended"}


def test_a_role_is_kept_or_ends_at_once_with_a_reason_that_is_erasable(two, staff):
    review = opened(two, roles=["engineer", "validator", "risk_officer"])
    officer, validator, engineer = (item_of(review, person) for person in staff)
    decide(officer, review.reviewer)
    for reason, says in (("", "why the role"), (" ", "why the role"), ("x" * 1001, "at most 1,000 characters")):
        with pytest.raises(InvalidInput, match=says):
            decide(validator, review.reviewer, "revoke", reason)
    with pytest.raises(InvalidInput, match="keep or revoke"):
        decide(validator, review.reviewer, "ended")
    assert has_role(staff[1], Role.VALIDATOR)
    decide(validator, review.reviewer, "revoke", "Moved to sales.")
    assert not has_role(staff[1], Role.VALIDATOR)
    revoked, decided = entries(2)
    assert [(entry.event, entry.actor) for entry in (revoked, decided)] == [
        ("role.revoked", review.reviewer.actor_id), ("access_review.decided", review.reviewer.actor_id),
    ]  # fmt: skip
    assert revoked.parsed["data"]["review"] == str(review.pk)
    assert (decided.parsed["data"]["verdict"], b"sales" in decided.body) == ("revoke", False)
    assert log.payload_of(decided.id) == {"reason": "Moved to sales.", "name": "Head of risk"}
    assert decided.parsed["data"]["reason"] == decided.parsed["payload"]
    with pytest.raises(ItemDecided):
        decide(validator, review.reviewer)
    decide(engineer, review.reviewer)
    decide(engineer, review.reviewer, "revoke", "On second thoughts.")
    assert not has_role(staff[2], Role.ENGINEER)


def test_nobody_says_anything_of_a_role_of_their_own_nor_of_what_is_another_s(two, staff):
    officer, validator, _ = staff
    review = opened(two, reviewer=officer)
    own = item_of(review, officer)
    assert own.assigned_to == two[0]
    with pytest.raises(OwnRole):
        decide(own, officer)
    for by in (two[0], two[1], validator):
        with pytest.raises(Forbidden):
            decide(item_of(review, staff[2]), by)
    with pytest.raises(OwnRole):
        decide(item_of(review, two[0]), two[0])
    decide(own, two[0])
    decide(item_of(review, two[0]), officer)
    with pytest.raises(Unknown):
        decide(AccessReviewItem(pk=officer.pk), officer)


def test_the_last_administrator_is_not_reviewed_away(two):
    review = opened(two, roles=["administrator"])
    decide(item_of(review, two[0]), review.reviewer, "revoke", "Too many.")
    with pytest.raises(InvalidInput, match="last administrator"):
        decide(item_of(review, two[1]), review.reviewer, "revoke", "Too many.")
    assert has_role(two[1], Role.ADMINISTRATOR)


def test_the_signed_result_names_every_role_and_its_digest_stands_in_the_log(two, staff):
    review = opened(two)
    reviewer = review.reviewer
    officer, validator, engineer = (item_of(review, person) for person in staff)
    decide(officer, reviewer)
    decide(validator, reviewer, "revoke", "Left the team.")
    with pytest.raises(ReviewUnfinished, match="Of 3 of 5 roles"):
        recertification.sign_review(review_id=review.pk, by=reviewer, password=PASSWORD)
    administration.take_role(person=staff[2], role=Role.ENGINEER, by=two[0])
    keep((item_of(review, person) for person in two), reviewer)
    for by, password, refusal in (
        (two[0], PASSWORD, Forbidden),
        (staff[0], PASSWORD, Forbidden),
        (reviewer, "wrong", SignInAgain),
    ):
        with pytest.raises(refusal):
            recertification.sign_review(review_id=review.pk, by=by, password=password)
    signed = recertification.sign_review(review_id=review.pk, by=reviewer, password=PASSWORD)
    signed.refresh_from_db()
    said = json.loads(signed.statement)
    assert signed.statement.encode() == rfc8785.dumps(said)
    assert signed.statement_digest == "sha256:" + sha256(signed.statement.encode()).hexdigest()
    entry = log.entry_by_id(signed.log_entry)
    assert (entry.event, entry.actor) == ("access_review.signed", reviewer.actor_id)
    assert entry.parsed["data"] == {
        "review": str(review.pk), "statement_digest": signed.statement_digest, "keep": 3, "revoke": 1, "ended": 1,
    } | {"changed": entry.parsed["data"]["changed"]}  # fmt: skip
    verdicts = {row["item"]: row["verdict"] for row in said["items"]}
    assert verdicts == {str(item.pk): item.verdict for item in review.items.all()}
    assert verdicts[str(engineer.pk)] == "ended"
    assert (said["reviewer"], said["review"]) == (reviewer.actor_id, str(review.pk))
    assert reviewer.name not in signed.statement
    for act in (
        lambda: decide(officer, reviewer, "revoke", "Too late."),
        lambda: recertification.sign_review(review_id=review.pk, by=reviewer, password=PASSWORD),
        lambda: recertification.hand_over(review_id=review.pk, to=staff[0], by=two[0]),
    ):
        with pytest.raises(ReviewSigned):
            act()


def test_a_review_whose_reviewer_leaves_goes_to_another(two, staff):
    officer, validator, engineer = staff
    review = opened(two, reviewer=officer)
    decide(item_of(review, engineer), officer)
    administration.deactivate_person(person=officer, by=two[0], reason="Left.")
    with pytest.raises(Forbidden):
        recertification.hand_over(review_id=review.pk, to=validator, by=validator)
    with pytest.raises(InvalidInput):
        recertification.hand_over(review_id=review.pk, to=officer, by=two[0])
    with pytest.raises(OwnRole):
        recertification.hand_over(review_id=review.pk, to=two[0], by=two[0])
    recertification.hand_over(review_id=review.pk, to=validator, by=two[1])
    assert item_of(review, validator).assigned_to == two[1]
    assert item_of(review, engineer).decided_by == officer
    decide(item_of(review, validator), two[1])
    keep((item_of(review, person) for person in two), validator)
    recertification.sign_review(review_id=review.pk, by=validator, password=PASSWORD)
    assert item_of(review, officer).verdict == "ended"


def test_a_verdict_and_the_signature_at_once_leave_a_result_that_says_what_is_so(two, staff):
    review = opened(two, roles=["risk_officer"])
    item = item_of(review, staff[0])
    decide(item, review.reviewer)
    start, outcomes = threading.Barrier(2), {}

    def run(name: str) -> None:
        try:
            start.wait(timeout=10)
            if name == "sign":
                recertification.sign_review(review_id=review.pk, by=review.reviewer, password=PASSWORD)
            else:
                decide(item, review.reviewer, "revoke", "Second thoughts.")
            outcomes[name] = "done"
        except Exception as refusal:  # noqa: BLE001 (which refusal, is what is asserted)
            outcomes[name] = type(refusal).__name__
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(name,)) for name in ("sign", "revoke")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert outcomes["sign"] == "done"
    assert outcomes["revoke"] in {"done", "ReviewSigned"}
    review.refresh_from_db()
    (said,) = json.loads(review.statement)["items"]
    item.refresh_from_db()
    assert said["verdict"] == item.verdict == ("revoke" if outcomes["revoke"] == "done" else "keep")


def test_the_lists_to_take_away_say_what_the_rows_say(two, staff):
    staff[0].name = "=HYPERLINK(1)"
    staff[0].save()
    review = opened(two, roles=["risk_officer", "validator", "engineer"])
    reviewer = review.reviewer
    decide(item_of(review, staff[0]), reviewer)
    decide(item_of(review, staff[1]), reviewer, "revoke", "Left.")
    administration.take_role(person=staff[2], role=Role.ENGINEER, by=two[0])
    recertification.sign_review(review_id=review.pk, by=reviewer, password=PASSWORD)
    review.refresh_from_db()
    lines = list(csv.DictReader(reading.csv_lines(review)))
    found = reading.as_json(review)
    assert [row | {"person": row["person"].lstrip("'")} for row in lines] == found["rows"]
    assert [row["person"] for row in lines if row["role"] == "Risk officer"] == ["'=HYPERLINK(1)"]
    said = {row["item"]: row for row in json.loads(found["statement"])["items"]}
    assert len(found["rows"]) == 3
    for row in found["rows"]:
        item = review.items.get(pk=row["item"])
        assert (row["verdict"], row["grant"]) == (item.verdict, str(item.grant_id))
        assert row["verdict"] == said[row["item"]]["verdict"]
        assert row["decided_by"] == (reviewer.name if item.verdict != "ended" else "")
    assert found["statement_digest"] == review.statement_digest


def test_who_reads_which_review(two, staff):
    officer = staff[0]
    review, other = opened(two, reviewer=officer), opened(two)
    auditor = a_user(Role.AUDITOR)
    reads = {viewer: set(reading.reviews_for(viewer)) for viewer in (*two, auditor, officer, other.reviewer, staff[2])}
    assert [len(reads[viewer]) for viewer in (*two, auditor)] == [2, 2, 2]
    assert (reads[officer], reads[other.reviewer], reads[staff[2]]) == ({review}, {other}, set())
    with pytest.raises(Unknown):
        reading.review_for(officer, other.pk)
    assert (reading.review_for(officer, review.pk).total, reading.review_for(officer, review.pk).decided) == (5, 0)


# --- the database, whoever writes ---------------------------------------------------------------------------------


def written(row: AccessReview | AccessReviewItem) -> None:
    audit.append(event=Event.ACCESS_REVIEW_DECIDED, actor=SETUP, subjects=[row], data={"made": "by a test"})


def test_the_database_lets_nobody_review_their_own_role(two, staff):
    review = opened(two, roles=["risk_officer"])
    item = item_of(review, staff[0])
    item.assigned_to = item.decided_by = staff[0]
    item.verdict, item.decided_at = "keep", clock.now()
    refused("nobody_reviews_their_own_role", lambda: written(item))
    own = AccessReviewItem(review=review, grant=Grant.objects.get(person=staff[1]), assigned_to=staff[1])
    refused("nobody_reviews_their_own_role", lambda: written(own))
    item = item_of(review, staff[0])
    item.decided_by, item.verdict, item.decided_at = two[0], "keep", clock.now()
    refused("item_decided_by_whom_it_was_given_to", lambda: written(item))


def test_the_database_knows_whether_a_role_that_is_said_to_be_over_is_over(two, staff):
    review = opened(two, roles=["risk_officer"])
    for verdict, by in (("revoke", review.reviewer), ("ended", None)):
        item = item_of(review, staff[0])
        item.verdict, item.decided_by, item.decided_at = verdict, by, clock.now()
        refused("revoked_role_has_ended", lambda item=item: written(item))


def test_the_database_takes_no_verdict_back_and_leaves_no_role_out(two, staff):
    review = opened(two, roles=["risk_officer", "validator"])
    officer, validator = (item_of(review, person) for person in staff[:2])
    decide(officer, review.reviewer, "revoke", "Left.")
    decide(validator, review.reviewer)
    for item, verdict in ((officer, "keep"), (validator, "")):
        row = AccessReviewItem.objects.get(pk=item.pk)
        row.verdict = verdict
        if not verdict:
            row.decided_by = row.decided_at = None
        refused("item_decided_once", lambda row=row: written(row))
    row = AccessReviewItem.objects.get(pk=validator.pk)
    row.grant = Grant.objects.get(person=staff[2])
    refused("item_decided_once", lambda: written(row))

    def removed() -> None:
        gone = AccessReviewItem.objects.get(pk=validator.pk)
        audit.append(event=Event.ACCESS_REVIEW_DECIDED, actor=SETUP, deleted=[gone])

    refused("signed_review_stays", removed)


def a_result(review: AccessReview, items: list[dict[str, str]]) -> AccessReview:
    row = AccessReview.objects.get(pk=review.pk)
    row.statement, row.closed_at = rfc8785.dumps({"items": items}).decode(), clock.now()
    row.statement_digest = "sha256:" + sha256(row.statement.encode()).hexdigest()
    return row


def test_the_database_takes_no_result_but_what_was_said_of_every_role(two, staff):
    review = opened(two, roles=["risk_officer", "validator"])
    items = [item_of(review, person) for person in staff[:2]]
    said = [{"item": str(item.pk), "grant": str(item.grant_id), "verdict": "keep"} for item in items]
    decide(items[0], review.reviewer)
    silent = [said[0], said[1] | {"verdict": ""}]
    for wrong in (said, silent, said[:1]):  # of the second nothing was said
        refused("signed_result_names_every_role", lambda wrong=wrong: written(a_result(review, wrong)))
    decide(items[1], review.reviewer)
    for wrong in ([said[0], said[0]], [*said, said[0]], [said[0], said[1] | {"verdict": "revoke"}], []):
        refused("signed_result_names_every_role", lambda wrong=wrong: written(a_result(review, wrong)))
    other = a_result(review, said)
    other.statement_digest = "sha256:" + "0" * 64
    refused("signed_result_names_every_role", lambda: written(other))
    with transaction.atomic():
        written(a_result(review, said))
    items[0].refresh_from_db()
    refused("signed_review_stays", lambda: written(items[0]))
    late = AccessReviewItem(review=review, grant=Grant.objects.get(person=staff[2]), assigned_to=review.reviewer)
    refused("signed_review_stays", lambda: written(late))
    row = AccessReview.objects.get(pk=review.pk)
    row.due_on += timedelta(days=1)
    refused("signed_review_stays", lambda: written(row))


def test_the_database_lets_an_administrator_open_a_review_and_nobody_change_its_scope(two, staff):
    fields = {"reviewer": staff[1], "due_on": clock.now().date(), "opened_at": clock.now()}
    refused("review_by_an_administrator", lambda: written(AccessReview(opened_by=staff[0], **fields)))
    review = opened(two)
    review.roles = ["engineer"]
    refused("signed_review_stays", lambda: written(review))
