"""Faults of what Placet rests on, caused from outside, each for the length of a block.

A disk that fills up and a clock that jumps need a stack prepared for them: its folder on a disk of its own, and
PostgreSQL under libfaketime, which takes the time from a file. Both only under ``make prove``.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from examples.credit import story
from examples.credit.stage import Stage
from governance.common.embedded import postgres
from governance.common.embedded.layout import Layout
from governance.common.embedded.process import Process
from tests.proving import PROVE

DISK_GB = 8
AHEAD_S = 3600
LIBFAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
CLOCK = "clock"
_FAKETIME = ("FAKETIME_CACHE_DURATION=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1")


@cache
def may_mount() -> bool:
    """Return whether this process may lay disks under folders: not every root in a container may."""
    if not PROVE or os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


@contextmanager
def disk_of_its_own(folder: Path) -> Iterator[None]:
    """Lay a disk in memory under a folder, so that nothing else is harmed when it is full."""
    if not may_mount():
        yield
        return
    _run("mount", "-t", "tmpfs", "-o", f"size={DISK_GB}g,mode=755", "none", folder)
    try:
        yield
    finally:
        _run("umount", "--lazy", folder)


@contextmanager
def clock_of_its_own(folder: Path) -> Iterator[None]:
    """Let PostgreSQL be started, for as long as this is open, so that it takes the time from a file in ``folder``."""
    if not PROVE or LIBFAKETIME is None:
        yield
        return
    said = folder / CLOCK
    said.write_text("+0")
    # Set by env, behind the change of user: what the library keeps for itself belongs to who loads it first.
    under = ("/usr/bin/env", f"LD_PRELOAD={LIBFAKETIME}", f"FAKETIME_TIMESTAMP_FILE={said}", *_FAKETIME)
    with pytest.MonkeyPatch.context() as patch:
        real = postgres.process

        def process(layout: Layout, port: int, *, durable: bool = True) -> Process:
            found = real(layout, port, durable=durable)
            return replace(found, command=(*under, *found.command))

        patch.setattr(postgres, "process", process)
        yield


@dataclass(frozen=True)
class Fault:
    """One fault, and what System health says of it.

    ``point``: how far the promotion is when it strikes: ``collecting`` evidence, in ``review``, or ``permitted``.
    ``part``: its key in System health. ``ready``: the check of ``/readyz`` that says it, where the page can't be had.
    ``lacks``: why a machine can't cause it; empty if it can.
    """

    name: str
    point: str
    happens: Callable[[story.World, Stage], AbstractContextManager[None]]
    part: str = ""
    ready: str = ""
    lacks: str = ""


def down(name: str) -> Callable[[story.World, Stage], AbstractContextManager[None]]:
    """Return a fault: a process is killed and stays down; then it is started, as a supervisor would."""

    @contextmanager
    def happens(world: story.World, stage: Stage) -> Iterator[None]:
        world.stack.kill(name, signal.SIGKILL, keep_down=True)
        stage.wait("it is dead", lambda: world.stack.supervisor.pid(name) is None or None, every=0.05)
        try:
            yield
        finally:
            world.stack.restart(name)

    return happens


@contextmanager
def read_only(world: story.World, stage: Stage) -> Iterator[None]:
    """Nothing can be written where files lie."""
    storage = world.stack.layout.storage
    _run("mount", "--bind", storage, storage)
    _run("mount", "-o", "remount,ro,bind", storage)
    try:
        yield
    finally:
        _run("umount", "--lazy", storage)


@contextmanager
def full(world: story.World, stage: Stage) -> Iterator[None]:
    """The disk under everything, PostgreSQL and MLflow too, has no room left."""
    filler = world.var / "filler"
    found = os.statvfs(world.var)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, (found.f_bavail - 16) * found.f_frsize)
        try:
            while True:
                os.write(file.fileno(), bytes(4096))
        except OSError:
            pass
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def ahead(world: story.World, stage: Stage) -> Iterator[None]:
    """The clock of the machine of PostgreSQL jumps an hour ahead, and back."""
    said = world.var.parent / CLOCK
    said.write_text(f"+{AHEAD_S}")
    try:
        yield
    finally:
        said.write_text("+0")


def _run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


_NO_MOUNT = "" if may_mount() else "this process may not lay disks under folders"
_NO_CLOCK = "" if LIBFAKETIME else "libfaketime is not installed: make prove installs it"
FAULTS = (
    Fault("PostgreSQL is killed", "collecting", down("postgres"), ready="database"),
    Fault("Valkey is killed, and empty when it is back", "collecting", down("valkey"), ready="cache"),
    Fault("the evidence worker is killed", "collecting", down("evidence"), part="worker:evidence"),
    Fault("the file storage is read-only", "collecting", read_only, part="storage", lacks=_NO_MOUNT),
    Fault("MLflow is killed", "permitted", down("mlflow"), part="mlflow"),
    Fault("the worker is killed", "permitted", down("worker"), part="worker:default"),
    Fault("the notary is killed", "review", down("notary"), part="notary"),
    Fault("the clock jumps", "permitted", ahead, part="clock", lacks=_NO_CLOCK),
    Fault("the disk is full", "permitted", full, part="storage", lacks=_NO_MOUNT),
)
