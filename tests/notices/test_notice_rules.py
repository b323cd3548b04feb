"""The rules alone: who is told what, in which words, and where the link lands. No database."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from governance.audit.events import Event
from governance.notices import rules
from governance.notices.kinds import Kind
from governance.notices.rules import About, Fact, told

ANNA, BEN, CARL, DORA = (uuid.UUID(int=number) for number in range(1, 5))
CLOCKWORK = {
    *("finding.due", "finding.overdue", "access_review.due", "access_review.overdue", "approval.ends_soon"),
    *("validation.due", "correspondence.due", "correspondence.overdue"),
    *("alert.waits", "incident.due", "incident.overdue", "incident.at_once"),
    *("incident.task_due", "incident.task_overdue"),
    *("time_stamp.ending", "time_stamp.ended", "retention.due"),
    *("token.expires_soon", "notice.tested", "notice_channel.added", "notice_channel.removed"),
}


def a_request(**fields: Any) -> About:
    values = {
        "title": "credit-risk v2 for alias champion (PR-12)",
        "path": "/reviews/7",
        "key": "7",
        "read": ("request", DORA),
        "state": "in_review",
        "stage": "validation",
        "people": {"requester": (ANNA,), "signers": (BEN, CARL), "owner": (DORA,)},
    }
    return About(**(values | fields))


def said(fact: Fact) -> dict[uuid.UUID, str]:
    return {row.to: row.detail for row in told(fact)}


def test_whoever_may_sign_is_told_when_the_stage_opens_and_the_link_lands_on_the_decision():
    rows = told(Fact("approval.review_opened", "entry:1", a_request()))
    assert [(row.to, row.kind, row.words, row.path) for row in rows] == [
        (person, Kind.DECISION, "A request waits for your decision", "/reviews/7#decision") for person in (BEN, CARL)
    ]
    assert {row.detail for row in rows} == {
        "credit-risk v2 for alias champion (PR-12) waits for your decision in stage validation"
    }


def test_a_stage_is_told_of_once_whichever_events_lead_to_it_and_anew_in_the_next_round():
    opened = told(Fact("approval.review_opened", "entry:1", a_request()))
    signed = told(Fact("approval.decided", "entry:2", a_request(), {"verdict": "approve", "stage": "validation"}))
    again = told(Fact("approval.review_opened", "entry:3", a_request(round=2)))
    occasions = {row.occasion for row in opened}
    assert occasions == {row.occasion for row in signed if row.kind == Kind.DECISION}
    assert occasions.isdisjoint(row.occasion for row in again)


def test_nobody_is_told_of_their_own_act_but_of_what_is_done_to_their_account():
    fact = Fact("approval.decided", "entry:2", a_request(), {"verdict": "approve", "stage": "validation"}, by=BEN)
    assert set(said(fact)) == {ANNA, CARL}
    mine = Fact("approval.state_changed", "entry:3", a_request(), {"to": "withdrawn"}, by=ANNA)
    assert told(mine) == []
    stolen = Fact("passkey.enrolled", "entry:4", About(people={"person": (ANNA,), "administrators": (BEN,)}), by=ANNA)
    assert {row.to: row.kind for row in told(stolen)} == {ANNA: Kind.SECURITY, BEN: Kind.DECISION}


@pytest.mark.parametrize(
    ("state", "to"),
    [
        ("rejected", {ANNA}),
        ("changes_requested", {ANNA}),
        ("expired", {ANNA}),
        ("suspended", {ANNA, DORA}),
        ("revoked", {ANNA, DORA}),
        ("lapsed", {ANNA, DORA}),
    ],
)
def test_the_requester_is_told_what_became_of_it_and_the_owner_of_what_ends_an_approval(state, to):
    fact = Fact(
        "approval.state_changed", "entry:1", a_request(state=state, stage=""), {"to": state, "reason": "SECRET"}
    )
    assert set(said(fact)) == to
    assert "SECRET" not in str(told(fact))
    assert all(text.startswith("credit-risk v2 for alias champion (PR-12) ") for text in said(fact).values())


def test_a_request_that_only_collects_its_evidence_again_is_no_news():
    assert told(Fact("approval.state_changed", "entry:1", a_request(), {"to": "collecting"})) == []


def test_the_last_signature_is_told_once_as_the_approval():
    settled = a_request(state="approved", stage="", people={"requester": (ANNA,)})
    assert told(Fact("approval.decided", "entry:1", settled, {"verdict": "approve", "stage": "risk"}, by=BEN)) == []
    assert said(Fact("approval.approved", "entry:2", settled)) == {
        ANNA: "credit-risk v2 for alias champion (PR-12) was approved"
    }


def test_who_is_mentioned_lands_on_the_comment_and_what_it_says_goes_nowhere():
    about = a_request(path="/reviews/7#comment-9", people={"mentioned": (CARL,)})
    (row,) = told(Fact("approval.commented", "entry:1", about, {"mentions": [str(CARL)], "text": "SECRET"}))
    assert (row.to, row.kind, row.path) == (CARL, Kind.MENTION, "/reviews/7#comment-9")
    assert "SECRET" not in str(row)


def test_without_names_the_words_hold_nothing_of_the_subject():
    people = dict.fromkeys(("requester", "signers", "owner", "escalated", "mentioned", "parties", "person"), (BEN,))
    about = a_request(
        people={**people, "administrators": (BEN,), "reviewers": (BEN,), "concerned": (BEN,), "disposers": (BEN,)}
    )
    for event in rules.events():
        for to in ("suspended", "approved", "rejected"):
            data = {
                "to": to,
                "verdict": "approve",
                "stage": "validation",
                "on": "1 May 2027",
                "documents": 2,
                "what": "Evidence",
            }
            for row in told(Fact(event, "entry:1", about, data)):
                assert not any(word in row.words for word in ("credit", "champion", "PR-12", "validation", "2027"))


def test_every_event_of_a_rule_is_one_that_is_written_or_comes_from_the_clock():
    assert rules.events() - set(Event) - CLOCKWORK <= {"approval.commented"}


def test_what_one_person_did_at_once_is_told_to_who_reviews_it_and_late_also_to_the_owner_of_the_system():
    people = {"owner": (ANNA,), "reviewers": (BEN, CARL), "system_owner": (DORA,)}
    about = About(title="Critical finding of Credit", path="/findings/7", key="7", people=people)
    opened = told(Fact("finding.opened", "entry:1", about, by=ANNA))
    assert [(row.to, row.kind) for row in opened] == [(BEN, Kind.DECISION), (CARL, Kind.DECISION)]
    late = {row.to: (row.kind, row.words) for row in told(Fact("finding.overdue", "overdue:7", about))}
    assert late == {
        ANNA: (Kind.FINDING, "A finding of yours is overdue"),
        BEN: (Kind.DECISION, "Your review of what one person did to production is overdue"),
        CARL: (Kind.DECISION, "Your review of what one person did to production is overdue"),
        DORA: (Kind.SYSTEM, "What one person did to production is not reviewed in time"),
    }
    assert not told(Fact("finding.closed", "entry:2", about, by=BEN))[1:], "nobody waits any more"
