"""Describe one process that the supervisor runs, and tell processes apart by id and start time."""

import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from governance.common.embedded.layout import REPOSITORY

NONCE_VARIABLE = "PLACET_SUPERVISOR"
"""In each child's environment: which start it belongs to. Not a secret; it outlives the parent's death."""


@dataclass(frozen=True)
class Process:
    """How to start, recognise as ready, and stop one process. Times in seconds."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)  # holds its secrets
    cwd: Path = REPOSITORY
    uid: int | None = None
    """Run as this user; None keeps the invoking one."""
    stdin: Path | None = None
    ready: Callable[[], bool] | None = None
    """Polled until true. Neither this nor ``ready_line``: ready once started."""
    ready_line: re.Pattern[str] | None = None
    """A line of output that says so, for what listens on no port."""
    ready_timeout_s: float = 90.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 10.0
    death_signal: signal.Signals = signal.SIGTERM
    """Sent by the kernel if the supervisor dies first."""
    is_server: bool = False
    """PostgreSQL and Valkey: started before and stopped after everything that uses them."""


@dataclass(frozen=True)
class Identity:
    """A process that can be recognised again: ids are reused, an id with its start time is not until the next boot."""

    pid: int
    started: int
    """Clock ticks since boot (field 22 of ``/proc/<pid>/stat``)."""
    boot: str

    @classmethod
    def of(cls, pid: int) -> "Identity | None":
        """Return the identity of the live process ``pid``; None if there is none, or only its zombie."""
        fields = _stat(pid)
        return None if fields is None else cls(pid, int(fields[19]), boot_id())

    def is_alive(self) -> bool:
        """Return whether this very process still runs."""
        return Identity.of(self.pid) == self

    def send(self, number: int) -> bool:
        """Signal this very process, never another that got its id; return whether it was there."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            # The descriptor now pins the process: checked after opening, it cannot be exchanged below us.
            if not self.is_alive():
                return False
            signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True


def boot_id() -> str:
    """Return the kernel's id of this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _stat(pid: int) -> list[str] | None:
    """Return the fields of ``/proc/<pid>/stat`` from the third (state) on, or None for a dead process or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()  # the name in brackets may itself hold spaces and brackets
    return None if fields[0] in "ZX" else fields


def _process_ids() -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            yield int(entry.name)


def members_of_session(leader: int) -> list[Identity]:
    """Return the live processes of the session that ``leader`` opened, itself included.

    The kernel gives an id to nobody else as long as a session carries it, so they all descend from ``leader``.
    """
    found = []
    for pid in _process_ids():
        fields = _stat(pid)
        if fields is not None and int(fields[3]) == leader and (identity := Identity.of(pid)):
            found.append(identity)
    return found


def carriers_of(nonce: str) -> list[Identity]:
    """Return the live processes whose environment names the start ``nonce``, that is, its descendants.

    PostgreSQL and Valkey are not among them: they write their titles over that memory.
    """
    mark = f"{NONCE_VARIABLE}={nonce}".encode()
    found = []
    for pid in _process_ids():
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # gone, or another user's: then it is not ours
        if mark in environment.split(b"\0") and (identity := Identity.of(pid)):
            found.append(identity)
    return found
