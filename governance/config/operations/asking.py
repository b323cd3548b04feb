"""Ask every part of the installation how it is, each within a few seconds and without touching the others.

What can't be asked is stated as such: a part that does not answer never keeps the page from telling of the rest.
"""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error
from django.db.models import Count, Min, Q
from redis.exceptions import RedisError

from governance.audit.vitals import Vitals, vitals
from governance.common import alive, clock, files
from governance.common.errors import OutsideSystemDown
from governance.common.postgres.bounded import at_most
from governance.common.postgres.migrated import lacking
from governance.config.celery import QUEUES
from governance.config.operations.facts import Backlog, Broker, Database, Facts, Mlflow, Storage, Unasked
from governance.evidence.models import EvidenceJob
from governance.notices.models import Delivery, Unread
from monitoring.models import RetrainCall
from registry import mlflow, protected, watches

log = logging.getLogger(__name__)
LIMIT_S = 3.0
"""How long one question may take."""
LATELY = timedelta(days=1)
T = TypeVar("T")


def facts() -> Facts:
    """Return what is known of the installation now."""
    return Facts(
        now=clock.now(),
        database=_asked(_database),
        broker=_asked(broker),
        log=_asked(_log),
        mlflow=_asked(_mlflow),
        storage=_asked(_storage),
        evidence=_asked(_evidence),
        notices=_asked(notices),
        hooks=_asked(hooks),
    )


def _asked(question: Callable[[], T]) -> T | Unasked:
    try:
        return question()
    except RedisError as error:
        log.warning("health: the broker does not answer: %s", error)
        return Unasked("The broker (REDIS_URL) does not answer, so nobody knows who works.")
    except Error as error:
        log.warning("health: PostgreSQL does not answer: %s", str(error).strip())
        return Unasked("PostgreSQL did not answer this within the time it was given.")


def _database() -> Database:
    with at_most(LIMIT_S) as cursor:
        began, at = time.monotonic(), clock.now()
        cursor.execute("SELECT clock_timestamp(), pg_postmaster_start_time()")
        there, since = cursor.fetchone()
        took = timedelta(seconds=time.monotonic() - began)
        missing = len(lacking(cursor))
    return Database(took, since, there - (at + took / 2), missing)


def _log() -> Vitals:
    with at_most(LIMIT_S):
        return vitals()


def broker() -> Broker:
    """Return since when it runs, what waits in each queue, and who gave a sign of life."""
    with redis.Redis.from_url(settings.CELERY_BROKER_URL, socket_connect_timeout=1, socket_timeout=LIMIT_S) as client:
        up_s = client.info("server")["uptime_in_seconds"]
        waiting = {queue: int(client.llen(queue)) for queue in QUEUES}
    signs = alive.told(["beat", *(f"worker:{queue}" for queue in QUEUES)])
    return Broker(clock.now() - timedelta(seconds=up_s), waiting, signs)


def _mlflow() -> Mlflow:
    is_up = mlflow.is_up(LIMIT_S)
    with at_most(LIMIT_S):
        gate = protected.in_force()
        return Mlflow(
            is_up=is_up,
            read_at=watches.last_beat("reconciler:aliases"),
            plugin_at=watches.last_beat("plugin:"),
            detect_only=gate.detect_only,
            is_governed=gate.is_governed,
            mode=gate.mode,
        )


def _storage() -> Storage:
    """Write a file where files lie and delete it again, as the web process does when it takes records."""
    where = "the bucket" if settings.STORAGE_BUCKET else "the folder of PLACET_STORAGE_URL"
    try:
        files.try_out(timeout_s=LIMIT_S)
    except (OSError, OutsideSystemDown, ImproperlyConfigured) as error:
        return Storage(where, _reason(error), alive.storage_disk())
    return Storage(where, "", alive.storage_disk())


def _reason(error: Exception) -> str:
    return f"{error.strerror or 'It does not work'}." if isinstance(error, OSError) else str(error)


def _evidence() -> Backlog:
    queued = EvidenceJob.objects.filter(state=EvidenceJob.State.QUEUED)
    with at_most(LIMIT_S):
        found = queued.aggregate(n=Count("pk"), oldest=Min("made_at"))
    return Backlog(found["n"], found["oldest"])


def notices() -> Backlog:
    """Return messages to people that are due, and those given up since yesterday."""
    now = clock.now()
    due = Q(state=Delivery.State.WAITING, due_at__lte=now)
    given_up = Q(state=Delivery.State.FAILED, due_at__gte=now - LATELY)
    with at_most(LIMIT_S):
        found = Delivery.objects.filter(due | given_up).aggregate(
            n=Count("pk", filter=due), oldest=Min("due_at", filter=due), lost=Count("pk", filter=given_up)
        )
        unmade = Unread.objects.count()
    error = f"Notices of {unmade} log entries could not be made yet; the worker's log says why." if unmade else ""
    return Backlog(found["n"] + unmade, found["oldest"], found["lost"], error)


def hooks() -> Backlog:
    """Return calls of retraining hooks that wait, and those given up since yesterday."""
    waiting = Q(state=RetrainCall.State.WAITING)
    given_up = Q(state=RetrainCall.State.GIVEN_UP, next_at__gte=clock.now() - LATELY)
    with at_most(LIMIT_S):
        found = RetrainCall.objects.filter(waiting | given_up).aggregate(
            n=Count("pk", filter=waiting),
            oldest=Min("alert__opened_at", filter=waiting),
            lost=Count("pk", filter=given_up),
        )
    return Backlog(found["n"], found["oldest"], found["lost"])
