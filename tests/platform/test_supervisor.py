"""The supervisor's own rules, with tiny processes: restart, give up, stop in order, leave nothing behind."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from governance.common.embedded.console import Console
from governance.common.embedded.environment import Addresses
from governance.common.embedded.layout import EmbeddedError, Layout
from governance.common.embedded.process import NONCE_VARIABLE, Identity, Process
from governance.common.embedded.state import State, read, stop_leftovers, write
from governance.common.embedded.supervisor import Supervisor

SLEEP = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def a_process(name: str, code: str = SLEEP, **more: object) -> Process:
    defaults = {"env": {"PATH": os.environ["PATH"]}, "ready_line": re.compile("up"), "stop_timeout_s": 2.0}
    return Process(name=name, command=(sys.executable, "-S", "-c", code), **{**defaults, **more})  # type: ignore[arg-type]


def a_supervisor(var: Path, *processes: Process) -> Supervisor:
    layout = Layout.at(var).create()

    def plan(supervisor: Supervisor) -> None:
        supervisor.start(processes)
        supervisor.wait([process.name for process in processes])

    return Supervisor(layout, addresses=Addresses({}), console=Console(layout, echo=None), plan=plan)


def wait_for(condition: Callable[[], object], *, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_a_process_that_dies_is_started_again(var: Path) -> None:
    supervisor = a_supervisor(var, a_process("one"))
    supervisor.begin()
    supervisor.wait_ready()
    try:
        before = supervisor.pid("one")
        supervisor.kill("one", signal.SIGKILL)
        wait_for(lambda: supervisor.pid("one") not in (None, before))
    finally:
        supervisor.stop()
    assert supervisor.failure is None


def test_a_process_kept_down_stays_down_until_it_is_restarted(var: Path) -> None:
    supervisor = a_supervisor(var, a_process("one"))
    supervisor.begin()
    supervisor.wait_ready()
    try:
        supervisor.kill("one", signal.SIGKILL, keep_down=True)
        wait_for(lambda: supervisor.pid("one") is None)
        time.sleep(0.8)
        assert supervisor.pid("one") is None
        supervisor.restart("one")
        assert supervisor.pid("one") is not None
        with pytest.raises(EmbeddedError, match="No process is called 'two'; these are: one"):
            supervisor.restart("two")
    finally:
        supervisor.stop()


def test_the_fourth_death_within_a_minute_stops_everything_and_says_why(
    var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("governance.common.embedded.supervisor.FIRST_DELAY_S", 0.05)
    dying = a_process("dying", "print('up', flush=True); raise SystemExit('the disk is full')", ready_line=None)
    supervisor = a_supervisor(var, a_process("healthy"), dying)
    supervisor.begin()
    supervisor.wait_ready()
    supervisor.join(20)
    assert not supervisor.is_running()
    assert supervisor.failure is not None
    assert supervisor.failure.startswith("dying died 4 times within a minute (exit code 1).")
    assert "the disk is full" in supervisor.failure
    assert supervisor.pid("healthy") is None
    with pytest.raises(EmbeddedError, match="has stopped"):
        supervisor.restart("healthy")


def test_a_process_that_never_gets_ready_is_named_with_its_last_words(var: Path) -> None:
    supervisor = a_supervisor(var, a_process("mute", "print('no such table: x'); raise SystemExit(3)"))
    supervisor.begin()
    with pytest.raises(EmbeddedError, match=r"mute stopped while starting \(exit code 3\).\n +no such table: x"):
        supervisor.wait_ready()


def test_processes_stop_in_reverse_order_and_servers_last(var: Path) -> None:
    record = "import signal, sys, time\ndef stop(*_):\n    print('stopped', time.monotonic_ns(), flush=True)\n"
    record += "    time.sleep(0.05); sys.exit(0)\n"
    record += "signal.signal(signal.SIGTERM, stop); print('up', flush=True)\nwhile True: time.sleep(1)\n"
    names = ["database", "first", "second"]
    supervisor = a_supervisor(var, *(a_process(n, record, is_server=n == "database") for n in names))
    supervisor.begin()
    supervisor.wait_ready()
    supervisor.stop()
    logs = {name: (var / "log" / f"{name}.log").read_text() for name in names}
    stopped = {name: int(text.split("stopped")[1]) for name, text in logs.items()}
    assert stopped["database"] > max(stopped["first"], stopped["second"]) + 40_000_000  # both had gone by then
    assert not (var / "run" / "processes.json").exists()


def test_one_that_ignores_the_stop_signal_is_killed_with_its_children(var: Path) -> None:
    family = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-S', '-c', {STUBBORN!r}])\n{STUBBORN}"
    supervisor = a_supervisor(var, a_process("stubborn", family, stop_timeout_s=0.3))
    supervisor.begin()
    supervisor.wait_ready()
    state = read(Layout.at(var))
    assert state is not None
    leader = state.processes["stubborn"]
    supervisor.stop()
    assert not leader.is_alive()
    assert (var / "log" / "stubborn.log").read_text().count("up") >= 1


def test_leftovers_are_stopped_by_their_identity_and_others_are_spared(var: Path) -> None:
    layout = Layout.at(var).create()
    command = [sys.executable, "-S", "-c", SLEEP]
    known, stranger = subprocess.Popen(command), subprocess.Popen(command)
    child_of_known = subprocess.Popen(command, env={NONCE_VARIABLE: "the-nonce"})
    started = [Identity.of(p.pid) for p in (known, stranger, child_of_known)]
    reapers = [threading.Thread(target=p.wait, daemon=True) for p in (known, child_of_known)]
    for reaper in reapers:
        reaper.start()
    try:
        assert all(started)
        first, second = started[0], started[1]
        assert first is not None
        assert second is not None
        reused = Identity(second.pid, second.started - 1, second.boot)  # another process had this id before
        write(layout, State("the-nonce", first, {}, (), ready=True, processes={"web": first, "beat": reused}))
        assert stop_leftovers(layout) == ["a child process", "web"]
        for reaper in reapers:
            reaper.join(5)
        assert (known.returncode, child_of_known.returncode) == (-signal.SIGTERM, -signal.SIGTERM)
        assert stranger.poll() is None
        assert stop_leftovers(layout) == []
    finally:
        stranger.kill()
        stranger.wait()
