"""What a permit allows now: the loaders' question, answered from the approval or the broken glass behind it."""

from governance.approvals import prohibition
from governance.approvals.models import ApprovalRequest, State
from governance.audit import selectors as log_selectors
from governance.audit.events import Event
from governance.common import clock
from governance.policy.selectors import document_of
from registry.models import AliasChange, Permit

CHANGED = ("digest-mismatch", "source-changed")


def status_of(permit: Permit) -> str:
    """Return what the permit's approval allows now: valid, suspended, revoked or lapsed.

    Of a renewed approval that is what its renewal allows: who still holds the old permit loads the same bytes on it
    until it expires. Whether a suspended or lapsed one may still be loaded is :func:`refuses_loads`.
    """
    if permit.approval is None:
        return _status_of_glass(permit)
    return _status(_standing(permit.approval))


def _status_of_glass(permit: Permit) -> str:
    """A broken glass allows what it put in place, until something else is there or its time is over."""
    if permit.expires_at <= clock.now():
        return "lapsed"
    change = permit.change
    if change is None or change.state == AliasChange.State.FAILED:
        return "revoked"
    return "revoked" if change.opened.filter(during__endswith__isnull=False).exists() else "valid"


def _standing(approval: ApprovalRequest) -> ApprovalRequest:
    """Return the approval itself, or what has taken its place as its renewal."""
    while approval.state == State.RENEWED:
        taken = approval.renewals.filter(promotion__applied_at__isnull=False).select_related("policy_version").first()
        if taken is None:
            break
        approval = taken
    return approval


def _status(approval: ApprovalRequest) -> str:
    state = approval.state
    if state == State.APPROVED:
        valid_until = approval.valid_until
        return "valid" if valid_until and valid_until > clock.now() else "lapsed"
    return {State.SUSPENDED: "suspended", State.LAPSED: "lapsed"}.get(State(state), "revoked")


def refuses_loads(permit: Permit) -> bool:
    """Return whether a loader must refuse: revoked, lapsed with its grace over, suspended over bytes or by its policy.

    What was suspended because it serves a prohibited practice is refused whatever the policy says (Article 5).

    A suspension does not end with the validity: what was suspended when it lapsed is judged as suspended in its grace.
    """
    if permit.approval is None:
        return _status_of_glass(permit) != "valid"
    approval = _standing(permit.approval)
    word = _status(approval)
    if word == "valid":
        return False
    if word == "lapsed":
        if permit.expires_at <= clock.now():
            return True
        if not _lapsed_from_suspension(approval):
            return False
    elif word != "suspended":
        return True
    if _suspended_as_prohibited(approval):
        return True
    mismatch = approval.findings.filter(code__in=CHANGED, closed_at__isnull=True).exists()
    return mismatch or document_of(approval.policy_version).approval.on_suspend != "keep_serving"


def _lapsed_from_suspension(approval: ApprovalRequest) -> bool:
    changes = _changes(approval)
    return bool(changes) and bool(changes[-1].parsed["data"]["from"] == State.SUSPENDED)


def _suspended_as_prohibited(approval: ApprovalRequest) -> bool:
    suspensions = [entry for entry in _changes(approval) if entry.parsed["data"]["to"] == State.SUSPENDED]
    return bool(suspensions) and suspensions[-1].actor == prohibition.CLASS.actor_id


def _changes(approval: ApprovalRequest) -> list[log_selectors.LogEntry]:
    """Return the entries about changes of an approval's state, in order."""
    return [
        entry for entry in log_selectors.entries_about_request(approval.pk) if entry.event == Event.APPROVAL_CHANGED
    ]
