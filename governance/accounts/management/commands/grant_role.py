"""`manage.py grant_role`: give a person a role; one that decides takes two administrators."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.accounts import administration
from governance.accounts.management import arguments
from governance.accounts.roles import Role


def role_of(text: str) -> Role:
    """Return a role by its word."""
    if text not in Role.values:
        raise CommandError(f"There is no role {text}; there are {', '.join(Role.values)}.")
    return Role(text)


class Command(BaseCommand):
    help = "Give a person a role. A role that decides, publishes or administers takes a second administrator."

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_role(parser)
        parser.add_argument("--until", metavar="DATE", help="When it ends; an auditor's access always has an end.")
        arguments.add_second(parser)
        arguments.add_by(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        role, second = role_of(options["role"]), arguments.person_or_none(options["confirmed_by"])
        person = arguments.person(options["email"])
        scope, until = arguments.system_id(options["system"]), arguments.moment(options["until"])
        with arguments.refusals():
            administration.give_role(
                person=person,
                role=role,
                by=arguments.person_or_none(options["by"]),
                confirmed_by=second,
                confirmation=arguments.confirmation(second),
                system_id=scope,
                valid_until=until,
            )
        where = f" of {options['system']}" if scope else ""
        self.stdout.write(f"{person.email} is {role.label.lower()}{where}{f' until {until}' if until else ''}")
