"""One documentation of a little over 100 pages, drawn as the press's child draws it; its snapshot comes in as JSON.

In a process of its own, because the peak of its memory is the figure: that of the benchmarks holds much else. Prints
pages, seconds of wall clock and of CPU, and the peak of the resident memory in MB, as JSON.
"""

from __future__ import annotations

import io
import json
import sys
import time
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

from reports.documents import pdf, press_child, render
from reports.documents.building import build
from reports.documents.content import Content

SECTIONS = 133
"""How many sections fill a little more than 100 pages."""


def long(content: Content) -> Content:
    """Return the content with its sections repeated, each under an anchor of its own, until they are so many."""
    repeated = islice(cycle(content.sections), SECTIONS)
    return replace(content, sections=tuple(replace(one, anchor=f"{one.anchor}-{n}") for n, one in enumerate(repeated)))


def peak_mb() -> float:
    """Return the most memory that this process has held, in MiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    """Draw it and print the figures."""
    snapshot = json.load(sys.stdin)
    pdf.libraries()
    press_child.shut_in(2048)
    press_child.collect_between()
    wall, cpu = time.perf_counter(), time.process_time()
    made = render.render(long(build(snapshot)), snapshot)
    figures = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu, "peak_mb": peak_mb()}
    import pypdf  # after the peak: counting the pages is no part of it

    print(json.dumps(figures | {"pages": len(pypdf.PdfReader(io.BytesIO(made)).pages)}))


if __name__ == "__main__":
    main()
