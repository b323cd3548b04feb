"""The report over all systems: what each owes by its own class, whether what serves was validated, and is watched."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.common import clock
from governance.inventory import declaring
from governance.inventory import services as inventory
from reports.documents.building import build
from reports.facts_portfolio import portfolio
from tests.factories import Cast, a_policy_text, a_user
from tests.reports.factories import ANSWERS, FIRST_WEEK, Bank, a_declared_system, watch
from tests.validation.working import signed

QUARTER = date(2026, 10, 1)
APPLIES = datetime(2028, 1, 15, tzinfo=UTC)


@pytest.fixture
def bank(db) -> Bank:
    return Bank()


def report(*, at=None, quarter=QUARTER):
    with clock.frozen(at or clock.now()):
        return portfolio(uuid.uuid4(), {}, quarter)


def owing(snapshot, slug):
    (row,) = [row for row in snapshot["portfolio"]["systems"] if row["system"] == slug]
    return row["owed"] if row["owed"] is None else {item["kind"]: item["from"] for item in row["owed"]}


def test_a_system_owes_what_its_own_class_and_roles_ask_for_from_the_day_on_which_they_do(bank):
    other = a_declared_system(a_user(), slug="other", name="Another", by=bank.owner)
    before = report()
    assert owing(before, "other") is None
    assert set(owing(before, bank.system.slug).values()) == {"2027-12-02"}
    gaps = {gap.what.partition(":")[0]: gap.what for gap in build(before).gaps}
    assert "can't be said" in gaps[other.name]
    assert "Risk file (Art. 9), owed from 2027-12-02" in gaps[bank.system.name]
    later = report(at=APPLIES, quarter=date(2028, 1, 1))
    assert set(owing(later, bank.system.slug)) == {
        "annex-iv", "annex-v", "annex-viii", "instructions", "fria", "risk-file", "art-72-plan",
    }  # fmt: skip
    assert set(owing(later, bank.system.slug).values()) == {None}
    assert "owed from" not in " ".join(gap.what for gap in build(later).gaps)


def test_what_the_record_says_of_the_deployer_counts(bank):
    proposal = inventory.propose_classification(
        ai_system=bank.system,
        answers=ANSWERS | {"operator_roles": ["deployer"], "annex_iii_uses": ["Annex III.4.a"]},
        model_tier=1,
        by=bank.owner,
    )
    inventory.sign_classification(classification_id=proposal.pk, signer=bank.officer)
    assert set(owing(report(), bank.system.slug)) == {"fria", "annex-viii"}
    declaring.declare(ai_system=bank.system, answers={"public-body": "Neither"}, by=bank.owner)
    assert owing(report(), bank.system.slug) == {}


def test_what_serves_is_told_by_its_validation_and_by_the_drift_that_was_measured(bank):
    live = bank.live()
    (row,) = report()["portfolio"]["live"]
    assert (row["version"], row["alias"], row["validation"]) == (str(live.version), "champion", "none")
    assert row["drift"] == "no_monitor"
    watch(bank, live.version, drifted=False)
    (row,) = report(at=FIRST_WEEK + timedelta(days=30))["portfolio"]["live"]
    assert (row["drift"], row["windows"]) == ("measured", 1)
    (row,) = report(at=FIRST_WEEK + timedelta(days=120), quarter=date(2027, 1, 1))["portfolio"]["live"]
    assert (row["drift"], row["windows"]) == ("no_window", 0)


def test_a_live_version_is_told_by_the_opinion_of_its_newest_validation_and_when_it_is_due(db):
    cast = Cast(a_policy_text(("approval:\n", "approval:\n  revalidate_every: P90D\n")))
    made = cast.live()
    (row,) = report()["portfolio"]["live"]
    assert (row["validation"], row["due"]) == ("none", "in_time")
    signed(made.approval, cast.validator)
    (row,) = report()["portfolio"]["live"]
    assert (row["validation"], row["due"]) == ("fit", "in_time")
    assert date.fromisoformat(row["validation_due_on"]) == clock.now().date() + timedelta(90)
    (row,) = report(at=clock.now() + timedelta(days=91))["portfolio"]["live"]
    assert row["due"] == "late"


def test_the_queries_do_not_grow_with_the_systems(bank):
    with CaptureQueriesContext(connection) as few:
        report()
    for number in range(3):
        a_declared_system(bank.owner, slug=f"more-{number}", name=f"More {number}")
    with CaptureQueriesContext(connection) as many:
        report()
    assert len(many) == len(few)
