"""What a decision, or the lifting of a suspension, says, as the exact text that its signer sees and signs."""

import json
import uuid
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785
from django.conf import settings
from django.core import signing

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import roles_held
from governance.approvals import selectors
from governance.approvals.delegated import place_in
from governance.approvals.errors import StatementStale
from governance.approvals.models import ApprovalRequest, Decision, State
from governance.audit import services as audit
from governance.audit.services import SealedPayload
from governance.common import clock

FORMAT = "placet-decision/1"
LIFTING = "placet-lifting/1"
LASTS_S = 600
OCCASIONAL = ("on_behalf_of", "change_class")
"""What a statement says only where there is something to say; its entry says it, too."""
MEANINGS = {
    Decision.Verdict.APPROVE: (
        "I have read the evidence that this statement names, I had no part in making it, and I approve that the "
        "subject with this digest gets what the request asks for."
    ),
    Decision.Verdict.REQUEST_CHANGES: (
        "I have read the evidence that this statement names, and I ask for changes before anybody approves."
    ),
    Decision.Verdict.REJECT: "I have read the evidence that this statement names, and I reject the request for good.",
}
"""What the signer means by each verdict, in the words that are signed."""
MEANING_OF_LIFTING = (
    "I have looked into why this approval was suspended, I had no part in making its subject, and I give the approval "
    "its force back."
)


@dataclass(frozen=True)
class Prepared:
    """A statement with the erasable reason that it commits to, before anybody has signed it."""

    statement: str
    sealed: SealedPayload

    def token(self) -> str:
        """Return it as text for a form's hidden field: signed by Placet, good for ten minutes."""
        held = [self.statement, b64encode(self.sealed.salt).decode(), self.sealed.content.decode()]
        return signing.dumps(held, salt=FORMAT, compress=True)


def prepare(approval: ApprovalRequest, *, signer: User, verdict: str, stage: str, rationale: str) -> Prepared:
    """Write the statement of a decision: who (as a pseudonym) says what and why, about which bytes, on what.

    It holds the salted commitment to the reason, the same as that of the log entry's payload, so that the signature
    covers the reason and still holds once the reason is erased.
    """
    sealed = audit.seal({"rationale": rationale, "approver": signer.name})
    said = {
        **_facts(approval, signer=signer, verdict=verdict, stage=stage),
        "at": clock.rfc3339(clock.now()),
        "nonce": uuid.uuid4().hex,
        "rationale": sealed.commitment,
    }
    return Prepared(rfc8785.dumps(said).decode(), sealed)


def prepare_lifting(approval: ApprovalRequest, *, signer: User, rationale: str) -> Prepared:
    """Write the statement of who lifts a suspension, with the commitment to the reason, as :func:`prepare` does."""
    sealed = audit.seal({"words": rationale})
    said = {
        **_lifting_facts(approval, signer=signer),
        "at": clock.rfc3339(clock.now()),
        "nonce": uuid.uuid4().hex,
        "rationale": sealed.commitment,
    }
    return Prepared(rfc8785.dumps(said).decode(), sealed)


def class_to_confirm(
    approval: ApprovalRequest, stage: Mapping[str, Any], verdict: str = Decision.Verdict.APPROVE
) -> str:
    """Return the change class that an approval in the validation stage confirms; empty if none is stated."""
    if verdict != Decision.Verdict.APPROVE or Role.VALIDATOR not in stage["roles"]:
        return ""
    return str(approval.context.get("change_class", ""))


def read(token: str, approval: ApprovalRequest, *, signer: User, form: str = FORMAT) -> tuple[Prepared, dict[str, Any]]:
    """Return a prepared statement and what it says, if all that it says of the request is still so.

    Args:
        form: what kind of statement it must be, ``FORMAT`` or ``LIFTING``.

    Raises:
        StatementStale: it was not prepared here, for this act, person and request, within ten minutes, or the request
            has changed since.
    """
    try:
        statement, salt, content = signing.loads(token, salt=FORMAT, max_age=LASTS_S)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise StatementStale("The statement is older than ten minutes, or was not prepared here.") from error
    said: dict[str, Any] = json.loads(statement)
    if said["format"] != form:
        raise StatementStale("The statement is about another act. Begin again.")
    if form == LIFTING:
        now = _lifting_facts(approval, signer=signer)
    else:
        now = _facts(approval, signer=signer, verdict=said["verdict"], stage=said["stage"])
    if {name: said.get(name) for name in now} != now:
        raise StatementStale("The request has changed since the statement was written. Read it again, then sign.")
    return Prepared(statement, SealedPayload(b64decode(salt), content.encode())), said


def _facts(approval: ApprovalRequest, *, signer: User, verdict: str, stage: str) -> dict[str, Any]:
    """Return what a statement says that does not differ from one writing to the next."""
    row = next((row for row in approval.stages if row["name"] == stage), None)
    place = place_in(approval, row, signer, roles_held(signer)) if row else None
    confirms = class_to_confirm(approval, row, verdict) if row else ""
    return {
        "format": FORMAT,
        **_about(approval),
        "stage": stage,
        "verdict": verdict,
        "meaning": str(MEANINGS[Decision.Verdict(verdict)]),
        "signer": signer.actor_id,
        **({"on_behalf_of": str(place.of)} if place and place.of else {}),
        **({"change_class": confirms} if confirms else {}),
    }


def _lifting_facts(approval: ApprovalRequest, *, signer: User) -> dict[str, Any]:
    return {
        "format": LIFTING,
        **_about(approval),
        "from": str(State.SUSPENDED),
        "to": str(State.APPROVED),
        "meaning": MEANING_OF_LIFTING,
        "signer": signer.actor_id,
    }


def _about(approval: ApprovalRequest) -> dict[str, Any]:
    policy, checks = approval.policy_version, approval.verdict.get("checks", [])
    return {
        "log": settings.LOG_ORIGIN,
        "request": str(approval.pk),
        "round": selectors.current_round(approval),
        "subject": {"name": approval.subject_name, "digest": approval.subject_digest},
        "asks_for": approval.asks_for,
        "policy": {"name": policy.name, "version": policy.number, "digest": policy.digest},
        "manifest": approval.manifest_digest,
        "checks": {
            "outcome": approval.outcome,
            "each": {row["id"]: row["outcome"] for row in checks},
            "lifted": {row["id"]: row["lifted_by"] for row in checks if row["lifted_by"]},
        },
    }
