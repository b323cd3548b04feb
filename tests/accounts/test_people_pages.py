"""The pages about people: who reads them, what they show, and what administrators do there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from governance.accounts import identities, proposals
from governance.accounts.models import Grant, GrantProposal, User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.accounts.services import create_token
from governance.common import clock
from tests.factories import PASSWORD, a_system, a_user, given


@pytest.fixture
def two(db) -> tuple[User, User]:
    return a_user(Role.ADMINISTRATOR, name="Ada"), a_user(Role.ADMINISTRATOR, name="Olu")


def browser(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_administrators_and_auditors_read_the_pages_and_nobody_else(two):
    person = a_user(Role.ENGINEER)
    for path in ("/people", f"/people/{person.pk}", "/role-proposals"):
        for reader in (two[0], a_user(Role.AUDITOR)):
            assert browser(reader).get(path).status_code == 200
        scoped = a_user()
        given(scoped, Role.AUDITOR, system_id=person.pk, valid_until=clock.now() + timedelta(days=1))
        for other in (person, scoped, a_user(Role.RISK_OFFICER)):
            assert browser(other).get(path).status_code == 403
        assert Client().get(path).status_code == 302
    assert 'href="/people"' in browser(two[0]).get("/").content.decode()
    assert 'href="/people"' not in browser(person).get("/").content.decode()
    assert browser(two[0]).get(f"/people/{a_system().pk}").status_code == 404


def test_the_list_finds_people_by_name_address_role_and_kind(two):
    engineer = a_user(Role.ENGINEER, name="Efe")
    machine, leaver = a_user(name="Pipeline", sponsor=engineer), a_user(name="Lea")
    given(machine, Role.ENGINEER)
    User.objects.filter(pk=leaver.pk).update(is_active=False)
    client = browser(two[0])

    def names(query: str) -> list[str]:
        return [row["name"] for row in client.get(f"/people?{query}").context["rows"]]

    assert names("") == ["Ada", "Efe", "Olu"]
    assert names("q=EF") == ["Efe"]
    assert names(f"q={engineer.email}") == ["Efe"]
    assert names("role=engineer&state=all") == ["Efe", "Pipeline"]
    assert names("state=service") == ["Pipeline"]
    assert names("state=deactivated") == ["Lea"]
    assert names("role=nonsense&state=nonsense&page=nonsense") == ["Ada", "Efe", "Olu"]


def test_the_list_costs_the_same_for_many(two):
    client = browser(two[0])
    client.get("/people")
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as asked:
            client.get("/people")
        counts.append(len(asked))
        for _ in range(12):
            given(a_user(Role.ENGINEER), Role.VALIDATOR, system_id=a_system().pk)
    assert counts[1] <= counts[0] + 1  # names of systems, asked once there are any


def test_pages_of_fifty(two):
    User.objects.bulk_create(User(email=f"n{n}@bank.example", name=f"N {n:03}") for n in range(60))
    client = browser(two[0])
    first, second = (client.get(f"/people?page={n}").context for n in (1, 2))
    assert (len(first["rows"]), len(second["rows"]), first["total"]) == (50, 12, 62)
    assert not {row["pk"] for row in first["rows"]} & {row["pk"] for row in second["rows"]}


def test_a_person_s_page_shows_what_they_hold_and_no_secret(two):
    person, system = a_user(Role.VALIDATOR, name="Vera"), a_system()
    until = clock.now() + timedelta(days=9)
    given(person, Role.POLICY_AUTHOR, system_id=system.pk, valid_until=until)
    secret = create_token(holder=person, label="laptop", scopes=["promotions:read"])
    machine = a_user(name="Pipeline", sponsor=person)
    identities.link_identity(
        person=person, provider="mlflow", subject="v.vera", by=two[0], confirmed_by=two[1], confirmation=PASSWORD
    )
    page = browser(two[0]).get(f"/people/{person.pk}")
    context, text = page.context, page.content.decode()
    assert {(row["role"], row["system"], row["valid_until"]) for row in context["grants"]} == {
        ("Validator", "", None),
        ("Policy author", system.name, until),
    }
    validator = next(row for row in context["grants"] if row["role"] == "Validator")
    assert (validator["granted_by"], validator["confirmed_by"]) == ("Ada", "Olu")
    assert [(row["label"], row["state"]) for row in context["tokens"]] == [("laptop", "valid")]
    assert secret not in text
    assert person.tokens.get().digest.removeprefix("sha256:") not in text
    assert "v.vera" in text
    assert [row["pk"] for row in context["accounts"]] == [machine.pk]
    auditor = browser(a_user(Role.AUDITOR)).get(f"/people/{person.pk}")
    assert not any(auditor.context["may"].values())
    assert "<form" not in auditor.content.decode().partition('id="main"')[2]


def test_one_administrator_gives_and_ends_a_role_on_the_page(two):
    person, system, client = a_user(name="Efe"), a_system(), browser(two[0])
    last = (clock.now() + timedelta(days=20)).date()
    typed = {"role": "engineer", "system": str(system.pk), "until": last.isoformat()}
    assert client.post(f"/people/{person.pk}/roles", typed).status_code == 302
    grant = Grant.objects.get(person=person)
    assert (grant.granted_by, grant.system_id, grant.confirmed_by) == (two[0], system.pk, None)
    assert grant.valid_until.date() == last + timedelta(days=1)  # the last day is part of it
    assert client.post(f"/people/{person.pk}/roles/{grant.pk}/end").status_code == 302
    assert not has_role(person, Role.ENGINEER, system_id=system.pk)
    assert client.post(f"/people/{person.pk}/roles/{grant.pk}/end").status_code == 409
    own = Grant.objects.get(person=two[1])
    assert client.post(f"/people/{person.pk}/roles/{own.pk}/end").status_code == 409  # of another person
    assert has_role(two[1], Role.ADMINISTRATOR)


def test_what_the_page_refuses_comes_back_with_its_sentence(two):
    person, client = a_user(), browser(two[0])
    for typed, status, says in (
        ({"role": ""}, 422, "Choose a role."),
        ({"role": "engineer", "until": "soon"}, 422, "Write the day as"),
        ({"role": "auditor"}, 422, "always has an end"),
        ({"role": "engineer", "until": "2020-01-01"}, 422, "must lie ahead"),
    ):
        answer = client.post(f"/people/{person.pk}/roles", typed)
        assert (answer.status_code, says in answer.content.decode()) == (status, True)
    answer = client.post(f"/people/{two[1].pk}/roles", {"role": "validator"})
    assert (answer.status_code, "administers people and decides" in answer.content.decode()) == (409, True)
    answer = client.post(f"/people/{two[0].pk}/roles", {"role": "engineer"})
    assert (answer.status_code, "themselves" in answer.content.decode()) == (403, True)
    assert client.post(f"/people/{a_system().pk}/roles", {"role": "engineer"}).status_code == 404
    for reader in (a_user(Role.AUDITOR), a_user(Role.ENGINEER)):
        assert browser(reader).post(f"/people/{person.pk}/roles", {"role": "engineer"}).status_code == 403
    assert not Grant.objects.filter(person=person).exists()


def test_a_role_that_takes_two_is_proposed_on_one_sign_in_and_confirmed_on_another(two):
    person, first, second = a_user(name="Vera"), browser(two[0]), browser(two[1])
    assert first.post(f"/people/{person.pk}/roles", {"role": "validator"}).status_code == 302
    proposal = GrantProposal.objects.get()
    assert not has_role(person, Role.VALIDATOR)
    rows = {client: client.get("/role-proposals").context["rows"] for client in (first, second)}
    assert [row["why_not"] for row in rows[first]] == ["You proposed it; another administrator confirms it."]
    assert [row["why_not"] for row in rows[second]] == [""]
    path = f"/role-proposals/{proposal.pk}"
    assert first.post(f"{path}/confirmation", {"password": PASSWORD}).status_code == 403
    refused = second.post(f"{path}/confirmation", {"password": "wrong"})
    assert (refused.status_code, "password is not right" in refused.content.decode()) == (403, True)
    assert not has_role(person, Role.VALIDATOR)
    assert second.post(f"{path}/confirmation", {"password": PASSWORD}).status_code == 302
    assert has_role(person, Role.VALIDATOR)
    assert second.post(f"{path}/withdrawal").status_code == 409
    assert [row["state"] for row in first.get("/role-proposals").context["past"]] == ["confirmed"]
    assert second.post(f"/role-proposals/{person.pk}/confirmation", {"password": PASSWORD}).status_code == 404


def test_a_proposal_is_declined_on_the_page(two):
    proposal = proposals.propose_role(person=a_user(), role=Role.VALIDATOR, by=two[0])
    path = f"/role-proposals/{proposal.pk}/withdrawal"
    assert browser(a_user(Role.AUDITOR)).post(path).status_code == 403
    assert browser(two[1]).post(path).status_code == 302
    assert [row["state"] for row in browser(two[1]).get("/role-proposals").context["past"]] == ["withdrawn"]


def test_an_account_is_shut_out_with_the_administrator_s_password_and_a_reason(two):
    person, client = a_user(Role.ENGINEER), browser(two[0])
    path = f"/people/{person.pk}/deactivation"
    for typed, says in (
        ({"reason": "Left.", "password": "wrong"}, "password is not right"),
        ({"reason": " ", "password": PASSWORD}, "Give the reason"),
    ):
        answer = client.post(path, typed)
        assert (answer.status_code in (403, 422), says in answer.content.decode()) == (True, True)
    assert browser(a_user(Role.AUDITOR)).post(path, {"reason": "Left.", "password": PASSWORD}).status_code == 403
    assert User.objects.get(pk=person.pk).is_active
    assert client.post(path, {"reason": "Left.", "password": PASSWORD}).status_code == 302
    assert not User.objects.get(pk=person.pk).is_active
    page = client.get(f"/people/{person.pk}")
    assert (page.context["grants"], [row["role"] for row in page.context["ended"]]) == ([], ["Engineer"])
