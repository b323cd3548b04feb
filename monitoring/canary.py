"""Make ``canary/v1`` evidence: how a version did behind a canary alias, for a request that wants another alias."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
from django.db.models import Q

from governance.common.clock import rfc3339
from governance.evidence.canary import alias_of
from governance.evidence.errors import CannotProduce
from governance.evidence.producers import Product, Task
from monitoring import engine, selectors, windows
from monitoring.errors import UnreadableRecords
from monitoring.models import Alert, DriftRun, Monitor, RecordBatch
from monitoring.producer import made_with
from registry.models import AliasHistory, ModelVersion
from registry.selectors import version_by_id

A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """When a version was behind the alias, cut at the moment of the count; ``by`` is what put it there (``PR-12``)."""

    start: datetime
    end: datetime
    still: bool
    by: str

    def to_json(self) -> dict[str, Any]:
        """Return the span as the payload has it; ``days`` are of 24 hours."""
        return {
            "start": rfc3339(self.start),
            "end": None if self.still else rfc3339(self.end),
            "days": (self.end - self.start) / A_DAY,
            "by": self.by,
        }


def measure_canary(task: Task) -> Product:
    """Count the time and the records of a version behind the alias that the policy names, as of the request.

    Parameters: ``alias`` (``canary`` unless named). Settings: ``as_of`` (RFC 3339). A version that never was behind the
    alias is no error: its figures are zero, and the policy says what follows.

    Raises:
        CannotProduce: the files hold another number of records than was taken in.
    """
    alias, as_of = alias_of(task.parameters), datetime.fromisoformat(task.settings["as_of"])
    version = version_by_id(task.subject_id, task.subject_digest)
    monitor = Monitor.objects.filter(model=version.model_id, alias=alias).first()
    task.progress(0, 2, f"When {version} was behind {alias}")
    spans = spans_until(version, alias, as_of)
    batches = _batches(monitor, version, as_of)
    task.progress(1, 2, f"Counting {len(batches)} batches")
    try:
        by_day, outside = engine.count_by_day(
            [path for batch in batches for path in windows.paths_of(batch)], [(span.start, span.end) for span in spans]
        )
    except UnreadableRecords as error:
        raise CannotProduce(str(error)) from error
    counted, taken = sum(by_day.values()), sum(batch.kept for batch in batches)
    if counted + outside != taken:
        raise CannotProduce(
            f"The files of {monitor} hold {counted + outside:,} records. {taken:,} were taken in, and neither erased "
            "nor deleted since. Restore them."
        )
    payload = {
        "type": task.type,
        "n": counted,
        "seed": task.seed,
        "method": {
            "days": f"time behind the alias until {rfc3339(as_of)}, by the history of the alias, in days of 24 hours",
            "records": "those received until then whose own event time lies in that time; whoever sends them says when",
        },
        "libraries": {"duckdb": duckdb.__version__},
        "reference_check": {  # counted once as they came in, and once in the files, by two libraries
            "library": "pyarrow",
            "version": pa.__version__,
            "max_difference": abs(counted + outside - taken),
            "tolerance": 0,
        },
        "alias": alias,
        "version": version.subject_name,
        "as_of": rfc3339(as_of),
        "spans": [span.to_json() for span in spans],
        "days": sum((span.end - span.start for span in spans), timedelta()) / A_DAY,
        "serving": any(span.still for span in spans),
        "by_day": [{"day": day.isoformat(), "n": n} for day, n in sorted(by_day.items())],
        "outside": outside,
        "batches": len(batches),
        "first": rfc3339(min(batch.start for batch in batches)) if batches else None,
        "last": rfc3339(max(batch.end for batch in batches)) if batches else None,
        "windows": _windows(monitor, version, as_of),
        "alerts": _alerts(monitor, version, as_of),
    }
    return Product(payload, made_with(task, batches=selectors.batches_digest(batches)))


def spans_until(version: ModelVersion, alias: str, as_of: datetime) -> list[Span]:
    """Return when a version was behind an alias, by Placet's own acts, as far as a moment; the first span first."""
    rows = AliasHistory.objects.filter(version=version, alias=alias, during__startswith__lt=as_of)
    spans = []
    for row in rows.select_related("promotion", "opened_by").order_by("during"):
        end = row.during.upper
        still = end is None or end > as_of
        by = row.promotion or row.opened_by or "adoption"
        spans.append(Span(row.during.lower, as_of if still else end, still, str(by)))
    return spans


def _batches(monitor: Monitor | None, version: ModelVersion, as_of: datetime) -> list[RecordBatch]:
    rows = RecordBatch.objects.filter(monitor=monitor, version=version, received_at__lte=as_of)
    return list(rows.order_by("start", "batch_id"))


def _windows(monitor: Monitor | None, version: ModelVersion, as_of: datetime) -> list[dict[str, Any]]:
    rows = DriftRun.objects.filter(monitor=monitor, version=version, made_at__lte=as_of).select_related("evidence")
    return [
        {
            "start": rfc3339(run.window_start),
            "end": rfc3339(run.window_end),
            "n": run.rows,
            "outcome": str(run.outcome),
            "drifted": run.drifted,
            "payload_digest": run.evidence.payload_digest,
        }
        for run in rows.order_by("window_end", "made_at")
    ]


def _alerts(monitor: Monitor | None, version: ModelVersion, as_of: datetime) -> dict[str, int]:
    rows = Alert.objects.filter(monitor=monitor, version=version, opened_at__lte=as_of)
    standing = rows.filter(Q(resolved_at__isnull=True) | Q(resolved_at__gt=as_of))
    return {"total": rows.count(), "open": standing.count()}
