"""The log with ten thousand and with a million entries: proofs, the page, and how long a commit waits to be signed."""

from __future__ import annotations

import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.log_writers import ROOT, cluster
from benchmarks.timing import Comparison, Row, times

SMALL, LARGE = 10_000, 1_000_000
RATE, WRITERS, SECONDS = 1_000, 4, 15
ASKED, WARM_UP = 300, 20
FILL = """
INSERT INTO audit_entry (body) SELECT convert_to(
  '{"actor":"system:benchmark","at":"' || to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')
  || 'Z","data":{"action":"alias.set","alias":"champion","model":"model-' || mod(n, 500) || '","verdict":"BLOCK",'
  || '"version":' || mod(n, 50) || '},"event":"'
  || (ARRAY['gate.refused','gate.allowed','version.mirrored'])[1 + mod(n, 3)] || '","id":"' || gen_random_uuid()
  || '","log":"' || %s || '","payload":null,"subjects":[],"v":1}', 'UTF8')
FROM generate_series(1, %s) n
"""


def measure() -> Iterator[Comparison]:
    """Measure both sizes in one run, then the wait for a signature."""
    with cluster():
        yield from _sizes()
        yield _latency()


def _sizes() -> Iterator[Comparison]:
    import django

    django.setup()
    from django.conf import settings
    from django.db import connection
    from django.test import Client

    from governance.accounts.models import User
    from governance.accounts.roles import Role
    from governance.accounts.services import grant_role
    from governance.audit import selectors
    from governance.audit.actors import System

    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()
    reader = User.objects.create_user("reader@bank.example", None, name="Reader")
    grant_role(person=reader, role=Role.DATA_PROTECTION_OFFICER, granted_by=None, actor=System("setup"))
    client.force_login(reader)
    chance = random.Random(7)  # noqa: S311 (which entry is asked for)

    def proof(size: int) -> Callable[[], object]:
        return lambda: selectors.inclusion_proof(chance.randrange(size), size)

    def page(size: int) -> Callable[[], object]:
        asked = [
            {},
            {"q": "model-77"},
            {"event": "gate.refused"},
            {"before": size // 2},
            {"q": "model-3", "event": "gate.allowed"},
        ]

        def read() -> None:
            assert client.get("/log", chance.choice(asked)).status_code == 200

        return read

    found: dict[str, list[tuple[float, float]]] = {"proof": [], "page": []}
    for size in (SMALL, LARGE):
        fill(connection, size - selectors.size())
        for name, way in (("proof", proof(size)), ("page", page(size))):
            taken = []
            for _ in range(WARM_UP):
                way()
            for _ in range(ASKED):
                began = time.perf_counter()
                way()
                taken.append(time.perf_counter() - began)
            taken.sort()
            found[name].append((statistics.median(taken), taken[int(len(taken) * 0.95)]))
    for name, what in (
        ("proof", "An inclusion proof, as it is served"),
        ("page", "The audit log's page, filters in turn"),
    ):
        (small, small95), (large, large95) = found[name]
        rows = (
            Row(f"{SMALL:,} entries, median", small, 1.0, ASKED),
            Row(f"{LARGE:,} entries, median", large, large / small, ASKED),
            Row(f"{SMALL:,} entries, p95", small95, small95 / small, ASKED),
            Row(f"{LARGE:,} entries, p95", large95, large95 / small, ASKED),
        )
        ratio, here = times(large95 / small95), f"{large95 * 1e3:.1f} ms here"
        claim = f"{what}: p95 at a million entries is {ratio} times that at ten thousand ({here})."
        yield Comparison(what, "PostgreSQL 18, one process, Django's test client for the page", rows, claim)


def fill(connection: object, count: int) -> None:
    """Append ``count`` entries as the app role, place them as the notary, and have PostgreSQL look at its tables."""
    from django.conf import settings

    from governance.audit.integration import integrate
    from tests.roles import as_role

    with connection.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(FILL, [settings.LOG_ORIGIN, count])
    with as_role("notary"):
        while integrate():
            pass
    import psycopg

    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE")


def _write(pipe: Connection) -> None:
    """Append at a steady rate, and send back when each commit was acknowledged."""
    import psycopg

    from benchmarks.log_writers import ENTRY, body

    connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    committed, began, pause = {}, time.time(), WRITERS / RATE
    for number in range(SECONDS * RATE // WRITERS):
        entry = uuid.uuid4()
        time.sleep(max(0.0, began + number * pause - time.time()))
        connection.execute(ENTRY, [body([], entry)], prepare=True)
        committed[entry] = time.time()
    pipe.send((committed, time.time() - began))


def _covered(owner: Any, entries: list[uuid.UUID]) -> tuple[dict[uuid.UUID, int], list[tuple[int, float]]]:
    """Wait for the checkpoint that covers all ``entries``; return where they are, and each checkpoint's time."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        signed = owner.execute("SELECT position, extract(epoch FROM at)::float FROM audit_checkpoint ORDER BY position")
        places = owner.execute("SELECT entry_id, position FROM audit_leaf WHERE entry_id = ANY(%s)", [entries])
        checkpoints, found = signed.fetchall(), dict(places.fetchall())
        if len(found) == len(entries) and checkpoints and checkpoints[-1][0] > max(found.values()):
            return found, checkpoints
        time.sleep(0.1)
    raise TimeoutError(f"The notary did not sign a checkpoint over {len(entries):,} entries within a minute.")


def _latency() -> Comparison:
    """Append at 1,000 a second beside a real notary; hold each commit against the first checkpoint that covers it."""
    import psycopg

    env = {**os.environ, "PLACET_DB_ROLE": "notary", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'client'}"}
    notary = subprocess.Popen(
        [sys.executable, "manage.py", "notary"], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
    )
    try:
        assert notary.stdout is not None
        while "notary ready" not in notary.stdout.readline():
            pass
        spawn = multiprocessing.get_context("spawn")
        pipes = [spawn.Pipe() for _ in range(WRITERS)]
        writers = [spawn.Process(target=_write, args=(theirs,)) for _, theirs in pipes]
        for writer in writers:
            writer.start()
        answers = [ours.recv() for ours, _ in pipes]
        for writer in writers:
            writer.join()
        committed = {entry: at for part, _ in answers for entry, at in part.items()}
        with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
            places, signed = _covered(owner, list(committed))
    finally:
        notary.terminate()
        notary.wait()
    waits, number = [], 0
    for place, at in sorted((places[entry], at) for entry, at in committed.items()):
        while signed[number][0] <= place:
            number += 1
        waits.append(signed[number][1] - at)
    waits.sort()
    median, p99 = statistics.median(waits), waits[int(len(waits) * 0.99)]
    rate = len(committed) / max(took for _, took in answers)
    rows = (Row("median", median, 1.0, len(waits)), Row("p99", p99, p99 / median, len(waits)))
    setup = f"{rate:,.0f} appends a second by {WRITERS} writers for {SECONDS} s, one notary, rounds every half second"
    claim = f"From commit to signed checkpoint at {rate:,.0f} appends a second: median {median:.2f} s, p99 {p99:.2f} s."
    return Comparison("From a commit to the checkpoint that covers it", setup, rows, claim)
