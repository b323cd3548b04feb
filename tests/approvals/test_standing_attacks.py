"""Ways past a standing approval that an engineer, or who waits at a lock, could try: each ends with people deciding."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction

from governance.accounts.roles import Role
from governance.approvals import services, signing
from governance.approvals.findings import open_finding
from governance.approvals.models import StandingApproval, State
from governance.common import clock
from governance.inventory.services import pin_dataset
from registry import promotions
from tests import payloads
from tests.approvals.test_races import at_once
from tests.approvals.test_standing_approvals import outside
from tests.approvals.test_standing_rules import complete
from tests.factories import (
    PASSWORD,
    REASON,
    SETUP,
    Cast,
    a_dataset,
    a_policy,
    a_policy_text,
    a_user,
    accept,
    approve,
    attach,
    given,
    put_live,
    state_of,
)
from tests.standing import AUC, CODE, SIGNATURE, asked, asked_for, granted, retrained, served
from tests.validation.working import signed as validated


def requested(cast, *, number=2, alias="champion", change_class="pre-determined", **fields):
    """A version that is mirrored asks for an alias."""
    made, _ = promotions.request_promotion(
        model=cast.model.name,
        version=number,
        alias=alias,
        requester=cast.engineer,
        change_class=change_class,
        **fields,
    )
    return made


def test_who_rejected_a_version_for_another_alias_is_not_overruled(cast):
    served(cast)
    granted(cast)
    made = retrained(cast, change_class="non-substantial")
    services.withdraw(request_id=made.approval_id, requester=cast.engineer, reason="For canary first.")
    canary = requested(cast, alias="canary", change_class="non-substantial")
    cast.attached(canary, **AUC)
    approve(canary.approval, cast.validator, verdict="reject")
    assert list(outside(requested(cast))) == ["request.untouched"]


def test_who_revoked_a_version_under_another_alias_is_not_overruled(cast):
    served(cast)
    granted(cast)
    canary = cast.promotion(number=2, alias="canary")
    canary = cast.signed(canary)
    signing.revoke_approval(request_id=canary.approval_id, signer=cast.officer, rationale=REASON, password=PASSWORD)
    made = requested(cast)
    cast.attached(made, **AUC)
    assert "request.untouched" in outside(made)


def test_a_suspension_that_lapsed_is_not_shaken_off_by_asking_anew(cast):
    served(cast)
    granted(cast, max_uses=5)
    made = retrained(cast)
    assert state_of(made.approval) == State.APPROVED
    services.suspend(request_id=made.approval_id, reason="Drift.", actor=SETUP)
    approval = services.locked(made.approval_id)
    services.move(approval, State.LAPSED, actor=services.CLOCK, reason="Its validity ended.", allowed={State.SUSPENDED})
    assert list(outside(requested(cast))) == ["request.untouched"]


def test_a_version_that_merely_lapsed_may_be_let_through_again(cast):
    served(cast)
    granted(cast, max_uses=5)
    made = retrained(cast)
    approval = services.locked(made.approval_id)
    services.move(approval, State.LAPSED, actor=services.CLOCK, reason="Its validity ended.", allowed={State.APPROVED})
    assert state_of(requested(cast).approval) == State.APPROVED


def test_a_validator_who_finds_a_version_unfit_is_not_overruled(cast):
    served(cast)
    granted(cast)
    made = asked_for(cast)
    validated(made.approval, cast.validator, opinion="not_fit")
    cast.attached(made, **AUC)
    assert list(outside(made)) == ["request.untouched"]


def test_a_newer_validation_that_finds_it_fit_lifts_the_objection(cast):
    served(cast)
    granted(cast)
    made = asked_for(cast)
    validated(made.approval, cast.validator, opinion="not_fit")
    validated(made.approval, a_user(Role.VALIDATOR))
    cast.attached(made, **AUC)
    assert state_of(made.approval) == State.APPROVED


def test_a_reviewer_who_rejected_a_check_of_a_version_is_not_overruled(cast):
    served(cast)
    granted(cast)
    made = retrained(cast, change_class="non-substantial")
    accept(made.approval, cast.validator, verdict="rejected")
    services.withdraw(request_id=made.approval_id, requester=cast.engineer, reason="Of the other class.")
    assert list(outside(requested(cast))) == ["request.untouched"]


def test_the_use_restrictions_of_what_serves_are_not_dropped(cast):
    restricted = ["adults only", "not for students"]
    first = cast.promotion(code=CODE, signature=SIGNATURE)
    services.withdraw(request_id=first.approval_id, requester=cast.engineer, reason="With its restrictions.")
    live = requested(cast, number=1, change_class="non-substantial", use_restrictions=restricted)
    put_live(cast, cast.signed(live))
    granted(cast, max_uses=5)
    said = {"standing.restrictions": "Without: adults only; not for students."}
    made = retrained(cast)
    assert outside(made) == said
    services.withdraw(request_id=made.approval_id, requester=cast.engineer, reason="With one of them.")
    made = requested(cast, use_restrictions=restricted[:1])
    assert outside(made) == {"standing.restrictions": "Without: not for students."}
    services.withdraw(request_id=made.approval_id, requester=cast.engineer, reason="With all of them.")
    more = [*restricted, "not in branches"]
    assert state_of(requested(cast, use_restrictions=more).approval) == State.APPROVED


def test_rows_that_the_trainer_chose_are_no_yardstick_and_those_of_a_validator_are(cast):
    served(cast)
    granted(cast, max_uses=5)
    easy = a_dataset("rows that are easy")
    assert list(outside(retrained(cast, number=2, evaluation_dataset=easy))) == ["standing.data"]
    pin_dataset(ai_system=cast.system, dataset_digest=easy.digest, by=cast.validator)
    assert state_of(retrained(cast, number=3).approval) == State.APPROVED


def test_forty_zeros_name_no_commit(cast):
    served(cast)
    granted(cast)
    made = retrained(cast, code=CODE | {"commit": "0" * 40})
    assert outside(made)["envelope.code"] == "Its run names no commit; what is not known is not the same."


def test_an_overdue_finding_that_suspends_approvals_ends_its_force_before_the_sweep_does(db, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast = Cast(
        a_policy_text(("approval:\n", "approval:\n  conditions: {max_open_findings: 9, on_overdue: suspend}\n"))
    )
    served(cast)
    granted(cast)
    finding = open_finding(
        source="review", code="open", title="A medium one", severity="medium", system=cast.system, actor=SETUP
    )
    with clock.frozen(clock.now() + timedelta(days=31)):
        assert finding.due_on < clock.now().date()
        assert "standing.findings" in outside(retrained(cast))


def test_it_is_asked_for_although_the_policy_no_longer_keeps_a_part_out_that_it_kept_out_before(
    db, mlflow_address, settings
):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast = Cast(a_policy_text(("add: [earlier_stage_approver]", "add: [previous_approver]")))
    cast.live()
    second, third = a_user(Role.VALIDATOR), a_user(Role.RISK_OFFICER)
    made = cast.promotion(number=2, code=CODE, signature=SIGNATURE)
    cast.attached(made, **AUC)
    accept(made.approval, second)
    approve(made.approval, second)
    approve(made.approval, third)
    with transaction.atomic():
        end_of_the_first(cast)
    put_live(cast, made)
    assert str(cast.officer.pk) in {row["person"] for row in made.approval.excluded}
    a_policy()
    row = asked(cast)
    assert {item["person"] for item in row.approval.excluded} >= {item["person"] for item in made.approval.excluded}


def end_of_the_first(cast):
    from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

    from governance.audit import services as audit
    from governance.audit.events import Event
    from registry.models import AliasHistory

    span = AliasHistory.objects.get(model=cast.model)
    span.during = DateTimeTZRange(span.during.lower, clock.now(), "[)")
    audit.append(event=Event.PROMOTION_APPLIED, actor=SETUP, subjects=[span], data={"made": "by a test"})


@pytest.mark.django_db(transaction=True)
def test_a_suspension_while_a_use_waits_for_another_counts(committed_cast):
    """The use waits at the row's lock; what was committed meanwhile is seen, as if it had only now been asked."""
    cast = committed_cast
    served(cast)
    row = granted(cast)
    made = asked_for(cast)
    [last] = complete(cast, made)

    def attach_last():
        try:
            last()
        finally:
            connection.close()

    thread = threading.Thread(target=attach_last)
    with transaction.atomic():
        StandingApproval.objects.select_for_update().get(pk=row.pk)
        thread.start()
        wait_until_one_waits()
        assert at_once(lambda: services.suspend(request_id=row.live_id, reason="Drift.", actor=SETUP)) == [True]
    thread.join(30)
    assert list(outside(made)) == ["standing.live"]


def wait_until_one_waits():
    for _ in range(300):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')")
            if cursor.fetchone()[0]:
                return
        threading.Event().wait(0.1)
    raise AssertionError("nobody waits")


def test_a_service_account_that_trained_makes_its_sponsor_no_signer(cast):
    served(cast)
    granted(cast)
    machine = a_user(sponsor=cast.officer)
    assert list(outside(retrained(cast, trained_by=machine))) == ["signers.floor"]


def test_an_owner_who_signed_it_before_owning_the_system_ends_its_force(cast):
    from governance.audit import services as audit
    from governance.audit.events import Event

    served(cast)
    granted(cast)
    given(cast.officer, Role.OWNER)
    cast.system.owner = cast.officer
    with transaction.atomic():
        audit.append(event=Event.SYSTEM_UPDATED, actor=SETUP, subjects=[cast.system], data={"made": "by a test"})
    assert "signers.floor" in outside(retrained(cast))


def test_evidence_that_a_signer_submitted_ends_its_force(cast):
    from tests.factories import submit

    served(cast)
    granted(cast)
    made = asked_for(cast)
    submit(made.approval, payloads.performance(production=True), cast.officer)
    attach(made.approval, payloads.fairness(ratio=0.97, half=0.05))
    attach(made.approval, payloads.explanation())
    assert list(outside(made)) == ["signers.floor"]
