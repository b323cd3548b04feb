"""Harden MLflow's own database: a protected write needs Placet's word, also from a client that goes past the server."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from django.core.cache import cache
from psycopg import sql
from redis.exceptions import RedisError

from governance.audit.health import Sign
from governance.common import clock
from registry import hardening_sql
from registry.protected import in_force

TABLES = ("registered_model_aliases", "model_versions")
CHECKED = "placet:mlflow-database"
OLDEST = 130000
"""PostgreSQL 13: the first with ``xid8``, and with ``normalize`` in all forms."""


class CannotHarden(Exception):
    """The database is not as it must be; the message says what to do."""


def run(connection: psycopg.Connection[Any], statements: str) -> None:
    """Run statements of ours."""
    connection.execute(statements.encode())


def harden(connection: psycopg.Connection[Any], *, server_role: str = "") -> tuple[list[str], str, str]:
    """Put schema, key, patterns and triggers into MLflow's database, as its owner; safe to repeat.

    Args:
        connection: of the role that owns MLflow's tables, in a transaction that the caller commits or rolls back.
        server_role: the role that MLflow's server is to connect as: made if it is missing, and left with reading and
            writing rows alone. None is touched if it is empty.
    Returns: what was changed, the new key in hexadecimal (empty if there was one), the new role's password (empty if
        none was made).
    Raises:
        CannotHarden: it is no MLflow database, or the role could take the triggers off again.
    """
    said = _require_mlflow(connection)
    collations = {name for (name,) in connection.execute("SELECT collname FROM pg_catalog.pg_collation")}
    run(connection, hardening_sql.TABLES)
    run(connection, hardening_sql.functions(connection.info.server_version, collations))
    said.append("schema placet_gate with its functions")
    key = ""
    if not connection.execute("SELECT 1 FROM placet_gate.secret").fetchone():
        key = secrets.token_hex(32)
        connection.execute("INSERT INTO placet_gate.secret (key) VALUES (%s)", [bytes.fromhex(key)])
        said.append("a new key")
    patterns = sorted(hardening_sql.regex(pattern) for pattern in in_force().protected_aliases)
    connection.execute("DELETE FROM placet_gate.protected")
    for pattern in patterns:
        connection.execute("INSERT INTO placet_gate.protected (regex) VALUES (%s)", [pattern])
    said.append(f"protected aliases: {', '.join(in_force().protected_aliases)}")
    run(connection, hardening_sql.triggers())
    said.append(f"triggers on {' and '.join(TABLES)}")
    password = _restrict(connection, server_role, said) if server_role else ""
    return said, key, password


def _require_mlflow(connection: psycopg.Connection[Any]) -> list[str]:
    if connection.info.server_version < OLDEST:
        raise CannotHarden("PostgreSQL 13 or newer is needed.")
    if connection.execute("SELECT getdatabaseencoding()").fetchone() != ("UTF8",):
        raise CannotHarden("The database's encoding must be UTF8, so that look-alike names can be told.")
    for table in TABLES:
        row = connection.execute(
            "SELECT pg_catalog.pg_has_role(c.relowner, 'USAGE') FROM pg_catalog.pg_class c "
            "WHERE c.oid = to_regclass(%s)",
            [f"public.{table}"],
        ).fetchone()
        if row is None:
            raise CannotHarden(f"There is no table public.{table}; let MLflow make its tables first.")
        if not row[0]:
            raise CannotHarden(f"{table} belongs to another role; connect as its owner.")
    return []


def _restrict(connection: psycopg.Connection[Any], role: str, said: list[str]) -> str:
    """Leave a role with reading and writing rows; make it if it is missing, and return its password then."""
    name, password = sql.Identifier(role), ""
    if not connection.execute("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s", [role]).fetchone():
        password = secrets.token_hex(24)
        statement = "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD {}"
        try:
            connection.execute(sql.SQL(statement).format(name, sql.Literal(password)))
        except psycopg.errors.InsufficientPrivilege:
            raise CannotHarden(f"This role may not make others. Make {role} as a superuser, and try again.") from None
        said.append(f"role {role}")
    if wrong := _powers(connection, role):
        raise CannotHarden(f"{role} could take the triggers off again: {'; '.join(wrong)}.")
    database = sql.Identifier(connection.info.dbname)
    for statement in (
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC, {role}",
        "GRANT CONNECT ON DATABASE {database} TO {role}",
        "GRANT USAGE ON SCHEMA public TO {role}",
        "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
        "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {role}",
    ):
        connection.execute(sql.SQL(statement).format(role=name, database=database))
    said.append(f"{role} reads and writes rows, and can do nothing else")
    return password


def _powers(connection: psycopg.Connection[Any], role: str) -> list[str]:
    """Return what lets a role past the triggers."""
    row = connection.execute(
        "SELECT r.rolsuper, r.rolcreaterole, EXISTS (SELECT FROM pg_catalog.pg_class c "
        "  WHERE c.oid = ANY (%s::regclass[]) AND pg_catalog.pg_has_role(r.oid, c.relowner, 'MEMBER')) "
        "FROM pg_catalog.pg_roles r WHERE r.rolname = %s",
        [[f"public.{table}" for table in TABLES], role],
    ).fetchone()
    if row is None:
        return ["it does not exist"]
    words = ("it is a superuser", "it makes roles", "it owns MLflow's tables, or is a member of the role that does")
    return [word for held, word in zip(row, words, strict=True) if held]


def remove(connection: psycopg.Connection[Any]) -> None:
    """Take schema, key and triggers out again; roles and their rights stay."""
    run(connection, "DROP SCHEMA IF EXISTS placet_gate CASCADE")


def complaints(connection: psycopg.Connection[Any], *, server_role: str = "") -> list[str]:
    """Return in which ways the database is not hardened; nothing if it is.

    Args:
        server_role: the role that MLflow's server connects as, if it is to be looked at.
    """
    if connection.execute("SELECT to_regnamespace('placet_gate')").fetchone() == (None,):
        return ["it is not hardened: there is no schema placet_gate"]
    found = []
    standing = {
        (table, name): enabled
        for table, name, enabled in connection.execute(
            "SELECT g.tgrelid::regclass::text, g.tgname, g.tgenabled::text FROM pg_catalog.pg_trigger g "
            "WHERE g.tgrelid = ANY (%s::regclass[])",
            [[f"public.{table}" for table in TABLES]],
        )
    }
    for table, name, *_ in hardening_sql.TRIGGERS:
        if standing.get((table, name), standing.get((f"public.{table}", name))) != "A":
            found.append(f"trigger {name} on {table} is missing or switched off")
    try:
        with connection.transaction():
            kept = {regex for (regex,) in connection.execute("SELECT regex FROM placet_gate.protected")}
            if not connection.execute("SELECT 1 FROM placet_gate.secret").fetchone():
                found.append("there is no key")
        wanted = {hardening_sql.regex(pattern) for pattern in in_force().protected_aliases}
        found += [f"{regex} is not protected there" for regex in sorted(wanted - kept)]
    except psycopg.errors.InsufficientPrivilege:
        found.append("this role can't read placet_gate, so patterns and key are not checked; connect as the owner")
    if server_role:
        found += [f"{server_role}: {word}" for word in _powers(connection, server_role)]
        if connection.execute("SELECT has_schema_privilege(%s, 'placet_gate', 'USAGE')", [server_role]).fetchone() == (
            True,
        ):
            found.append(f"{server_role} can look into placet_gate")
    return found


def remember(found: Sequence[str]) -> None:
    """Keep what a check found, for the health page."""
    try:
        cache.set(CHECKED, {"at": clock.now(), "complaints": list(found)}, timeout=None)
    except RedisError:
        return  # the page goes on saying what it knew


def sign() -> Sign:
    """Say on the log's health page how MLflow's own database was found at its last check."""
    try:
        known: dict[str, Any] | None = cache.get(CHECKED)
    except RedisError:
        known = None
    if known is None:
        text = "Whoever writes into MLflow's database is only detected. manage.py harden_mlflow_db refuses them."
        return Sign("MLflow's database", "not checked", "warn", text)
    at: datetime = known["at"]
    if known["complaints"]:
        return Sign("MLflow's database", "not hardened", "bad", "; ".join(known["complaints"]), since=at)
    return Sign(
        "MLflow's database", "hardened", "ok", "A protected write there needs Placet's word; checked then.", since=at
    )
