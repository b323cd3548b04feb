"""A feature may be called as a folder or as a column of the engine; it is counted by its values all the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring import engine, profiles, record_files
from monitoring.schema import RecordSchema
from monitoring.whose import Whose

AT = datetime(2026, 11, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize("name", ["monitor", "date", "filename", "batch"])
def test_it_is_counted_drawn_and_found_by_its_values(tmp_path: Path, name: str) -> None:
    path = tmp_path / "monitor=5f0c" / "date=2026-11-02" / "batch=b.parquet"
    path.parent.mkdir(parents=True)
    values = {name: ["a", "a", "b"], "prediction": [0.1, 0.2, 0.3]}
    at = pa.array([AT] * 3, pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({**values, "predicted_at": at, "prediction_id": ["x", "y", "z"]}), path)
    schema = RecordSchema({name: "string", "prediction": "number"}, prediction="prediction")
    reference = profiles.ReferenceProfile.of(values, schema=schema, bins=10)
    expected = engine.profile([path], reference)
    assert engine.profile_each([path], reference)[path] == expected
    assert expected.columns[0].counts == {"a": 2, "b": 1}
    drawn = engine.sample([path], [name], rows=3, seed=1)
    assert sorted(drawn.column(name).to_pylist()) == ["a", "a", "b"]
    assert record_files.rows_with([path], Whose(name, frozenset({"a"}))) == {path: 2}
    rows = record_files.rows_between([path], [name], start=AT, end=AT + timedelta(days=1))
    assert sorted(rows.column(name).to_pylist()) == ["a", "a", "b"]
