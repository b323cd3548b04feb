"""What was moved past Placet is put back by itself where two people said so, and how grave it is where not."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from governance.accounts.roles import Role
from governance.approvals import services as approvals
from governance.approvals.models import Finding
from governance.audit.actors import System
from governance.common import clock
from registry import alias_changes, configuring, deviations, interventions, reconcile, selectors, tasks
from registry.models import AliasChange, AliasHistory, ObservedAlias
from registry.watches import beat
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


def goes_back_offline(cast, tracking, promotion):
    """MLflow's plugin lets a permit move the alias to version 1 while Placet is away; a pass sees it; return a call.

    That is the plugin's: it tells of it, and checks in.
    """
    tracking.aliases[cast.model.name]["champion"] = promotion.version.number
    reconcile.run_pass("aliases", reconcile.watch_aliases)
    written = clock.now()

    def told() -> None:
        change = alias_changes.ask(
            kind="rollback",
            model=cast.model,
            alias="champion",
            version=promotion.version,
            promotion=promotion,
            asked_by=cast.owner,
            reason="By a permit.",
            journal_id=uuid.uuid4(),
        )
        alias_changes.record(change.pk, at=written - timedelta(seconds=5))

    return told


def test_what_a_permit_moved_while_placet_was_away_stays_and_is_no_finding(cast, tracking):
    """The pass sees it before the plugin can tell."""
    first, second = (ready(cast, tracking, number=number) for number in (1, 2))
    applied(cast, first)
    applied(cast, second)
    configured(registry="governed")
    told = goes_back_offline(cast, tracking, first)
    revert = AliasChange.objects.get(kind="revert")
    assert tasks.carry_out(str(revert.pk)) == "asked", "the plugin was not heard of since"
    assert Finding.objects.filter(code="unapproved-alias", closed_at=None).exists()
    told()
    beat(source="plugin:a", details={}, expected_every_s=15)
    assert tasks.carry_out(str(revert.pk)) == "failed"
    assert "Meanwhile" in AliasChange.objects.get(pk=revert.pk).state_reason
    assert tracking.aliases[cast.model.name] == {"champion": 1}
    reconcile.run_pass("aliases", reconcile.watch_aliases)
    finding = Finding.objects.get(code="unapproved-alias")
    assert (finding.closed_at is not None, finding.closed_by) == (True, None)
    assert ObservedAlias.objects.get().last_seen_at
    assert not deviations.unexplained().exists()


def test_what_nobody_tells_of_is_put_back_once_the_plugin_was_heard_of(live, cast, tracking):
    configured(registry="governed")
    (change,) = moved(cast, tracking)
    assert change.state == "asked"
    beat(source="plugin:a", details={}, expected_every_s=15)
    (change,) = moved(cast, tracking)
    assert (change.state, tracking.aliases[cast.model.name]) == ("done", {"champion": 1})


def test_where_the_gate_only_observes_the_finding_is_low_and_nothing_is_put_back(cast, tracking, monkeypatch):
    from registry import protected

    configured()
    monkeypatch.setattr(protected, "mode_for", lambda system, alias: protected.Mode.OBSERVE)
    tracking.add(cast.model.name, 7)
    assert moved(cast, tracking) == []
    assert Finding.objects.get(code="unapproved-alias").severity == "low"


def asked_late(cast, tracking, meanwhile):
    """Ask that version 1 be put back, let something happen, and let the worker come to it only then."""
    tracking.aliases[cast.model.name]["champion"] = 7
    reconcile.run_pass("aliases", reconcile.watch_aliases)
    change = AliasChange.objects.get(kind="revert")
    meanwhile()
    tasks.carry_out(str(change.pk))
    return AliasChange.objects.get(pk=change.pk)


def test_what_a_person_stopped_meanwhile_is_not_put_back(live, cast, tracking):
    configured()

    def meanwhile():
        stop = interventions.stop(
            model=cast.model.name, alias="champion", person=cast.owner, reason="Wrong since noon."
        )
        assert tasks.carry_out(str(stop.pk)) == AliasChange.State.DONE

    change = asked_late(cast, tracking, meanwhile)
    assert (change.state, "Meanwhile nothing is behind champion" in change.state_reason) == ("failed", True)
    assert (tracking.aliases[cast.model.name], selectors.live(cast.model, "champion")) == ({}, None)


def test_what_lost_its_approval_meanwhile_is_not_put_back(live, cast, tracking):
    configured()
    lost = {"request_id": live.approval_id, "reason": "Its data were wrong.", "actor": System("test")}
    change = asked_late(cast, tracking, lambda: approvals.revoke(**lost))
    assert (change.state, "its approval is revoked" in change.state_reason) == ("failed", True)
    assert tracking.set_calls == [(cast.model.name, "champion", 1)], "only when it was applied"
