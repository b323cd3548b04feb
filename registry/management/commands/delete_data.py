"""`manage.py delete_data`: delete the stored bytes of datasets, one by name or all whose day has passed."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.accounts.models import User
from governance.common.errors import DomainError
from registry import datasets


class Command(BaseCommand):
    help = (
        "Delete the rows of a dataset that Placet keeps, as a data protection officer; or, with --due, those of every "
        "dataset whose delete-by date has passed. What was measured on them stays, and says that it can't be repeated."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("digest", nargs="?", help="sha256:… of the dataset.")
        parser.add_argument("--by", help="E-mail address of the data protection officer who decided it.")
        parser.add_argument("--reason", default="", help="Why; the log keeps it.")
        parser.add_argument("--due", action="store_true", help="Delete what is past its delete-by date.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["due"]:
            self.stdout.write(f"Deleted {datasets.delete_due()} datasets that were past their delete-by date.")
            return
        if not options["digest"] or not options["by"]:
            raise CommandError("Name the dataset's digest and, with --by, the officer; or pass --due.")
        person = User.objects.filter(email__iexact=options["by"]).first()
        if person is None:
            raise CommandError(f"Nobody here has the address {options['by']}.")
        try:
            rows = datasets.delete_data(digest=options["digest"], by=person, reason=options["reason"])
        except DomainError as refusal:
            raise CommandError(refusal.detail) from refusal
        self.stdout.write(f"Deleted {options['digest']}, {rows[0].rows} rows.")
