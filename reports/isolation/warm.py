"""Keep the isolated process of the last model for a while, so that the producers of one version load it once.

Only the evidence worker switches this on. One process at a time, for one artifact digest; it ends when another version
comes, when nobody asks for a minute, and with the worker.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from placet.digests import artifact_digest
from reports.isolation.process import MEMORY_MB
from reports.isolation.session import Session

IDLE_S = 60.0


class Warm:
    """Holds at most one session between uses."""

    def __init__(self, *, idle_s: float = IDLE_S) -> None:
        self.idle_s = idle_s
        self._lock = threading.Lock()
        self._on = self._used = False
        self._key: tuple[str, int] | None = None
        self._session: Session | None = None
        self._timer: threading.Timer | None = None

    def switch_on(self) -> None:
        """Keep processes from now on."""
        self._on = True

    def close(self) -> None:
        """End the process that is kept, and keep none from now on."""
        with self._lock:
            self._on = False
            self._drop()

    @contextmanager
    def session(self, model_dir: Path, *, memory_mb: int = MEMORY_MB) -> Iterator[Session]:
        """Lend the kept session of these bytes, or a new one, which is kept afterwards; one of its own meanwhile."""
        with self._lock:
            lend = self._on and not self._used
            self._used = self._used or lend
        if not lend:
            with Session(model_dir, memory_mb=memory_mb) as own:
                yield own
            return
        try:
            yield self._lent(model_dir, memory_mb)
        finally:
            with self._lock:
                self._used = False
                if self._on:
                    self._timer = threading.Timer(self.idle_s, self._idle)
                    self._timer.daemon = True
                    self._timer.start()
                else:
                    self._drop()

    def _lent(self, model_dir: Path, memory_mb: int) -> Session:
        key = (artifact_digest(model_dir), memory_mb)
        with self._lock:
            if self._timer:
                self._timer.cancel()
            if self._session is None or self._key != key:
                self._drop()
                self._key, self._session = key, Session(model_dir, memory_mb=memory_mb)
            self._session.follow(model_dir)
            return self._session

    def _idle(self) -> None:
        with self._lock:
            if not self._used:
                self._drop()

    def _drop(self) -> None:
        if self._timer:
            self._timer.cancel()
        session, self._key, self._session, self._timer = self._session, None, None, None
        if session:
            session.close()


_warm = Warm()
session, switch_on, close = _warm.session, _warm.switch_on, _warm.close
