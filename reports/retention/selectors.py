"""Read how much is kept of what, since when, and what ends next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.apps import apps
from django.conf import settings
from django.db.models import Min

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.common import clock
from governance.common.retention.period import Period
from governance.common.retention.table import Kept, Main, row, table

READERS = (Role.AUDITOR, Role.RISK_OFFICER, Role.DATA_PROTECTION_OFFICER, Role.ADMINISTRATOR)
COUNTED_TO = 10_000


@dataclass(frozen=True)
class Held:
    """One row of the table with what the database says of it.

    ``count`` stops at :data:`COUNTED_TO` plus one: who reads it wants to know whether there is anything, not how many.
    """

    kept: Kept
    count: int | None = None
    oldest: datetime | None = None
    due: date | datetime | None = None

    @property
    def more(self) -> bool:
        """Whether there are more than were counted."""
        return self.count is not None and self.count > COUNTED_TO


def may_read_figures(person: User) -> bool:
    """Return whether the person may read how much the whole deployment keeps; the table itself is no secret."""
    return has_role(person, *READERS)


def held(*, with_figures: bool) -> list[Held]:
    """Return every row of the table, on wish with its count, its oldest object, and when the next one is due."""
    return [Held(row, *_figures(row.main)) if row.main and with_figures else Held(row) for row in table()]


def said(kept: Kept) -> str:
    """Return a row's period in words, from the very value that its job counts with."""
    words = _words(kept.period)
    if kept.least:
        words = f"{words}, never fewer than {_words(kept.least)}"
    return words if kept.ended_by or not kept.period.years else f"at least {words}"


def _words(period: Period) -> str:
    if period.setting:
        return _length(timedelta(seconds=getattr(settings, period.setting)))
    if period.field:
        model, _, field = period.field.rpartition(".")
        return f"as the object says ({apps.get_model(model)._meta.get_field(field).verbose_name})"
    if period.row:
        return f"as long as: {row(period.row).title}"
    if period.years:
        return f"{period.years} years"
    return f"{period.days} days" if period.days else "for good"


def _length(length: timedelta) -> str:
    hours = round(length / timedelta(hours=1), 1)
    return f"{hours:g} hours" if length < timedelta(days=2) else f"{length.days} days"


def _figures(main: Main) -> tuple[int, datetime | None, date | datetime | None]:
    rows = apps.get_model(main.table)._default_manager.all()
    count = rows.order_by()[: COUNTED_TO + 1].count()
    oldest = rows.order_by(main.came_by or main.at).values_list(main.at, flat=True).first()
    due = None
    if main.due:
        due = rows.filter(**{f"{main.due}__gte": clock.now()}).aggregate(due=Min(main.due))["due"]
    return count, oldest, due
