"""`manage.py bootstrap_roles`: make the four database roles and the database, as often as you like."""

import os
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from django.core.management.base import BaseCommand, CommandError
from psycopg import sql

ROLES = {
    "DATABASE_OWNER_URL": ("placet_owner", "CREATEDB"),
    "DATABASE_URL": ("placet_app", ""),
    "DATABASE_NOTARY_URL": ("placet_notary", ""),
    "DATABASE_PRIVACY_URL": ("placet_privacy", ""),
}


class Command(BaseCommand):
    help = (
        "Make the roles placet_owner, placet_app, placet_notary and placet_privacy with the passwords in their URLs, "
        "and the database. Needs PLACET_BOOTSTRAP_URL, a superuser's URL. Idempotent."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        urls = {name: os.environ.get(name, "") for name in ("PLACET_BOOTSTRAP_URL", *ROLES)}
        missing = [name for name, url in urls.items() if not url]
        if missing:
            raise CommandError(f"Set {', '.join(missing)}.")
        for name, (role, _) in ROLES.items():
            if urlsplit(urls[name]).username != role:
                raise CommandError(f"{name} must name the role {role}: migrations give each role its rights by name.")
        database = unquote(urlsplit(urls["DATABASE_OWNER_URL"]).path.lstrip("/"))
        with psycopg.connect(urls["PLACET_BOOTSTRAP_URL"], autocommit=True) as admin:
            admin.execute("SET password_encryption = 'scram-sha-256'")
            for name, (role, rights) in ROLES.items():
                password = unquote(urlsplit(urls[name]).password or "")
                known = admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
                verb = sql.SQL("ALTER" if known else "CREATE")
                admin.execute(
                    sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEROLE NOBYPASSRLS {} PASSWORD {}").format(
                        verb, sql.Identifier(role), sql.SQL(rights or "NOCREATEDB"), sql.Literal(password)
                    )
                )
            if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
                admin.execute(
                    sql.SQL("CREATE DATABASE {} OWNER placet_owner ENCODING 'UTF8' TEMPLATE template0").format(
                        sql.Identifier(database)
                    )
                )
            admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
            admin.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {} TO placet_app, placet_notary, placet_privacy").format(
                    sql.Identifier(database)
                )
            )
        self.stdout.write(f"roles and database {database} are in place")
