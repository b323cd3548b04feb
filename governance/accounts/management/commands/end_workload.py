"""`manage.py end_workload`: end a workload identity, and the tokens that it gave."""

import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from governance.accounts import workloads
from governance.accounts.management import arguments


class Command(BaseCommand):
    help = "End a workload identity now, and the tokens that it gave. One administrator is enough."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workload", type=uuid.UUID, help="Its id: manage.py confirm_workload lists them.")
        arguments.add_by(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        by = arguments.required_person(options["by"])
        with arguments.refusals():
            row = workloads.end_workload(workload_id=options["workload"], by=by)
        self.stdout.write(f"{row} no longer acts as {row.account.email}")
