"""Send what was predicted to Placet's monitor, behind the answers: a slow or absent Placet slows no prediction."""

import logging
import queue
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from placet.permits import Permit
from placet.sdk import Placet, PlacetProblem

log = logging.getLogger("serving")
Key = tuple[str, str, str]  # model, alias, version


class Records:
    """A bounded queue and one thread that empties it. ``counts`` says what was sent, refused or dropped, in rows."""

    def __init__(self, *, most: int = 1_000, every_s: float = 5.0) -> None:
        self.counts: Counter[str] = Counter()
        self._queue: queue.Queue[tuple[Key, pd.DataFrame]] = queue.Queue(maxsize=most)
        self._every_s, self._stop = every_s, threading.Event()
        self._unsent: list[tuple[str, Key, pd.DataFrame]] = []
        self._thread = threading.Thread(target=self._run, name="records", daemon=True)
        self._thread.start()

    def add(self, permit: Permit, rows: list[dict[str, Any]], scores: list[float]) -> None:
        """Queue what was predicted. When the queue is full, it is dropped and counted: answers come first."""
        ids = [str(uuid.uuid4()) for _ in rows]
        frame = pd.DataFrame(rows).assign(prediction_id=ids, predicted_at=datetime.now(UTC), prediction=scores)
        try:
            self._queue.put_nowait(((permit.model, permit.alias, permit.version), frame))
        except queue.Full:
            self.counts["dropped"] += len(rows)

    def close(self) -> None:
        """Send what is queued, once, and stop."""
        self._stop.set()
        self._thread.join(timeout=20)

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            self._send()
        self._send()

    def _send(self) -> None:
        if not self._unsent:  # what could not be sent waits in its own batch, so that sending it again counts once
            self._unsent = list(self._batches())
        try:
            while self._unsent:
                batch, (model, alias, version), frame = self._unsent[0]
                with Placet(timeout_s=10) as placet:
                    for monitor in placet.monitors(model=model, alias=alias):
                        placet.push_records(str(monitor["id"]), frame, batch=batch, version=version)
                self.counts["sent"] += len(frame)
                del self._unsent[0]
        except PlacetProblem as problem:
            if 400 <= problem.status < 500:  # it will not be taken later either
                self.counts["refused"] += len(self._unsent.pop(0)[2])
            log.warning("records were not sent: %s", problem)

    def _batches(self) -> Iterator[tuple[str, Key, pd.DataFrame]]:
        frames: dict[Key, list[pd.DataFrame]] = {}
        while True:
            try:
                key, frame = self._queue.get_nowait()
            except queue.Empty:
                break
            frames.setdefault(key, []).append(frame)
        for key, found in frames.items():
            yield f"serving-{uuid.uuid4()}", key, pd.concat(found, ignore_index=True)
