"""`manage.py unlock_person`: let somebody who was wrong too often try again at once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from governance.accounts import throttle
from governance.accounts.management import arguments


class Command(BaseCommand):
    help = "Let a person who is shut out after wrong passwords or codes try again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="E-mail address of the person.")
        arguments.add_by(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        user, by = arguments.person(options["email"]), arguments.required_person(options["by"])
        with arguments.refusals():
            throttle.unlock(user=user, by=by)
        self.stdout.write(f"{user.email} may try again")
