"""Starts a real governed MLflow server for tests, as its README says to."""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.client.mlflow_plugin.decision_server import TOKEN

CLIENT = Path(__file__).parents[3] / "client"
SERVICE = "placet"
ENTRY_POINTS = """\
[mlflow.model_registry_store]
governed+sqlite = placet.mlflow_plugin.store:GovernedSqlAlchemyStore
governed+postgresql = placet.mlflow_plugin.store:GovernedSqlAlchemyStore
governed+postgresql+psycopg2 = placet.mlflow_plugin.store:GovernedSqlAlchemyStore
governed+postgresql+psycopg = placet.mlflow_plugin.store:GovernedSqlAlchemyStore

[mlflow.app]
governed = placet.mlflow_plugin.app:create_app

[mlflow.request_header_provider]
placet = placet.mlflow_plugin.headers:PlacetHeaderProvider
"""


def declare_entry_points(folder: Path, entry_points: str = ENTRY_POINTS) -> str:
    """Return a PYTHONPATH under which ``placet`` is found as installed, whether it is or not.

    Of two distributions with one name the first on the path counts, so an installed one does no harm.
    """
    info = folder / "placet-0.1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: placet\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
    return os.pathsep.join(filter(None, (str(folder), str(CLIENT), os.environ.get("PYTHONPATH"))))


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class MlflowServer:
    """A running server: its address, the password of its admin ``placet``, and the environment clients need."""

    def __init__(self, *, url: str, password: str, pythonpath: str, log: Path) -> None:
        self.url = url
        self.password = password
        self.pythonpath = pythonpath
        self.log = log


@contextmanager
def governed_server(
    folder: Path,
    *,
    database: str,
    auth_database: str,
    placet_url: str,
    options: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    password: str | None = None,
    app: Sequence[str] = ("--app-name", "governed"),
    entry_points: str = ENTRY_POINTS,
) -> Iterator[MlflowServer]:
    """Run a governed MLflow server with basic-auth until the block ends.

    Args:
        folder: a folder for the databases, artifacts, settings and log; empty, or an earlier server's.
        database: address of the backend and registry database, without ``governed+``.
        auth_database: address of the users' database.
        placet_url: where the plugin asks.
        options: more options of ``mlflow server``; a later one counts.
        settings: more variables of its environment.
        password: the admin's, when an earlier server made it.
        app, entry_points: for a server that is only half installed.
    """
    password, port = password or secrets.token_hex(12), free_port()
    pythonpath = declare_entry_points(folder / "site", entry_points)
    auth_config = folder / "auth.ini"
    auth_config.write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = {auth_database}\n"
        "auth_cache_ttl_seconds = 60\n"  # else each request hashes the password several times: half a second
    )
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", database, "--registry-store-uri", f"governed+{database}"),
        *("--serve-artifacts", "--artifacts-destination", (folder / "artifacts").as_uri()),
        *app,
        *options,
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": pythonpath,
        "MLFLOW_AUTH_CONFIG_PATH": str(auth_config),
        "MLFLOW_AUTH_ADMIN_USERNAME": SERVICE,
        "MLFLOW_AUTH_ADMIN_PASSWORD": password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(32),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PLACET_URL": placet_url,
        "PLACET_GATE_TOKEN": TOKEN,
        **(settings or {}),
    }
    log = folder / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=output, stderr=output)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_healthy(url, process, log)
        yield MlflowServer(url=url, password=password, pythonpath=pythonpath, log=log)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_healthy(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    ends_at = time.monotonic() + 120
    while time.monotonic() < ends_at and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2):  # noqa: S310
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    raise AssertionError(f"The MLflow server did not start:\n{log.read_text()[-4000:]}")
