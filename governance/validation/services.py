"""Work on a validation: open it, plan, declare independence, test, raise findings, report; abandon it."""

import math
import re
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction

from governance.accounts.access import may_read
from governance.accounts.models import User
from governance.approvals import remediation
from governance.approvals import services as approvals
from governance.approvals.models import GRANTED, ApprovalRequest, Finding
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.evidence.models import Evidence
from governance.validation import selectors
from governance.validation.errors import (
    ValidationIncomplete,
    ValidationOpen,
    ValidationSettled,
    ValidatorNotIndependent,
)
from governance.validation.models import (
    OPEN,
    Opinion,
    State,
    Validation,
    ValidationFinding,
    ValidationPart,
    ValidationTest,
)
from governance.validation.report_file import keep_report

Part = ValidationPart.Part
SHORTEST, LONGEST = 20, 20_000
MOST_TESTS = 200


@transaction.atomic
def open_validation(*, approval_id: uuid.UUID, validator: User) -> Validation:
    """Take on the validation of the version that a request is about, before its approval or again while it is live.

    Raises:
        Unknown: no such request, or none that the person may read.
        InvalidInput: there is nothing to validate: the request is closed, or about no version.
        Forbidden: the person is no validator of the AI system.
        ValidatorNotIndependent: the person had a part in the version.
        ValidationOpen: somebody is validating it already.
    """
    approval = approvals.locked(approval_id)
    if not may_read(validator, approval.system_id):
        raise Unknown(f"There is no approval request {approval_id}.")
    if not selectors.validatable(approval):
        raise InvalidInput("Only a version that is asked for or approved is validated.")
    check_independent(approval, validator)
    if found := selectors.open_validation_of(approval):
        raise ValidationOpen(f"{found} of {found.validator.name} is under way; it is signed or abandoned first.")
    occasion = Validation.Occasion.REVALIDATION if approval.state in GRANTED else Validation.Occasion.INITIAL
    validation = Validation(
        number=_next_number(), approval=approval, occasion=occasion, validator=validator, opened_at=clock.now()
    )
    subject = {"name": approval.subject_name, "digest": approval.subject_digest}
    _log(validation, Event.VALIDATION_OPENED, {"subject": subject, "occasion": occasion})
    return validation


def check_independent(approval: ApprovalRequest, person: User) -> None:
    """Check that a person may validate what a request is about. Pages ask it too.

    Raises:
        Forbidden: the person is no validator of the AI system.
        ValidatorNotIndependent: the person had a part in the version.
    """
    if not selectors.is_validator(person, approval.system_id):
        raise Forbidden(f"A validator of {approval.system.name} validates its models.")
    if parts := selectors.parts_of(approval, person):
        said = " and ".join(part.replace("_", " ") for part in parts)
        raise ValidatorNotIndependent(f"You are the {said} of {approval.subject_name}; somebody else must validate it.")


@transaction.atomic
def state_plan(*, validation_id: uuid.UUID, by: User, scope: str, methods: str, out_of_scope: str) -> Validation:
    """Say what is validated, how, and what is not. A later plan replaces it; the log keeps both.

    Raises:
        Unknown, Forbidden, ValidationSettled, ValidatorNotIndependent: as for any work on it, see :func:`locked_for`.
        InvalidInput: a part has fewer than 20 characters, or too many.
    """
    validation = locked_for(validation_id, by)
    words = {
        "scope": _words(scope, "Say what is validated"),
        "methods": _words(methods, "Say by which methods"),
        "out_of_scope": _words(out_of_scope, "Say what is out of scope, and why"),
    }
    return _write(validation, Part.PLAN, words, event=Event.VALIDATION_PLANNED, by=by)


@transaction.atomic
def declare_independence(
    *, validation_id: uuid.UUID, by: User, reporting_line: str, conflicts: str, no_part: bool
) -> Validation:
    """Declare that one had no part in the model, to whom one reports, and what could be taken for a conflict.

    Raises:
        Unknown, Forbidden, ValidationSettled, ValidatorNotIndependent: as for any work on it.
        InvalidInput: it is not declared, or the reporting line or the conflicts are left out (none is an answer).
    """
    validation = locked_for(validation_id, by)
    if not no_part:
        raise InvalidInput("Declare that you had no part in the model, or leave the validation to somebody else.")
    if not reporting_line.strip() or not conflicts.strip():
        raise InvalidInput(
            "State to whom you report, and your conflicts of interest; write `none` where there is none."
        )
    words = {"reporting_line": _bounded(reporting_line), "conflicts": _bounded(conflicts)}
    return _write(validation, Part.INDEPENDENCE, words, event=Event.VALIDATION_DECLARED, by=by)


@transaction.atomic
def begin(*, validation_id: uuid.UUID, by: User) -> Validation:
    """Begin the work once the plan and the declaration stand.

    Raises:
        Unknown, Forbidden, ValidationSettled, ValidatorNotIndependent: as for any work on it.
        ValidationIncomplete: the plan or the declaration is missing.
    """
    validation = locked_for(validation_id, by)
    if validation.state != State.PLANNED:
        return validation
    if not {Part.PLAN, Part.INDEPENDENCE} <= set(validation.parts.values_list("part", flat=True)):
        raise ValidationIncomplete("State the plan and declare your independence first; then the work begins.")
    validation.state, validation.begun_at = State.IN_PROGRESS, clock.now()
    return _log(validation, Event.VALIDATION_BEGUN, {})


@transaction.atomic
def add_test(
    *,
    validation_id: uuid.UUID,
    by: User,
    kind: str,
    name: str,
    done: str,
    outcome: str,
    measure: str = "",
    value: float | None = None,
    low: float | None = None,
    high: float | None = None,
    evidence_id: uuid.UUID | None = None,
) -> ValidationTest:
    """Add a test that the validator made, or a challenger that they set against the model.

    Args:
        name: of the test; of a challenger, which model it is.
        done: what was done, so that somebody else could do it again.
        measure: what the figure is, ``auc``; needed with a figure.
        value: the figure; of a challenger, the model's figure minus the challenger's.
        low, high: its 95 % interval, both or neither.
        evidence_id: evidence about the same version on which it rests.

    Raises:
        Unknown: as for any work on it; or no such evidence about this version.
        Forbidden, ValidationSettled, ValidatorNotIndependent: as for any work on it.
        ValidationIncomplete: the work has not begun, or there are 200 tests already.
        InvalidInput: words are missing, a figure is no number, or the interval does not hold it.
    """
    validation = _in_progress(validation_id, by)
    if kind not in ValidationTest.Kind.values or outcome not in ValidationTest.Outcome.values:
        raise InvalidInput("Choose what it is and what came of it.")
    if validation.tests.count() >= MOST_TESTS:
        raise ValidationIncomplete(f"A validation holds {MOST_TESTS} tests; sum some of them up.")
    _check_figures(kind, measure, value, low, high)
    evidence = _evidence_about(validation.approval, evidence_id) if evidence_id else None
    if not name.strip() or len(name) > 200:
        raise InvalidInput("Name it, in at most 200 characters.")
    words = {"name": name.strip(), "done": _words(done, "Say what was done"), "measure": measure.strip()}
    test = ValidationTest(
        validation=validation,
        kind=kind,
        outcome=outcome,
        value=value,
        low=low,
        high=high,
        evidence=evidence,
        made_at=clock.now(),
    )
    about = {"kind": kind, "outcome": outcome, "evidence": evidence.payload_digest if evidence else None}
    audit.append(
        event=Event.VALIDATION_TESTED, actor=by, subjects=[test], data=_about(validation) | about, payload=words
    )
    return test


@transaction.atomic
def remove_test(*, validation_id: uuid.UUID, by: User, test_id: uuid.UUID) -> None:
    """Take a test out again; that it was there stays in the log.

    Raises:
        Unknown, Forbidden, ValidationSettled, ValidatorNotIndependent, ValidationIncomplete: as for adding one.
    """
    validation = _in_progress(validation_id, by)
    test = validation.tests.filter(pk=test_id).first()
    if test is None:
        raise Unknown(f"{validation} has no test {test_id}.")
    about = _about(validation) | {"kind": test.kind, "outcome": test.outcome}
    audit.append(event=Event.VALIDATION_TEST_REMOVED, actor=by, deleted=[test], data=about)


@transaction.atomic
def raise_finding(
    *, validation_id: uuid.UUID, by: User, title: str, description: str, severity: str
) -> ValidationFinding:
    """Raise a finding of this validation; from then on it lives in the register.

    Raises:
        Unknown, Forbidden, ValidationSettled, ValidatorNotIndependent, ValidationIncomplete: as for a test.
        InvalidInput, FindingKnown: as for any finding.
    """
    validation = _in_progress(validation_id, by)
    finding: Finding = remediation.raise_finding(
        system=validation.approval.system,
        title=title,
        description=description,
        severity=severity,
        source="validation",
        by=by,
    )
    link = ValidationFinding(validation=validation, finding=finding)
    about = _about(validation) | {"finding": finding.pk, "severity": severity}
    audit.append(event=Event.VALIDATION_FOUND, actor=by, subjects=[link], data=about)
    return link


@transaction.atomic
def write_report(*, validation_id: uuid.UUID, by: User, summary: str, limitations: str, opinion: str) -> Validation:
    """Write what was found, the model's limitations and the opinion; a later report replaces it until it is signed.

    Raises:
        Unknown, Forbidden, ValidationSettled, ValidatorNotIndependent, ValidationIncomplete: as for a test.
        InvalidInput: a part has fewer than 20 characters, or the opinion is none of the three.
    """
    validation = _in_progress(validation_id, by)
    if opinion not in Opinion.values:
        raise InvalidInput("Choose an opinion: fit, fit with conditions, or not fit.")
    words = {
        "summary": _words(summary, "Say what you found"),
        "limitations": _words(limitations, "Say what the model is not good for"),
    }
    validation.opinion = opinion
    said = {"opinion": opinion}
    return _write(validation, Part.REPORT, words, event=Event.VALIDATION_REPORTED, by=by, data=said)


@transaction.atomic
def upload_report(*, validation_id: uuid.UUID, by: User, content: bytes) -> Validation:
    """Keep the validator's own report beside the written one; a later file replaces it until it is signed.

    Raises:
        Unknown, Forbidden, ValidationSettled, ValidatorNotIndependent, ValidationIncomplete: as for a test.
        ReportRefused: it is no PDF, or larger than 10 MB.
    """
    validation = _in_progress(validation_id, by)
    validation.report_digest = keep_report(content)
    return _log(validation, Event.VALIDATION_FILED, {"report": validation.report_digest, "bytes": len(content)})


@transaction.atomic
def abandon(*, validation_id: uuid.UUID, by: User, reason: str) -> Validation:
    """Give a validation up, so that somebody can begin another. Its validator may, and so may
    any validator there without a part in the version.

    Raises:
        Unknown, ValidationSettled: no such validation, or it was signed or abandoned.
        Forbidden: the person is no validator of the AI system.
        ValidatorNotIndependent: it is somebody else's, and the person had a part in the version.
        InvalidInput: the reason has fewer than 20 characters.
    """
    validation = _locked(validation_id, by)
    if by.pk != validation.validator_id:
        check_independent(validation.approval, by)
    words = {"reason": _words(reason, "Say why it is given up")}
    validation.state, validation.settled_at = State.ABANDONED, clock.now()
    return _write(validation, Part.ABANDONMENT, words, event=Event.VALIDATION_ABANDONED, by=by)


def locked_for(validation_id: uuid.UUID, by: User) -> Validation:
    """Return an open validation, locked, for its validator to work on.

    Raises:
        Unknown: no such validation, or none that the person may read.
        Forbidden: somebody else makes it, or the person's role has ended.
        ValidationSettled: it was signed or abandoned.
        ValidatorNotIndependent: by now the person has a part in the version.
    """
    validation = _locked(validation_id, by)
    if validation.validator_id != by.pk:
        raise Forbidden(f"{validation.validator.name} makes this validation.")
    check_independent(validation.approval, by)
    return validation


def _locked(validation_id: uuid.UUID, by: User) -> Validation:
    rows = Validation.objects.select_for_update(of=("self",)).select_related("approval__system", "validator")
    validation = rows.filter(pk=validation_id).first()
    own = validation is not None and validation.validator_id == by.pk
    if validation is None or not (own or may_read(by, validation.approval.system_id)):
        raise Unknown(f"There is no validation {validation_id}.")
    if validation.state not in OPEN:
        raise ValidationSettled(f"{validation} is {validation.get_state_display().lower()} and does not change.")
    return validation


def _in_progress(validation_id: uuid.UUID, by: User) -> Validation:
    validation = locked_for(validation_id, by)
    if validation.state != State.IN_PROGRESS:
        raise ValidationIncomplete("State the plan, declare your independence and begin the work first.")
    return validation


def _log(validation: Validation, event: Event, data: dict[str, Any]) -> Validation:
    audit.append(event=event, actor=validation.validator, subjects=[validation], data=_about(validation) | data)
    return validation


def _write(
    validation: Validation,
    part: str,
    words: Mapping[str, str],
    *,
    event: Event,
    by: User,
    data: Mapping[str, Any] | None = None,
) -> Validation:
    """Write a part, and with it the validation as it stands; the words lie in the entry's payload alone."""
    row = validation.parts.filter(part=part).first() or ValidationPart(validation=validation, part=part)
    row.written_at = clock.now()
    about = _about(validation) | dict(data or {})
    audit.append(event=event, actor=by, subjects=[row, validation], data=about, payload=words)
    return validation


def _about(validation: Validation) -> dict[str, Any]:
    return {"validation": validation.pk, "number": validation.number, "request": validation.approval_id}


def _check_figures(kind: str, measure: str, value: float | None, low: float | None, high: float | None) -> None:
    if any(figure is not None and not math.isfinite(figure) for figure in (value, low, high)):
        raise InvalidInput("A figure is a finite number.")
    if value is None and (kind == ValidationTest.Kind.CHALLENGER or low is not None or high is not None):
        raise InvalidInput("Give the figure itself: of a challenger, the model's minus the challenger's.")
    if (low is None) != (high is None) or (low is not None and not low <= (value or 0.0) <= (high or 0.0)):
        raise InvalidInput("An interval has both ends, and the figure lies between them.")
    if value is not None and not re.fullmatch(r"[^\n]{1,60}", measure.strip()):
        raise InvalidInput("Name what the figure measures, in at most 60 characters: AUC, KS, share of defaults.")


def _evidence_about(approval: ApprovalRequest, evidence_id: uuid.UUID) -> Evidence:
    found = Evidence.objects.filter(pk=evidence_id, subject_digest=approval.subject_digest).first()
    if found is None:
        raise Unknown(f"There is no evidence {evidence_id} about {approval.subject_name}.")
    return found


def _words(text: str, what: str) -> str:
    text = _bounded(text)
    if len(text) < SHORTEST:
        raise InvalidInput(f"{what}, in at least {SHORTEST} characters.")
    return text


def _bounded(text: str) -> str:
    text = text.strip()
    if len(text) > LONGEST:
        raise InvalidInput(f"At most {LONGEST:,} characters; upload the long version as a PDF.")
    return text


def _next_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('validation_number')")
        return int(cursor.fetchone()[0])
