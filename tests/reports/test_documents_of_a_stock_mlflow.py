"""A document says where the gate only detects, and what served without an approval."""

from __future__ import annotations

from datetime import timedelta

from governance.accounts.roles import Role
from governance.common import clock
from registry import adoptable, adoption
from reports.documents.building import build
from tests.factories import PASSWORD, REASON, a_user, a_version
from tests.registry.test_detect_only import detect_only
from tests.reports.factories import Bank
from tests.reports.test_reports_facts import snapshot_of


def said(snapshot):
    return str(build(snapshot))


def test_a_document_says_that_it_is_detected_and_not_prevented(db):
    bank = Bank()
    bank.live()
    snapshot = snapshot_of(bank.system)
    assert "gate" not in snapshot
    assert "Detected, not prevented" not in said(snapshot)
    row = detect_only()
    snapshot = snapshot_of(bank.system)
    assert (snapshot["gate"]["kind"], snapshot["gate"]["configuration"]) == ("detect-only", row.number)
    assert "Versions in production. Detected, not prevented: MLflow runs without Placet's plugin" in said(snapshot)


def test_a_document_says_what_was_grandfathered(db):
    bank = Bank()
    version = a_version(bank.model, number=1)
    place = adoptable.Place(bank.model.name, "champion", "", 1, version.mlflow_created_at_ms)
    seen = adoptable.Look(clock.now(), (place,))
    made = adoption.propose(
        seen=seen,
        wanted=adoptable.Wanted(),
        deadline=(clock.now() + timedelta(days=30)).date(),
        reason=REASON,
        person=a_user(Role.ADMINISTRATOR),
    )
    seen = adoptable.Look(clock.now(), (place,))
    adoption.sign(number=made.number, seen=seen, person=a_user(Role.RISK_OFFICER), password=PASSWORD)
    bank.live(number=2)
    snapshot = snapshot_of(bank.system)
    assert next(row.get("adoption") for row in snapshot["alias_history"]) == "AD-1"
    assert "1, without an approval: grandfathered by AD-1" in said(snapshot)
