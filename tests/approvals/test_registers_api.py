"""Waivers, findings and delegations over HTTP: what the pages can do, but for deciding."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from governance.accounts import presence
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.services import create_token
from governance.approvals import findings, remediation
from governance.approvals.models import Delegation, Finding, State, Waiver
from governance.audit import erasure
from governance.common import clock
from governance.config.oidc import Provider
from tests.audit.entries import a_person
from tests.factories import PASSWORD, REASON, Cast, a_stand_in, a_user, approve, given, lent
from tests.roles import as_role

pytestmark = pytest.mark.django_db
CHECK = "fairness.selection-ratio-sex"
Call = Callable[..., Any]


def session(person: User) -> Call:
    client = Client()
    client.force_login(person)
    return _calling(client, {})


def token(holder: User, *scopes: str) -> Call:
    return _calling(Client(), {"Authorization": f"Bearer {create_token(holder=holder, label='ci', scopes=scopes)}"})


def _calling(client: Client, headers: dict[str, str]) -> Call:
    """Call below /api/v1/: with a body a POST, without one a GET; extra words are headers."""

    def call(path: str, body: dict[str, Any] | None = None, **more: str) -> Any:
        extra = headers | {name.replace("_", "-"): value for name, value in more.items()}
        if body is None:
            return client.get(f"/api/v1/{path}", headers=extra)
        return client.post(f"/api/v1/{path}", body, content_type="application/json", headers=extra)

    call.client = client  # type: ignore[attr-defined]
    return call


def soon(days: int = 20) -> str:
    return clock.rfc3339(clock.now() + timedelta(days=days))


def told(answer: Any) -> tuple[int, str]:
    """Return a refusal's status and kind."""
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


# Waivers


@pytest.fixture
def blocked(cast: Cast) -> Any:
    """A request in review that one check blocks, of which the policy lets a failure stand."""
    return cast.reviewed(ratio=0.6, half=0.05).approval


def test_a_pipeline_asks_for_a_waiver_once_and_people_alone_grant_it(cast, blocked):
    machine = a_user(name="Pipeline", sponsor=cast.owner)
    given(machine, Role.ENGINEER)
    call = token(machine, "promotions:write")
    path, body = f"approval-requests/{blocked.pk}/waivers", {"check": CHECK, "expires_at": soon(), "reason": REASON}
    made = call(path, body, Idempotency_Key="k")
    assert made.status_code == 201, made.content
    assert REASON not in made.content.decode()  # kept by the key, which could not forget it
    assert call(path, body, Idempotency_Key="k").json() == made.json()
    assert told(call(path, body)) == (409, "waiver-open")
    row = Waiver.objects.get()
    assert made.headers["Location"] == f"/api/v1/waivers/{row.approval_id}"
    read = call(f"waivers/{row.approval_id}")
    assert (read.json()["reason"], read.json()["state"], read.json()["in_force"]) == (REASON, State.IN_REVIEW, False)
    approve(row.approval, cast.validator)
    approve(row.approval, cast.officer)
    granted = call(f"waivers/{row.approval_id}")
    assert (granted.json()["state"], granted.json()["in_force"]) == (State.APPROVED, True)
    assert granted.headers["ETag"] != read.headers["ETag"]
    assert told(call(f"waivers/{row.approval_id}/withdrawals", {"reason": REASON})) == (409, "request-not-open")


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"check": "performance.auc"}, (422, "not-waivable")),
        ({"expires_at": "2020-01-01T00:00:00Z"}, (422, "invalid-input")),
        ({"expires_at": "tomorrow"}, (422, "invalid-input")),
        ({"reason": ""}, (422, "invalid-input")),
    ],
)
def test_what_the_page_refuses_of_a_waiver_the_api_refuses(cast, blocked, change, refusal):
    body = {"check": CHECK, "expires_at": soon(), "reason": REASON} | change
    assert told(session(cast.engineer)(f"approval-requests/{blocked.pk}/waivers", body)) == refusal
    assert not Waiver.objects.exists()


def test_a_waiver_is_asked_for_and_withdrawn_by_who_may_and_read_by_who_reads_the_request(cast, blocked):
    path, body = f"approval-requests/{blocked.pk}/waivers", {"check": CHECK, "expires_at": soon(), "reason": REASON}
    assert told(session(cast.validator)(path, body)) == (403, "forbidden")
    stranger = session(a_stand_in(Role.ENGINEER))
    assert told(stranger(path, body)) == (404, "unknown")
    stale = session(cast.engineer)(f"approval-requests/{blocked.pk}").headers["ETag"]
    approve(blocked, cast.validator, verdict="request_changes")
    engineer = session(cast.engineer)
    assert told(engineer(path, body, If_Match=stale)) == (412, "precondition-failed")
    other = cast.reviewed(number=2, ratio=0.6, half=0.05).approval
    made = engineer(f"approval-requests/{other.pk}/waivers", body).json()
    assert [row["id"] for row in engineer(f"waivers?request={other.pk}&check={CHECK}").json()["results"]] == [
        made["id"]
    ]
    assert engineer(f"waivers?request={blocked.pk}").json()["results"] == []
    assert engineer("waivers?request=none").status_code == 422
    assert stranger("waivers").json()["results"] == []
    assert told(stranger(f"waivers/{made['id']}")) == (404, "unknown")
    assert told(engineer(f"waivers/{other.pk}")) == (404, "unknown")  # a request that decides on none
    assert told(session(cast.officer)(f"waivers/{made['id']}/withdrawals", {"reason": REASON})) == (403, "forbidden")
    assert (
        token(cast.engineer, "promotions:read")(f"waivers/{made['id']}/withdrawals", {"reason": REASON}).status_code
        == 403
    )
    assert engineer(f"waivers/{made['id']}/withdrawals", {"reason": REASON}).json()["state"] == State.WITHDRAWN
    assert told(engineer(f"approval-requests/{other.pk}/withdrawals", {"reason": REASON})) == (404, "unknown")


# Findings


def finding(cast: Cast, **more: Any) -> Finding:
    values = {"title": "Income is missing", "severity": "medium", "source": "audit", "description": REASON} | more
    return remediation.raise_finding(system=cast.system, by=cast.validator, **values)


def test_a_finding_goes_over_http_from_its_raising_to_what_is_proposed_for_closure(cast):
    validator, owner, officer = session(cast.validator), session(cast.owner), session(cast.officer)
    body = {"system": cast.system.slug, "title": "Old data", "description": REASON} | {
        "severity": "high",
        "source": "validation",
    }
    made = validator("findings", body)
    assert made.status_code == 201, made.content
    path = made.headers["Location"].removeprefix("/api/v1/")
    assert told(validator("findings", body)) == (409, "finding-known")
    due = made.json()["due_on"]
    planned = owner(f"{path}/plans", {"plan": REASON, "plan_due": due}, If_Match=made.headers["ETag"])
    assert (planned.status_code, planned.json()["plan_due"]) == (201, due)
    again = owner(f"{path}/plans", {"plan": REASON, "plan_due": due}, If_Match=made.headers["ETag"])
    assert told(again) == (412, "precondition-failed")
    later = (clock.now() + timedelta(days=60)).date().isoformat()
    more = {"due_on": later, "reason": REASON, "password": PASSWORD}
    assert told(officer(f"{path}/extensions", more | {"password": "x"})) == (403, "sign-in-again")
    assert officer(f"{path}/extensions", {"due_on": later, "reason": REASON}).status_code == 422  # nothing typed
    assert officer(f"{path}/extensions", more).json()["due_on"] == later
    assert owner(f"{path}/closure-proposals", {"how": REASON}).json()["state"] == "proposed"
    detail = validator(path).json()
    assert [row["what"] for row in detail["history"]] == [
        *("opened it", "stated a plan", "gave it more time", "says that it is mended")
    ]
    assert detail["history"][1]["text"] == REASON
    handed = owner(f"{path}/hand-overs", {"owner": str(cast.engineer.pk), "reason": REASON})
    assert handed.json()["owner"] == {"id": str(cast.engineer.pk), "name": cast.engineer.name}
    assert told(owner(f"{path}/plans", {"plan": REASON, "plan_due": due})) == (403, "forbidden")
    findings.close_finding(finding_id=detail["id"], closer=cast.validator, how=REASON, password=PASSWORD)
    assert told(session(cast.engineer)(f"{path}/closure-proposals", {"how": REASON})) == (409, "finding-closed")
    assert validator(path).json()["state"] == "closed"


def test_the_register_is_filtered_and_holds_what_one_may_read(cast):
    low, high = finding(cast, title="One", severity="low"), finding(cast, title="Two", severity="high", source="review")
    reader = session(cast.officer)

    def listed(query: str, call: Call = reader) -> list[str]:
        return [row["title"] for row in call(f"findings{query}").json()["results"]]

    assert listed("") == ["Two", "One"]
    assert listed("?severity=low") == ["One"]
    assert listed("?source=review") == ["Two"]
    assert listed(f"?system={cast.system.slug}&limit=1") == ["Two"]
    findings.close_finding(finding_id=low.pk, closer=cast.officer, how=REASON)
    assert (listed("?state=open"), listed("?state=closed")) == (["Two"], ["One"])
    assert listed("?owner=me") == []
    assert listed("?owner=me", session(cast.owner)) == ["Two", "One"]
    assert (told(reader("findings?state=lost")), told(reader("findings?system=none"))) == (
        (422, "invalid-input"),
        (404, "unknown"),
    )
    stranger = session(a_stand_in(Role.VALIDATOR))
    assert listed("", stranger) == []
    assert told(stranger(f"findings/{high.pk}")) == (404, "unknown")
    assert told(stranger(f"findings/{high.pk}/plans", {"plan": REASON, "plan_due": "2030-01-01"})) == (404, "unknown")


def test_a_token_reads_findings_with_its_scope_and_says_nothing(cast):
    row = finding(cast)
    reading = token(cast.owner, "findings:read")
    assert reading(f"findings/{row.pk}").status_code == 200
    assert token(cast.owner, "promotions:write")("findings").status_code == 403
    for path in ("findings", *(f"findings/{row.pk}/{act}" for act in ("plans", "closure-proposals", "hand-overs"))):
        assert reading(path, {"plan": REASON, "plan_due": str(row.due_on), "how": REASON}).status_code == 403
    row.refresh_from_db()
    assert (row.plan_due, row.proposed_at, row.owner) == (None, None, cast.owner)


# Delegations


def test_a_place_is_lent_in_a_session_with_proof_and_ended_at_once(cast):
    other = a_user(Role.VALIDATOR)
    call = session(cast.validator)
    body = {"to": other.email, "valid_until": soon(), "reason": "On leave.", "role": "validator"}
    assert told(call("delegations", body | {"password": "x"})) == (403, "sign-in-again")
    assert not Delegation.objects.exists()
    made = call("delegations", body | {"password": PASSWORD, "system": cast.system.slug})
    assert made.status_code == 201, made.content
    said = made.json()
    assert (said["state"], said["system"], said["delegate"]["name"]) == ("waits", cast.system.slug, other.name)
    path = made.headers["Location"].removeprefix("/api/v1/")
    assert session(other)("delegations").json()["results"] == [said]
    assert session(cast.officer)("delegations").json()["results"] == []
    assert told(session(cast.officer)(path)) == (404, "unknown")
    assert told(session(cast.officer)(f"{path}/endings", {})) == (404, "unknown")
    ended = session(other)(f"{path}/endings", {}, If_Match=made.headers["ETag"])
    assert (ended.status_code, ended.json()["state"]) == (201, "ended")
    assert told(call(f"{path}/endings", {})) == (409, "delegation-settled")


def test_no_token_touches_delegations(cast):
    row = lent(cast.validator, a_user(Role.VALIDATOR), confirmed=False)
    every = token(cast.validator, "promotions:write", "findings:read", "policies:write", "evidence:write")
    body = {"to": row.delegate.email, "valid_until": soon(), "reason": "x", "password": PASSWORD}
    for answer in (
        every("delegations"),
        every("delegations", body),
        every(f"delegations/{row.pk}"),
        every(f"delegations/{row.pk}/endings", {}),
    ):
        assert answer.status_code == 403
    row.refresh_from_db()
    assert (row.ended_at, Delegation.objects.count()) == (None, 1)


def test_whom_placet_knows_is_not_found_out_by_naming_addresses(cast):
    body = {"valid_until": soon(), "reason": "x", "password": PASSWORD}
    asked = [
        session(who)("delegations", body | {"to": to})
        for who in (cast.engineer, cast.validator)
        for to in (cast.owner.email, "nobody@bank.example")
    ]
    assert {answer.content for answer in asked} == {asked[0].content}
    assert told(asked[0]) == (422, "delegate-unfit")


# The identity provider's word in place of a password


def test_a_session_that_was_just_asked_anew_signs_once_without_a_password(cast, settings):
    settings.OIDC = Provider(issuer="http://localhost:1", client_id="placet", name="Bank ID")
    officer = User.objects.create_user("sso@bank.example", None, name="Signs on")
    given(officer, Role.RISK_OFFICER)
    row, call = finding(cast), session(officer)
    path = f"findings/{row.pk}/extensions"

    def later(days: int) -> dict[str, str]:
        return {"due_on": (clock.now() + timedelta(days=days)).date().isoformat(), "reason": REASON}

    assert told(call(path, later(60))) == (403, "sign-in-again")
    proof, until = presence.prove(officer)
    stored = call.client.session
    stored["single_sign_on_proof"] = {"person": str(officer.pk), "proof": proof, "until": until.isoformat()}
    stored.save()
    assert call(path, later(60)).status_code == 201
    assert told(call(path, later(70))) == (403, "sign-in-again")  # it is spent
    proof, until = presence.prove(officer)
    stored["single_sign_on_proof"] = {"person": str(cast.officer.pk), "proof": proof, "until": until.isoformat()}
    stored.save()
    assert told(call(path, later(70))) == (403, "sign-in-again")  # it was another person's session
    row.refresh_from_db()
    assert row.extensions == 1


@pytest.mark.django_db(transaction=True)
def test_the_words_of_a_waiver_can_be_erased(committed_cast):
    request = committed_cast.reviewed(ratio=0.6, half=0.05).approval
    call = session(committed_cast.engineer)
    body = {"check": CHECK, "expires_at": soon(), "reason": REASON}
    made = call(f"approval-requests/{request.pk}/waivers", body, Idempotency_Key="k").json()
    officer = a_person("dpo@bank.example")
    with as_role("privacy"):
        erasure.redact(
            entry_id=Waiver.objects.get().log_entry, reason="It names an applicant who asked.", actor=officer
        )
    assert call(f"waivers/{made['id']}").json()["reason"] is None
    assert call("waivers").json()["results"][0]["reason"] is None
