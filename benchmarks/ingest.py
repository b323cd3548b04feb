"""A batch of records taken in by the service, beside the same rows written as one Parquet file and flushed to disk."""

from __future__ import annotations

import io
import itertools
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.log_append import _database
from benchmarks.timing import Comparison, interleaved, times

if TYPE_CHECKING:
    from monitoring.models import Monitor

NUMBERS, WHOLE, WORDS = 18, 5, 4
SIZES = (20_000, 200_000)
BEGAN = datetime(2026, 11, 2, tzinfo=UTC)


def _rows(n: int) -> pa.Table:
    """Return n records: 27 features, the prediction, the time and the id; 30 columns."""
    rng = np.random.default_rng(n)
    words = np.array(["car", "radio", "business", "education", "repairs"])
    moments = BEGAN + np.arange(n) * (timedelta(days=1) / n)
    return pa.table(
        {
            **{f"x{i}": rng.normal(size=n) for i in range(NUMBERS)},
            **{f"i{i}": rng.integers(0, 1000, n) for i in range(WHOLE)},
            **{f"c{i}": pa.array(words[rng.integers(0, len(words), n)]) for i in range(WORDS)},
            "prediction": rng.random(n),
            "predicted_at": pa.array(moments, pa.timestamp("us", tz="UTC")),
            "prediction_id": pa.array([f"p-{i}" for i in range(n)]),
        }
    )


def _stream(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, rows.schema) as out:
        out.write_table(rows)
    return sink.getvalue()


def _monitor(rows: pa.Table) -> tuple[Monitor, Any]:
    """Return a monitor whose records have these columns, and who sends."""
    from django.db import transaction

    from governance.audit import services as audit
    from governance.audit.actors import System
    from governance.audit.events import Event
    from governance.common import clock
    from monitoring import services
    from registry.models import DatasetSnapshot

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "monitoring"))
    from monitor_world import a_version, make_world  # type: ignore[import-not-found,unused-ignore]

    world = make_world()
    features = rows.column_names[: NUMBERS + WHOLE + WORDS]
    world.snapshot = DatasetSnapshot(
        digest="sha256:" + "ef" * 32,
        role="evaluation",
        uri="runs:/r/wide.parquet",
        rows=1,
        columns=[{"name": name, "type": str(rows.schema.field(name).type)} for name in features],
        features=features,
        label="y",
        mirrored_at=clock.now(),
    )
    with transaction.atomic():
        audit.append(event=Event.DATASET_MIRRORED, actor=System("benchmark"), subjects=[world.snapshot])
    version = a_version(world, 3)
    monitor = services.open_monitor(model=world.model, alias="wide", actor=world.owner, version=version)
    return monitor, world.service


def measure() -> Iterator[Comparison]:
    """Compare the service's call on an Arrow stream in memory with writing and flushing its rows, at two sizes."""
    with _database(), tempfile.TemporaryDirectory() as name:
        from django.conf import settings

        from monitoring import services
        from monitoring.blocks import ARROW_STREAM

        settings.STORAGE_ROOT = Path(name)
        monitor, sender = _monitor(_rows(10))
        numbers = itertools.count()
        for size in SIZES:
            rows = _rows(size)
            body = _stream(rows)

            def bare(rows: pa.Table = rows) -> None:
                with (Path(name) / f"bare-{next(numbers)}.parquet").open("wb") as file:
                    pq.write_table(rows, file, compression="zstd")
                    file.flush()
                    os.fsync(file.fileno())

            def taken(body: bytes = body, size: int = size) -> None:
                intake = services.accept_records(
                    monitor_id=monitor.pk,
                    batch_id=f"b-{next(numbers)}",
                    body=body,
                    content_type=ARROW_STREAM,
                    sender=sender,
                    version=3,
                )
                assert intake.batch.rows == size

            found = interleaved({"Parquet, flushed": bare, "taken in": taken}, rounds=15, warm_up=2)
            rate = size / found[1].median_s
            yield Comparison(
                title=f"Records in: an Arrow batch of {size:,} rows, 30 columns",
                setup="checked against the reference, kept by day, in the database; beside one Parquet file of them",
                rows=found,
                claim=f"Taking in {size:,} records of 30 columns takes {times(found[1].ratio)} times writing them as "
                f"Parquet to disk ({rate:,.0f} records a second).",
            )
