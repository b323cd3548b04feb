"""Advisory locks that outlive transactions: one worker at a time talks to the outside about one thing."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error, connection

log = logging.getLogger(__name__)
STEP_S = 0.1


@contextmanager
def held(name: str, *, wait_s: float = 0.0) -> Iterator[bool]:
    """Hold the lock ``name`` of this database session, and yield whether it was got within ``wait_s`` seconds.

    It belongs to the session, not to a transaction, because what it guards includes a call to MLflow, which must not
    happen inside one. A worker that dies, or loses its connection, gives it up by that.
    """
    ends = time.monotonic() + wait_s
    while not (got := _ask("pg_try_advisory_lock", name)) and time.monotonic() < ends:
        time.sleep(STEP_S)
    try:
        yield got
    finally:
        if got:
            try:
                _ask("pg_advisory_unlock", name)
            except Error:  # the session is gone, and its locks with it
                log.warning("the lock %s ended with its session", name)


def _ask(function: str, name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(hashtextextended(%s, 0))", [f"placet {name}"])
        return bool(cursor.fetchone()[0])
