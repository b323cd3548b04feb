"""What the clock brings, without an entry in the log: what ends soon, is due soon, or is overdue."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from governance.accounts.models import AccessReview, Token
from governance.approvals.models import ApprovalRequest, State
from governance.approvals.selectors import open_findings
from governance.common import clock
from governance.inventory.models import Correspondence
from governance.notices import topics
from governance.notices.gathering import (
    about_correspondence,
    about_finding,
    about_request,
    about_review,
    about_token,
    about_validation,
)
from governance.notices.rules import Fact
from governance.policy.selectors import document_of
from governance.validation.calendar import due_validations

SOON = timedelta(days=14)
LAST_CALL = timedelta(days=3)
WEEK = timedelta(days=7)
MONTH = timedelta(days=30)


def facts(now: datetime) -> Iterator[Fact]:
    """Yield what people are told of at ``now``; each has an occasion that names its day, so it is told once."""
    yield from _approvals(now)
    yield from _findings(now)
    yield from _correspondence(now)
    yield from _reviews(now)
    yield from _validations(now)
    yield from _tokens(now)
    for topic in topics.topics():
        yield from topic.due(now)


def _approvals(now: datetime) -> Iterator[Fact]:
    rows = ApprovalRequest.objects.select_related("system__owner", "requester", "policy_version")
    for row in rows.filter(state=State.APPROVED, valid_until__gt=now, valid_until__lte=now + SOON):
        if row.valid_until and row.valid_until - (row.settled_at or now) > SOON:  # not what was granted for a few days
            day = row.valid_until.date()
            yield Fact("approval.ends_soon", f"ends:{row.pk}:{day}", about_request(row, {}), {"on": clock.day(day)})


def _findings(now: datetime) -> Iterator[Fact]:
    for row in open_findings().filter(due_on__lte=(now + WEEK).date()):
        what = "overdue" if row.due_on < now.date() else "due"
        yield Fact(f"finding.{what}", f"{what}:{row.pk}:{row.due_on}:{row.owner_id}", about_finding(row))


def _correspondence(now: datetime) -> Iterator[Fact]:
    """Yield notices and requests whose last day is near or has passed; only a law or a policy sets one."""
    rows = Correspondence.objects.select_related("system__owner")
    for row in rows.filter(state=Correspondence.State.OPEN, due_on__lte=(now + WEEK).date()):
        if row.due_on:
            what = "overdue" if row.due_on < now.date() else "due"
            about, data = about_correspondence(row), {"on": clock.day(row.due_on)}
            yield Fact(f"correspondence.{what}", f"correspondence-{what}:{row.pk}:{row.due_on}", about, data)


def _reviews(now: datetime) -> Iterator[Fact]:
    for row in AccessReview.objects.filter(closed_at__isnull=True, due_on__lte=(now + WEEK).date()):
        what = "overdue" if row.due_on < now.date() else "due"
        yield Fact(f"access_review.{what}", f"{what}:{row.pk}:{row.due_on}", about_review(row))


def _validations(now: datetime) -> Iterator[Fact]:
    """Yield live versions whose next validation is near, sooner where the policy wants one every few weeks.

    Once the day has passed there is a finding, of which its owner is told.
    """
    for row in due_validations():
        every = document_of(row.approval.policy_version).approval.revalidate_every
        ahead = min(MONTH, every / 2) if every else MONTH
        if now.date() <= row.due_on <= (now + ahead).date():
            occasion = f"validation:{row.approval.subject_id}:{row.due_on}"
            yield Fact("validation.due", occasion, about_validation(row), {"on": clock.day(row.due_on)})


def _tokens(now: datetime) -> Iterator[Fact]:
    rows = Token.objects.select_related("holder").filter(
        revoked_at__isnull=True, expires_at__gt=now, expires_at__lte=now + SOON, holder__is_active=True
    )
    for row in rows:
        if row.expires_at - row.made_at <= SOON:  # made for a few days, by somebody who knows
            continue
        call = "last" if row.expires_at - now <= LAST_CALL else "soon"
        data = {"on": clock.day(row.expires_at)}
        yield Fact("token.expires_soon", f"token:{row.pk}:{call}", about_token(row), data)
