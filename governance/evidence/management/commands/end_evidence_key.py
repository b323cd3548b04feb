"""`manage.py end_evidence_key`: a key that was lost or replaced signs no more evidence."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from governance.accounts.management import arguments
from governance.evidence import keys


class Command(BaseCommand):
    help = "End a key with which an account signed its evidence; what it signed before stays signed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", help="sha256:<hex>, as registering printed it.")
        parser.add_argument("--reason", required=True, help="Such as: lost, replaced, stolen.")
        arguments.add_by(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        by = arguments.required_person(options["by"])
        with arguments.refusals():
            row = keys.end_key(digest=options["key"], by=by, reason=options["reason"])
        self.stdout.write(f"{row.key_digest} has ended.")
