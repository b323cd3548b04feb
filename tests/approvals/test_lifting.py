"""What was signed with passkeys gets its force back by a passkey alone, and a stranger can check it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from governance.accounts.errors import PasskeyRefused
from governance.accounts.models import Passkey
from governance.accounts.roles import Role
from governance.approvals import lifting, services, signing
from governance.approvals.errors import PasskeyNeeded, StatementStale
from governance.approvals.models import State
from governance.audit import selectors as log
from placet.assertions import judge
from placet.derivation import LogDisagrees, rederive
from tests.factories import PASSWORD, REASON, SETUP, Cast, a_policy_text, a_user, approve, fresh, state_of
from tests.signers import Signer

pytestmark = pytest.mark.django_db
BY_PASSKEY = ("roles: [risk_officer], quorum: 1}", "roles: [risk_officer], quorum: 1, signature: passkey}")


@pytest.fixture
def cast(mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    return Cast(a_policy_text(BY_PASSKEY))


@pytest.fixture
def officer(cast):
    return Signer(cast.officer)


@pytest.fixture
def suspended(cast, officer):
    """An approval that a passkey signed, and that lost its force."""
    made = cast.allowed()
    approve(made.approval, cast.validator)
    officer.approve(made.approval)
    services.suspend(request_id=made.approval_id, reason="Drift.", actor=SETUP)
    return fresh(made).approval


def entries(approval: Any) -> list[tuple[int, dict[str, Any]]]:
    keys = log.entries_naming("accounts_passkey", list(Passkey.objects.values_list("pk", flat=True)))
    return sorted({entry.seq: entry.parsed for entry in [*log.entries_about_request(approval.pk), *keys]}.items())


def test_a_password_gives_no_force_back(cast, suspended):
    with pytest.raises(PasskeyNeeded):
        lifting.lift_suspension(request_id=suspended.pk, signer=cast.officer, rationale=REASON, password=PASSWORD)
    assert state_of(suspended) == State.SUSPENDED


def test_a_passkey_lifts_it_and_the_log_alone_shows_who_signed_what(officer, suspended):
    officer.lift(suspended)
    assert state_of(suspended) == State.APPROVED
    written = entries(suspended)
    said = written[-1][1]["data"]
    statement = json.loads(said["statement"])
    assert (statement["format"], statement["from"], statement["to"]) == ("placet-lifting/1", "suspended", "approved")
    assert statement["rationale"] == written[-1][1]["payload"]
    assert said["signature"]["kind"] == "passkey"
    assert list(judge(written)) == []
    assert rederive(written, str(suspended.pk)).subject_digest == suspended.subject_digest


def test_a_passkey_that_is_younger_than_the_suspension_lifts_nothing(cast, suspended):
    young = Signer(a_user(Role.RISK_OFFICER))
    with pytest.raises(PasskeyNeeded, match="before this approval was suspended"):
        young.lift(suspended)
    second = Signer(cast.officer)  # a second passkey of somebody who has an older one
    made = lifting.prepare_lifting(request_id=suspended.pk, signer=cast.officer, rationale=REASON)
    with pytest.raises(PasskeyRefused):
        lifting.sign_lifting(
            request_id=suspended.pk, signer=cast.officer, token=made.token(), answer=second.answer(made)
        )
    assert state_of(suspended) == State.SUSPENDED


def test_somebody_new_lifts_what_was_suspended_after_their_passkey_was_confirmed(cast, officer):
    made = cast.allowed()
    approve(made.approval, cast.validator)
    officer.approve(made.approval)
    newer = Signer(a_user(Role.RISK_OFFICER))  # younger than the request, older than the suspension
    services.suspend(request_id=made.approval_id, reason="Drift.", actor=SETUP)
    newer.lift(made.approval)
    assert state_of(made.approval) == State.APPROVED
    assert list(judge(entries(made.approval))) == []


def test_a_statement_counts_for_the_act_that_it_is_about(cast, officer, suspended):
    made = cast.allowed(number=2)
    approve(made.approval, cast.validator)
    decision = officer.prepared(made.approval)
    with pytest.raises(StatementStale):
        lifting.sign_lifting(
            request_id=suspended.pk, signer=cast.officer, token=decision.token(), answer=officer.answer(decision)
        )
    lift = lifting.prepare_lifting(request_id=suspended.pk, signer=cast.officer, rationale=REASON)
    with pytest.raises(StatementStale, match="another act"):
        signing.sign_decision(
            request_id=made.approval.pk, approver=cast.officer, token=lift.token(), answer=officer.answer(lift)
        )


@pytest.mark.parametrize(
    ("change", "verifier", "notary"),
    [
        ({"signature": {"kind": "re-authentication"}}, "without the passkey", "no passkey"),
        ({"signature": None}, "without the passkey", "no passkey"),
        ({"from": "lapsed"}, "something else", "something else"),
        ({"from": "lapsed", "signature": None}, "without the passkey", "no passkey"),
        ({"statement": "{}"}, "another statement", "another statement"),
        ({"subject": {"name": "other/1", "digest": "sha256:0"}}, "something else", "something else"),
    ],
)
def test_a_forged_lifting_is_reported_and_gets_no_permit(officer, suspended, change, verifier, notary):
    officer.lift(suspended)
    *before, (index, entry) = entries(suspended)
    data = {name: value for name, value in (entry["data"] | change).items() if value is not None}
    forged = [*before, (index, entry | {"data": data})]
    assert [(at, verifier in sentence) for at, sentence in judge(forged)] == [(index, True)]
    with pytest.raises(LogDisagrees, match=notary):
        rederive(forged, str(suspended.pk))


def test_the_notary_believes_nobody_with_a_part_in_it(officer, suspended, cast):
    officer.lift(suspended)
    *before, (index, entry) = entries(suspended)
    for actor in (cast.engineer.actor_id, cast.owner.actor_id, "system:reconciler"):
        with pytest.raises(LogDisagrees, match="kept from lifting"):
            rederive([*before, (index, entry | {"actor": actor})], str(suspended.pk))


def test_the_pages_show_what_is_signed_and_take_the_signature(officer, suspended):
    browser = Client()
    browser.force_login(officer.person)
    review = browser.get(reverse("review", args=[suspended.pk])).text
    assert "Read what you sign" in review
    lift, sign = reverse("review-lift", args=[suspended.pk]), reverse("review-lift-sign", args=[suspended.pk])
    assert browser.post(lift, {"rationale": ""}).status_code == 422
    page = browser.post(lift, {"rationale": REASON})
    assert (page.status_code, REASON in page.text, page.context["sign_url"]) == (200, True, sign)
    sent = {"prepared": page.context["prepared"], "credential": "{}"}
    refused = browser.post(sign, sent)
    assert (refused.status_code, "Lift the suspension" in refused.text) == (422, True)
    sent["credential"] = json.dumps(officer.authenticator.get(json.loads(page.context["options"])))
    assert "the suspension is lifted" in browser.post(sign, sent, follow=True).text
    assert state_of(suspended) == State.APPROVED
    assert browser.post(sign, sent).status_code == 409
