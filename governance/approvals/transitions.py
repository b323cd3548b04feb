"""The moves between a request's states, as data: the services keep to it, and so does the database."""

from governance.approvals.models import State

MOVES: dict[State, frozenset[State]] = {
    State.COLLECTING: frozenset({State.IN_REVIEW, State.EXPIRED, State.WITHDRAWN}),
    State.IN_REVIEW: frozenset(
        {State.CHANGES_REQUESTED, State.REJECTED, State.APPROVED, State.EXPIRED, State.WITHDRAWN}
    ),
    State.CHANGES_REQUESTED: frozenset({State.COLLECTING, State.EXPIRED, State.WITHDRAWN}),
    State.APPROVED: frozenset({State.SUSPENDED, State.REVOKED, State.LAPSED, State.RENEWED}),
    State.SUSPENDED: frozenset({State.APPROVED, State.REVOKED, State.LAPSED}),
}
"""From each state, where a request may go; from a state that is not named here, nowhere."""
