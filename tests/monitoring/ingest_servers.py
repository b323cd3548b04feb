"""A web process and a worker of a test's own, as a start of Placet has them: to be spoken to over HTTP, and killed."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.db import connection

from governance.common.embedded import Stack
from tests.arch.tree import ROOT

PATIENCE_S = 90.0
CELERY = ("-m", "celery", "-A", "governance.config.celery", "worker", "-Q", "default", "-c", "1", "--pool", "prefork")
QUIET = ("--without-gossip", "--without-mingle", "--loglevel", "INFO")


@contextmanager
def own_broker() -> Iterator[str]:
    """Run a Valkey that no other test uses."""
    with tempfile.TemporaryDirectory(prefix="placet-ingest-") as name:
        Path(name).chmod(0o755)  # the server's own user enters it
        with Stack(
            var=Path(name) / "var", processes=("valkey",), ports={"valkey": 0}, durable=False, external={}
        ) as stack:
            yield stack.env("test")["REDIS_URL"]


class Servers:
    """Gunicorn with two workers, and a Celery worker, on the test's database, files and broker."""

    def __init__(self, folder: Path, broker: str) -> None:
        self.folder, self.broker = folder, broker
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.running: dict[str, subprocess.Popen[bytes]] = {}

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
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, *arguments],
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
