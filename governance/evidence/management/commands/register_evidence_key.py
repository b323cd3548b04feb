"""`manage.py register_evidence_key`: the public key with which an account signs evidence that it submits."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.accounts.management import arguments
from governance.evidence import keys


class Command(BaseCommand):
    help = "Register the public key (PEM, as `placet evidence key` prints it) that signs an account's evidence."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="Whose key it is: a service account or a person.")
        parser.add_argument("file", type=Path, help="The public key in PEM.")
        arguments.add_by(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        by, holder = arguments.required_person(options["by"]), arguments.person(options["email"])
        try:
            pem = options["file"].read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise CommandError(f"{options['file']} can't be read: {error}.") from error
        with arguments.refusals():
            row = keys.register_key(holder=holder, pem=pem, by=by)
        self.stdout.write(row.key_digest)
