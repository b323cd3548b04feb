"""Each tab of the inbox with two hundred and with twenty thousand requests, for somebody who can sign some of them."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from itertools import cycle
from typing import Any

from benchmarks.log_writers import cluster
from benchmarks.timing import Comparison, Row, times

SMALL, LARGE = 200, 20_000
ASKED, WARM_UP = 200, 10
TABS = ("me", "open", "overdue", "settled")
WAYS: tuple[dict[str, str], ...] = (
    {},
    {"sort": "newest"},
    {"verdict": "ALLOW"},
    {"q": "credit-risk-7 v3"},
    {"ai_act_class": "high", "q": "engineer"},
)
# Copies of one request that waits for a signature. Of a hundred, 2 wait for the reader, 18 for somebody else, 10
# collect evidence and 70 are settled, over two years; one in ten that are open is overdue.
REQUESTS = """
INSERT INTO approvals_approvalrequest
SELECT (jsonb_populate_record(r, jsonb_build_object(
  'id', gen_random_uuid(), 'subject_id', gen_random_uuid(), 'state_reason', n::text,
  'subject_name', 'credit-risk-' || n %% 500 || '/' || n %% 50,
  'system_id', (%(systems)s::uuid[])[1 + n %% cardinality(%(systems)s::uuid[])],
  'state', k.state,
  'stages', CASE WHEN n %% 100 < 2 THEN r.stages
                 ELSE replace(r.stages::text, %(reader)s, %(other)s)::jsonb END,
  'opened_at', k.opened,
  'review_opened_at', CASE WHEN k.state <> 'collecting' THEN k.opened + interval '1 hour' END,
  'manifest_digest', CASE WHEN k.state <> 'collecting' THEN r.manifest_digest ELSE '' END,
  'settled_at', k.settled,
  'valid_until', CASE WHEN k.state IN ('approved', 'lapsed') THEN k.settled + interval '180 days' END))).*
FROM approvals_approvalrequest r, generate_series(%(low)s::int, %(high)s::int) n,
LATERAL (SELECT CASE WHEN n %% 100 < 20 THEN 'in_review' WHEN n %% 100 < 30 THEN 'collecting'
                     WHEN n %% 100 < 50 THEN 'approved' WHEN n %% 100 < 70 THEN 'lapsed'
                     WHEN n %% 100 < 90 THEN 'rejected' ELSE 'expired' END AS state,
                CASE WHEN n %% 100 < 30 AND n %% 10 = 1 THEN now() - interval '35 days' - n * interval '1 second'
                     WHEN n %% 100 < 30 THEN now() - (n %% 29) * interval '1 day' - n * interval '1 second'
                     ELSE now() - (40 + n %% 700) * interval '1 day' - n * interval '1 second' END AS opened,
                CASE WHEN n %% 100 >= 30
                     THEN now() - (10 + n %% 700) * interval '1 day' - n * interval '1 second' END AS settled) k
WHERE r.id = %(template)s
"""
DECISIONS = """
INSERT INTO approvals_decision
SELECT (jsonb_populate_record(d, jsonb_build_object('id', gen_random_uuid(), 'request_id', r.id))).*
FROM approvals_decision d, approvals_approvalrequest r
WHERE d.id = %(decision)s AND r.settled_at IS NOT NULL AND r.state <> 'expired' AND r.state_reason ~ '^[0-9]+$'
  AND r.state_reason::int BETWEEN %(low)s AND %(high)s
"""
PROMOTIONS = """
INSERT INTO registry_promotionrequest
SELECT (jsonb_populate_record(p, jsonb_build_object(
  'id', gen_random_uuid(), 'approval_id', r.id, 'number', 1000 + r.state_reason::int,
  'state', CASE WHEN r.state = 'approved' THEN 'applied' ELSE 'requested' END))).*
FROM registry_promotionrequest p, approvals_approvalrequest r
WHERE p.approval_id = %(template)s AND r.state_reason ~ '^[0-9]+$'
  AND r.state_reason::int BETWEEN %(low)s AND %(high)s
"""
TABLES = ("accounts_grant", "approvals_approvalrequest", "approvals_decision", "registry_promotionrequest")


def measure() -> Iterator[Comparison]:
    """Measure both sizes in one run, on a database of the benchmark's own."""
    with cluster():
        import django

        django.setup()
        yield _both()


def _both() -> Comparison:
    from django.conf import settings
    from django.test import Client

    from governance.approvals import selectors
    from tests.factories import Cast, a_system, approve
    from tests.healthy_mlflow import healthy_mlflow

    settings.ALLOWED_HOSTS = ["testserver"]
    with healthy_mlflow() as address:
        settings.MLFLOW_TRACKING_URI = address
        cast = Cast()
        systems = [str(cast.system.pk), *(str(a_system(name=f"Scoring {number}").pk) for number in range(9))]
        decided = cast.allowed(number=1)
        decision = approve(decided.approval, cast.validator)
        template = cast.allowed(number=2).approval_id
    client = Client()
    client.force_login(cast.validator)
    wanted = {
        "systems": systems,
        "reader": str(cast.validator.pk),
        "other": str(cast.officer.pk),
        "template": template,
        "decision": decision.pk,
    }
    rows: list[Row] = []
    costs: dict[str, set[int]] = {tab: set() for tab in TABS}
    slowest: dict[int, float] = {}
    made = 0
    for size in (SMALL, LARGE):
        _fill(wanted | {"low": made + 1, "high": size})
        made = size
        for tab in TABS:
            taken, queries = _asked(client, tab)
            costs[tab].add(queries)
            median, p95 = statistics.median(taken), taken[int(len(taken) * 0.95)]
            slowest[size] = max(slowest.get(size, 0.0), p95)
            first = next((row.median_s for row in rows if row.name == f"{tab}, {SMALL}, median"), median)
            rows += [
                Row(f"{tab}, {size}, median", median, median / first, len(taken)),
                Row(f"{tab}, {size}, p95", p95, p95 / first, len(taken)),
            ]
    waiting = selectors.waiting(cast.validator).count()
    same = all(len(found) == 1 for found in costs.values())
    most = max(max(found) for found in costs.values())
    return Comparison(
        title=f"The inbox with {LARGE:,} requests, {waiting} of them to be signed by its reader",
        setup="each tab plain, in another order, filtered and searched in turn; Django's test client, one process",
        rows=tuple(rows),
        claim=f"The inbox: the slowest tab's p95 at {LARGE:,} requests is {times(slowest[LARGE] / slowest[SMALL])} "
        f"times that at {SMALL} ({slowest[LARGE] * 1e3:.0f} ms here), with "
        f"{'the same' if same else 'NOT THE SAME'} number of queries, {most} at most.",
    )


def _fill(wanted: dict[str, Any]) -> None:
    """Add requests as the owner with the guards off: they stand in no log entry, which only a benchmark may do."""
    import psycopg

    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        with owner.transaction():
            for table in TABLES:
                owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")  # type: ignore[arg-type]
            if wanted["low"] == 1:  # whoever signs has held the role for long
                owner.execute("UPDATE accounts_grant SET valid_from = valid_from - interval '3 years'")
            for statement in (REQUESTS, DECISIONS, PROMOTIONS):
                owner.execute(statement, wanted)  # type: ignore[arg-type]
            owner.execute("SELECT approvals_index_request(id) FROM approvals_approvalrequest")
            owner.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table in TABLES:
                owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")  # type: ignore[arg-type]
        owner.execute("VACUUM ANALYZE")


def _asked(client: Any, tab: str) -> tuple[list[float], int]:
    """Return how long each page took, sorted, and the most queries that one of the ways cost."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    taken, queries = [], 0
    for number, way in zip(range(WARM_UP + ASKED), cycle(WAYS), strict=False):
        began = time.perf_counter()
        answer = client.get("/", {"waiting": tab, **way})
        if number >= WARM_UP:
            taken.append(time.perf_counter() - began)
        if answer.status_code != 200:
            raise RuntimeError(f"The inbox answered {answer.status_code}.")
    with CaptureQueriesContext(connection) as counted:
        client.get("/", {"waiting": tab})
    queries = len(counted)
    return sorted(taken), queries
