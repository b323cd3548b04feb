"""`manage.py create_service_account`: an account for a pipeline, with a person who answers for it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from governance.accounts import administration
from governance.accounts.management import arguments


class Command(BaseCommand):
    help = "Make an account for a machine. It has no password; create_token gives it a token."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="An address that names it, such as ci@bank.example.")
        parser.add_argument("name", help="As colleagues know it, such as 'Credit pipeline'.")
        parser.add_argument("--sponsor", metavar="EMAIL", required=True, help="The person who answers for it.")
        arguments.add_by(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        by, sponsor = arguments.required_person(options["by"]), arguments.person(options["sponsor"])
        with arguments.refusals():
            account = administration.create_service_account(
                email=options["email"], name=options["name"], sponsor=sponsor, by=by
            )
        self.stdout.write(f"{account.actor_id} {account.email}")
