"""`manage.py unlink_identity`: end the link between a name in an outside system and a person."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from governance.accounts import identities
from governance.accounts.management import arguments


class Command(BaseCommand):
    help = "End a link now. What was done under the name until now stays that person's."

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_name(parser)
        arguments.add_by(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        by, second = arguments.required_person(options["by"]), arguments.person_or_none(options["confirmed_by"])
        with arguments.refusals():
            row = identities.unlink_identity(
                provider=options["provider"],
                subject=options["subject"],
                by=by,
                confirmed_by=second,
                confirmation=arguments.confirmation(second),
            )
        self.stdout.write(f"{options['provider']} user {options['subject']} is {row.person.email} no more")
