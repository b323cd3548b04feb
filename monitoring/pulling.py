"""Pull the records of a monitor's table, each closed window once, through the same door as what is sent.

What is read of a window is first kept as a body of its own, then taken in under a batch id that follows from source and
window. Whoever dies in between leaves that body, and the next call goes on with it: the table is not asked again, so
rows that came into it meanwhile can't make two contents of one batch.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import rfc8785
from django.conf import settings
from django.db import transaction

from governance.accounts.models import User
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock, files
from governance.common.errors import DomainError, InvalidInput
from monitoring import accepting, doors, keeping, selectors, windows
from monitoring.blocks import PARQUET
from monitoring.body import MAX_BYTES
from monitoring.errors import TooManyRecords
from monitoring.models import Monitor, PulledWindow
from monitoring.source_settings import Source
from registry.models import AliasHistory

log = logging.getLogger(__name__)
AT_ONCE = 200
"""Windows that one call reads of a monitor; the next one goes on."""
MOST_ROWS = 250_000
SHORTEST = timedelta(seconds=1)


@dataclass(frozen=True)
class Pulled:
    """What one call did for a monitor: windows read, records taken in, and why it stopped (empty if it did not)."""

    monitor: Monitor
    windows: int
    records: int
    problem: str = ""


@dataclass(frozen=True)
class _Part:
    """A piece of a window in which one version served."""

    start: datetime
    end: datetime
    version: int


@transaction.atomic
def set_source(*, monitor_id: uuid.UUID, source: Mapping[str, Any] | None, sender: User, by: User) -> Monitor:
    """Name the table that a monitor's records are pulled from, or with None end that.

    Only whoever runs the installation calls this (there is no address for it): a connection reads all that it may read.

    Args:
        source: of :class:`Source`.
        sender: in whose name records come in.
    Raises:
        Unknown: there is no such monitor.
        InvalidSettings: a value can't be used.
        InvalidInput: there is no such connection.
    """
    selectors.monitor(monitor_id)
    rows = Monitor.objects.select_for_update(of=("self",)).select_related("model__system", "snapshot")
    monitor = rows.get(pk=monitor_id)
    wanted = Source.from_json(source) if source is not None else None
    if wanted and wanted.connection not in settings.SOURCES:
        raise InvalidInput(f"There is no connection {wanted.connection}. Set PLACET_SOURCE_{wanted.connection} first.")
    monitor.source = {**wanted.to_json(), "sender": str(sender.pk)} if wanted else None
    audit.append(
        event=Event.MONITOR_CHANGED,
        actor=by,
        subjects=[monitor],
        data={"monitor": monitor.pk, "held": bool(keeping.hold_on(monitor)), "source": monitor.source},
    )
    return monitor


def source_of(monitor: Monitor) -> Source | None:
    """Return the table of a monitor, None if it has none."""
    if not monitor.source:
        return None
    return Source.from_json({name: value for name, value in monitor.source.items() if name != "sender"})


def pull_due(monitor: Monitor | None = None) -> list[Pulled]:
    """Pull every window that is closed and was not pulled, of one monitor or of all; the first one first.

    A window that can't be read or taken in stops its monitor until the next call; nothing of it is kept.
    """
    chosen = Monitor.objects.filter(enabled=True, source__isnull=False).select_related("model__system", "snapshot")
    return [_pull(one) for one in (chosen if monitor is None else chosen.filter(pk=monitor.pk))]


def _pull(monitor: Monitor) -> Pulled:
    read = records = 0
    try:
        source, sender = source_of(monitor), User.objects.get(pk=(monitor.source or {})["sender"])
        if source is None:  # ended while we came to it
            return Pulled(monitor, 0, 0)
        done = set(PulledWindow.objects.filter(monitor=monitor).values_list("start", "end"))
        newest = max((end for _, end in done), default=None)
        due = [span for span in source.windows(clock.now()) if newest is None or span[0] >= newest]
        for start, end in due[:AT_ONCE]:
            rows = sum(_take(monitor, source, sender, part) for part in _parts(monitor, start, end))
            PulledWindow.objects.get_or_create(
                monitor=monitor, start=start, defaults={"end": end, "rows": rows, "pulled_at": clock.now()}
            )
            read, records = read + 1, records + rows
    except DomainError as refused:
        log.warning("The records of %s were not pulled: %s", monitor, refused.detail)
        return Pulled(monitor, read, records, refused.detail)
    return Pulled(monitor, read, records)


def _parts(monitor: Monitor, start: datetime, end: datetime) -> Iterator[_Part]:
    """Cut a window where the alias moved: whose predictions rows are follows from their time.

    Of times at which nothing was live no row is taken in: nobody could say whose prediction it is.
    """
    rows = AliasHistory.objects.filter(model=monitor.model_id, alias=monitor.alias, during__overlap=(start, end))
    for row in rows.select_related("version").order_by("during"):
        until = end if row.during.upper is None else min(end, row.during.upper)
        yield _Part(max(start, row.during.lower), until, row.version.number)


def _take(monitor: Monitor, source: Source, sender: User, part: _Part) -> int:
    """Take one part in, in halves where it is too large for a batch; return how many records."""
    batch_id = _batch_id(source, part)
    if known := monitor.batches.filter(batch_id=batch_id).first():
        return known.rows
    kept = windows.home_of(monitor.pk, "_pulled") / f"{batch_id}.parquet"
    split = kept.with_suffix(".split")
    try:
        if files.exists(split):  # as before, also if the table has fewer rows by now
            raise TooManyRecords("")  # noqa: TRY301
        body = files.read(kept) if files.exists(kept) else _read(monitor, source, part)
        if body is None:
            return 0
        files.create(body, kept)
        body = files.read(kept)  # of two that read at once, the first one's
    except TooManyRecords:
        middle = part.start + (part.end - part.start) / 2
        if part.end - part.start < 2 * SHORTEST:
            raise
        files.create(b"", split)
        return sum(
            _take(monitor, source, sender, half)
            for half in (_Part(part.start, middle, part.version), _Part(middle, part.end, part.version))
        )
    try:
        batch = accepting.accept_records(
            monitor_id=monitor.pk,
            batch_id=batch_id,
            body=body,
            content_type=PARQUET,
            sender=sender,
            version=part.version,
        ).batch
    except InvalidInput:
        files.remove(kept)  # so that the table is read again once it was mended
        raise
    files.remove(kept)
    return batch.rows


def _read(monitor: Monitor, source: Source, part: _Part) -> bytes | None:
    """Return a part's rows as Parquet; None if there are none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from monitoring import tables

    with tables.opened(source) as table:
        rows = tables.rows_of(table, doors.records_door(monitor).known, part.start, part.end, most=MOST_ROWS + 1)
    if not rows.num_rows:
        return None
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd")
    if rows.num_rows > MOST_ROWS or sink.tell() > MAX_BYTES:
        raise TooManyRecords(
            f"{source.table} has more than {MOST_ROWS:,} rows, or 64 MiB, between {clock.rfc3339(part.start)} and "
            f"{clock.rfc3339(part.end)}; one batch can not hold them."
        )
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _batch_id(source: Source, part: _Part) -> str:
    named = {
        "connection": source.connection,
        "table": source.table,
        "start": clock.rfc3339(part.start),
        "end": clock.rfc3339(part.end),
    }
    return f"pulled-{part.start:%Y%m%dT%H%M}-{hashlib.sha256(rfc8785.dumps(named)).hexdigest()[:32]}"
