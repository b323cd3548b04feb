"""The inbox: what waits for whom, and what to look after."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from governance.accounts.roles import Role
from governance.approvals import services as approvals
from governance.approvals.findings import open_finding
from governance.audit.actors import System
from governance.common import clock
from tests.factories import a_user, approve


@pytest.fixture
def inbox():
    """The context of a person's inbox."""

    def of(person, **query):
        client = Client()
        client.force_login(person)
        answer = client.get("/", query)
        assert answer.status_code == 200
        return answer.context

    return of


def titles(context) -> list[str]:
    return [row["title"] for row in context["rows"]]


def test_a_request_waits_for_those_who_can_sign_it_and_for_nobody_else(cast, inbox):
    held = cast.reviewed(number=1)
    for person, waits in ((cast.validator, True), (cast.officer, False), (cast.owner, False), (cast.engineer, False)):
        context = inbox(person, waiting="me")
        assert titles(context) == ([f"{cast.model.name} v1"] if waits else []), person
    row = inbox(cast.validator)["rows"][0]
    assert (row["reference"], row["url"], row["now"]) == (str(held), f"/approvals/{held.approval_id}", "now none")
    assert (row["verdict"], row["reason"], row["signed"]) == ("HOLD", "asks for a human review", "0 of 1 validator")
    assert row["counts"] == {"insufficient": 2, "pass": 5, "not_applicable": 2}
    assert row["ai_act"] == "High-risk, Annex III.5.b · tier 1"


def test_who_decides_nothing_sees_what_is_open_at_first(cast, inbox):
    cast.promotion()
    assert inbox(cast.engineer)["filters"]["waiting"] == "open"
    assert titles(inbox(cast.engineer)) == [f"{cast.model.name} v1"]
    assert inbox(cast.validator)["filters"]["waiting"] == "me"
    assert inbox(cast.validator)["jobs"][0]["subject"] == f"{cast.model.name} v1"


def test_filters_by_text_verdict_class_and_state(cast, inbox):
    cast.reviewed(number=1)
    settled = cast.allowed(number=2)
    approve(settled.approval, cast.validator, verdict="reject")
    for query, found in (
        ({"waiting": "open"}, 1),
        ({"waiting": "settled"}, 1),
        ({"waiting": "open", "verdict": "BLOCK"}, 0),
        ({"waiting": "open", "verdict": "HOLD"}, 1),
        ({"waiting": "open", "ai_act_class": "minimal"}, 0),
        ({"waiting": "open", "q": "VALIDATOR"}, 1),
        ({"waiting": "open", "q": "consumer"}, 1),
        ({"waiting": "open", "q": "nothing like it"}, 0),
        ({"waiting": "everything"}, 1),
    ):
        assert len(inbox(cast.validator, **query)["rows"]) == found, query


def test_after_a_decision_its_fate_is_shown_to_those_it_concerns(cast, inbox):
    suspended = cast.live(number=1)
    ready = cast.approved(number=2)
    approvals.suspend(request_id=suspended.approval_id, reason="Drift.", actor=System("monitor"))
    open_finding(
        system=cast.system,
        code="drift",
        title="amount moved",
        severity="critical",
        source="monitor",
        actor=System("monitor"),
    )
    with clock.frozen(clock.now() + timedelta(days=3)):
        texts = [item["text"] for item in inbox(cast.owner)["after"]]
    assert f"{suspended.version}: the approval is suspended" in texts
    assert f"{ready.version} is approved, not applied yet" in texts
    assert any(text.endswith("amount moved") and text.startswith("Overdue since") for text in texts)
    assert inbox(a_user(Role.AUDITOR))["after"] == []
    with clock.frozen(clock.now() + timedelta(days=170)):
        assert any(
            "lapses in 9 days" in item["text"] or "not applied" in item["text"] for item in inbox(cast.officer)["after"]
        )


def test_the_median_counts_only_what_people_decided(cast, inbox):
    assert inbox(cast.validator)["median_decision"] is None
    made = cast.allowed()
    with clock.frozen(clock.now() + timedelta(hours=5)):
        approve(made.approval, cast.validator, verdict="reject")
    context = inbox(cast.validator)
    assert context["decisions"] == 1
    assert timedelta(hours=4, minutes=59) < context["median_decision"] < timedelta(hours=5, minutes=1)


def test_the_inbox_costs_the_same_however_much_waits(cast, inbox, django_assert_max_num_queries):
    for number in range(1, 5):
        cast.allowed(number=number)
    with django_assert_max_num_queries(36):
        assert len(inbox(cast.validator)["rows"]) == 4
