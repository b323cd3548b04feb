"""What was in production at a time: what Placet put behind an alias, and what MLflow showed there instead.

Where the two differ, what MLflow showed is what consumers got, so it counts: from the pass of the reconciler that saw
it first to the last that saw it. It may have begun up to one pass earlier, which the coverage statement bounds.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, Q

from governance.approvals.models import ApprovalRequest, Decision
from placet.mlflow_plugin.protection import fold
from registry.deviations import STAGE, unexplained
from registry.models import AliasChange, AliasHistory, ObservedAlias, Permit, RegisteredModel

PROMOTION, BREAK_GLASS, ADOPTED = "promotion", str(AliasChange.Kind.BREAK_GLASS), "adopted"
FOUND, UNSTATED = "found", "unstated"


@dataclass(frozen=True)
class Span:
    """One version behind one alias, without a break.

    Attributes:
        version: None: the alias was there by Placet's word and gone in MLflow.
        until: None while it lasts.
        by: ``promotion``; ``break_glass``: one person's word; ``adopted``: it was there when Placet came; ``found``:
            nobody's, the reconciler found it; ``unstated``: Placet knows it without one.
        word: the change that put it there and who asked for it, or the adoption; of a promotion its approvers and
            digests.
        finding: what was opened when it was found.
    """

    alias: str
    version: int | None
    created_at_ms: int | None
    since: datetime
    until: datetime | None
    by: str
    word: Mapping[str, Any]
    finding: uuid.UUID | None

    def covers(self, moment: datetime) -> bool:
        """Return whether it was so at a moment; a span holds its beginning and not its end."""
        return self.since <= moment and (self.until is None or moment < self.until)


def timeline(registered: RegisteredModel, *, alias: str = "", at: datetime | None = None) -> list[Span]:
    """Return who was behind the protected aliases of a model, by alias and time; five queries.

    Args:
        alias: only this one, in any spelling.
        at: only what was there at this moment.
    """
    approvals = Prefetch(
        "promotion__approval",
        ApprovalRequest.objects.prefetch_related(
            Prefetch("decisions", Decision.objects.select_related("approver").order_by("decided_at", "pk")),
            Prefetch("permits", Permit.objects.defer("envelope").order_by("issued_at")),
        ),
    )
    put = AliasHistory.objects.filter(model=registered).select_related(
        "version", "promotion__requester", "opened_by__asked_by", "adoption"
    )
    seen = unexplained().filter(model=registered)
    if alias:
        folded = alias if alias == STAGE else fold(alias)
        put, seen = put.filter(alias=folded), seen.filter(alias=folded)
    if at:
        put = put.filter(during__contains=at)
        seen = seen.filter(Q(last_seen_at__isnull=True) | Q(last_seen_at__gt=at), first_seen_at__lte=at)
    rows = _merged(list(put.prefetch_related(approvals)), list(seen))
    return [row for row in rows if at is None or row.covers(at)]


def _merged(put: Iterable[AliasHistory], seen: Iterable[ObservedAlias]) -> list[Span]:
    """Lay what was seen over what was put, and cut what was put where something else was seen."""
    over: dict[str, list[Span]] = {}
    for row in seen:
        span = _found(row)
        if span.until is None or span.until > span.since:
            over.setdefault(row.alias, []).append(span)
    spans = [span for found in over.values() for span in found]
    for history in put:
        spans += _cut(_put(history), over.get(history.alias, ()))
    return sorted(spans, key=lambda span: (span.alias, span.since, span.version or 0))


def _cut(span: Span, over: Sequence[Span]) -> list[Span]:
    """Return what is left of a span outside of others, in pieces."""
    pieces = [span]
    for other in over:
        left: list[Span] = []
        for piece in pieces:
            if not _overlap(piece, other):
                left.append(piece)
                continue
            if piece.since < other.since:
                left.append(_between(piece, piece.since, other.since))
            if other.until is not None and (piece.until is None or other.until < piece.until):
                left.append(_between(piece, other.until, piece.until))
        pieces = left
    return pieces


def _overlap(one: Span, other: Span) -> bool:
    return (other.until is None or one.since < other.until) and (one.until is None or other.since < one.until)


def _between(span: Span, since: datetime, until: datetime | None) -> Span:
    return Span(span.alias, span.version, span.created_at_ms, since, until, span.by, span.word, span.finding)


def _found(row: ObservedAlias) -> Span:
    return Span(
        alias=row.alias,
        version=row.number,
        created_at_ms=row.mlflow_created_at_ms,
        since=row.first_seen_at,
        until=row.last_seen_at,
        by=FOUND,
        word={},
        finding=row.finding_id,
    )


def _put(row: AliasHistory) -> Span:
    return Span(
        alias=row.alias,
        version=row.version.number,
        created_at_ms=row.version.mlflow_created_at_ms,
        since=row.during.lower,
        until=row.during.upper,
        by=_by(row),
        word=_word(row),
        finding=None,
    )


def _by(row: AliasHistory) -> str:
    if row.promotion:
        return PROMOTION
    if row.adoption:
        return ADOPTED
    return str(row.opened_by.kind) if row.opened_by else UNSTATED


def _word(row: AliasHistory) -> dict[str, Any]:
    """Return on whose word a version was put behind an alias, with the digests by which that is checked."""
    promotion = row.promotion
    by = row.opened_by
    change = {"change": str(by), "changed_as": by.kind, "changed_by": _asker(by)} if by else {}
    if promotion is None:
        return change | ({"adoption": str(row.adoption)} if row.adoption else {})
    approval = promotion.approval
    decisions = list(approval.decisions.all())
    last = max((one.round for one in decisions), default=1)
    permits = [permit for permit in approval.permits.all() if permit.kind == "serve"]
    return {
        **change,
        "promotion": str(promotion),
        "requester": promotion.requester.name,
        "approvers": [
            {"name": one.approver.name, "stage": one.stage, "decided_at": one.decided_at}
            for one in decisions
            if one.verdict == Decision.Verdict.APPROVE and one.round == last
        ],
        "artifact_digest": row.version.artifact_digest,
        "manifest_digest": approval.manifest_digest,
        "permit_digest": permits[-1].digest if permits else "",
        "log_index": permits[-1].log_index if permits else None,
    }


def _asker(change: AliasChange) -> str:
    return change.asked_by.name if change.asked_by else "Placet"
