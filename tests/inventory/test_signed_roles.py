"""The signature of a classification sets the system's roles from its answers, so that both say the same."""

from __future__ import annotations

import pytest

from governance.accounts.roles import Role
from governance.audit import selectors as log
from governance.inventory import services
from governance.inventory.models import AISystem
from tests.documents.sample_snapshot import ANSWERS
from tests.factories import a_system, a_user
from tests.reports.factories import a_declared_system

pytestmark = pytest.mark.django_db


def signed(system, answers):
    row = services.propose_classification(ai_system=system, answers=answers, model_tier=2, by=system.owner)
    assert AISystem.objects.get(pk=system.pk).ai_roles == system.ai_roles, "proposed is not signed"
    return services.sign_classification(classification_id=row.pk, signer=a_user(Role.VALIDATOR))


@pytest.mark.parametrize(
    ("answers", "roles"),
    [
        (ANSWERS | {"operator_roles": ["deployer"]}, ["deployer"]),
        (ANSWERS | {"operator_roles": "importer"}, ["importer"]),
        (ANSWERS | {"operator_roles": ["provider", "importer"]}, ["importer", "provider"]),
        ({"is_ai_system": "yes", "operator_roles": ["none"], "union_link": "no"}, []),
        ({"is_ai_system": "no"}, ["deployer", "provider"]),
    ],
)
def test_the_roles_are_those_of_the_answers_and_the_entry_names_them(answers, roles):
    system = a_declared_system(a_user(Role.OWNER))
    row = signed(system, answers)
    assert AISystem.objects.get(pk=system.pk).ai_roles == roles
    entry = log.entries_naming("inventory_classification", [row.pk])[-1]
    assert (entry.event, entry.parsed["data"]["ai_roles"]) == ("classification.signed", roles)


def test_a_role_that_goes_takes_its_questions_of_the_record_with_it():
    from governance.inventory.system_record import answered

    system = a_system()
    asked = {row.question.id for row in answered(system)}
    signed(system, ANSWERS | {"operator_roles": ["deployer"]})
    left = {row.question.id for row in answered(AISystem.objects.get(pk=system.pk))}
    assert left < asked
