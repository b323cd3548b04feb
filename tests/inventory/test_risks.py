"""The risk file: who writes it, what a second person accepts, and that a change takes the acceptance back."""

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from governance.accounts.roles import Role
from governance.audit import selectors as log
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.inventory import risks
from governance.inventory.errors import OwnRisk, RiskClosed, RiskMoved, RiskNotTreated
from governance.inventory.models import Risk
from tests.factories import a_system, a_user

pytestmark = pytest.mark.django_db
REASON = "The remaining errors are seen by a credit officer."


def a_risk(system=None, by=None, **values):
    base = {
        "title": "Good applicants are refused",
        "hazard": "The score is too low for people with a short history.",
        "affected": "Applicants under 25",
        "kind": "rights",
        "likelihood": 4,
        "severity": 3,
        "review_on": clock.now().date() + timedelta(days=90),
    }
    return risks.open_risk(ai_system=system or a_system(), by=by or a_user(Role.ENGINEER), **(base | values))


def a_treated_risk(**values):
    done = {"measures": "A person reads every refusal.", "tests": "Backtest", "residual_likelihood": 2}
    return a_risk(**(done | {"residual_severity": 2} | values))


def test_a_risk_is_open_until_measures_tests_and_residual_scores_are_stated():
    row = a_risk(measures="A person reads every refusal.")
    assert (row.number, row.state) == (1, "open")
    with pytest.raises(InvalidInput, match="both residual scores"):
        risks.change_risk(risk_id=row.pk, by=row.made_by, residual_likelihood=2)
    row = risks.change_risk(
        risk_id=row.pk, by=row.made_by, tests="Backtest of 2026", residual_likelihood=2, residual_severity=2
    )
    assert row.state == "treated"
    assert a_risk(row.system).number == 2


def test_a_second_person_accepts_what_remains_and_a_change_takes_it_back():
    author, officer = a_user(Role.RISK_OFFICER), a_user(Role.RISK_OFFICER)
    row = a_treated_risk(by=author)
    with pytest.raises(OwnRisk):
        risks.accept_risk(risk_id=row.pk, by=author, reason=REASON)
    with pytest.raises(Forbidden):
        risks.accept_risk(risk_id=row.pk, by=a_user(Role.ENGINEER), reason=REASON)
    with pytest.raises(InvalidInput, match="at least 20"):
        risks.accept_risk(risk_id=row.pk, by=officer, reason="Fine.")
    row = risks.accept_risk(risk_id=row.pk, by=officer, reason=REASON)
    assert (row.state, row.accepted_by, row.reason) == ("accepted", officer, REASON)
    with pytest.raises(RiskNotTreated, match="already"):
        risks.accept_risk(risk_id=row.pk, by=officer, reason=REASON)
    assert risks.change_risk(risk_id=row.pk, by=author, severity=3).state == "accepted", "it says the same"
    row = risks.change_risk(risk_id=row.pk, by=author, severity=5)
    assert (row.state, row.accepted_by, row.accepted_at, row.reason) == ("treated", None, None, "")


def test_who_changed_a_risk_last_or_owns_it_does_not_accept_it():
    owner, changer = a_user(Role.VALIDATOR), a_user(Role.VALIDATOR)
    row = a_treated_risk(owner=owner)
    with pytest.raises(OwnRisk):
        risks.accept_risk(risk_id=row.pk, by=owner, reason=REASON)
    risks.change_risk(risk_id=row.pk, by=changer, likelihood=5)
    with pytest.raises(OwnRisk):
        risks.accept_risk(risk_id=row.pk, by=changer, reason=REASON)


def test_who_wrote_some_of_a_risk_does_not_accept_it_after_another_touched_it_last():
    writer, row = a_user(Role.VALIDATOR), a_treated_risk()
    risks.change_risk(risk_id=row.pk, by=writer, measures="A person reads every refusal, and signs it.")
    risks.change_risk(risk_id=row.pk, by=row.made_by, tests="Backtest of 2026")
    with pytest.raises(OwnRisk, match="wrote some of it"):
        risks.accept_risk(risk_id=row.pk, by=writer, reason=REASON)
    assert risks.accept_risk(risk_id=row.pk, by=a_user(Role.VALIDATOR), reason=REASON).state == "accepted"


def test_nobody_accepts_what_they_did_not_read():
    row, officer = a_treated_risk(), a_user(Role.RISK_OFFICER)
    risks.change_risk(risk_id=row.pk, by=row.made_by, residual_severity=5)
    with pytest.raises(RiskMoved):
        risks.accept_risk(risk_id=row.pk, by=officer, reason=REASON, seen=str(row.log_entry))
    row.refresh_from_db()
    assert risks.accept_risk(risk_id=row.pk, by=officer, reason=REASON, seen=str(row.log_entry)).state == "accepted"


def test_a_reason_is_never_cut_and_stays_readable_behind_its_entry():
    row, officer = a_treated_risk(), a_user(Role.RISK_OFFICER)
    with pytest.raises(InvalidInput, match="at most 8,000"):
        risks.accept_risk(risk_id=row.pk, by=officer, reason="x" * 8001)
    accepted = risks.accept_risk(risk_id=row.pk, by=officer, reason=REASON).log_entry
    risks.change_risk(risk_id=row.pk, by=row.made_by, severity=1)
    assert log.payloads_of([accepted])[accepted] == {"reason": REASON}


def test_an_owner_is_somebody_whom_a_role_reaches():
    nobody, row = a_user(), a_risk()
    with pytest.raises(InvalidInput, match="No role of"):
        risks.change_risk(risk_id=row.pk, by=row.made_by, owner=nobody)
    with pytest.raises(InvalidInput, match="No role of"):
        a_risk(owner=nobody)
    assert risks.change_risk(risk_id=row.pk, by=row.made_by, owner=row.system.owner).owner == row.system.owner


def test_an_untreated_risk_is_not_accepted():
    with pytest.raises(RiskNotTreated, match="how they were tested"):
        risks.accept_risk(risk_id=a_risk().pk, by=a_user(Role.RISK_OFFICER), reason=REASON)


def test_a_closed_risk_stays_as_it_is():
    row, officer = a_risk(), a_user(Role.RISK_OFFICER)
    with pytest.raises(Forbidden):
        risks.close_risk(risk_id=row.pk, by=a_user(Role.ENGINEER), reason=REASON)
    assert risks.close_risk(risk_id=row.pk, by=officer, reason=REASON).closed_at
    for act in (
        lambda: risks.close_risk(risk_id=row.pk, by=officer, reason=REASON),
        lambda: risks.change_risk(risk_id=row.pk, by=row.made_by, severity=1),
        lambda: risks.accept_risk(risk_id=row.pk, by=officer, reason=REASON),
    ):
        with pytest.raises(RiskClosed):
            act()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"title": " "}, "State the title"),
        ({"hazard": "x" * 8001}, "at most 8,000"),
        ({"affected": "nul \x00"}, "NUL"),
        ({"kind": "weather"}, "kind is one of"),
        ({"likelihood": 6}, "from 1 to 5"),
        ({"severity": None}, "from 1 to 5"),
        ({"review_on": None}, "last day"),
        ({"colour": "red"}, "has no colour"),
        ({"evidence": ["not an id"]}, "by its id, a UUID"),
        ({"evidence": [str(uuid.uuid4())]}, "There is no evidence"),
        ({"evidence": [str(uuid.uuid4()) for _ in range(51)]}, "at most 50"),
    ],
)
def test_what_does_not_fit_is_refused(values, says):
    with pytest.raises(InvalidInput, match=says):
        a_risk(**values)
    assert not Risk.objects.exists()


def test_a_review_that_is_late_is_seen_and_one_in_the_past_is_not_planned():
    today = clock.now().date()
    row = a_risk(review_on=today)
    assert not risks.is_overdue(row, today)
    assert risks.is_overdue(row, today + timedelta(days=1))
    with pytest.raises(InvalidInput, match="today or later"):
        risks.change_risk(risk_id=row.pk, by=row.made_by, review_on=today - timedelta(days=1))


def test_the_entry_holds_scores_and_no_text():
    row = a_treated_risk(title="Ms Ndiaye is refused")
    (entry,) = log.entries_naming("inventory_risk", [row.pk])
    assert entry.parsed["event"] == "risk.opened"
    assert entry.parsed["data"]["inherent"] == [4, 3]
    assert entry.parsed["data"]["residual"] == [2, 2]
    assert b"Ndiaye" not in entry.body


def test_the_database_refuses_an_acceptance_by_the_author():
    row = a_treated_risk()
    with pytest.raises(IntegrityError, match="second_person"), transaction.atomic():
        Risk.objects.filter(pk=row.pk).update(accepted_by=row.made_by, accepted_at=row.made_at)


def test_a_risk_of_another_system_is_not_found():
    with pytest.raises(Unknown):
        risks.risk_of(a_system(), a_risk().pk)
    with pytest.raises(Forbidden):
        a_risk(by=a_user(Role.AUDITOR))
