"""Read access reviews: which there are, what was said of each role, and the same as a list to take away."""

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet

from governance.accounts import systems
from governance.accounts.models import AccessReview, AccessReviewItem, User
from governance.accounts.recertification import has_ended
from governance.accounts.roles import Role
from governance.common import clock
from governance.common.errors import Unknown
from placet import spreadsheets

FORMAT = "placet-access-review-list/1"
COLUMNS = (
    *("item", "grant", "person", "email", "kind", "role", "system", "since", "until", "granted_by", "confirmed_by"),
    *("verdict", "decided_by", "decided_at"),
)


def reviews_for(viewer: User) -> QuerySet[AccessReview]:
    """Return the reviews that the person may read, newest first: all, or those in which they act."""
    rows = AccessReview.objects.select_related("reviewer", "opened_by").annotate(
        total=Count("items"), decided=Count("items", filter=~Q(items__verdict=""))
    )
    if not viewer.has_perm("accounts.read_people"):
        acts = AccessReviewItem.objects.filter(assigned_to=viewer).values("review")
        rows = rows.filter(Q(reviewer=viewer) | Q(pk__in=acts))
    return rows.order_by("-opened_at")


def review_for(viewer: User, review_id: uuid.UUID) -> AccessReview:
    """Return one of those.

    Raises:
        Unknown: there is no such review, or the person may not read it.
    """
    review = reviews_for(viewer).filter(pk=review_id).first()
    if review is None:
        raise Unknown(f"There is no access review {review_id}.")
    return review


def items_of(review: AccessReview) -> list[AccessReviewItem]:
    """Return the review's items with all that is shown of them, by person and role."""
    related = ("grant__person", "grant__granted_by", "grant__confirmed_by", "assigned_to", "decided_by")
    return list(review.items.select_related(*related).order_by("grant__person__name", "grant__role", "pk"))


def rows_of(review: AccessReview) -> list[dict[str, str]]:
    """Return each role of the review with what was said of it, as text by ``COLUMNS``."""
    items = items_of(review)
    names = systems.names_of(item.grant.system_id for item in items)
    return [_row(item, names) for item in items]


def csv_lines(review: AccessReview) -> Iterator[str]:
    """Yield the rows as CSV, one line at a time; no cell is taken for a formula by a spreadsheet."""
    write = spreadsheets.writer()
    yield write(COLUMNS)
    for row in rows_of(review):
        yield write([row[name] for name in COLUMNS])


def as_json(review: AccessReview) -> dict[str, Any]:
    """Return the review, its signed statement and its rows, as far as they are there."""
    return {
        "format": FORMAT,
        "review": str(review.pk),
        "roles": review.roles,
        "system": str(review.system_id or "") or None,
        "reviewer": review.reviewer.name,
        "opened_by": review.opened_by.name,
        "opened_at": clock.rfc3339(review.opened_at),
        "due_on": review.due_on.isoformat(),
        "signed_at": _time(review.closed_at) or None,
        "statement": review.statement or None,
        "statement_digest": review.statement_digest or None,
        "rows": rows_of(review),
    }


def verdict_of(item: AccessReviewItem) -> str:
    """Return what stands of an item: its verdict, or ``ended`` where the role is over before anybody decided."""
    return item.verdict or ("ended" if has_ended(item.grant) else "")


def _row(item: AccessReviewItem, names: dict[uuid.UUID, str]) -> dict[str, str]:
    grant = item.grant
    return {
        "item": str(item.pk),
        "grant": str(grant.pk),
        "person": grant.person.name,
        "email": grant.person.email,
        "kind": "service account" if grant.person.is_service else "person",
        "role": Role(grant.role).label,
        "system": names.get(grant.system_id, str(grant.system_id)) if grant.system_id else "",
        "since": _time(grant.valid_from),
        "until": _time(grant.valid_until),
        "granted_by": grant.granted_by.name if grant.granted_by else "set-up",
        "confirmed_by": grant.confirmed_by.name if grant.confirmed_by else "",
        "verdict": verdict_of(item),
        "decided_by": item.decided_by.name if item.decided_by else "",
        "decided_at": _time(item.decided_at),
    }


def _time(moment: datetime | None) -> str:
    return clock.rfc3339(moment) if moment else ""
