"""What a request shows of the version's time behind a canary alias: the evidence that was counted for it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from governance.evidence.canary import CANARY
from governance.evidence.models import Evidence
from registry.models import PromotionRequest
from registry.reviewing.evidence import payload_of_type
from registry.reviewing.panels import monitors_of


def canary_shown(attached: Sequence[Evidence], promotion: PromotionRequest) -> dict[str, Any] | None:
    """Return the ``canary/v1`` payload with what a page adds: the requests by which the version got there, the monitor
    that watched it, and its records by day as a chart; None where nobody asked for it.
    """
    payload = payload_of_type(attached, CANARY)
    if payload is None:
        return None
    version = promotion.version
    requests = {str(row): row.pk for row in PromotionRequest.objects.filter(version=version, alias=payload["alias"])}
    watched = next((row for row in monitors_of(version.model) if row["alias"] == payload["alias"]), None)
    return {
        "payload": payload,
        "version": version.number,
        "spans": [
            {
                "start": datetime.fromisoformat(span["start"]),
                "end": datetime.fromisoformat(span["end"]) if span["end"] else None,
                "days": span["days"],
                "by": span["by"],
                "pk": requests.get(span["by"]),
            }
            for span in payload["spans"]
        ],
        "windows": [
            row | {name: datetime.fromisoformat(row[name]) for name in ("start", "end")} for row in payload["windows"]
        ],
        "monitor_pk": watched["pk"] if watched else None,
        "chart": _records_by_day(payload),
    }


def _records_by_day(payload: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the line of records by day, zero where none came, from the first day behind the alias to the last."""
    if not payload["by_day"]:
        return None
    counts = {date.fromisoformat(row["day"]): row["n"] for row in payload["by_day"]}
    first = datetime.fromisoformat(payload["spans"][0]["start"]).date()
    last = datetime.fromisoformat(payload["spans"][-1]["end"] or payload["as_of"]).date()
    days = [first + timedelta(days=place) for place in range((last - first).days + 1)]
    return {
        "title": "Records by day (UTC)",
        "labels": [f"{day.day} {day:%b}" for day in days],
        "values": [counts.get(day, 0) for day in days],
        "limit": None,
        "bands": [],
    }
