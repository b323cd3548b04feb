"""A window of records held against its reference: our engine beside Evidently's report, ten columns, 10,000 rows."""

from __future__ import annotations

import tempfile
import warnings
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.timing import Comparison, interleaved, times

ROWS, NUMERIC, CATEGORICAL = 10_000, 7, 3
START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 8, tzinfo=UTC)


def _frame(seed: int, *, shift: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    numbers = {f"x{i}": rng.normal(shift if i == 0 else 0.0, 1.0, ROWS) for i in range(NUMERIC)}
    words = {f"c{i}": rng.choice(["a", "b", "c", "d"], ROWS) for i in range(CATEGORICAL)}
    return pd.DataFrame({**numbers, **words, "score": rng.random(ROWS)})


def measure() -> Comparison:
    """Compare reading Parquet and computing the index of every column with Evidently's run on frames in memory."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently import DataDefinition, Dataset, Report
        from evidently.metrics import ValueDrift

        from monitoring import drift, engine
        from monitoring.drift import DriftSettings
        from monitoring.profiles import ReferenceProfile
        from monitoring.schema import ColumnType, RecordSchema

        reference, window = _frame(1, shift=0.0), _frame(2, shift=0.8)
        words = [f"c{i}" for i in range(CATEGORICAL)]
        types: dict[str, ColumnType] = {name: "string" if name in words else "number" for name in reference}
        schema = RecordSchema(types, "score")
        profile = ReferenceProfile.of(dict(reference.items()), schema=schema, bins=10)
        definition = DataDefinition(
            numerical_columns=[name for name in types if types[name] == "number"],
            categorical_columns=words,
        )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "part.parquet"
            pq.write_table(pa.Table.from_pandas(window, preserve_index=False), path)

            def ours() -> dict[str, object]:
                return drift.compute(
                    profile,
                    engine.profile([path], profile),
                    DriftSettings(),
                    monitor="bench",
                    version="bench/1",
                    start=START,
                    end=END,
                )

            def evidently() -> object:
                report = Report([ValueDrift(column=name, method="psi") for name in reference])
                return report.run(
                    Dataset.from_pandas(window, data_definition=definition),
                    Dataset.from_pandas(reference, data_definition=definition),
                ).dict()

            assert ours()["drifted"] == 1
            rows = interleaved({"Evidently report": evidently, "our engine": ours}, rounds=5)
    return Comparison(
        title=f"Drift: {NUMERIC + CATEGORICAL + 1} columns, {ROWS:,} rows",
        setup="ours reads Parquet with DuckDB, with intervals and adjusted p-values; Evidently has frames in memory",
        rows=rows,
        claim=f"The drift engine takes 1/{times(1 / rows[1].ratio)} of the time of Evidently's report.",
    )
