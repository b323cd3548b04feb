"""``python -m benchmarks [append verify fairness drift]``: print what each costs, as medians and as ratios."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from importlib import import_module

from rich.console import Console
from rich.table import Table

from benchmarks.timing import Comparison, seconds


def _append() -> Iterator[Comparison]:
    yield import_module("benchmarks.log_append").measure()
    yield from import_module("benchmarks.log_writers").measure()


def _scale() -> Iterator[Comparison]:
    yield from import_module("benchmarks.log_at_scale").measure()


def _verify() -> Iterator[Comparison]:
    yield from import_module("benchmarks.verification").measure()


def _fairness() -> Iterator[Comparison]:
    fairness = import_module("benchmarks.fairness")
    yield from (fairness.measure(rows) for rows in (10_000, 100_000))


def _drift() -> Iterator[Comparison]:
    yield import_module("benchmarks.drift").measure()


BENCHMARKS: dict[str, Callable[[], Iterator[Comparison]]] = {
    "append": _append,
    "scale": _scale,
    "verify": _verify,
    "fairness": _fairness,
    "drift": _drift,
}


def main() -> int:
    """Run the benchmarks named on the command line, all by default, and print them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHMARKS)}; all by default")
    chosen = parser.parse_args().names or list(BENCHMARKS)
    if unknown := sorted(set(chosen) - BENCHMARKS.keys()):
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    console = Console(highlight=False, width=110)
    claims = []
    for name in chosen:
        for found in BENCHMARKS[name]():
            _show(console, found)
            claims.append(found.claim)
    console.print("\n[bold]Ratios, which do not depend on the machine's speed[/]")
    for claim in claims:
        console.print(f"- {claim}")
    return 0


def _show(console: Console, found: Comparison) -> None:
    table = Table(title=found.title, caption=found.setup, title_justify="left", caption_justify="left")
    for heading in ("way", "median", "ratio", "runs"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for row in found.rows:
        table.add_row(row.name, seconds(row.median_s), f"{row.ratio:.3g}", str(row.runs))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
