"""What a batch becomes is counted before it is there, and the days of one are written one after the other."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from monitoring import records
from monitoring.arrow_columns import Budget
from monitoring.columns import typed_block
from monitoring.door import Door
from monitoring.errors import TooManyRecords
from monitoring.intake import Batch
from monitoring.report import Report

NOW = datetime(2026, 11, 27, tzinfo=UTC)


def test_hashes_count_and_not_the_texts_that_they_are_of() -> None:
    columns = {"who": ["a"] * 500, "score": [0.5] * 500}

    def read(**more: Any) -> pa.Table:
        door = Door(types={"who": "string", "score": "number"}, key=b"k", **more)
        return typed_block(columns, door, NOW, Report(), first=1, budget=Budget(30_000))

    assert read().num_rows == 500
    with pytest.raises(TooManyRecords):
        read(hashed=frozenset({"who"}))


def test_a_shuffled_batch_of_many_days_is_copied_a_day_at_a_time(tmp_path: Path, monkeypatch: Any) -> None:
    n, days = 200_000, 40
    rng = np.random.default_rng(1)
    times = [NOW - timedelta(days=int(day)) for day in rng.integers(0, days, n)]
    table = pa.table(
        {
            **{f"f{place}": rng.random(n) for place in range(5)},
            "predicted_at": pa.array(times, pa.timestamp("us", tz="UTC")),
        }
    )
    held: list[int] = []
    real = records._write_parquet
    before = pa.total_allocated_bytes()

    def noted(part: pa.Table, *more: Any) -> None:
        held.append(pa.total_allocated_bytes() - before)
        real(part, *more)

    monkeypatch.setattr(records, "_write_parquet", noted)
    stored = records.store_batch(Batch(table, "sha256:x"), root=tmp_path, monitor_id="m", batch_id="b", now=NOW)
    assert (len(stored.partitions), sum(part.rows for part in stored.partitions)) == (days, n)
    assert max(held) < table.nbytes / 4, "one of forty days, and not the whole batch again"
