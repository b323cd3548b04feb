"""The pages of access reviews: which there are, how far each is, and one of them role by role."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, Q

from governance.accounts import people_reading, systems
from governance.accounts.models import AccessReview, AccessReviewItem, User
from governance.accounts.review_reading import items_of, review_for, reviews_for, verdict_of
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.audit import selectors as log
from governance.common import clock

REVIEWS_SHOWN, ITEMS_SHOWN = 50, 100
Errors = Mapping[str, Sequence[str]]


def reviews_page(
    viewer: User, *, values: Mapping[str, Any] | None = None, errors: Errors | None = None
) -> dict[str, Any]:
    """Return the context of accounts/access_reviews.html; ``values`` and ``errors`` are those of a refused form."""
    mine = Count("items", filter=Q(items__assigned_to=viewer, items__verdict=""))
    found = list(reviews_for(viewer).annotate(mine=mine)[:REVIEWS_SHOWN])
    names = systems.names_of(review.system_id for review in found)
    may_open = has_role(viewer, Role.ADMINISTRATOR)
    return {
        "rows": [_review(review, names) | {"mine": review.mine} for review in found],
        "may_open": may_open,
        "choices": {
            "roles": Role.choices if may_open else [],
            "systems": systems.choices() if may_open else [],
            "people": _people() if may_open else [],
            "today": clock.now().date(),
        },
        "form": {**(values or {}), "errors": dict(errors or {})},
        **_shown(viewer),
    }


def review_page(
    viewer: User,
    review_id: uuid.UUID,
    query: Mapping[str, str],
    *,
    values: Mapping[str, Any] | None = None,
    errors: Errors | None = None,
) -> dict[str, Any]:
    """Return the context of accounts/access_review.html; ``errors`` are by an item's id, or of a form.

    Raises:
        Unknown: there is no such review, or the person may not read it.
    """
    review = review_for(viewer, review_id)
    items = items_of(review)
    silent = [item for item in items if not verdict_of(item)]
    show = query.get("show") if query.get("show") in ("waiting", "all") else "all" if review.closed_at else "waiting"
    page = Paginator(silent if show == "waiting" else items, ITEMS_SHOWN).get_page(query.get("page"))
    on_page = list(page.object_list)
    names = systems.names_of([review.system_id, *(item.grant.system_id for item in on_page)])
    reasons = _reasons(viewer, review, on_page)
    own = sum(item.assigned_to_id == viewer.pk for item in silent)
    open_ = review.closed_at is None
    return {
        "review": _review(review, names)
        | {
            "statement": review.statement,
            "digest": review.statement_digest,
            "index": log.indexes_of([review.log_entry]).get(review.log_entry) if review.closed_at else None,
            "counts": {name: sum(verdict_of(item) == name for item in items) for name in AccessReviewItem.Verdict},
        },
        "items": [_item(item, viewer, names, reasons, open_=open_) for item in on_page],
        "waiting": {"all": len(silent), "mine": own, "others": len(silent) - own},
        "filters": {"show": show},
        "page": people_reading.pages(page),
        "may": {
            "sign": open_ and viewer.pk == review.reviewer_id,
            "hand_over": open_ and has_role(viewer, Role.ADMINISTRATOR),
        },
        "people": _people() if open_ and has_role(viewer, Role.ADMINISTRATOR) else [],
        "form": {**(values or {}), "errors": dict(errors or {})},
        **_shown(viewer),
    }


def _shown(viewer: User) -> dict[str, Any]:
    return people_reading.tabs(viewer) if viewer.has_perm("accounts.read_people") else {"shown": {"people": False}}


def _people() -> list[tuple[str, str]]:
    rows = User.objects.filter(is_active=True, sponsor__isnull=True).order_by("name").values_list("pk", "name")
    return [(str(pk), name) for pk, name in rows]


def _review(review: AccessReview, names: Mapping[uuid.UUID, str]) -> dict[str, Any]:
    total, decided = getattr(review, "total", 0), getattr(review, "decided", 0)
    signed = review.closed_at is not None
    return {
        "pk": review.pk,
        "roles": [Role(role).label for role in review.roles],
        "system": names.get(review.system_id, str(review.system_id)) if review.system_id else "",
        "reviewer": review.reviewer.name,
        "opened_by": review.opened_by.name,
        "opened_at": review.opened_at,
        "due_on": review.due_on,
        "overdue": not signed and review.due_on < clock.now().date(),
        "signed_at": review.closed_at,
        "total": total,
        "decided": decided,
        "state": "signed" if signed else "waits for the signature" if decided == total else "open",
    }


def _item(
    item: AccessReviewItem,
    viewer: User,
    names: Mapping[uuid.UUID, str],
    reasons: Mapping[uuid.UUID, str],
    *,
    open_: bool,
) -> dict[str, Any]:
    grant, verdict = item.grant, verdict_of(item)
    mine = open_ and item.assigned_to_id == viewer.pk and grant.person_id != viewer.pk
    return {
        "pk": item.pk,
        "person": {"pk": grant.person_id, "name": grant.person.name, "email": grant.person.email},
        "is_service": grant.person.is_service,
        "role": Role(grant.role).label,
        "system": names.get(grant.system_id, str(grant.system_id)) if grant.system_id else "",
        "since": grant.valid_from,
        "until": grant.valid_until,
        "granted_by": grant.granted_by.name if grant.granted_by else "",
        "confirmed_by": grant.confirmed_by.name if grant.confirmed_by else "",
        "last_login": grant.person.last_login,
        "verdict": verdict,
        "assigned_to": item.assigned_to.name,
        "decided_by": item.decided_by.name if item.decided_by else "",
        "decided_at": item.decided_at,
        "reason": reasons.get(item.pk, ""),
        "may": {"keep": mine and not verdict, "revoke": mine and verdict in ("", "keep")},
        "own": open_ and grant.person_id == viewer.pk,
    }


def _reasons(viewer: User, review: AccessReview, items: Sequence[AccessReviewItem]) -> dict[uuid.UUID, str]:
    """Return the reasons given, for who acts in the review and whoever reads the texts behind the log."""
    acts = viewer.pk in {review.reviewer_id, review.opened_by_id}
    if not acts and not viewer.has_perm("audit.read_payload"):
        return {}
    said = log.payloads_of([item.log_entry for item in items if item.reason_digest])
    return {item.pk: said.get(item.log_entry, {}).get("reason", "") for item in items}
