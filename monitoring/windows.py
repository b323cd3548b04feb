"""Profiles of stored records: one per day of a batch, made once; a window is their sum."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError, transaction

from governance.common import clock
from governance.evidence import storage
from governance.evidence.errors import CannotProduce
from monitoring import profiles, scoring
from monitoring.drift_settings import Sampling
from monitoring.errors import InvalidProfile
from monitoring.models import LabelBatch, Monitor, RecordBatch, ReferenceProfile, WindowProfile
from monitoring.schema import PREDICTION, RecordSchema
from registry.models import DatasetSnapshot, ModelVersion
from registry.selectors import dataset_bytes

if TYPE_CHECKING:
    import pyarrow as pa


LABELS = "labels"


def home_of(monitor_id: object, folder: str = "") -> Path:
    """Return the folder of a monitor's records, or with ``LABELS`` of its late labels."""
    return records_root() / f"monitor={monitor_id}" / folder


def records_root() -> Path:
    """Return the folder of all monitors' records."""
    return Path(settings.STORAGE_ROOT) / "records"


def path_of(batch: RecordBatch, day: date) -> Path:
    """Return where the rows of a batch that fall on ``day`` lie."""
    return home_of(batch.monitor_id) / f"date={day.isoformat()}" / f"batch={batch.batch_id}.parquet"


def paths_of(batch: RecordBatch) -> list[Path]:
    """Return where the rows of a batch lie, day by day."""
    return [path_of(batch, date.fromisoformat(partition["day"])) for partition in batch.partitions]


def label_path(batch: LabelBatch) -> Path:
    """Return where a batch of late labels lies."""
    return home_of(batch.monitor_id, LABELS) / f"date={batch.day.isoformat()}" / f"batch={batch.batch_id}.parquet"


def quarantine_path(batch: RecordBatch | LabelBatch) -> Path:
    """Return where the rows of a batch lie that did not fit; there is a file only if there are such rows."""
    folder = LABELS if isinstance(batch, LabelBatch) else ""
    return home_of(batch.monitor_id, folder) / "_quarantine" / f"batch={batch.batch_id}.jsonl"


def schema_of(monitor: Monitor) -> RecordSchema:
    """Return what a record of this monitor looks like: the reference's features and the prediction.

    Raises:
        InvalidProfile: the reference has a feature that can't be watched.
    """
    return RecordSchema.of_features(monitor.snapshot.columns, monitor.snapshot.features)


def reference_of(monitor: Monitor, version: ModelVersion) -> ReferenceProfile:
    """Return the reference for one version's predictions; the first call scores the reference rows and keeps them.

    What no MLflow holds can't be run here: its reference is the data that it was given, with the answers in it.

    Raises:
        CannotProduce: the reference can't be scored, or has other columns than it declares.
    """
    found = ReferenceProfile.objects.filter(monitor=monitor, version=version).first()
    if found:
        return found
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = schema_of(monitor)
    features = [name for name in schema.types if name != PREDICTION]
    data = reference_data(monitor, version)
    content, isolation = dataset_bytes(data), ""
    if version.is_recorded:
        table = pq.read_table(io.BytesIO(content), columns=[*features, PREDICTION])
    else:
        scored = scoring.score(version, data, pd.read_parquet(io.BytesIO(content), columns=features))
        table = pq.read_table(io.BytesIO(content), columns=features).append_column(PREDICTION, pa.array(scored.score))
        isolation = scored.isolation
    table = table.replace_schema_metadata(None)
    try:
        profile = profiles.ReferenceProfile.of(
            columns_of(table, schema), schema=schema, bins=Sampling.from_json(monitor.settings).bins
        )
    except InvalidProfile as error:
        raise CannotProduce(f"The reference of {monitor} can not be profiled: {error}") from error
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    row = ReferenceProfile(
        monitor=monitor,
        version=version,
        digest=profile.digest,
        profile=profile.to_json(),
        rows=profile.n,
        rows_digest=storage.put(sink.getvalue().to_pybytes()),
        isolation=isolation[:60],
        made_at=clock.now(),
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:  # another attempt of the same job was first
        return ReferenceProfile.objects.get(monitor=monitor, version=version)
    return row


def reference_data(monitor: Monitor, version: ModelVersion) -> DatasetSnapshot:
    """Return the rows that a version's records are compared with: the monitor's, or those that it was given.

    Raises:
        CannotProduce: it is a version that Placet can't run, and it was given none, or others than the monitor's.
    """
    if not version.is_recorded:
        return monitor.snapshot
    data = version.evaluation_dataset
    if data is None:
        raise CannotProduce(f"{version} was given no evaluation data with its answers, so nothing is compared.")
    if RecordSchema.of_features(data.columns, data.features) != schema_of(monitor):
        raise CannotProduce(f"The evaluation data of {version} has other features than {monitor} takes in.")
    return data


def columns_of(table: pa.Table, schema: RecordSchema) -> dict[str, Sequence[object]]:
    """Return an Arrow table's columns in the form that profiles count."""
    kinds = {name: type_ in {"number", "integer"} for name, type_ in schema.types.items()}
    return {
        name: table.column(name).to_numpy() if numeric else table.column(name).to_pylist()
        for name, numeric in kinds.items()
    }


def profile_batch(batch: RecordBatch, reference: ReferenceProfile) -> list[WindowProfile]:
    """Count each day of a batch into the reference's bins, unless that was done before.

    What was counted while a file was being written anew, or its day deleted, is returned and not kept.
    """
    from monitoring import engine

    known = {row.day: row for row in WindowProfile.objects.filter(batch=batch, reference=reference)}
    days = {date.fromisoformat(partition["day"]) for partition in batch.partitions} - known.keys()
    if days:
        before = _rewritten(batch)
        paths = {path_of(batch, day): day for day in sorted(days)}
        counted = engine.profile_each(paths, profiles.ReferenceProfile.from_json(reference.profile))
        made = [
            WindowProfile(batch=batch, day=paths[path], reference=reference, rows=profile.n, profile=profile.to_json())
            for path, profile in counted.items()
        ]
        _keep(batch, made, before)
        known |= {row.day: row for row in made}
    return list(known.values())


def _keep(batch: RecordBatch, made: Sequence[WindowProfile], before: dict[int, bool]) -> None:
    """Keep profiles unless they count what an erasure or the retention has taken, or is about to take, away."""
    with transaction.atomic():
        now = RecordBatch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
        if all(before.values()) and _rewritten(now) == before:
            there = {part["day"] for part in now.partitions}
            WindowProfile.objects.bulk_create(
                (row for row in made if row.day.isoformat() in there), ignore_conflicts=True
            )


def _rewritten(batch: RecordBatch) -> dict[int, bool]:
    """Return the files of a batch that erasures wrote anew, and whether each has taken the old one's place."""
    rows = batch.rewritten.filter(day__isnull=False, lost_at=None).values_list("pk", "replaced_at")
    return {pk: replaced_at is not None for pk, replaced_at in rows}


def window_profile(
    batches: Iterable[RecordBatch], reference: ReferenceProfile, *, start: datetime, end: datetime
) -> profiles.WindowProfile:
    """Return the profile of all records with ``start <= predicted_at < end``.

    Days that lie whole in the window are sums of kept profiles; only the days at its ends are read again.
    """
    from monitoring import engine

    bins = profiles.ReferenceProfile.from_json(reference.profile)
    whole: list[profiles.WindowProfile] = []
    cut: list[Path] = []
    for batch in batches:
        for row in profile_batch(batch, reference):
            first, last = _bounds(row.day)
            if (start <= first and last <= end) or (start <= batch.start and batch.end < end):
                whole.append(profiles.WindowProfile.from_json(row.profile))
            elif first < end and start < last:
                cut.append(path_of(batch, row.day))
    at_the_ends = engine.profile(cut, bins, start=start, end=end)
    return profiles.WindowProfile.together([at_the_ends, *whole])


def window_paths(batches: Iterable[RecordBatch], *, start: datetime, end: datetime) -> list[Path]:
    """Return the files that hold records of the window, and perhaps others."""
    paths = []
    for batch in batches:
        for partition in batch.partitions:
            day = date.fromisoformat(partition["day"])
            first, last = _bounds(day)
            if first < end and start < last:
                paths.append(path_of(batch, day))
    return paths


def deleted_days(batches: Iterable[RecordBatch], *, start: datetime, end: datetime) -> list[str]:
    """Return the days of the window of which records were deleted since their time had passed, ISO 8601, in order."""
    days = {part["day"] for batch in batches for part in batch.expired_days}
    bounds = {day: _bounds(date.fromisoformat(day)) for day in days}
    return sorted(day for day, (first, last) in bounds.items() if first < end and start < last)


def _bounds(day: date) -> tuple[datetime, datetime]:
    midnight = datetime.combine(day, time.min, tzinfo=UTC)
    return midnight, midnight + timedelta(days=1)
