"""What the clock brings, without an entry in the log: what ends soon, is due soon, or is overdue."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from governance.accounts.models import AccessReview, Token
from governance.approvals.models import ApprovalRequest, State
from governance.approvals.selectors import open_findings
from governance.notices.gathering import about_finding, about_request, about_review, about_token
from governance.notices.rules import Fact

SOON = timedelta(days=14)
LAST_CALL = timedelta(days=3)
WEEK = timedelta(days=7)


def facts(now: datetime) -> Iterator[Fact]:
    """Yield what people are told of at ``now``; each has an occasion that names its day, so it is told once."""
    yield from _approvals(now)
    yield from _findings(now)
    yield from _reviews(now)
    yield from _tokens(now)


def _approvals(now: datetime) -> Iterator[Fact]:
    rows = ApprovalRequest.objects.select_related("system__owner", "requester", "policy_version")
    for row in rows.filter(state=State.APPROVED, valid_until__gt=now, valid_until__lte=now + SOON):
        if row.valid_until and row.valid_until - (row.settled_at or now) > SOON:  # not what was granted for a few days
            day = row.valid_until.date()
            yield Fact("approval.ends_soon", f"ends:{row.pk}:{day}", about_request(row, {}), {"on": f"{day:%d %B %Y}"})


def _findings(now: datetime) -> Iterator[Fact]:
    for row in open_findings().filter(due_on__lte=(now + WEEK).date()):
        what = "overdue" if row.due_on < now.date() else "due"
        yield Fact(f"finding.{what}", f"{what}:{row.pk}:{row.due_on}:{row.owner_id}", about_finding(row))


def _reviews(now: datetime) -> Iterator[Fact]:
    for row in AccessReview.objects.filter(closed_at__isnull=True, due_on__lte=(now + WEEK).date()):
        what = "overdue" if row.due_on < now.date() else "due"
        yield Fact(f"access_review.{what}", f"{what}:{row.pk}:{row.due_on}", about_review(row))


def _tokens(now: datetime) -> Iterator[Fact]:
    rows = Token.objects.select_related("holder").filter(
        revoked_at__isnull=True, expires_at__gt=now, expires_at__lte=now + SOON, holder__is_active=True
    )
    for row in rows:
        if row.expires_at - row.made_at <= SOON:  # made for a few days, by somebody who knows
            continue
        call = "last" if row.expires_at - now <= LAST_CALL else "soon"
        data = {"on": f"{row.expires_at:%d %B %Y}"}
        yield Fact("token.expires_soon", f"token:{row.pk}:{call}", about_token(row), data)
