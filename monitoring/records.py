"""Keep batches of records as date-partitioned Parquet files, each batch exactly once.

Layout under the storage root; late labels lie the same way in ``monitor=<id>/labels``::

    monitor=<id>/date=YYYY-MM-DD/batch=<batch id>.parquet    one file per day (UTC) of the batch
    monitor=<id>/_quarantine/batch=<batch id>.jsonl          rows that did not fit, with the reasons
    monitor=<id>/_batches/<batch id>.claim                   which content the id stands for; written first
    monitor=<id>/_batches/<batch id>.json                    the batch is complete; written last

Readers go by the last kind, so a crash between the first and the last leaves nothing that counts, and sending the batch
again completes it. Whoever writes files of a batch holds the lock on its claim: a sender that lags can't bring back
rows that were erased meanwhile.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from governance.common import files
from monitoring.errors import BatchIdTaken, UnreadableRecords
from monitoring.intake import Batch

EPOCH = date(1970, 1, 1).toordinal()
GROUP_ROWS = 122_880
"""Rows of a row group, DuckDB's own number: it counts a group per thread, and a large batch on one core otherwise."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")


@dataclass(frozen=True)
class Partition:
    """The rows of one batch that fall on one day."""

    day: date
    path: Path
    rows: int


@dataclass(frozen=True)
class StoredBatch:
    """One complete batch.

    Attributes:
        start, end: first and last event time, aware, UTC; both included.
        created: False if the same batch had been stored before.
        quarantined: rows that did not fit and were put aside.
        noted: what the first attempt noted of itself.
    """

    batch_id: str
    digest: str
    rows: int
    start: datetime
    end: datetime
    partitions: tuple[Partition, ...]
    created: bool
    quarantined: int = 0
    noted: Mapping[str, str] = field(default_factory=dict)


def store_batch(
    batch: Batch,
    *,
    root: Path,
    monitor_id: str,
    batch_id: str,
    now: datetime,
    folder: str = "",
    by_arrival: bool = False,
    noted: Mapping[str, str] | None = None,
) -> StoredBatch:
    """Write one batch, once.

    Args:
        root: storage root, a folder.
        batch_id: chosen by the sender; 1 to 100 letters, digits, dots, dashes, underscores and colons.
        now: event time of records that have none; the first attempt's time is kept over repetitions.
        folder: inside the monitor's own.
        noted: kept with the batch; over repetitions that of the first attempt.
        by_arrival: put all rows into the day of ``now`` instead of the days of their own times.
    Raises:
        BatchIdTaken: the id stands for other content.
        UnreadableRecords: the id or the monitor's id can not be part of a file name.
    """
    for what, name in (("batch", batch_id), ("monitor", monitor_id)):
        if not _NAME.fullmatch(name):
            raise UnreadableRecords(
                f"The {what} id {name[:100]!r} can not be used; take 1 to 100 letters, digits, '.', '-', '_' or ':', "
                "starting with a letter or digit."
            )
    home = root / f"monitor={monitor_id}" / folder
    claims = home / "_batches"
    claims.mkdir(parents=True, exist_ok=True)
    received_at, noted = _claim(claims / f"{batch_id}.claim", digest=batch.digest, now=now, noted=noted or {})
    done = claims / f"{batch_id}.json"
    if files.exists(done):
        return _read(done, home, created=False)
    table = _timed(batch.table, batch.at, received_at)
    days, parts = ([received_at.date()], iter([table])) if by_arrival else _by_day(table, batch.at)
    with locked(home, batch_id):
        # Looked at first: in a bucket, what changes once the batch is known not to be complete is not overwritten.
        before = files.seen([*(_path(home, batch_id, day) for day in days), quarantine_path(home, batch_id)])
        if files.exists(done):  # another sender of the same batch was faster
            return _read(done, home, created=False)
        try:
            manifest = _write(batch, home, batch_id, zip(days, parts, strict=True), before)
        except files.Overtaken:
            if files.exists(done):  # on another machine, which has no part in the lock
                return _read(done, home, created=False)
            raise
        files.create(json.dumps({**manifest, "noted": noted}, indent=1).encode(), done)
    return _read(done, home, created=True)


def _path(home: Path, batch_id: str, day: date) -> Path:
    return home / f"date={day.isoformat()}" / f"batch={batch_id}.parquet"


def _write(
    batch: Batch, home: Path, batch_id: str, days: Iterable[tuple[date, pa.Table]], before: files.Seen
) -> dict[str, Any]:
    """Write the rows and return what stands in the file that says so."""
    ends: list[datetime] = []
    partitions = []
    for day, part in days:
        path = _path(home, batch_id, day)
        _write_parquet(part, path, before)
        ends += (moment.as_py() for moment in pc.min_max(part.column(batch.at)).values())
        partitions.append({"day": day.isoformat(), "path": path.relative_to(home).as_posix(), "rows": part.num_rows})
    quarantined = batch.quarantine.rows if batch.quarantine else 0
    if batch.quarantine and quarantined:
        path = quarantine_path(home, batch_id)
        files.place(files.draft(batch.quarantine.content(), path), path, before=before)
    return {
        "batch_id": batch_id,
        "digest": batch.digest,
        "rows": batch.rows,
        "quarantined": quarantined,
        "start": min(ends).isoformat(),
        "end": max(ends).isoformat(),
        "partitions": partitions,
    }


def quarantine_path(home: Path, batch_id: str) -> Path:
    """Return where the rows of a batch lie that did not fit; no file if all did."""
    return home / "_quarantine" / f"batch={batch_id}.jsonl"


@contextmanager
def locked(home: Path, batch_id: str) -> Iterator[None]:
    """Keep others from writing files of a batch; the lock goes with the process, however that ends."""
    with (home / "_batches" / f"{batch_id}.claim").open("ab") as claim:
        fcntl.flock(claim, fcntl.LOCK_EX)
        yield


def stored_batches(root: Path, monitor_id: str) -> Iterator[StoredBatch]:
    """Yield every complete batch of a monitor, by id."""
    home = root / f"monitor={monitor_id}"
    for done in sorted(files.found(home / "_batches", "*.json")):
        yield _read(done, home, created=False)


def _claim(path: Path, *, digest: str, now: datetime, noted: Mapping[str, str]) -> tuple[datetime, Mapping[str, str]]:
    """Bind the id to its content; the storage lets exactly one of two racing senders through."""
    if not files.exists(path):
        first = {"digest": digest, "received_at": now.astimezone(UTC).isoformat(), "noted": dict(noted)}
        files.create(json.dumps(first).encode(), path)
    claim = json.loads(files.read(path))
    if claim["digest"] != digest:
        raise BatchIdTaken(
            f"Batch {path.stem!r} was received before with other content. Send this content under an id of its own."
        )
    return datetime.fromisoformat(claim["received_at"]), claim.get("noted", {})


def _timed(table: pa.Table, at: str, received_at: datetime) -> pa.Table:
    """Give the rows without a time the time of receipt."""
    if not table.column(at).null_count:
        return table
    place = table.column_names.index(at)
    moments = pc.fill_null(table.column(at), pa.scalar(received_at, type=table.schema.field(at).type))
    return table.set_column(place, at, moments)


def _by_day(table: pa.Table, at: str) -> tuple[list[date], Iterator[pa.Table]]:
    """Return the days of a table, and the rows of each, made one day after the other: only one is a copy at a time."""
    # The days of UTC, the time stamps' own zone, as days since 1970.
    days = pc.cast(pc.cast(table.column(at), pa.date32()), pa.int32()).to_numpy()
    order = np.argsort(days, kind="stable") if len(days) and (np.diff(days) < 0).any() else None
    found, starts = np.unique(days if order is None else days[order], return_index=True)
    spans = list(zip(starts.tolist(), [*starts[1:].tolist(), len(days)], strict=True))

    def parts() -> Iterator[pa.Table]:
        for start, end in spans:
            yield table.slice(start, end - start) if order is None else table.take(pa.array(order[start:end]))

    return [date.fromordinal(EPOCH + day) for day in found.tolist()], parts()


def _write_parquet(table: pa.Table, path: Path, before: files.Seen) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    files.place(draft_parquet(table, path), path, before=before)


def draft_parquet(table: pa.Table, path: Path) -> Path:
    """Write rows beside ``path``, on the disk for good, and return where."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=files.DRAFT)
    with os.fdopen(handle, "wb") as file:
        pq.write_table(table, file, compression="zstd", row_group_size=GROUP_ROWS)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _read(done: Path, home: Path, *, created: bool) -> StoredBatch:
    manifest = json.loads(files.read(done))
    return StoredBatch(
        batch_id=manifest["batch_id"],
        digest=manifest["digest"],
        rows=manifest["rows"],
        start=datetime.fromisoformat(manifest["start"]),
        end=datetime.fromisoformat(manifest["end"]),
        partitions=tuple(
            Partition(date.fromisoformat(p["day"]), home / p["path"], p["rows"]) for p in manifest["partitions"]
        ),
        created=created,
        quarantined=manifest.get("quarantined", 0),
        noted=manifest.get("noted", {}),
    )


def stored_or_removed(home: Path, batch_id: str) -> StoredBatch | None:
    """Return a batch if it is complete; of one that is not, take the files away that hold rows. Its claim stays."""
    (home / "_batches").mkdir(parents=True, exist_ok=True)
    with locked(home, batch_id):
        done = home / "_batches" / f"{batch_id}.json"
        if files.exists(done):
            return _read(done, home, created=False)
        for path in (*files.found(home, f"date=*/batch={batch_id}.parquet"), quarantine_path(home, batch_id)):
            files.remove(path)
    return None
