"""The record of an AI system: who may say what, that nothing is overwritten, and that a second person reviews."""

import pytest
from django.db import IntegrityError, transaction

from governance.accounts.roles import Role
from governance.audit import selectors as log
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.inventory import declaring, system_record
from governance.inventory.errors import AlreadyReviewed, AnsweredMeanwhile, OwnDeclaration
from governance.inventory.models import Declaration
from governance.regulation import record, register
from tests.factories import a_system, a_user

pytestmark = pytest.mark.django_db


def test_every_question_serves_points_that_the_register_has_and_is_owed_by_a_role():
    law, asked = register.load(), record.load()
    for question in asked.questions.values():
        assert question.points
        for point in question.points:
            assert law.point(point).status != "deleted", (question.id, point)
        assert question.owed_by in Role.values
        assert question.section in asked.sections
        assert bool(question.choices) == (question.kind == "choice")


def test_an_answer_follows_the_one_before_which_stays(db):
    system, engineer = a_system(), a_user(Role.ENGINEER)
    declaring.declare(ai_system=system, answers={"hardware": "A server."}, by=engineer)
    declaring.declare(ai_system=system, answers={"hardware": "Two servers."}, by=engineer)
    assert [row.text for row in system_record.history(system, "hardware")] == ["Two servers.", "A server."]
    assert system_record.text_of(system, "hardware").number == 2
    (row,) = declaring.declare(ai_system=system, answers={"hardware": " "}, by=engineer)
    assert not row.text
    assert system_record.text_of(system, "hardware") is None
    assert system_record.history(system, "hardware")[0] == row


def test_what_says_the_same_adds_nothing(db):
    system, engineer = a_system(), a_user(Role.ENGINEER)
    declaring.declare(ai_system=system, answers={"hardware": "A server."}, by=engineer)
    assert declaring.declare(ai_system=system, answers={"hardware": "A server.\n", "standards": ""}, by=engineer) == []
    assert Declaration.objects.count() == 1


def test_the_entry_names_the_questions_and_keeps_no_text(db):
    system, engineer = a_system(), a_user(Role.ENGINEER)
    (row,) = declaring.declare(ai_system=system, answers={"hardware": "Server of Ms Ndiaye"}, by=engineer)
    (entry,) = log.entries_naming("inventory_declaration", [row.pk])
    assert entry.parsed["event"] == "record.declared"
    assert entry.parsed["data"]["answers"] == {"hardware": 1}
    assert b"Ndiaye" not in entry.body


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"colour": "blue"}, "asks nothing called 'colour'"),
        ({"hardware": "x" * 20_001}, "at most 20,000"),
        ({"trade-name": "x" * 301}, "at most 300"),
        ({"trade-name": "two\nlines"}, "one line"),
        ({"hardware": "nul \x00"}, "NUL"),
        ({"market-status": "somewhere"}, "is one of: On the market"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_and_none_is_kept(answers, says):
    with pytest.raises(InvalidInput, match=says):
        declaring.declare(ai_system=a_system(), answers={"standards": "None."} | answers, by=a_user(Role.OWNER))
    assert not Declaration.objects.exists()


def test_whoever_has_no_part_in_the_system_does_not_answer_for_it():
    with pytest.raises(Forbidden):
        declaring.declare(ai_system=a_system(), answers={"hardware": "A server."}, by=a_user(Role.AUDITOR))


def test_an_answer_given_meanwhile_is_not_overwritten_unread():
    system, engineer, other = a_system(), a_user(Role.ENGINEER), a_user(Role.OWNER)
    declaring.declare(ai_system=system, answers={"hardware": "A server."}, by=other)
    with pytest.raises(AnsweredMeanwhile, match="Hardware it runs on"):
        declaring.declare(ai_system=system, answers={"hardware": "Mine."}, by=engineer, seen={"hardware": 0})
    declaring.declare(ai_system=system, answers={"hardware": "Mine."}, by=engineer, seen={"hardware": 1})
    assert system_record.text_of(system, "hardware").text == "Mine."


def test_a_second_person_reviews_and_the_answer_is_sealed():
    system, author, validator = a_system(), a_user(Role.VALIDATOR), a_user(Role.VALIDATOR)
    (row,) = declaring.declare(ai_system=system, answers={"metric-choice": "They suit."}, by=author)
    with pytest.raises(OwnDeclaration):
        declaring.review(declaration_id=row.pk, verdict="accepted", by=author)
    with pytest.raises(Forbidden):
        declaring.review(declaration_id=row.pk, verdict="accepted", by=a_user(Role.ENGINEER))
    with pytest.raises(InvalidInput, match="what the answer lacks"):
        declaring.review(declaration_id=row.pk, verdict="returned", by=validator)
    with pytest.raises(InvalidInput, match="accepted or returned"):
        declaring.review(declaration_id=row.pk, verdict="fine", by=validator)
    declaring.review(declaration_id=row.pk, verdict="returned", by=validator, note="Say what an error costs.")
    assert system_record.text_of(system, "metric-choice") is None
    with pytest.raises(AlreadyReviewed):
        declaring.review(declaration_id=row.pk, verdict="accepted", by=validator)
    with pytest.raises(Unknown):
        declaring.review(declaration_id=system.pk, verdict="accepted", by=validator)


def test_only_the_newest_answer_is_reviewed():
    system, owner, validator = a_system(), a_user(Role.OWNER), a_user(Role.VALIDATOR)
    (first,) = declaring.declare(ai_system=system, answers={"hardware": "A server."}, by=owner)
    declaring.declare(ai_system=system, answers={"hardware": "Two."}, by=owner)
    with pytest.raises(InvalidInput, match="no longer stands"):
        declaring.review(declaration_id=first.pk, verdict="accepted", by=validator)


def test_the_database_refuses_a_review_by_the_author():
    system, owner = a_system(), a_user(Role.OWNER)
    (row,) = declaring.declare(ai_system=system, answers={"hardware": "A server."}, by=owner)
    with pytest.raises(IntegrityError, match="second_person"), transaction.atomic():
        Declaration.objects.filter(pk=row.pk).update(reviewed_by=owner, reviewed_at=row.made_at, verdict="accepted")


def test_answers_of_another_system_are_taken_over_by_name():
    first, second, owner = a_system(), a_system(), a_user(Role.OWNER)
    declaring.declare(ai_system=first, answers={"provider-name": "A Bank", "hardware": "A server."}, by=owner)
    with pytest.raises(InvalidInput, match="does not answer: standards"):
        declaring.reuse(ai_system=second, source=first, questions=["provider-name", "standards"], by=owner)
    (row,) = declaring.reuse(ai_system=second, source=first, questions=["provider-name"], by=owner)
    assert (row.text, row.taken_from.system, row.number) == ("A Bank", first, 1)
    assert declaring.reuse(ai_system=second, source=first, questions=["provider-name"], by=owner) == []
    with pytest.raises(InvalidInput, match="another system"):
        declaring.reuse(ai_system=first, source=first, questions=["hardware"], by=owner)


def test_progress_is_counted_by_state_section_and_point():
    system, owner, validator = a_system(), a_user(Role.OWNER), a_user(Role.VALIDATOR)
    rows = declaring.declare(
        ai_system=system, answers={"hardware": "A server.", "release-forms": "API.", "standards": "None."}, by=owner
    )
    declaring.review(declaration_id=rows[0].pk, verdict="accepted", by=validator)
    declaring.review(declaration_id=rows[1].pk, verdict="returned", by=validator, note="Which API is it?")
    found = system_record.answered(system)
    counts = system_record.counts(found)
    assert (counts["accepted"], counts["returned"], counts["given"]) == (1, 1, 1)
    at_point = {"accepted": 1, "given": 0, "measured": 0, "returned": 0, "open": 0}
    assert system_record.by_point(found)["Annex IV.1.e"] == at_point
    assert sum(len(some) for some in system_record.by_section(found).values()) == len(found)


def test_a_provider_is_not_asked_what_only_deployers_say():
    system = a_system()
    system.ai_roles = ["provider"]
    asked = {row.question.id for row in system_record.answered(system)}
    assert "standards" in asked
    assert "processes" not in asked
    system.ai_roles = ["deployer"]
    asked = {row.question.id for row in system_record.answered(system)}
    assert "processes" in asked
    assert "standards" not in asked
