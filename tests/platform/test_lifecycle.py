"""``python -m governance.common.embedded up`` as a person meets it: signals, a second start, taken ports, kill -9."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from governance.common.embedded.layout import REPOSITORY, Layout
from governance.common.embedded.ports import LOOPBACK, Ports, is_free
from governance.common.embedded.process import Identity
from governance.common.embedded.state import read

COMMAND = (sys.executable, "-m", "governance.common.embedded")
BASE_ENV = {"PATH": os.environ["PATH"], "HOME": "/tmp", "PYTHONPATH": str(REPOSITORY)}  # noqa: S108
TwoPorts = tuple[int, int]


@contextlib.contextmanager
def up(var: Path, *options: str, only: str = "postgres,valkey", **more: str) -> Iterator[subprocess.Popen[str]]:
    """``up`` in the background; killed at the end if the test has not stopped it."""
    process = subprocess.Popen(
        [*COMMAND, "up", "--var", str(var), "--only", only, "--ready-file", str(var.parent / "ready"), *options],
        cwd=REPOSITORY,
        env={**BASE_ENV, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        with contextlib.suppress(ValueError):
            process.communicate(timeout=30)


def wait_ready(process: subprocess.Popen[str], var: Path) -> str:
    ready, deadline = var.parent / "ready", time.monotonic() + 30
    while not ready.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "not ready in time"
        time.sleep(0.02)
    return ready.read_text()


def identities(var: Path) -> list[Identity]:
    state = read(Layout.at(var))
    assert state is not None
    return list(state.processes.values())


@pytest.mark.parametrize(("number", "only"), [(signal.SIGTERM, "postgres,valkey"), (signal.SIGINT, "valkey")])
def test_a_signal_stops_everything_cleanly(var: Path, number: signal.Signals, only: str) -> None:
    with up(var, only=only) as process:
        wait_ready(process, var)
        servers = identities(var)
        assert len(servers) == len(only.split(","))
        process.send_signal(number)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 0, output
    assert ("database system is shut down" in output) == ("postgres" in only)
    assert "Valkey is now ready to exit" in output
    assert [server for server in servers if server.is_alive()] == []
    assert not (var / "run" / "processes.json").exists()
    assert not (var.parent / "ready").exists()


def test_after_kill_9_nothing_is_left_once_it_is_started_again(
    var: Path, processes_naming: Callable[[Path], list[str]]
) -> None:
    with up(var) as process:
        wait_ready(process, var)
        servers = identities(var)
        process.kill()
        process.communicate(timeout=10)
        deadline = time.monotonic() + 15
        while any(server.is_alive() for server in servers):  # the kernel told them that their supervisor died
            assert time.monotonic() < deadline, "a server outlived its supervisor"
            time.sleep(0.05)
    (var.parent / "ready").unlink()
    with up(var) as second:
        wait_ready(second, var)
        assert len(identities(var)) == 2
        second.send_signal(signal.SIGTERM)
        second.communicate(timeout=20)
    assert second.returncode == 0
    assert processes_naming(var) == []


def test_a_second_start_in_the_same_folder_is_refused_with_what_to_do(var: Path) -> None:
    with up(var, only="valkey") as first:
        wait_ready(first, var)
        second = subprocess.run(
            [*COMMAND, "up", "--var", str(var), "--only", "valkey"],
            cwd=REPOSITORY,
            env=BASE_ENV,
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert second.returncode == 1
        assert f"already runs from {var} (process {first.pid})" in second.stderr
        assert "--var DIR" in second.stderr
        assert "Traceback" not in second.stderr


def test_a_taken_port_is_passed_over_and_said(var: Path) -> None:
    with socket.socket() as holder:
        holder.bind((LOOPBACK, 0))
        holder.listen()
        taken = holder.getsockname()[1]
        with up(var, "--port", f"valkey={taken}", only="valkey") as process:
            ready = wait_ready(process, var)
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=20)
    used = int(re.findall(r"valkey +127\.0\.0\.1:(\d+)", ready)[0])
    assert used > taken
    assert f"port {taken} is taken: valkey uses {used}" in output


def test_a_port_that_another_start_has_chosen_but_not_opened_yet_is_passed_over() -> None:
    with Ports() as first, Ports() as second:
        chosen = first.choose(0)
        assert is_free(chosen)  # nobody listens there yet
        assert second.choose(chosen) > chosen
    with Ports() as third:
        assert third.choose(chosen) == chosen  # given back


@pytest.mark.parametrize("wish", ["web", "web=", "web=http", "web=70000", "database=5432"])
def test_a_port_that_cannot_be_meant_is_a_usage_error(var: Path, wish: str) -> None:
    with up(var, "--port", wish) as process:
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "write NAME=PORT, NAME one of web, mlflow, postgres, valkey" in output


def test_an_own_postgresql_in_the_environment_turns_the_embedded_one_off(var: Path) -> None:
    roles = {"DATABASE_URL": "app", "DATABASE_OWNER_URL": "owner"}
    roles |= {"DATABASE_NOTARY_URL": "notary", "DATABASE_PRIVACY_URL": "privacy"}
    own = {name: f"postgresql://{role}:own@db.example/placet" for name, role in roles.items()}
    with up(var, **own) as process:
        wait_ready(process, var)
        state = read(Layout.at(var))
        assert state is not None
        assert set(state.processes) == {"valkey"}
        command = [*COMMAND, "exec", "--var", str(var), "--role", "worker", "--"]
        shown = subprocess.run(
            [*command, "printenv", "DATABASE_URL", "REDIS_URL"],
            cwd=REPOSITORY,
            env={**BASE_ENV, **own},
            capture_output=True,
            text=True,
            timeout=20,
        )
        refused = subprocess.run([*command, "true"], cwd=REPOSITORY, env=BASE_ENV, capture_output=True, text=True)
    assert shown.stdout.splitlines()[0] == own["DATABASE_URL"]
    assert shown.stdout.splitlines()[1].startswith("redis://:")
    assert refused.returncode == 1
    assert "started with another DATABASE_URL" in refused.stderr


def test_an_own_postgresql_without_its_four_logins_is_refused(var: Path) -> None:
    with up(var, DATABASE_URL="postgresql://placet_app:x@127.0.0.1:1/placet") as process:
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "set DATABASE_OWNER_URL, DATABASE_NOTARY_URL, DATABASE_PRIVACY_URL too" in output


def test_exec_without_running_servers_says_how_to_start_them(var: Path) -> None:
    result = subprocess.run(
        [*COMMAND, "exec", "--var", str(var), "--", "true"],
        cwd=REPOSITORY,
        env=BASE_ENV,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert result.returncode == 1
    assert "start it with `make up`" in result.stderr


ORDINARY_USER = 1  # `daemon` on every Linux: neither root nor the servers' user, and initdb wants an entry in passwd

# An interpreter below a private home cannot be started by anybody else: show it to the user under another name, in a
# mount namespace that only this process sees.
AS_ORDINARY_USER = """
set -e
mount --bind "$1" "$2"
shift 2
exec setpriv --reuid "$UID_" --regid "$UID_" --clear-groups "$@"
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_needs_nothing_special(var: Path) -> None:
    var.parent.chmod(0o777)
    shown = var.parent / "python"
    shown.mkdir()
    packages = sysconfig.get_path("platlib")
    interpreter = shown / "bin" / f"python3.{sys.version_info.minor}"
    arguments = ["up", "--var", str(var), "--only", "postgres,valkey", "--ready-file", str(var.parent / "ready")]
    launch = ["unshare", "--mount", "sh", "-c", AS_ORDINARY_USER, "sh", sys.base_prefix, str(shown), str(interpreter)]
    env = {
        **BASE_ENV,
        "UID_": str(ORDINARY_USER),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": f"{REPOSITORY}:{packages}",
        "LD_LIBRARY_PATH": str(shown / "lib"),
    }
    trial = subprocess.run(
        [*launch, "-c", "import psycopg, governance"], env=env, cwd="/", capture_output=True, text=True
    )
    if trial.returncode != 0:
        pytest.skip(f"no ordinary user can be shown this checkout here: {trial.stderr.strip()[-200:]}")
    process = subprocess.Popen(
        [*launch, *COMMAND[1:], *arguments],
        cwd=REPOSITORY,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_ready(process, var)
        owners = {Path(f"/proc/{server.pid}").stat().st_uid for server in identities(var)}
        assert owners == {ORDINARY_USER}
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 0, output


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs its servers as somebody else")
def test_root_in_a_private_home_keeps_the_data_where_the_servers_user_can_reach_it() -> None:
    with tempfile.TemporaryDirectory(prefix="private home ") as home:
        assert Path(home).stat().st_mode & 0o077 == 0
        var = Path(home) / "checkout" / "var"
        with up(var) as process:
            wait_ready(process, var)
            postgres = next(s for s in identities(var) if b"postgres" in Path(f"/proc/{s.pid}/cmdline").read_bytes())
            command = Path(f"/proc/{postgres.pid}/cmdline").read_bytes().split(b"\0")
            data = Path(command[command.index(b"-D") + 1].decode())
            assert Path(home) not in data.parents
            assert data.stat().st_uid == 65534
            assert data.stat().st_mode & 0o077 == 0
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=20)
        assert process.returncode == 0, output
        assert Path(home).stat().st_mode & 0o077 == 0  # nobody opened it
    subprocess.run(["rm", "-rf", data.parents[1]], check=True)
