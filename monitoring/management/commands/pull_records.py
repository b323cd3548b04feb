"""`manage.py pull_records`: take in now what the tables of monitors and the folder of dropped files hold."""

import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.accounts.management import arguments
from monitoring import dropped, pulling, selectors


class Command(BaseCommand):
    help = "Pull the closed windows of every monitor's table, and take in dropped files, as the worker does."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--monitor", type=uuid.UUID, help="Pull this one alone.")

    def handle(self, *args: Any, **options: Any) -> None:
        failed = False
        with arguments.refusals():
            one = selectors.monitor(options["monitor"]) if options["monitor"] else None
            for pulled in pulling.pull_due(one):
                self.stdout.write(f"{pulled.monitor}: {pulled.windows} windows, {pulled.records} records")
                if pulled.problem:
                    failed = True
                    self.stderr.write(f"{pulled.monitor}: stopped: {pulled.problem}")
            for file in dropped.take_dropped() if one is None else ():
                failed |= file.outcome in {"refused", "waits"}
                self.stdout.write(f"{file.path.name}: {file.outcome} {file.detail or file.rows}")
        if failed:
            raise CommandError("Not everything was taken in.")
