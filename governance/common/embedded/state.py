"""Remember on disk what runs, so that a start after ``kill -9`` can find and stop what was left."""

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from governance.common.embedded.layout import EmbeddedError, Layout
from governance.common.embedded.process import Identity, carriers_of
from governance.common.embedded.secrets import write_private

_GRACE_S = 10.0


@dataclass(frozen=True)
class State:
    """What ``var/run/processes.json`` says. It holds ports and process ids, no secret."""

    nonce: str
    supervisor: Identity
    ports: Mapping[str, int]
    external: tuple[str, ...]
    """Names of the variables that point to servers of the user's own."""
    ready: bool
    processes: Mapping[str, Identity] = field(default_factory=dict)


def write(layout: Layout, state: State) -> None:
    """Replace the state file, whole or not at all."""
    document = {
        "nonce": state.nonce,
        "supervisor": vars(state.supervisor),
        "ports": dict(state.ports),
        "external": list(state.external),
        "ready": state.ready,
        "processes": {name: vars(identity) for name, identity in state.processes.items()},
    }
    write_private(layout.state_file, json.dumps(document, indent=1) + "\n")


def read(layout: Layout) -> State | None:
    """Return the last state written, or None if there is none that can be read."""
    try:
        document = json.loads(layout.state_file.read_text())
        return State(
            nonce=document["nonce"],
            supervisor=Identity(**document["supervisor"]),
            ports=document["ports"],
            external=tuple(document["external"]),
            ready=document["ready"],
            processes={name: Identity(**identity) for name, identity in document["processes"].items()},
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def stop_leftovers(layout: Layout) -> list[str]:
    """Stop what an earlier supervisor of this folder left running; return the names of what was found.

    Call it with the supervisor's lock held. A process counts as ours if its id and start time are those on record, or
    if its environment carries the nonce of that start; it is signalled by a descriptor that cannot slip to another.
    """
    state = read(layout)
    if state is None:
        return []
    recorded = {identity: name for name, identity in state.processes.items()}
    alive = {identity for identity in recorded if identity.is_alive()} | set(carriers_of(state.nonce))
    names = sorted({recorded.get(identity, "a child process") for identity in alive})
    for identity in alive:
        # PostgreSQL takes SIGTERM as "wait until everybody has left", which they may never do.
        identity.send(signal.SIGINT if recorded.get(identity) == "postgres" else signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_S
    while alive and time.monotonic() < deadline:
        alive = {identity for identity in alive if identity.is_alive()}
        time.sleep(0.02)
    for identity in alive:
        identity.send(signal.SIGKILL)
    while any(identity.is_alive() for identity in alive):
        time.sleep(0.02)
    layout.state_file.unlink(missing_ok=True)
    return names


@contextmanager
def locked(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[None]:
    """Hold an advisory lock on ``path``; the kernel lets go of it when the process dies, however it dies.

    Raises:
        BlockingIOError: somebody else holds it and ``wait`` is False.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        yield


@contextmanager
def only_supervisor(layout: Layout) -> Iterator[None]:
    """Be the one supervisor of this folder.

    Raises:
        EmbeddedError: another one runs; the message says which and what to do.
    """
    try:
        with locked(layout.supervisor_lock, wait=False):
            layout.supervisor_lock.write_text(str(os.getpid()))
            yield
    except BlockingIOError:
        holder = layout.supervisor_lock.read_text() or "unknown"
        raise EmbeddedError(
            f"Placet already runs from {layout.var} (process {holder}): stop that one first, "
            "or start a second one elsewhere with --var DIR."
        ) from None


def is_supervised(layout: Layout) -> bool:
    """Return whether a supervisor holds this folder now."""
    try:
        with locked(layout.supervisor_lock, shared=True, wait=False):
            return False
    except BlockingIOError:
        return True
