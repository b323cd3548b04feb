"""Draw documents in a process of their own, which is used again and then replaced.

The child holds none of the worker's secrets, opens no socket, sees no font of the machine, and is bound in time and
memory. It is kept for the next document, because loading WeasyPrint takes seconds; it is replaced after a number of
documents, when it has grown, and after any failure.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reports.documents.content import Content
from reports.documents.frames import ASK, DONE, PROGRESS, Torn, read_frame, write_frame
from reports.documents.snapshot import Record, SnapshotInvalid, canonical, digest

TIME_LIMIT_S = 300.0
MEMORY_MB = 2048  # of address space; about a third of it is ever used
DOCUMENTS = 20  # per child
GROWN_MB = 700  # of resident memory, after which a child is replaced
_ROOT = Path(__file__).resolve().parents[2]
_KEPT = ("PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "TMPDIR")
Said = Callable[[str], None]


class DrawingFailed(RuntimeError):
    """The pages could not be drawn: the sentence says why."""


class Press:
    """At most one child at a time; whoever comes meanwhile waits."""

    def __init__(
        self, *, time_limit_s: float = TIME_LIMIT_S, memory_mb: int = MEMORY_MB, documents: int = DOCUMENTS
    ) -> None:
        self.time_limit_s, self.memory_mb, self.documents = time_limit_s, memory_mb, documents
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._drawn = 0

    def render(self, content: Content, snapshot: Record, said: Said | None = None) -> bytes:
        """Return the document as :func:`reports.documents.render.render` draws it.

        Args:
            content: what :func:`reports.documents.building.build` made of ``snapshot``; the child builds it again.
            said: told what the child is doing, such as ``laying out page 12``.

        Raises:
            SnapshotInvalid: ``content`` was built from another snapshot.
            DrawingFailed: it was not drawn within the limits, or not at all.
        """
        if content.snapshot_digest != digest(snapshot):
            raise SnapshotInvalid("The content was built from another snapshot: build it again from this one.")
        return self._ask(b'{"do":"render","snapshot":' + canonical(snapshot) + b"}", said)

    def libraries(self) -> dict[str, str]:
        """Return the versions that decide the bytes of a document."""
        found: dict[str, str] = json.loads(self._ask(b'{"do":"libraries"}', None))
        return found

    def close(self) -> None:
        """End the child; the next document starts another."""
        with self._lock:
            self._drop()

    @property
    def pid(self) -> int | None:
        """The process id of the child, None without one."""
        return self._child.pid if self._child else None

    def _ask(self, request: bytes, said: Said | None) -> bytes:
        with self._lock:
            child = self._child or self._start()
            late = threading.Event()

            def stop() -> None:
                late.set()
                child.kill()

            timer = threading.Timer(self.time_limit_s, stop)
            timer.daemon = True
            timer.start()
            try:
                return self._answer(child, request, said)
            except (OSError, Torn, DrawingFailed) as error:
                self._drop()
                if late.is_set():
                    raise DrawingFailed(
                        f"The pages were not drawn within {self.time_limit_s:g} s. Is a text in it very long?"
                    ) from error
                if isinstance(error, DrawingFailed):
                    raise
                raise DrawingFailed(f"The process that draws the pages ended ({error}). Ask again.") from error
            finally:
                timer.cancel()
                if self._child and (self._drawn >= self.documents or resident_mb(self._child.pid) > GROWN_MB):
                    self._drop()

    def _answer(self, child: subprocess.Popen[bytes], request: bytes, said: Said | None) -> bytes:
        write_frame(_pipe(child.stdin), ASK, request)
        while (frame := read_frame(_pipe(child.stdout))) is not None:
            kind, body = frame
            if kind == DONE:
                self._drawn += 1
                return body
            if kind != PROGRESS:
                raise DrawingFailed(body.decode(errors="replace"))
            if said is not None:
                said(body.decode(errors="replace"))
        raise Torn("without an answer")

    def _start(self) -> subprocess.Popen[bytes]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        child = subprocess.Popen(  # noqa: S603 (a module of ours)
            [sys.executable, "-m", "reports.documents.press_child", str(self.memory_mb)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            env=kept | {"LANG": "C.UTF-8", "TZ": "UTC", "HOME": "/nonexistent", "PYTHONHASHSEED": "0"},
        )
        self._child, self._drawn = child, 0
        return child

    def _drop(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            try:
                _pipe(pipe).close()
            except OSError:  # what was not yet written has no reader any more
                continue


def resident_mb(pid: int) -> float:
    """Return how much memory a process holds, in MiB; 0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def _pipe(stream: Any) -> Any:
    if stream is None:
        raise OSError("no pipe")
    return stream


press = Press()
"""The one of this process. Only a worker asks it."""
