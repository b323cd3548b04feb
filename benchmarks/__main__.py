"""``python -m benchmarks [NAME …]``: print medians and ratios of each benchmark, of all without a name."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

from rich.console import Console
from rich.table import Table

from benchmarks.catalogue import BENCHMARKS, run
from benchmarks.timing import Comparison, seconds


def main() -> int:
    """Run the benchmarks named on the command line, all by default, and print them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHMARKS)}; all by default")
    chosen = parser.parse_args().names or list(BENCHMARKS)
    if unknown := sorted(set(chosen) - BENCHMARKS.keys()):
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    console = Console(highlight=False, width=110)
    claims = []
    # Each in a process of its own: some set Django up, which a process does once, on a database of their own.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as processes:
        for comparisons in processes.map(run, chosen):
            for found in comparisons:
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
