"""The review page: what it shows in each state, and what its forms do, refuse and write."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from governance.accounts.roles import Role
from governance.approvals import services as approvals
from governance.approvals.models import ApprovalRequest, Decision, State
from governance.audit import selectors as log
from governance.audit.actors import System
from governance.common import clock
from governance.evidence.models import Evidence
from governance.policy.selectors import document_of
from registry.reviewing.changes import MOST_ONE_SIDED, changes_shown, mapping_rows
from tests.drift_payloads import drift
from tests.factories import (
    PASSWORD,
    REASON,
    a_user,
    accept,
    approve,
    attach,
    record_applied,
    state_of,
)
from tests.payloads import fairness
from tests.registry.test_renewals import asked, near_the_end, signed

FORM = {
    "verdict": "approve",
    "rationale": REASON,
    "no_conflict": "on",
    "password": PASSWORD,
    "change_class": "non-substantial",
}


@pytest.fixture
def signed_in():
    """A browser of a person."""

    def of(person, *, csrf=False):
        client = Client(enforce_csrf_checks=csrf)
        client.force_login(person)
        return client

    return of


def text_of(response) -> str:
    """The page's words on one line."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def address(approval, name="review"):
    return reverse(name, args=[approval.pk])


def entries(approval) -> int:
    return len(log.entries_about_request(approval.pk))


def test_only_people_who_are_signed_in_read_it(cast, client):
    request = cast.allowed().approval
    for name in ("review", "review-progress"):
        assert client.get(address(request, name)).headers["Location"].startswith("/login?next=")
    assert client.post(address(request, "review-decide"), FORM).status_code == 302
    assert Decision.objects.count() == 0


def test_what_does_not_exist_is_said_with_a_404(cast, signed_in):
    page = signed_in(cast.officer).get("/approvals/00000000-0000-4000-8000-000000000000")
    assert page.status_code == 404
    assert "There is no approval request" in text_of(page)


def test_a_held_request_says_its_one_reason_and_what_unblocks_it(cast, signed_in):
    cast.live(number=1)
    made = cast.reviewed(number=2)
    page = signed_in(cast.officer).get(address(made.approval))
    words = text_of(page)
    assert page.status_code == 200
    for said in (
        "HOLD",
        "Approval-rate ratio by sex, against the reference group:",
        "does not settle it: the interval reaches across the limit 0.8",
        "a human review of this check, signed by a validator",
        "female 64 / 93 against male 153 / 207",
        "v2 (candidate)",
        "Parameter max_depth 3 4",
        "items are the same",
        "Fairness by group",
        "Ranking power (AUC)",
        "The open stage asks for a validator",
        "requester, trained this version",
        "opened the review: verdict HOLD",
        "The notary has not placed an entry of this request yet.",
    ):
        assert said in words, said
    assert page.content.decode().count('class="x-iv"') >= 15
    assert "style=" not in page.content.decode().partition("<main")[2]


def test_every_parameter_that_changed_has_a_row_of_its_own_and_what_did_not_is_counted():
    before = {f"parameter_{n}": n for n in range(15)} | {"kept": 1}
    after = {f"parameter_{n}": n + 1 for n in range(15)} | {"kept": 1, "added": 7}
    *changed, same = mapping_rows("Parameter", before, after, plural="parameters")
    shown = {row["key"]: (row["before"], row["after"]) for row in changed}
    assert shown == {f"parameter_{n}": (str(n), str(n + 1)) for n in range(15)} | {"added": ("not set", "7")}
    assert all(row["changed"] for row in changed)
    assert (same["item"], same["before"], same["changed"]) == ("Parameters", "1 more", False)


def test_what_only_one_of_two_kinds_of_model_has_does_not_hide_what_both_have(cast, monkeypatch):
    def parameters(changes):
        return [row["key"] for row in changes["rows"] if row["item"] == "Parameter"]

    cast.live(number=1)
    made = cast.reviewed(number=2)
    few = changes_shown(made, [])
    assert (few["one_sided"], parameters(few)) == ([], ["max_depth"])
    other = {f"only_{n}": n for n in range(MOST_ONE_SIDED + 1)}
    monkeypatch.setattr(made.version, "parameters", made.version.parameters | other)
    many = changes_shown(made, [])
    assert {row["key"] for row in many["one_sided"]} >= set(other)
    assert parameters(many) == ["max_depth"]


def test_checks_stand_undecided_first_and_each_with_its_figures(cast, signed_in):
    made = cast.reviewed(auc=0.6, auc_half=0.02)
    checks = signed_in(cast.officer).get(address(made.approval)).context["checks"]
    outcomes = [check["outcome"] for check in checks]
    assert outcomes == sorted(outcomes, key=["fail", "insufficient", "missing", "pass", "not_applicable"].index)
    first = checks[0]
    assert (first["id"], first["asks"], first["measured"]["low"], first["limit"]) == (
        "performance.auc-floor",
        "blocks",
        0.58,
        0.65,
    )
    rule = next(check for check in document_of(made.approval.policy_version).checks if check.id == first["id"])
    assert (first["why"], first["supports"]) == (rule.why, list(rule.supports))


def test_the_requester_the_trainer_and_the_owner_read_why_they_cannot_decide_and_nothing_is_written(cast, signed_in):
    request = cast.allowed().approval
    before = entries(request)
    for person, sentence in (
        (cast.engineer, f"You are the requester and trainer of {request.subject_name}; somebody else must decide."),
        (cast.owner, f"You are the owner of {request.subject_name}; somebody else must decide."),
        (a_user(Role.AUDITOR), "The open stage asks for a validator"),
    ):
        browser = signed_in(person)
        assert sentence in text_of(browser.get(address(request)))
        answer = browser.post(address(request, "review-decide"), FORM)
        assert answer.status_code == 403
        assert text_of(answer).count(sentence) == 2  # on top, and in the panel
    assert (Decision.objects.count(), entries(request), state_of(request)) == (0, before, State.IN_REVIEW)


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        ({"password": "not the password"}, 403, "The password is not right. Nothing was signed; type it again."),
        ({"rationale": "Looks good."}, 422, "Write at least 30 characters"),
        ({"rationale": ""}, 422, "Say why, in at least 30 characters."),
        ({"verdict": ""}, 422, "Choose a verdict."),
        ({"verdict": "wave_through"}, 422, "Choose one of the three verdicts."),
        ({"no_conflict": ""}, 422, "Say that you have no conflict of interest"),
        ({"password": ""}, 422, "Type your password to sign."),
    ],
)
def test_a_refused_form_shows_its_sentence_and_what_was_typed_but_never_the_password(
    cast, signed_in, change, status, sentence
):
    request = cast.allowed().approval
    before = entries(request)
    answer = signed_in(cast.validator).post(address(request, "review-decide"), FORM | change)
    assert answer.status_code == status
    assert sentence in text_of(answer)
    assert (change.get("rationale", REASON) or "Rationale") in text_of(answer)
    assert "not the password" not in answer.content.decode()
    assert PASSWORD not in answer.content.decode()
    assert (Decision.objects.count(), entries(request), state_of(request)) == (0, before, State.IN_REVIEW)


def test_an_approval_against_a_hold_is_refused_with_the_reason(cast, signed_in):
    request = cast.reviewed().approval
    page = signed_in(cast.validator).get(address(request))
    assert "Not possible while the verdict is HOLD." in text_of(page)
    answer = signed_in(cast.validator).post(address(request, "review-decide"), FORM)
    assert answer.status_code == 409
    assert "The verdict is HOLD:" in text_of(answer)
    assert Decision.objects.count() == 0


def test_the_quorum_of_both_stages_approves_and_the_rationale_shows(cast, signed_in):
    request = cast.allowed().approval
    for person in (cast.validator, cast.officer):
        answer = signed_in(person).post(address(request, "review-decide"), FORM, follow=True)
        assert answer.redirect_chain == [(address(request), 302)]
        assert "Signed: you approve. It is in the audit log." in text_of(answer)
    assert state_of(request) == State.APPROVED
    assert text_of(answer).count(REASON) == 3  # the review that the first stage requires, and two decisions
    stages = answer.context["stages"]
    assert [(stage["state"], stage["signed"]) for stage in stages] == [("closed", 1), ("closed", 1)]
    again = signed_in(cast.officer).post(address(request, "review-decide"), FORM)
    assert again.status_code == 409
    assert "is approved, not in review" in text_of(again)


def test_a_human_review_lifts_the_hold_and_stands_beside_its_check(cast, signed_in):
    request = cast.reviewed().approval
    review = {"check": "fairness.selection-ratio-sex", "statement": REASON, "verdict": "accepted", "password": PASSWORD}
    for change, status, sentence in (
        ({"statement": "Fine."}, 422, "Write at least 30 characters"),
        ({"password": "not the password"}, 403, "The password is not right."),
        ({"verdict": "maybe"}, 422, "Choose one of the two results."),
        ({"check": "performance.auc-floor"}, 422, "performance.auc-floor does not wait for a human review."),
    ):
        answer = signed_in(cast.validator).post(address(request, "review-human-review"), review | change)
        assert (answer.status_code, sentence in text_of(answer)) == (status, True), change
    refused = signed_in(cast.officer).post(address(request, "review-human-review"), review)
    assert refused.status_code == 403
    assert "The policy lets a validator review this check." in text_of(refused)
    assert not Evidence.objects.filter(type="human_review/v1").exists()
    answer = signed_in(cast.validator).post(address(request, "review-human-review"), review, follow=True)
    check = next(row for row in answer.context["checks"] if row["id"] == review["check"])
    assert (check["outcome"], check["human_review"]["verdict"], check["human_review"]["by"]["name"]) == (
        "insufficient",
        "accepted",
        "Validator",
    )
    assert check["human_review"]["statement"] == REASON
    assert (answer.context["verdict"]["word"], answer.context["reviews"]) == ("ALLOW", [])


def test_every_post_needs_its_csrf_token(cast, signed_in):
    request = cast.allowed().approval
    browser = signed_in(cast.validator, csrf=True)
    for name in ("review-decide", "review-human-review", "review-lift"):
        assert browser.post(address(request, name), FORM).status_code == 403
    assert Decision.objects.count() == 0
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get(address(request)).content.decode())
    assert token
    assert browser.post(address(request, "review-decide"), FORM | {"csrfmiddlewaretoken": token[1]}).status_code == 302


def test_a_form_is_never_taken_by_get(cast, signed_in):
    request = cast.allowed().approval
    for name in ("review-decide", "review-human-review", "review-lift"):
        assert signed_in(cast.validator).get(address(request, name), FORM).status_code == 405


def test_no_attempt_and_no_earlier_request_is_hidden(cast, signed_in):
    first = cast.reviewed(number=1)
    approve(
        first.approval, cast.validator, verdict="reject", rationale="The selection ratio was measured on training rows."
    )
    second = cast.promotion(number=2)
    attach(second.approval, fairness(ratio=0.5))
    newest = attach(second.approval, fairness())
    page = signed_in(cast.officer).get(address(second.approval))
    rows = page.context["attempts"]
    assert [row["what"] for row in rows if row["what"] == "fairness/v1"] == ["fairness/v1"] * 2
    assert any(row["what"].startswith(f"{first}: ") and row["state"] == "rejected" for row in rows)
    assert "measured on training rows" in text_of(page)
    assert newest.pk in [
        evidence.pk for evidence in Evidence.objects.filter(subject_digest=second.approval.subject_digest)
    ]


def test_while_evidence_is_collected_the_page_shows_the_jobs_and_asks_again(cast, signed_in):
    request = cast.promotion().approval
    page = signed_in(cast.officer).get(address(request))
    assert page.context["progress"]["running"] is True
    assert page.context["verdict"] is None
    assert "Collecting evidence" in text_of(page)
    assert "is collecting evidence, not in review" in text_of(page)
    partial = signed_in(cast.officer).get(address(request, "review-progress"))
    assert "HX-Refresh" not in partial.headers
    assert 'hx-trigger="every 2s"' in partial.content.decode()
    assert "<html" not in partial.content.decode()


def test_the_last_answer_about_progress_has_the_page_loaded_anew(cast, signed_in):
    request = cast.allowed().approval
    partial = signed_in(cast.officer).get(address(request, "review-progress"))
    assert partial.headers["HX-Refresh"] == "true"
    assert "every 2s" not in partial.content.decode()


def _state(cast, state):
    """A request that came to ``state`` through the services."""
    if state == "renewed":
        made = cast.live()
        with clock.frozen(near_the_end(made)):
            record_applied(signed(cast, asked(cast, made)).pk)
        return ApprovalRequest.objects.get(pk=made.approval_id)
    made = {"collecting": cast.promotion, "in_review": cast.reviewed}.get(state, cast.allowed)()
    request = made.approval
    if state in {"rejected", "changes_requested"}:
        approve(request, cast.validator, verdict="reject" if state == "rejected" else "request_changes")
    elif state in {"approved", "suspended", "revoked", "lapsed"}:
        approve(request, cast.validator)
        approve(request, cast.officer)
    move = {"suspended": approvals.suspend, "revoked": approvals.revoke}.get(state)
    if move:
        move(request_id=request.pk, reason="Two columns passed the drift limit.", actor=System("monitor"))
    if state == "withdrawn":
        approvals.withdraw(request_id=request.pk, requester=cast.engineer, reason="A better version is on its way.")
    if state in {"lapsed", "expired"}:
        locked = ApprovalRequest.objects.select_for_update().get(pk=request.pk)
        approvals.move(
            locked, State(state), actor=System("clock"), reason="Its validity ended.", allowed={locked.state}
        )
    return ApprovalRequest.objects.get(pk=request.pk)


@pytest.mark.parametrize("state", [str(value) for value in State])
def test_the_page_renders_in_every_state_for_everybody(cast, signed_in, state):
    request = _state(cast, state)
    assert request.state == state
    for person in (cast.officer, cast.engineer, cast.validator, a_user(Role.AUDITOR)):
        page = signed_in(person).get(address(request))
        assert page.status_code == 200
        words = text_of(page)
        assert request.get_state_display() in words
        over = state in {"suspended", "revoked", "lapsed", "renewed", "expired", "withdrawn"}
        assert ("Verdict at the time" in words) is (over and bool(request.verdict))
        assert words.count("Traceback") == 0
        promotion = signed_in(person).get(reverse("promotion-detail", args=[request.promotion.pk]))
        assert promotion.status_code == 200
        assert page.context["decision"]["allowed"] is (state == "in_review" and person == cast.validator)


def test_a_suspension_is_lifted_on_the_page_by_a_risk_officer_only(cast, signed_in):
    request = _state(cast, "suspended")
    form = {"rationale": REASON, "password": PASSWORD}
    assert "A risk officer lifts a suspension." in text_of(signed_in(cast.validator).get(address(request)))
    refused = signed_in(cast.validator).post(address(request, "review-lift"), form)
    assert (refused.status_code, state_of(request)) == (403, State.SUSPENDED)
    for change, status in (({"password": "not the password"}, 403), ({"rationale": "ok"}, 422)):
        answer = signed_in(cast.officer).post(address(request, "review-lift"), form | change)
        assert (answer.status_code, state_of(request)) == (status, State.SUSPENDED)
    answer = signed_in(cast.officer).post(address(request, "review-lift"), form, follow=True)
    assert "Signed: the suspension is lifted." in text_of(answer)
    assert state_of(request) == State.APPROVED


def test_drift_says_whose_traffic_it_is(cast, signed_in):
    from governance.evidence import services as evidence
    from governance.evidence.producers import Product

    live = cast.live(number=1)
    evidence.attach(
        evidence_type="drift/v1",
        subject_digest=live.version.artifact_digest,
        subject_name=live.version.subject_name,
        subject_id=live.version.pk,
        product=Product(drift(), {}),
        producer=System("monitor"),
    )
    made = cast.reviewed(number=2)
    assert "This is v1's traffic. v2 has served no one." in text_of(signed_in(cast.officer).get(address(made.approval)))


def test_the_page_costs_few_queries(cast, signed_in, django_assert_max_num_queries):
    cast.live(number=1)
    made = cast.reviewed(number=2)
    accept(made.approval, cast.validator)
    approve(made.approval, cast.validator)
    browser = signed_in(cast.officer)
    with django_assert_max_num_queries(63):
        browser.get(address(made.approval))
