"""Ways around the gate that do not pass the governed server, and what consumers may do by themselves."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable

from tests.client.mlflow_plugin.bypasses import Outcome, Way, World
from tests.client.mlflow_plugin.conftest import Response, Rest
from tests.client.mlflow_plugin.mlflow_server import MlflowServer, free_port

REFUSED, DETECTED, OUT = Outcome.REFUSED, Outcome.DETECTED, Outcome.OUT_OF_SCOPE
OR_STOPPED = "past the server: the reconciler reports it, and `harden_mlflow_db` stops it on PostgreSQL"


def by_database_address(world: World) -> Iterable[Response]:
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(world.database)  # what a client with this registry address uses
    store.set_registered_model_alias(world.name, "champion", "2")
    store.engine.dispose()
    return []


def by_sql(world: World) -> Iterable[Response]:
    import sqlalchemy

    engine = sqlalchemy.create_engine(world.database)
    with engine.begin() as connection:
        change = "UPDATE registered_model_aliases SET version = 2 WHERE name = :name AND alias = 'champion'"
        connection.execute(sqlalchemy.text(change), {"name": world.name})
    engine.dispose()
    return []


def by_a_second_server(world: World) -> Iterable[Response]:
    port = free_port()
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", world.database),
    ]
    environment = {"PATH": os.environ["PATH"], "HOME": str(world.folder), "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    with (world.folder / "stock.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=world.folder, stdout=log, stderr=log)
    stock = Rest(MlflowServer(url=f"http://127.0.0.1:{port}", password="", pythonpath="", log=world.server.log), "", "")
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{stock.server.url}/health", timeout=2).close()  # noqa: S310
                break
            except OSError:
                time.sleep(0.1)
        done = stock.set_alias(world.name, "champion", 2)
    finally:
        process.terminate()
        process.wait(30)
    assert done.status == 200, done
    return []


def by_the_bucket(world: World) -> Iterable[Response]:
    (world.folder / "artifacts" / world.victim.folder / "MLmodel").write_text("swapped")
    return []


def by_gc(world: World) -> Iterable[Response]:
    """``mlflow gc`` needs the database's address; the files it deletes through the server, which refuses."""
    assert world.user.post("runs/delete", run_id=world.victim.run_id).status == 200
    environment = {
        **{"PATH": os.environ["PATH"], "HOME": str(world.folder), "MLFLOW_DISABLE_TELEMETRY": "true"},
        **{"MLFLOW_TRACKING_USERNAME": "placet", "MLFLOW_TRACKING_PASSWORD": world.server.password},
    }
    command = [sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", world.database]
    command += ["--run-ids", world.victim.run_id, "--tracking-uri", world.server.url]
    done = subprocess.run(command, env=environment, cwd=world.folder, capture_output=True, text=True, timeout=120)
    assert "Placet refused to change" in done.stdout + done.stderr, done
    yield Response(403, {"message": "Placet refused"})


PART, CONSUMERS = "Past the server", "What a consumer loads"
WAYS = [
    Way(PART, "a client with the database's address as its registry", DETECTED, OR_STOPPED, by_database_address),
    Way(PART, "SQL", DETECTED, OR_STOPPED, by_sql, smoke=True),
    Way(PART, "a second, stock server on the same database", DETECTED, OR_STOPPED, by_a_second_server),
    Way(
        PART,
        "`mlflow gc` of the run that logged the version",
        REFUSED,
        "proxied files go through the server; with its own access to the bucket it is the next row",
        by_gc,
    ),
    Way(
        PART,
        "writing to the bucket or the server's disk",
        DETECTED,
        "the reconciler takes the digest again; a loader that verifies refuses",
        by_the_bucket,
        True,
    ),
    Way(
        PART,
        "whoever administers the MLflow server's machine or the database",
        OUT,
        "they can replace the plugin; Placet reports one that no longer checks in, and an alias it did not set",
    ),
    Way(
        CONSUMERS,
        "`models:/name/2`, `models:/name@latest`, `models:/m-…`, a bucket's path",
        OUT,
        "no write happens; let production load by `placet.load_model`, which asks for a permit and the bytes' digest",
    ),
    Way(
        CONSUMERS,
        "a registry of another kind (`uc:`, `databricks`, a file store)",
        OUT,
        "not this server's registry; Placet does not know its models, so no permit verifies",
    ),
]
