"""Standing approvals over HTTP: asked for, followed and taken back; stages sign them on their page."""

from __future__ import annotations

import pytest

from governance.accounts.roles import Role
from governance.approvals.models import StandingApproval, State
from tests.approvals.test_registers_api import session, soon, token, told
from tests.factories import PASSWORD, REASON, a_stand_in, a_user, approve, given
from tests.standing import BOUNDS, COMMIT, PARAMETERS, asked, granted, retrained, served

pytestmark = pytest.mark.django_db


def body(cast, **fields):
    said = {"model": cast.model.name, "alias": "champion", "bounds": BOUNDS, "parameters": PARAMETERS}
    return said | {"max_uses": 2, "expires_at": soon(90), "reason": REASON} | fields


def test_a_pipeline_asks_and_what_people_then_sign_is_used_and_revoked(cast):
    served(cast)
    machine = a_user(name="Pipeline", sponsor=cast.owner)
    given(machine, Role.ENGINEER)
    call = token(machine, "promotions:write")
    asking = body(cast)
    made = call("standing-approvals", asking, Idempotency_Key="k")
    assert made.status_code == 201, made.content
    assert call("standing-approvals", asking, Idempotency_Key="k").json() == made.json()
    assert told(call("standing-approvals", asking)) == (409, "standing-approval-open")
    said, path = made.json(), made.headers["Location"].removeprefix("/api/v1/")
    assert (said["state"], said["envelope"]["commit"], said["envelope"]["bounds"]) == (State.IN_REVIEW, COMMIT, BOUNDS)
    row = StandingApproval.objects.select_related("approval").get()
    approve(row.approval, cast.validator)
    approve(row.approval, cast.officer)
    one = retrained(cast)
    read = call(path)
    assert (read.json()["state"], read.json()["used"]) == (State.APPROVED, 1)
    assert [use["request"] for use in read.json()["uses"]] == [str(one.approval_id)]
    assert told(call(f"{path}/withdrawals", {"reason": REASON})) == (409, "request-not-open")
    revoking = {"rationale": REASON, "password": PASSWORD}
    path = path.replace("standing-approvals", "approval-requests")
    assert call(f"{path}/revocations", revoking).status_code == 403
    assert session(cast.officer)(f"{path}/revocations", revoking).json()["state"] == State.REVOKED


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"alias": "canary"}, (409, "nothing-stands")),
        ({"model": "none"}, (404, "unknown-model")),
        ({"bounds": []}, (422, "invalid-input")),
        ({"bounds": ["evidence.performance.auk.low >= 0.7"]}, (422, "invalid-input")),
        ({"max_uses": 0}, (422, "invalid-input")),
        ({"max_uses": 1000}, (422, "invalid-input")),
        ({"expires_at": "2020-01-01T00:00:00Z"}, (422, "invalid-input")),
    ],
)
def test_what_cannot_be_asked_for(cast, fields, refusal):
    served(cast)
    assert told(session(cast.engineer)("standing-approvals", body(cast, **fields))) == refusal
    assert not StandingApproval.objects.exists()


def test_it_is_read_by_who_reads_the_system_and_withdrawn_by_who_asked(cast):
    served(cast)
    call, stranger = session(cast.engineer), session(a_stand_in(Role.VALIDATOR))
    assert told(session(cast.validator)("standing-approvals", body(cast))) == (403, "forbidden")
    assert told(stranger("standing-approvals", body(cast))) == (404, "unknown-model")
    row = asked(cast)
    path = f"standing-approvals/{row.approval_id}"
    first = call(path)
    assert [item["id"] for item in call(f"standing-approvals?model={cast.model.name}").json()["results"]] == [
        str(row.approval_id)
    ]
    assert call("standing-approvals?state=approved").json()["results"] == []
    assert call("standing-approvals?alias=CHAMPION").json()["results"] == [first.json()]
    assert stranger("standing-approvals").json()["results"] == []
    assert told(stranger(path)) == (404, "unknown")
    assert told(call(f"standing-approvals/{row.live_id}")) == (404, "unknown")
    assert told(session(cast.officer)(f"{path}/withdrawals", {"reason": REASON})) == (403, "forbidden")
    assert token(cast.engineer, "promotions:read")(f"{path}/withdrawals", {"reason": REASON}).status_code == 403
    assert told(call(f"{path}/withdrawals", {"reason": REASON}, If_Match='"other"')) == (412, "precondition-failed")
    withdrawn = call(f"{path}/withdrawals", {"reason": REASON}, If_Match=first.headers["ETag"])
    assert (withdrawn.status_code, withdrawn.json()["state"]) == (200, State.WITHDRAWN)


def test_listing_asks_the_database_as_often_whatever_there_is(cast, django_assert_max_num_queries):
    served(cast)
    granted(cast)
    call = session(cast.engineer)
    with django_assert_max_num_queries(12) as one:
        assert len(call("standing-approvals").json()["results"]) == 1
    asked(cast)
    with django_assert_max_num_queries(len(one)):
        assert len(call("standing-approvals").json()["results"]) == 2
