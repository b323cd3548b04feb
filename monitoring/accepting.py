"""Take records and late labels in, each batch once."""

import uuid
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import QuerySet

from governance.accounts.models import User
from governance.common import clock
from monitoring import adopting, doors, selectors, windows
from monitoring.body import Body
from monitoring.errors import BatchIdTaken, MonitorDisabled, NothingToCompare
from monitoring.models import LabelBatch, Monitor, RecordBatch
from registry.models import ModelVersion
from registry.selectors import version as registered_version

B = TypeVar("B", RecordBatch, LabelBatch)


@dataclass(frozen=True)
class Intake:
    """What became of a batch of records; ``created`` is False when it had been taken in before."""

    batch: RecordBatch
    created: bool


@dataclass(frozen=True)
class LabelIntake:
    """What became of a batch of labels; ``created`` is False when it had been taken in before."""

    batch: LabelBatch
    created: bool


def accept_records(
    *,
    monitor_id: uuid.UUID,
    batch_id: str,
    body: bytes | Body,
    content_type: str,
    sender: User,
    version: int | None = None,
    encoding: str = "",
) -> Intake:
    """Check one batch against the reference's columns and keep it, once.

    A batch that was taken in before is answered so, whatever is live, or taken in, by now.
    The files are complete before the row is written; a crash in between is healed by sending the batch again,
    or by whoever next erases or expires records (:mod:`monitoring.adopting`).

    Args:
        batch_id: chosen by the sender; the same id with the same bytes changes nothing.
        body: JSON lines, Parquet or Arrow, as ``content_type`` says.
        version: number of the version that made the predictions; by default what is live now.
        encoding: how the body is packed: ``gzip``, ``zstd`` or not.
    Raises:
        SchemaDrift, UnreadableRecords, TooManyRecords: nothing was kept.
        BatchIdTaken: the id stands for other content.
        NothingToCompare: no version is live and none was named.
        MonitorDisabled: the monitor is switched off.
        RecordsKeyMissing: a column is to be hashed, and there is no key.
    """
    from monitoring.intake import read_content, unpacked  # pyarrow takes half a second that other pages need not wait
    from monitoring.records import store_batch

    monitor, content = selectors.monitor(monitor_id), unpacked(body, encoding)
    known = _known(RecordBatch.objects.select_related("version"), monitor, batch_id, content)
    if known:
        if version is not None and known.version.number != version:
            raise BatchIdTaken(f"Batch {batch_id!r} was received before as another version's.")
        return Intake(known, created=False)
    _refuse_disabled(monitor)
    served_by = _serving(monitor, version)
    now = clock.now()
    batch = read_content(content, content_type=content_type, schema=doors.records_door(monitor), now=now)
    stored = store_batch(
        batch,
        root=windows.records_root(),
        monitor_id=str(monitor.pk),
        batch_id=batch_id,
        now=now,
        noted={"version": str(served_by.pk), "sender": str(sender.pk)},
    )
    if version is not None and stored.noted["version"] != str(served_by.pk):
        raise BatchIdTaken(f"Batch {batch_id!r} was received before as another version's.")
    return Intake(*adopting.record_row(monitor, stored))


def accept_labels(
    *, monitor_id: uuid.UUID, batch_id: str, body: bytes | Body, content_type: str, sender: User, encoding: str = ""
) -> LabelIntake:
    """Keep one batch of late labels, once; they find their predictions when they are read.

    Args:
        batch_id: chosen by the sender; labels have ids of their own, beside those of records.
        body: records of ``prediction_id``, ``label`` and, optional, ``labelled_at``; as :func:`accept_records`.
    Raises:
        SchemaDrift, UnreadableRecords, TooManyRecords: nothing was kept.
        BatchIdTaken: the id stands for other content.
        MonitorDisabled: the monitor is switched off.
        RecordsKeyMissing: ids are to be hashed, and there is no key.
    """
    from monitoring.intake import read_content, unpacked  # as above
    from monitoring.records import store_batch

    monitor, content = selectors.monitor(monitor_id), unpacked(body, encoding)
    known = _known(LabelBatch.objects.all(), monitor, batch_id, content)
    if known:
        return LabelIntake(known, created=False)
    _refuse_disabled(monitor)
    now = clock.now()
    batch = read_content(content, content_type=content_type, schema=doors.labels_door(monitor), now=now)
    stored = store_batch(
        batch,
        root=windows.records_root(),
        monitor_id=str(monitor.pk),
        batch_id=batch_id,
        now=now,
        folder=windows.LABELS,
        by_arrival=True,
        noted={"sender": str(sender.pk)},
    )
    return LabelIntake(*adopting.label_row(monitor, stored))


def _known(rows: QuerySet[B], monitor: Monitor, batch_id: str, content: Body) -> B | None:
    """Return the row of a batch that was taken in before: it is so whatever the monitor takes in by now."""
    if "\0" in batch_id:  # no name of a batch, and no text for PostgreSQL
        return None
    return rows.filter(monitor=monitor, batch_id=batch_id, digest=content.digest).first()


def _refuse_disabled(monitor: Monitor) -> None:
    if not monitor.enabled:
        raise MonitorDisabled(f"{monitor} is switched off and takes no records.")


def _serving(monitor: Monitor, number: int | None) -> ModelVersion:
    if number is not None:
        return registered_version(monitor.model, number)
    history = selectors.live_now(monitor)
    if history is None:
        raise NothingToCompare(
            f"No version of {monitor.model} is live behind {monitor.alias}; name the one that predicted."
        )
    return history.version
