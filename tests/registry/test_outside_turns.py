"""Turns in the life of a model that no MLflow holds: renewed, suspended and lifted, lapsed, approved late, in order."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta

import pytest

from governance.accounts.roles import Role
from governance.approvals import enforcement, lifting
from governance.approvals import services as approvals
from governance.approvals.models import Finding, State
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import InvalidInput
from governance.inventory.models import AISystem
from governance.policy import shipped
from placet.derivation import LogDisagrees
from registry import (
    alias_changes,
    applying,
    configuring,
    coverage,
    interventions,
    outside,
    permits,
    promotions,
    renewals,
    selectors,
)
from registry.errors import NotApproved, UnprotectedAlias
from registry.models import AliasChange, AliasHistory, Permit, PromotionRequest
from registry.reviewing.changes import changes_shown
from registry.reviewing.requester import request_page
from tests.factories import PASSWORD, REASON, Cast, a_policy, a_user, a_version, approve, fresh, mirrored, state_of
from tests.outside import FILE, a_recorded_version, recorded
from tests.registry.test_applying import at_once
from tests.registry.test_outside_mlflow import WHERE, approved, papers, requested, stated
from tests.reports.factories import a_notary
from tests.validation.working import signed as validated

DAY = timedelta(days=1)
WHY = "It was in use before we asked."


@pytest.fixture
def people(db, tracking, settings, tmp_path):
    """Everybody with a part in it, under the shipped policy."""
    settings.STORAGE_ROOT = tmp_path
    return Cast(shipped.text("outside-mlflow"))


@pytest.fixture
def later():
    """Move the clock; what was moved is put back when the test ends."""
    with ExitStack() as undo:
        yield lambda moment: undo.enter_context(clock.frozen(moment))


@pytest.fixture
def made(people):
    return a_recorded_version(people.system, people.owner)


def renewed(cast, promotion: PromotionRequest) -> PromotionRequest:
    """A renewal that everybody has signed."""
    renewal, jobs = renewals.request_renewal(promotion_id=promotion.pk, requester=cast.engineer)
    assert jobs == []
    papers(cast, promotion.version)
    assert state_of(renewal.approval) == "in_review"
    validated(fresh(renewal).approval, cast.validator)
    approve(renewal.approval, cast.validator)
    approve(renewal.approval, cast.officer)
    return fresh(renewal)


def carried_out() -> None:
    applying.begin_renewals()
    for pk in AliasChange.objects.filter(state="asked").values_list("pk", flat=True):
        alias_changes.carry_out(pk)


def test_a_renewal_takes_the_place_of_the_approval_by_itself_and_nobody_states_it_again(people, made, later):
    first = approved(people, made)
    stated(people, first)
    began = selectors.live(made.model, "in-use").during.lower
    later(first.approval.valid_until - 10 * DAY)
    renewal = renewed(people, first)
    page = request_page(renewal, people.engineer)
    assert (page["todo"], page["use"]["allowed"]) == ([], False)
    assert "takes the old approval's place" in page["use"]["refusal"]
    with pytest.raises(NotApproved, match="takes the old approval's place"):
        stated(people, renewal)
    carried_out()
    live = selectors.live(made.model, "in-use")
    assert (live.promotion_id, live.version_id) == (renewal.pk, made.pk)
    assert state_of(first.approval) == State.RENEWED
    assert fresh(renewal).state == PromotionRequest.State.APPLIED
    assert AliasHistory.objects.order_by("during").first().during.lower == began
    assert not Finding.objects.filter(code="stop-asked").exists()
    assert not Permit.objects.exists()


def test_a_renewal_that_failed_can_be_stated_once_the_approval_has_its_force_again(people, made, later):
    first = approved(people, made)
    stated(people, first)
    later(first.approval.valid_until - 10 * DAY)
    renewal = renewed(people, first)
    applying.begin_renewals()
    approvals.suspend(request_id=first.approval_id, actor=System("test"), reason="A look first.")
    carried_out()
    assert fresh(renewal).state == PromotionRequest.State.FAILED
    lifted(people, first)
    stated(people, fresh(renewal))
    assert (fresh(renewal).state, state_of(first.approval)) == (PromotionRequest.State.APPLIED, State.RENEWED)


def lifted(cast, promotion: PromotionRequest) -> None:
    lifting.lift_suspension(request_id=promotion.approval_id, signer=cast.officer, rationale=REASON, password=PASSWORD)


def test_a_lifted_suspension_answers_what_asked_to_stop(people, made):
    promotion = approved(people, made)
    stated(people, promotion)
    approvals.suspend(request_id=promotion.approval_id, actor=System("test"), reason="The supplier warns of it.")
    asked = Finding.objects.get(code="stop-asked")
    lifted(people, promotion)
    asked.refresh_from_db()
    assert asked.closed_at is not None
    assert selectors.live(made.model, "in-use").promotion_id == promotion.pk


def test_what_has_lapsed_is_to_be_stopped_by_the_end_of_its_grace_and_a_renewal_answers_that(people, made, later):
    promotion = approved(people, made)
    stated(people, promotion)
    later(promotion.approval.valid_until - 10 * DAY)
    renewal = renewed(people, promotion)
    later(promotion.approval.valid_until + DAY)
    approvals.lapse_overdue()
    asked = Finding.objects.get(code="stop-asked")
    assert asked.due_on == (promotion.approval.valid_until + 14 * DAY).date(), "the policy gives two weeks"
    assert f"by {clock.day(asked.due_on)}" in asked.title
    carried_out()
    asked.refresh_from_db()
    assert asked.closed_at is not None
    assert selectors.live(made.model, "in-use").promotion_id == renewal.pk


def test_an_overdue_stop_takes_nothing_else_of_the_system_down(people, made, later):
    promotion = approved(people, made)
    stated(people, promotion)
    other = approved(people, a_recorded_version(people.system, people.owner, name="another"))
    approvals.revoke(request_id=promotion.approval_id, actor=people.officer, reason="Gone.")
    later(clock.now() + 30 * DAY)
    enforcement.sweep()
    assert state_of(other.approval) == State.APPROVED


def test_what_was_used_without_an_approval_is_requested_approved_and_stated_without_a_stop(people, made):
    change = interventions.break_glass(
        model=str(made.model), version=1, alias="in-use", person=people.owner, reason=WHY
    )
    alias_changes.carry_out(change.pk)
    promotion = approved(people, made)
    stated(people, promotion)
    spans = AliasHistory.objects.order_by("during")
    assert [(span.promotion_id, span.during.upper is None) for span in spans] == [(None, False), (promotion.pk, True)]


def test_nothing_of_a_prohibited_system_is_stated(people, made):
    promotion = approved(people, made)
    people.system.ai_act_class = AISystem.AIActClass.PROHIBITED
    mirrored(Event.CLASSIFICATION_SIGNED, people.system)
    with pytest.raises(NotApproved, match="prohibited practice"):
        stated(people, fresh(promotion))
    assert not AliasHistory.objects.exists()


def test_uses_are_stated_in_order_and_never_over_one_another(people, made, later):
    first = approved(people, made)
    stated(people, first)
    second = approved(people, recorded(people.system, people.owner, version="2026-09"))
    later(clock.now() + 5 * DAY)
    stop = interventions.stop(model=str(made.model), alias="in-use", person=people.owner, reason="The add-in is gone.")
    alias_changes.carry_out(stop.pk)
    approved_on = second.approval.settled_at.date()
    with pytest.raises(InvalidInput, match="already; state a use from then on"):
        stated(people, second, since=approved_on)
    assert outside.first_day(fresh(second)) == clock.now().date()
    stated(people, second)
    spans = list(AliasHistory.objects.order_by("during"))
    assert spans[0].during.upper <= spans[1].during.lower


def test_the_review_says_what_is_recorded_otherwise_than_of_what_was_approved_last(people, made):
    approved(people, made)
    second = recorded(people.system, people.owner, version="2026-09", pins=[FILE | {"digest": "sha256:" + "b" * 64}])
    promotion = requested(people, second)
    changes = changes_shown(promotion, [])
    assert [(row["item"], row["before"], row["after"]) for row in changes["rows"][:2]] == [
        ("Version there", "2026-03", "2026-09"),
        ("File scorecard.xlsx", FILE["digest"], "sha256:" + "b" * 64),
    ]
    assert not {"Code, commit", "Flavor"} & {row["item"] for row in changes["rows"]}


def test_a_second_use_of_a_day_begins_with_its_statement(people, made):
    second_version = recorded(people.system, people.owner, version="2026-09")
    second = approved(people, second_version)
    first = approved(people, made)
    stated(people, first)
    moment = clock.now()
    stated(people, second)
    before, after = AliasHistory.objects.order_by("during")
    assert before.during.upper == after.during.lower >= moment, "not from the older approval on"


def test_a_use_that_is_stated_while_another_ends_is_told_so(committed_cast, tracking, settings, tmp_path, monkeypatch):
    settings.STORAGE_ROOT, cast = tmp_path, committed_cast
    a_policy(shipped.text("outside-mlflow"))
    stated(cast, approved(cast, a_recorded_version(cast.system, cast.owner)))
    second = approved(cast, recorded(cast.system, cast.owner, version="2026-09"))
    model = str(second.version.model)
    stop = interventions.stop(model=model, alias="in-use", person=cast.owner, reason="The add-in is gone.")
    moment = outside._moment

    def with_a_stop_in_between(promotion, since):
        found = moment(promotion, since)
        assert at_once(lambda: alias_changes.carry_out(stop.pk)) == ["done"]
        return found

    monkeypatch.setattr(outside, "_moment", with_a_stop_in_between)
    with pytest.raises(NotApproved, match="look again"):
        stated(cast, second)
    monkeypatch.setattr(outside, "_moment", moment)
    stated(cast, second)
    assert AliasHistory.objects.count() == 2


def test_while_it_is_in_use_the_gate_can_be_configured(people, made):
    stated(people, approved(people, made))
    admin = a_user(Role.ADMINISTRATOR)
    row = configuring.propose(
        protected_aliases=["champion", "challenger"],
        mode="block",
        registry="governed",
        automatic_revert=False,
        reason="The challenger serves a tenth of the traffic.",
        person=admin,
    )
    assert row.protected_aliases == ["champion", "challenger"]


def test_a_model_in_mlflow_never_gets_the_place_whose_policy_asks_for_papers(people, settings, tracking):
    settings.PROTECTED_ALIASES = ("*",)
    version = a_version(people.model, trained_by=people.engineer)
    with pytest.raises(UnprotectedAlias, match="place of models outside MLflow"):
        promotions.request_promotion(model=str(people.model), version=1, alias="In-Use", requester=people.engineer)
    with pytest.raises(UnprotectedAlias):
        interventions.break_glass(
            model=str(people.model), version=version.number, alias="in-use", person=people.owner, reason=WHY
        )


def test_coverage_counts_what_was_stated_apart_from_what_a_grant_wrote(people, made):
    stated(people, approved(people, made))
    now = clock.now()
    found = coverage.statement(now - timedelta(hours=1), now + timedelta(seconds=1))["grants"]
    assert (found["alias_writes"], found["without_a_grant"], found["stated_outside_mlflow"]) == (0, [], 1)


def test_the_notary_signs_no_permit_for_it_whoever_asks(people, made, tmp_path):
    promotion = approved(people, made)
    with pytest.raises(LogDisagrees, match="no bytes that a permit could name"):
        permits.signed(
            a_notary(tmp_path),
            promotion.version,
            kind=Permit.Kind.SERVE,
            alias="in-use",
            index=0,
            size=1,
            until=clock.now() + DAY,
            approval=promotion.approval,
        )


def test_a_request_in_review_is_not_stated(people, made):
    waiting = requested(people, made)
    with pytest.raises(NotApproved):
        outside.state_in_use(promotion_id=waiting.pk, person=people.engineer, since=clock.now().date(), statement=WHERE)
