"""Read what a policy names besides columns from the records of a window, late labels and the reference rows."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from governance.evidence import storage
from monitoring import labels, selectors, windows
from monitoring.drift_settings import DriftSettings
from monitoring.intake_settings import LATENCY, IntakeSettings
from monitoring.models import LabelBatch, Monitor, ReferenceProfile
from monitoring.record_files import rows_between
from monitoring.schema import PREDICTION
from monitoring.served import Floats, Groups, Rows, Served
from registry.models import DatasetSnapshot
from registry.selectors import dataset_bytes

if TYPE_CHECKING:
    import pyarrow as pa

NOT_STATED = "not stated"
MOST_NUMBERS = 12
MOST_GROUPS = 100
"""Fairness evidence takes no more groups either, and no more different numbers as groups."""


@dataclass(frozen=True)
class Gathered:
    """``facts``: what was read. ``labels_digest``: names the late labels that were there; empty if none were read."""

    facts: Served
    labels_digest: str = ""


def served(
    monitor: Monitor,
    reference: ReferenceProfile,
    paths: Sequence[Path],
    settings: DriftSettings,
    *,
    start: datetime,
    end: datetime,
    before: Mapping[str, Sequence[float]],
) -> Gathered:
    """Read what ``settings`` name; nothing that they do not.

    Args:
        reference: the rows that the version was scored on; its version's records are meant.
        paths: files that hold the window's records, and perhaps others.
        before: means of KPIs in earlier windows.
    Raises:
        UnreadableRecords: a file is not there, or is damaged.
    """
    data, version = monitor.snapshot, reference.version
    groups_named = settings.selection_ratio or settings.selection_difference
    sensitive = sensitive_columns(monitor) if groups_named or settings.tpr_difference else []
    wanted = [
        *([LATENCY] if settings.latency and LATENCY not in data.features else []),
        *(kpi.name for kpi in settings.kpis if kpi.name not in data.features),
        *([PREDICTION] if settings.estimated_performance or groups_named else []),
        *(sensitive if groups_named else []),
    ]
    wanted = list(dict.fromkeys(wanted))
    table = rows_between(paths, wanted, start=start, end=end) if wanted and paths else None
    found = {} if table is None else {name: table.column(name) for name in table.column_names}
    labelled, digest = None, ""
    if (settings.performance or settings.tpr_difference) and data.task != DatasetSnapshot.Task.MULTICLASS:
        shift = settings.labels_after
        labelled = _labelled(monitor, reference, start - shift, end - shift, sensitive)
        known = LabelBatch.objects.filter(monitor=monitor, expired_at__isnull=True)
        digest = selectors.batches_digest(known)
    rows, why = None, ""
    if settings.performance or settings.estimated_performance:
        rows, why = _reference(windows.reference_data(monitor, version), reference)
    return Gathered(
        Served(
            task=data.task,
            threshold=version.decision_threshold,
            event_is_favourable=data.positive_label in data.favourable_labels,
            latency=_values(found.get(LATENCY)),
            kpis={
                kpi.name: values
                for kpi in settings.kpis
                if (values := _values(found.get(kpi.name))) is not None and kpi.name in found
            },
            before=before,
            window=_scored(found, sensitive, data) if PREDICTION in found else None,
            labelled=labelled,
            reference=rows,
            no_reference=why,
        ),
        digest,
    )


def sensitive_columns(monitor: Monitor) -> list[str]:
    """Return the sensitive columns that records of a monitor can have."""
    intake = IntakeSettings.from_json(monitor.intake)
    features = [name for name in monitor.snapshot.sensitive_features if name in monitor.snapshot.features]
    return [name for name in dict.fromkeys((*features, *intake.sensitive)) if name not in intake.keep_out]


def groups_of(columns: Mapping[str, Iterable[object]], references: Mapping[str, str]) -> Groups:
    """Return rows by their groups, as fairness evidence names them.

    Args:
        columns: values by column, None for a missing one. Columns of more than 12 different numbers, or of more than
            100 groups, are left out.
        references: names of the groups that others are held against; by default the largest of a column.
    """
    codes: dict[str, NDArray[np.int64]] = {}
    names: dict[str, tuple[str, ...]] = {}
    against: dict[str, int] = {}
    for column, given in columns.items():
        values = list(given)
        different = set(values) - {None}
        is_number = any(isinstance(value, int | float) and not isinstance(value, bool) for value in different)
        if not different or len(different) > (MOST_NUMBERS if is_number else MOST_GROUPS):
            continue
        said = {value: _name(value) for value in different} | {None: NOT_STATED}
        names[column] = tuple(sorted({said[value] for value in {*values}}))
        place = {name: code for code, name in enumerate(names[column])}
        codes[column] = np.fromiter((place[said[value]] for value in values), np.int64, len(values))
        sizes = np.bincount(codes[column], minlength=len(place))
        if NOT_STATED in place:
            sizes[place[NOT_STATED]] = 0
        against[column] = place.get(references.get(column, ""), int(sizes.argmax()))
    return Groups(codes, names, against)


def _name(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _scored(found: Mapping[str, pa.ChunkedArray], sensitive: Sequence[str], data: DatasetSnapshot) -> Rows:
    score = found[PREDICTION].to_numpy()
    columns = {name: found[name].to_pylist() for name in sensitive if name in found}
    return Rows(np.asarray(score, np.float64), groups=groups_of(columns, data.reference_groups), of=len(score))


def _labelled(
    monitor: Monitor, reference: ReferenceProfile, start: datetime, end: datetime, sensitive: Sequence[str]
) -> Rows:
    data = monitor.snapshot
    pairs = labels.pairs(monitor, reference.version, start=start, end=end, also=sensitive)
    table = pairs.table
    columns = {name: table.column(name).to_pylist() for name in sensitive if name in table.column_names}
    n = table.num_rows
    return Rows(
        np.asarray(table.column("prediction").to_numpy(), np.float64),
        truth_of(table.column("label").to_pylist(), data),
        groups_of(columns, data.reference_groups) if n else Groups(),
        of=n + pairs.unlabelled,
        start=start,
        end=end,
    )


def _reference(data: DatasetSnapshot, reference: ReferenceProfile) -> tuple[Rows | None, str]:
    """Return the reference rows' scores with their labels, or why there are none."""
    import pyarrow.parquet as pq

    if data.task == DatasetSnapshot.Task.MULTICLASS:
        return None, "its data has more than two classes, and a record one score."
    if data.gone_at is not None:
        return None, "its rows were deleted."
    score = pq.read_table(io.BytesIO(storage.get(reference.rows_digest)), columns=[PREDICTION]).column(PREDICTION)
    content = io.BytesIO(dataset_bytes(data))
    if data.label not in pq.read_schema(content).names:
        return None, f"its data has no label column {data.label!r}."
    given = pq.read_table(content, columns=[data.label]).column(data.label).to_pylist()
    known = np.fromiter((value is not None for value in given), bool, len(given))
    if not known.any():
        return None, "none of its rows has a label."
    truth = truth_of([value for value in given if value is not None], data)
    return Rows(np.asarray(score.to_numpy(), np.float64)[known], truth, of=len(given)), ""


def truth_of(given: Sequence[object], data: DatasetSnapshot) -> Floats:
    """Return labels as figures need them: 1.0 where the event happened and else 0.0; of a regression the numbers."""
    if data.task == DatasetSnapshot.Task.REGRESSION:
        return np.asarray(given, np.float64)
    return np.fromiter((str(label) == data.positive_label for label in given), np.float64, len(given))


def _values(column: pa.ChunkedArray | None) -> Floats | None:
    """Return the finite values of a column; None for one that is not there, or has none."""
    if column is None:
        return None
    import pyarrow as pa

    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        return None
    values = np.asarray(column.drop_null().to_numpy(), np.float64)
    finite = values[np.isfinite(values)]
    return finite if finite.size else None
