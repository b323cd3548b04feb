"""Join late labels to their predictions: what was predicted in a window, and what became known of it since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from governance.common import files
from monitoring import doors, windows
from monitoring.models import LabelBatch, Monitor, RecordBatch
from monitoring.record_files import paired
from registry.models import ModelVersion

_IBIS_TYPES = {"number": "float64", "integer": "int64", "string": "string", "boolean": "boolean"}


@dataclass(frozen=True)
class Pairs:
    """The predictions of a window with what is known of them.

    Attributes:
        table: ``prediction`` (float64), ``label`` (the reference's label type), and what was asked for besides; one row
            a prediction with a label.
        unlabelled: predictions of the window without a label.
        orphans: labels that name a prediction of no record of the monitor, whatever the window.
        contradicted: predictions of the window that were given different labels; the latest by ``labelled_at`` counts.
        repeated: predictions of the window whose id stands in several records; the first by ``predicted_at`` counts.
    """

    table: pa.Table
    unlabelled: int
    orphans: int
    contradicted: int
    repeated: int


def pairs(
    monitor: Monitor, version: ModelVersion, *, start: datetime, end: datetime, also: Sequence[str] = ()
) -> Pairs:
    """Return the predictions of one version in ``[start, end)`` with their labels, in one pass over the files.

    Args:
        also: further columns of the records, which the table has if any file has them.

    Raises:
        UnreadableRecords: a file is not there, or is damaged.
    """
    inside: list[RecordBatch] = []
    outside: list[RecordBatch] = []
    for batch in RecordBatch.objects.filter(monitor=monitor).order_by("start", "batch_id"):
        is_in = batch.version_id == version.pk and batch.start < end and batch.end >= start
        (inside if is_in else outside).append(batch)
    records = windows.window_paths(inside, start=start, end=end)
    rest = {path for batch in [*inside, *outside] for path in windows.paths_of(batch)} - set(records)
    late = [windows.label_path(row) for row in LabelBatch.objects.filter(monitor=monitor, expired_at__isnull=True)]
    type_ = doors.label_type(monitor)
    if not records and not rest:
        return Pairs(_empty(type_), 0, _labels_alone(late), 0, 0)
    found = paired(records, sorted(rest), late, start=start, end=end, label_type=_IBIS_TYPES[type_], also=also)
    is_known, has_label = pc.fill_null(found["known"], False), pc.is_valid(found["label"])
    several = pc.and_(is_known, pc.greater(pc.fill_null(found["labels"], 0), 1))
    return Pairs(
        table=found.filter(pc.and_(is_known, has_label)).drop_columns(["labels", "times", "known"]),
        unlabelled=_count(pc.and_(is_known, pc.invert(has_label))),
        orphans=_count(pc.invert(is_known)),
        contradicted=_count(several),
        repeated=_count(pc.and_(is_known, pc.greater(pc.fill_null(found["times"], 0), 1))),
    )


def _labels_alone(paths: list[Path]) -> int:
    import pyarrow.parquet as pq

    files.fetch(paths)
    ids = [pq.read_table(path, columns=["prediction_id"]) for path in paths]
    return int(pc.count_distinct(pa.concat_tables(ids)["prediction_id"]).as_py()) if ids else 0


def _count(mask: pa.ChunkedArray) -> int:
    return int(pc.sum(mask, min_count=0).as_py())


def _empty(type_: str) -> pa.Table:
    from monitoring.arrow_columns import ARROW_TYPES

    return pa.table({"prediction": pa.array([], pa.float64()), "label": pa.array([], ARROW_TYPES[type_])})
