"""What the index of requests must say, read the slow way: from the request's JSON and its decisions, in Python."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from governance.accounts.models import User
from governance.approvals import selectors
from governance.approvals.models import ApprovalRequest, RequestIndex, State

HELD = ["state", "outcome", "open_stage", "open_roles", "open_to", "opened_at", "due_at", "settled_at", "decided_in"]


def indexed(request_id: UUID) -> dict[str, Any]:
    """Return what the index says of a request."""
    row = RequestIndex.objects.values(*HELD).get(pk=request_id)
    return {**row, "open_to": set(row["open_to"])}


def read_slowly(request_id: UUID) -> dict[str, Any]:
    """Return the same from the rows that it follows from; whoever is listed counts, whatever became of their role."""
    approval = ApprovalRequest.objects.prefetch_related("decisions").select_related("policy_version").get(pk=request_id)
    stage = selectors.open_stage(approval) if approval.state == State.IN_REVIEW else None
    places = {who: who for who in stage["eligible"]} | stage.get("delegates", {}) if stage else {}
    excluded = {row["person"] for row in approval.excluded}
    people = {
        person.pk
        for person in User.objects.filter(pk__in=places)
        if not {str(person.pk), places[str(person.pk)]} & excluded
        and not selectors.place_taken(approval, stage or {}, person)
    }
    decided = approval.settled_at and approval.review_opened_at and len(approval.decisions.all())
    return {
        "state": approval.state,
        "outcome": approval.verdict.get("outcome", ""),
        "open_stage": stage["name"] if stage else "",
        "open_roles": sorted(stage["roles"]) if stage else [],
        "open_to": people,
        "opened_at": approval.opened_at,
        "due_at": selectors.due_at(approval),
        "settled_at": approval.settled_at,
        "decided_in": approval.settled_at - approval.review_opened_at if decided else None,
    }


def assert_index_holds(request_id: UUID, viewer: User) -> None:
    """Hold the index against the slow reading, and what waits for a person against who can sign now."""
    assert indexed(request_id) == read_slowly(request_id)
    approval = ApprovalRequest.objects.prefetch_related("decisions").get(pk=request_id)
    assert selectors.waiting(viewer).filter(pk=request_id).exists() == selectors.can_sign_now(approval, viewer)
