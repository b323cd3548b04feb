"""One migrated database that each worker's test database is copied from: to migrate takes half a minute, a copy none.

Django migrates the copy too, and finds nothing left to do; so a template that is out of date costs time, never truth.
"""

from __future__ import annotations

import hashlib
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
from django.apps import apps
from django.conf import settings
from psycopg import sql

PREFIX = "test_placet_template_"
SQL = ("governance/audit/operations.py", "governance/audit/governed.py")
"""What writes SQL for migrations; tests/arch/test_migrations.py says that they import nothing else of ours."""


def name_of_template() -> str:
    """Return its name, of a digest over each app's migrations, and the SQL that they run, as they are written now."""
    digest = hashlib.sha256()
    for app in sorted(apps.get_app_configs(), key=lambda app: app.label):
        for path in sorted((Path(app.path) / "migrations").glob("*.py")):
            digest.update(f"{app.label}/{path.name}\n".encode() + path.read_bytes())
    for path in SQL:
        digest.update((settings.BASE_DIR / path).read_bytes())
    digest.update(version("django").encode())
    return PREFIX + digest.hexdigest()[:16]


def prepared_template(connection: Any) -> str:
    """Return the name of the template, made now if nobody did; of several workers one makes it and the others wait.

    Those of other migrations go, since nothing else would ever drop them.
    """
    name = name_of_template()
    with psycopg.connect(os.environ["PLACET_BOOTSTRAP_URL"], autocommit=True) as server:
        server.execute("SELECT pg_advisory_lock(hashtext('placet test template'))")
        found = {str(row[0]) for row in server.execute("SELECT datname FROM pg_database")}
        if name not in found:
            for other in (other for other in found if other.startswith(PREFIX)):
                server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(other)))
            _migrate(connection, f"{name}_unfinished")
            server.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                    sql.Identifier(f"{name}_unfinished"), sql.Identifier(name)
                )
            )
    return name


def _migrate(connection: Any, name: str) -> None:
    held, test = connection.settings_dict["NAME"], connection.settings_dict["TEST"]
    wanted = test["NAME"]
    try:
        test["NAME"] = name
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    finally:
        connection.close()
        test["NAME"] = wanted
        connection.settings_dict["NAME"] = settings.DATABASES[connection.alias]["NAME"] = held


def close_to_the_public(name: str, template: str) -> None:
    """Give the copy the rights of its template: they are the database's own, which no copy carries along."""
    with psycopg.connect(os.environ["PLACET_BOOTSTRAP_URL"], autocommit=True) as server:
        server.execute(sql.SQL("REVOKE TEMPORARY, CREATE ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
        rights = server.execute(
            "SELECT DISTINCT datacl::text FROM pg_database WHERE datname IN (%s, %s)", [name, template]
        ).fetchall()
    if len(rights) != 1:
        raise AssertionError(f"A test database has other rights than the migrations gave its template: {rights}")
