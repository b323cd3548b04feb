"""A batch of records, as the matrix asks for one."""

from __future__ import annotations

from typing import Any

from governance.common import clock
from monitoring.models import RecordBatch

B_1 = "b-1"


def a_batch(monitor: Any, version: Any, sender: Any) -> RecordBatch:
    """A batch of which one row was put aside, and whose files are gone."""
    return RecordBatch.objects.create(
        monitor=monitor,
        version=version,
        batch_id=B_1,
        digest="sha256:" + "0" * 64,
        rows=9,
        expired=9,
        quarantined=1,
        start=clock.now(),
        end=clock.now(),
        partitions=[],
        sender=sender,
        received_at=clock.now(),
    )
