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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from monitoring.errors import BatchIdTaken, UnreadableRecords
from monitoring.intake import Batch

EPOCH = date(1970, 1, 1).toordinal()
DRAFT = ".draft-"
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
    """

    batch_id: str
    digest: str
    rows: int
    start: datetime
    end: datetime
    partitions: tuple[Partition, ...]
    created: bool
    quarantined: int = 0


def store_batch(
    batch: Batch,
    *,
    root: Path,
    monitor_id: str,
    batch_id: str,
    now: datetime,
    folder: str = "",
    by_arrival: bool = False,
) -> StoredBatch:
    """Write one batch, once.

    Args:
        root: storage root, a folder.
        batch_id: chosen by the sender; 1 to 100 letters, digits, dots, dashes, underscores and colons.
        now: event time of records that have none; the first attempt's time is kept over repetitions.
        folder: inside the monitor's own.
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
    received_at = _claim(claims / f"{batch_id}.claim", digest=batch.digest, now=now)
    done = claims / f"{batch_id}.json"
    if done.exists():
        return _read(done, home, created=False)
    with locked(home, batch_id):
        if done.exists():  # another sender of the same batch was faster
            return _read(done, home, created=False)
        _write_bytes(json.dumps(_write(batch, home, batch_id, received_at, by_arrival), indent=1).encode(), done)
    return _read(done, home, created=True)


def _write(batch: Batch, home: Path, batch_id: str, received_at: datetime, by_arrival: bool) -> dict[str, Any]:
    """Write the rows and return what stands in the file that says so."""
    table, partitions = _timed(batch.table, batch.at, received_at), []
    first, last = (moment.as_py() for moment in pc.min_max(table.column(batch.at)).values())
    days = [(received_at.date(), table)] if by_arrival else _by_day(table, batch.at)
    for day, part in days:
        relative = Path(f"date={day.isoformat()}", f"batch={batch_id}.parquet")
        _write_parquet(part, home / relative)
        partitions.append({"day": day.isoformat(), "path": relative.as_posix(), "rows": part.num_rows})
    quarantined = batch.quarantine.rows if batch.quarantine else 0
    if batch.quarantine and quarantined:
        path = quarantine_path(home, batch_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_bytes(batch.quarantine.content(), path)
    return {
        "batch_id": batch_id,
        "digest": batch.digest,
        "rows": batch.rows,
        "quarantined": quarantined,
        "start": first.isoformat(),
        "end": last.isoformat(),
        "partitions": partitions,
    }


def quarantine_path(home: Path, batch_id: str) -> Path:
    """Return where the rows of a batch lie that did not fit; no file if all did."""
    return home / "_quarantine" / f"batch={batch_id}.jsonl"


@contextmanager
def locked(home: Path, batch_id: str) -> Iterator[None]:
    """Keep others from writing files of a batch; the lock goes with the process, however that ends."""
    with (home / "_batches" / f"{batch_id}.claim").open("rb") as claim:
        fcntl.flock(claim, fcntl.LOCK_EX)
        yield


def stored_batches(root: Path, monitor_id: str) -> Iterator[StoredBatch]:
    """Yield every complete batch of a monitor, by id."""
    home = root / f"monitor={monitor_id}"
    for done in sorted((home / "_batches").glob("*.json")):
        yield _read(done, home, created=False)


def _claim(path: Path, *, digest: str, now: datetime) -> datetime:
    """Bind the id to its content; the file system lets exactly one of two racing senders through."""
    if not path.exists():
        content = json.dumps({"digest": digest, "received_at": now.astimezone(UTC).isoformat()}).encode()
        draft = draft_bytes(content, path)
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


def _timed(table: pa.Table, at: str, received_at: datetime) -> pa.Table:
    """Give the rows without a time the time of receipt."""
    if not table.column(at).null_count:
        return table
    place = table.column_names.index(at)
    moments = pc.fill_null(table.column(at), pa.scalar(received_at, type=table.schema.field(at).type))
    return table.set_column(place, at, moments)


def _by_day(table: pa.Table, at: str) -> Iterator[tuple[date, pa.Table]]:
    # The days of UTC, the time stamps' own zone, as days since 1970.
    days = pc.cast(pc.cast(table.column(at), pa.date32()), pa.int32()).to_numpy()
    if len(days) and (np.diff(days) < 0).any():
        order = np.argsort(days, kind="stable")
        table, days = table.take(pa.array(order)), days[order]
    found, starts = np.unique(days, return_index=True)
    for day, start, end in zip(found.tolist(), starts, [*starts[1:], len(days)], strict=True):
        yield date.fromordinal(EPOCH + day), table.slice(start, end - start)


def _write_parquet(table: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _keep(draft_parquet(table, path), path)


def draft_parquet(table: pa.Table, path: Path) -> Path:
    """Write rows beside ``path``, on the disk for good, and return where."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=DRAFT)
    with os.fdopen(handle, "wb") as file:
        pq.write_table(table, file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _write_bytes(content: Any, path: Path) -> None:
    """Put ``content`` at ``path`` as a whole or not at all, also when the machine loses power."""
    _keep(draft_bytes(content, path), path)


def _keep(draft: Path, path: Path) -> None:
    draft.replace(path)
    _sync_folder(path.parent)


def draft_bytes(content: Any, path: Path) -> Path:
    """Write bytes beside ``path``, on the disk for good, and return where."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=DRAFT)
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
        quarantined=manifest.get("quarantined", 0),
    )
