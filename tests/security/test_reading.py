"""What is out of reach does not exist: one AI system's people neither read nor count what belongs to another."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from governance.accounts.access import may_read, readable_systems
from governance.accounts.roles import Role
from governance.accounts.services import create_token
from governance.approvals.findings import open_finding
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from tests.factories import PASSWORD, SETUP, Cast, a_user, given
from tests.healthy_mlflow import healthy_mlflow
from tests.security.routes import text_of


@pytest.fixture
def cast(db: None, settings: Any) -> Any:
    """A request in review, and with it everything that an AI system has."""
    with healthy_mlflow() as address:
        settings.MLFLOW_TRACKING_URI = address
        made = Cast()
        made.request = made.allowed()
        made.finding = open_finding(
            source="review", code="manual", title="Nobody knows the data's age", severity="low", owner=made.owner,
            system=made.system, actor=SETUP,
        )  # fmt: skip
        yield made


def of(person: Any, role: Role = Role.AUDITOR, *, system: uuid.UUID) -> Any:
    """Give a person a role for one AI system."""
    until = clock.now() + timedelta(days=1)
    given(person, role, system_id=system, valid_until=until)
    return person


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def here(cast: Any) -> Client:
    return signed_in(of(a_user(), system=cast.system.pk))


@pytest.fixture
def elsewhere(cast: Any) -> Client:
    return signed_in(of(a_user(), Role.VALIDATOR, system=uuid.uuid4()))


def pages(cast: Any) -> dict[str, str]:
    """The address of each thing, and what stands in its place where there is none."""
    return {
        f"/approvals/{cast.request.approval_id}": f"/approvals/{uuid.uuid4()}",
        f"/approvals/{cast.request.approval_id}/progress": f"/approvals/{uuid.uuid4()}/progress",
        f"/promotions/{cast.request.pk}": f"/promotions/{uuid.uuid4()}",
        f"/models/{cast.model.pk}": f"/models/{uuid.uuid4()}",
        f"/systems/{cast.system.pk}": f"/systems/{uuid.uuid4()}",
        f"/api/v1/systems/{cast.system.slug}": "/api/v1/systems/not-there",
        f"/api/v1/promotion-requests/{cast.request}": "/api/v1/promotion-requests/PR-987654",
        f"/api/v1/registered-models/{cast.model.name}": "/api/v1/registered-models/not-there",
        f"/api/v1/approval-requests/{cast.request.approval_id}": f"/api/v1/approval-requests/{uuid.uuid4()}",
    }


def test_a_thing_out_of_reach_is_told_like_one_that_is_missing(cast, here, elsewhere):
    for address, missing in pages(cast).items():
        assert here.get(address).status_code == 200, address
        hidden, gone = elsewhere.get(address), elsewhere.get(missing)
        assert (hidden.status_code, gone.status_code) == (404, 404), address
        name, other = (where.removesuffix("/progress").rpartition("/")[2] for where in (address, missing))
        assert text_of(gone).replace(other, name) == text_of(hidden)


def test_lists_count_and_name_what_is_in_reach_only(cast, here, elsewhere):
    lists = {
        "/?waiting=open": cast.model.name,
        "/overview": cast.model.name,
        "/models": cast.model.name,
        "/systems": cast.system.name,
        "/api/v1/systems": cast.system.slug,
        "/api/v1/promotion-requests": str(cast.request),
    }
    for address, name in lists.items():
        assert name in here.get(address).content.decode(), address
        assert name not in elsewhere.get(address).content.decode(), address
    inbox = here.get("/?waiting=open").context, elsewhere.get("/?waiting=open").context
    assert [page["open_findings"] for page in inbox] == [1, 0]
    assert [page["total"] for page in inbox] == [1, 0]


def test_who_has_no_role_reads_the_requests_they_made_and_nothing_else(cast):
    with transaction.atomic():
        grants = list(cast.engineer.grants.all())
        for grant in grants:
            grant.valid_until = clock.now()
        audit.append(event=Event.ROLE_REVOKED, actor=System("setup"), subjects=grants, data={})
    client = signed_in(cast.engineer)
    approval = cast.request.approval_id
    for address in (f"/approvals/{approval}", f"/promotions/{cast.request.pk}", "/?waiting=open"):
        assert cast.model.name in client.get(address).content.decode(), address
    assert client.get(f"/models/{cast.model.pk}").status_code == 404
    assert client.get(f"/api/v1/policies/{cast.policy.pk}").status_code == 404
    assert client.get("/api/v1/policies").json()["results"] == []
    assert client.get("/log").status_code == 403


def test_a_token_reaches_what_its_holder_does(cast):
    for system, status in ((cast.system.pk, 200), (uuid.uuid4(), 404)):
        machine = of(a_user(sponsor=cast.owner), Role.ENGINEER, system=system)
        token = create_token(holder=machine, label="ci", scopes=["promotions:read"])
        client = Client(headers={"Authorization": f"Bearer {token}"})
        assert client.get(f"/api/v1/promotion-requests/{cast.request}").status_code == status


def test_a_tag_tells_nothing_of_what_is_out_of_reach(cast, elsewhere):
    address = f"/api/v1/approval-requests/{cast.request.approval_id}/revocations"
    body = {"rationale": "x" * 40, "password": PASSWORD}
    refused = elsewhere.post(address, body, content_type="application/json", headers={"If-Match": '"guess"'})
    assert refused.status_code == 404
    assert "etag" not in refused.json()


def test_what_cannot_be_read_cannot_be_asked_for(cast, elsewhere):
    engineer = signed_in(of(a_user(), Role.ENGINEER, system=uuid.uuid4()))

    def asked(model: str) -> Any:
        body = {"model": model, "version": 1, "alias": "champion"}
        return engineer.post("/api/v1/promotion-requests", body, content_type="application/json")

    hidden, gone = asked(cast.model.name), asked("not-there")
    assert (hidden.status_code, gone.status_code) == (404, 404)
    assert hidden.json()["detail"].replace(cast.model.name, "not-there") == gone.json()["detail"]
    closing = elsewhere.post(f"/findings/{cast.finding.pk}/close", {"how": "x" * 40, "password": PASSWORD})
    assert closing.status_code == 404


def test_nobody_without_a_role_learns_who_has_an_account(cast):
    body = {
        "slug": "x", "name": "x", "purpose": "x", "ai_roles": ["provider"], "favourable_outcome": "x",
    }  # fmt: skip
    client = signed_in(a_user())
    for owner in (cast.owner.email, "nobody@bank.example"):
        answer = client.post("/api/v1/systems", body | {"owner": owner}, content_type="application/json")
        assert answer.status_code == 403


@pytest.mark.parametrize(
    ("ends", "system", "reads"),
    [(None, None, True), (None, "here", True), (None, "other", False), (-1, None, False), (-1, "here", False)],
)
def test_reach_is_of_roles_in_force(db, ends: int | None, system: str | None, reads: bool):
    place, person = {"here": uuid.uuid4(), "other": uuid.uuid4(), None: None}, a_user()
    with clock.frozen(clock.now() - timedelta(days=2)):
        until = clock.now() + timedelta(days=1) if ends else None
        given(person, Role.ENGINEER, system_id=place[system], valid_until=until)
    assert may_read(person, place["here"]) is reads
    assert readable_systems(person).anything is (ends is None)
    assert may_read(person, None) is (reads and system is None)
