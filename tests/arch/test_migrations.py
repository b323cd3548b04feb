"""Every change of a model has its migration."""

from io import StringIO

from django.core.management import call_command


def test_no_model_changed_without_a_migration(db):
    said = StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, stdout=said)
    except SystemExit:
        raise AssertionError(f"Run manage.py makemigrations:\n{said.getvalue()}") from None
