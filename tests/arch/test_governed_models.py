"""Every table of ours is under the log's guard, or says in one place why not."""

from django.apps import apps
from django.db import connection, models

from governance.audit.exempt import EXEMPT
from governance.audit.governed import Governed

PACKAGES = ("governance.", "registry", "monitoring", "reports")


def our_models() -> list[type[models.Model]]:
    """Return the models of our own apps."""
    return [
        model for config in apps.get_app_configs() if config.name.startswith(PACKAGES) for model in config.get_models()
    ]


def triggers() -> dict[str, set[str]]:
    """Return, by table, the triggers that fire for every role, also during replication."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.relname, g.tgname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
               WHERE NOT g.tgisinternal AND g.tgenabled = 'A' AND c.relnamespace = 'public'::regnamespace"""
        )
        found: dict[str, set[str]] = {}
        for table, name in cursor.fetchall():
            found.setdefault(table, set()).add(name)
    return found


def test_every_model_is_governed_or_has_a_reason_not_to_be():
    unguarded = {model._meta.label for model in our_models() if not issubclass(model, Governed)}
    assert unguarded == set(EXEMPT)
    assert all(len(reason) > 20 for reason in EXEMPT.values())


def test_every_governed_table_has_its_guards_in_the_database(db):
    standing = triggers()
    for model in our_models():
        if not issubclass(model, Governed):
            continue
        wanted = {"audit_entry_required", "audit_no_truncate"} | ({"audit_immutable"} if model.immutable else set())
        missing = wanted - standing.get(model._meta.db_table, set())
        assert not missing, f'{model._meta.label} lacks {missing}: add Govern("{model._meta.db_table}") to a migration.'
