"""One pass of the reconciler over ten thousand versions of a real MLflow server on PostgreSQL, and over a thousand."""

from __future__ import annotations

import os
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.log_writers import cluster
from benchmarks.timing import Comparison, Row, seconds, times

SMALL, LARGE, MODELS, LIVE, ROUNDS = 1_000, 10_000, 500, 100, 5
LIMIT_S = 60.0
# In MLflow's own tables, as its server writes them. Every model has an alias that nobody protects, every fifth a
# champion, and one version in a hundred is staged.
FILL = (
    "INSERT INTO registered_models (workspace, name, creation_time) SELECT 'default', 'model-' || m, 1700000000000 + m "
    "FROM generate_series(0, %(models)s - 1) m ON CONFLICT DO NOTHING",
    "INSERT INTO model_versions (workspace, name, version, creation_time, last_updated_time, current_stage, source, "
    "storage_location, run_id, status) SELECT 'default', 'model-' || mod(n, %(models)s), 1 + n / %(models)s, "
    "1700000000000 + n, 1700000000000 + n, CASE WHEN mod(n, 100) = 7 THEN 'Staging' ELSE 'None' END, "
    "'models:/m-' || n, 'mlflow-artifacts:/1/models/m-' || n, md5(n::text), 'READY' "
    "FROM generate_series(%(low)s, %(high)s - 1) n",
    "INSERT INTO model_version_tags (workspace, name, version, key, value) SELECT workspace, name, version, k, 'v' "
    "FROM model_versions, unnest(ARRAY['team', 'ticket']) k ON CONFLICT DO NOTHING",
    "INSERT INTO registered_model_aliases (workspace, name, alias, version) SELECT 'default', 'model-' || m, "
    "'challenger', 1 FROM generate_series(0, %(models)s - 1) m ON CONFLICT DO NOTHING",
    "INSERT INTO registered_model_aliases (workspace, name, alias, version) SELECT 'default', 'model-' || m, "
    "'champion', 1 FROM generate_series(0, %(live)s - 1) m ON CONFLICT DO NOTHING",
)
# In Placet's, as the reconciler and the apply task write them: all of it known, so that a pass finds nothing new.
MIRRORED = (
    "INSERT INTO registry_registeredmodel (id, log_entry, workspace, name, mirrored_at) SELECT gen_random_uuid(), "
    "gen_random_uuid(), 'default', 'model-' || m, now() FROM generate_series(0, %(models)s - 1) m "
    "ON CONFLICT DO NOTHING",
    "INSERT INTO registry_modelversion (id, log_entry, model_id, number, mlflow_created_at_ms, run_id, source, "
    "storage_location, artifact_digest, manifest_digest, artifact_bytes, flavor, signature, parameters, metrics, "
    "decision_threshold, problem, mirrored_at) SELECT gen_random_uuid(), gen_random_uuid(), m.id, 1 + n / %(models)s, "
    "1700000000000 + n, md5(n::text), 'models:/m-' || n, 'mlflow-artifacts:/1/models/m-' || n, 'sha256:' || md5('a'), "
    "'sha256:' || md5('b'), 1, 'sklearn', '{}', '{}', '{}', 0.5, '', now() "
    "FROM generate_series(%(low)s, %(high)s - 1) n "
    "JOIN registry_registeredmodel m ON m.name = 'model-' || mod(n, %(models)s)",
    "INSERT INTO registry_aliashistory (id, log_entry, model_id, alias, version_id, during) SELECT gen_random_uuid(), "
    "gen_random_uuid(), v.model_id, 'champion', v.id, tstzrange(now(), NULL) FROM registry_modelversion v "
    "JOIN registry_registeredmodel m ON m.id = v.model_id WHERE v.number = 1 AND "
    "split_part(m.name, '-', 2)::int < %(live)s AND NOT EXISTS (SELECT FROM registry_aliashistory h "
    "WHERE h.model_id = v.model_id)",
)
GUARDED = ("registry_registeredmodel", "registry_modelversion", "registry_aliashistory")


def measure() -> Iterator[Comparison]:
    """Measure both sizes in one run, on servers of the benchmark's own."""
    from tests.stock_mlflow import a_database, serving

    with (
        cluster(),
        a_database(os.environ["PLACET_BOOTSTRAP_URL"]) as database,
        serving(database) as server,
    ):
        os.environ["MLFLOW_TRACKING_URI"] = server.url
        os.environ.pop("MLFLOW_TRACKING_USERNAME", None)
        import django

        django.setup()
        yield _both(database)


def _both(database: str) -> Comparison:
    from registry import reconcile

    passes: dict[str, Callable[..., None]] = {
        "aliases and stages": reconcile.watch_aliases,
        "new versions": reconcile.mirror_registry,
    }
    rows: list[Row] = []
    costs: dict[str, list[tuple[int, int, int]]] = {name: [] for name in passes}
    whole = {SMALL: 0.0, LARGE: 0.0}
    made = 0
    for size in (SMALL, LARGE):
        _fill(database, {"low": made, "high": size, "models": MODELS, "live": LIVE})
        made = size
        for name, work in passes.items():
            taken = [_once(work) for _ in range(ROUNDS)]
            whole[size] += (median := statistics.median(taken))
            first = next((row.median_s for row in rows if row.name.startswith(name)), median)
            rows.append(Row(f"{name}, {size:,} versions", median, median / first, ROUNDS))
            costs[name].append(_cost(work))
    told = "; ".join(
        f"{name}: {small[0]} queries, {small[1]} calls, {small[2] >> 10:,} kB at {SMALL:,}, "
        f"{large[0]}, {large[1]}, {large[2] >> 10:,} kB at {LARGE:,}"
        for name, (small, large) in costs.items()
    )
    kept = "within" if whole[LARGE] <= LIMIT_S else "NOT WITHIN"
    return Comparison(
        title=f"The reconciler over {LARGE:,} versions of {MODELS} models, {LIVE} of them live",
        setup=f"mlflow server on PostgreSQL, one worker; nothing new is found; {told}",
        rows=tuple(rows),
        claim=f"The reconciler: one pass over aliases, stages and versions takes {seconds(whole[LARGE])} for {LARGE:,} "
        f"versions here, {times(whole[LARGE] / whole[SMALL])} times that for {SMALL:,}, {kept} {LIMIT_S:.0f} s.",
    )


def _fill(database: str, sizes: dict[str, int]) -> None:
    """Add rows to both databases; to Placet's as the owner with the guards off, which only a benchmark may do."""
    import psycopg

    with psycopg.connect(database, autocommit=True) as connection:
        for statement in FILL:
            connection.execute(statement, sizes)  # type: ignore[arg-type]
        connection.execute("ANALYZE")
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        with owner.transaction():
            for table in GUARDED:
                owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")  # type: ignore[arg-type]
            for statement in MIRRORED:
                owner.execute(statement, sizes)  # type: ignore[arg-type]
            owner.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table in GUARDED:
                owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")  # type: ignore[arg-type]
        owner.execute("ANALYZE")


def _once(work: Callable[..., None]) -> float:
    from registry import mlflow, reconcile

    done = reconcile.Report()
    began = time.perf_counter()
    with mlflow.Client() as client:
        work(client, done)
    taken = time.perf_counter() - began
    if done.findings or done.problems:
        raise RuntimeError(f"The pass found {[*done.findings, *done.problems][:2]}, where nothing is to be found.")
    return taken


def _cost(work: Callable[..., None]) -> tuple[int, int, int]:
    """Return queries to PostgreSQL, calls to MLflow, and the most memory (bytes) of one pass."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from registry import mlflow, reconcile

    calls = 0

    class Counting(mlflow.Client):
        def _call(self, *arguments: Any, **more: Any) -> Any:
            nonlocal calls
            calls += 1
            return super()._call(*arguments, **more)

    with CaptureQueriesContext(connection) as counted, Counting() as client:
        tracemalloc.start()
        try:
            work(client, reconcile.Report())
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    return len(counted), calls, peak
