"""Queries that end soon or fail: for what is asked by machines, again and again, whatever state the database is in."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper


@contextmanager
def at_most(seconds: float) -> Iterator[CursorWrapper]:
    """Let each query within the block, the ORM's too, run no longer than ``seconds``, which is more than 0.

    Raises:
        django.db.OperationalError: a query was cut off, or the database does not answer.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{round(seconds * 1000)}ms"])
        yield cursor
        cursor.execute("SET LOCAL statement_timeout TO DEFAULT")  # for a transaction around this one
