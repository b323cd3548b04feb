"""Sign a validation: what was shown is what is signed, and it becomes evidence about the version."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import rfc8785
from django.db import transaction

from governance.accounts.models import User
from governance.accounts.services import require_password
from governance.approvals import findings
from governance.approvals import services as approvals
from governance.approvals.errors import RequestNotOpen
from governance.approvals.models import GRANTED, ApprovalRequest
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Unknown
from governance.evidence import services as evidence_services
from governance.evidence.models import Evidence
from governance.evidence.producers import Product
from governance.policy import duties
from governance.policy.document import HUMAN_REVIEW
from governance.validation import selectors, services
from governance.validation.errors import ValidationIncomplete, ValidationMoved
from governance.validation.models import Opinion, State, Validation

NOT_FIT = "validation-not-fit"


@dataclass(frozen=True)
class Statement:
    """What a signature would cover now.

    Attributes:
        words: what the validator wrote; it will lie in the entry's erasable payload.
        facts: what the evidence says openly beside the commitment to the words.
        digest: sha256 of both; the page shows it and sends it back, so that nobody signs what they were not shown.
    """

    words: Mapping[str, Any]
    facts: Mapping[str, Any]
    digest: str


def statement_of(validation: Validation) -> Statement:
    """Return what signing a validation would sign now."""
    tests = list(validation.tests.select_related("evidence").order_by("made_at", "pk"))
    raised = list(validation.raised.select_related("finding").order_by("finding__opened_at", "finding_id"))
    written = selectors.written(validation, tests)
    words = {
        "plan": written.plan,
        "independence": written.independence,
        "report": written.report,
        "tests": [written.tests[row.pk] for row in tests],
        "findings": [row.finding.title for row in raised],
        "validator": validation.validator.name,
    }
    facts = {
        "occasion": str(validation.occasion),
        "opinion": str(validation.opinion),
        "tests": [
            {
                "kind": str(row.kind),
                "outcome": str(row.outcome),
                "value": row.value,
                "low": row.low,
                "high": row.high,
                "evidence": row.evidence.payload_digest if row.evidence else None,
            }
            for row in tests
        ],
        "findings": [{"finding": str(row.finding_id), "severity": str(row.finding.severity)} for row in raised],
        "no_part": sorted(duties.FLOOR),
        "evidence": sorted({item.payload_digest for item in selectors.evidence_at_hand(validation.approval)}),
        **({"report": validation.report_digest} if validation.report_digest else {}),
    }
    subject = {"name": validation.approval.subject_name, "digest": validation.approval.subject_digest}
    body: dict[str, Any] = {"validation": str(validation.pk), "subject": subject, "words": words, "facts": facts}
    return Statement(words, facts, "sha256:" + sha256(rfc8785.dumps(body)).hexdigest())


def missing_from(validation: Validation) -> list[str]:
    """Return what keeps a validation from being signed, one sentence each; empty when it can be."""
    said = []
    if validation.state == State.PLANNED:
        return ["Begin the work: state the plan and declare your independence."]
    if not validation.tests.exists():
        said.append("Add at least one test of your own.")
    if not validation.parts.filter(part="report").exists():
        said.append("Write what you found, the limitations and your opinion.")
    if validation.opinion == Opinion.FIT_WITH_CONDITIONS and not validation.raised.exists():
        said.append("Conditions are findings: raise at least one, or change the opinion.")
    if not selectors.validatable(validation.approval):
        said.append("The request was closed; nothing is left to validate. Abandon the validation.")
    return said


@transaction.atomic
def sign_validation(*, validation_id: uuid.UUID, by: User, password: str, seen: str) -> Validation:
    """Sign a validation as its validator. It does not change any more, and its opinion is evidence about the version.

    The evidence is what a policy that asks for ``human_review/v1`` waits for; then the request's review opens with it.
    Of a version that is approved, by this request or another, ``not_fit`` opens a critical finding.

    Args:
        seen: the digest of the statement that the validator was shown.

    Raises:
        Unknown, Forbidden, ValidationSettled, ValidatorNotIndependent: as for any work on it.
        RequestNotOpen: the request was closed meanwhile.
        ValidationIncomplete: something is missing, each named.
        ValidationMoved: what would be signed is not what was shown.
        SignInAgain: the password is not the validator's.
    """
    approval = _locked_request(validation_id)
    validation = services.locked_for(validation_id, by)
    if not selectors.validatable(approval):
        raise RequestNotOpen(f"{approval} is {approval.get_state_display().lower()}; abandon the validation.")
    if missing := missing_from(validation):
        raise ValidationIncomplete(" ".join(missing))
    statement = statement_of(validation)
    if statement.digest != seen:
        raise ValidationMoved("It has changed since this page was made. Read it again, then sign.")
    require_password(by, password)
    evidence = _attach(validation, approval, by, statement)
    validation.evidence, validation.state, validation.settled_at = evidence, State.SIGNED, clock.now()
    audit.append(
        event=Event.VALIDATION_SIGNED,
        actor=by,
        subjects=[validation],
        data={
            "validation": validation.pk,
            "number": validation.number,
            "request": approval.pk,
            "subject": {"name": approval.subject_name, "digest": approval.subject_digest},
            "occasion": validation.occasion,
            "opinion": validation.opinion,
            "evidence": evidence.payload_digest,
            "statement": statement.digest,
            "signature": {"kind": "re-authentication"},
        },
    )
    if validation.opinion == Opinion.NOT_FIT:
        _open_findings(validation, approval, by)
    return validation


def _open_findings(validation: Validation, approval: ApprovalRequest, by: User) -> None:
    """Open a critical finding for each approval of the version, whichever request it was validated for."""
    rows = ApprovalRequest.objects.filter(
        subject_kind=approval.subject_kind,
        subject_id=approval.subject_id,
        subject_digest=approval.subject_digest,
        state__in=GRANTED,
    )
    for granted in rows.select_related("system").order_by("opened_at"):
        findings.open_finding(
            system=granted.system,
            code=NOT_FIT,
            title=f"{validation} says that {granted.subject_name}, approved for {granted.asks_for}, is not fit",
            severity="critical",
            source="validation",
            actor=by,
            request=granted,
        )


def _locked_request(validation_id: uuid.UUID) -> ApprovalRequest:
    """Lock the request before the validation, as whoever attaches evidence does."""
    request_id = Validation.objects.filter(pk=validation_id).values_list("approval_id", flat=True).first()
    if request_id is None:
        raise Unknown(f"There is no validation {validation_id}.")
    return approvals.locked(request_id)


def _attach(validation: Validation, approval: ApprovalRequest, by: User, statement: Statement) -> Evidence:
    """Attach the signed validation, as exactly what the policy waits for where it asks for one."""
    sealed = audit.seal(statement.words)
    asked = next((row for row in approval.required_evidence if row["type"] == HUMAN_REVIEW), None)
    inputs: dict[str, Any] = {"parameters": {"request": str(approval.pk), "validation": str(validation.pk)}}
    if asked:
        inputs = {
            "dataset_digest": asked["dataset"],
            "baseline_digest": asked["baseline"],
            "parameters": asked["parameters"],
            "baseline_id": asked["baseline_id"],
            "settings": asked["settings"],
        }
    payload = {
        "type": HUMAN_REVIEW,
        "kind": "validation",
        "statement": sealed.commitment,
        "reviewer_role": "validator",
        **statement.facts,
    }
    return evidence_services.attach(
        evidence_type=HUMAN_REVIEW,
        subject_digest=approval.subject_digest,
        subject_name=approval.subject_name,
        subject_id=approval.subject_id,
        producer=by,
        origin=Evidence.Origin.SUBMITTED,
        product=Product(payload=payload, environment={"signature": "re-authentication"}),
        sealed=sealed,
        **inputs,
    )
