"""`manage.py create_person`: somebody who can sign in; roles are given by `grant_role`."""

import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from governance.accounts import administration
from governance.accounts.management import arguments


class Command(BaseCommand):
    help = "Make a person who can sign in, and print their first password; changepassword sets another."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="E-mail address, which is how they sign in.")
        parser.add_argument("name", help="As colleagues know them; shown on pages, never logged in clear.")
        parser.add_argument("--password-stdin", action="store_true", help="Read the password instead of making one.")
        arguments.add_by(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        given = arguments.secret("Password: ") if options["password_stdin"] else ""
        password = given or secrets.token_urlsafe(15)
        with arguments.refusals():
            person = administration.create_person(
                email=options["email"],
                name=options["name"],
                password=password,
                by=arguments.person_or_none(options["by"]),
            )
        self.stdout.write(f"{person.actor_id} {person.email}")
        if not given:
            self.stdout.write(f"first password, shown this once: {password}")
