"""Sample contexts of the pages of what a monitor took in."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from tests.common.samples import NOW, UID, a_digest, ago


def live(**more: Any) -> dict[str, Any]:
    """What came in today: one batch with rows put aside, one refused."""
    return {
        "pk": UID,
        "url": f"/monitors/{UID}/live/progress/",
        "last_batch": "2026-11-23T10:00:00Z",
        "last_rows": 48,
        "last_at": ago(minutes=4),
        "age": timedelta(minutes=4),
        "batches": 11,
        "rows": 1_204,
        "quarantined": 7,
        "refused": 1,
        "labels": 96,
        "refused_at": ago(hours=2),
        "labels_at": ago(hours=5),
        "as_of": NOW,
        **more,
    }


def silent() -> dict[str, Any]:
    """What the strip shows before anything came."""
    nothing = dict.fromkeys(("last_batch", "last_rows", "last_at", "age", "refused_at", "labels_at"))
    return live(**nothing, **dict.fromkeys(("batches", "rows", "quarantined", "refused", "labels"), 0))


def _batch(name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "received_at": ago(minutes=4),
        "start": ago(hours=1, minutes=4),
        "end": ago(minutes=5),
        "rows": 48,
        "kept": 48,
        "quarantined": 0,
        "duplicates": 0,
        "erased": 0,
        "expired": 0,
        "version": {"name": "v2", "model": UID, "number": 2},
        "sender": "Scoring service",
        "machine": True,
        **more,
    }


NAMED = {
    "pk": UID,
    "name": "credit-risk champion",
    "model": "credit-risk",
    "model_pk": UID,
    "system": {"pk": UID, "name": "Consumer credit scoring"},
}


def records() -> dict[str, Any]:
    """Batches that were taken, one with rows put aside, one refused and one taken in since, labels and an erasure."""
    reason = {"column": "months", "kind": "mistyped", "expected": "integer", "found": "a text", "count": 31}
    unknown = {"column": "salary", "kind": "unknown", "expected": "no such column", "found": "a value", "count": 0}
    refusal = {
        "kind": "records",
        "id": "2026-11-23T07:00:00Z",
        "code": "schema-drift",
        "title": "The records do not fit the monitor's reference",
        "reasons": [reason, unknown],
        "more": 2,
        "attempts": 14,
        "sender": "Scoring service",
        "first_at": ago(hours=3),
        "last_at": ago(hours=2),
        "taken_at": None,
    }
    late = {"kind": "labels", "title": "The body can not be read", "reasons": [], "more": 0, "attempts": 1}
    labels = {"id": "defaults-2026-11", "received_at": ago(hours=5), "rows": 96, "quarantined": 0, "erased": 2}
    labels |= {"expired_at": None, "sender": "Scoring service"}
    gone = {"id": "defaults-2025-10", "received_at": ago(days=390), "erased": 0, "expired_at": ago(days=20)}
    erasure = {"at": ago(days=3), "by": "A data subject", "officer": "Data protection officer", "records": 4}
    erasure |= {"labels": 2, "quarantined": 0, "commitment": a_digest("commitment")}
    return {
        "monitor": NAMED,
        "live": live(),
        "stats": [
            {"value": "48,204", "label": "records taken in"},
            {"value": "46,020", "label": "of them kept now"},
            {"value": "31", "label": "rows put aside", "tone": "warn"},
            {"value": "4", "label": "erased for a person"},
            {"value": "2,180", "label": "deleted, their time had passed"},
        ],
        "batches": {
            "rows": [
                _batch("2026-11-23T10:00:00Z"),
                _batch("2026-11-23T09:00:00Z", quarantined=7, rows=41, kept=37, erased=4, start=ago(days=2)),
                _batch("sha256:" + "ab" * 32, duplicates=None, sender="Engineer", machine=False),
            ],
            "total": 412,
            "newer": 1,
            "older": 3,
        },
        "filters": {"q": "", "only": ""},
        "filtered": False,
        "refused": {"rows": [refusal, refusal | late | {"taken_at": ago(hours=1)}], "total": 12},
        "labels": {"rows": [labels, labels | gone], "total": 2},
        "erasures": {"rows": [erasure], "total": 1},
        "keeping": {
            "days": 400,
            "first_kept": date(2025, 10, 19),
            "hold": "Case 4 before the regional court",
            "held_at": ago(days=30),
            "quarantine": True,
            "hashed": ("subject_id",),
            "kept_out": ("name",),
            "sensitive": ("sex",),
            "kpis": ("margin",),
            "may_hold": True,
        },
    }


def no_records() -> dict[str, Any]:
    """A monitor that nobody sent anything."""
    base = records()
    none: dict[str, Any] = {"rows": [], "total": 0}
    keeping = {"hold": None, "held_at": None, "quarantine": False, "may_hold": False}
    return base | {
        "live": silent(),
        "batches": none | {"newer": None, "older": None},
        "refused": none,
        "labels": none,
        "erasures": none,
        "keeping": base["keeping"] | keeping | dict.fromkeys(("hashed", "kept_out", "sensitive", "kpis"), ()),
    }


def batch() -> dict[str, Any]:
    """A batch with rows put aside, a day that was deleted and one of which rows were erased."""
    return {
        "monitor": NAMED,
        "batch": _batch("2026-11-23T09:00:00Z", quarantined=7, rows=41, kept=37, erased=4)
        | {"digest": a_digest("body")},
        "days": [
            {"day": date(2025, 10, 18), "rows": 20, "at": "2026-11-22T03:00:00.000000Z"},
            {"day": date(2026, 11, 23), "rows": 21, "at": None},
        ],
        "put_aside": {
            "rows": 7,
            "reasons": [
                {"reason": "'months' mistyped: expected integer, found a text", "count": 6, "rows": [3, 9, 12, 20, 31]},
                {"reason": "'prediction' empty: expected the model's score, found null", "count": 2, "rows": [9, 40]},
            ],
        },
        "erased": [
            {"at": ago(days=3), "day": date(2026, 11, 23), "rows": 4, "waits": False},
            {"at": ago(days=3), "day": None, "rows": 1, "waits": True},
        ],
        "may_read_rows": True,
    }


def whole_batch() -> dict[str, Any]:
    """A batch whose every row was taken in."""
    none = {"put_aside": {"rows": 0, "reasons": []}, "erased": [], "may_read_rows": False}
    return batch() | none | {"batch": _batch("b-1", duplicates=None, digest=a_digest("body"))}


RECORDS = {
    "monitor-records": ("monitoring/records.html", records),
    "monitor-records-none": ("monitoring/records.html", no_records),
    "monitor-records-none-like-that": (
        "monitoring/records.html",
        lambda: no_records() | {"filtered": True, "filters": {"q": "x", "only": "erased"}},
    ),
    "monitor-batch": ("monitoring/batch.html", batch),
    "monitor-batch-whole": ("monitoring/batch.html", whole_batch),
}
