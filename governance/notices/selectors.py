"""Read notices: a person's own, and how their delivery goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, QuerySet

from governance.accounts.models import User
from governance.audit.health import Sign
from governance.notices.models import Channel, Cursor, Delivery, Notice, NoticeSettings, Unread
from governance.notices.reading import may_read

State = Delivery.State


@dataclass(frozen=True)
class Row:
    """A notice as its person reads it.

    Attributes:
        said: with names, as far as the person may read them still.
        path: where it lands; empty once that is out of their reach.
        ways: how it went to each place.
    """

    kind: str
    said: str
    path: str
    made_at: datetime
    ways: Sequence["Way"]


@dataclass(frozen=True)
class Way:
    """A notice on its way to one place; ``tone`` and ``icon`` are those of a pill."""

    where: str
    state: str
    tone: str
    icon: str
    at: datetime | None
    error: str


PILLS = {
    State.WAITING: ("neutral", "clock"),
    State.SENT: ("ok", "check"),
    State.FAILED: ("bad", "alert"),
    State.DROPPED: ("quiet", "off"),
}


def notices_of(person: User) -> QuerySet[Notice]:
    """Return the person's own notices, newest first."""
    ways = Delivery.objects.select_related("channel").order_by("channel__label")
    return (
        Notice.objects.filter(person=person).order_by("-made_at", "pk").prefetch_related(Prefetch("deliveries", ways))
    )


def rows_of(person: User, notices: Sequence[Notice]) -> list[Row]:
    """Return a page of notices as the person reads them."""
    asked = {(row.about_kind, row.about_id) for row in notices}
    within = {key for key in asked if may_read(person, *key)}
    return [
        Row(
            kind=notice.get_kind_display(),
            said=notice.detail if (notice.about_kind, notice.about_id) in within else notice.words,
            path=notice.path if (notice.about_kind, notice.about_id) in within else "",
            made_at=notice.made_at,
            ways=[_way(delivery) for delivery in notice.deliveries.all()],
        )
        for notice in notices
    ]


def settings_of(person: User) -> NoticeSettings:
    """Return how the person wants to be told; the default for who said nothing."""
    return NoticeSettings.objects.filter(person=person).first() or NoticeSettings(person=person)


def channels_of(person: User) -> list[Channel]:
    """Return the person's channels, without what was removed."""
    return list(Channel.objects.filter(person=person, removed_at__isnull=True).order_by("label"))


def delivery_sign() -> Sign:
    """Return how telling people goes, for those who look after the deployment; it names nobody."""
    failing = Delivery.objects.exclude(error="").filter(state__in=[State.WAITING, State.FAILED])
    count, last = failing.count(), failing.order_by("-pk").first()
    unread = Unread.objects.count()
    read_at = Cursor.objects.values_list("read_at", flat=True).first()
    if unread:
        text = "Notices of some entries could not be made; it is tried again. The worker's log says more."
        return Sign("Messages to people", f"{unread} not made", "bad", text, read_at)
    if last is not None:
        where = "e-mail" if last.channel_id is None else "a channel"
        return Sign("Messages to people", f"{count} failing", "warn", f"Last, by {where}: {last.error}", read_at)
    waiting = Delivery.objects.filter(state=State.WAITING).count()
    text = "Messages that failed and were not sent since; here nobody's name is shown, and no address."
    return Sign("Messages to people", f"{waiting} waiting" if waiting else "all sent", "ok", text, read_at)


def _way(row: Delivery) -> Way:
    at = row.sent_at if row.state == State.SENT else row.due_at if row.state == State.WAITING else None
    where = row.channel.label if row.channel else "E-mail"
    return Way(where, row.get_state_display(), *PILLS[State(row.state)], at, row.error)
