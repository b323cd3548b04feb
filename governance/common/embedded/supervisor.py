"""Start processes, wait until each is ready, restart what dies, and stop all of them in reverse order.

Everything happens in one thread that lives as long as the supervisor: the kernel's "signal me when my parent dies"
means the thread that started the child, so children must not be started from a short-lived one.
"""

import os
import queue
import secrets
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from governance.common.embedded import state as state_store
from governance.common.embedded.console import Console
from governance.common.embedded.environment import Addresses
from governance.common.embedded.layout import EmbeddedError, Layout
from governance.common.embedded.process import NONCE_VARIABLE, Identity, Process, members_of_session
from governance.common.embedded.state import State
from governance.common.embedded.unprivileged import launcher_command

RESTARTS_PER_MINUTE = 3
FIRST_DELAY_S = 0.5
"""Before the first restart; doubled for each further one within the minute."""
_POLL_S = 0.05


class Stopped(Exception):
    """The start was interrupted by a stop."""


@dataclass
class _Child:
    """A running process and what is known about it."""

    process: Process
    popen: subprocess.Popen[str]
    reader: threading.Thread
    said_ready: threading.Event
    started_at: float
    tail: deque[str]


@dataclass
class _Record:
    """The history of one name over its restarts."""

    deaths: deque[float] = field(default_factory=deque)
    restart_at: float | None = None
    held_down: bool = False


class Supervisor:
    """Run a plan of steps, then keep what it started alive.

    Args:
        layout: whose folder; the caller holds its supervisor lock.
        addresses: written to the state file, so that others can find the servers.
        console: where the processes' lines go.
        plan: called in the supervisor's thread with the supervisor; it calls :meth:`start`, :meth:`wait` and
            :meth:`run_once`. When it returns, the state file says ready.
    """

    def __init__(
        self, layout: Layout, *, addresses: Addresses, console: Console, plan: Callable[["Supervisor"], None]
    ) -> None:
        self._layout = layout
        self._addresses = addresses
        self._console = console
        self._plan = plan
        self._nonce = secrets.token_hex(16)
        self._children: dict[str, _Child] = {}
        self._processes: dict[str, Process] = {}
        self._records: dict[str, _Record] = {}
        self._requests: queue.SimpleQueue[tuple[Callable[[], None], Future[None]]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._main, name="supervisor", daemon=True)
        self.failure: str | None = None
        """Why it stopped by itself; None while it runs and after a stop that was asked for."""

    # For any thread ------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start the thread; :meth:`wait_ready` tells when the plan is through."""
        self._thread.start()

    def wait_ready(self) -> None:
        """Block until everything is ready.

        Raises:
            EmbeddedError: something did not start; everything is stopped again.
        """
        self._ready.result()

    def is_ready(self) -> bool:
        """Return whether the plan is through and everything is ready."""
        return self._ready.done() and self._ready.exception() is None

    def stop(self) -> None:
        """Stop everything in reverse order and wait for it; harmless if it already stopped."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def is_running(self) -> bool:
        """Return whether the supervisor still keeps its processes."""
        return self._thread.is_alive()

    def join(self, timeout_s: float) -> None:
        """Wait until it has ended, at most ``timeout_s``."""
        self._thread.join(timeout_s)

    def restart(self, name: str) -> None:
        """Stop the process if it runs, start it and wait until it is ready."""
        self._ask(lambda: self._restart(name))

    def kill(self, name: str, number: int, *, keep_down: bool = False) -> None:
        """Send a signal to the process and all its children, as a crash or the out-of-memory killer would.

        Args:
            name: of the process.
            number: the signal.
            keep_down: do not start it again until :meth:`restart`.
        """
        self._ask(lambda: self._kill(name, number, keep_down=keep_down))

    def pid(self, name: str) -> int | None:
        """Return the id of the process now, None while it is down."""
        child = self._children.get(name)
        return None if child is None or child.popen.poll() is not None else child.popen.pid

    def _ask(self, action: Callable[[], None]) -> None:
        if not self._thread.is_alive():
            raise EmbeddedError("The supervisor has stopped.")
        answer: Future[None] = Future()
        self._requests.put((action, answer))
        answer.result()

    # For the plan --------------------------------------------------------------------------------------------------

    def start(self, processes: Sequence[Process]) -> None:
        """Start ``processes`` in order, without waiting."""
        for process in processes:
            self._processes[process.name] = process
            self._records[process.name] = _Record()
            self._spawn(process)

    def wait(self, names: Sequence[str]) -> None:
        """Wait until each of ``names`` is ready.

        Raises:
            EmbeddedError: one died on the way or took too long; the message carries its last lines.
        """
        for name in names:
            child = self._children[name]
            deadline = child.started_at + child.process.ready_timeout_s
            while not self._is_ready(child):
                self._check_stop()
                if child.popen.poll() is not None:
                    child.reader.join(2)
                    raise EmbeddedError(f"{name} stopped while starting ({_exit(child)}).{_tail(child)}")
                if time.monotonic() > deadline:
                    raise EmbeddedError(f"{name} was not ready in {child.process.ready_timeout_s:.0f} s.{_tail(child)}")
                time.sleep(_POLL_S)
            self._console.say(f"{name} ready after {time.monotonic() - child.started_at:.1f} s")

    def run_once(self, process: Process) -> None:
        """Run ``process`` to its end.

        Raises:
            EmbeddedError: it did not exit with 0; the message carries its last lines.
        """
        child = self._spawn(process)
        while child.popen.poll() is None:
            if self._stop.is_set():
                self._terminate([child])
                raise Stopped
            time.sleep(0.01)
        child.reader.join(5)
        del self._children[process.name]
        if child.popen.returncode != 0:
            raise EmbeddedError(f"{process.name} failed ({_exit(child)}).{_tail(child)}")
        self._console.say(f"{process.name} done in {time.monotonic() - child.started_at:.1f} s")

    def say(self, text: str) -> None:
        """Print a line of the supervisor's own."""
        self._console.say(text)

    # In the supervisor's thread ------------------------------------------------------------------------------------

    def _main(self) -> None:
        try:
            self._plan(self)
            self._write_state(ready=True)
            self._ready.set_result(None)
            self._watch()
        except Stopped:
            pass
        except Exception as problem:  # noqa: BLE001  (whatever it is, the processes must be stopped and the reason told)
            self.failure = str(problem) or repr(problem)
        finally:
            self._stop_all()
            if not self._ready.done():
                self._ready.set_exception(EmbeddedError(self.failure or "Stopped before everything was ready."))
            self._refuse_requests()

    def _refuse_requests(self) -> None:
        while not self._requests.empty():
            self._requests.get()[1].set_exception(EmbeddedError("The supervisor has stopped."))

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                action, answer = self._requests.get(timeout=_POLL_S)
            except queue.Empty:
                self._look_after()
                continue
            try:
                action()
            except Exception as problem:  # noqa: BLE001  (belongs to whoever asked)
                answer.set_exception(problem)
            else:
                answer.set_result(None)

    def _look_after(self) -> None:
        now = time.monotonic()
        for name, record in self._records.items():
            child = self._children.get(name)
            if child is not None and child.popen.poll() is not None:
                del self._children[name]
                self._sweep(child)
                self._note_death(name, record, child, now)
            if record.restart_at is not None and now >= record.restart_at:
                record.restart_at = None
                self._spawn(self._processes[name])

    def _note_death(self, name: str, record: _Record, child: _Child, now: float) -> None:
        if record.held_down:
            return
        record.deaths.append(now)
        while record.deaths and record.deaths[0] < now - 60:
            record.deaths.popleft()
        if len(record.deaths) > RESTARTS_PER_MINUTE:
            raise EmbeddedError(
                f"{name} died {len(record.deaths)} times within a minute ({_exit(child)}).{_tail(child)}"
            )
        delay = FIRST_DELAY_S * 2 ** (len(record.deaths) - 1)
        record.restart_at = now + delay
        self._console.warn(f"{name} died ({_exit(child)}); starting it again in {delay:.1f} s")

    def _restart(self, name: str) -> None:
        record = self._record(name)
        child = self._children.pop(name, None)
        if child is not None:
            self._terminate([child])
        record.held_down, record.restart_at = False, None
        self._spawn(self._processes[name])
        self.wait([name])

    def _kill(self, name: str, number: int, *, keep_down: bool) -> None:
        record = self._record(name)
        record.held_down = keep_down
        if (child := self._children.get(name)) is not None:
            for member in members_of_session(child.popen.pid):
                member.send(number)

    def _record(self, name: str) -> _Record:
        if name not in self._records:
            raise EmbeddedError(f"No process is called {name!r}; these are: {', '.join(self._records)}.")
        return self._records[name]

    def _spawn(self, process: Process) -> _Child:
        command = launcher_command(process.command, uid=process.uid, death_signal=process.death_signal)
        stdin = process.stdin.open("rb") if process.stdin else subprocess.DEVNULL
        try:
            popen = subprocess.Popen(  # noqa: S603  (our own argument list)
                command,
                env={**process.env, NONCE_VARIABLE: self._nonce},
                cwd=process.cwd,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,  # Ctrl-C reaches the supervisor only, which stops them in order
            )
        finally:
            if not isinstance(stdin, int):
                stdin.close()
        said_ready, tail = threading.Event(), deque[str](maxlen=15)
        reader = threading.Thread(
            target=self._console.follow,
            args=(process, popen, said_ready, tail),
            name=f"{process.name} log",
            daemon=True,
        )
        child = _Child(process, popen, reader, said_ready, time.monotonic(), tail)
        self._children[process.name] = child
        reader.start()
        self._write_state(ready=self._ready.done())
        return child

    def _is_ready(self, child: _Child) -> bool:
        if child.process.ready is not None:
            return child.popen.poll() is None and child.process.ready()
        return child.process.ready_line is None or child.said_ready.is_set()

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _write_state(self, *, ready: bool) -> None:
        processes = {name: Identity.of(child.popen.pid) for name, child in self._children.items()}
        supervisor = Identity.of(os.getpid())
        if supervisor is None:
            raise EmbeddedError("/proc is not mounted: the embedded servers need it.")
        state_store.write(
            self._layout,
            State(
                nonce=self._nonce,
                supervisor=supervisor,
                ports=self._addresses.ports,
                external=tuple(self._addresses.external),
                ready=ready,
                processes={name: identity for name, identity in processes.items() if identity is not None},
            ),
        )

    # Stopping ------------------------------------------------------------------------------------------------------

    def _stop_all(self) -> None:
        for servers in (False, True):  # what uses the servers first, then the servers
            self._terminate([c for c in reversed(self._children.values()) if c.process.is_server is servers])
        self._children.clear()
        self._layout.state_file.unlink(missing_ok=True)

    def _terminate(self, children: Sequence[_Child]) -> None:
        for child in children:
            if child.popen.poll() is None:
                child.popen.send_signal(child.process.stop_signal)
        for child in children:
            try:
                child.popen.wait(child.process.stop_timeout_s)
            except subprocess.TimeoutExpired:
                self._console.warn(
                    f"{child.process.name} did not stop in {child.process.stop_timeout_s:.0f} s: killing it"
                )
                child.popen.kill()
                child.popen.wait()
            self._sweep(child)

    def _sweep(self, child: _Child) -> None:
        """Kill what a dead process left behind in its session: a MLflow parent, killed, leaves its server."""
        for member in members_of_session(child.popen.pid):
            member.send(signal.SIGKILL)
        child.reader.join(2)


def _exit(child: _Child) -> str:
    code = child.popen.returncode
    return f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"


def _tail(child: _Child) -> str:
    return "".join(f"\n    {line}" for line in child.tail)
