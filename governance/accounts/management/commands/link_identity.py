"""`manage.py link_identity`: say under which name an outside system knows a person."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from governance.accounts import identities
from governance.accounts.management import arguments


class Command(BaseCommand):
    help = "Say under which name MLflow or CI knows a person from now on. For a person who decides it takes two."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="E-mail address of the person or service account.")
        arguments.add_name(parser)
        arguments.add_by(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        person, second = arguments.person(options["email"]), arguments.person_or_none(options["confirmed_by"])
        with arguments.refusals():
            identities.link_identity(
                person=person,
                provider=options["provider"],
                subject=options["subject"],
                by=arguments.person_or_none(options["by"]),
                confirmed_by=second,
                confirmation=arguments.confirmation(second),
            )
        self.stdout.write(f"{options['provider']} user {options['subject']} is {person.email}")
