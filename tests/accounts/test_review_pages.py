"""The pages of access reviews: opened by an administrator, decided and signed by the reviewer, taken away as lists."""

from __future__ import annotations

import csv
import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from governance.accounts import recertification, review_pages
from governance.accounts import review_reading as reading
from governance.accounts.models import AccessReview, User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.common import clock
from tests.accounts.test_people_pages import browser
from tests.factories import PASSWORD, a_user

LIST = "/access-reviews"


@pytest.fixture
def two(db) -> tuple[User, User]:
    return a_user(Role.ADMINISTRATOR, name="Ada"), a_user(Role.ADMINISTRATOR, name="Olu")


@pytest.fixture
def reviewer(db) -> User:
    return a_user(name="Head of risk")


def opened(two: tuple[User, User], reviewer: User, *roles: Role, days: int = 30) -> AccessReview:
    due = clock.now().date() + timedelta(days=days)
    return recertification.open_review(reviewer=reviewer, due_on=due, by=two[0], roles=roles)


def typed(reviewer: User) -> dict[str, object]:
    due = (clock.now() + timedelta(days=30)).date().isoformat()
    return {"roles": ["validator", "engineer"], "reviewer": str(reviewer.pk), "due_on": due}


def test_from_opening_to_the_signed_result(two, reviewer):
    keeps, loses = a_user(Role.VALIDATOR, name="Vera"), a_user(Role.ENGINEER, name="Efe")
    administrator, client = browser(two[0]), browser(reviewer)
    assert administrator.post(f"{LIST}/open", typed(reviewer)).status_code == 302
    review = AccessReview.objects.get()
    path = f"{LIST}/{review.pk}"
    assert [row["mine"] for row in client.get(LIST).context["rows"]] == [2]
    page = client.get(path)
    assert (page.context["waiting"], page.context["may"]["sign"]) == ({"all": 2, "mine": 2, "others": 0}, True)
    assert "sign-password" not in page.content.decode()  # not before something was said of each
    items = {row["person"]["name"]: row["pk"] for row in page.context["items"]}
    answer = client.post(f"{path}/items/{items['Vera']}", {"verdict": "keep", "show": "waiting", "page": "1"})
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{path}?show=waiting&page=1#items")
    refused = client.post(f"{path}/items/{items['Efe']}", {"verdict": "revoke", "reason": " "})
    assert (refused.status_code, "why the role is taken away" in refused.content.decode()) == (422, True)
    assert client.post(f"{path}/signature", {"password": PASSWORD}).status_code == 409
    client.post(f"{path}/items/{items['Efe']}", {"verdict": "revoke", "reason": "Moved to sales."})
    assert (has_role(keeps, Role.VALIDATOR), has_role(loses, Role.ENGINEER)) == (True, False)
    page = client.get(path)
    assert [row["pk"] for row in page.context["items"]] == []
    assert "sign-password" in page.content.decode()
    refused = client.post(f"{path}/signature", {"password": "wrong"})
    assert (refused.status_code, "password is not right" in refused.content.decode()) == (403, True)
    assert administrator.post(f"{path}/signature", {"password": PASSWORD}).status_code == 403
    assert client.post(f"{path}/signature", {"password": PASSWORD}).status_code == 302
    page = client.get(path)
    review.refresh_from_db()
    assert page.context["review"]["digest"] == review.statement_digest
    assert page.context["review"]["counts"] == {"keep": 1, "revoke": 1, "ended": 0}
    assert "Moved to sales." in page.content.decode()
    assert "<form" not in page.content.decode().partition('id="main"')[2]
    assert client.post(f"{path}/items/{items['Vera']}", {"verdict": "keep"}).status_code == 409


def test_return_in_the_reason_never_keeps_a_role(two, reviewer):
    """A form's first button is what Return presses; the reason's form has the one that revokes, and no other."""
    a_user(Role.VALIDATOR)
    page = browser(reviewer).get(f"{LIST}/{opened(two, reviewer, Role.VALIDATOR).pk}").content.decode()
    forms = [form.partition("</form>")[0] for form in page.split("<form")[1:]]
    (with_reason,) = [form for form in forms if 'name="reason"' in form]
    assert with_reason.count('name="verdict"') == 1
    assert 'value="revoke"' in with_reason


def test_the_lists_are_those_of_the_rows(two, reviewer):
    a_user(Role.VALIDATOR, name="@SUM(1)")
    review = opened(two, reviewer, Role.VALIDATOR, Role.ADMINISTRATOR)
    for person in (reviewer, two[1], a_user(Role.AUDITOR)):
        client = browser(person)
        table = b"".join(client.get(f"{LIST}/{review.pk}.csv").streaming_content).decode()
        found = client.get(f"{LIST}/{review.pk}.json").json()
        rows = list(csv.DictReader(table.splitlines()))
        assert found["rows"] == reading.rows_of(review)
        assert [row | {"person": row["person"].lstrip("'")} for row in rows] == found["rows"]
        assert "'@SUM(1)" in table
    assert json.dumps(found["rows"]).count("administrator") == 0  # labels, as people read them


def test_nobody_else_knows_of_a_review(two, reviewer):
    a_user(Role.VALIDATOR)
    review = opened(two, reviewer, Role.VALIDATOR)
    item = review.items.get()
    stranger = browser(a_user(Role.RISK_OFFICER))
    assert stranger.get(LIST).context["rows"] == []
    for path in ("", ".csv", ".json"):
        assert stranger.get(f"{LIST}/{review.pk}{path}").status_code == 404
    assert stranger.post(f"{LIST}/{review.pk}/items/{item.pk}", {"verdict": "keep"}).status_code == 404
    auditor = browser(a_user(Role.AUDITOR))
    assert auditor.post(f"{LIST}/{review.pk}/items/{item.pk}", {"verdict": "keep"}).status_code == 403
    other = opened(two, reviewer, Role.ADMINISTRATOR)
    assert browser(reviewer).post(f"{LIST}/{other.pk}/items/{item.pk}", {"verdict": "keep"}).status_code == 404
    assert Client().get(LIST).status_code == 302
    assert browser(reviewer).get(LIST).context["shown"] == {"people": False}


def test_one_s_own_role_is_with_who_opened_the_review(two):
    officer = a_user(Role.RISK_OFFICER, name="Risk officer")
    review = opened(two, officer, Role.RISK_OFFICER)
    path, item = f"{LIST}/{review.pk}", review.items.get()
    page = browser(officer).get(path)
    assert "your own; Ada decides" in page.content.decode()
    assert page.context["items"][0]["may"] == {"keep": False, "revoke": False}
    refused = browser(officer).post(f"{path}/items/{item.pk}", {"verdict": "keep"})
    assert (refused.status_code, "This role is yours" in refused.content.decode()) == (403, True)
    assert browser(two[0]).post(f"{path}/items/{item.pk}", {"verdict": "keep"}).status_code == 302


def test_what_cannot_be_opened_comes_back_with_its_sentence(two, reviewer):
    a_user(Role.VALIDATOR)
    client = browser(two[0])
    for fields, status, says in (
        ({"reviewer": ""}, 422, "Choose who reviews."),
        ({"due_on": "2020-01-01"}, 422, "lies ahead"),
        ({"roles": ["policy_author"]}, 422, "Nobody holds a role"),
        ({"roles": ["administrator"], "reviewer": str(two[0].pk)}, 403, "choose another reviewer"),
    ):
        answer = client.post(f"{LIST}/open", typed(reviewer) | fields)
        assert (answer.status_code, says in answer.content.decode()) == (status, True)
    assert browser(reviewer).post(f"{LIST}/open", typed(reviewer)).status_code == 403
    assert not AccessReview.objects.exists()


def test_a_review_is_handed_over_on_its_page(two, reviewer):
    a_user(Role.VALIDATOR)
    path, to = f"{LIST}/{opened(two, reviewer, Role.VALIDATOR).pk}/reviewer", a_user(name="Deputy")
    for person, status in ((reviewer, 403), (a_user(Role.ENGINEER), 404)):
        assert browser(person).post(path, {"reviewer": str(to.pk)}).status_code == status
    for wrong in ("", "nonsense", str(reviewer.pk)):
        assert browser(two[1]).post(path, {"reviewer": wrong}).status_code == 422
    assert browser(two[1]).post(path, {"reviewer": str(to.pk)}).status_code == 302
    assert AccessReview.objects.get().reviewer == to


def test_a_page_of_many_roles_costs_what_a_page_of_few_does(two, reviewer, monkeypatch):
    monkeypatch.setattr(review_pages, "ITEMS_SHOWN", 5)
    a_user(Role.VALIDATOR)
    few = opened(two, reviewer, Role.VALIDATOR)
    for _ in range(12):
        a_user(Role.VALIDATOR)
    many, client, counts = opened(two, reviewer, Role.VALIDATOR), browser(reviewer), []
    for review in (few, many):
        with CaptureQueriesContext(connection) as asked:
            page = client.get(f"{LIST}/{review.pk}")
        counts.append(len(asked))
    assert counts[0] == counts[1]
    assert (len(page.context["items"]), page.context["page"]["next"]) == (5, 2)
    assert len(client.get(f"{LIST}/{many.pk}?page=3").context["items"]) == 3
