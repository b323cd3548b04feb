"""What must hold in the database for the log to be worth anything: who we are, and whether every guard stands."""

from django.db import connection, transaction

from governance.audit import services
from governance.audit.actors import Actor
from governance.audit.errors import Unguarded
from governance.audit.events import Event
from governance.audit.export import governed_models

_KEPT = {"audit_deny_row", "audit_deny_truncate"}
LOG_GUARDS = {
    "audit_origin": _KEPT,
    "audit_entry": {"audit_complete", *_KEPT},
    "audit_subject": _KEPT,
    "audit_payload": {"audit_payload_fits", *_KEPT},
    "audit_leaf": _KEPT,
    "audit_node": _KEPT,
    "audit_search": _KEPT,
    "audit_checkpoint": _KEPT,
    "audit_anchor": _KEPT,
}
"""Table of the log -> its triggers, each of which must be ENABLE ALWAYS."""

RIGHTS = {
    "app": {"audit_entry": {"INSERT"}, "audit_payload": {"INSERT"}},
    "privacy": {"audit_entry": {"INSERT"}, "audit_payload": {"INSERT", "DELETE"}},
    "notary": {
        "audit_entry": {"INSERT"},
        "audit_payload": {"INSERT"},
        "audit_pending": {"DELETE"},
        **{table: {"INSERT"} for table in LOG_GUARDS if table not in {"audit_entry", "audit_payload", "audit_subject"}},
    },
}
"""What each role may do to the log's tables beside reading them; anything else is a problem."""


def problems(role: str = "app") -> list[str]:
    """Return one sentence per way in which this process could alter the log; empty when there is none.

    Args:
        role: what the process is: ``app``, ``notary`` or ``privacy``.
    """
    return [*_powers(), *_rights(role), *_missing_guards()]


def refuse_if_unguarded(role: str) -> None:
    """Stop a process before it serves, if it could alter the log or a guard is off.

    Raises:
        Unguarded: with every problem found.
    """
    if found := problems(role):
        raise Unguarded(
            f"{' '.join(found)} Start with the URL of placet_{role}, and have the owner run `manage.py migrate`."
        )


def record_check(actor: Actor) -> list[str]:
    """Check the guards now and put the result into the log; beat calls it each hour."""
    found = problems()
    with transaction.atomic():
        services.append(event=Event.LOG_GUARDS_CHECKED, actor=actor, data={"problems": found})
    return found


def _powers() -> list[str]:
    """Name the powers of the role that logged in, also those it could take on with SET ROLE."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT session_user, r.rolname,
                      array_remove(ARRAY[CASE WHEN r.rolsuper THEN 'is a superuser' END,
                                         CASE WHEN r.rolcreaterole THEN 'may make roles' END,
                                         CASE WHEN r.rolreplication THEN 'may replicate' END], NULL),
                      ARRAY(SELECT c.relname::text FROM pg_class c WHERE c.relowner = r.oid AND c.relkind = 'r'
                            AND c.relnamespace = 'public'::regnamespace ORDER BY 1 LIMIT 3)
               FROM pg_roles r WHERE pg_has_role(session_user, r.oid, 'MEMBER')"""
        )
        found = []
        for user, role, powers, owned in cursor.fetchall():
            through = "" if role == user else f", through {role},"
            found += [f"The database role {user}{through} {power}." for power in powers]
            if owned:
                found.append(f"The database role {user}{through} owns tables ({', '.join(owned)}, …).")
    return found


def _rights(role: str) -> list[str]:
    """Name each right to the log's tables, whole or on a column, that the process has no use for."""
    tables = [*LOG_GUARDS, "audit_pending"]
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.relname, p."right"
               FROM pg_class c
               CROSS JOIN (VALUES ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('TRIGGER')) p("right")
               WHERE c.relname = ANY(%s) AND c.relnamespace = 'public'::regnamespace
                 AND CASE WHEN p."right" IN ('INSERT', 'UPDATE')
                          THEN has_any_column_privilege(session_user, c.oid, p."right")
                          ELSE has_table_privilege(session_user, c.oid, p."right") END
               ORDER BY 1, 2""",
            [tables],
        )
        allowed = RIGHTS[role]
        return [
            f"This process's database role may {right} {table}."
            for table, right in cursor.fetchall()
            if right not in allowed.get(table, set())
        ]


def _missing_guards() -> list[str]:
    """Name the tables that lack a trigger of theirs, or have it switched off."""
    wanted = {table: set(names) for table, names in LOG_GUARDS.items()}
    for model in governed_models():
        wanted[model._meta.db_table] = {"audit_entry_required", "audit_no_truncate"}
        if model.immutable:
            wanted[model._meta.db_table].add("audit_immutable")
    standing: dict[str, set[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.relname, g.tgname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
               WHERE NOT g.tgisinternal AND g.tgname LIKE 'audit\\_%%' AND g.tgenabled = 'A'""",
            [],
        )
        for table, trigger in cursor.fetchall():
            standing.setdefault(table, set()).add(trigger)
    return [
        f"Table {table} lacks its guards {', '.join(missing)}, or they are switched off."
        for table, guards in sorted(wanted.items())
        if (missing := sorted(guards - standing.get(table, set())))
    ]
