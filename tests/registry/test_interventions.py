"""Going back, stopping and breaking the glass: who may, what stays in the log, and what MLflow is told."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.utils import IntegrityError

from governance.accounts.roles import Role
from governance.approvals import services as approvals
from governance.approvals.findings import OwnFinding, close_finding
from governance.approvals.models import Finding
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.audit.models import Entry
from governance.common.errors import DomainError, InvalidInput
from registry import alias_changes, configuring, gate, interventions, selectors, tasks
from registry.errors import CannotGoBack, NotLive, NotYourProduction, SystemProhibited, UnknownModel
from registry.models import AliasChange, AliasHistory, ApplyGrant, PromotionRequest
from tests.factories import PASSWORD, a_user, fresh
from tests.registry.test_applying import applied, asked, ready

State, Kind = AliasChange.State, AliasChange.Kind
WHY = "Customers are refused by mistake since noon."


@pytest.fixture(autouse=True)
def _a_permit(monkeypatch):
    """The notary has signed: its own process and role do that, and tests/e2e run them."""
    monkeypatch.setattr(selectors, "has_permit", lambda approval: True)


@pytest.fixture
def detect_only(cast):
    """MLflow runs without the plugin: a grant counts as used when it is made, since nobody asks the gate for it."""
    words = {"protected_aliases": ["champion"], "mode": "block", "registry": "stock", "automatic_revert": False}
    configuring.propose(**words, reason="A managed MLflow takes no plugin.", person=a_user(Role.ADMINISTRATOR))
    return configuring.sign(number=1, person=a_user(Role.RISK_OFFICER), password=PASSWORD)


@pytest.fixture
def two_live(cast, tracking):
    """Version 1 was the champion, and version 2 is."""
    promotions = [ready(cast, tracking, number=number) for number in (1, 2)]
    for promotion in promotions:
        assert applied(cast, promotion) == PromotionRequest.State.APPLIED
    return promotions


def back(cast, person=None, **more):
    return interventions.roll_back(
        model=cast.model.name, alias="champion", person=person or cast.engineer, reason=WHY, **more
    )


def stopped(cast, person=None, **more):
    return interventions.stop(model=cast.model.name, alias="Champion ", person=person or cast.owner, reason=WHY, **more)


def broken(cast, version=2, person=None, **more):
    words = {"alias": "champion", "reason": WHY} | more
    return interventions.break_glass(model=cast.model.name, version=version, person=person or cast.owner, **words)


def done(change):
    assert tasks.carry_out(str(change.pk)) == State.DONE
    return AliasChange.objects.get(pk=change.pk)


def test_one_goes_back_to_what_was_approved_before(cast, tracking, two_live):
    change = done(back(cast))
    first, second = map(fresh, two_live)
    assert tracking.aliases[cast.model.name] == {"champion": 1}
    assert (first.state, second.state) == (PromotionRequest.State.APPLIED, PromotionRequest.State.ROLLED_BACK)
    span = selectors.live(cast.model, "champion")
    assert (span.version, span.promotion, span.opened_by) == (first.version, first, change)
    assert AliasHistory.objects.get(version=second.version).ended_by == change
    assert not Finding.objects.exists()  # it went to what people approved


def test_every_write_has_one_grant_that_wrote(cast, tracking, detect_only, two_live):
    done(back(cast))
    done(stopped(cast))
    writes = len(tracking.set_calls) + len(tracking.delete_calls)
    assert writes == ApplyGrant.objects.filter(written_at__isnull=False).count() == 4
    assert ApplyGrant.objects.count() == 4


def test_what_was_rolled_back_is_not_gone_back_to(cast, tracking, two_live):
    done(back(cast))
    with pytest.raises(CannotGoBack, match="nothing to go back to"):
        back(cast)
    assert done(back(cast, version=2)).version.number == 2  # unless somebody names it


def test_what_lost_its_approval_is_not_gone_back_to(cast, tracking, two_live):
    approvals.revoke(request_id=two_live[0].approval_id, reason="Its data were wrong.", actor=System("test"))
    with pytest.raises(CannotGoBack, match="its approval is revoked"):
        back(cast)


def test_an_approval_that_is_lost_on_the_way_stops_the_rollback(cast, tracking, two_live):
    change = back(cast)
    approvals.revoke(request_id=two_live[0].approval_id, reason="Its data were wrong.", actor=System("test"))
    assert tasks.carry_out(str(change.pk)) == State.FAILED
    assert tracking.aliases[cast.model.name] == {"champion": 2}
    assert fresh(two_live[1]).state == PromotionRequest.State.APPLIED


def test_a_stop_takes_the_alias_off_and_somebody_else_reviews_it(cast, tracking, two_live):
    change = stopped(cast)
    (entry,) = [
        said
        for said in map(json.loads, Entry.objects.values_list("body", flat=True))
        if said["event"] == "alias_change.asked"
    ]
    assert entry["actor"] == cast.owner.actor_id, "in the log before MLflow is called"
    assert WHY not in str(entry), "what people write is erasable"
    assert tracking.aliases[cast.model.name] == {"champion": 2}
    done(change)
    assert tracking.aliases[cast.model.name] == {}
    assert selectors.live(cast.model, "champion") is None
    assert fresh(two_live[1]).state == PromotionRequest.State.ROLLED_BACK
    review = Finding.objects.get(code="stop-review")
    assert (review.owner, review.severity, review.request) == (cast.owner, "high", two_live[1].approval)
    with pytest.raises(OwnFinding):
        close_finding(finding_id=review.pk, closer=cast.owner, how="It was right.", password=PASSWORD)
    close_finding(finding_id=review.pk, closer=cast.officer, how="The bank had to.", password=PASSWORD)


@pytest.mark.parametrize("status", [400, 403, 429])
def test_a_stop_is_not_done_while_mlflow_does_not_say_what_the_alias_points_to(
    cast, tracking, two_live, monkeypatch, status
):
    change, answer = stopped(cast), tracking.answer
    monkeypatch.setattr(
        tracking,
        "answer",
        lambda path, query, body: (
            (status, {"message": "no such question"})
            if path.endswith("registered-models/alias") and not body
            else answer(path, query, body)
        ),
    )
    with suppress(Exception):  # 429 is for the task to try again
        tasks.carry_out(str(change.pk))
    assert AliasChange.objects.get(pk=change.pk).state != State.DONE
    assert selectors.live(cast.model, "champion") is not None


def test_a_grant_of_a_change_that_was_given_up_opens_nothing(cast, two_live):
    change = stopped(cast)
    token = alias_changes.take_grant(change.pk)
    alias_changes.fail(change.pk, "MLflow did not answer.")
    answer = gate.decide(
        identity={"username": settings.MLFLOW_SERVICE_USER},
        action="alias.delete",
        subject={"workspace": "default", "name": cast.model.name},
        detail={"alias": "champion"},
        grant=token,
    )
    assert (answer.verdict, ApplyGrant.objects.get(change=change).used_at) == ("BLOCK", None)


def test_broken_glass_serves_what_nobody_approved_and_says_so(cast, tracking, two_live):
    from tests.factories import a_version

    version = a_version(cast.model, number=3, storage_location="mlflow-artifacts:/3/model")
    tracking.mirror(version)
    _digested(version)
    change = done(broken(cast, version=3))
    span = selectors.live(cast.model, "champion")
    assert tracking.aliases[cast.model.name] == {"champion": 3}
    assert (span.version, span.promotion, span.opened_by) == (version, None, change)
    assert fresh(two_live[1]).state == PromotionRequest.State.SUPERSEDED
    review = Finding.objects.get(code="break-glass-review")
    assert (review.severity, review.owner) == ("critical", cast.owner)


def _digested(version):
    from tests.registry.test_reconcile import digest

    with transaction.atomic():
        digest(version)


def test_bytes_that_changed_are_not_served_by_broken_glass_either(cast, tracking, two_live):
    tracking.files["1/model/model.skops"] = b"other"
    change = broken(cast, version=1)
    assert tasks.carry_out(str(change.pk)) == State.FAILED
    assert "The store holds" in AliasChange.objects.get(pk=change.pk).state_reason
    assert tracking.aliases[cast.model.name] == {"champion": 2}


def prohibited(cast):
    with transaction.atomic():
        cast.system.ai_act_class = "prohibited"
        audit.append(event=Event.SYSTEM_UPDATED, actor=System("test"), subjects=[cast.system], data={})


def test_a_prohibited_practice_stays_out(cast, tracking, two_live):
    prohibited(cast)
    with pytest.raises(SystemProhibited):
        broken(cast, version=1)
    assert not AliasChange.objects.filter(kind=Kind.BREAK_GLASS).exists()


def test_what_became_a_prohibited_practice_goes_back_to_nothing(cast, tracking, two_live):
    change = back(cast)
    prohibited(cast)
    assert tasks.carry_out(str(change.pk)) == State.FAILED
    assert "prohibited practice" in AliasChange.objects.get(pk=change.pk).state_reason
    assert tracking.aliases[cast.model.name] == {"champion": 2}


def test_what_became_a_prohibited_practice_is_not_promoted_on_an_older_approval(cast, tracking):
    promotion = ready(cast, tracking)
    change = asked(cast, promotion)
    prohibited(cast)
    assert tasks.carry_out(str(change.pk)) == State.FAILED
    assert "prohibited practice" in fresh(promotion).state_reason
    assert tracking.set_calls == []


@pytest.mark.parametrize("act", [back, stopped, broken], ids=["rollback", "stop", "break-glass"])
def test_what_was_overtaken_meanwhile_is_not_done(cast, tracking, two_live, act):
    change = act(cast, **({"version": 1} if act is broken else {}))
    done(stopped(cast, cast.officer))
    assert tasks.carry_out(str(change.pk)) == State.FAILED
    assert "Meanwhile nothing is behind champion" in AliasChange.objects.get(pk=change.pk).state_reason
    assert tracking.aliases[cast.model.name] == {}


@pytest.mark.parametrize("says", ["rollback", "keep_serving"])
def test_a_suspension_goes_back_by_itself_where_the_policy_says_so(cast, tracking, two_live, monkeypatch, says):
    from dataclasses import replace

    from governance.policy.selectors import document_of
    from registry import following

    document = document_of(two_live[1].approval.policy_version)
    terms = replace(document, approval=replace(document.approval, on_suspend=says))
    monkeypatch.setattr(following, "document_of", lambda version: terms)
    approvals.suspend(request_id=two_live[1].approval_id, reason="Drift in income.", actor=System("monitoring"))
    for change in AliasChange.objects.filter(state=State.ASKED):
        tasks.carry_out(str(change.pk))
    assert tracking.aliases[cast.model.name] == {"champion": 1 if says == "rollback" else 2}
    assert AliasChange.objects.filter(kind=Kind.ROLLBACK, asked_by=None).exists() is (says == "rollback")


def test_a_policy_that_can_not_go_back_says_so(cast, tracking, monkeypatch):
    from types import SimpleNamespace

    from registry import following

    promotion = ready(cast, tracking)
    applied(cast, promotion)
    terms = SimpleNamespace(approval=SimpleNamespace(on_suspend="rollback"))
    monkeypatch.setattr(following, "document_of", lambda version: terms)
    approvals.suspend(request_id=promotion.approval_id, reason="Drift in income.", actor=System("monitoring"))
    assert tracking.aliases[cast.model.name] == {"champion": 1}
    assert Finding.objects.get(code="rollback-impossible").severity == "critical"


def test_who_may(cast, tracking, two_live):
    stranger = a_user()
    machine = a_user(Role.OWNER, sponsor=a_user())
    for act, people in ((back, [stranger, cast.validator]), (stopped, [cast.engineer]), (broken, [cast.engineer])):
        for person in [*people, stranger]:
            with pytest.raises(DomainError) as refused:
                act(cast, person=person)
            assert refused.type in {NotYourProduction, UnknownModel}
    for act in (stopped, broken):
        with pytest.raises(NotYourProduction):
            act(cast, person=machine)
    assert AliasChange.objects.exclude(kind=Kind.PROMOTION).count() == 0


@pytest.mark.parametrize("reason", ["", "  short  ", "x" * 1001])
def test_a_reason_is_given(cast, tracking, two_live, reason):
    with pytest.raises(InvalidInput, match="Say why"):
        interventions.stop(model=cast.model.name, alias="champion", person=cast.owner, reason=reason)


def test_nothing_live_is_nothing_to_stop(cast, tracking):
    with pytest.raises(NotLive):
        stopped(cast)


def test_a_stop_is_tried_for_ever_and_a_rollback_gives_up(cast, tracking, two_live, settings):
    from datetime import timedelta

    from governance.common import clock
    from registry.errors import MlflowDown

    changes = [back(cast), stopped(cast)]
    settings.MLFLOW_TRACKING_URI = "http://127.0.0.1:9"
    for change in changes:
        with pytest.raises(MlflowDown):
            alias_changes.carry_out(change.pk)
    with clock.frozen(clock.now() + timedelta(minutes=16)):
        assert alias_changes.carry_out(changes[0].pk) == State.FAILED
        with pytest.raises(MlflowDown):
            alias_changes.carry_out(changes[1].pk)


def test_the_database_keeps_what_a_change_and_a_grant_are_about(cast, tracking, detect_only):
    """Raw SQL: the rules are not the services' alone."""
    promotion = ready(cast, tracking)
    applied(cast, promotion)
    change, grant = AliasChange.objects.get(), ApplyGrant.objects.get()
    for statement, row, rule in (
        ("UPDATE registry_aliaschange SET alias = 'canary' WHERE id = %s", change, "alias_change_keeps_its_subject"),
        ("UPDATE registry_aliaschange SET state = 'failed', done_at = NULL WHERE id = %s", change, "ends_once"),
        ("UPDATE registry_applygrant SET used_at = NULL, written_at = NULL WHERE id = %s", grant, "grant_is_used_once"),
        ("UPDATE registry_applygrant SET expires_at = now() + interval '1 day' WHERE id = %s", grant, "used_once"),
    ):
        with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [row.pk])
        assert rule in (refused.value.__cause__.diag.constraint_name or "")


def test_the_history_says_that_one_person_broke_the_glass(cast, tracking, two_live, client):
    change = done(broken(cast, version=1))
    client.force_login(cast.owner)
    answer = client.get(f"/api/v1/registered-models/{cast.model.name}/production")
    assert answer.status_code == 200
    span = next(row for row in answer.json()["spans"] if row["until"] is None)
    assert (span["version"], span["by"]) == (1, "break_glass")
    assert (span["word"]["change"], span["word"]["changed_by"]) == (str(change), cast.owner.name)
    done(back(cast, version=2))
    spans = client.get(f"/api/v1/registered-models/{cast.model.name}/production").json()["spans"]
    assert spans[-1]["word"]["change"], "which write, and who asked for it"
    assert spans[-1]["word"]["changed_by"] == cast.engineer.name
