"""`manage.py anchors`: where checkpoints went, how that goes, and the files with which a stranger checks it."""

import re
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.audit import selectors
from governance.audit.anchors.sinks import as_file_name
from governance.audit.models import Anchor
from governance.common import clock
from governance.common.clock import rfc3339


class Command(BaseCommand):
    help = (
        "List the places outside the database that hold checkpoints; with --export, write notes and proofs to a folder."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--export", type=Path, metavar="FOLDER", help="Write the newest of each place there.")
        parser.add_argument("--last", type=int, default=1, help="With --export: how many of each place (1).")
        parser.add_argument("--sink", default="", help="Only the place of this name.")

    def handle(self, *args: Any, **options: Any) -> None:
        sinks = [sink for sink in selectors.anchor_sinks() if options["sink"] in {"", sink.name}]
        if not sinks:
            raise CommandError(
                "No such place. The notary names its places here when it publishes its first checkpoint."
            )
        for sink in sinks:
            self.stdout.write(f"{sink.name}: {self._state(sink)}")
        if options["export"]:
            options["export"].mkdir(parents=True, exist_ok=True)
            for sink in sinks:
                rows = Anchor.objects.filter(sink=sink.name).select_related("checkpoint").order_by("-checkpoint_id")
                for row in rows[: options["last"]]:
                    for path in export(row, options["export"]):
                        self.stdout.write(f"  {path}")

    def _state(self, sink: selectors.SinkHealth) -> str:
        if sink.newest is None:
            state = "nothing yet"
        else:
            age = int((clock.now() - sink.newest.at).total_seconds())
            state = f"{sink.newest.size} entries, {age} s ago; {sink.newest.reference}"
        if sink.failing_since is not None:
            state += f"\n  fails since {rfc3339(sink.failing_since)}, {sink.attempts} attempts: {sink.error}"
        return state


def export(anchor: Anchor, folder: Path) -> list[Path]:
    """Write one anchor's note, and its proof beside it: a token as ``.tst``, a cosignature under the note itself."""
    note = bytes(anchor.checkpoint.note)
    origin, _, _ = note.decode().partition("\n")
    stem = f"{as_file_name(origin)}.{anchor.size:020d}"
    proof = bytes(anchor.proof) if anchor.proof is not None else b""
    place = re.sub(r"[^A-Za-z0-9.]+", "-", anchor.sink).strip("-")
    if anchor.sink.startswith("witness+"):
        files = {f"{stem}.{place}.note": note + proof}
    else:
        files = {f"{stem}.note": note, **({f"{stem}.{place}.tst": proof} if proof else {})}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]
