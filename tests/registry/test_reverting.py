"""What was moved past Placet is put back by itself where two people said so, and how grave it is where not."""

from __future__ import annotations

import pytest

from governance.accounts.roles import Role
from governance.approvals import services as approvals
from governance.approvals.models import Finding
from governance.audit.actors import System
from registry import configuring, reconcile, selectors, tasks
from registry.models import AliasChange, AliasHistory
from tests.factories import PASSWORD, a_user
from tests.registry.test_applying import applied, ready


@pytest.fixture(autouse=True)
def _a_permit(monkeypatch):
    """The notary has signed: its own process and role do that, and tests/e2e run them."""
    monkeypatch.setattr(selectors, "has_permit", lambda approval: True)


def configured(**changes):
    words = {"protected_aliases": ["champion"], "mode": "block", "registry": "stock", "automatic_revert": True}
    row = configuring.propose(**(words | changes), reason="So that it heals.", person=a_user(Role.ADMINISTRATOR))
    configuring.sign(number=row.number, person=a_user(Role.RISK_OFFICER), password=PASSWORD)


@pytest.fixture
def live(cast, tracking):
    """Version 1 is the champion, and version 7 exists in MLflow."""
    promotion = ready(cast, tracking)
    applied(cast, promotion)
    tracking.add(cast.model.name, 7)
    return promotion


def moved(cast, tracking, number=7):
    """Somebody moves the alias past Placet; the watch looks twice, and the worker does what was asked."""
    if number:
        tracking.aliases[cast.model.name]["champion"] = number
    else:
        tracking.aliases[cast.model.name].clear()
    for _ in range(2):
        reconcile.run_pass("aliases", reconcile.watch_aliases)
    for change in AliasChange.objects.filter(kind="revert", state="asked"):
        tasks.carry_out(str(change.pk))
    return list(AliasChange.objects.filter(kind="revert"))


@pytest.mark.parametrize("number", [7, None], ids=["moved", "taken off"])
def test_it_is_put_back_once_and_the_finding_stays(live, cast, tracking, number):
    configured()
    (change,) = moved(cast, tracking, number)
    assert (change.state, change.version, change.asked_by) == ("done", live.version, None)
    assert tracking.aliases[cast.model.name] == {"champion": 1}
    assert AliasHistory.objects.count() == 1, "what Placet put there never ended"
    assert Finding.objects.filter(closed_at=None).exclude(code="gate-loosened").count() == 1


def test_where_nothing_was_approved_it_is_taken_off(cast, tracking):
    configured()
    tracking.add(cast.model.name, 7)
    (change,) = moved(cast, tracking)
    assert (change.state, change.version) == ("done", None)
    assert tracking.aliases[cast.model.name] == {}


def test_without_the_configuration_people_put_it_back(live, cast, tracking):
    configured(automatic_revert=False)
    assert moved(cast, tracking) == []
    assert tracking.aliases[cast.model.name] == {"champion": 7}


def test_it_is_not_put_back_to_what_has_lost_its_approval(live, cast, tracking):
    configured()
    approvals.suspend(request_id=live.approval_id, reason="Drift.", actor=System("test"))
    assert moved(cast, tracking) == []


def test_where_the_gate_only_observes_the_finding_is_low_and_nothing_is_put_back(cast, tracking, monkeypatch):
    from registry import protected

    configured()
    monkeypatch.setattr(protected, "mode_for", lambda system, alias: protected.Mode.OBSERVE)
    tracking.add(cast.model.name, 7)
    assert moved(cast, tracking) == []
    assert Finding.objects.get(code="unapproved-alias").severity == "low"
