"""Escalation: once, on time, to the roles that the policy names, and nobody may sign who could not before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from governance.accounts.roles import Role
from governance.approvals import escalation, inbox, selectors
from governance.approvals.errors import NotEligible
from governance.approvals.models import ApprovalRequest, State
from governance.approvals.tasks import sweep_approvals
from governance.audit import selectors as log
from governance.common import clock
from governance.common.templatetags.placet import day
from placet.derivation import rederive
from registry import promotions
from tests.factories import REASON, Cast, a_policy_text, a_system, a_user, approve, fresh, given, state_of

TEXT = a_policy_text(("approval:\n", "escalation: {after: P5D, to: [owner, data_protection_officer]}\n\napproval:\n"))


@pytest.fixture
def cast(db, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    return Cast(TEXT)


def after(days: float) -> Any:
    return clock.frozen(clock.now() + timedelta(days=days))


def escalations(approval: ApprovalRequest) -> list[dict]:
    return [row.parsed["data"] for row in log.entries_about_request(approval.pk) if row.event == "approval.escalated"]


def told(person: object) -> list[str]:
    return [item["text"] for item in inbox.inbox_page(person, {})["after"] if "escalated" in item["text"]]


def test_a_request_is_escalated_once_when_its_time_is_over_and_no_sooner(cast):
    approval = cast.allowed().approval
    with after(4.9):
        sweep_approvals()
    assert escalations(approval) == []
    with after(5.1):
        sweep_approvals()
        sweep_approvals()
    assert escalations(approval) == [
        {
            "request": str(approval.pk),
            "subject": {"name": approval.subject_name, "digest": approval.subject_digest},
            "stage": "validation",
            "to": ["owner", "data_protection_officer"],
            "changed": escalations(approval)[0]["changed"],
        }
    ]
    assert state_of(approval) == State.IN_REVIEW


def test_those_whom_the_policy_names_see_it_and_may_sign_no_more_than_before(cast):
    approval = cast.allowed().approval
    officer = a_user(Role.DATA_PROTECTION_OFFICER)
    elsewhere = a_user()
    given(elsewhere, Role.DATA_PROTECTION_OFFICER, system_id=a_system().pk)
    before = ApprovalRequest.objects.get(pk=approval.pk)
    with after(6):
        sweep_approvals()
        assert (
            told(officer)
            == told(cast.owner)
            == [
                f"{approval.subject_name.replace('/', ' v')} waits since "
                f"{day(before.review_opened_at)}: escalated to you"
            ]
        )
        assert told(elsewhere) == told(cast.engineer) == told(cast.validator) == []
        now = ApprovalRequest.objects.get(pk=approval.pk)
        assert (now.stages, now.excluded) == (before.stages, before.excluded)
        assert not selectors.can_sign_now(now, officer)
        with pytest.raises(NotEligible):
            approve(now, officer)
        approve(now, cast.validator)
        approve(now, cast.officer)
        assert state_of(now) == State.APPROVED
        assert told(officer) == []


def test_the_notary_still_derives_an_approval_that_was_escalated(cast):
    approval = cast.allowed().approval
    with after(6):
        sweep_approvals()
        approve(approval, cast.validator)
        approve(approval, cast.officer)
    entries = list(enumerate(row.parsed for row in log.entries_about_request(approval.pk)))
    assert rederive(entries, str(approval.pk)).subject_digest == approval.subject_digest


def test_a_new_round_begins_its_time_anew(cast):
    approval = cast.allowed().approval
    with after(6):
        sweep_approvals()
        approve(approval, cast.validator, verdict="request_changes")
        promotion = fresh(approval.promotion)
        promotions.resubmit(promotion_id=promotion.pk, requester=cast.engineer, reason=REASON)
        again = ApprovalRequest.objects.get(pk=approval.pk)
        assert (again.state, again.escalated_at) == (State.IN_REVIEW, None)
        sweep_approvals()
    assert len(escalations(approval)) == 1
    with after(12):
        sweep_approvals()
    assert len(escalations(approval)) == 2


def test_what_is_decided_or_has_no_service_level_is_never_escalated(cast):
    approval = cast.approved().approval
    with after(20):
        assert escalation.escalate_waiting() == 0
    assert escalations(approval) == []
    assert escalation.shown(ApprovalRequest.objects.get(pk=approval.pk), selectors.document_of(cast.policy)) == ""


def test_the_pages_say_when_and_to_whom(cast):
    approval = cast.allowed().approval
    client = Client()
    client.force_login(cast.validator)
    page = client.get(f"/approvals/{approval.pk}").content.decode()
    assert "escalates to model owner and data protection officer on" in page
    assert "Escalated" not in client.get("/").content.decode()
    with after(6):
        sweep_approvals()
    assert (
        "escalated to model owner and data protection officer on"
        in client.get(f"/approvals/{approval.pk}").content.decode()
    )
    assert "Escalated" in client.get("/").content.decode()


def test_the_database_knows_no_escalation_without_a_review(cast):
    approval = cast.allowed().approval
    for change in ("escalated_at = review_opened_at", "escalated_at = opened_at - interval '1 day'"):
        with (
            pytest.raises(IntegrityError, match="escalated_in_the_review_that_is_open"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"UPDATE approvals_approvalrequest SET {change} WHERE id = %s", [approval.pk])
