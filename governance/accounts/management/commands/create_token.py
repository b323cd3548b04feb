"""`manage.py create_token`: a scoped, expiring API token, printed once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from governance.accounts import administration
from governance.accounts.management import arguments
from governance.accounts.services import SCOPES


class Command(BaseCommand):
    help = "Make a token and print it, this once; only its hash is kept. A token can request, never decide."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="Who holds it: a service account or a person.")
        parser.add_argument("--label", required=True, help="By which it can be revoked, such as 'ci 2027'.")
        parser.add_argument("--scope", action="append", required=True, metavar="SCOPE", help=", ".join(sorted(SCOPES)))
        parser.add_argument("--days", type=int, default=90, help="How long it lives: 1 to 365 (90).")
        arguments.add_by(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        by, holder = arguments.required_person(options["by"]), arguments.person(options["email"])
        with arguments.refusals():
            token = administration.issue_token(
                holder=holder, label=options["label"], scopes=options["scope"], days=options["days"], by=by
            )
        self.stdout.write(token)
