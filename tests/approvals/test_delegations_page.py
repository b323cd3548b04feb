"""The delegations page: what a person lends and signs for others, and what administrators confirm there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from governance.accounts.roles import Role
from governance.approvals.models import Delegation
from governance.common import clock
from tests.factories import PASSWORD, a_stand_in, a_user, approve, lent

PAGE = "/delegations"


@pytest.fixture
def officer(db):
    return a_user(Role.RISK_OFFICER, name="Risk officer")


@pytest.fixture
def stand_in(db):
    return a_stand_in(Role.RISK_OFFICER, name="Stand-in")


def browser(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def typed(to, **fields):
    until = (clock.now() + timedelta(days=20)).date().isoformat()
    return {"to": str(to.pk), "valid_until": until, "reason": "On leave until then."} | fields


def test_from_the_form_to_the_end(officer, stand_in):
    administrator = a_user(Role.ADMINISTRATOR)
    mine, theirs, third = browser(officer), browser(stand_in), browser(administrator)
    context = mine.get(PAGE).context
    assert (context["people"], context["may_lend"]) == ([(str(stand_in.pk), "Stand-in")], True)
    assert mine.post(f"{PAGE}/make", typed(stand_in)).status_code == 302
    made = Delegation.objects.get()
    assert made.valid_until.hour == 0  # the last day is part of it
    assert (made.valid_until - clock.now()).days >= 20
    waiting = third.get(PAGE)
    assert "On leave until then." in waiting.content.decode()
    assert [row["may_confirm"] for row in waiting.context["waiting"]] == [True]
    assert third.post(f"{PAGE}/{made.pk}/confirm", {"password": "wrong"}).status_code == 403
    assert third.post(f"{PAGE}/{made.pk}/confirm", {"password": PASSWORD}).status_code == 302
    assert [row["state"] for row in mine.get(PAGE).context["given"]] == ["in force"]
    assert [row["state"] for row in theirs.get(PAGE).context["received"]] == ["in force"]
    assert [row["pk"] for row in third.get(PAGE).context["others"]] == [made.pk]
    assert theirs.post(f"{PAGE}/{made.pk}/end").status_code == 302
    assert [row["state"] for row in mine.get(PAGE).context["given"]] == ["ended"]
    assert theirs.post(f"{PAGE}/{made.pk}/end").status_code == 409


def test_a_refused_form_comes_back_with_its_sentence(officer, stand_in):
    client = browser(officer)
    answer = client.post(f"{PAGE}/make", typed(stand_in, reason=""))
    assert answer.status_code == 422
    assert "Say why somebody else signs for you." in answer.content.decode()
    answer = client.post(f"{PAGE}/make", typed(a_user(Role.VALIDATOR)))
    assert answer.status_code == 422
    assert "no risk officer by a role of their own" in answer.content.decode()
    assert "On leave until then." in answer.content.decode()
    assert not Delegation.objects.exists()


def test_nobody_sees_what_others_lend_but_administrators(officer, stand_in):
    lent(officer, stand_in, confirmed=False)
    context = browser(a_user(Role.ENGINEER)).get(PAGE).context
    assert not any(context[name] for name in ("given", "received", "waiting", "others", "may_lend", "people"))


def test_the_review_page_says_who_signs_for_whom(cast):
    stand_in = a_stand_in(Role.RISK_OFFICER, name="Stand-in")
    lent(cast.officer, stand_in)
    request = cast.allowed().approval
    approve(request, cast.validator)
    client = browser(stand_in)
    answer = client.get(reverse("review", args=[request.pk]))
    assert "Stand-in for Risk officer" in answer.content.decode()
    assert {"label": "In the place of", "value": "Risk officer"} in answer.context["decision"]["signs"]
    approve(request, stand_in)
    shown = client.get(reverse("review", args=[request.pk])).context["stages"][1]["decisions"]
    assert [(row["by"]["name"], row["for"]["name"]) for row in shown] == [("Stand-in", "Risk officer")]
