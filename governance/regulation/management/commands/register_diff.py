"""`manage.py register_diff`: what the register in use changed against an older one, and which systems that touches."""

from pathlib import Path
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from governance.common.templatetags.placet import DASH
from governance.regulation.register import Register, RegisterInvalid, load, parse
from governance.regulation.systems import systems_for
from governance.regulation.versions import KINDS, Difference, by_digest, difference
from governance.regulation.web.changed import KIND_BADGES, dates_in_words, touched_rows


class Command(BaseCommand):
    help = (
        "Print what the register in use changed against OLD: a register file, or the version or digest of one that "
        "shipped; then the AI systems that this touches. Changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("old", metavar="OLD", help="A file, a version (2026-11-23+sha256:…) or its digest.")
        parser.add_argument("--to", metavar="NEW", default="", help="Against this file instead of the one in use.")
        parser.add_argument("--no-systems", action="store_true", help="Only the points; needs no database.")

    def handle(self, *args: Any, **options: Any) -> None:
        old, new = _register(options["old"]), _register(options["to"]) if options["to"] else load()
        found = difference(old, new)
        console = Console(file=cast(IO[str], self.stdout))
        console.print(f"{old.version}\n{new.version}\n", style="dim", highlight=False, soft_wrap=True)
        if not found.changes:
            console.print("No point differs.")
        else:
            console.print(_points(found))
            console.print(", ".join(f"{found.counts[kind]} {KIND_BADGES[kind][2]}".lower() for kind in KINDS))
        if not options["no_systems"]:
            rows = touched_rows(systems_for(None), found, old, new)
            console.print(_systems(rows) if rows else "No system is touched.")


def _register(named: str) -> Register:
    path = Path(named)
    if path.is_file():
        try:
            return parse(path.read_bytes())
        except RegisterInvalid as invalid:
            raise CommandError(f"{path}: {invalid}") from invalid
    found = by_digest(named)
    if found is None:
        raise CommandError(f"{named} is neither a file nor the version or digest of a register that shipped.")
    return found


def _points(found: Difference) -> Table:
    table = Table("Point", "Change", "Before", "Now", show_lines=True)
    for change in found.changes:
        before, after = change.before, change.after
        lines: list[tuple[str, str]] = []
        if before is None or after is None or "reworded" in change.kinds:
            lines.append(tuple(_said(point) for point in (before, after)))  # type: ignore[arg-type]
        if "redated" in change.kinds:
            lines.append((dates_in_words(change.dates_before), dates_in_words(change.dates_after)))
        words = ", ".join(str(KIND_BADGES[kind][2]) for kind in change.kinds)
        table.add_row(change.point_id, words, *("\n".join(column) for column in zip(*lines, strict=True)))
    return table


def _systems(rows: list[dict[str, Any]]) -> Table:
    table = Table("AI system", "Points that changed", "Classified under", "Made under another law")
    for row in rows:
        made = "\n".join(f"{item['count']} {item['kind']}: {item['under']}" for item in row["made"])
        table.add_row(row["name"], ", ".join(row["points"]) or DASH, row["signed_under"] or DASH, made or DASH)
    return table


def _said(point: Any) -> str:
    return f"{point.title}. {point.requirement or 'To be confirmed.'}" if point else DASH
