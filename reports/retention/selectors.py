"""Read how much is kept of what, since when, and what ends next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.apps import apps
from django.db.models import Min

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.common import clock
from monitoring.models import Monitor
from reports.retention.table import Kept, Main, table

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


def holds() -> list[Monitor]:
    """Return the monitors whose records are under a legal hold."""
    rows = Monitor.objects.filter(hold__isnull=False).select_related("model__system")
    return list(rows.order_by("model__name", "alias"))


def _figures(main: Main) -> tuple[int, datetime | None, date | datetime | None]:
    rows = apps.get_model(main.table)._default_manager.all()
    count = rows.order_by()[: COUNTED_TO + 1].count()
    oldest = rows.aggregate(oldest=Min(main.at))["oldest"]
    due = None
    if main.due:
        due = rows.filter(**{f"{main.due}__gte": clock.now()}).aggregate(due=Min(main.due))["due"]
    return count, oldest, due
