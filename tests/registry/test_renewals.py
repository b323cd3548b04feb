"""A renewal: asked for near the end, decided like any other, and in force without a moment between."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from governance.accounts.roles import Role
from governance.approvals import services as approvals
from governance.approvals.errors import NotRenewable, SelfApproval
from governance.approvals.models import ApprovalRequest, State
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden
from governance.evidence.models import Evidence
from governance.inventory import modifying
from governance.inventory import services as inventory
from placet.derivation import LogDisagrees, rederive
from registry import applying, permit_status, permits, refusals, renewals, selectors, tasks
from registry.models import AliasHistory, Permit, PromotionRequest
from tests import payloads
from tests.factories import (
    REASON,
    SETUP,
    Cast,
    a_policy_text,
    accept,
    approve,
    attach,
    fresh,
    given,
    record_applied,
    state_of,
)
from tests.reports.factories import a_proposal, notarise

DAY = timedelta(days=1)
BY_ITSELF = a_policy_text(
    ("  valid_for: P180D\n", "  valid_for: P180D\n  renewal: {before: P20D, opened_by: placet}\n")
)


@pytest.fixture
def later():
    """Move the clock; what was moved is put back when the test ends."""
    from contextlib import ExitStack

    with ExitStack() as undo:
        yield lambda moment: undo.enter_context(clock.frozen(moment))


def near_the_end(made: PromotionRequest) -> object:
    return made.approval.valid_until - 10 * DAY


def asked(cast, made) -> PromotionRequest:
    renewal, _ = renewals.request_renewal(promotion_id=made.pk, requester=cast.engineer)
    return renewal


def evidence_again(approval: ApprovalRequest) -> None:
    """Make what the policy finds too old; what is fresh enough is used as it is."""
    made = {
        "performance/v1": payloads.performance(production=False),
        "fairness/v1": payloads.fairness(ratio=0.97, half=0.05),
        "explanation/v1": payloads.explanation(),
    }
    from governance.approvals.selectors import required_evidence

    for wanted, there in required_evidence(approval):
        if there is None:
            attach(approval, made[wanted["type"]])


def signed(cast, renewal: PromotionRequest) -> PromotionRequest:
    evidence_again(renewal.approval)
    accept(fresh(renewal).approval, cast.validator)
    approve(fresh(renewal).approval, cast.validator)
    approve(fresh(renewal).approval, cast.officer)
    return fresh(renewal)


def test_a_renewal_is_the_same_subject_under_the_same_stages_and_floor(cast, later):
    made = cast.live()
    later(near_the_end(made))
    renewal = asked(cast, made)
    old, new = made.approval, renewal.approval
    assert new.renews_id == old.pk
    same = ("subject_kind", "subject_id", "subject_digest", "asks_for", "system_id", "requester_id")
    assert [getattr(new, name) for name in same] == [getattr(old, name) for name in same]
    assert [row["name"] for row in new.stages] == [row["name"] for row in old.stages]
    assert {row["person"] for row in new.excluded} >= {str(cast.engineer.pk), str(cast.owner.pk)}
    assert state_of(old) == State.APPROVED  # it stands until its renewal takes its place
    evidence_again(new)
    accept(fresh(renewal).approval, cast.validator)
    given(cast.engineer, Role.VALIDATOR)
    with pytest.raises(SelfApproval):
        approve(fresh(renewal).approval, cast.engineer)
    made_anew = Evidence.objects.filter(subject_id=new.subject_id, made_at__gt=old.settled_at)
    assert made_anew.exclude(type="human_review/v1").exists()  # 170 days old is older than the policy's max_age


def test_it_is_asked_for_near_the_end_by_who_has_the_system_and_once(cast, later):
    made = cast.live()
    with pytest.raises(NotRenewable, match="can be renewed from"):
        asked(cast, made)
    later(made.approval.valid_until - 30 * DAY - timedelta(seconds=1))
    with pytest.raises(NotRenewable):
        asked(cast, made)
    later(made.approval.valid_until - 30 * DAY)
    with pytest.raises(Forbidden):
        renewals.request_renewal(promotion_id=made.pk, requester=cast.officer)
    asked(cast, made)
    with pytest.raises(NotRenewable, match="open or approved already"):
        asked(cast, made)


def test_only_what_is_live_and_has_its_force_is_renewed(cast, later):
    made = cast.live(number=1)
    idle = cast.approved(number=2)
    later(near_the_end(made))
    with pytest.raises(NotRenewable, match="not what is behind champion"):
        asked(cast, idle)
    approvals.suspend(request_id=made.approval_id, reason="Drift.", actor=SETUP)
    with pytest.raises(NotRenewable, match="suspended"):
        asked(cast, made)
    later(made.approval.valid_until + DAY)
    approvals.lapse_overdue()
    assert state_of(made.approval) == State.LAPSED
    with pytest.raises(NotRenewable, match="suspended when it lapsed"):
        asked(cast, made)


def test_who_asked_for_it_once_does_not_sign_its_renewals(cast, later):
    made = cast.live()
    later(near_the_end(made))
    renewal, _ = renewals.request_renewal(promotion_id=made.pk, requester=cast.owner)
    kept = {row["person"]: row["reasons"] for row in renewal.approval.excluded}
    assert "requester" in kept[str(cast.engineer.pk)]
    assert "requester" in kept[str(cast.owner.pk)]


def test_what_lapsed_while_it_had_its_force_is_renewed_in_its_grace(cast, later):
    made = cast.live()
    later(made.approval.valid_until + DAY)
    approvals.lapse_overdue()
    renewal = signed(cast, asked(cast, made))
    assert renewal.approval.state == State.APPROVED
    record_applied(renewal.pk)
    assert state_of(made.approval) == State.LAPSED  # it ended before its renewal, and stays so
    assert selectors.live(cast.model, "champion").promotion_id == renewal.pk


def test_what_was_suspended_meanwhile_is_not_renewed_past_its_suspension(cast, later):
    made = cast.live()
    later(near_the_end(made))
    renewal = asked(cast, made)
    evidence_again(renewal.approval)
    accept(fresh(renewal).approval, cast.validator)
    approve(fresh(renewal).approval, cast.validator)
    approvals.suspend(request_id=made.approval_id, reason="Drift.", actor=SETUP)
    with pytest.raises(NotRenewable, match="suspended"):
        approve(fresh(renewal).approval, cast.officer)
    assert state_of(renewal.approval) == State.IN_REVIEW


def test_once_approved_it_takes_its_place_by_itself_and_serving_has_no_gap(cast, later, monkeypatch):
    monkeypatch.setattr(selectors, "has_permit", lambda approval: True)  # the notary's own tests sign it
    made = cast.live()
    later(near_the_end(made))
    renewal = signed(cast, asked(cast, made))
    assert renewal.approval.valid_until == clock.now() + timedelta(days=180)
    assert selectors.live(cast.model, "champion").promotion_id == made.pk
    assert applying.begin_renewals() == 1
    assert applying.begin_renewals() == 0
    record_applied(renewal.pk)
    spans = list(AliasHistory.objects.filter(model=cast.model, alias="champion").order_by("during"))
    assert [span.promotion_id for span in spans] == [made.pk, renewal.pk]
    assert [span.version_id for span in spans] == [made.version_id] * 2
    assert spans[0].during.upper == spans[1].during.lower  # not a moment between
    assert (state_of(made.approval), fresh(made).state) == (State.RENEWED, "superseded")
    assert (state_of(renewal.approval), fresh(renewal).state) == (State.APPROVED, "applied")


def test_a_renewal_waits_while_the_class_of_its_system_is_open_again(cast, later, monkeypatch):
    monkeypatch.setattr(selectors, "has_permit", lambda approval: True)
    made = cast.live()
    later(near_the_end(made))
    renewal = signed(cast, asked(cast, made))
    assert [row.pk for row in renewals.due_to_apply()] == [renewal.pk]
    modifying.declare_modification(ai_system=cast.system, by=cast.owner, kind="facts", what="It reads a new register.")
    assert renewals.due_to_apply() == []
    proposal = a_proposal(cast.system, cast.owner)
    inventory.sign_classification(classification_id=proposal.pk, signer=cast.validator)
    assert [row.pk for row in renewals.due_to_apply()] == [renewal.pk]


def test_a_suspension_at_the_last_moment_keeps_the_renewal_from_taking_its_place(cast, later, monkeypatch):
    monkeypatch.setattr(selectors, "has_permit", lambda approval: True)
    made = cast.live()
    later(near_the_end(made))
    renewal = signed(cast, asked(cast, made))
    applying.begin_renewals()
    approvals.suspend(request_id=made.approval_id, reason="Drift.", actor=SETUP)
    with pytest.raises(NotRenewable), transaction.atomic():
        record_applied(renewal.pk)
    assert selectors.live(cast.model, "champion").promotion_id == made.pk
    assert "suspended" in refusals.may_apply(fresh(renewal))
    assert renewals.due_to_apply() == []


@pytest.mark.parametrize("act", [approvals.suspend, approvals.revoke])
def test_a_renewal_that_lost_its_own_force_takes_no_place(cast, later, monkeypatch, act):
    monkeypatch.setattr(selectors, "has_permit", lambda approval: True)
    made = cast.live()
    later(near_the_end(made))
    renewal = signed(cast, asked(cast, made))
    applying.begin_renewals()
    act(request_id=renewal.approval_id, reason="Drift.", actor=SETUP)
    with pytest.raises(NotRenewable, match="only one in force"), transaction.atomic():
        record_applied(renewal.pk)
    assert state_of(made.approval) == State.APPROVED
    assert selectors.live(cast.model, "champion").promotion_id == made.pk


def test_placet_opens_a_renewal_by_itself_where_the_policy_says_so_and_once(db, mlflow_address, settings, later):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast = Cast(BY_ITSELF)
    made = cast.live()
    later(made.approval.valid_until - 20 * DAY - timedelta(seconds=1))
    assert tasks.open_renewals() == 0
    assert not made.approval.renewals.exists()
    later(made.approval.valid_until - 20 * DAY)
    tasks.open_renewals()
    renewal = made.approval.renewals.get()
    assert renewal.requester == cast.engineer
    from governance.audit import selectors as log

    opened = log.entries_about_request(renewal.pk)[0]
    assert (opened.event, opened.actor) == ("approval.opened", "system:clock")
    approvals.withdraw(request_id=renewal.pk, requester=cast.engineer, reason=REASON)
    tasks.open_renewals()
    assert made.approval.renewals.count() == 1  # what people took back is theirs to ask for again


def test_without_that_word_in_the_policy_nothing_is_opened(cast, later):
    made = cast.live()
    later(near_the_end(made))
    tasks.open_renewals()
    assert not made.approval.renewals.exists()


@pytest.mark.parametrize("stays", [True, False])
def test_it_is_opened_for_who_asked_or_for_the_owner_when_they_left(db, mlflow_address, settings, later, stays):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast = Cast(BY_ITSELF)
    made = cast.live()
    if not stays:
        cast.engineer.is_active = False
        cast.engineer.save(update_fields=["is_active"])
    later(near_the_end(made))
    tasks.open_renewals()
    assert made.approval.renewals.get().requester == (cast.engineer if stays else cast.owner)


# The database keeps it by itself


def written(row: ApprovalRequest, **values) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    with transaction.atomic():
        audit.append(event=Event.APPROVAL_CHANGED, actor=System("intruder"), subjects=[row], data={})


def test_sql_refuses_what_a_renewal_may_not_be(cast, later):
    made = cast.live(number=1)
    other = cast.reviewed(number=2)
    later(near_the_end(made))
    renewal = asked(cast, made)
    with pytest.raises(IntegrityError, match="renews does not change"):
        written(ApprovalRequest.objects.get(pk=other.approval_id), renews=made.approval)
    with pytest.raises(IntegrityError, match="renews does not change"):
        written(ApprovalRequest.objects.get(pk=renewal.approval_id), renews=None)
    with pytest.raises(IntegrityError, match="no approved request renews"):
        written(ApprovalRequest.objects.get(pk=made.approval_id), state=State.RENEWED)
    copy = ApprovalRequest.objects.get(pk=other.approval_id)
    copy.pk, copy._state.adding, copy.renews, copy.state = None, True, made.approval, State.COLLECTING
    copy.asks_for, copy.review_opened_at, copy.manifest_digest = "alias shadow", None, ""
    import uuid

    copy.pk = uuid.uuid4()
    with pytest.raises(IntegrityError, match="something else than what it would renew"):
        written(copy)


def test_sql_refuses_the_approval_of_a_renewal_whose_old_approval_was_revoked(cast, later, monkeypatch):
    made = cast.live()
    later(near_the_end(made))
    renewal = asked(cast, made)
    evidence_again(renewal.approval)
    accept(fresh(renewal).approval, cast.validator)
    approve(fresh(renewal).approval, cast.validator)
    approvals.revoke(request_id=made.approval_id, reason="Gone.", actor=SETUP)
    monkeypatch.setattr("governance.approvals.renewal.check", lambda approval: None)  # the service asleep
    with pytest.raises(IntegrityError, match="would renew one that is revoked"), transaction.atomic():
        approve(fresh(renewal).approval, cast.officer)


# The notary and what loaders hold


@pytest.fixture
def renewed(committed_cast, tmp_path, later):
    """What was renewed and its renewal, both with their permits, before the one takes the other's place."""
    made = committed_cast.live()
    notarise(tmp_path)
    later(near_the_end(made))
    renewal = signed(committed_cast, asked(committed_cast, made))
    notarise(tmp_path)
    return made, renewal


def permit_of(made: PromotionRequest) -> Permit:
    return Permit.objects.select_related("approval__policy_version").get(approval=made.approval_id)


@pytest.mark.django_db(transaction=True)
def test_the_notary_derives_a_renewal_and_signs_its_permit(renewed):
    made, renewal = renewed
    permit = permit_of(renewal)
    assert permit.expires_at > permit_of(made).expires_at
    assert applying.begin_renewals() == 1
    record_applied(renewal.pk)
    old = permit_of(made)
    assert (permit_status.status_of(old), permit_status.refuses_loads(old)) == (
        "valid",
        False,
    )  # who holds it goes on loading
    assert (permit_status.status_of(permit), permit_status.refuses_loads(permit)) == ("valid", False)
    approvals.revoke(request_id=renewal.approval_id, reason="Gone.", actor=SETUP)
    old, permit = permit_of(made), permit_of(renewal)
    assert (permit_status.status_of(old), permit_status.refuses_loads(old)) == ("revoked", True)
    assert (permit_status.status_of(permit), permit_status.refuses_loads(permit)) == ("revoked", True)


@pytest.mark.django_db(transaction=True)
def test_a_renewal_is_derived_only_from_what_it_renews(renewed):
    made, renewal = renewed
    entries = permits.entries_about(ApprovalRequest.objects.get(pk=renewal.approval_id))
    old, new = str(made.approval_id), str(renewal.approval_id)
    assert rederive(entries, new).renews == old
    without = [(index, body) for index, body in entries if body["data"].get("request") != old]
    with pytest.raises(LogDisagrees, match="no entry approves"):
        rederive(without, new)
    last = max(index for index, _ in entries)
    for state in ("suspended", "revoked"):
        moved = {"event": "approval.state_changed", "actor": "person:x", "data": {"request": old, "to": state}}
        with pytest.raises(LogDisagrees, match=state):
            rederive([*entries, (last + 1, moved)], new)
    lapsed = {"event": "approval.state_changed", "actor": "system:clock", "data": {"request": old, "to": "lapsed"}}
    assert rederive([*entries, (last + 1, lapsed)], new).renews == old
    with pytest.raises(LogDisagrees, match="suspended"):
        suspended = lapsed | {"data": {"request": old, "to": "suspended"}}
        rederive([*entries, (last + 1, suspended), (last + 2, lapsed)], new)
    other = [
        (index, body | {"data": body["data"] | {"asks_for": "alias shadow"}})
        if body["data"].get("request") == old and "asks_for" in body["data"]
        else (index, body)
        for index, body in entries
    ]
    with pytest.raises(LogDisagrees, match="something else"):
        rederive(other, new)


@pytest.mark.django_db(transaction=True)
def test_no_permit_is_signed_while_what_is_renewed_is_suspended(committed_cast, tmp_path, later):
    made = committed_cast.live()
    notarise(tmp_path)
    later(near_the_end(made))
    renewal = signed(committed_cast, asked(committed_cast, made))
    approvals.suspend(request_id=made.approval_id, reason="Drift.", actor=SETUP)
    notarise(tmp_path)
    assert not Permit.objects.filter(approval=renewal.approval_id).exists()
