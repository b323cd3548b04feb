"""Decisions that a passkey signs: enrolled, confirmed by a second person, good only for what was asked after that."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core import signing as tokens
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from governance.accounts import passkeys
from governance.accounts.errors import PasskeyRefused
from governance.accounts.models import Passkey
from governance.accounts.roles import Role
from governance.accounts.services import SignInAgain
from governance.approvals import signing
from governance.approvals.errors import ChangeClassUnconfirmed, PasskeyNeeded, StatementStale
from governance.approvals.models import Decision, State
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import DomainError, Forbidden, InvalidInput
from placet.assertions import challenge, decode64, encode64
from placet.derivation import LogDisagrees, rederive
from tests.authenticator import PRESENT, Authenticator
from tests.factories import PASSWORD, REASON, SETUP, Cast, a_policy_text, a_user, approve, given, state_of

pytestmark = pytest.mark.django_db
BY_PASSKEY = ("roles: [risk_officer], quorum: 1}", "roles: [risk_officer], quorum: 1, signature: passkey}")


@pytest.fixture
def cast(db, mlflow_address, settings):
    """A cast under the policy whose risk officers sign by passkey."""
    settings.MLFLOW_TRACKING_URI = mlflow_address
    return Cast(a_policy_text(BY_PASSKEY))


def enrolled(person: Any, mine: Authenticator, *, label: str = "Laptop") -> Passkey:
    options, state = passkeys.begin_enrolment(person=person, password=PASSWORD)
    return passkeys.enrol(person=person, label=label, state=state, answer=mine.create(options))


def confirmed(person: Any, mine: Authenticator) -> Passkey:
    row = enrolled(person, mine)
    return passkeys.confirm(passkey_id=row.pk, by=a_user(Role.ADMINISTRATOR), password=PASSWORD)


def at_the_risk_stage(cast: Cast) -> Any:
    """A request whose validator has signed, by password as the first stage asks."""
    approval = cast.allowed().approval
    approve(approval, cast.validator)
    return approval


def prepared(approval: Any, person: Any, verdict: str = "approve") -> tuple[dict[str, Any], str]:
    """What the browser is asked, and the statement's token."""
    made = signing.prepare_decision(request_id=approval.pk, approver=person, verdict=verdict, rationale=REASON)
    return {"challenge": encode64(challenge(made.statement.encode()))}, made.token()


def sign(approval: Any, person: Any, mine: Authenticator) -> Decision:
    options, token = prepared(approval, person)
    return signing.sign_decision(request_id=approval.pk, approver=person, token=token, answer=mine.get(options))


def entries(approval: Any) -> list[tuple[int, dict[str, Any]]]:
    """The entries about a request and all passkeys, in the order in which they were written."""
    keys = log.entries_naming("accounts_passkey", [row.pk for row in Passkey.objects.all()])
    found = {entry.seq: entry.parsed for entry in [*log.entries_about_request(approval.pk), *keys]}
    return sorted(found.items())


def test_a_passkey_decides_and_the_entry_holds_all_that_a_stranger_needs(cast):
    mine = Authenticator()
    confirmed(cast.officer, mine)
    approval = at_the_risk_stage(cast)
    decision = sign(approval, cast.officer, mine)
    assert state_of(approval) == State.APPROVED
    said = log.entry_by_id(decision.log_entry).parsed
    assert said["data"]["statement"] == decision.statement
    assert decode64(said["data"]["signature"]["passkey"]) == mine.credential_id
    statement = json.loads(decision.statement)
    assert statement["checks"]["outcome"] == "ALLOW"
    assert set(statement["checks"]["each"].values()) <= {"pass", "not_applicable", "insufficient"}
    assert set(statement["checks"]["lifted"].values()) <= {"review"}
    assert statement["meaning"].startswith("I have read the evidence")
    assert rederive(entries(approval), str(approval.pk)).subject_digest == approval.subject_digest


def test_a_password_is_not_enough_in_that_stage(cast):
    confirmed(cast.officer, Authenticator())
    approval = at_the_risk_stage(cast)
    with pytest.raises(PasskeyNeeded):
        approve(approval, cast.officer)
    assert state_of(approval) == State.IN_REVIEW


def test_a_passkey_counts_only_for_what_was_asked_after_its_confirmation(cast):
    mine = Authenticator()
    row = enrolled(cast.officer, mine)
    approval = at_the_risk_stage(cast)
    with pytest.raises(PasskeyNeeded, match="no passkey that was confirmed before"):
        prepared(approval, cast.officer)
    passkeys.confirm(passkey_id=row.pk, by=a_user(Role.ADMINISTRATOR), password=PASSWORD)
    with pytest.raises(PasskeyNeeded):
        prepared(approval, cast.officer)


def test_a_statement_for_one_stage_decides_in_no_other(cast):
    mine, second = Authenticator(), a_user(Role.VALIDATOR)
    confirmed(cast.officer, mine)
    given(cast.officer, Role.VALIDATOR)
    approval = cast.allowed().approval
    words = {"verdict": "approve", "rationale": REASON, "change_class": "non-substantial"}
    made = signing.prepare_decision(request_id=approval.pk, approver=cast.officer, **words)
    options, token = {"challenge": encode64(challenge(made.statement.encode()))}, made.token()
    approve(approval, second)
    with pytest.raises(StatementStale, match="Another stage"):
        signing.sign_decision(request_id=approval.pk, approver=cast.officer, token=token, answer=mine.get(options))


def test_a_passkey_that_ended_signs_nothing_more(cast):
    mine = Authenticator()
    row = confirmed(cast.officer, mine)
    confirmed(cast.officer, Authenticator())  # so that there is one left with which the statement is prepared
    approval = at_the_risk_stage(cast)
    options, token = prepared(approval, cast.officer)
    passkeys.end(passkey_id=row.pk, by=cast.officer, reason="lost")
    with pytest.raises(PasskeyRefused, match="not one of your passkeys"):
        signing.sign_decision(request_id=approval.pk, approver=cast.officer, token=token, answer=mine.get(options))


def test_what_was_not_signed_by_this_passkey_over_this_statement_is_refused(cast):
    mine = Authenticator()
    confirmed(cast.officer, mine)
    approval = at_the_risk_stage(cast)
    options, token = prepared(approval, cast.officer)
    other, _ = prepared(approval, cast.officer)
    stranger = Authenticator(credential_id=mine.credential_id)
    absent = Authenticator(key=mine.key, credential_id=mine.credential_id, flags=PRESENT)
    answers = [mine.get(other), stranger.get(options), absent.get(options), {}, [], None, {"id": 1, "response": {}}]
    for answer in answers:
        with pytest.raises(PasskeyRefused):
            signing.sign_decision(request_id=approval.pk, approver=cast.officer, token=token, answer=answer)
    assert not Decision.objects.filter(approver=cast.officer).exists()


def test_a_statement_of_another_person_another_request_or_an_older_state_is_refused(cast, monkeypatch):
    mine = Authenticator()
    confirmed(cast.officer, mine)
    second = a_user(Role.RISK_OFFICER)
    theirs = Authenticator()
    confirmed(second, theirs)
    approval = at_the_risk_stage(cast)
    options, token = prepared(approval, cast.officer)
    with pytest.raises(StatementStale):
        signing.sign_decision(request_id=approval.pk, approver=second, token=token, answer=theirs.get(options))
    for wrong in ("", "x", token[:-2]):
        with pytest.raises(StatementStale):
            signing.sign_decision(request_id=approval.pk, approver=cast.officer, token=wrong, answer=mine.get(options))
    later = tokens.time.time() + 601
    monkeypatch.setattr(tokens.time, "time", lambda: later)
    with pytest.raises(StatementStale, match="ten minutes"):
        signing.sign_decision(request_id=approval.pk, approver=cast.officer, token=token, answer=mine.get(options))


def test_the_same_statement_is_signed_once(cast):
    mine = Authenticator()
    confirmed(cast.officer, mine)
    approval = at_the_risk_stage(cast)
    options, token = prepared(approval, cast.officer, "request_changes")
    signing.sign_decision(request_id=approval.pk, approver=cast.officer, token=token, answer=mine.get(options))
    with pytest.raises(DomainError):
        signing.sign_decision(request_id=approval.pk, approver=cast.officer, token=token, answer=mine.get(options))
    assert state_of(approval) == State.CHANGES_REQUESTED


def test_the_notary_derives_no_approval_from_a_signature_that_does_not_fit(cast):
    mine = Authenticator()
    confirmed(cast.officer, mine)
    approval = at_the_risk_stage(cast)
    sign(approval, cast.officer, mine)
    good = entries(approval)
    signed = next(n for n, (_, entry) in enumerate(good) if entry["data"].get("signature", {}).get("kind") == "passkey")
    asked = str(approval.pk)
    for change, says in (
        ({"signature": {"kind": "re-authentication"}}, "no passkey"),
        ({"statement": good[signed][1]["data"]["statement"].replace("approve", "approue")}, "another statement"),
    ):
        index, entry = good[signed]
        forged = [*good[:signed], (index, entry | {"data": entry["data"] | change}), *good[signed + 1 :]]
        with pytest.raises(LogDisagrees, match=says):
            rederive(forged, asked)
    unconfirmed = [row for row in good if row[1]["event"] != "passkey.confirmed"]
    with pytest.raises(LogDisagrees, match="no second person confirmed"):
        rederive(unconfirmed, asked)


# ---- enrolment


def test_an_enrolment_takes_the_password_and_a_passkey_of_the_right_kind(cast):
    with pytest.raises(SignInAgain):
        passkeys.begin_enrolment(person=cast.officer, password="wrong")
    with pytest.raises(Forbidden):
        passkeys.begin_enrolment(person=a_user(sponsor=cast.officer), password=PASSWORD)
    options, state = passkeys.begin_enrolment(person=cast.officer, password=PASSWORD)
    assert [row["alg"] for row in options["pubKeyCredParams"]] == [-7, -257]
    assert options["authenticatorSelection"]["userVerification"] == "required"
    mine = Authenticator()
    other, _ = passkeys.begin_enrolment(person=cast.officer, password=PASSWORD)
    for wrong in (
        mine.create(other),  # another challenge
        Authenticator(origin="https://evil.example").create(options),
        Authenticator(rp_id="evil.example").create(options),
        Authenticator(flags=PRESENT).create(options),
        {},
        {"id": "AA", "rawId": "AA", "type": "public-key", "response": {}},
    ):
        with pytest.raises(PasskeyRefused):
            passkeys.enrol(person=cast.officer, label="Laptop", state=state, answer=wrong)
    with pytest.raises(InvalidInput, match="Name the passkey"):
        passkeys.enrol(person=cast.officer, label=" ", state=state, answer=mine.create(options))
    passkeys.enrol(person=cast.officer, label="Laptop", state=state, answer=mine.create(options))
    with pytest.raises(PasskeyRefused, match="known already"):
        passkeys.enrol(person=cast.officer, label="Again", state=state, answer=mine.create(options))


def test_only_another_administrator_confirms(cast):
    row = enrolled(cast.officer, Authenticator())
    administrator = a_user(Role.ADMINISTRATOR)
    own = enrolled(administrator, Authenticator())
    for who, which in ((cast.officer, row), (cast.validator, row), (administrator, own)):
        with pytest.raises(Forbidden):
            passkeys.confirm(passkey_id=which.pk, by=who, password=PASSWORD)
    with pytest.raises(SignInAgain):
        passkeys.confirm(passkey_id=row.pk, by=administrator, password="wrong")
    assert [one.pk for one in passkeys.waiting(administrator)] == [row.pk]
    passkeys.confirm(passkey_id=row.pk, by=administrator, password=PASSWORD)
    with pytest.raises(PasskeyRefused):
        passkeys.confirm(passkey_id=row.pk, by=a_user(Role.ADMINISTRATOR), password=PASSWORD)
    assert passkeys.waiting(administrator) == []


def test_its_holder_or_an_administrator_ends_a_passkey_and_says_why(cast):
    row = enrolled(cast.officer, Authenticator())
    with pytest.raises(Forbidden):
        passkeys.end(passkey_id=row.pk, by=cast.validator, reason="because")
    with pytest.raises(InvalidInput):
        passkeys.end(passkey_id=row.pk, by=cast.officer, reason=" ")
    passkeys.end(passkey_id=row.pk, by=a_user(Role.ADMINISTRATOR), reason="reported stolen")
    with pytest.raises(PasskeyRefused):
        passkeys.end(passkey_id=row.pk, by=cast.officer, reason="lost")
    assert passkeys.usable(cast.officer, since=clock.now()) == []


# ---- what the database refuses, whatever writes to it


def refused(rule: str, row: Any, event: Event) -> None:
    with pytest.raises(IntegrityError) as problem, transaction.atomic():
        audit.append(event=event, actor=SETUP, subjects=[row], data={"made": "by a test"})
    assert problem.value.__cause__.diag.constraint_name == rule


def test_the_database_keeps_a_passkey_as_it_was_enrolled(cast):
    row = confirmed(cast.officer, Authenticator())
    for field, value in (("public_key", "AA"), ("person_id", cast.validator.pk), ("confirmed_at", clock.now())):
        held = Passkey.objects.get(pk=row.pk)
        setattr(held, field, value)
        refused("passkey_stays_as_enrolled", held, Event.PASSKEY_CONFIRMED)
    own = enrolled(cast.validator, Authenticator())
    own.confirmed_by, own.confirmed_at = cast.validator, clock.now()
    refused("passkey_confirmed_by_a_second_person", own, Event.PASSKEY_CONFIRMED)


def test_the_database_wants_a_confirmed_passkey_where_the_stage_asks_for_one(cast):
    young = Authenticator()
    approval = at_the_risk_stage(cast)
    row = confirmed(cast.officer, young)  # after the request was made
    base = {
        "request": approval,
        "round": 1,
        "stage": "risk",
        "approver": cast.officer,
        "verdict": "approve",
        "statement": "{}",
        "statement_digest": "sha256:0",
        "decided_at": clock.now(),
    }
    by_key = {"signature_kind": "passkey", "passkey": row, "assertion": {"signature": ""}}
    refused("signed_by_a_confirmed_passkey", Decision(**base), Event.APPROVAL_DECIDED)
    refused("signed_by_a_confirmed_passkey", Decision(**base, **by_key), Event.APPROVAL_DECIDED)
    theirs = confirmed(a_user(Role.RISK_OFFICER), Authenticator())
    refused("signed_by_a_confirmed_passkey", Decision(**base, **(by_key | {"passkey": theirs})), Event.APPROVAL_DECIDED)


# ---- pages


def test_the_pages_take_a_person_from_enrolment_to_a_signed_decision(cast):
    browser, mine = Client(), Authenticator()
    browser.force_login(cast.officer)
    page = browser.post(reverse("passkey-begin"), {"label": "Laptop", "password": "wrong"})
    assert (page.status_code, "Type" in page.text or "not right" in page.text) == (403, True)
    page = browser.post(reverse("passkey-begin"), {"label": "Laptop", "password": PASSWORD})
    options = json.loads(page.context["options"])
    page = browser.post(reverse("passkey-list"), {"credential": json.dumps(mine.create(options))}, follow=True)
    assert "waits for an administrator" in page.text
    again = browser.post(reverse("passkey-list"), {"credential": json.dumps(mine.create(options))})
    assert (again.status_code, "Begin again" in again.text) == (422, True)

    administrator = Client()
    administrator.force_login(a_user(Role.ADMINISTRATOR))
    row = Passkey.objects.get()
    assert passkeys.fingerprint(row) in administrator.get(reverse("passkey-list")).text
    confirm = reverse("passkey-confirm", args=[row.pk])
    assert administrator.post(confirm, {"password": "wrong"}).status_code == 403
    assert administrator.post(confirm, {"password": PASSWORD}).status_code == 302

    with clock.frozen(clock.now() + timedelta(seconds=1)):
        approval = at_the_risk_stage(cast)
        decide, review = reverse("review-decide", args=[approval.pk]), reverse("review-sign", args=[approval.pk])
        assert "Read what you sign" in browser.get(reverse("review", args=[approval.pk])).text
        assert browser.post(decide, {"verdict": "approve", "no_conflict": "on"}).status_code == 422
        page = browser.post(decide, {"verdict": "approve", "rationale": REASON, "no_conflict": "on"})
        assert page.status_code == 200
        assert REASON in page.text
        sent = {"prepared": page.context["prepared"], "credential": "{}"}
        assert browser.post(review, sent).status_code == 422
        sent["credential"] = json.dumps(mine.get(json.loads(page.context["options"])))
        assert browser.post(review, sent).status_code == 302
        assert state_of(approval) == State.APPROVED
        assert browser.post(review, sent).status_code == 409


def test_a_passkey_signs_the_change_class_that_it_confirms(db, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    validated = ("roles: [validator], quorum: 1,", "roles: [validator], quorum: 1, signature: passkey,")
    cast, mine = Cast(a_policy_text(validated)), Authenticator()
    confirmed(cast.validator, mine)
    approval = cast.allowed().approval
    who = {"request_id": approval.pk, "approver": cast.validator}
    with pytest.raises(ChangeClassUnconfirmed):
        signing.prepare_decision(**who, verdict="approve", rationale=REASON)
    made = signing.prepare_decision(**who, verdict="approve", rationale=REASON, change_class="non-substantial")
    answer = mine.get({"challenge": encode64(challenge(made.statement.encode()))})
    decision = signing.sign_decision(**who, token=made.token(), answer=answer)
    assert decision.change_class == json.loads(decision.statement)["change_class"] == "non-substantial"
    assert log.entry_by_id(decision.log_entry).parsed["data"]["change_class"] == "non-substantial"
