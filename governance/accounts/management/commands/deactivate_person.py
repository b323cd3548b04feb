"""`manage.py deactivate_person`: shut a person or a service account out at once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from governance.accounts import administration
from governance.accounts.management import arguments


class Command(BaseCommand):
    help = "Shut an account out now: its roles, tokens and sessions end. What the person signed keeps its force."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="E-mail address of the person or service account.")
        parser.add_argument("--reason", required=True, help="Why; kept as erasable text.")
        arguments.add_by(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        person, by = arguments.anybody(options["email"]), arguments.required_person(options["by"])
        with arguments.refusals():
            administration.deactivate_person(person=person, by=by, reason=options["reason"])
        self.stdout.write(f"{person.email} is deactivated")
