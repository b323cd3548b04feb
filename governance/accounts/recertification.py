"""Access reviews: somebody says of each role in a scope whether it is kept, and signs the result.

The roles are those in force when the review is opened. A role that is revoked ends in the same transaction. Nobody says
anything of a role of their own: the reviewer's roles are given to the administrator who opened the review.
"""

import uuid
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db import transaction

from governance.accounts import administration, administrators, services
from governance.accounts.errors import ItemDecided, OwnRole, ReviewSigned, ReviewUnfinished
from governance.accounts.models import AccessReview, AccessReviewItem, Grant, User
from governance.accounts.roles import Role
from governance.accounts.selectors import grants_in_force
from governance.audit import services as audit
from governance.audit.canonical import encode, plain
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown

FORMAT = "placet-access-review/1"
LONGEST = timedelta(days=365)
AT_ONCE = 100
LONGEST_REASON = 1_000
"""How many items one log entry names; an entry has a largest size."""
Verdict = AccessReviewItem.Verdict


@transaction.atomic
def open_review(
    *, reviewer: User, due_on: date, by: User, roles: Collection[str] = (), system_id: uuid.UUID | None = None
) -> AccessReview:
    """Open a review of the roles in a scope that are in force now, and give each to whom decides on it.

    Args:
        reviewer: who decides and signs; for their own roles, ``by`` decides.
        due_on: the day by which it is to be signed.
        by: the administrator.
        roles: which roles; none means every role.
        system_id: only the roles for that AI system; None means all roles, also those for every system.

    Raises:
        Forbidden: ``by`` is no administrator.
        OwnRole: ``by`` is the reviewer, and a role of theirs is in the scope.
        InvalidInput: the reviewer is no active person, the day has passed or lies more than a year ahead, a role is
            unknown, or nobody holds a role in the scope.
    """
    reviewer, actor = administrators.locked(reviewer), administrators.acting(by)
    if reviewer.is_service or not reviewer.is_active:
        raise InvalidInput(f"{reviewer} is no active person; somebody who can judge the roles reviews them.")
    today = clock.now().date()
    if not today <= due_on <= today + LONGEST:
        raise InvalidInput("The day by which it is signed lies ahead, and within a year.")
    if unknown := set(roles) - set(Role.values):
        raise InvalidInput(f"Unknown roles {sorted(unknown)}; choose from {sorted(Role.values)}.")
    grants = _in_scope(roles, system_id)
    if not grants:
        raise InvalidInput("Nobody holds a role in this scope, so there is nothing to review.")
    if by.pk == reviewer.pk and any(grant.person_id == by.pk for grant in grants):
        raise OwnRole("A role of yours is in this scope; choose another reviewer.")
    review = AccessReview(
        roles=sorted(set(roles)),
        system_id=system_id,
        reviewer=reviewer,
        due_on=due_on,
        opened_by=by,
        opened_at=clock.now(),
    )
    items = [
        AccessReviewItem(review=review, grant=grant, assigned_to=by if grant.person_id == reviewer.pk else reviewer)
        for grant in grants
    ]
    said = _scope(review) | {"due_on": due_on, "opened_by": by.actor_id, "items": len(items)}
    for at in range(0, len(items), AT_ONCE):
        audit.append(
            event=Event.ACCESS_REVIEW_OPENED,
            actor=actor,
            subjects=[*([] if at else [review]), *items[at : at + AT_ONCE]],
            data=said | {"from_item": at},
        )
    return review


@transaction.atomic
def decide_item(*, item_id: uuid.UUID, by: User, verdict: str, reason: str = "") -> AccessReviewItem:
    """Say whether a role is kept; a role that is revoked ends at once, whatever becomes of the review.

    Until the review is signed, a role that was kept can still be revoked.

    Raises:
        Unknown: no such item.
        OwnRole: it is a role of ``by``.
        Forbidden: somebody else is to decide on it.
        ReviewSigned: the review is signed.
        ItemDecided: the role was revoked, or has ended.
        InvalidInput: no such verdict, a revocation without a reason, a reason of more than 1,000 characters, or the
            deployment would be left without an administrator.
    """
    item = _locked_item(item_id)
    _check_may_decide(item, by)
    reason = reason.strip()
    if verdict not in (Verdict.KEEP, Verdict.REVOKE):
        raise InvalidInput("Say keep or revoke.")
    if len(reason) > LONGEST_REASON:
        raise InvalidInput(f"The reason takes at most {LONGEST_REASON:,} characters; this has {len(reason):,}.")
    if verdict == Verdict.REVOKE and not reason:
        raise InvalidInput("Say why the role is taken away.")
    sealed = audit.seal({"reason": reason, "name": by.name}) if reason else None
    if verdict == Verdict.REVOKE:
        administration.end_grants([item.grant], actor=by, review=item.review_id)
    item.verdict, item.decided_by, item.decided_at = verdict, by, clock.now()
    item.reason_digest = sealed.commitment if sealed else ""
    audit.append(
        event=Event.ACCESS_REVIEW_DECIDED,
        actor=by,
        subjects=[item],
        data={"review": item.review_id} | _of(item),
        sealed=sealed,
    )
    return item


@transaction.atomic
def sign_review(*, review_id: uuid.UUID, by: User, password: str) -> AccessReview:
    """Close a review with the reviewer's signature over every role in it and what was said of it.

    Roles that ended before anybody decided are named as ended.

    Raises:
        Unknown: no such review.
        Forbidden: ``by`` is not the reviewer.
        ReviewSigned: it is signed.
        ReviewUnfinished: of some role nothing was said yet.
        SignInAgain: the password is not the reviewer's.
    """
    review = _locked_review(review_id)
    if by.pk != review.reviewer_id:
        raise Forbidden(f"{review.reviewer} signs this review.")
    now = clock.now()
    items = list(review.items.select_for_update(of=("self",)).select_related("grant__person").order_by("pk"))
    silent = [item for item in items if not item.verdict]
    waiting = [item for item in silent if not has_ended(item.grant)]
    if waiting:
        raise ReviewUnfinished(f"Of {len(waiting)} of {len(items)} roles nothing was said yet.")
    services.require_password(by, password)
    for item in silent:
        item.verdict, item.decided_at = Verdict.ENDED, now
    for at in range(0, len(silent), AT_ONCE):
        rows = silent[at : at + AT_ONCE]
        said = {"review": review.pk, "verdict": Verdict.ENDED, "grants": [item.grant_id for item in rows]}
        audit.append(event=Event.ACCESS_REVIEW_DECIDED, actor=by, subjects=rows, data=said)
    review.closed_at = now
    review.statement = encode(statement_of(review, items)).decode()
    review.statement_digest = "sha256:" + sha256(review.statement.encode()).hexdigest()
    audit.append(
        event=Event.ACCESS_REVIEW_SIGNED,
        actor=by,
        subjects=[review],
        data={
            "review": review.pk,
            "statement_digest": review.statement_digest,
            **{verdict: sum(item.verdict == verdict for item in items) for verdict in Verdict.values},
        },
    )
    return review


@transaction.atomic
def hand_over(*, review_id: uuid.UUID, to: User, by: User) -> AccessReview:
    """Give a review that is not signed another reviewer, for instance because the first one left.

    What was said stays said; the roles of which nothing was said go to the new reviewer, theirs to the administrator.

    Raises:
        Unknown: no such review.
        Forbidden: ``by`` is no administrator.
        ReviewSigned: it is signed.
        OwnRole: ``to`` is the administrator, and a role of theirs waits in the review.
        InvalidInput: ``to`` is no active person, or the reviewer already.
    """
    to, actor = administrators.locked(to), administrators.acting(by)
    review = _locked_review(review_id)
    if to.is_service or not to.is_active or to.pk == review.reviewer_id:
        raise InvalidInput("Choose another active person.")
    items = list(review.items.select_for_update(of=("self",)).select_related("grant").filter(verdict=""))
    if to.pk == by.pk and any(item.grant.person_id == by.pk for item in items):
        raise OwnRole("A role of yours waits in this review; choose another reviewer.")
    review.reviewer = to
    for item in items:
        item.assigned_to = by if item.grant.person_id == to.pk else to
    for at in range(0, max(len(items), 1), AT_ONCE):
        audit.append(
            event=Event.ACCESS_REVIEW_HANDED_OVER,
            actor=actor,
            subjects=[*([] if at else [review]), *items[at : at + AT_ONCE]],
            data={"review": review.pk, "reviewer": to.actor_id, "items": len(items), "from_item": at},
        )
    return review


def has_ended(grant: Grant) -> bool:
    """Return whether a role is over, or its holder shut out."""
    return bool(grant.valid_until and grant.valid_until <= clock.now()) or not grant.person.is_active


def statement_of(review: AccessReview, items: Sequence[AccessReviewItem]) -> dict[str, Any]:
    """Return what the reviewer signs: the scope and each role with what was said of it; people as pseudonyms."""
    said: dict[str, Any] = plain(
        {
            "format": FORMAT,
            "log": settings.LOG_ORIGIN,
            **_scope(review),
            "opened_by": review.opened_by.actor_id,
            "opened_at": review.opened_at,
            "due_on": review.due_on,
            "signed_at": review.closed_at,
            "items": [_of(item) for item in sorted(items, key=lambda item: str(item.pk))],
        }
    )
    return said


def _scope(review: AccessReview) -> dict[str, Any]:
    return {
        "review": review.pk,
        "roles": review.roles,
        "system": review.system_id,
        "reviewer": review.reviewer.actor_id,
    }


def _of(item: AccessReviewItem) -> dict[str, Any]:
    grant = item.grant
    return {
        "item": item.pk,
        "grant": grant.pk,
        "person": grant.person.actor_id,
        "role": grant.role,
        "role_system": grant.system_id,
        "since": grant.valid_from,
        "verdict": item.verdict,
        "decided_by": f"person:{item.decided_by_id}" if item.decided_by_id else None,
        "decided_at": item.decided_at,
        "reason": item.reason_digest or None,
    }


def _in_scope(roles: Collection[str], system_id: uuid.UUID | None) -> list[Grant]:
    grants = grants_in_force().select_related("person").order_by("person__name", "role", "pk")
    if roles:
        grants = grants.filter(role__in=roles)
    return list(grants.filter(system_id=system_id) if system_id else grants)


def _check_may_decide(item: AccessReviewItem, by: User) -> None:
    if item.review.closed_at is not None:
        raise ReviewSigned("The review is signed; what it says stays.")
    if item.grant.person_id == by.pk:
        raise OwnRole("This role is yours; somebody else says whether you keep it.")
    if item.assigned_to_id != by.pk:
        raise Forbidden(f"{item.assigned_to} says whether this role is kept.")
    if item.verdict == Verdict.REVOKE or has_ended(item.grant):
        raise ItemDecided("The role has ended, so there is nothing more to say of it.")


def _locked_item(item_id: uuid.UUID) -> AccessReviewItem:
    """Lock the people first, as every act on roles does, then the review, then the item."""
    rows = AccessReviewItem.objects.select_related("grant__person", "review", "assigned_to")
    found = rows.filter(pk=item_id).first()
    if found is None:
        raise Unknown(f"There is no item {item_id}.")
    administrators.locked(found.grant.person)
    AccessReview.objects.select_for_update().get(pk=found.review_id)
    return rows.select_for_update(of=("self", "grant")).get(pk=item_id)


def _locked_review(review_id: uuid.UUID) -> AccessReview:
    rows = AccessReview.objects.select_for_update(of=("self",)).select_related("reviewer", "opened_by")
    review = rows.filter(pk=review_id).first()
    if review is None:
        raise Unknown(f"There is no access review {review_id}.")
    if review.closed_at is not None:
        raise ReviewSigned("The review is signed; what it says stays.")
    return review
