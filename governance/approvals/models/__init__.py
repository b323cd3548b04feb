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
    "State",
    "Waiver",
]
