"""The pages of AI systems, and the signature under a classification: a second person's, never the owner's."""

import re
import uuid
from datetime import UTC, date, datetime
from html import unescape

import pytest
from django.urls import reverse

from governance.accounts.roles import Role
from governance.audit import selectors as log
from governance.common import clock
from governance.inventory import declaring, retiring, system_record
from governance.inventory.models import AISystem, Classification
from governance.inventory.web.record_pages import progress
from reports.web import systems
from reports.web.system_pages import system_rows
from tests.factories import PASSWORD, a_system, a_user
from tests.reports.factories import Bank, a_declared_system, a_proposal, watch

LIST = "/systems"


@pytest.fixture
def bank(db, settings, tmp_path) -> Bank:
    settings.STORAGE_ROOT = tmp_path / "storage"
    return Bank()


@pytest.fixture
def open_proposal(bank) -> Classification:
    """A system that the owner took in, with a classification that the engineer proposed."""
    return a_proposal(a_declared_system(bank.owner, slug="churn", name="Churn"), bank.engineer)


def text_of(response) -> str:
    return response.content.decode()


def page_of(client, system):
    return client.get(reverse("system-detail", args=[system.pk]))


def signed_with(client, proposal, password=PASSWORD, system=None):
    address = reverse("classification-sign", args=[(system or proposal.system).pk, proposal.pk])
    return client.post(address, {"password": password} if password is not None else {})


def is_signed(proposal) -> bool:
    return Classification.objects.get(pk=proposal.pk).signed_at is not None


def test_the_list_says_what_is_classified_and_what_is_live(bank, client):
    bank.live()
    a_declared_system(bank.owner, slug="churn", name="Churn")
    client.force_login(bank.auditor)
    page = client.get(LIST)
    rows = {row["name"]: row for row in page.context["systems"]}
    assert rows["Consumer credit scoring"]["ai_act"] == "High-risk, Annex III.5.b"
    assert rows["Consumer credit scoring"]["live"] == "credit-risk v1 (champion)"
    assert rows["Churn"]["ai_act"] == rows["Churn"]["live"] == ""
    assert "Not classified" in text_of(page)


def by_people(record):
    """How far a record has come in the list, which does not ask for each system what records settle."""
    counts, settled = record["counts"], record["counts"]["measured"]
    return {
        "total": record["total"],
        "counts": {**counts, "measured": 0, "open": counts["open"] + settled},
        "answered": record["answered"] - settled,
    }


def test_the_list_says_what_is_due_next_and_how_far_the_record_is(bank, client):
    a_declared_system(bank.owner, slug="churn", name="Churn", declared={})
    with clock.frozen(datetime(2027, 6, 1, 9, 0, tzinfo=UTC)):
        client.force_login(a_user(Role.VALIDATOR))
        page = client.get(LIST)
        record = page_of(client, bank.system).context["record"]
    rows = {row["name"]: row for row in page.context["systems"]}
    credit, churn = rows["Consumer credit scoring"], rows["Churn"]
    assert (credit["due"].on, credit["due"].days, churn["due"]) == (date(2027, 12, 2), 184, None)
    assert credit["record"] == by_people(record)
    assert 0 < record["answered"] < record["total"]
    assert (churn["record"]["answered"], churn["record"]["counts"]["open"]) == (0, churn["record"]["total"])
    assert "in 184 days" in text_of(page)
    assert f"{credit['record']['answered']} of {record['total']}" in text_of(page)


def test_an_answer_that_was_taken_back_is_open_again_in_the_list(bank, client):
    before = {row["pk"]: row["record"] for row in system_rows([bank.system])}[bank.system.pk]
    declaring.declare(ai_system=bank.system, answers={"hardware": ""}, by=bank.owner)
    declaring.declare(ai_system=bank.system, answers={"compute": "Seconds on one processor."}, by=bank.owner)
    after = {row["pk"]: row["record"] for row in system_rows([bank.system])}[bank.system.pk]
    assert after == by_people(progress(system_record.answered(bank.system)))
    assert after["total"] == before["total"]


def test_a_retired_system_has_nothing_due(db, client):
    system = a_system()
    retiring.retire_system(ai_system=system, by=system.owner, reason="Another system took its place.")
    (row,) = system_rows([AISystem.objects.get(pk=system.pk)])
    assert row["due"] is None


def test_systems_are_found_by_name_purpose_and_owner(bank, client):
    churn = a_declared_system(
        a_user(Role.OWNER, name="Chief actuary"),
        slug="churn",
        name="Churn",
        purpose="Says of each customer whether they may leave soon.",
    )
    client.force_login(bank.auditor)

    def found(words):
        return [row["name"] for row in client.get(LIST, {"q": words}).context["systems"]]

    assert found("CHURN") == found("may leave") == found("actuary chu") == [churn.name]
    assert churn.name in found("")
    assert len(found("")) > 1
    page = client.get(LIST, {"q": "churn nobody"})
    assert page.context["systems"] == []
    assert "No AI system has all of these words" in text_of(page)


def test_a_long_list_comes_in_pages_that_keep_what_was_asked(bank, client, monkeypatch):
    monkeypatch.setattr(systems, "A_PAGE", 2)
    for number in range(4):
        a_declared_system(bank.owner, slug=f"churn-{number}", name=f"Churn {number}")
    client.force_login(bank.auditor)
    first = client.get(LIST, {"q": "churn", "ai_act_class": "none"})
    assert [row["name"] for row in first.context["systems"]] == ["Churn 0", "Churn 1"]
    assert first.context["pager"] == {
        "shown": 2,
        "total": 4,
        "newer": "",
        "older": "?q=churn&ai_act_class=none&page=2",
    }
    (link,) = re.findall(r'href="(\?[^"]*page=2[^"]*)"', text_of(first))
    second = client.get(LIST + unescape(link))
    assert [row["name"] for row in second.context["systems"]] == ["Churn 2", "Churn 3"]
    assert second.context["matrix"]["total"] == 5, "the matrix counts all of them"


def test_an_empty_list_says_so(db, client):
    client.force_login(a_user(Role.AUDITOR))
    assert "No AI system yet." in text_of(client.get(LIST))


def test_the_page_of_a_system_shows_everything_about_it(bank, client):
    watch(bank, bank.live().version)
    client.force_login(bank.auditor)
    page = page_of(client, bank.system)
    context, text = page.context, text_of(page)
    assert context["classification"]["signed_by"]["name"] == "Risk officer 43"
    assert [row["champion_state"] for row in context["models"]] == ["suspended"]
    assert [(row["reference"], row["verdict"], row["state"]) for row in context["requests"]] == [
        (str(bank.model.versions.get().promotion_requests.get()), "ALLOW", "suspended")
    ]
    assert context["pins"][0]["pinned_by"]["role"] == "Validator"
    labels = [row["label"] for row in context["declared"]]
    assert "Assessment of human oversight" in labels
    assert len(labels) == 6, "the newest; the record has them all"
    assert context["record"]["answered"] > 6
    assert "Is its only purpose to detect financial fraud?" in text
    assert "No document yet." in text


def test_the_page_of_a_bare_system_renders(db, client):
    system = a_declared_system(a_user(Role.OWNER), declared={})
    client.force_login(a_user(Role.AUDITOR))
    text = text_of(page_of(client, system))
    assert "Not classified: nothing can be promoted" in text
    assert "No signed classification." in text
    assert client.get(reverse("system-detail", args=[uuid.uuid4()])).status_code == 404


def test_a_second_person_signs_and_the_class_takes_effect(bank, client, open_proposal):
    client.force_login(bank.validator)
    before = page_of(client, open_proposal.system)
    assert before.context["sign"]["allowed"]
    assert "Sign the classification" in text_of(before)
    response = signed_with(client, open_proposal)
    assert (response.status_code, response.url) == (302, f"/systems/{open_proposal.system_id}")
    system = AISystem.objects.get(pk=open_proposal.system_id)
    assert (system.ai_act_class, system.model_tier) == ("high", 1)
    (_, entry) = log.entries_naming("inventory_classification", [open_proposal.pk])
    assert (entry.event, entry.actor) == ("classification.signed", bank.validator.actor_id)
    after = client.get(response.url)
    assert "Signed: the class is in effect." in text_of(after)
    assert after.context["sign"] is None


@pytest.mark.parametrize("who", ["owner", "engineer", "auditor"])
def test_owner_proposer_and_people_without_the_role_are_refused_with_a_sentence(bank, client, open_proposal, who):
    client.force_login(getattr(bank, who))
    page = page_of(client, open_proposal.system)
    assert not page.context["sign"]["allowed"]
    assert page.context["sign"]["refusal"] in text_of(page)
    assert "sign-password" not in text_of(page)
    response = signed_with(client, open_proposal)
    assert response.status_code == 403
    said = "signs a classification" if who == "auditor" else "someone else must sign"
    assert said in text_of(response)
    assert not is_signed(open_proposal)
    assert AISystem.objects.get(pk=open_proposal.system_id).ai_act_class == ""


def test_an_owner_who_is_also_a_risk_officer_still_can_not_sign(bank, client):
    both = a_user(Role.RISK_OFFICER, name="Owner and risk officer")
    proposal = a_proposal(a_declared_system(both, slug="scoring", name="Scoring", by=bank.engineer), bank.engineer)
    client.force_login(both)
    assert signed_with(client, proposal).status_code == 403
    assert not is_signed(proposal)


@pytest.mark.parametrize(
    ("password", "status", "says"),
    [("not mine", 403, "The password is not right."), ("", 422, "Type your password"), (None, 422, "Type your")],
)
def test_without_the_right_password_nothing_is_signed(bank, client, open_proposal, password, status, says):
    client.force_login(bank.officer)
    response = signed_with(client, open_proposal, password)
    assert response.status_code == status
    assert says in text_of(response)
    assert 'aria-describedby="sign-password-e"' in text_of(response)
    assert not is_signed(open_proposal)


def test_who_comes_second_reads_that_it_is_signed(bank, client, open_proposal):
    client.force_login(bank.validator)
    signed_with(client, open_proposal)
    client.force_login(bank.officer)
    response = signed_with(client, open_proposal)
    assert response.status_code == 409
    assert "Propose a new classification instead." in text_of(response)
    assert Classification.objects.get(pk=open_proposal.pk).signed_by == bank.validator


def test_a_classification_is_signed_at_its_own_systems_address_only(bank, client, open_proposal):
    client.force_login(bank.validator)
    assert signed_with(client, open_proposal, system=bank.system).status_code == 404
    address = reverse("classification-sign", args=[open_proposal.system_id, uuid.uuid4()])
    assert client.post(address, {"password": PASSWORD}).status_code == 404
    assert (
        client.get(reverse("classification-sign", args=[open_proposal.system_id, open_proposal.pk])).status_code == 405
    )
    client.handler.enforce_csrf_checks = True
    assert signed_with(client, open_proposal).status_code == 403
    client.logout()
    client.handler.enforce_csrf_checks = False
    assert signed_with(client, open_proposal).url.startswith("/login")
    assert not is_signed(open_proposal)


def test_the_number_of_queries_does_not_grow_with_systems_or_requests(
    bank, client, django_assert_max_num_queries, django_assert_num_queries
):
    bank.live()
    client.force_login(bank.auditor)
    page_of(client, bank.system)  # the law register is read once per process
    with django_assert_max_num_queries(18) as listed:
        client.get(LIST)
    with django_assert_max_num_queries(38) as detailed:
        page_of(client, bank.system)
    for number in range(3):
        a_declared_system(bank.owner, slug=f"system-{number}")
        bank.promotion(number=number + 2)
    with django_assert_num_queries(len(listed)):
        client.get(LIST)
    with django_assert_num_queries(len(detailed)):
        page_of(client, bank.system)
