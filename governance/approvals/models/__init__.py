"""The tables of approvals, by topic."""

from governance.approvals.models.comments import Comment
from governance.approvals.models.findings import Finding, Waiver
from governance.approvals.models.listing import RequestIndex, SavedView
from governance.approvals.models.replays import PolicyReplay
from governance.approvals.models.requests import (
    GRANTED,
    OPEN,
    ApprovalRequest,
    ChangeClass,
    Decision,
    Delegation,
    State,
)
from governance.approvals.models.standing import StandingApproval, StandingMatch

__all__ = [
    "GRANTED",
    "OPEN",
    "ApprovalRequest",
    "ChangeClass",
    "Comment",
    "Decision",
    "Delegation",
    "Finding",
    "PolicyReplay",
    "RequestIndex",
    "SavedView",
    "StandingApproval",
    "StandingMatch",
    "State",
    "Waiver",
]
