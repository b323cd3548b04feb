"""The demo as a person starts it: a second time, on taken ports, and after it was cut short."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.credit import state, story
from examples.credit.people import Person
from governance.common.embedded.environment import DATABASE_ROLES
from governance.common.embedded.layout import REPOSITORY
from tests.proving import PROVE

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

# The servers of the test run itself would be taken for the user's own.
NOT_OURS = {*DATABASE_ROLES, "REDIS_URL", "PLACET_BOOTSTRAP_URL", "PLACET_MLFLOW_DATABASE_URL"}


class Demo:
    """`make demo` without make, and what it prints."""

    def __init__(self, var: Path, *options: str) -> None:
        env = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "examples.credit.demo", "--var", str(var), *options],
            cwd=REPOSITORY,
            env={**env, "PYTHONUNBUFFERED": "1", "COLUMNS": "100"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""

    def until(self, words: str) -> str:
        """Read on until a line holds ``words``; return everything said so far."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if words in line:
                return self.said
        raise AssertionError(f"it ended without {words!r}:\n{self.said}")

    def stop(self, number: signal.Signals) -> int:
        """Signal it, read on to the end, and return the exit code."""
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=240)  # a busy machine is no failure
        self.said += rest
        return self.process.returncode


@contextlib.contextmanager
def demo(var: Path, *options: str) -> Iterator[Demo]:
    """Run the demo for the length of the block."""
    running = Demo(var, *options)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop(signal.SIGTERM)


def left_running(var: Path) -> list[str]:
    """Return the command lines of live processes that name a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal() and str(var) in (command := (entry / "cmdline").read_bytes().decode()):
                found.append(command)
    return found


def test_a_second_start_brings_the_same_state_back(
    world: story.World, v2_live: Any, record_testsuite_property: Any
) -> None:
    """From here on the stack of the other tests is down."""
    passwords = {person.email: person.password for person in world.people.values()}
    world.stack.close()
    state.finish(world.var)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        began = time.monotonic()
        with demo(world.var, "--port", f"web={taken}") as second:
            said = second.until("Ctrl-C stops everything")
            took = time.monotonic() - began
            moved = re.search(rf"port {taken} is taken: web uses (\d+)", said)  # the next one may be taken, too
            assert moved, said
            url = f"http://localhost:{moved[1]}"
            assert f"Placet is up: {url}" in said
            assert "1. " not in said, "the story is not told again"
            for email, password in passwords.items():
                assert email in said
                assert password in said
            signin = {"role": "Risk officer", "email": "risk@bank.example"}
            officer = Person(url, "risk", {**signin, "password": passwords[signin["email"]]})
            promotions = officer.call("GET", "promotion-requests")["results"]
            officer._http.close()
            assert {"PR-1", "PR-2"} <= {row["reference"] for row in promotions}
            assert second.stop(signal.SIGINT) == 0
    record_testsuite_property("seconds to a second start", f"{took:.1f}")
    sys.stdout.write(f"second start: {took:.1f} s\n")
    assert "Traceback" not in second.said
    assert left_running(world.var) == []


@pytest.mark.skipif(not PROVE, reason="PLACET_PROVE: begins the demo twice, three minutes")
def test_a_demo_cut_short_is_told_anew(world: story.World) -> None:
    """On a folder of its own; the first story's system, policies and servers are not in the second one's way."""
    world.stack.close()
    published = re.compile(r"policy (\S+ v\d+) published")
    with tempfile.TemporaryDirectory(prefix="placet-cut-") as folder:
        Path(folder).chmod(0o755)
        var = Path(folder) / "var"
        with demo(var) as first:
            first.until("published by a second person")
            assert first.stop(signal.SIGINT) == 130
        assert first.said.rstrip().endswith(
            "Stopped before the end; nothing is left running. The next `make demo` tells the story anew."
        )
        assert "Traceback" not in first.said
        assert left_running(var) == []
        assert state.is_half_told(var)
        with demo(var) as second:
            said = second.until("published by a second person")
            assert "An earlier demo stopped half-way" in said
            assert published.findall(said)[0].endswith("v1")
            assert published.findall(said)[0] == published.findall(first.said)[0]
            assert second.stop(signal.SIGTERM) == 130
        assert "Traceback" not in second.said
        assert left_running(var) == []
        (aside,) = var.glob("half-told-*")
        assert (aside / "demo.json").exists()


@pytest.mark.parametrize(("number", "after_s"), [(signal.SIGINT, 0.6), (signal.SIGTERM, 4.0)])
def test_it_stops_cleanly_while_it_still_starts(number: signal.Signals, after_s: float) -> None:
    with tempfile.TemporaryDirectory(prefix="placet-cut-") as folder:
        Path(folder).chmod(0o755)
        var = Path(folder) / "var"
        with demo(var) as starting:
            time.sleep(after_s)
            assert starting.stop(number) == 130, starting.said
        assert "Traceback" not in starting.said
        assert "Stopped before the end" in starting.said
        assert left_running(var) == []
        assert not state.is_half_told(var), "nothing was told yet"
