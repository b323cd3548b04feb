"""Setting an alias through the governed MLflow server, beside a plain one: PostgreSQL, basic-auth, one run.

A protected alias asks Placet's own endpoint, under gunicorn as in production, and passes by an apply grant. Each call
is a new connection and writes a row; every way is called once a round, so that a busy machine slows all alike.
"""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import os
import secrets
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from benchmarks.log_writers import ROOT, cluster
from benchmarks.timing import Comparison, Row, times

ROUNDS, WARM_UP = 200, 20
PLAIN, UNPROTECTED, PROTECTED = "plain server", "governed, unprotected alias", "governed, protected alias"
DECISION = "Placet's decision alone"
GOALS = {UNPROTECTED: (1.2, None), PROTECTED: (2.2, 3.0)}
"""Most times the plain server's p50, and its p95."""
SERVICE = "placet"


def measure() -> Iterator[Comparison]:
    """Measure all three in one run, on servers of the benchmark's own."""
    from tests.stock_mlflow import a_database, serving

    with ExitStack() as up:
        up.enter_context(cluster())
        folder = Path(up.enter_context(TemporaryDirectory(prefix="placet-bench-gate-")))
        superuser = os.environ["PLACET_BOOTSTRAP_URL"]
        plain, governed = (up.enter_context(a_database(superuser)) for _ in range(2))
        placet = up.enter_context(serving_placet())
        password = secrets.token_hex(12)
        servers = []
        for number, (database, app) in enumerate(((plain, "basic-auth"), (governed, "governed"))):
            store = database.replace("postgresql://", "postgresql+psycopg://", 1)
            registry = f"governed+{store}" if app == "governed" else ""
            users = up.enter_context(a_database(superuser)).replace("postgresql://", "postgresql+psycopg://", 1)
            env = _settings(folder / f"auth-{number}.ini", users, password, placet)
            options = ("--app-name", app)
            servers.append(up.enter_context(serving(database, registry=registry, options=options, env=env)))
        os.environ["MLFLOW_TRACKING_URI"] = servers[1].url
        os.environ |= {"MLFLOW_TRACKING_USERNAME": SERVICE, "MLFLOW_TRACKING_PASSWORD": password}
        import django

        django.setup()
        yield _measured(servers, password, placet)


def _settings(config: Path, users: str, password: str, placet: str) -> dict[str, str]:
    """Return an MLflow server's settings; users are kept in memory for a minute, or hashing would be all that costs."""
    config.write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = {users}\nadmin_username = {SERVICE}\n"
        f"admin_password = {password}\nauth_cache_ttl_seconds = 60\n"
    )
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(config),
        "MLFLOW_AUTH_ADMIN_USERNAME": SERVICE,
        "MLFLOW_AUTH_ADMIN_PASSWORD": password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(32),
        "PLACET_URL": placet,
        "PLACET_GATE_TOKEN": os.environ["PLACET_GATE_TOKEN"],
    }


@contextmanager
def serving_placet() -> Iterator[str]:
    """Run Placet's web process as ``make up`` does, and yield its address."""
    from tests.client.mlflow_plugin.mlflow_server import free_port

    port = free_port()
    command = [
        *(sys.executable, "-W", "ignore", "-m", "gunicorn", "governance.config.wsgi", "--bind", f"127.0.0.1:{port}"),
        *("--workers", "2", "--worker-class", "gthread", "--threads", "4", "--keep-alive", "65"),
        *("--graceful-timeout", "5", "--worker-tmp-dir", "/dev/shm", "--no-control-socket"),  # noqa: S108
    ]
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'client'}", "PLACET_LOG_LEVEL": "WARNING"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=ROOT, env=env, **quiet)  # type: ignore[call-overload]  # noqa: S603
    try:
        until = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
                    break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _measured(servers: list[Any], password: str, placet: str) -> Comparison:
    from tests.factories import Cast
    from tests.healthy_mlflow import healthy_mlflow

    plain, governed = (_Rest(server.url, password) for server in servers)
    from django.conf import settings

    with healthy_mlflow() as address:
        own, settings.MLFLOW_TRACKING_URI = settings.MLFLOW_TRACKING_URI, address
        cast = Cast()
        name = cast.model.name
        for rest in (plain, governed):
            rest.ask("POST", "registered-models/create", {"name": name})
            rest.ask("POST", "model-versions/create", {"name": name, "source": "s3://models/1"})
        there = governed.ask("GET", f"model-versions/get?name={name}&version=1")["model_version"]
        made = cast.promotion(
            number=1,
            mlflow_created_at_ms=int(there["creation_timestamp"]),
            source=there["source"],
            storage_location=there["source"],
        )
        cast.signed(made)
        settings.MLFLOW_TRACKING_URI = own
    ways: dict[str, Callable[[], float]] = {
        PLAIN: lambda: plain.set_alias(name, "challenger"),
        UNPROTECTED: lambda: governed.set_alias(name, "challenger"),
        PROTECTED: lambda: governed.set_alias(name, "champion", grant=a_grant(made)),
        DECISION: lambda: _decided(placet, made, a_grant(made)),
    }
    taken: dict[str, list[float]] = {way: [] for way in ways}
    with ExitStack() as open_:
        clear = [open_.enter_context(_clearing(server.database)) for server in servers]
        orders = itertools.cycle(itertools.permutations(ways))  # nobody always comes right after the slowest
        for number in range(WARM_UP + ROUNDS):
            for way in next(orders):
                for forget in clear:
                    forget()
                seconds = ways[way]()
                if number >= WARM_UP:
                    taken[way].append(seconds)
    return _told(taken)


def _told(taken: dict[str, list[float]]) -> Comparison:
    p50 = {way: statistics.median(values) for way, values in taken.items()}
    p95 = {way: statistics.quantiles(values, n=20)[-1] for way, values in taken.items()}
    rows = [Row(f"{way}, p50", p50[way], p50[way] / p50[PLAIN], ROUNDS) for way in taken]
    rows += [Row(f"{way}, p95", p95[way], p95[way] / p95[PLAIN], ROUNDS) for way in taken]
    kept = all(
        p50[way] <= most * p50[PLAIN] and (tail is None or p95[way] <= tail * p95[PLAIN])
        for way, (most, tail) in GOALS.items()
    )
    return Comparison(
        title="Setting an alias in MLflow",
        setup="two mlflow servers with basic-auth on PostgreSQL, one worker each; Placet under gunicorn, 2 workers; "
        "each call a new connection and a row that is written",
        rows=tuple(rows),
        claim=f"The gate: an unprotected alias takes {p50[UNPROTECTED] / p50[PLAIN]:.2f} times as long as on a plain "
        f"server (p50), a protected one {times(p50[PROTECTED] / p50[PLAIN])} times (p50) and "
        f"{times(p95[PROTECTED] / p95[PLAIN])} times (p95); goals {'kept' if kept else 'NOT KEPT'}.",
    )


@contextmanager
def _clearing(database: str) -> Iterator[Callable[[], object]]:
    """Yield what takes all aliases off in MLflow's database, so that each call has a row to write."""
    import psycopg

    with psycopg.connect(database, autocommit=True) as connection:
        yield lambda: connection.execute("DELETE FROM registered_model_aliases")


def a_grant(made: Any) -> str:
    """Give one call the right to set the alias, as the apply task does."""
    from django.db import transaction

    from registry import alias_changes
    from registry.models import AliasChange

    with transaction.atomic():
        change = alias_changes.ask(
            kind=AliasChange.Kind.PROMOTION,
            model=made.version.model,
            alias=made.alias,
            version=made.version,
            promotion=made,
            asked_by=None,
        )
        return alias_changes.make_grant(change)


def a_question(made: Any, alias: str, grant: str) -> dict[str, Any]:
    """Return what the plugin asks when somebody sets an alias."""
    version = made.version
    subject = {
        "workspace": "default",
        "name": version.model.name,
        "version": str(version.number),
        "created_at_ms": version.mlflow_created_at_ms,
        "source": version.source,
        "storage_location": version.storage_location,
    }
    return {
        "identity": {"username": SERVICE, "source": "basic-auth"},
        "action": "alias.set",
        "subject": subject,
        "detail": {"alias": alias},
        "grant": grant,
    }


def _decided(placet: str, made: Any, grant: str) -> float:
    """Ask Placet as the plugin does, on a new connection, and return how long its ALLOW took, in seconds."""
    question = a_question(made, "champion", grant)
    headers = {"Authorization": f"Bearer {os.environ['PLACET_GATE_TOKEN']}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(urlsplit(placet).netloc, timeout=30)
    began = time.perf_counter()
    try:
        connection.request("POST", "/api/v1/gate/decisions", json.dumps(question), headers)
        said = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    taken = time.perf_counter() - began
    if said.get("verdict") != "ALLOW":
        raise RuntimeError(f"Placet answered {said}.")
    return taken


class _Rest:
    """MLflow's REST API as Placet's service identity, a new connection each time."""

    def __init__(self, url: str, password: str) -> None:
        self._place = urlsplit(url).netloc
        token = base64.b64encode(f"{SERVICE}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Any:
        connection = http.client.HTTPConnection(self._place, timeout=30)
        try:
            said = None if body is None else json.dumps(body)
            connection.request(method, f"/api/2.0/mlflow/{path}", said, {**self._headers, **(headers or {})})
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise RuntimeError(f"{method} {path} was answered {answer.status}: {raw[:500]!r}")
        return json.loads(raw or b"{}")

    def set_alias(self, name: str, alias: str, *, grant: str = "") -> float:
        """Return how long it took, in seconds."""
        body = {"name": name, "alias": alias, "version": "1"}
        headers = {"X-Placet-Grant": grant} if grant else {}
        began = time.perf_counter()
        self.ask("POST", "registered-models/alias", body, headers)
        return time.perf_counter() - began
