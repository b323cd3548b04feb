"""The log's vital signs in figures, for whoever watches the installation: a few cheap queries."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from governance.audit import selectors
from governance.audit.events import Event
from governance.audit.models import Search
from governance.audit.notary import LOCK
from governance.audit.selectors import SinkHealth


@dataclass(frozen=True)
class Vitals:
    """How the log stands.

    Attributes:
        entries: how many have a place.
        waiting: how many wait for theirs.
        oldest_waiting_at: when the first of those was written, by the database's clock; None when none waits.
        newest_at: when the newest entry was written, by the database's clock; None while there is none.
        signed: how many entries the newest checkpoint covers, 0 without one.
        signed_at: when it was signed, by the notary's clock.
        notary_works: whether a notary holds the lock of this database now.
        heartbeat_at: of the newest heartbeat, which the notary appends each hour.
        sinks: the places outside that it publishes to.
    """

    entries: int
    waiting: int
    oldest_waiting_at: datetime | None
    newest_at: datetime | None
    signed: int
    signed_at: datetime | None
    notary_works: bool
    heartbeat_at: datetime | None
    sinks: list[SinkHealth]

    @property
    def unsigned(self) -> int:
        """How many entries no checkpoint covers: those that wait, and those placed after the newest one."""
        return self.waiting + max(self.entries - self.signed, 0)


def vitals() -> Vitals:
    """Return how the log stands now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT (SELECT count(*) FROM audit_pending),
                      (SELECT min(e.recorded_at) FROM audit_pending p JOIN audit_entry e ON e.id = p.entry_id),
                      (SELECT recorded_at FROM audit_entry ORDER BY seq DESC LIMIT 1),
                      EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
                              AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                              AND classid = %s AND objid = %s)""",
            [LOCK >> 32, LOCK & 0xFFFF_FFFF],
        )
        waiting, oldest, newest, works = cursor.fetchone()
    checkpoint = selectors.newest_checkpoint()
    heartbeat = Search.objects.filter(event=Event.LOG_HEARTBEAT).order_by("-position").first()
    return Vitals(
        entries=selectors.size(),
        waiting=waiting,
        oldest_waiting_at=oldest,
        newest_at=newest,
        signed=checkpoint.size if checkpoint else 0,
        signed_at=checkpoint.at if checkpoint else None,
        notary_works=works,
        heartbeat_at=heartbeat.at if heartbeat else None,
        sinks=selectors.anchor_sinks(),
    )
