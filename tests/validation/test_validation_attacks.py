"""Ways to have one's own work validated, or an unwelcome opinion unsaid: each is refused, or says the same again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from governance.accounts.models import Grant
from governance.accounts.roles import Role
from governance.approvals import selectors as approvals
from governance.approvals import services as approval_services
from governance.approvals.errors import ReviewMissing
from governance.approvals.models import ApprovalRequest, Finding
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.validation import calendar, services
from governance.validation.errors import ValidatorNotIndependent
from registry import promotions, renewals
from registry.models import AliasHistory
from tests import payloads
from tests.factories import SETUP, Cast, a_policy_text, a_user, accept, approve, attach, fresh, given, state_of, submit
from tests.registry.test_renewals import evidence_again
from tests.standing import asked, served
from tests.validation.test_revalidation_calendar import YEARLY
from tests.validation.test_validations import ASKED
from tests.validation.working import begun, signed, worked

REQUIRED = (
    ("requires: human_review/v1}", "requires: validation}"),
    ("on_insufficient: human_review", "on_insufficient: hold"),
)


def a_cast(settings, mlflow_address, *changes) -> Cast:
    settings.MLFLOW_TRACKING_URI = mlflow_address
    text = a_policy_text()
    for old, new in changes:
        text = text.replace(old, new)
    return Cast(text)


def requested(cast, requester, *, number=1, alias="champion"):
    made, _ = promotions.request_promotion(model=cast.model.name, version=number, alias=alias, requester=requester)
    return made


def test_the_validation_that_a_policy_waits_for_is_not_by_who_asks_for_the_version_now(db, mlflow_address, settings):
    cast = a_cast(settings, mlflow_address, *ASKED)
    made = cast.promotion()
    cast.attached(made, ratio=0.97, half=0.05)
    signed(made.approval, cast.validator)
    assert state_of(made.approval) == "in_review"
    approval_services.withdraw(request_id=made.approval_id, requester=cast.engineer, reason="The validator asks.")
    given(cast.validator, Role.ENGINEER)
    own = requested(cast, cast.validator)
    assert state_of(own.approval) == "collecting"
    signed(own.approval, a_user(Role.VALIDATOR))
    assert state_of(own.approval) == "in_review"


def test_the_validation_that_a_policy_waits_for_is_not_by_who_made_its_other_evidence(db, mlflow_address, settings):
    cast = a_cast(settings, mlflow_address, *ASKED)
    made = cast.promotion()
    signed(made.approval, cast.validator)
    submit(made.approval, payloads.performance(production=False), cast.validator)
    attach(made.approval, payloads.fairness(ratio=0.97, half=0.05))
    attach(made.approval, payloads.explanation())
    assert state_of(made.approval) == "collecting"


def test_who_submitted_evidence_that_a_request_waits_for_does_not_validate_it(cast):
    made = cast.promotion()
    submit(made.approval, payloads.performance(production=False), cast.validator)
    with pytest.raises(ValidatorNotIndependent, match="evidence producer"):
        services.open_validation(approval_id=made.approval_id, validator=cast.validator)


def test_an_opinion_of_not_fit_stands_although_its_validator_has_a_part_by_now(db, mlflow_address, settings):
    cast = a_cast(settings, mlflow_address, *REQUIRED)
    made = cast.reviewed(ratio=0.97, half=0.05)
    signed(made.approval, a_user(Role.VALIDATOR))
    critic = a_user(Role.VALIDATOR)
    signed(made.approval, critic, opinion="not_fit")
    cast.system.owner = critic
    with transaction.atomic():
        audit.append(event=Event.SYSTEM_UPDATED, actor=SETUP, subjects=[cast.system], data={"made": "by a test"})
    with pytest.raises(ReviewMissing, match="not fit"):
        approve(made.approval, cast.validator)


def test_a_validation_older_than_the_policy_lets_it_be_is_none(db, mlflow_address, settings):
    cast = a_cast(settings, mlflow_address, *REQUIRED, YEARLY)
    live = cast.promotion()
    signed(live.approval, cast.validator)
    with clock.frozen(clock.now() + timedelta(days=91)):
        approval_services.withdraw(request_id=live.approval_id, requester=cast.engineer, reason="Later.")
        made = requested(cast, cast.engineer)
        cast.attached(made, ratio=0.97, half=0.05)
        with pytest.raises(ReviewMissing, match="older than"):
            approve(made.approval, cast.validator)
        signed(made.approval, cast.validator)
        approve(made.approval, cast.validator)


def test_a_renewal_whose_validator_finds_it_unfit_says_so_of_what_serves(cast):
    live = cast.live()
    with clock.frozen(live.approval.valid_until - timedelta(days=10)):
        renewal, _ = renewals.request_renewal(promotion_id=live.pk, requester=cast.engineer)
        signed(renewal.approval, cast.validator, opinion="not_fit")
    finding = Finding.objects.get(code="validation-not-fit")
    assert (finding.severity, finding.request_id) == ("critical", live.approval_id)


def test_an_unfit_version_under_two_aliases_gets_a_finding_for_each_approval(cast):
    live = cast.live()
    canary = cast.signed(requested(cast, cast.engineer, alias="canary"))
    signed(canary.approval, cast.validator, opinion="not_fit")
    found = Finding.objects.filter(code="validation-not-fit").values_list("request", flat=True)
    assert set(found) == {live.approval_id, canary.approval_id}


def test_renewals_do_not_put_the_first_validation_off_for_ever(db, mlflow_address, settings):
    cast = a_cast(settings, mlflow_address, ("approval:\n", "approval:\n  revalidate_every: P300D\n"))
    live = cast.live()
    [due] = calendar.due_validations()
    with clock.frozen(live.approval.valid_until - timedelta(days=10)):
        renewal, _ = renewals.request_renewal(promotion_id=live.pk, requester=cast.engineer)
        evidence_again(renewal.approval)
        accept(fresh(renewal).approval, cast.validator)
        approve(fresh(renewal).approval, cast.validator)
        approve(fresh(renewal).approval, cast.officer)
        took_over(fresh(renewal), live)
        [again] = calendar.due_validations()
    assert (again.approval.pk, again.due_on) == (renewal.approval_id, due.due_on)


def took_over(renewal, live):
    span = AliasHistory.objects.get(promotion=live)
    span.promotion = renewal
    with transaction.atomic():
        audit.append(event=Event.PROMOTION_APPLIED, actor=SETUP, subjects=[span], data={"made": "by a test"})


def test_who_has_a_part_in_the_version_does_not_give_up_somebody_elses_validation(cast):
    made = worked(cast.reviewed().approval, cast.validator, opinion="not_fit")
    given(cast.engineer, Role.VALIDATOR)
    with pytest.raises(ValidatorNotIndependent):
        services.abandon(validation_id=made.pk, by=cast.engineer, reason="It takes too long, and is not welcome.")
    services.abandon(validation_id=made.pk, by=a_user(Role.VALIDATOR), reason="Taken over, by agreement of both.")


def test_of_a_standing_approval_there_is_nothing_to_validate(cast):
    served(cast)
    with pytest.raises(InvalidInput, match="Only a version"):
        services.open_validation(approval_id=asked(cast).approval_id, validator=cast.validator)


def test_a_validation_of_another_version_with_the_same_bytes_is_none_of_this_one(db, mlflow_address, settings):
    cast = a_cast(settings, mlflow_address, *REQUIRED)
    first = cast.promotion()
    signed(first.approval, cast.validator)
    twin = cast.promotion(number=2, artifact_digest=first.version.artifact_digest)
    assert approvals.newest_validation(ApprovalRequest.objects.get(pk=first.approval_id)) is not None
    assert approvals.newest_validation(ApprovalRequest.objects.get(pk=twin.approval_id)) is None


def test_a_validator_whose_role_ended_works_on_nothing_more(cast):
    made = begun(cast.reviewed().approval, cast.validator)
    with clock.frozen(clock.now() + timedelta(minutes=1)):
        for grant in Grant.objects.filter(person=cast.validator):
            grant.valid_until = clock.now()
            with transaction.atomic():
                audit.append(event=Event.ROLE_REVOKED, actor=SETUP, subjects=[grant], data={"made": "by a test"})
        with pytest.raises((Forbidden, Unknown)):
            services.raise_finding(
                validation_id=made.pk, by=cast.validator, title="Late", description="x" * 30, severity="low"
            )
