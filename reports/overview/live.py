"""What serves now: how much of it on a valid approval, what without one and why, and which approvals end soon.

An alias behind which MLflow shows another version than Placet put there counts as that version, without an approval.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Case, Count, Exists, IntegerField, Max, OuterRef, Q, QuerySet, Value, When

from governance.accounts.access import Reader, readable
from governance.approvals.models import OPEN, State
from governance.audit import selectors as log
from governance.audit.events import Event
from governance.common import clock
from registry.deviations import unexplained
from registry.models import AliasHistory, ObservedAlias, Permit, PromotionRequest

SOON = timedelta(days=90)
AGES = ((0, 30), (30, 90), (90, 180), (180, 365), (365, None))
"""Ages of approvals in whole days: from the first on, before the second."""

_APPROVAL = "promotion__approval"
_UNREAD = ("verdict", "context", "required_evidence", "evidence_ids", "stages", "excluded")  # large, and not shown
# What weighs most comes first.
_WORST = Case(
    When(promotion__isnull=True, adoption__isnull=True, then=Value(0)),
    When(promotion__approval__state=State.SUSPENDED, then=Value(2)),
    When(promotion__isnull=False, promotion__approval__state__in=[State.APPROVED, State.LAPSED], then=Value(3)),
    When(adoption__isnull=False, then=Value(4)),
    default=Value(1),
    output_field=IntegerField(),
)


@dataclass(frozen=True)
class Counts:
    """How many versions serve, and how the approvals behind them stand.

    Attributes:
        live: aliases behind which a version serves.
        valid: of these, on an approval that is in force.
        expiring: of the valid ones, how many end within ``SOON``.
        ages: for each of ``AGES``, approvals in force and approvals that lost their force, by the day of approval.
    """

    live: int
    valid: int
    expiring: int
    ages: tuple[tuple[int, int], ...]


def in_force(now: datetime) -> Q:
    """Return the condition that what serves rests on an approval that is valid at this moment."""
    return Q(promotion__approval__state=State.APPROVED, promotion__approval__valid_until__gt=now)


def spans_for(reader: Reader) -> QuerySet[AliasHistory]:
    """Return what serves now as Placet put it there, of the systems in the reader's reach."""
    other = unexplained().filter(model=OuterRef("model"), alias=OuterRef("alias"), last_seen_at__isnull=True)
    rows = AliasHistory.objects.filter(during__endswith__isnull=True).exclude(Exists(other))
    return readable(rows, reader, system="model__system")


def strays_for(reader: Reader) -> QuerySet[ObservedAlias]:
    """Return what MLflow shows behind a protected alias though Placet did not put it there, oldest first."""
    rows = unexplained().filter(last_seen_at__isnull=True, number__isnull=False)
    return readable(rows, reader, system="model__system").order_by("first_seen_at")


def counts_for(reader: Reader) -> Counts:
    """Return the figures; two queries, whatever serves."""
    now = clock.now()
    valid = in_force(now)
    figures = {
        "live": Count("pk"),
        "valid": Count("pk", filter=valid),
        "expiring": Count("pk", filter=valid & Q(promotion__approval__valid_until__lt=now + SOON)),
    }
    for place, (low, high) in enumerate(AGES):
        aged = Q(promotion__approval__settled_at__lte=now - timedelta(days=low))
        if high is not None:
            aged &= Q(promotion__approval__settled_at__gt=now - timedelta(days=high))
        figures[f"valid{place}"] = Count("pk", filter=aged & valid)
        figures[f"aged{place}"] = Count("pk", filter=aged)
    found = spans_for(reader).aggregate(**figures)
    ages = tuple((found[f"valid{place}"], found[f"aged{place}"] - found[f"valid{place}"]) for place in range(len(AGES)))
    return Counts(found["live"] + strays_for(reader).count(), found["valid"], found["expiring"], ages)


@dataclass(frozen=True)
class Without:
    """What serves without a valid approval.

    Attributes:
        state: ``unapproved``, ``break-glass``, ``grandfathered``, or the state of the approval behind it.
        since: when the approval lost its force; where there is none, since when the version serves.
        until: until when what lapsed may still be loaded, and what was adopted may go without an approval.
    """

    model_id: uuid.UUID
    version: str
    alias: str
    system: Any
    state: str
    since: datetime
    said: str
    until: date | datetime | None = None


def without_approval(reader: Reader, most: int) -> list[Without]:
    """Return what serves without a valid approval, the worst first; four queries, whatever their number."""
    strays = strays_for(reader).select_related("model__system", "finding")[:most]
    rows = [
        Without(
            model_id=row.model_id,
            version=f"{row.model} v{row.number}",
            alias=row.alias,
            system=row.model.system,
            state="unapproved",
            since=row.first_seen_at,
            said=row.finding.title if row.finding else "",
        )
        for row in strays
    ]
    spans = spans_for(reader).exclude(pk__in=spans_for(reader).filter(in_force(clock.now())).values("pk"))
    found = list(
        spans.annotate(worst=_WORST)
        .select_related("version__model", "model__system", _APPROVAL, "adoption", "opened_by")
        .defer(*(f"{_APPROVAL}__{name}" for name in _UNREAD))
        .order_by("worst", "during", "pk")[: most - len(rows)]
    )
    keys = [row.promotion.approval_id for row in found if row.promotion]
    lost, until = _lost(keys), _loadable_until(keys)
    return rows + [_without(row, lost, until) for row in found]


def _without(span: AliasHistory, lost: Mapping[uuid.UUID, datetime], until: Mapping[uuid.UUID, datetime]) -> Without:
    state, since, said = "unapproved", span.during.lower, ""
    end: date | datetime | None = None
    if span.promotion:
        approval = span.promotion.approval
        state = State.LAPSED if approval.state == State.APPROVED else approval.state
        said = approval.state_reason
        since = lost.get(approval.pk, since)
        if state == State.LAPSED:
            since, end = approval.valid_until or since, until.get(approval.pk)
    elif span.adoption:
        state, end = "grandfathered", span.adoption.deadline
    elif span.opened_by:
        state, said = "break-glass", f"{span.opened_by}: {span.opened_by.reason}"
    return Without(span.model_id, str(span.version), span.alias, span.model.system, state, since, said, end)


def _lost(approvals: Sequence[uuid.UUID]) -> dict[uuid.UUID, datetime]:
    """Return when each approval came to its state, as the log says it."""
    found: dict[uuid.UUID, datetime] = {}
    for entry in log.entries_naming("approvals_approvalrequest", approvals) if approvals else ():
        body = entry.parsed
        if body["event"] == Event.APPROVAL_CHANGED:
            found[uuid.UUID(body["data"]["request"])] = datetime.fromisoformat(body["at"])
    return found


def _loadable_until(approvals: Sequence[uuid.UUID]) -> dict[uuid.UUID, datetime]:
    rows = Permit.objects.filter(approval__in=approvals, kind=Permit.Kind.SERVE)
    return dict(rows.values_list("approval").annotate(at=Max("expires_at")).order_by())


@dataclass(frozen=True)
class Expiring:
    """What serves on an approval that ends soon.

    Attributes:
        reference: of its promotion: ``PR-12``.
        next: the open request that would take its place, None where nobody made one.
        renews: whether that renews the approval, rather than promotes another version.
    """

    promotion_id: uuid.UUID
    reference: str
    version: str
    alias: str
    ends_at: datetime
    days: int
    next: PromotionRequest | None
    renews: bool


def expiring_for(reader: Reader, most: int) -> list[Expiring]:
    """Return what serves on an approval that ends within ``SOON``, the nearest end first; two queries."""
    now = clock.now()
    rows = list(
        spans_for(reader)
        .filter(in_force(now), promotion__approval__valid_until__lt=now + SOON)
        .select_related("version__model", _APPROVAL)
        .defer(*(f"{_APPROVAL}__{name}" for name in _UNREAD))
        .order_by("promotion__approval__valid_until", "pk")[:most]
    )
    following = _following(rows)
    return [_expiring(row, following, now) for row in rows]


def _following(spans: Iterable[AliasHistory]) -> dict[tuple[uuid.UUID, str], PromotionRequest]:
    """Return by model and alias the newest open request of it."""
    models = {span.model_id for span in spans}
    rows = PromotionRequest.objects.filter(version__model__in=models, approval__state__in=OPEN)
    rows = rows.select_related("version", "approval").defer(*(f"approval__{name}" for name in _UNREAD))
    return {(row.version.model_id, row.alias): row for row in rows.order_by("number")}


def _expiring(
    span: AliasHistory, following: Mapping[tuple[uuid.UUID, str], PromotionRequest], now: datetime
) -> Expiring:
    promotion: Any = span.promotion  # what is filtered by its approval has one
    ends, asked = promotion.approval.valid_until, following.get((span.model_id, span.alias))
    return Expiring(
        promotion_id=promotion.pk,
        reference=str(promotion),
        version=str(span.version),
        alias=span.alias,
        ends_at=ends,
        days=(ends - now).days,
        next=asked,
        renews=asked is not None and asked.approval.renews_id == promotion.approval_id,
    )
