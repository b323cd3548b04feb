"""`manage.py confirm_workload`: confirm, as the second administrator, whose runs act as a service account."""

import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from governance.accounts import workloads
from governance.accounts.management import arguments


class Command(BaseCommand):
    help = "Confirm whose runs act as a service account, as another administrator. Without an id, list what there is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workload", nargs="?", type=uuid.UUID, help="The id that trust_workload printed.")
        arguments.add_by(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["workload"] is None:
            self._list()
            return
        by = arguments.required_person(options["by"])
        with arguments.refusals():
            row = workloads.confirm_workload(
                workload_id=options["workload"], by=by, password=arguments.confirmation(by)
            )
        self.stdout.write(f"{row} acts as {row.account.email} from now on")

    def _list(self) -> None:
        rows = list(workloads.standing())
        for row in rows:
            state = "counts" if row.confirmed_at else "waits"
            scopes = " ".join(row.scopes)
            self.stdout.write(f"{row.pk}  {state}  {row.account.email}  {row} for {row.audience}: {scopes}")
        if not rows:
            self.stdout.write("nobody's runs act as a service account")
