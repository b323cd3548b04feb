"""`manage.py revoke_token`: end a token now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from governance.accounts import administration
from governance.accounts.management import arguments


class Command(BaseCommand):
    help = "End a token now; calls with it are refused from then on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="Who holds it.")
        parser.add_argument("--label", required=True, help="The label that it was made with.")
        arguments.add_by(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        by, holder = arguments.required_person(options["by"]), arguments.person(options["email"])
        with arguments.refusals():
            administration.revoke_token(holder=holder, label=options["label"], by=by)
        self.stdout.write(f"token {options['label']!r} of {holder.email} is revoked")
