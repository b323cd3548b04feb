"""Print each process's lines with its name before them, and keep them in ``var/log/<name>.log``."""

import contextlib
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import TextIO

from governance.common.embedded.layout import Layout
from governance.common.embedded.process import Process

_COLOURS = (36, 33, 35, 32, 34, 96, 93, 95)
_KEEP_BYTES = 10_000_000


class Console:
    """Where output goes; one lock keeps lines whole.

    Args:
        layout: whose ``log`` folder.
        echo: the stream for people, or None for the files only.
        notice: called with what people must know even without ``echo``, such as a port that is not the usual one.
    """

    def __init__(
        self, layout: Layout, *, echo: TextIO | None = sys.stdout, notice: Callable[[str], None] | None = None
    ) -> None:
        self._layout = layout
        self._echo = echo
        self._notice = notice
        self._lock = threading.Lock()
        self._colours: dict[str, int] = {}
        self._coloured = echo is not None and echo.isatty()

    def say(self, text: str) -> None:
        """Print a line of the supervisor's own."""
        self._print("placet", text)

    def warn(self, text: str) -> None:
        """Print a line of the supervisor's own that must not be lost where no log lines are shown."""
        if self._echo is None and self._notice is not None:
            self._notice(text)
        else:
            self.say(text)

    def _print(self, name: str, text: str) -> None:
        if self._echo is None:
            return
        with self._lock:
            colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
            label = f"{name:>9}"
            prefix = f"\033[{colour}m{label}\033[0m" if self._coloured else label
            try:
                self._echo.write(f"{prefix} | {text}\n")
                self._echo.flush()
            except (OSError, ValueError):
                self._echo = None  # the terminal is gone; the files go on

    def follow(
        self, process: Process, popen: subprocess.Popen[str], said_ready: threading.Event, tail: deque[str]
    ) -> None:
        """Read the process's output to its end: echo it, file it, note its ready line and its last lines."""
        path = self._layout.logs / f"{process.name}.log"
        if path.exists() and path.stat().st_size > _KEEP_BYTES:
            path.replace(path.with_suffix(".log.1"))
        assert popen.stdout is not None  # noqa: S101  (we opened it as a pipe)
        with path.open("a", encoding="utf-8") as file, popen.stdout as lines:
            for line in lines:
                text = line.rstrip("\n")
                tail.append(text)
                # A full disk must not stop us reading: the process would block on its next line.
                with contextlib.suppress(OSError):
                    file.write(text + "\n")
                    file.flush()
                if process.ready_line is not None and process.ready_line.search(text):
                    said_ready.set()
                self._print(process.name, text)
