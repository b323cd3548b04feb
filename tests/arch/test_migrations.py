"""Every change of a model has its migration."""

import ast
from io import StringIO

from django.apps import apps
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import AddField, RemoveField, RenameField

from governance.audit.governed import Governed
from tests.arch.tree import ROOT, project_files
from tests.template import SQL


def test_no_model_changed_without_a_migration(db):
    said = StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, stdout=said)
    except SystemExit:
        raise AssertionError(f"Run manage.py makemigrations:\n{said.getvalue()}") from None


def test_a_later_migration_leaves_the_digest_of_every_governed_row_as_it_was():
    """What an entry says of a row must stay true when a release adds a column (docs/adr/0007)."""
    wrong = []
    for (app, name), migration in MigrationLoader(None, ignore_no_migrations=True).disk_migrations.items():
        for operation in migration.operations:
            if not isinstance(operation, AddField | RemoveField | RenameField) or getattr(migration, "initial", False):
                continue
            model = apps.get_model(app, operation.model_name)
            nullable = isinstance(operation, AddField) and operation.field.null
            if issubclass(model, Governed) and not nullable:
                wrong.append(f"{app}.{name}: {operation.describe()}")
    assert wrong == []


def test_migrations_take_their_sql_from_files_that_the_template_of_the_test_databases_is_named_by():
    """Else a template that was made before a change of that SQL would be copied as if nothing had changed."""
    known, wrong = {*SQL}, []
    paths = [path for path in project_files(".py") if path.parent.name == "migrations"] + [ROOT / name for name in SQL]
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                found = f"{node.module.replace('.', '/')}.py"
                wrong += [f"{path.name}: {found}"] if (ROOT / found).exists() and found not in known else []
    assert wrong == []
