"""Keep batches of records as date-partitioned Parquet files, each batch exactly once.

Layout under the storage root::

    monitor=<id>/date=YYYY-MM-DD/batch=<batch id>.parquet    one file per day (UTC) of the batch
    monitor=<id>/_batches/<batch id>.claim                   which content the id stands for; written first
    monitor=<id>/_batches/<batch id>.json                    the batch is complete; written last

Readers go by the last kind, so a crash between the first and the last leaves nothing that counts, and sending the batch
again completes it.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from monitoring.errors import BatchIdTaken, UnreadableRecords
from monitoring.intake import Batch
from monitoring.schema import AT_COLUMN

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
    """

    batch_id: str
    digest: str
    rows: int
    start: datetime
    end: datetime
    partitions: tuple[Partition, ...]
    created: bool


def store_batch(batch: Batch, *, root: Path, monitor_id: str, batch_id: str, now: datetime) -> StoredBatch:
    """Write one batch, once.

    Args:
        root: storage root, a folder.
        batch_id: chosen by the sender; 1 to 100 letters, digits, dots, dashes, underscores and colons.
        now: event time of records that have none; the first attempt's time is kept over repetitions.
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
    home = root / f"monitor={monitor_id}"
    claims = home / "_batches"
    claims.mkdir(parents=True, exist_ok=True)
    received_at = _claim(claims / f"{batch_id}.claim", digest=batch.digest, now=now)
    done = claims / f"{batch_id}.json"
    if done.exists():
        return _read(done, home, created=False)
    times, partitions = [], []
    for day, table in _by_day(batch.table, received_at):
        relative = Path(f"date={day.isoformat()}", f"batch={batch_id}.parquet")
        _write_parquet(table, home / relative)
        times += [moment.as_py() for moment in _bounds(table)]
        partitions.append({"day": day.isoformat(), "path": relative.as_posix(), "rows": table.num_rows})
    manifest = {
        "batch_id": batch_id,
        "digest": batch.digest,
        "rows": batch.rows,
        "start": min(times).isoformat(),
        "end": max(times).isoformat(),
        "partitions": partitions,
    }
    _write_bytes(json.dumps(manifest, indent=1).encode(), done)
    return _read(done, home, created=True)


def stored_batches(root: Path, monitor_id: str) -> Iterator[StoredBatch]:
    """Yield every complete batch of a monitor, by id."""
    home = root / f"monitor={monitor_id}"
    for done in sorted((home / "_batches").glob("*.json")):
        yield _read(done, home, created=False)


def _claim(path: Path, *, digest: str, now: datetime) -> datetime:
    """Bind the id to its content; the file system lets exactly one of two racing senders through."""
    if not path.exists():
        content = json.dumps({"digest": digest, "received_at": now.astimezone(UTC).isoformat()}).encode()
        draft = _draft(content, path)
        try:
            os.link(draft, path)
            _sync_folder(path.parent)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    claim = json.loads(path.read_bytes())
    if claim["digest"] != digest:
        raise BatchIdTaken(
            f"Batch {path.stem!r} was received before with other content. Send this content under an id of its own."
        )
    return datetime.fromisoformat(claim["received_at"])


def _by_day(table: Any, received_at: datetime) -> Iterator[tuple[date, Any]]:
    place = table.column_names.index(AT_COLUMN)
    moments = pc.fill_null(table.column(AT_COLUMN), pa.scalar(received_at, type=table.schema.field(AT_COLUMN).type))
    table = table.set_column(place, AT_COLUMN, moments)
    days = pc.cast(moments, pa.date32())  # the days of UTC, the time stamps' own zone
    for day in sorted(pc.unique(days).to_pylist()):
        yield day, table.filter(pc.equal(days, pa.scalar(day, pa.date32())))


def _bounds(table: Any) -> Any:
    return pc.min_max(table.column(AT_COLUMN)).values()


def _write_parquet(table: Any, path: Path) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_bytes(sink.getvalue(), path)


def _write_bytes(content: Any, path: Path) -> None:
    """Put ``content`` at ``path`` as a whole or not at all, also when the machine loses power."""
    _draft(content, path).replace(path)
    _sync_folder(path.parent)


def _draft(content: Any, path: Path) -> Path:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".draft-")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(done: Path, home: Path, *, created: bool) -> StoredBatch:
    manifest = json.loads(done.read_bytes())
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
    )
