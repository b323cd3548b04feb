"""What the pages of a monitor's records show, as plain values: batches, refusals, rows put aside, and their end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from django.core.paginator import Paginator
from django.utils.translation import gettext as _

from governance.accounts import holds
from governance.accounts.models import User
from governance.common import clock
from governance.common.clock import rfc3339
from monitoring import keeping, record_reading
from monitoring.batches import erasures_of
from monitoring.intake_settings import IntakeSettings
from monitoring.models import ErasedFile, Monitor, RecordBatch
from monitoring.web.live import live_strip
from placet import spreadsheets

Row = dict[str, Any]
A_PAGE = 25
FEW = 10
ONLY = ("quarantined", "erased", "expired")
CSV_COLUMNS = ("batch", "row", "reason")


def records_page(monitor: Monitor, viewer: User, query: Mapping[str, str]) -> Row:
    """Return the context of monitoring/records.html; a page of batches costs the same queries however many there are.

    Args:
        query: ``q`` a part of a batch's id, ``only`` of ``ONLY``, ``page``.
    """
    filters = {
        "q": query.get("q", "").replace("\0", "")[:100].strip(),
        "only": only if (only := query.get("only", "")) in ONLY else "",
    }
    page = Paginator(record_reading.batches_like(monitor, **filters), A_PAGE).get_page(query.get("page", ""))
    refused = record_reading.refused_of(monitor)
    labels = record_reading.labels_of(monitor)
    erasures = erasures_of(monitor)
    return {
        "monitor": _named(monitor),
        "live": live_strip(monitor.pk),
        "stats": _stats(record_reading.totals(monitor)),
        "batches": {
            "rows": [_batch(batch) for batch in page.object_list],
            "total": page.paginator.count,
            "newer": page.previous_page_number() if page.has_previous() else None,
            "older": page.next_page_number() if page.has_next() else None,
        },
        "filters": filters,
        "filtered": any(filters.values()),
        "refused": {"rows": [_refusal(row) for row in refused[:FEW]], "total": refused.count()},
        "labels": {"rows": [_labels(row) for row in labels[:FEW]], "total": labels.count()},
        "erasures": {"rows": [_erasure(row) for row in erasures[:FEW]], "total": erasures.count()},
        "keeping": _keeping(monitor, viewer),
    }


def batch_page(monitor: Monitor, viewer: User, batch_id: str) -> Row:
    """Return the context of monitoring/batch.html: the days of one batch, and why rows of it were put aside.

    Raises:
        Unknown: the monitor has no such batch.
    """
    batch = record_reading.batch_for(monitor, batch_id)
    days: list[Row] = [{**part, "day": _day(part), "at": None} for part in batch.partitions]
    days += [{**part, "day": _day(part), "at": part["at"]} for part in batch.expired_days]
    rewritten = ErasedFile.objects.filter(batch=batch).select_related("erasure").order_by("-erasure__made_at", "-pk")
    return {
        "monitor": _named(monitor),
        "batch": _batch(batch) | {"digest": batch.digest, "duplicates": batch.duplicates},
        "days": sorted(days, key=lambda row: row["day"]),
        "put_aside": record_reading.put_aside(batch),
        "erased": [
            {
                "at": row.erasure.made_at,
                "day": row.day,
                "rows": row.rows,
                "waits": row.replaced_at is None,
                "lost": bool(row.lost_at),
            }
            for row in rewritten[:100]
        ],
        "may_read_rows": record_reading.may_read_rows(viewer, monitor),
    }


def quarantine_json(batch: RecordBatch) -> str:
    """Return the report on the rows put aside of a batch: numbers and reasons, no value of any of them."""
    found = record_reading.put_aside(batch)
    rows = [{"row": row, "reasons": reasons} for row, reasons in record_reading.reasons_by_row(batch)]
    report = {
        "format": "placet-quarantine-report/1",
        "batch": batch.batch_id,
        "digest": batch.digest,
        "received_at": rfc3339(batch.received_at),
        "taken": batch.rows,
        "quarantined": found.rows,
        "reasons": found.reasons,
        "rows": rows,
    }
    return json.dumps(report, ensure_ascii=False, indent=1)


def quarantine_csv(batch: RecordBatch) -> Iterator[str]:
    """Yield the report as CSV, a line for each reason of each row; no cell is taken for a formula."""
    write = spreadsheets.writer()
    yield write(CSV_COLUMNS)
    for row, reasons in record_reading.reasons_by_row(batch):
        for reason in reasons:
            yield write((batch.batch_id, row, reason))


def _named(monitor: Monitor) -> Row:
    system = monitor.model.system
    return {
        "pk": monitor.pk,
        "name": str(monitor),
        "model": str(monitor.model),
        "model_pk": monitor.model_id,
        "system": {"pk": system.pk, "name": system.name} if system else None,
    }


def _stats(found: Mapping[str, Any]) -> list[Row]:
    def tone(name: str) -> str:
        return "warn" if found[name] else ""

    return [
        {"value": f"{found['rows']:,}", "label": _("records taken in")},
        {"value": f"{found['kept']:,}", "label": _("of them kept now")},
        {"value": f"{found['quarantined']:,}", "label": _("rows put aside"), "tone": tone("quarantined")},
        {"value": f"{found['erased']:,}", "label": _("erased for a person")},
        {"value": f"{found['expired']:,}", "label": _("deleted, their time had passed")},
    ]


def _batch(batch: RecordBatch) -> Row:
    return {
        "id": batch.batch_id,
        "received_at": batch.received_at,
        "start": batch.start,
        "end": batch.end,
        "rows": batch.rows,
        "kept": batch.kept,
        "quarantined": batch.quarantined,
        "duplicates": batch.duplicates,
        "erased": batch.erased,
        "expired": batch.expired,
        "version": {
            "name": f"v{batch.version.number}",
            "model": batch.version.model_id,
            "number": batch.version.number,
        },
        "sender": batch.sender.name,
        "machine": batch.sender.is_service,
    }


def _refusal(row: Any) -> Row:
    return {
        "kind": row.kind,
        "id": row.batch_id,
        "code": row.code,
        "title": row.title,
        "reasons": row.reasons[:3],
        "more": row.more + max(0, len(row.reasons) - 3),
        "attempts": row.attempts,
        "sender": row.sender.name,
        "first_at": row.first_at,
        "last_at": row.last_at,
        "taken_at": row.taken_labels if row.kind == "labels" else row.taken_records,
    }


def _labels(row: Any) -> Row:
    return {
        "id": row.batch_id,
        "received_at": row.received_at,
        "rows": row.rows,
        "quarantined": row.quarantined,
        "erased": row.erased,
        "expired_at": row.expired_at,
        "sender": row.sender.name,
    }


def _erasure(row: Any) -> Row:
    return {
        "at": row.made_at,
        "by": row.get_column_display(),
        "officer": row.officer.name,
        "records": row.records,
        "labels": row.labels,
        "quarantined": row.quarantined,
        "commitment": row.commitment,
        "waiting": row.waiting,
        "lost": row.lost,
    }


def _keeping(monitor: Monitor, viewer: User) -> Row:
    intake = IntakeSettings.from_json(monitor.intake)
    today, hold = clock.now().date(), keeping.hold_on(monitor)
    return {
        "days": intake.retention_days,
        "first_kept": today - timedelta(days=intake.retention_days),
        "hold": hold.reason if hold else None,
        "held_at": hold.set_at if hold else None,
        "held_system": bool(hold and hold.kind == holds.Kind.SYSTEM),
        "quarantine": intake.quarantine,
        "hashed": intake.hash,
        "kept_out": intake.keep_out,
        "sensitive": intake.sensitive,
        "kpis": intake.kpis,
        "may_hold": holds.may_hold(viewer, holds.known(monitor.model.system_id)),
    }


def _day(part: Mapping[str, Any]) -> date:
    return date.fromisoformat(part["day"])
