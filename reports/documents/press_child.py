"""The process that draws PDFs: ``python -m reports.documents.press_child MEMORY_MB``. See ``press``.

It reads requests from its standard input and writes frames to its standard output, until either is closed. It has no
secret, no network and a bound on its memory; what it draws comes in with the request.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import platform
import resource
import signal
import sys
from typing import BinaryIO

from reports.documents import building, render
from reports.documents.frames import DONE, FAILED, PROGRESS, read_frame, write_frame
from reports.isolation import launcher

FILE_MB = 64  # of the fonts that WeasyPrint puts into files


class _Progress(logging.Handler):
    """Pass on which page is being laid out."""

    def __init__(self, out: BinaryIO) -> None:
        super().__init__(logging.INFO)
        self.out = out

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg).startswith("Step 5 - Creating layout - Page"):
            said = f"page {record.args[0]}" if isinstance(record.args, tuple) and record.args else "pages"
            write_frame(self.out, PROGRESS, f"laying out {said}".encode())
        elif str(record.msg).startswith("Step 6"):
            write_frame(self.out, PROGRESS, b"writing the file")


def shut_in(memory_mb: int) -> None:
    """Bound what this process may use, and take sockets and further processes away where the kernel can."""
    launcher.libc.prctl(launcher.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for kind, most in (
        (resource.RLIMIT_AS, memory_mb << 20),
        (resource.RLIMIT_FSIZE, FILE_MB << 20),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    architecture, _, clone, clone3, numbers = launcher.MACHINES.get(platform.machine(), (0, 0, 0, 0, []))
    if architecture:
        launcher.check(launcher.libc.prctl(launcher.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
        launcher.refuse_system_calls(architecture, clone, clone3, numbers)


def collect_between() -> None:
    """Look for rings of unused objects between two documents only, as :func:`main` does: nearly all of a document's
    objects live until it is written.

    Takes a sixth off the time of a long document and adds a hundredth to its memory.
    """
    gc.freeze()
    gc.disable()


def answer(request: bytes) -> bytes:
    """Return what one request asks for: the versions of the libraries as JSON, or a PDF."""
    asked = json.loads(request)
    if asked["do"] == "libraries":
        return json.dumps(render.libraries()).encode()
    content = building.build(asked["snapshot"])
    return render.render(content, asked["snapshot"])


def main() -> None:
    """Serve requests until the other side closes."""
    source, out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not look like a frame
    from reports.documents import pdf  # loads the native libraries, before the bound on memory

    pdf.libraries()
    shut_in(int(sys.argv[1]))
    collect_between()
    progress = logging.getLogger("weasyprint.progress")
    progress.setLevel(logging.INFO)
    progress.addHandler(_Progress(out))
    progress.propagate = False
    while (frame := read_frame(source)) is not None:
        try:
            made = answer(frame[1])
        except MemoryError:
            write_frame(out, FAILED, b"MemoryError: the document needs more memory than a document may take")
            return
        except (Exception, SystemExit) as error:  # noqa: BLE001 (told to the other side)
            write_frame(out, FAILED, f"{type(error).__name__}: {error}"[:1000].encode(errors="replace"))
        else:
            write_frame(out, DONE, made)
            del made
        gc.collect()


if __name__ == "__main__":
    main()
