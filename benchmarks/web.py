"""Every page and list, with a hundredth of the data and with all of it; then fifty people who read at once."""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

from benchmarks import inbox, log_at_scale
from benchmarks.gate import serving_placet
from benchmarks.log_writers import cluster
from benchmarks.timing import Comparison, Row, times

P95_S, GROWTH = 0.150, 1.5
"""The most that a page or a list may take at one user, and times what it takes with a hundredth of the data."""
ASKED, WARM_UP = 20, 2
USERS, THINK_S, LOAD_S = 50, 1.0, 60.0
SHOWN = 8


@dataclass(frozen=True)
class Size:
    """How many rows of each kind there are."""

    entries: int
    requests: int
    versions: int
    systems: int


SMALL, LARGE = Size(10_000, 200, 100, 10), Size(1_000_000, 20_000, 10_000, 1_000)
SYSTEMS = """
INSERT INTO inventory_aisystem
SELECT (jsonb_populate_record(s, jsonb_build_object(
  'id', gen_random_uuid(), 'slug', 'scoring-' || n, 'name', 'Scoring ' || n, 'model_tier', 1 + n %% 4,
  'ai_act_class', (ARRAY['high', 'limited', 'minimal', ''])[1 + n %% 4], 'made_at', now() - n * interval '1 hour'))).*
FROM inventory_aisystem s, generate_series(%(low)s::int, %(high)s::int) n WHERE s.id = %(system)s
"""
MODELS = """
INSERT INTO registry_registeredmodel
SELECT (jsonb_populate_record(m, jsonb_build_object('id', gen_random_uuid(), 'name', s.slug, 'system_id', s.id))).*
FROM registry_registeredmodel m, inventory_aisystem s
WHERE m.id = %(model)s AND s.slug ~ '^scoring-[0-9]+$'
  AND substring(s.slug FROM 9)::int BETWEEN %(low)s AND %(high)s
"""
VERSIONS = """
INSERT INTO registry_modelversion
SELECT (jsonb_populate_record(v, jsonb_build_object(
  'id', gen_random_uuid(), 'model_id', m.id, 'number', n, 'mlflow_created_at_ms', v.mlflow_created_at_ms + n,
  'mirrored_at', now() - n * interval '1 day'))).*
FROM registry_modelversion v, registry_registeredmodel m, generate_series(1, %(each)s::int) n
WHERE v.id = %(version)s AND m.name ~ '^scoring-[0-9]+$'
  AND substring(m.name FROM 9)::int BETWEEN %(low)s AND %(high)s
"""
PROMOTIONS = """
WITH versions AS (SELECT array_agg(v.id ORDER BY m.name, v.number) AS ids FROM registry_modelversion v
                  JOIN registry_registeredmodel m ON m.id = v.model_id WHERE m.name ~ '^scoring-[0-9]+$')
INSERT INTO registry_promotionrequest
SELECT (jsonb_populate_record(p, jsonb_build_object(
  'id', gen_random_uuid(), 'approval_id', r.id, 'number', 1000 + r.state_reason::int,
  'version_id', versions.ids[1 + r.state_reason::int %% cardinality(versions.ids)],
  'state', CASE WHEN r.state = 'approved' THEN 'applied' ELSE 'requested' END))).*
FROM registry_promotionrequest p, approvals_approvalrequest r, versions
WHERE p.approval_id = %(template)s AND r.state_reason ~ '^[0-9]+$'
  AND r.state_reason::int BETWEEN %(low)s AND %(high)s
"""
TABLES = (*inbox.TABLES, "inventory_aisystem", "registry_registeredmodel", "registry_modelversion")


@dataclass
class Found:
    """What was measured of one address at one size: seconds, sorted, and queries."""

    taken: list[float] = field(default_factory=list)
    queries: int = 0
    is_page: bool = False

    @property
    def median_s(self) -> float:
        return statistics.median(self.taken)

    @property
    def p95_s(self) -> float:
        return self.taken[int(len(self.taken) * 0.95)]


def measure() -> Iterator[Comparison]:
    """Measure both sizes in one run on a database of the benchmark's own, then the fifty people on the larger."""
    with cluster(), ExitStack() as up:
        import django

        django.setup()
        world = up.enter_context(_a_world())
        from tests.security.reading import readings

        asked = list(readings(world))
        found: list[dict[str, Found]] = []
        before = Size(0, 0, 0, 0)
        for size in (SMALL, LARGE):
            _fill(world, before, size)
            before = size
            found.append({reading.name: _measured(reading) for reading in asked})
        yield _told(*found)
        pages = [reading for reading in asked if found[1][reading.name].is_page]
        with serving_placet() as address:
            yield _together(address, pages)


@contextmanager
def _a_world() -> Iterator[Any]:
    """Make the one world of the permission matrix, whose addresses are known; no document is drawn for it."""
    from django.conf import settings

    from governance.audit import export
    from governance.config.oidc import Provider
    from reports import services
    from tests.healthy_mlflow import healthy_mlflow
    from tests.security.world import World

    settings.ALLOWED_HOSTS = ["testserver"]
    settings.ACCOUNT_RATE_LIMITS = False  # everybody asks from one address
    settings.OIDC = Provider(issuer="http://localhost:1", client_id="placet")
    quickly = partial(export.wait_for_receipt, patience_s=0.0)
    with (
        healthy_mlflow() as settings.MLFLOW_TRACKING_URI,
        tempfile.TemporaryDirectory(prefix="placet-bench-web-") as folder,
        patch.object(services, "render", lambda content, snapshot, said: b"%PDF-1.7 quickly made"),
        patch.object(services, "libraries", lambda: {"weasyprint": "70.0"}),
        patch.object(export, "wait_for_receipt", quickly),
    ):
        settings.STORAGE_ROOT = Path(folder) / "storage"
        yield World(Path(folder))


def _fill(world: Any, before: Size, size: Size) -> None:
    """Add rows as the owner with the guards off: they stand in no log entry, which only a benchmark may do."""
    import psycopg
    from django.db import connection

    from governance.audit import selectors

    log_at_scale.fill(connection, size.entries - selectors.size())
    promotion = world.in_state["in review"]
    wanted: dict[str, Any] = {
        "system": str(world.system.pk),
        "model": str(world.model.pk),
        "version": str(promotion.version.pk),
        "template": promotion.approval_id,
        "decision": world.decision.pk,
        "reader": str(world.second.pk),
        "other": str(world.officer.pk),
        "each": size.versions // size.systems,
    }
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        with owner.transaction():
            for table in TABLES:
                owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")  # type: ignore[arg-type]
            for statement in (SYSTEMS, MODELS, VERSIONS):
                owner.execute(statement, wanted | {"low": before.systems + 1, "high": size.systems})  # type: ignore[arg-type]
            ids = owner.execute("SELECT id::text FROM inventory_aisystem WHERE slug ~ '^scoring-'").fetchall()
            wanted |= {"systems": [row[0] for row in ids], "low": before.requests + 1, "high": size.requests}
            for statement in (inbox.REQUESTS, inbox.DECISIONS, PROMOTIONS):
                owner.execute(statement, wanted)  # type: ignore[arg-type]
            owner.execute("SELECT approvals_index_request(id) FROM approvals_approvalrequest")
            owner.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table in TABLES:
                owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")  # type: ignore[arg-type]
        owner.execute("VACUUM ANALYZE")


def _measured(reading: Any) -> Found:
    """Ask for one address again and again, in one process."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client, found = Client(), Found()
    for number in range(WARM_UP + ASKED):
        began = time.perf_counter()
        answer = reading.ask(client)
        content = b"".join(answer) if answer.streaming else answer.content
        if number >= WARM_UP:
            found.taken.append(time.perf_counter() - began)
        if answer.status_code != 200:
            raise RuntimeError(f"{reading.path} answered {answer.status_code}: {content[:300]!r}")
    found.taken.sort()
    found.is_page = answer.headers["Content-Type"].startswith("text/html")
    with CaptureQueriesContext(connection) as counted:
        reading.ask(client)
    found.queries = len(counted)
    return found


def _told(small: dict[str, Found], large: dict[str, Found]) -> Comparison:
    slowest = sorted(large, key=lambda name: -large[name].p95_s)
    grown = sorted(large, key=lambda name: -_growth(small[name], large[name]))
    rows = []
    growth = {name: _growth(small[name], large[name]) for name in large}
    for name in dict.fromkeys(slowest[:SHOWN] + grown[:SHOWN]):
        for what, found, ratio in (("a hundredth, ", small[name], 1.0), ("", large[name], growth[name])):
            rows.append(Row(f"{name}, {what}p95, {found.queries} queries", found.p95_s, ratio, ASKED))
    late = [name for name in slowest if large[name].p95_s > P95_S]
    more = [name for name in grown if growth[name] > GROWTH]
    other = [name for name in large if small[name].queries != large[name].queries]
    first = slowest[0]
    return Comparison(
        title=f"{len(large)} pages and lists of the API, one person",
        setup=f"{LARGE.entries:,} log entries, {LARGE.requests:,} requests, {LARGE.versions:,} versions, "
        f"{LARGE.systems:,} systems, and a hundredth of each; Django's test client, one process; the slowest and those "
        "that grew most",
        rows=tuple(rows),
        claim=f"{len(large) - len(late)} of {len(large)} pages and lists answer within {P95_S * 1e3:.0f} ms (p95; the "
        f"slowest, {first}, in {large[first].p95_s * 1e3:.0f} ms here{_named(late)}); with a hundred times the data "
        f"{len(large) - len(more)} take at most {GROWTH:g} times as long (most: {grown[0]}, {times(growth[grown[0]])} "
        f"times{_named(more)}); the number of queries is the same on {len(large) - len(other)}{_named(other)}.",
    )


def _growth(small: Found, large: Found) -> float:
    """Return how much longer it takes with all the data: by the medians where chance decides a p95 of milliseconds."""
    return min(large.p95_s / small.p95_s, large.median_s / small.median_s)


def _named(names: list[str]) -> str:
    return f"; not {', '.join(names)}" if names else ""


def _together(address: str, pages: list[Any]) -> Comparison:
    """Have fifty people read one page after another, a second apart, and count what went wrong."""
    taken: list[float] = []
    wrong: list[str] = []
    until = time.monotonic() + LOAD_S

    def reads(number: int) -> None:
        chance = random.Random(number)  # noqa: S311 (which page is read)
        connection = HTTPConnection(urlsplit(address).netloc, timeout=30)
        time.sleep(chance.random() * THINK_S)
        while time.monotonic() < until:
            page = chance.choice(pages)
            began = time.perf_counter()
            try:
                headers = {"Cookie": f"sessionid={page.actor.session}", **page.actor.headers}
                connection.request("GET", page.path, headers=headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, HTTPException) as error:
                wrong.append(f"{page.path}: {error!r}")
                connection.close()
            else:
                taken.append(time.perf_counter() - began)
                if answer.status != 200:
                    wrong.append(f"{page.path}: {answer.status}")
            time.sleep(THINK_S)
        connection.close()

    people = [threading.Thread(target=reads, args=(number,)) for number in range(USERS)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    if not taken:
        raise RuntimeError(f"Nobody was answered: {wrong[:3]}")
    taken.sort()
    median, p95 = statistics.median(taken), taken[int(len(taken) * 0.95)]
    return Comparison(
        title=f"{USERS} people at once, {THINK_S:g} s between a page and the next, for {LOAD_S:.0f} s",
        setup="every page in turn by chance; gunicorn with 2 workers of 4 threads; whoever asks runs on the same cores",
        rows=(Row("median", median, 1.0, len(taken)), Row("p95", p95, p95 / median, len(taken))),
        claim=f"{USERS} people read {len(taken):,} pages within {LOAD_S:.0f} s, {len(wrong)} of them with an error"
        f"{_named(sorted(set(wrong))[:5])}.",
    )
