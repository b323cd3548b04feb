"""Find requests for a list: tabs, filters, order and pages, with the same few queries at any size."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, F, Q, QuerySet

from governance.accounts.access import Reach, readable, readable_systems
from governance.accounts.models import User
from governance.accounts.roles import DECIDING
from governance.accounts.selectors import roles_anywhere
from governance.approvals import kinds, selectors
from governance.approvals.models import GRANTED, OPEN, ApprovalRequest, RequestIndex, State
from governance.common import clock
from governance.inventory.models import AISystem

PAGE = 25
SOON = timedelta(days=60)
"""How long before its end an approval is listed as ending: time enough to have it renewed."""
MOST_WORDS = 6
LONGEST = 200
TABS = {"me": "Waiting for me", "open": "All open", "overdue": "Overdue", "ending": "Ending soon", "settled": "Settled"}
SORTS = {
    "due": "Nearest due date",
    "ends": "Nearest end",
    "settled": "Settled last",
    "newest": "Newest",
    "oldest": "Oldest",
}
_ORDER = {"due": ("due_at", False), "settled": ("settled_at", True), "newest": ("opened_at", True)}
_ORDER["ends"] = ("request__valid_until", False)
_ORDER["oldest"] = ("opened_at", False)


@dataclass(frozen=True)
class Asked:
    """What a list is asked for: the words of the page's address, each of them one that is known or empty."""

    waiting: str = "open"
    q: str = ""
    system: str = ""
    ai_act_class: str = ""
    verdict: str = ""
    sort: str = ""

    def address(self, **more: str) -> str:
        """Return the query string that asks for this, shortest form."""
        said = {field.name: getattr(self, field.name) for field in fields(self)} | more
        return urlencode({name: value for name, value in said.items() if value})

    @property
    def order(self) -> str:
        """The order that counts: the one asked for where the tab has it, else the tab's own."""
        return self.sort if self.sort in sorts(self.waiting) else next(iter(sorts(self.waiting)))


def sorts(waiting: str) -> dict[str, str]:
    """Return the orders that a tab offers, its own first: what is settled has no due date, what is open no end."""
    own = {"settled": "settled", "ending": "ends"}.get(waiting, "due")
    return {name: label for name, label in SORTS.items() if name in {own, "newest", "oldest"}}


def asked(viewer: User, query: Mapping[str, str]) -> Asked:
    """Read a page's address; whatever it says that no list knows is left out.

    Without a tab, those who decide get what waits for them, others what is open.
    """
    found = {field.name: str(query.get(field.name, ""))[:LONGEST].strip() for field in fields(Asked)}
    if found["waiting"] not in TABS:
        found["waiting"] = "me" if DECIDING & roles_anywhere(viewer).keys() else "open"
    if found["sort"] not in SORTS:
        found["sort"] = ""
    return Asked(**{name: value.replace("\x00", "") for name, value in found.items()})


@dataclass(frozen=True)
class Page:
    """One page of requests, how many each tab has under the same filters, and where the next page begins.

    Attributes:
        following: the cursor of the next page; empty on the last.
    """

    rows: Sequence[ApprovalRequest]
    counts: Mapping[str, int]
    following: str


def page(reach: Reach, wanted: Asked, *, after: str = "") -> Page:
    """Return one page of what somebody may read.

    Args:
        after: the cursor that the page before it gave; one that is not ours begins at the start.
    """
    tabs = _tabs(reach.person)
    rows = _readable(reach).filter(_filters(wanted))
    counts = {name: rows.filter(condition).count() for name, condition in tabs.items()}  # one index each, no scan
    field, down = _ORDER[wanted.order]
    keys = rows.filter(tabs[wanted.waiting]).order_by(*(f"-{name}" if down else name for name in (field, "pk")))
    if (cursor := _cursor(after)) is not None:
        keys = keys.filter(_beyond(field, down, *cursor))
    found = list(keys.values_list(field, "pk")[: PAGE + 1])
    shown = [pk for _, pk in found[:PAGE]]
    by_key = {
        row.pk: row
        for row in ApprovalRequest.objects.filter(pk__in=shown)
        .select_related("system", "requester")
        .defer("context", "required_evidence", "evidence_ids")
        .prefetch_related("decisions")
    }
    following = "~".join([_said(found[PAGE - 1][0]), str(shown[-1])]) if len(found) > PAGE else ""
    return Page(rows=[by_key[pk] for pk in shown if pk in by_key], counts=counts, following=following)


def open_for(reach: Reach) -> QuerySet[RequestIndex]:
    """Return the requests that are not settled, among those that somebody may read: what the tab *All open* lists."""
    return _readable(reach).filter(state__in=OPEN)


def named(person: User, text: str, most: int) -> list[ApprovalRequest]:
    """Return the newest requests, settled or not, that a person may read and whose names hold the words."""
    rows = _readable(readable_systems(person)).filter(_filters(Asked(q=text)))
    keys = list(rows.order_by("-opened_at", "-pk").values_list("pk", flat=True)[:most])
    by_key = {row.pk: row for row in ApprovalRequest.objects.filter(pk__in=keys).select_related("system")}
    return [by_key[pk] for pk in keys if pk in by_key]


def _readable(reach: Reach) -> QuerySet[RequestIndex]:
    rows = RequestIndex.objects.all()
    if reach.everything:
        return rows
    own = Q(requester=reach.person) | selectors.signable(reach.person)
    return readable(rows, reach, system="system", own=own)


def _tabs(viewer: User) -> dict[str, Q]:
    return {
        "me": selectors.signable(viewer),
        "open": Q(state__in=OPEN),
        "overdue": Q(due_at__lt=clock.now()),
        "ending": Q(request__in=_ending().values("pk")),
        "settled": Q(settled_at__isnull=False),
    }


def _ending() -> QuerySet[ApprovalRequest]:
    """Return the approvals in force that end soon; there is an index of those alone."""
    rows = ApprovalRequest.objects.filter(state__in=GRANTED, valid_until__lt=clock.now() + SOON)
    return rows.filter(state=State.APPROVED)


def _filters(wanted: Asked) -> Q:
    found = Q()
    if wanted.system:
        found &= Q(system__in=AISystem.objects.filter(slug=wanted.system).values("pk"))
    if wanted.ai_act_class:
        found &= Q(system__in=AISystem.objects.filter(ai_act_class=wanted.ai_act_class).values("pk"))
    if wanted.verdict:
        found &= Q(outcome=wanted.verdict)
    for word in wanted.q.lower().split()[:MOST_WORDS]:
        found &= (
            Q(words__contains=word)
            | Q(system__in=AISystem.objects.filter(name__icontains=word).values("pk"))
            | Q(requester__in=User.objects.filter(name__icontains=word).values("pk"))
            | kinds.found_by(word)
        )
    return found


def _beyond(field: str, down: bool, value: datetime | None, pk: uuid.UUID) -> Q:
    """Return the condition that a row comes after one in the order; rows without a value come last."""
    step = "lt" if down else "gt"
    tie = Q(**{f"pk__{step}": pk})
    if value is None:
        return Q(**{f"{field}__isnull": True}) & tie
    later = Q(**{f"{field}__{step}": value}) | Q(**{field: value}) & tie
    return later if down else later | Q(**{f"{field}__isnull": True})


def _said(value: datetime | None) -> str:
    return value.isoformat() if value else ""


def _cursor(text: str) -> tuple[datetime | None, uuid.UUID] | None:
    value, _, key = text.partition("~")
    try:
        moment = datetime.fromisoformat(value) if value else None
        return (moment, uuid.UUID(key)) if moment is None or moment.tzinfo else None
    except ValueError:
        return None


def shown(reach: Reach, wanted: Asked, found: Page) -> dict[str, Any]:
    """Return what the page says around its rows: tabs with counts, filters and their choices, the way on."""
    return {
        "mine": wanted.waiting == "me",
        "total": found.counts[wanted.waiting],
        "filters": {field.name: getattr(wanted, field.name) for field in fields(wanted)} | {"sort": wanted.order},
        "filtered": replace(wanted, waiting="", sort="") != Asked(waiting=""),
        "nothing_yet": not any(found.counts.values()),
        "tabs": [
            {
                "label": label,
                "count": found.counts[name],
                "url": "?" + replace(wanted, waiting=name).address(),
                "current": name == wanted.waiting,
            }
            for name, label in TABS.items()
        ],
        "sorts": list(sorts(wanted.waiting).items()),
        "classes": list(AISystem.AIActClass.choices),
        "systems": list(readable(AISystem.objects.order_by("name"), reach, system="pk").values_list("slug", "name")),
        "first": "?" + wanted.address(),
        "following": "?" + wanted.address(after=found.following) if found.following else "",
        "unfiltered": "?" + Asked(waiting=wanted.waiting).address(),
    }


def median_decision_time(reach: Reach, *, since: datetime) -> tuple[int, Any]:
    """Return how many requests people settled since then, and the median time from review to the end."""
    rows = _readable(reach).filter(settled_at__gte=since, decided_in__isnull=False)
    found = rows.aggregate(count=Count("pk"), median=selectors.Median(F("decided_in")))
    return found["count"], found["median"]
