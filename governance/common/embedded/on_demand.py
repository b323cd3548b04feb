"""PostgreSQL and Valkey on demand: started by the first who asks, shared, and stopped when the last one is gone.

Being a user is a shared file lock, which the kernel drops when a process dies, however it dies. A small keeper process
owns the servers and stops them once nobody holds that lock, so neither a crash nor ``kill -9`` of a test run leaves
them behind.
"""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from governance.common.embedded import environment, processes, state
from governance.common.embedded.environment import Addresses
from governance.common.embedded.layout import REPOSITORY, EmbeddedError, Layout
from governance.common.embedded.stack import Stack, running_addresses

_START_TIMEOUT_S = 60.0
_LINGER_S = 1.0
_POLL_S = 0.2
_held: dict[Path, contextlib.ExitStack] = {}


def ensure_servers(var: Path | str = REPOSITORY / "var" / "test") -> dict[str, str]:
    """Return the environment (role ``test``) of running servers in ``var``, started now if nobody did.

    Safe with several starters: one starts, the others adopt. The servers stay until this process and every other
    user has ended or called :func:`release`. About 1 s for the first start of a folder, 0.05 s to adopt. With
    DATABASE_URL and REDIS_URL set, those servers are used and nothing is started.

    Raises:
        EmbeddedError: they do not start; the message carries the reason.
    """
    layout = Layout.at(var).create()
    if {"DATABASE_URL", "REDIS_URL"} <= (external := environment.external_servers()).keys():
        return environment.compose(layout, Addresses({}, external), "test")
    with state.locked(layout.start_lock):
        if layout.var not in _held:
            user = contextlib.ExitStack()
            user.enter_context(state.locked(layout.users_lock, shared=True))
            _held[layout.var] = user
        try:
            if not state.is_supervised(layout):
                _start_keeper(layout)
            _wait_ready(layout)
        except BaseException:
            release(var)
            raise
        return environment.compose(layout, running_addresses(layout), "test")


def release(var: Path | str) -> None:
    """Stop being a user of the servers in ``var``; the end of the process does the same."""
    if (user := _held.pop(Layout.at(var).var, None)) is not None:
        user.close()


def _start_keeper(layout: Layout) -> None:
    log = layout.logs / "keeper.log"
    with log.open("a") as output:
        keeper = subprocess.Popen(  # noqa: S603  (our own argument list)
            [sys.executable, "-m", "governance.common.embedded", "keep", "--var", str(layout.var)],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # it must outlive its starter while others still use the servers
        )
    while not state.is_supervised(layout):
        if keeper.poll() is not None:
            raise EmbeddedError(f"The embedded servers did not start; the last line of {log}: {_last_line(log)}")
        time.sleep(0.02)
    # Nobody waits for the keeper: it reaps nothing but itself, and a zombie would outlast a long test run.
    threading.Thread(target=keeper.wait, name="keeper reaper", daemon=True).start()


def _wait_ready(layout: Layout) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not ((found := state.read(layout)) and found.ready and found.supervisor.is_alive()):
        if not state.is_supervised(layout):
            log = layout.logs / "keeper.log"
            raise EmbeddedError(f"The embedded servers did not start; the last line of {log}: {_last_line(log)}")
        if time.monotonic() > deadline:
            raise EmbeddedError(f"The embedded servers were not ready in {_START_TIMEOUT_S:.0f} s: see {layout.logs}.")
        time.sleep(0.02)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "(empty)"


def keep(layout: Layout) -> None:
    """Own the servers of ``layout`` until nobody uses them any more: the body of the keeper process.

    Raises:
        EmbeddedError: another supervisor runs in this folder, or a server does not start or dies for good.
    """
    stack = Stack(
        var=layout.var,
        processes=processes.SERVERS,
        ports=dict.fromkeys(processes.SERVERS, 0),
        echo=sys.stdout,
        durable=False,
    )
    # A SIGTERM (a machine that shuts down) leaves through the same door as everything else.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    with contextlib.ExitStack() as until_stopped, stack:
        unused_since: float | None = None
        while stack.supervisor.is_running():
            stack.supervisor.join(_POLL_S)
            unused_since = None if _in_use(layout) else (unused_since or time.monotonic())
            if unused_since is None or time.monotonic() - unused_since < _LINGER_S:
                continue
            try:
                # Held until everything is down: a newcomer must not adopt servers that are about to stop.
                until_stopped.enter_context(state.locked(layout.start_lock, wait=False))
            except BlockingIOError:
                continue
            if not _in_use(layout):
                break
            until_stopped.pop_all().close()
    if stack.supervisor.failure:
        raise EmbeddedError(stack.supervisor.failure)


def _in_use(layout: Layout) -> bool:
    try:
        with state.locked(layout.users_lock, wait=False):
            return False
    except BlockingIOError:
        return True
