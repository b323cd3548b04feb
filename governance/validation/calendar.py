"""When live versions are due to be validated again: what the policy asks for, as a list, and as findings once late."""

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from governance.accounts.access import Reader, readable
from governance.approvals import findings, kinds
from governance.approvals.models import GRANTED, ApprovalRequest, Finding
from governance.audit.actors import System
from governance.common import clock
from governance.policy.selectors import document_of
from governance.validation.models import OPEN, State, Validation

CLOCK = System("clock")
OVERDUE = "revalidation-overdue"
SEVERE_TIERS = (1, 2)

Live = Callable[[], Iterable[uuid.UUID]]
_live: list[Live] = []


def register_live(live: Live) -> None:
    """Say which approvals something that serves now rests on; the layer that knows aliases registers it."""
    _live.append(live)


@dataclass(frozen=True)
class Due:
    """One live version that its policy wants validated again.

    Attributes:
        approval: the request on whose approval it is live.
        title: what people call it, ``credit-risk v2``.
        url: its review page.
        last: its newest signed validation; None when there is none, and then its approval counts, the first of those
            that renew each other.
        under_way: its open validation.
    """

    approval: ApprovalRequest
    title: str
    url: str
    last: Validation | None
    due_on: date
    under_way: Validation | None

    @property
    def overdue(self) -> bool:
        return self.due_on < clock.now().date()


def due_validations(reader: Reader | None = None, *, system_id: uuid.UUID | None = None) -> list[Due]:
    """Return what is due when, the earliest first, in a number of queries that does not grow.

    A version that is live under two aliases is one row, with the earlier day.

    Args:
        reader: who asks; None for Placet itself.
        system_id: only of one AI system.
    """
    live = {pk for ask in _live for pk in ask()}
    rows = ApprovalRequest.objects.filter(pk__in=live, state__in=GRANTED).select_related(
        "system__owner", "policy_version"
    )
    if reader is not None:
        rows = readable(rows, reader, system="system")
    if system_id:
        rows = rows.filter(system=system_id)
    asked = [row for row in rows if document_of(row.policy_version).approval.revalidate_every]
    last, under_way, first = _newest(asked, [State.SIGNED]), _newest(asked, OPEN), _first_approved(asked)
    names = kinds.presented(asked)
    found: dict[tuple[str, str], Due] = {}
    for row in asked:
        name, key = names[row.pk], _subject(row)
        due = Due(
            row, name.title, name.url, last.get(key), _due_on(row, last.get(key), first[row.pk]), under_way.get(key)
        )
        if key not in found or due.due_on < found[key].due_on:
            found[key] = due
    return sorted(found.values(), key=lambda due: (due.due_on, due.title))


def open_overdue() -> int:
    """Open a finding for each version whose day has passed, once for each day missed; return how many were opened."""
    return sum(_opened(due) for due in due_validations() if due.overdue)


def _opened(due: Due) -> bool:
    title = f"{due.title} was due to be validated again on {clock.day(due.due_on)}"
    if Finding.objects.filter(system=due.approval.system_id, code=OVERDUE, title=title).exists():
        return False  # also one that was closed: closing says what is done about it
    opened = findings.open_finding(
        system=due.approval.system,
        code=OVERDUE,
        title=title,
        severity="high" if due.approval.system.model_tier in SEVERE_TIERS else "medium",
        source="validation",
        actor=CLOCK,
        request=due.approval,
    )
    return opened is not None


def _due_on(approval: ApprovalRequest, last: Validation | None, first: datetime | None) -> date:
    every = document_of(approval.policy_version).approval.revalidate_every
    since: datetime | None = last.settled_at if last else first
    if every is None or since is None:
        raise ValueError(f"{approval} is never due.")
    return (since + every).date()


def _first_approved(approvals: Sequence[ApprovalRequest]) -> dict[uuid.UUID, datetime | None]:
    """Return since when each is approved, over all its renewals: they do not put a first validation off."""
    rows = ApprovalRequest.objects.filter(
        subject_id__in=[row.subject_id for row in approvals], settled_at__isnull=False
    )
    known = {pk: (renews, settled) for pk, renews, settled in rows.values_list("pk", "renews", "settled_at")}

    def since(pk: uuid.UUID) -> datetime | None:
        renews, settled = known.get(pk, (None, None))
        return (since(renews) if renews else None) or settled

    return {row.pk: since(row.pk) for row in approvals}


def _subject(approval: ApprovalRequest) -> tuple[str, str]:
    return str(approval.subject_id), approval.subject_digest


def _newest(approvals: Sequence[ApprovalRequest], states: Sequence[str]) -> dict[tuple[str, str], Validation]:
    rows = Validation.objects.filter(
        approval__subject_id__in=[row.subject_id for row in approvals], state__in=states
    ).select_related("approval", "validator")
    return {_subject(row.approval): row for row in rows.order_by("settled_at", "opened_at")}
