"""Sample contexts of the retention pages, as the views build them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from governance.common.retention.table import table
from reports.retention.dates import IN_USE, NOT_PLACED, Until
from reports.retention.selectors import Held, said
from reports.retention.systems import dated_rows
from reports.web import retention_pages
from tests.common.samples import UID

OTHER = UID[:-1] + "8"
WHY = "A court asked for the records of 2026."
KINDS = [{"value": "system", "label": "AI system"}, {"value": "monitor", "label": "Records of a monitor"}]
OVER = Until(date(2016, 3, 1), date(2026, 3, 1), date(2026, 3, 1))


def the_table() -> dict[str, Any]:
    """The table as it ships, with figures of a bank that has begun."""
    rows = [
        Held(row, 12, datetime(2026, 3, 1, 9, tzinfo=UTC), date(2026, 12, 1)) if row.main else Held(row)
        for row in table()
    ]
    hold = {"pk": UID, "name": "credit-risk, champion", "path": "/", "kind": "Records of a monitor", "why": WHY}
    hold |= {"at": datetime(2026, 11, 1, tzinfo=UTC), "by": "R. Officer", "may_lift": True}
    systems = [
        {"pk": UID, "name": "Consumer credit scoring", "until": Until(date(2026, 3, 1), date(2036, 3, 1), why=IN_USE)},
        {"pk": OTHER, "name": "Letters", "until": OVER, "due": True, "held": True, "disposed": 1},
        {"pk": UID, "name": "Hiring", "until": Until(why=NOT_PLACED)},
    ]
    return {
        "rows": [retention_pages._row(row) for row in [Held(rows[0].kept, 10_001), *rows[1:]]],
        "figures": True,
        "holds": [hold, hold | {"pk": OTHER, "name": "Letters", "path": "", "kind": "AI system", "may_lift": False}],
        "systems": systems,
        "pager": {"shown": 3, "total": 3, "newer": "", "older": ""},
        "may_hold": True,
        "kinds": KINDS,
        "form": {"kind": "monitor", "key": "7", "reason": "", "errors": {"reason": ["Say why; the log keeps it."]}},
        "lifting": {"pk": UID, "errors": {"reason": ["Say why; the log keeps it."]}},
    }


def for_a_reader() -> dict[str, Any]:
    """As somebody sees it who may do nothing."""
    plain = {"figures": False, "holds": [], "systems": [], "may_hold": False, "form": {}, "lifting": {}}
    return the_table() | plain | {"rows": [retention_pages._row(Held(row)) for row in table()]}


def of_a_system(**more: Any) -> dict[str, Any]:
    """One that is past its last day: evidence is due, documents are gone."""
    states = {"evidence": "due", "documents": "disposed"}
    rows = [
        {
            "id": row.id,
            "title": row.title,
            "what": row.what,
            "period": said(row),
            "day": OVER.day,
            "state": states.get(row.id, "stays"),
            "stays": row.stays,
            "disposal": {"made_at": datetime(2026, 4, 1, tzinfo=UTC), "files": 31} if row.id == "documents" else None,
            "may_dispose": row.id == "evidence",
            "form": {"reason": "Over.", "errors": {"reason": ["Say why, in at least 20 characters."], "all": ["No."]}}
            if row.id == "evidence"
            else {},
        }
        for row in dated_rows()
    ]
    return {"system": {"pk": UID, "name": "Letters"}, "until": OVER, "hold": None, "rows": rows} | more


def kept() -> dict[str, Any]:
    """One in use, under a hold."""
    context = of_a_system(until=Until(date(2026, 3, 1), date(2036, 3, 1), why=IN_USE))
    context["hold"] = {"why": WHY, "at": datetime(2026, 11, 1, tzinfo=UTC)}
    plain = {"state": "kept", "disposal": None, "may_dispose": False, "form": {}}
    context["rows"] = [row | plain for row in context["rows"]]
    return context


RETENTION: dict[str, tuple[str, Any]] = {
    "retention": ("reports/retention.html", the_table),
    "retention-reader": ("reports/retention.html", for_a_reader),
    "system-retention": ("reports/system_retention.html", of_a_system),
    "system-retention-kept": ("reports/system_retention.html", kept),
}
