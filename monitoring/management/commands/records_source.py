"""`manage.py records_source`: name the table that a monitor's records are pulled from, or end that."""

import uuid
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.accounts.management import arguments
from governance.common import clock
from monitoring import pulling


class Command(BaseCommand):
    help = "Have a monitor's records pulled from a table, by the connection PLACET_SOURCE_<NAME>; or end that."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("monitor", type=uuid.UUID, help="Id of the monitor; GET /api/v1/monitors lists them.")
        parser.add_argument("--connection", help="NAME of PLACET_SOURCE_<NAME>. Left out: nothing is pulled any more.")
        parser.add_argument("--table", help="table, schema.table or catalog.schema.table; a folder's own folder.")
        parser.add_argument(
            "--column", action="append", default=[], metavar="OURS=THEIRS", help="predicted_at=event_time; repeated."
        )
        parser.add_argument("--since", help="First moment read: a whole hour, RFC 3339. Default: this hour.")
        parser.add_argument("--hours", type=int, default=1, help="Length of a window: 1 or 24.")
        parser.add_argument("--delay-minutes", type=int, default=60, help="How long after its end a window is read.")
        parser.add_argument("--sender", help="E-mail address of the service account in whose name records come in.")
        arguments.add_by(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        by = arguments.required_person(options["by"])
        with arguments.refusals():
            if not options["connection"]:
                monitor = pulling.set_source(monitor_id=options["monitor"], source=None, sender=by, by=by)
                self.stdout.write(f"nothing is pulled for {monitor} any more")
                return
            if not options["table"] or not options["sender"]:
                raise CommandError("Give --table and --sender with --connection.")
            pairs = [column.partition("=") for column in options["column"]]
            if any(not (ours and theirs) for ours, _, theirs in pairs):
                raise CommandError("Write each --column as OURS=THEIRS, such as predicted_at=event_time.")
            size = 3600 * (24 if options["hours"] == 24 else 1)
            begun = clock.now().timestamp() // size * size
            source = {
                "connection": options["connection"],
                "table": options["table"],
                "columns": {ours: theirs for ours, _, theirs in pairs},
                "since": (options["since"] or datetime.fromtimestamp(begun, UTC).isoformat()).replace("Z", "+00:00"),
                "hours": options["hours"],
                "delay_minutes": options["delay_minutes"],
            }
            sender = arguments.person(options["sender"])
            monitor = pulling.set_source(monitor_id=options["monitor"], source=source, sender=sender, by=by)
            self.stdout.write(f"{monitor} pulls {options['table']} from {source['since']} on")
