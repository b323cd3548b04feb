"""Forms offer the systems for which somebody holds a role: the same as asking of each, in one query."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.accounts.administration import end_grants
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.approvals import register
from governance.audit.actors import System
from governance.inventory import selectors as inventory
from governance.inventory.models import AISystem
from monitoring.incidents.selectors import is_keeper
from monitoring.web.incident_pages import systems_kept_by
from reports.bundles import access
from tests.factories import a_system, a_user, given

pytestmark = pytest.mark.django_db
ASKED = (Role.AUDITOR, Role.OWNER)


@pytest.fixture
def systems() -> list[AISystem]:
    owner = a_user(Role.OWNER, name="Owner of one")
    return [a_system(name=f"System {number}", owner=owner if number == 1 else None) for number in range(4)]


@pytest.fixture(params=["everywhere", "two", "ended", "owner", "reader", "nobody"])
def person(request, systems):
    if request.param == "owner":
        return systems[1].owner
    found = a_user({"everywhere": Role.OWNER, "reader": Role.ENGINEER}.get(request.param))
    if request.param in {"two", "ended"}:
        for system in systems[:2]:
            held = given(found, Role.OWNER, system_id=system.pk)
            if request.param == "ended" and system == systems[0]:
                end_grants([held], actor=System("setup"))
    return found


def test_they_are_those_that_the_rule_names_one_by_one(person, systems):
    seen = list(inventory.systems_for(person))
    by_rule = [row for row in seen if has_role(person, *ASKED, system_id=row.pk)]
    assert list(inventory.systems_of_roles(person, *ASKED)) == by_rule
    assert list(access.systems_for(person)) == [row for row in seen if access.may_ask(person, row.pk)]
    assert list(systems_kept_by(person)) == [row for row in seen if is_keeper(person, row.pk)]


@pytest.mark.parametrize("offered", [access.systems_for, systems_kept_by, register._raise_panel])
def test_more_systems_cost_no_more_queries(offered, systems):
    officer = a_user(Role.RISK_OFFICER)
    asked = []
    for more in (0, 4):
        for number in range(more):
            a_system(name=f"Another {number}")
        with CaptureQueriesContext(connection) as caught:
            assert str(list(offered(officer)))
        asked.append(len(caught))
    assert asked[0] == asked[1]
