"""The pages of a system's record: saved by section, nothing overwritten or lost, reviewed by a second person."""

import re
from html import unescape

import pytest
from django.urls import reverse

from governance.accounts.roles import Role
from governance.inventory import declaring, system_record
from tests.factories import a_system, a_user

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>\"'&lt;"


def text_of(response) -> str:
    return response.content.decode()


def answer(client, system, section, **fields):
    address = reverse("system-record-answer", args=[system.pk, section])
    return client.post(address, {name.replace("__", "-"): value for name, value in fields.items()})


def typed(page, question) -> str:
    return unescape(re.search(rf'name="answer-{question}"[^>]*>([^<]*)</textarea>', text_of(page))[1])


def question_of(page, question):
    return next(row for section in page.context["sections"] for row in section["questions"] if row["id"] == question)


@pytest.fixture
def system():
    return a_system()


@pytest.fixture
def engineer(client):
    person = a_user(Role.ENGINEER)
    client.force_login(person)
    return person


def test_an_empty_record_asks_everything_and_says_who_owes_it(client, engineer, system):
    page = client.get(reverse("system-record", args=[system.pk]))
    # Whether it is part of a product is settled by its signed classification.
    assert page.context["progress"]["answered"] == page.context["progress"]["counts"]["measured"] == 1
    assert page.context["progress"]["total"] == len(system_record.answered(system))
    assert question_of(page, "hardware")["state"] == "open"
    assert "owed by" in text_of(page)


def test_a_section_saves_what_was_changed_and_shows_author_and_role(client, engineer, system):
    made = answer(client, system, "description", answer__hardware="A server.\r\nTwo.", seen__hardware="0")
    assert made.status_code == 302
    assert system_record.text_of(system, "hardware").text == "A server.\nTwo."
    shown = question_of(client.get(made.url.partition("#")[0]), "hardware")
    assert (shown["state"], shown["answer"]["by"]) == ("given", {"name": engineer.name, "role": "Engineer"})


def test_who_changes_one_answer_does_not_undo_what_others_said_to_another(client, engineer, system):
    declaring.declare(ai_system=system, answers={"hardware": "Theirs."}, by=system.owner)
    fields = {
        "answer__hardware": "",
        "seen__hardware": "0",
        "answer__release-forms": "API.",
        "seen__release-forms": "0",
    }
    assert answer(client, system, "description", **fields).status_code == 302
    assert system_record.text_of(system, "hardware").text == "Theirs."
    assert system_record.text_of(system, "release-forms").text == "API."


def test_an_answer_given_meanwhile_is_shown_beside_what_was_typed_and_nothing_is_saved(client, engineer, system):
    declaring.declare(ai_system=system, answers={"hardware": "Theirs."}, by=system.owner)
    fields = {
        "answer__hardware": "Mine.",
        "seen__hardware": "0",
        "answer__release-forms": "API.",
        "seen__release-forms": "0",
    }
    page = answer(client, system, "description", **fields)
    assert page.status_code == 409
    assert "Theirs." in text_of(page)
    assert (typed(page, "hardware"), typed(page, "release-forms")) == ("Mine.", "API.")
    assert system_record.text_of(system, "release-forms") is None
    seen = question_of(page, "hardware")["field"]["seen"]
    assert answer(client, system, "description", answer__hardware="Mine.", seen__hardware=str(seen)).status_code == 302
    assert system_record.text_of(system, "hardware").text == "Mine."


def test_an_answer_that_does_not_fit_keeps_what_was_typed(client, engineer, system):
    page = answer(client, system, "description", answer__hardware="x" * 20_001, seen__hardware="0")
    assert page.status_code == 422
    assert len(typed(page, "hardware")) == 20_001
    assert "at most 20,000" in text_of(page)


def test_an_answer_is_taken_back(client, engineer, system):
    declaring.declare(ai_system=system, answers={"hardware": "A server."}, by=engineer)
    made = answer(client, system, "description", answer__hardware="A server.", seen__hardware="1", take_back="hardware")
    assert made.status_code == 302
    assert system_record.text_of(system, "hardware") is None
    history = client.get(reverse("system-record-question", args=[system.pk, "hardware"]))
    assert [row["text"] for row in history.context["answers"]] == ["", "A server."]


def test_what_people_wrote_is_shown_as_text(client, system):
    declaring.declare(ai_system=system, answers={"hardware": HOSTILE}, by=system.owner)
    validator = a_user(Role.VALIDATOR)
    client.force_login(validator)
    row = system_record.text_of(system, "hardware")
    review = reverse("system-record-review", args=[system.pk, row.pk])
    refused = client.post(review, {"verdict": HOSTILE, "note": HOSTILE})
    assert refused.status_code == 422
    other = a_system(name="Another")
    pages = [
        refused,
        client.get(reverse("system-record", args=[system.pk]), {"show": HOSTILE}),
        client.get(reverse("system-record-question", args=[system.pk, "hardware"])),
        client.get(reverse("system-record-reuse", args=[other.pk]), {"from": str(system.pk)}),
        answer(client, system, "description", answer__hardware=HOSTILE + "x" * 20_001, seen__hardware="1"),
    ]
    for page in pages:
        assert "<script>alert" not in text_of(page)
        assert "&lt;script&gt;alert(1)" in text_of(page)


def test_a_second_person_returns_an_answer_with_a_note_and_the_author_may_not(client, engineer, system):
    (row,) = declaring.declare(ai_system=system, answers={"hardware": "A server."}, by=engineer)
    address = reverse("system-record-review", args=[system.pk, row.pk])
    assert client.post(address, {"verdict": "accepted"}).status_code == 403
    assert "someone else reviews it" in text_of(client.get(reverse("system-record", args=[system.pk])))
    client.force_login(a_user(Role.VALIDATOR))
    refused = client.post(address, {"verdict": "returned", "note": "Short."})
    assert refused.status_code == 422
    assert "Short." in text_of(refused)
    assert client.post(address, {"verdict": "returned", "note": "Say which server it is."}).status_code == 302
    shown = question_of(client.get(reverse("system-record", args=[system.pk])), "hardware")
    assert (shown["state"], shown["answer"]["note"]) == ("returned", "Say which server it is.")


def test_the_filters_show_what_is_open_mine_and_to_review(client, engineer, system):
    declaring.declare(ai_system=system, answers={"hardware": "A server."}, by=engineer)

    def ids(show):
        page = client.get(reverse("system-record", args=[system.pk]), {"show": show})
        return {row["id"] for section in page.context["sections"] for row in section["questions"]}

    assert "hardware" in ids("all")
    assert "hardware" not in ids("open")
    assert ids("review") == set()
    owed = {row.question.owed_by for row in system_record.answered(system) if row.question.id in ids("mine")}
    assert owed == {"engineer"}
    client.force_login(a_user(Role.VALIDATOR))
    assert ids("review") == {"hardware"}


def test_answers_of_another_system_are_ticked_and_taken_over(client, engineer, system):
    other = a_system(name="Another")
    declaring.declare(ai_system=other, answers={"hardware": "A server.", "standards": "None."}, by=other.owner)
    address = reverse("system-record-reuse", args=[system.pk])
    page = client.get(address, {"from": str(other.pk)})
    assert {row["id"] for row in page.context["answers"]} == {"hardware", "standards"}
    assert client.post(address, {"from": str(other.pk)}).status_code == 422
    assert client.post(address, {"from": str(other.pk), "questions": ["hardware"]}).status_code == 302
    assert system_record.text_of(system, "hardware").taken_from.system == other
    assert system_record.text_of(system, "standards") is None


def test_who_only_reads_gets_no_form_and_no_one_else_gets_the_page(client, system):
    client.force_login(a_user(Role.AUDITOR))
    page = client.get(reverse("system-record", args=[system.pk]))
    assert 'name="answer-hardware"' not in text_of(page)
    assert answer(client, system, "description", answer__hardware="Mine.").status_code == 403
    client.force_login(a_user())
    assert client.get(reverse("system-record", args=[system.pk])).status_code == 404


def test_a_section_or_question_that_is_none_is_not_found(client, engineer, system):
    assert answer(client, system, "colours", answer__hardware="x").status_code == 404
    assert client.get(reverse("system-record-question", args=[system.pk, "colour"])).status_code == 404


def test_the_page_asks_the_database_as_often_for_many_answers_as_for_few(
    client, engineer, system, django_assert_max_num_queries
):
    asked = {row.question.id: row.question for row in system_record.answered(system)}
    answers = {key: question.choices[0] if question.choices else "Said." for key, question in asked.items()}
    declaring.declare(ai_system=system, answers=answers, by=system.owner)
    with django_assert_max_num_queries(30):
        client.get(reverse("system-record", args=[system.pk]))


def test_the_map_has_each_point_in_the_state_of_its_least_settled_question(client, engineer, system):
    declaring.declare(ai_system=system, answers={"hardware": "A server."}, by=engineer)
    page = client.get(reverse("system-record", args=[system.pk]))
    tiles = {tile["point"]: tile for group in page.context["map"] for tile in group["tiles"]}
    assert (tiles["Annex IV.1.e"]["state"], tiles["Annex IV.1.d"]["state"]) == ("given", "open")
    (group,) = [group for group in page.context["map"] if group["name"] == "Annex IV"]
    assert group["counts"]["given"] == 1
