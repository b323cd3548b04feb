"""`manage.py reset_second_factor`: let somebody who lost phone and recovery codes sign in with the password again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from governance.accounts import second_factor
from governance.accounts.management import arguments


class Command(BaseCommand):
    help = "End a person's authenticator app and recovery codes. Make sure first who asks."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="E-mail address of the person.")
        arguments.add_by(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        user, by = arguments.person(options["email"]), arguments.required_person(options["by"])
        with arguments.refusals():
            second_factor.reset(user=user, by=by)
        self.stdout.write(f"{user.email} signs in with the password alone")
