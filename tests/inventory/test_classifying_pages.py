"""The questionnaire on the web, one page that grows, and the form that takes a system in."""

from datetime import date

import pytest
from django.urls import reverse

from governance.accounts.roles import Role
from governance.inventory import selectors
from governance.inventory.models import AISystem, Classification
from governance.regulation import classification as rules
from tests.documents.sample_snapshot import ANSWERS
from tests.factories import a_system, a_user

pytestmark = pytest.mark.django_db
GENERAL = date(2026, 8, 2)
HOSTILE = "<script>alert(1)</script>"


def text_of(response) -> str:
    return response.content.decode()


@pytest.fixture
def owner(client):
    person = a_user(Role.OWNER)
    client.force_login(person)
    return person


@pytest.fixture
def bare(owner, client):
    """A system that was taken in on the page and has no class."""
    made = client.post(reverse("system-new"), fields(owner))
    assert made.status_code == 302
    return AISystem.objects.get()


def fields(person, **more):
    base = {"name": "Mail sorting", "slug": "", "owner": str(person.pk), "ai_roles": ["provider", "deployer"]}
    base["purpose"] = "Sorts letters by subject before a person reads them."
    return base | {"favourable_outcome": "read first"} | more


def questions(page):
    return [row["id"] for step in page.context["steps"] for row in step["questions"]]


def test_the_page_grows_with_the_answers_in_the_order_of_the_act(client, bare):
    address = reverse("system-classify", args=[bare.pk])
    assert questions(client.get(address)) == ["is_ai_system"]
    page = client.post(address, {"is_ai_system": "yes"})
    assert questions(page) == ["is_ai_system", "operator_roles", "union_link"]
    assert [row["conclusion"] for row in page.context["trace"]] == ["An AI system (Article 3(1))."]
    assert page.context["result"] is None
    page = client.post(address, {"is_ai_system": "no"})
    assert page.context["result"]["ai_act_class"] == "Out of scope"
    assert not Classification.objects.exists(), "nothing is kept before it is proposed"


def test_what_would_follow_is_shown_and_then_proposed(client, bare, owner):
    address = reverse("system-classify", args=[bare.pk])
    page = client.post(address, ANSWERS)
    result = page.context["result"]
    assert (result["ai_act_class"], result["annex_points"][0]["id"]) == ("High-risk", "Annex III.5.b")
    assert result["applies_from"] == rules.classify(ANSWERS).applies_from
    assert page.context["trace"][-1]["conclusion"] == "Not built on a general-purpose AI model of another provider."
    without = client.post(address, {**ANSWERS, "propose": "yes"})
    assert without.status_code == 422
    assert 'value="Annex III.5.b"\n' in text_of(without) or 'value="Annex III.5.b"' in text_of(without)
    assert client.post(address, {**ANSWERS, "propose": "yes", "model_tier": "2"}).status_code == 302
    waiting = selectors.open_classification(bare)
    assert (waiting.ai_act_class, waiting.model_tier, waiting.proposed_by) == ("high", 2, owner)
    assert waiting.answers == ANSWERS
    assert client.get(address).context["waiting"]
    assert client.post(address, {**ANSWERS, "propose": "yes", "model_tier": "2"}).status_code == 409


def test_the_day_on_the_market_is_asked_kept_and_refused_when_it_is_none(client, bare):
    address = reverse("system-classify", args=[bare.pk])
    generator = {**ANSWERS, "transparency_cases": ["Art 50.2"], "assistive_editing_only": "no", "model_tier": "2"}
    page = client.post(address, {**generator, "placed_on": "soon"})
    assert "is a day, such as 2026-07-01" in text_of(page)
    refused = client.post(address, {**generator, "placed_on": "2026-13-01", "propose": "yes"})
    assert (refused.status_code, Classification.objects.count()) == (422, 0)
    page = client.post(address, {**generator, "placed_on": "2026-08-01"})
    (duty,) = page.context["result"]["duties"]
    assert (duty["formal_on"], duty["transition"]) == (date(2026, 12, 2), None)
    assert 'value="2026-08-01"' in text_of(page)
    assert client.post(address, {**generator, "placed_on": "2026-08-01", "propose": "yes"}).status_code == 302
    assert selectors.open_classification(bare).placed_on == date(2026, 8, 1)


def test_both_dates_of_a_duty_are_shown_and_a_rule_that_may_move_them(client, bare):
    address = reverse("system-classify", args=[bare.pk])
    exempt = {**ANSWERS, "profiling": "no", "significant_risk": "no", "derogation": ["Art 6.3.a"]}
    page = client.post(address, exempt)
    duties = {row["id"]: row for row in page.context["result"]["duties"]}
    assert (duties["Art 49.2"]["formal_on"], duties["Art 49.2"]["practical_on"]) == (GENERAL, date(2027, 12, 2))
    assert "2 Aug 2026; can bite 2 Dec 2027" in " ".join(text_of(page).split())
    page = client.post(address, {**ANSWERS, "transparency_cases": ["Art 50.2"], "assistive_editing_only": "no"})
    assert "2 Aug 2026; 2 Dec 2026 if on the market before 2 Aug 2026" in " ".join(text_of(page).split())


def test_a_prohibited_practice_asks_next_about_the_model_and_an_exclusion_opens_the_rest(client, bare):
    address = reverse("system-classify", args=[bare.pk])
    asked = ("is_ai_system", "operator_roles", "union_link", "scope_exclusion")
    start = {key: ANSWERS[key] for key in asked} | {"prohibited_practices": ["Art 5.1.d"]}
    assert questions(client.post(address, start))[-1] == "objective_facts_only"
    assert questions(client.post(address, start | {"objective_facts_only": "no"}))[-1] == "general_purpose_model"
    assert questions(client.post(address, start | {"objective_facts_only": "yes"}))[-1] == "annex_i_position"


def test_what_is_incomplete_is_not_proposed_and_contradictions_are_said(client, bare):
    address = reverse("system-classify", args=[bare.pk])
    refused = client.post(address, {"is_ai_system": "yes", "propose": "yes", "model_tier": "1"})
    assert refused.status_code == 422
    assert "Answer these questions too" in text_of(refused)
    page = client.post(address, {"is_ai_system": "yes", "operator_roles": ["none", "provider"], "union_link": "yes"})
    assert "cannot stand beside another choice" in text_of(page)
    page = client.post(address, {"is_ai_system": HOSTILE, "model_tier": HOSTILE})
    assert questions(page) == ["is_ai_system"]
    assert "<script>alert" not in text_of(page)


def test_answers_that_are_no_longer_asked_for_are_not_kept(client, bare):
    address = reverse("system-classify", args=[bare.pk])
    sent = {**ANSWERS, "is_ai_system": "no", "propose": "yes", "model_tier": "4"}
    assert client.post(address, sent).status_code == 302
    assert selectors.open_classification(bare).answers == {"is_ai_system": "no"}


def test_a_new_classification_begins_with_the_answers_in_force(client, owner):
    system = a_system(owner=owner)
    page = client.get(reverse("system-classify", args=[system.pk]))
    assert page.context["result"]["ai_act_class"] == "High-risk"
    assert page.context["tier"] == "1"


def test_a_system_is_taken_in_by_a_form_and_a_refusal_keeps_what_was_typed_as_text(client, owner):
    client.force_login(owner)
    texts = dict.fromkeys(("name", "slug", "purpose", "favourable_outcome"), HOSTILE)
    for wrong in ({}, {"owner": HOSTILE, "slug": "fine"}, {"ai_roles": [], "slug": "fine"}, {"name": ""}):
        page = client.post(reverse("system-new"), fields(owner, **texts | wrong))
        assert page.status_code == 422
        assert "&lt;script&gt;alert(1)" in text_of(page)
        assert "<script>alert" not in text_of(page)
    assert not AISystem.objects.exists()
    client.post(reverse("system-new"), fields(owner, name=HOSTILE, slug="hostile"))
    system = AISystem.objects.get()
    for page in (client.get(reverse("system-detail", args=[system.pk])), client.get(reverse("system-list"))):
        assert "<script>alert" not in text_of(page)
    assert client.post(reverse("system-new"), fields(owner, slug="hostile")).status_code == 422


def test_who_may_not_take_systems_in_or_classify_gets_no_form(client):
    system = a_system()
    client.force_login(a_user(Role.AUDITOR))
    assert client.get(reverse("system-new")).status_code == 403
    assert client.get(reverse("system-classify", args=[system.pk])).status_code == 403
    assert "Take an AI system in" not in text_of(client.get(reverse("system-list")))
