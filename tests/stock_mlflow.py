"""A stock MLflow server on PostgreSQL: what runs where there is no plugin, or a second server past the governed one."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.client.mlflow_plugin.mlflow_server import free_port

STARTS_IN_S = 180.0


@dataclass(frozen=True)
class StockServer:
    """Where it answers, and the address of its database as the role that owns it (a psycopg URL)."""

    url: str
    database: str
    log: Path


@contextmanager
def a_database(superuser_url: str) -> Iterator[str]:
    """Yield the address of an empty database, owned by a role of its own that is no superuser; both are dropped."""
    import psycopg
    from psycopg import sql

    name, password = f"mlflow_{secrets.token_hex(4)}", secrets.token_hex(12)
    role = sql.Identifier(name)
    with psycopg.connect(superuser_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password)))
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(role, role))
    parts = urlsplit(superuser_url)
    try:
        yield f"postgresql://{name}:{password}@{parts.hostname}:{parts.port}/{name}"
    finally:
        with psycopg.connect(superuser_url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(role))
            admin.execute(sql.SQL("DROP ROLE {}").format(role))


@contextmanager
def serving(
    database: str, *, registry: str = "", options: tuple[str, ...] = (), env: Mapping[str, str] | None = None
) -> Iterator[StockServer]:
    """Run ``mlflow server`` on a database until the block ends.

    Args:
        registry: the address of the registry's database where it is another one, such as a governed one.
        options: more of the command line.
        env: more of the environment.
    """
    port = free_port()
    store = database.replace("postgresql://", "postgresql+psycopg://", 1)
    with tempfile.TemporaryDirectory(prefix="placet-mlflow-") as folder:
        command = [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
            *("--backend-store-uri", store, "--registry-store-uri", registry or store),
            *("--serve-artifacts", "--artifacts-destination", Path(folder, "artifacts").as_uri(), *options),
        ]
        own = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            **(env or {}),
        }
        log = Path(folder, "server.log")
        with log.open("wb") as output:
            process = subprocess.Popen(command, env=own, cwd=folder, stdout=output, stderr=output)
        try:
            _wait(f"http://127.0.0.1:{port}", process, log)
            yield StockServer(f"http://127.0.0.1:{port}", database, log)
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + STARTS_IN_S
    while time.monotonic() < ends and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2):  # noqa: S310
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.2)
    raise AssertionError(f"The MLflow server did not start:\n{log.read_text()[-4000:]}")
