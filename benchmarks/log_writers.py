"""What the log costs writers, beside the same write without one, a locked hash chain, and other logs for Django.

Real PostgreSQL with fsync on, real triggers, one commit an operation. Every way is run in turn in each round, by the
same number of writer processes, so that a busy machine slows all of them alike; ratios are medians over the rounds.
Data is in memory, so that the work itself is compared; the hash chain is compared on a disk as well, since a lock on
its head costs most where commits could wait for the disk together.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import log_chain
from benchmarks.timing import Comparison, Row, times

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 1.0
ROUNDS = 9
SERVERS = ("postgres", "valkey")  # wrong passwords are counted in Valkey, so whoever signs needs it

TABLES = """
CREATE TABLE bench_log (id uuid PRIMARY KEY, body bytea NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE bench_business (LIKE registry_registeredmodel INCLUDING ALL);
GRANT SELECT, INSERT, UPDATE ON bench_log, bench_business TO placet_app;
"""
BUSINESS = "INSERT INTO {} (id, log_entry, workspace, name, mirrored_at) VALUES (%s, %s, 'default', %s, now())"
PLAIN = "INSERT INTO bench_log (id, body) VALUES (%s, %s)"
ENTRY = "INSERT INTO audit_entry (body) VALUES (%s)"
NAMED = (
    "INSERT INTO audit_entry (body) VALUES "
    "(%s::bytea || convert_to(audit_digest_of_registry_registeredmodel(%s), 'UTF8') || %s::bytea)"
)


MEMORY, DISK = Path("/dev/shm"), Path("/var/tmp")  # noqa: S108 (a folder of its own is made there)


@contextmanager
def cluster(place: Path = MEMORY) -> Iterator[None]:
    """Run a durable PostgreSQL of the benchmark's own, with Placet's database and one for the rivals, and Valkey.

    Args:
        place: where its data is; in memory, fsync stays on and its price stays small.
    """
    import psycopg

    from governance.common.embedded import Stack, environment

    with tempfile.TemporaryDirectory(prefix="placet-bench-", dir=place if place.is_dir() else None) as folder:
        Path(folder).chmod(0o755)
        with Stack(var=Path(folder) / "var", processes=SERVERS, ports=dict.fromkeys(SERVERS, 0), external={}) as stack:
            os.environ.update(environment.compose(stack.layout, stack.addresses, "test"), PLACET_DB_ROLE="app")
            os.environ["DJANGO_SETTINGS_MODULE"] = "governance.config.settings"
            _manage("bootstrap_roles")
            _manage("migrate", PLACET_DB_ROLE="owner")
            with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
                owner.execute(TABLES)
                owner.execute("CREATE DATABASE bench_rivals")
            rivals = urlsplit(os.environ["DATABASE_OWNER_URL"])._replace(path="/bench_rivals").geturl()
            os.environ["BENCH_RIVALS_URL"] = rivals
            _manage("migrate", "--run-syncdb", DJANGO_SETTINGS_MODULE="benchmarks.rivals.settings")
            yield


def _manage(*command: str, **more: str) -> None:
    program = "from django.core.management import execute_from_command_line as run; import sys; run(sys.argv)"
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'client'}", **more}
    subprocess.run(  # noqa: S603 (our own commands)
        [sys.executable, "-W", "ignore", "-c", program, *command],
        cwd=ROOT,
        env=env,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def body(subjects: list[dict[str, str | None]], entry: uuid.UUID | None = None) -> bytes:
    from governance.audit.canonical import encode
    from governance.common import clock

    said = {"v": 1, "log": os.environ["PLACET_LOG_ORIGIN"], "id": str(entry or uuid.uuid4()), "event": "model.mirrored"}
    rest = {"at": clock.rfc3339(clock.now()), "actor": "system:benchmark", "subjects": subjects}
    return encode({**said, **rest, "data": {"model": "credit-risk"}, "payload": None})


def _sql(way: str) -> Callable[[], None]:
    """Return one operation of a way that speaks SQL, each in a transaction of its own."""
    import psycopg

    from governance.audit import canonical  # noqa: F401 (imported before the clock runs)

    connection = psycopg.connect(os.environ["DATABASE_URL"])
    mark = "sha256:" + "0" * 64

    def business(table: str) -> tuple[uuid.UUID, uuid.UUID]:
        key, entry = uuid.uuid4(), uuid.uuid4()
        connection.execute(BUSINESS.format(table), [key, entry, f"model-{key}"], prepare=True)
        return key, entry

    def operation() -> None:
        if way == "business + plain":
            business("bench_business")
            connection.execute(PLAIN, [uuid.uuid4(), body([])], prepare=True)
        elif way == "business + append":
            business("bench_business")
            connection.execute(ENTRY, [body([])], prepare=True)
        elif way == "governed + append":
            key, entry = business("registry_registeredmodel")
            named = {"table": "registry_registeredmodel", "key": str(key), "before": None, "after": mark}
            head, _, tail = body([named], entry).partition(mark.encode())
            connection.execute(NAMED, [head, key, tail], prepare=True)
        connection.commit()

    return operation


def _django(way: str) -> Callable[[], None]:
    """Return one operation of a way that speaks Django, each in ``atomic``."""
    rival = way in {"create", "django-auditlog", "django-pghistory"}
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.rivals.settings" if rival else "governance.config.settings"
    import django

    django.setup()
    from django.db import models, transaction
    from django.utils import timezone

    if rival:
        from benchmarks.rivals.models import Bare, Signalled, Triggered

        model = {"create": Bare, "django-auditlog": Signalled, "django-pghistory": Triggered}[way]

        def create() -> None:
            with transaction.atomic():
                model.objects.create(name=f"model-{uuid.uuid4()}", mirrored_at=timezone.now(), log_entry=uuid.uuid4())

        return create
    from governance.audit import services as audit
    from governance.audit.actors import System
    from governance.audit.events import Event
    from registry.models import RegisteredModel

    class Business(models.Model):
        id = models.UUIDField(primary_key=True, default=uuid.uuid4)
        log_entry = models.UUIDField()
        workspace = models.CharField(max_length=120, default="default")
        name = models.CharField(max_length=256)
        mirrored_at = models.DateTimeField()

        class Meta:
            app_label = "benchmarks"
            managed = False
            db_table = "bench_business"

    actor = System("benchmark")

    def append() -> None:
        with transaction.atomic():
            subjects = []
            if way == "a row and append":
                Business.objects.create(
                    name=f"model-{uuid.uuid4()}", mirrored_at=timezone.now(), log_entry=uuid.uuid4()
                )
            elif way == "append with its row":
                subjects = [RegisteredModel(name=f"model-{uuid.uuid4()}", mirrored_at=timezone.now())]
            data = {"model": "credit-risk"}
            audit.append(event=Event.MODEL_MIRRORED, actor=actor, subjects=subjects, data=data)

    return append


def _write(kind: str, way: str, go: Connection) -> None:
    """Run a way for as long as each message says, and answer with how often that was."""
    operation = (_sql if kind == "sql" else _django)(way)
    for _ in range(30):
        operation()
    go.send(None)  # ready
    while (duration := go.recv()) is not None:
        count, until = 0, time.perf_counter() + duration
        while time.perf_counter() < until:
            operation()
            count += 1
        go.send(count)


@contextmanager
def _writers(kind: str, ways: Sequence[str], count: int) -> Iterator[dict[str, list[Connection]]]:
    """Start ``count`` processes for each way and keep them waiting, so that no round pays for a start."""
    spawn = multiprocessing.get_context("spawn")
    ours: dict[str, list[Connection]] = {way: [] for way in ways}
    processes = []
    for way in ways:
        for _ in range(count):
            mine, theirs = spawn.Pipe()
            process = spawn.Process(target=_write, args=(kind, way, theirs))
            process.start()
            processes.append(process)
            ours[way].append(mine)
    for pipes in ours.values():
        for pipe in pipes:
            pipe.recv()
    try:
        yield ours
    finally:
        for pipe in (pipe for pipes in ours.values() for pipe in pipes):
            pipe.send(None)
        for process in processes:
            process.join()


def _rate(pipes: Sequence[Connection]) -> float:
    """Return how many operations a second the processes of one way do together."""
    for pipe in pipes:
        pipe.send(SECONDS)
    return sum(pipe.recv() for pipe in pipes) / SECONDS


def _compare(title: str, kind: str, ways: list[str], *, writers: int, claim: str) -> Comparison:
    rates: dict[str, list[float]] = {way: [] for way in ways}
    with _writers(kind, ways, writers) as pipes:
        for _ in range(ROUNDS):
            for way in ways:
                rates[way].append(_rate(pipes[way]))
    base = ways[0]
    rows = []
    for way in ways:
        ratio = statistics.median(one / other for one, other in zip(rates[way], rates[base], strict=True))
        rows.append(Row(way, writers / statistics.median(rates[way]), ratio, ROUNDS))
    names = [way.translate(str.maketrans(" -+", "__n")) for way in ways]
    said = claim.format(**dict(zip(names, (times(row.ratio) for row in rows), strict=True)))
    setup = f"{writers} writers, PostgreSQL 18, fsync on, data in memory, one commit each; rates paired by round"
    return Comparison(title, setup, tuple(rows), said)


def measure() -> Iterator[Comparison]:
    """Measure writers in SQL and in Django."""
    with cluster():
        yield _compare(
            "A business row and its entry in one transaction (SQL)",
            "sql",
            ["business + plain", "business + append", "governed + append"],
            writers=8,
            claim="With 8 writers, a row and its log entry reach {business_n_append} of the rate of a row and a plain "
            "insert; {governed_n_append} with the deferred trigger that holds each row against its entry.",
        )
        yield log_chain.measure("in memory")
        for writers in (1, 4):
            yield _compare(
                "Django",
                "django",
                ["create", "append", "a row and append", "append with its row", "django-auditlog", "django-pghistory"],
                writers=writers,
                claim=f"With {writers} Django writers, as parts of the rate of create() alone: "
                "append {append}, a row and append in one transaction {a_row_and_append}, "
                "a governed row with its entry {append_with_its_row}, "
                "django-auditlog {django_auditlog}, django-pghistory {django_pghistory}.",
            )
    with cluster(DISK):
        yield log_chain.measure("on disk")
