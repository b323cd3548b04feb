"""Put notices into the outbox: read what is new in the log, ask the rules, write down who is told, once each.

Reading on, the notices and their deliveries are one transaction, so that nothing is lost and nothing is made twice,
wherever a worker stops. What is written twice all the same (a fork, two workers, the clock asking again) meets the
constraint ``one_notice_per_person_and_occasion``.
"""

import logging
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from governance.accounts import holds
from governance.accounts.models import User
from governance.audit import following
from governance.audit.selectors import LogEntry, entry_by_id
from governance.common import clock
from governance.common.retention.table import kept_for
from governance.notices import due, rules
from governance.notices.gathering import fact_of
from governance.notices.kinds import AT_ONCE, MANDATORY
from governance.notices.models import Channel, Cursor, Delivery, Notice, NoticeSettings, Unread
from governance.notices.reading import OWN, PEOPLE, may_read
from governance.notices.rules import Told

log = logging.getLogger(__name__)
AT_A_TIME = 200
RETRY = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))


@transaction.atomic
def read_on() -> int:
    """Make the notices of the next entries of the log; return how many entries were read, 0 when nothing is new.

    An entry whose notices can't be made does not hold up the others: it is noted as unread and tried again.
    """
    Cursor.objects.get_or_create(pk=1, defaults={"position": -1})
    cursor = Cursor.objects.select_for_update(skip_locked=True).first()
    if cursor is None:  # another worker reads
        return 0
    rows = following.placed_after(cursor.position, most=AT_A_TIME)
    for row in rows:
        if row.entry is not None:
            _read(row.entry)
    cursor.read_at = clock.now()
    if rows:
        cursor.position = rows[-1].position
    cursor.save()
    return len(rows)


@transaction.atomic
def read_again() -> int:
    """Try the entries again whose notices could not be made; return how many could be made now."""
    rows = Unread.objects.select_for_update(skip_locked=True).filter(next_at__lte=clock.now())[:AT_A_TIME]
    made = 0
    for row in rows:
        try:
            with transaction.atomic():
                _make(entry_by_id(row.entry))
        except Exception as error:
            log.exception("notices of entry %s", row.entry)
            row.attempts += 1
            row.next_at, row.error = clock.now() + RETRY[min(row.attempts, len(RETRY)) - 1], _said(error)
            row.save()
        else:
            row.delete()
            made += 1
    return made


@transaction.atomic
def look_ahead() -> int:
    """Make the notices of what the clock brings: what ends soon, what is due, what is overdue. Return how many."""
    return sum(len(write(rules.told(fact))) for fact in due.facts(clock.now()))


def write(rows: Sequence[Told], *, entry: uuid.UUID | None = None) -> list[Notice]:
    """Write each notice that its person may be told of, with its deliveries; return those that are new."""
    people = User.objects.in_bulk({row.to for row in rows})
    known = Notice.objects.filter(person__in=people, occasion__in={row.occasion for row in rows})
    there = set(known.values_list("person_id", "occasion"))
    made = []
    for row in rows:
        person = people.get(row.to)
        if person is None or (row.to, row.occasion) in there or not may_read(person, *row.read):
            continue
        notice = Notice(
            person=person,
            kind=row.kind,
            occasion=row.occasion,
            entry=entry,
            words=row.words[:200],
            detail=row.detail[:400],
            path=row.path,
            about_kind=row.read[0],
            about_id=row.read[1],
            made_at=clock.now(),
        )
        made.append(notice)
    Notice.objects.bulk_create(made, ignore_conflicts=True)
    mine = set(Notice.objects.filter(pk__in=[row.pk for row in made]).values_list("pk", flat=True))
    made = [row for row in made if row.pk in mine]  # another worker may have been faster
    Delivery.objects.bulk_create(_deliveries(made))
    return made


def digest_at(chosen: NoticeSettings, now: datetime) -> datetime:
    """Return when the next digest of a person goes out: at their hour of the day, in their time zone."""
    local = now.astimezone(ZoneInfo(chosen.time_zone))
    at = local.replace(hour=chosen.digest_hour, minute=0, second=0, microsecond=0)
    return at if at > local else at + timedelta(days=1)


@transaction.atomic
def forget() -> int:
    """Delete notices that are older than the table of retention says, of which nothing waits,
    and that no legal hold keeps; return how many.

    While an AI system is held, only notices about a person's own account and about people go.
    """
    waiting = Delivery.objects.filter(state=Delivery.State.WAITING).values("notice")
    old = Notice.objects.filter(made_at__lt=clock.now() - kept_for("notices")).exclude(pk__in=waiting)
    standing = holds.standing()
    old = old.exclude(person__in=standing.keys(holds.Kind.PERSON))
    if standing.keys(holds.Kind.SYSTEM):  # which system a notice is about, only its topic knows: keep too many
        old = old.filter(about_kind__in=(OWN, PEOPLE))
    return old.delete()[1].get(Notice._meta.label, 0)


def _read(entry: LogEntry) -> None:
    if entry.event not in rules.events():
        return
    try:
        with transaction.atomic():
            _make(entry)
    except Exception as error:
        log.exception("notices of entry %s", entry.id)
        Unread.objects.get_or_create(
            entry=entry.id, defaults={"error": _said(error), "next_at": clock.now() + RETRY[0]}
        )


def _make(entry: LogEntry) -> None:
    fact = fact_of(entry)
    if fact is not None:
        write(rules.told(fact), entry=entry.id)


def _deliveries(notices: Collection[Notice]) -> list[Delivery]:
    people = {notice.person_id for notice in notices}
    chosen = NoticeSettings.objects.in_bulk(people)
    channels = list(Channel.objects.filter(person__in=people, removed_at__isnull=True))
    now, found = clock.now(), []
    for notice in notices:
        settled = chosen.get(notice.person_id) or NoticeSettings(person_id=notice.person_id)
        if notice.kind in settled.off:
            continue
        digest = settled.digest and notice.kind not in AT_ONCE
        due_at = digest_at(settled, now) if digest else now
        own: list[Channel | None] = [row for row in channels if row.person_id == notice.person_id]
        # Whoever chose no channel at all is still told of what others wait for, and of the security of the account.
        if settled.by_mail or notice.kind in AT_ONCE or (notice.kind in MANDATORY and not own):
            own.append(None)
        found += [Delivery(notice=notice, channel=channel, digest=digest, due_at=due_at) for channel in own]
    return found


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:400]
