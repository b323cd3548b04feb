"""`manage.py profile_window`: count a window of a monitor's table where it lies."""

import json
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.accounts.management import arguments
from governance.common import clock
from monitoring import profiles, pulling, selectors, windows
from registry.selectors import version as registered_version


class Command(BaseCommand):
    help = "Count a window in the engine that holds the table (Spark, a warehouse), in the bins of a reference."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("monitor", type=uuid.UUID, help="Id of a monitor that has a source.")
        parser.add_argument("--model-version", type=int, required=True, help="Whose reference, and whose records.")
        parser.add_argument("--from", dest="start", required=True, type=datetime.fromisoformat, help="Included.")
        parser.add_argument("--to", dest="end", required=True, type=datetime.fromisoformat, help="Not included.")
        parser.add_argument("--out", type=Path, help="Write the profile there as JSON (placet-window-profile/1).")
        parser.add_argument(
            "--compare", action="store_true", help="Exit with 3 unless the records kept count the same."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from monitoring import engine, tables  # Ibis and DuckDB

        start, end = options["start"], options["end"]
        if start.tzinfo is None or end.tzinfo is None:
            raise CommandError("Write both times with their offset, such as 2026-11-23T00:00:00+00:00.")
        with arguments.refusals():
            monitor = selectors.monitor(options["monitor"])
            source = pulling.source_of(monitor)
            if source is None:
                raise CommandError(f"{monitor} has no source; name one with manage.py records_source.")
            version = registered_version(monitor.model, options["model_version"])
            reference = windows.reference_of(monitor, version)
            bins = profiles.ReferenceProfile.from_json(reference.profile)
            with tables.opened(source) as table:
                counted = engine.profile_table(tables.between(table, start, end), bins)
            if options["out"]:
                options["out"].write_text(json.dumps(counted.to_json()), encoding="utf-8")
            # A text that the reference does not know has its name in some partitions only.
            counted = bins.named_by_reference(counted)
            self.stdout.write(f"{source.table}: {counted.n} rows, {counted.digest}")
            if not options["compare"]:
                return
            batches = selectors.batches_in(monitor, version, start=start, end=end, received_until=clock.now())
            kept = bins.named_by_reference(windows.window_profile(batches, reference, start=start, end=end))
        differ = [mine.name for mine, theirs in zip(kept.columns, counted.columns, strict=True) if mine != theirs]
        self.stdout.write(f"kept here: {kept.n} rows, {kept.digest}")
        if differ or kept.n != counted.n:
            self.stderr.write(f"differ: {', '.join(differ)}")
            raise SystemExit(3)
