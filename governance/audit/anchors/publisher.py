"""Take the newest checkpoint to every sink when it is due, beside the notary, so that a slow one delays nothing.

One thread a sink, so that neither the notary nor the other sinks wait for it. What came of it is in the database: an
anchor for each success, and in ``audit_sink`` each sink's last failure and since when it fails, for the web's pages.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError, OperationalError, connection

from governance.audit import selectors
from governance.audit.anchors.sinks import Published, Sink, place
from governance.audit.errors import AnchorUnavailable, LogInconsistent
from governance.audit.models import Anchor, AnchorSink, Checkpoint
from governance.common import clock

log = logging.getLogger(__name__)
FIRST_RETRY = timedelta(seconds=5)
LAST_RETRY = timedelta(minutes=15)


@dataclass
class _Lane:
    """One sink with what is known of it: used by one thread at a time."""

    sink: Sink
    position: int | None = (
        None  # of the newest checkpoint that is there; -1: none; None: not read from the database yet
    )
    at: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    retry_at: datetime | None = None
    broken: LogInconsistent | None = None

    def pause(self, newest: Checkpoint | None) -> float | None:
        """Return the seconds until ``newest`` is due here, 0 or less for now, None when there is nothing to do."""
        if newest is None or self.broken or (self.position is not None and newest.position <= self.position):
            return None
        due = self.retry_at or (self.at + self.sink.every if self.at else None)
        return (due - clock.now()).total_seconds() if due else 0.0

    def attempt(self, newest: Checkpoint) -> None:
        """Publish, and write down what came of it. Raises nothing: a failure is remembered for the next time."""
        try:
            if self.position is None:
                self._load()
                if (pause := self.pause(newest)) is None or pause > 0:
                    return
            self._publish(newest)
        except LogInconsistent as error:
            self.broken = error
            self._failed(error.detail)
        except AnchorUnavailable as error:
            self._failed(error.detail)
        except (OperationalError, InterfaceError) as error:
            self._failed(f"The database does not answer: {str(error).strip()}")
        except Exception as error:
            log.exception("anchor %s: unexpected failure", self.sink.name)
            self._failed(f"{type(error).__name__}: {error}")

    def _load(self) -> None:
        last = Anchor.objects.filter(sink=self.sink.name).order_by("-checkpoint_id").first()
        self.position, self.at = (last.checkpoint_id, last.at) if last else (-1, None)

    def _publish(self, newest: Checkpoint) -> None:
        note, size = bytes(newest.note), newest.size
        base = newest.position - size
        # After a fork the place holds nothing of the log of the new name.
        previous = max(0, self.position - base) if self.position is not None else 0

        def prove_from(old: int) -> list[bytes]:
            return selectors.consistency_proof(old, size) if 0 < old < size else []

        origin = note.partition(b"\n")[0].decode()
        published = Published(origin, size, bytes(newest.root), note, prove_from, previous)
        anchored = self.sink.publish(published)
        now = clock.now()
        Anchor.objects.create(
            checkpoint=newest, sink=self.sink.name, reference=anchored.reference, proof=anchored.proof, at=now
        )
        self.position, self.at, self.retry_at = newest.position, now, None
        AnchorSink.objects.filter(name=self.sink.name, attempts__gt=0).update(failing_since=None, attempts=0, error="")
        if self.failures:
            log.info("anchor %s: works again after %d failures", self.sink.name, self.failures)
        self.failures, self.failing_since = 0, None

    def _failed(self, why: str) -> None:
        now = clock.now()
        delay = min(FIRST_RETRY * 2 ** min(self.failures, 16), LAST_RETRY)
        self.failures += 1
        self.failing_since = self.failing_since or now
        self.retry_at = now + delay
        log.warning(
            "anchor %s failed (attempt %d, next in %d s): %s", self.sink.name, self.failures, delay.seconds, why
        )
        try:
            held = AnchorSink.objects.filter(name=self.sink.name).values_list("failing_since", flat=True).first()
            # Over a restart of the notary the sink still fails since it first did.
            self.failing_since = held or self.failing_since
            AnchorSink.objects.filter(name=self.sink.name).update(
                failing_since=self.failing_since, tried_at=now, attempts=self.failures, error=why[:2000]
            )
        except DatabaseError as error:
            log.warning("anchor %s: the failure can't be written down: %s", self.sink.name, str(error).strip())


@dataclass
class Publisher:
    """Serves the sinks.

    Attributes:
        sinks: where checkpoints go.
        background: one thread each, started at the first checkpoint; otherwise each is served within ``offer``.
    """

    sinks: Sequence[Sink]
    background: bool = True
    _lanes: list[_Lane] = field(init=False, repr=False)
    _threads: list[threading.Thread] = field(default_factory=list, init=False, repr=False)
    _changed: threading.Condition = field(default_factory=threading.Condition, init=False, repr=False)
    _newest: Checkpoint | None = field(default=None, init=False)
    _stopping: bool = field(default=False, init=False)
    _busy: set[str] = field(default_factory=set, init=False, repr=False)

    def __post_init__(self) -> None:
        self._lanes = [_Lane(sink) for sink in self.sinks]

    def offer(self, newest: Checkpoint | None) -> None:
        """Tell the sinks of the newest checkpoint; in the background, this waits for none of them.

        Raises:
            LogInconsistent: a sink holds something else under this log's name; found now or since the last call.
        """
        if newest is not None and self._newest is None:
            self._register()
        with self._changed:
            if newest is not None and (self._newest is None or newest.position != self._newest.position):
                self._newest = newest
                self._changed.notify_all()
        if newest is not None and self.background and not self._threads and not self._stopping:
            self._start()
        if not self.background:
            for lane in self._lanes:
                if (pause := lane.pause(newest)) is not None and pause <= 0 and newest is not None:
                    lane.attempt(newest)
        for lane in self._lanes:
            if lane.broken:
                raise lane.broken

    def settle(self, *, within: timedelta) -> bool:
        """Wait until no sink is due and none is at work; return whether that came about in time.

        Raises:
            LogInconsistent: as ``offer`` does.
        """
        with self._changed:
            settled = self._changed.wait_for(self._is_settled, within.total_seconds())
        self.offer(None)
        return settled

    def close(self, *, within: timedelta = timedelta(seconds=5)) -> bool:
        """Begin nothing new, wait for what is under way, and return whether all threads ended.

        A thread that did not is a daemon: it holds up neither the process nor the log, and its sink is tried again at
        the next start.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        ends = time.monotonic() + within.total_seconds()
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _register(self) -> None:
        """Write down which sinks there are now, so that the web can name one that never worked."""
        names = [sink.name for sink in self.sinks]
        AnchorSink.objects.exclude(name__in=names).delete()
        for sink in self.sinks:
            every_s = int(sink.every.total_seconds())
            AnchorSink.objects.update_or_create(name=sink.name, defaults={"every_s": every_s})

    def _start(self) -> None:
        self._threads = [
            threading.Thread(target=self._serve, args=[lane], name=f"anchor {place(lane.sink.name)}", daemon=True)
            for lane in self._lanes
        ]
        for thread in self._threads:
            thread.start()

    def _is_settled(self) -> bool:
        return not self._busy and all((pause := lane.pause(self._newest)) is None or pause > 0 for lane in self._lanes)

    def _serve(self, lane: _Lane) -> None:
        while (newest := self._wait_until_due(lane)) is not None:
            try:
                lane.attempt(newest)
            finally:
                # Django's connections belong to a thread; one that is used every few seconds or once a day is not kept.
                connection.close()
                with self._changed:
                    self._busy.discard(lane.sink.name)
                    self._changed.notify_all()

    def _wait_until_due(self, lane: _Lane) -> Checkpoint | None:
        """Return the checkpoint to publish now, or None to stop."""
        with self._changed:
            while not self._stopping and not lane.broken:
                pause = lane.pause(self._newest)
                if self._newest is not None and pause is not None and pause <= 0:
                    self._busy.add(lane.sink.name)
                    return self._newest
                self._changed.wait(pause)
        return None
