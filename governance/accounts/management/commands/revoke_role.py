"""`manage.py revoke_role`: end a person's role now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from governance.accounts import administration
from governance.accounts.management import arguments
from governance.accounts.management.commands.grant_role import role_of


class Command(BaseCommand):
    help = "End a role now. What the person signed until now keeps its force."

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_role(parser)
        arguments.add_by(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        role, person = role_of(options["role"]), arguments.person(options["email"])
        by, scope = arguments.required_person(options["by"]), arguments.system_id(options["system"])
        with arguments.refusals():
            administration.take_role(person=person, role=role, by=by, system_id=scope)
        self.stdout.write(f"{person.email} is {role.label.lower()} no more")
