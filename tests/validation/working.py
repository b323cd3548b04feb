"""A validation, worked on as its validator does, up to the signature."""

from __future__ import annotations

from typing import Any

from governance.accounts.models import User
from governance.approvals.models import ApprovalRequest
from governance.validation import services, signing
from governance.validation.models import Validation
from tests.factories import PASSWORD
from tests.papers import a_pdf

PLAN = {
    "scope": "Ranking and calibration of version 2 on the pinned evaluation rows.",
    "methods": "Replication of the training run, backtest by quarter, a logistic challenger.",
    "out_of_scope": "Data collection by the branches, which internal audit covered in spring.",
}
INDEPENDENCE = {"reporting_line": "Head of model risk, who reports to the CRO.", "conflicts": "none"}
REPORT = {
    "summary": "The ranking holds in each quarter; calibration drifts for applicants below 26.",
    "limitations": "Not for applicants without an income statement, of which there were 14.",
}
TEST = {
    "kind": "test",
    "name": "Backtest by quarter",
    "done": "Scored the eight quarters before the training window and compared the AUC with that of training.",
    "measure": "AUC",
    "outcome": "passed",
    "value": 0.781,
    "low": 0.762,
    "high": 0.8,
}
CHALLENGER = {
    "kind": "challenger",
    "name": "Logistic regression on the same features",
    "done": "Fitted on the training rows with the same folds, compared on the pinned evaluation rows.",
    "measure": "AUC",
    "outcome": "passed",
    "value": 0.021,
    "low": 0.004,
    "high": 0.038,
}
FINDING = {
    "title": "Calibration of young applicants",
    "description": "Predicted risk is four points too low for applicants below 26.",
    "severity": "medium",
}
PDF = a_pdf()


def planned(approval: ApprovalRequest, validator: User) -> Validation:
    """A validation whose plan and declaration stand."""
    made = services.open_validation(approval_id=approval.pk, validator=validator)
    services.state_plan(validation_id=made.pk, by=validator, **PLAN)
    services.declare_independence(validation_id=made.pk, by=validator, no_part=True, **INDEPENDENCE)
    return made


def begun(approval: ApprovalRequest, validator: User) -> Validation:
    """A validation in progress."""
    return services.begin(validation_id=planned(approval, validator).pk, by=validator)


def worked(approval: ApprovalRequest, validator: User, *, opinion: str = "fit") -> Validation:
    """A validation that can be signed."""
    made = begun(approval, validator)
    for values in (TEST, CHALLENGER):
        services.add_test(validation_id=made.pk, by=validator, **values)
    if opinion == "fit_with_conditions":
        services.raise_finding(validation_id=made.pk, by=validator, **FINDING)
    return services.write_report(validation_id=made.pk, by=validator, opinion=opinion, **REPORT)


def sign(made: Validation, by: User, **changes: Any) -> Validation:
    """Sign what stands now."""
    seen = signing.statement_of(Validation.objects.get(pk=made.pk)).digest
    return signing.sign_validation(validation_id=made.pk, by=by, **{"password": PASSWORD, "seen": seen} | changes)


def signed(approval: ApprovalRequest, validator: User, *, opinion: str = "fit") -> Validation:
    """A signed validation."""
    return sign(worked(approval, validator, opinion=opinion), validator)
