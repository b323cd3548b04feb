"""Does the database have the migrations that this release brings? One query; the files are read once in a process."""

from functools import lru_cache

from django.db.backends.utils import CursorWrapper
from django.db.migrations.loader import MigrationLoader


@lru_cache(maxsize=1)
def newest_migrations() -> frozenset[tuple[str, str]]:
    """Return app and name of the last migration of each app, as this release brings them."""
    return frozenset(MigrationLoader(None).graph.leaf_nodes())


def lacking(cursor: CursorWrapper) -> frozenset[tuple[str, str]]:
    """Return the newest migrations that the database lacks; what a later release has added to it is no matter."""
    cursor.execute("SELECT app, name FROM django_migrations")
    return newest_migrations() - set(cursor.fetchall())
