"""A database backend whose test databases belong to the owner role while the tests run as the app role.

In a running system it does nothing of its own: one process, one role, one URL.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.postgresql import base, creation, operations


@contextmanager
def as_owner(connection: Any) -> Iterator[None]:
    """Reconnect as the owner role for the length of the block."""
    settings = connection.settings_dict
    runtime = (settings["USER"], settings["PASSWORD"])
    connection.close()
    settings["USER"], settings["PASSWORD"] = settings["OWNER_USER"], settings.get("OWNER_PASSWORD", "")
    try:
        yield
    finally:
        connection.close()
        settings["USER"], settings["PASSWORD"] = runtime


class DatabaseCreation(creation.DatabaseCreation):
    """Makes, clones and drops test databases as owner."""

    def create_test_db(self, *args: Any, **kwargs: Any) -> str:
        with as_owner(self.connection):
            return super().create_test_db(*args, **kwargs)

    def clone_test_db(self, *args: Any, **kwargs: Any) -> None:
        with as_owner(self.connection):
            super().clone_test_db(*args, **kwargs)

    def destroy_test_db(self, *args: Any, **kwargs: Any) -> None:
        with as_owner(self.connection):
            super().destroy_test_db(*args, **kwargs)


class DatabaseOperations(operations.DatabaseOperations):
    """Flushes a test database as owner, with the log's guards off for that statement only."""

    def execute_sql_flush(self, sql_list: Iterable[str]) -> None:
        name = str(self.connection.settings_dict["NAME"])
        if not name.startswith("test_"):
            raise RuntimeError(f"Refusing to flush {name}: only a test database is ever flushed.")
        with as_owner(self.connection), self.connection.cursor() as cursor:
            # Everything in one statement: guards off, every table of ours emptied, guards on again.
            cursor.execute("SELECT audit_flush_test_database()")


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL with the two classes above."""

    creation_class = DatabaseCreation
    ops_class = DatabaseOperations
