"""The lifting of a suspension: it gives an approval its force back, so it is signed as the approval was."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db import transaction

from governance.accounts import passkeys
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.accounts.services import require_password
from governance.approvals import conditions, selectors, services, statements
from governance.approvals.errors import ChecksHold, NotEligible, PasskeyNeeded, RequestNotOpen
from governance.approvals.models import ApprovalRequest, Finding, State
from governance.approvals.signing import PASSKEY, check_rationale, check_signer, wants_passkey
from governance.audit import selectors as log
from governance.audit.events import Event
from governance.audit.services import SealedPayload
from governance.common.errors import Forbidden


def by_passkey(approval: ApprovalRequest) -> bool:
    """Return whether lifting a suspension of this approval takes a passkey: where a stage that granted it did."""
    return any(wants_passkey(stage) for stage in approval.stages)


def check_may_lift(approval: ApprovalRequest, signer: User) -> None:
    """Check that the person may lift a suspension of this approval. Pages ask it too.

    Raises:
        SelfApproval, NotEligible: as for lifting it.
    """
    check_signer(approval, signer)
    if not has_role(signer, Role.RISK_OFFICER, system_id=approval.system_id):
        raise NotEligible("A risk officer lifts a suspension.")


@transaction.atomic
def lift_suspension(*, request_id: uuid.UUID, signer: User, rationale: str, password: str) -> ApprovalRequest:
    """Give a suspended approval its force back after a re-review.

    Raises:
        NotEligible: only a risk officer without a part in the subject lifts a suspension.
        Forbidden: its system is a prohibited practice, its critical findings are still open, or a finding is overdue.
        ChecksHold: a waiver on which it rested has ended.
        PasskeyNeeded: a stage of it is signed by passkey; see :func:`prepare_lifting` and :func:`sign_lifting`.
        RequestNotOpen, SelfApproval, RationaleTooShort, SignInAgain: as for a decision.
    """
    approval = services.locked(request_id)
    _check(approval, signer)
    if by_passkey(approval):
        raise PasskeyNeeded("This approval was signed with passkeys; a password is not enough to give its force back.")
    rationale = check_rationale(rationale)
    kind = require_password(signer, password)
    prepared = statements.prepare_lifting(approval, signer=signer, rationale=rationale)
    return _lift(approval, signer, prepared.statement, prepared.sealed, {"kind": kind})


def prepare_lifting(*, request_id: uuid.UUID, signer: User, rationale: str) -> statements.Prepared:
    """Write the statement that a passkey is to sign. Nothing is kept here: what the person signs comes back with it.

    Raises:
        PasskeyNeeded: the person has no passkey that was confirmed before the approval was suspended.
        Unknown, NotEligible, Forbidden, ChecksHold, RequestNotOpen, SelfApproval, RationaleTooShort: as for lifting it.
    """
    approval = selectors.request(request_id)
    _check(approval, signer)
    rationale = check_rationale(rationale)
    if not passkeys.usable(signer, since=suspended_at(approval)):
        raise PasskeyNeeded(
            "You have no passkey that was confirmed before this approval was suspended. Somebody who has one lifts it."
        )
    return statements.prepare_lifting(approval, signer=signer, rationale=rationale)


@transaction.atomic
def sign_lifting(*, request_id: uuid.UUID, signer: User, token: str, answer: object) -> ApprovalRequest:
    """Give a suspended approval its force back by a passkey.

    Args:
        token: the prepared statement, :meth:`statements.Prepared.token`.
        answer: what the browser sent (``PublicKeyCredential.toJSON()``), with the statement's digest as challenge.

    Raises:
        StatementStale: the statement is old, another's, about another act, or the approval has changed since.
        PasskeyRefused: the passkey is not one of the signer's that counts here, or did not sign this statement.
        Unknown, NotEligible, Forbidden, ChecksHold, RequestNotOpen, SelfApproval: as above.
    """
    approval = services.locked(request_id)
    _check(approval, signer)
    prepared, _ = statements.read(token, approval, signer=signer, form=statements.LIFTING)
    passkey, assertion = passkeys.signed_by(signer, prepared.statement, answer, since=suspended_at(approval))
    signature = {"kind": PASSKEY, "passkey": passkey.credential_id, **assertion}
    return _lift(approval, signer, prepared.statement, prepared.sealed, signature)


def suspended_at(approval: ApprovalRequest) -> datetime:
    """Return when a suspended approval lost its force, by the log: a passkey that is younger does not lift it."""
    written = [
        entry.parsed["at"]
        for entry in log.entries_about_request(approval.pk)
        if entry.event == Event.APPROVAL_CHANGED and entry.parsed["data"]["to"] == State.SUSPENDED
    ]
    return datetime.fromisoformat(written[-1])


def _check(approval: ApprovalRequest, signer: User) -> None:
    check_may_lift(approval, signer)
    if approval.state != State.SUSPENDED:
        raise RequestNotOpen(f"{approval} is {approval.get_state_display().lower()}, not suspended.")
    if why := conditions.prohibition(approval):
        raise Forbidden(why)
    critical = approval.findings.filter(closed_at__isnull=True, severity=Finding.Severity.CRITICAL).first()
    if critical:
        raise Forbidden(f"Close the critical finding first: {critical.title}")
    if approval.outcome != "ALLOW":
        raise ChecksHold(f"The verdict is {approval.outcome}: {approval.verdict.get('reason', '')}")
    if late := conditions.overdue(approval, lifting=True):
        raise Forbidden(f"A finding is overdue; have it closed or extended first: {late.title}")


def _lift(
    approval: ApprovalRequest, signer: User, statement: str, sealed: SealedPayload, signature: dict[str, Any]
) -> ApprovalRequest:
    return services.move(
        approval,
        State.APPROVED,
        actor=signer,
        reason="The suspension was lifted by a risk officer.",
        allowed={State.SUSPENDED},
        sealed=sealed,
        said={"statement": statement, "signature": signature},
    )
