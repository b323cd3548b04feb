"""`manage.py reactivate_person`: let a deactivated account in again, by two administrators."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from governance.accounts import administration
from governance.accounts.management import arguments


class Command(BaseCommand):
    help = "Let a deactivated account in again, without roles and tokens; prints a person's new first password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="E-mail address of the person or service account.")
        parser.add_argument("--reason", required=True, help="Why; kept as erasable text.")
        parser.add_argument(
            "--confirmed-by", metavar="EMAIL", required=True, help="The second administrator, who types their password."
        )
        arguments.add_by(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        person, by = arguments.anybody(options["email"]), arguments.required_person(options["by"])
        second = arguments.person(options["confirmed_by"])
        with arguments.refusals():
            password = administration.reactivate_person(
                person=person,
                by=by,
                confirmed_by=second,
                confirmation=arguments.secret(f"Password of {second.email}: "),
                reason=options["reason"],
            )
        self.stdout.write(f"{person.email} is active again, without roles and tokens")
        if password:
            self.stdout.write(f"first password: {password}")
