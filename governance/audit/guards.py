"""What must hold in the database for the log to be worth anything: who we are, and whether every guard stands."""

from django.db import connection

from governance.audit.export import governed_tables

ENTRY_GUARDS = {
    "audit_entry": {"audit_complete", "audit_queue", "audit_deny_row", "audit_deny_truncate"},
    "audit_leaf": {"audit_deny_row", "audit_deny_truncate"},
    "audit_checkpoint": {"audit_deny_row", "audit_deny_truncate"},
    "audit_subject": {"audit_deny_row", "audit_deny_truncate"},
}


def problems() -> list[str]:
    """Return one sentence per way in which this process's role could alter the log; empty when there is none."""
    found: list[str] = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls, rolname FROM pg_roles WHERE rolname = session_user")
        superuser, bypass, role = cursor.fetchone()
        if superuser or bypass:
            found.append(f"The database role {role} is a superuser; run as placet_app.")
        cursor.execute(
            """SELECT c.relname, p.right
               FROM pg_class c CROSS JOIN (VALUES ('UPDATE'), ('DELETE'), ('TRUNCATE')) p("right")
               WHERE c.relname = ANY(%s) AND c.relnamespace = 'public'::regnamespace
                 AND has_table_privilege(session_user, c.oid, p.right)""",
            [list(ENTRY_GUARDS)],
        )
        found += [f"The database role {role} may {right} {table}." for table, right in cursor.fetchall()]
        cursor.execute(
            """SELECT c.relname, g.tgname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
               WHERE NOT g.tgisinternal AND g.tgname LIKE 'audit\\_%' AND g.tgenabled = 'A'"""
        )
        standing: dict[str, set[str]] = {}
        for table, trigger in cursor.fetchall():
            standing.setdefault(table, set()).add(trigger)
    wanted = {**ENTRY_GUARDS, **{table: {"audit_entry_required", "audit_no_truncate"} for table in governed_tables()}}
    for table, guards in sorted(wanted.items()):
        missing = sorted(guards - standing.get(table, set()))
        if missing:
            found.append(f"Table {table} lacks its guards {', '.join(missing)}, or they are switched off.")
    return found
