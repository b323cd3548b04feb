"""What the database refuses of validations, whatever writes to it: each case with an entry that names the row."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from governance.accounts.models import Grant
from governance.accounts.roles import Role
from governance.approvals.findings import open_finding
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.evidence import services as evidence_services
from governance.evidence.models import Evidence
from governance.evidence.producers import Product
from governance.validation.models import Validation, ValidationFinding, ValidationPart, ValidationTest
from tests import payloads
from tests.approvals.test_rules_in_sql import a_decision
from tests.factories import SETUP, Cast, a_policy_text, a_user, fresh, given
from tests.validation.working import begun, planned, signed, worked

pytestmark = pytest.mark.django_db(transaction=True)


def written(*rows: Any, deleted: Any = ()) -> None:
    """Save rows past every service, with the entry that the log's own guard wants."""
    with transaction.atomic():
        audit.append(
            event=Event.VALIDATION_PLANNED, actor=SETUP, subjects=rows, deleted=deleted, data={"made": "by a test"}
        )


def refused(rule: str, *rows: Any, deleted: Any = ()) -> None:
    with pytest.raises(IntegrityError) as problem:
        written(*rows, deleted=deleted)
    cause = problem.value.__cause__
    assert cause is not None
    assert cause.diag.constraint_name == rule, problem.value  # type: ignore[attr-defined]


def a_row(approval: Any, validator: Any, **fields: Any) -> Validation:
    values = {"number": 900, "occasion": "initial", "opened_at": clock.now()} | fields
    return Validation(approval=approval, validator=validator, **values)


def changed(row: Any, **fields: Any) -> Any:
    row = type(row).objects.get(pk=row.pk)
    for name, value in fields.items():
        setattr(row, name, value)
    return row


def test_a_validator_holds_the_role_and_had_no_part_in_the_version(committed_cast):
    cast = committed_cast
    made = cast.reviewed()
    for person in (cast.engineer, cast.owner):
        given(person, Role.VALIDATOR, system_id=cast.system.pk)
        refused("validator_is_independent", a_row(made.approval, person))
    for person in (cast.officer, a_user(), a_user(sponsor=cast.validator)):
        refused("validator_is_independent", a_row(made.approval, person))
    gone = a_user(Role.VALIDATOR)
    type(gone).objects.filter(pk=gone.pk).update(is_active=False)
    refused("validator_is_independent", a_row(made.approval, gone))
    written(a_row(made.approval, cast.validator))


def test_each_part_of_the_floor_is_kept_out_and_what_a_policy_adds_is_not(committed_cast):
    cast = committed_cast
    made = cast.promotion()
    listed = made.approval.excluded
    for part in ("trainer", "evidence_producer", "sponsor"):
        person = a_user(Role.VALIDATOR)
        listed = [*listed, {"person": str(person.pk), "reasons": [part]}]
        written(changed(made.approval, excluded=listed))
        refused("validator_is_independent", a_row(made.approval, person))
    listed = [*listed, {"person": str(cast.validator.pk), "reasons": ["previous_approver"]}]
    written(changed(made.approval, excluded=listed))
    written(a_row(made.approval, cast.validator))


def test_who_owns_the_system_by_now_is_kept_out_too(committed_cast):
    cast = committed_cast
    v = begun(cast.reviewed().approval, cast.validator)
    written(changed(cast.system, owner=cast.validator))
    refused("validator_is_independent", changed(v, opinion="fit"))


def test_a_request_has_one_open_validation(committed_cast):
    cast = committed_cast
    made = cast.reviewed()
    planned(made.approval, cast.validator)
    refused("one_open_validation_per_request", a_row(made.approval, a_user(Role.VALIDATOR)))


def test_it_begins_planned_moves_one_way_and_never_goes(committed_cast):
    cast = committed_cast
    made = cast.reviewed()
    now = clock.now()
    refused("validation_moves_one_way", a_row(made.approval, cast.validator, state="in_progress", begun_at=now))
    v = planned(made.approval, cast.validator)
    refused("validation_moves_one_way", changed(v, state="signed", begun_at=now, settled_at=now))
    refused("validation_of_one_version_by_one_person", changed(v, validator=a_user(Role.VALIDATOR)))
    refused("validation_of_one_version_by_one_person", changed(v, occasion="revalidation"))
    refused("begun_at_once_work_begins", changed(v, state="in_progress"))
    refused("validation_settled_at_iff_settled", changed(v, settled_at=now))
    refused("validation_has_its_parts", changed(v, state="abandoned", settled_at=now))
    with pytest.raises(IntegrityError, match="can be abandoned"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM validation_validation WHERE id = %s", [v.pk])
    written(changed(v, state="in_progress", begun_at=now))
    refused("validation_moves_one_way", changed(v, state="planned", begun_at=None))


def test_work_begins_on_a_plan_and_a_declaration(committed_cast):
    cast = committed_cast
    v = a_row(cast.reviewed().approval, cast.validator)
    written(v)
    written(ValidationPart(validation=v, part="plan", written_at=clock.now()))
    refused("validation_has_its_parts", changed(v, state="in_progress", begun_at=clock.now()))
    written(part := ValidationPart(validation=v, part="independence", written_at=clock.now()))
    refused("written_part_stays", deleted=[part])
    refused("worked_on_while_in_progress", ValidationPart(validation=v, part="report", written_at=clock.now()))
    refused("worked_on_while_in_progress", a_test(v))
    written(changed(v, state="in_progress", begun_at=clock.now()))
    written(a_test(v))


def a_test(v: Validation, **fields: Any) -> ValidationTest:
    values = {"kind": "test", "outcome": "passed", "made_at": clock.now()} | fields
    return ValidationTest(validation=v, **values)


def test_a_signature_needs_evidence_of_the_same_person_version_and_opinion(committed_cast):
    cast = committed_cast
    done = signed(cast.reviewed().approval, cast.validator)
    v = worked(cast.reviewed(number=2).approval, cast.validator)
    now = clock.now()
    other = Evidence.objects.filter(type="performance/v1", subject_digest=v.approval.subject_digest).first()
    for evidence in (None, done.evidence, other):
        refused("validation_signed_with_its_evidence", changed(v, state="signed", settled_at=now, evidence=evidence))


def test_conditions_are_findings(committed_cast):
    cast = committed_cast
    v = worked(cast.reviewed().approval, cast.validator, opinion="fit_with_conditions")
    assert v.raised.count() == 1
    bare = begun(cast.reviewed(number=2).approval, cast.validator)
    written(ValidationPart(validation=bare, part="report", written_at=clock.now()))
    with pytest.raises(IntegrityError, match="there is none"), transaction.atomic():
        evidence = a_validation_evidence(bare, "fit_with_conditions")
        done = {"state": "signed", "settled_at": clock.now(), "opinion": "fit_with_conditions", "evidence": evidence}
        written(changed(bare, **done))


def test_evidence_of_a_validation_is_what_one_was_signed_with(committed_cast):
    cast = committed_cast
    v = worked(cast.reviewed().approval, cast.validator)
    with pytest.raises(IntegrityError, match="nobody signed"), transaction.atomic():
        a_validation_evidence(v, "fit")
    with transaction.atomic():
        done = {"state": "signed", "settled_at": clock.now(), "evidence": a_validation_evidence(v, "fit")}
        written(changed(v, **done))


def test_evidence_about_another_version_of_the_same_bytes_signs_nothing(committed_cast):
    cast = committed_cast
    v = worked(cast.reviewed().approval, cast.validator)
    with pytest.raises(IntegrityError, match="says the same"), transaction.atomic():
        evidence = a_validation_evidence(v, "fit", subject_id=cast.system.pk)
        written(changed(v, state="signed", settled_at=clock.now(), evidence=evidence))


def test_a_date_in_the_past_gives_no_ended_role_back(committed_cast):
    cast = committed_cast
    made = cast.allowed()
    v = worked(made.approval, cast.validator)
    before = clock.now()
    grant = Grant.objects.get(person=cast.validator)
    grant.valid_until = before + timedelta(milliseconds=1)
    written(grant)
    refused("eligible_since_submission", a_decision(made.approval, cast.validator, decided_at=before))
    with pytest.raises(IntegrityError, match="no independent validator"), transaction.atomic():
        evidence = a_validation_evidence(v, "fit")
        written(changed(v, state="signed", settled_at=before, evidence=evidence))


def test_a_stage_that_requires_a_validation_approves_on_no_other_word(transactional_db, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    text = a_policy_text(("requires: human_review/v1}", "requires: validation}"))
    cast = Cast(text.replace("on_insufficient: human_review", "on_insufficient: hold"))
    rule, own = "approved_on_a_validation", a_user(Role.VALIDATOR)
    made = cast.reviewed(ratio=0.97, half=0.05)
    refused(rule, a_decision(made.approval, cast.validator))
    written(a_decision(made.approval, own, verdict="request_changes"))
    made = cast.reviewed(number=2, ratio=0.97, half=0.05)
    signed(made.approval, own)
    other = cast.promotion(number=3, artifact_digest=made.version.artifact_digest)
    assert other.version.pk != made.version.pk
    cast.attached(other, ratio=0.97, half=0.05)
    refused(rule, a_decision(fresh(other).approval, cast.validator))
    signed(made.approval, a_user(Role.VALIDATOR), opinion="not_fit")
    refused(rule, a_decision(made.approval, cast.validator))
    signed(made.approval, own)
    written(a_decision(made.approval, cast.validator))


def a_validation_evidence(v: Validation, opinion: str, **fields: Any) -> Evidence:
    """Evidence of a validation, attached past the services of validations."""
    payload = {
        "type": "human_review/v1",
        "kind": "validation",
        "statement": payloads.a_digest("words"),
        "evidence": [],
        "reviewer_role": "validator",
        "occasion": "initial",
        "opinion": opinion,
        "tests": [],
        "findings": [],
        "no_part": ["owner"],
    }
    return evidence_services.attach(
        evidence_type="human_review/v1",
        subject_digest=v.approval.subject_digest,
        subject_name=v.approval.subject_name,
        producer=v.validator,
        product=Product(payload, {}),
        **({"subject_id": v.approval.subject_id} | fields),
    )


def test_what_was_signed_does_not_change_nor_does_anything_of_it(committed_cast):
    cast = committed_cast
    done = signed(cast.reviewed().approval, cast.validator, opinion="fit_with_conditions")
    for change in ({"opinion": "not_fit"}, {"report_digest": "sha256:0"}, {"state": "in_progress", "settled_at": None}):
        with pytest.raises(DatabaseError, match="validation_validation"):
            written(changed(done, **change))
    test, part = done.tests.first(), done.parts.get(part="report")
    refused("worked_on_while_in_progress", changed(test, outcome="failed"))
    refused("worked_on_while_in_progress", deleted=[test])
    refused("worked_on_while_in_progress", a_test(done))
    refused("worked_on_while_in_progress", changed(part, written_at=clock.now()))
    finding = open_finding(
        system=cast.system, code="raised", title="Later", severity="low", source="validation", actor=SETUP
    )
    refused("worked_on_while_in_progress", ValidationFinding(validation=done, finding=finding))
    with pytest.raises(DatabaseError):
        written(deleted=[done.raised.get()])


def test_a_test_is_not_moved_from_a_signed_validation_to_an_open_one_or_back(committed_cast):
    cast = committed_cast
    done = signed(cast.reviewed().approval, cast.validator)
    v = worked(cast.reviewed(number=2).approval, cast.validator)
    refused("worked_on_while_in_progress", changed(done.tests.first(), validation=v))
    refused("worked_on_while_in_progress", changed(v.tests.first(), validation=done))


def test_figures_and_findings_fit(committed_cast):
    cast = committed_cast
    v = worked(cast.reviewed().approval, cast.validator)
    refused("challenger_differs_by_a_figure", a_test(v, kind="challenger"))
    refused("test_interval_holds_its_value", a_test(v, value=0.5, low=0.6, high=0.7))
    refused("test_interval_holds_its_value", a_test(v, low=0.6, high=0.7))
    of_another_source = open_finding(
        system=cast.system, code="drift", title="Drift", severity="low", source="monitor", actor=SETUP
    )
    refused("finding_of_the_validated_system", ValidationFinding(validation=v, finding=of_another_source))


def test_no_row_changes_without_an_entry_that_names_it(committed_cast):
    cast = committed_cast
    v = worked(cast.reviewed().approval, cast.validator)
    rows = (
        ("validation_validation", v.pk, "opinion = 'not_fit'"),
        ("validation_validationtest", v.tests.first().pk, "outcome = 'failed'"),
        ("validation_validationpart", v.parts.first().pk, "written_at = now()"),
    )
    for table, key, change in rows:
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET {change} WHERE id = %s", [key])
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM validation_validationtest WHERE id = %s", [v.tests.first().pk])
