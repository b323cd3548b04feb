"""Requesting a promotion: one spelling of an alias on both sides, no outside call in a transaction, few queries."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from governance.accounts.roles import Role
from governance.approvals.selectors import waiting_count, waiting_for
from placet.mlflow_plugin import protection
from registry import gate, mlflow, promotions
from registry.errors import UnprotectedAlias
from registry.models import RegistrationNotice
from tests.factories import a_user, a_version

SPELLINGS = ["champion", "Champion", " CHAMPION ", "\uff43hampion", "canary", "prod-eu", "PROD-EU", "staging", "prod"]


@pytest.mark.parametrize("alias", SPELLINGS)
def test_what_placet_calls_free_is_what_the_gate_lets_pass(cast, settings, monkeypatch, alias):
    patterns = "champion,canary,prod-*"
    monkeypatch.setenv("PLACET_PROTECTED_ALIASES", patterns)
    settings.PROTECTED_ALIASES = protection.protected_aliases()
    a_version(cast.model, number=1, trained_by=cast.engineer)

    def free():
        try:
            request(cast, alias=alias)
        except UnprotectedAlias:
            return True
        except Exception:  # noqa: BLE001  # refused for another reason, such as a policy that is missing
            return False
        return False

    assert free() is not protection.is_protected_alias(alias)


def request(cast, *, alias="champion", number=1):
    made, _ = promotions.request_promotion(model=cast.model.name, version=number, alias=alias, requester=cast.engineer)
    return made


def test_a_spelling_of_a_protected_alias_is_requested_as_the_one_that_the_gate_knows(cast):
    a_version(cast.model, number=1, trained_by=cast.engineer)
    made = request(cast, alias="Champion")
    assert (made.alias, made.approval.asks_for) == ("champion", "alias champion")


def browser(person):
    client = Client()
    client.force_login(person)
    return client


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "ci-1"}])
def test_mlflow_is_asked_before_any_transaction(committed_cast, monkeypatch, headers):
    cast = committed_cast
    a_version(cast.model, number=1, trained_by=cast.engineer)
    monkeypatch.setattr("registry.api.views.enqueue", lambda jobs: None)
    inside = []
    monkeypatch.setattr(mlflow, "is_up", lambda: inside.append(connection.in_atomic_block) or True)
    body = {"model": cast.model.name, "version": 1, "alias": "champion"}
    made = browser(cast.engineer).post("/api/v1/promotion-requests", body, "application/json", headers=headers)
    assert made.status_code == 202, made.content
    assert inside == [False]


def test_while_mlflow_is_down_nothing_is_requested(cast, settings):
    settings.MLFLOW_TRACKING_URI = "http://127.0.0.1:9"
    a_version(cast.model, number=1, trained_by=cast.engineer)
    body = {"model": cast.model.name, "version": 1, "alias": "champion"}
    refused = browser(cast.engineer).post("/api/v1/promotion-requests", body, "application/json")
    assert (refused.status_code, refused.json()["title"]) == (503, "MLflow does not answer")


def test_the_list_costs_the_same_queries_for_two_and_for_eight(cast):
    client = browser(cast.engineer)
    for number in (1, 2):
        cast.promotion(number=number)
    few = queries(client)
    for number in range(3, 9):
        cast.promotion(number=number)
    cast.approved(number=9)
    many = queries(client)
    assert len(client.get("/api/v1/promotion-requests").json()["results"]) == 9
    assert len(many) == len(few), "\n".join(many)
    assert len(many) <= 14


def queries(client):
    with CaptureQueriesContext(connection) as seen:
        assert client.get("/api/v1/promotion-requests").status_code == 200
    return [row["sql"][:200] for row in seen.captured_queries]


def test_the_badge_counts_what_one_can_sign_and_loads_no_more_than_its_bound(cast):
    for number in range(1, 5):
        cast.reviewed(number=number)
    assert waiting_count(cast.validator) == len(waiting_for(cast.validator)) == 4
    assert waiting_count(cast.validator, most=3) == 3
    assert waiting_count(cast.officer) == len(waiting_for(cast.officer)) == 0  # the first stage is not theirs
    bystander = a_user(Role.AUDITOR)
    with CaptureQueriesContext(connection) as seen:
        assert waiting_count(bystander) == 0
    assert len(seen.captured_queries) == 2  # roles, and places that were lent
    assert not any("required_evidence" in query["sql"] for query in seen.captured_queries)


# --- who registered a version --------------------------------------------------------------------------------------


def notice(username, **subject):
    gate.decide(
        identity={"username": username, "source": "basic-auth"},
        action="version.create",
        subject={"name": "credit", "source": "models:/m-1", **subject},
        detail={},
        grant=None,
    )


def test_a_notice_is_of_one_version_so_nobody_takes_the_trainers_place(db):
    notice("trainer", version="1", created_at_ms=1000)
    notice("friend", version="2", created_at_ms=2000)  # the same source, registered again
    notice("stranger", version=None)
    assert list(RegistrationNotice.objects.order_by("at").values_list("number", "created_at_ms", "username")) == [
        (1, 1000, "trainer"),
        (2, 2000, "friend"),
    ]
