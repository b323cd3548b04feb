"""Windows of records at size: beside Evidently, beside DuckDB asked by hand, over more rows, and merged from parts."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.timing import Comparison, Row, interleaved, times

START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 8, tzinfo=UTC)
KINDS = ["a", "b", "c", "d", "e"]
NUMBERS = ("ks", "wasserstein")
REFERENCE_ROWS, WIDE_ROWS, PART_ROWS, PARTS = 100_000, 1_000_000, 5_000_000, 4


def measure() -> list[Comparison]:
    """Compare all four; the files lie in a folder."""
    _without_a_bucket()
    return [_beside_evidently(), *_beside_duckdb(), _merging()]


def _columns(rng: np.random.Generator, n: int, *, numbers: int, texts: int, shift: float = 0.0) -> dict[str, Any]:
    found: dict[str, Any] = {f"x{i}": rng.normal(shift if i == 0 else 0.0, 1.0, n) for i in range(numbers)}
    return found | {f"c{i}": np.array(KINDS)[rng.integers(0, len(KINDS), n)] for i in range(texts)}


def _profile(columns: dict[str, Any]) -> Any:
    from monitoring.profiles import ReferenceProfile
    from monitoring.schema import ColumnType, RecordSchema

    types: dict[str, ColumnType] = {name: "string" if name.startswith("c") else "number" for name in columns}
    return ReferenceProfile.of(columns, schema=RecordSchema(types, None))


def _beside_evidently() -> Comparison:
    """Thirty columns, a million rows, the same statistics: ours reads Parquet, Evidently has both in memory."""
    from monitoring import drift, engine, records
    from monitoring.drift_settings import DriftSettings

    rng = np.random.default_rng(1)
    reference = _columns(rng, WIDE_ROWS, numbers=20, texts=10)
    window = _columns(rng, WIDE_ROWS, numbers=20, texts=10, shift=1.0)
    profile = _profile(reference)
    left, right = pd.DataFrame(reference), pd.DataFrame(window)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently import DataDefinition, Dataset, Report
        from evidently.metrics import ValueDrift

        path = records.draft_parquet(pa.Table.from_pandas(right, preserve_index=False), Path(folder) / "window.parquet")
        definition = DataDefinition(
            numerical_columns=[name for name in reference if name.startswith("x")],
            categorical_columns=[name for name in reference if name.startswith("c")],
        )

        # What our engine takes of every column, whichever of it the policy names.
        same = [
            (name, method)
            for name in reference
            for method in ("psi", "jensenshannon", *(NUMBERS if name.startswith("x") else ("chisquare",)))
        ]

        def evidently() -> object:
            report = Report([ValueDrift(column=name, method=method) for name, method in same])
            return report.run(
                Dataset.from_pandas(right, data_definition=definition),
                Dataset.from_pandas(left, data_definition=definition),
            ).dict()

        def ours() -> dict[str, Any]:
            facts = {"monitor": "bench", "version": "bench/1", "start": START, "end": END}
            return drift.compute(profile, engine.profile([path], profile), DriftSettings(), **facts)

        assert ours()["drifted"] == 1
        rows = interleaved({"Evidently report": evidently, "our engine": ours}, rounds=1, warm_up=0)
    return Comparison(
        title=f"Drift: 30 columns, {WIDE_ROWS:,} rows on both sides",
        setup="PSI and Jensen-Shannon of each column, Kolmogorov-Smirnov and Wasserstein of numbers, chi-square of "
        "categories; ours from Parquet as it is kept, with intervals and signals",
        rows=rows,
        claim=f"On {WIDE_ROWS:,} rows of 30 columns the drift engine is {times(1 / rows[1].ratio)} x as fast as "
        "Evidently's report.",
    )


def _beside_duckdb() -> list[Comparison]:
    """Twenty columns from Parquet: our expressions beside the same histograms in SQL, over 5, 10 and 20 M rows."""
    from monitoring import engine

    rng = np.random.default_rng(2)
    profile = _profile(_columns(rng, REFERENCE_ROWS, numbers=15, texts=5))
    found = []
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "part-0.parquet"
        columns = _columns(rng, PART_ROWS, numbers=15, texts=5)
        pq.write_table(pa.table(columns), part, compression="zstd", row_group_size=250_000)
        del columns
        paths = [part]
        for number in range(1, PARTS):  # the same bytes under other names: they are read all the same
            other = Path(folder) / f"part-{number}.parquet"
            other.hardlink_to(part)
            paths.append(other)
        medians = {}
        for parts in (1, 2, PARTS):
            some = paths[:parts]

            def by_hand(some: Sequence[Path] = some) -> object:
                return _sql(some, profile)

            def ours(some: Sequence[Path] = some) -> object:
                return engine.profile(some, profile)

            rows = interleaved({"SQL by hand": by_hand, "our engine": ours}, rounds=3)
            medians[parts] = rows[1].median_s
            found.append(
                Comparison(
                    title=f"Histograms: 20 columns, {parts * PART_ROWS:,} rows from Parquet",
                    setup="the same bins and counts; ours also keeps ranges, leaves infinities out and checks types",
                    rows=rows,
                    claim=f"Counting {parts * PART_ROWS // 1_000_000} M rows of 20 columns takes "
                    f"{times(rows[1].ratio)} x the time of the same histograms written in DuckDB's SQL.",
                )
            )
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
            peak = apart.submit(_peak, paths, profile).result()
        grown = medians[PARTS] / medians[1]
    last = found[-1]
    claim = f"Four times the rows take {times(grown)} x the time; counting most of them takes {peak:.1f} GB."
    return [*found[:-1], Comparison(last.title, last.setup, last.rows, f"{last.claim} {claim}")]


def _peak(paths: Sequence[Path], profile: Any) -> float:
    """Return how many GB a process of its own held at most while it counted."""
    from monitoring import engine

    _without_a_bucket()
    engine.profile(paths, profile)
    # Not getrusage: what its maximum says of a process begins with what its parent held when it was started.
    held = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(held.split()[1]) * 1024 / 1e9


def _without_a_bucket() -> None:
    from django.conf import settings

    if not settings.configured:
        settings.configure(STORAGE_BUCKET="")


def _sql(paths: Sequence[Path], profile: Any) -> list[tuple[Any, ...]]:
    parts = []
    for column in profile.columns:
        if column.kind == "categorical":
            parts.append(f'histogram("{column.name}")')
        else:
            edges = ", ".join(f"{edge!r}::DOUBLE" for edge in column.edges)
            parts.append(f'histogram("{column.name}", [{edges}]), count("{column.name}")')
    files = ", ".join(f"'{path}'" for path in paths)
    with duckdb.connect() as connection:
        query = f"SELECT count(*), {', '.join(parts)} FROM read_parquet([{files}])"  # noqa: S608 (our own names)
        connection.execute("SET enable_progress_bar = false")
        return connection.execute(query).fetchall()


def _merging() -> Comparison:
    """A thousand profiles of thirty columns: read from JSON as they are stored and added, beside reading alone."""
    from monitoring.profiles import WindowProfile

    rng = np.random.default_rng(3)
    profile = _profile(_columns(rng, 10_000, numbers=20, texts=10))
    stored = [profile.profile(_columns(rng, 500, numbers=20, texts=10)).to_json() for _ in range(1000)]

    def read() -> list[WindowProfile]:
        return [WindowProfile.from_json(row) for row in stored]

    def merged() -> WindowProfile:
        return WindowProfile.together(read())

    assert merged().n == 500_000
    rows: tuple[Row, ...] = interleaved({"read": read, "read and merged": merged}, rounds=5)
    return Comparison(
        title="Merging: 1,000 profiles of 30 columns, 100 bins each",
        setup="a day of a batch each, as the database keeps them",
        rows=rows,
        claim=f"Reading and merging 1,000 day profiles takes {rows[1].median_s:.2f} s, "
        f"{times(rows[1].ratio)} x reading them.",
    )
