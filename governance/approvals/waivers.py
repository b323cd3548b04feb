"""Ask that a failed check may stand for a time, and follow what becomes of that."""

import uuid
from datetime import datetime

from django.db import transaction

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.approvals import services, unmeasured, waived
from governance.approvals.errors import NotWaivable, RequestNotOpen, WaiverOpen
from governance.approvals.models import GRANTED, OPEN, ApprovalRequest, State, Waiver
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput
from governance.policy.document import OnFail
from governance.policy.duties import FLOOR
from governance.policy.selectors import document_of
from placet.derivation import waiver_digest


@transaction.atomic
def request_waiver(
    *, request_id: uuid.UUID, check_id: str, requester: User, reason: str, expires_at: datetime
) -> Waiver:
    """Ask that one failed check may stand until a day. The policy's stages sign that, in a request of its own.

    Whoever is kept from signing the request is kept from signing its waiver, and so is who asks for it.

    Raises:
        RequestNotOpen: the request is neither in review nor granted.
        NotWaivable: the check did not fail, or the policy does not let its failure stand.
        WaiverOpen: a waiver of the check waits for its signatures.
        Forbidden: the requester is no engineer or owner of the system.
        InvalidInput: no reason, or an end that is over or later than the policy lets a waiver last.
    """
    approval = services.locked(request_id)
    if approval.state not in {State.IN_REVIEW, *GRANTED} or approval.subject_kind in unmeasured.KINDS:
        raise RequestNotOpen(f"{approval} is {approval.get_state_display().lower()}; nothing of it can be waived.")
    if not has_role(requester, Role.ENGINEER, Role.OWNER, system_id=approval.system_id):
        raise Forbidden(f"Only an engineer or the owner of {approval.system.name} asks for a waiver.")
    document = document_of(approval.policy_version)
    if check_id not in waivable_checks(approval):
        raise NotWaivable(f"{check_id} did not fail, or {document.name} does not let its failure stand.")
    if not document.stages:
        raise NotWaivable(f"{document.name} has no stage that could sign a waiver.")
    if Waiver.objects.filter(request=approval, check_id=check_id, approval__state__in=OPEN).exists():
        raise WaiverOpen(f"A waiver of {check_id} waits for its signatures.")
    if not reason.strip():
        raise InvalidInput("Say why the failed check may stand for now.")
    now, longest = clock.now(), document.approval.waive_for
    if not now < expires_at <= now + longest:
        raise InvalidInput(f"A waiver ends, at the latest in {longest.days} days.")
    waiver_id, digest = uuid.uuid4(), waiver_digest(str(approval.pk), check_id, approval.manifest_digest)
    deciding = services.open_request(
        subject_kind=waived.KIND,
        subject_id=waiver_id,
        subject_name=f"{approval.subject_name}: {check_id}"[:200],
        subject_digest=digest,
        asks_for="waiver",
        alias="",
        system=approval.system,
        requester=requester,
        parts=_parts(approval, requester),
        required_evidence=[],
        context={"waives": check_id, "ends_at": clock.rfc3339(expires_at)},
        policy_version=approval.policy_version,
    )
    made = Waiver(
        pk=waiver_id,
        request=approval,
        check_id=check_id,
        manifest_digest=approval.manifest_digest,
        approval=deciding,
        made_at=now,
        expires_at=expires_at,
    )
    audit.append(
        event=Event.WAIVER_REQUESTED,
        actor=requester,
        subjects=[made],
        data={
            "request": deciding.pk,
            "waives": approval.pk,
            "check": check_id,
            "manifest": approval.manifest_digest,
            "until": expires_at,
        },
        payload={"reason": reason.strip()},
    )
    services.collect(digest, "")
    return made


def waivable_checks(approval: ApprovalRequest) -> dict[str, str]:
    """Return id and title of the checks that failed and whose failure the policy lets stand with a waiver."""
    rows = approval.verdict.get("checks", [])
    return {row["id"]: row["title"] for row in rows if (row["on_fail"], row["outcome"]) == (OnFail.WAIVABLE, "fail")}


def on_state_change(request_id: uuid.UUID, old: str, new: str) -> None:
    """Hold the request against the policy again when a waiver of one of its checks is granted, or ends.

    An approval that rested on a waiver which has ended is suspended.
    """
    row = Waiver.objects.filter(approval_id=request_id).first()
    if row is None or State.APPROVED not in {old, new}:
        return
    approval = services.locked(row.request_id)
    if approval.manifest_digest != row.manifest_digest or approval.state not in {State.IN_REVIEW, *GRANTED}:
        return
    services.evaluate_again(approval)
    if approval.state == State.APPROVED and approval.outcome != "ALLOW":
        reason = "A waiver on which it rested has ended."
        services.move(approval, State.SUSPENDED, actor=services.PLACET, reason=reason, allowed={State.APPROVED})


def _parts(approval: ApprovalRequest, requester: User) -> dict[str, list[str]]:
    """Return who had which part in what the waiver is for; who asks for the waiver is a requester, too."""
    parts: dict[str, list[str]] = {part: [] for part in FLOOR}
    for row in approval.excluded:
        for part in row["reasons"]:
            parts.setdefault(part, []).append(row["person"])
    parts["requester"] = sorted({*parts["requester"], str(requester.pk)})
    return parts
