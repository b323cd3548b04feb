"""The rows of all AI systems that the quarterly report counts, as a snapshot of its own: states and times, no words."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Q

from governance.approvals.models import ApprovalRequest, Finding, Waiver
from governance.common import clock
from governance.common.errors import InvalidInput
from governance.inventory.law import as_classified
from governance.inventory.models import AISystem, Classification, Declaration
from governance.regulation.dates import standing
from governance.regulation.register import load
from monitoring.incidents.models import Incident
from monitoring.models import Alert
from reports import latest
from reports.documents.kinds import KINDS
from reports.documents.owing import not_asked, owed
from reports.documents.snapshot import FORMAT, canonical, law_part
from reports.facts_live import live_rows
from reports.facts_log import Json, with_indexes
from reports.models import Document

MODEL_RISK = "model-risk"
NO_QUARTER = "Name the quarter by its first day, such as 2026-07-01."


def quarter_from(text: str) -> date:
    """Return the first day of a quarter that has begun.

    Raises:
        InvalidInput: it is no such day.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(NO_QUARTER) from None
    if day.day != 1 or day.month % 3 != 1:
        raise InvalidInput(NO_QUARTER)
    if day > clock.now().date():
        raise InvalidInput("That quarter has not begun.")
    return day


def ends(quarter: date) -> date:
    """Return the first day after a quarter."""
    return (quarter + timedelta(days=95)).replace(day=1)


def portfolio(document_id: uuid.UUID, libraries: dict[str, str], quarter: date) -> Json:
    """Return the whole snapshot for a report over all systems.

    Args:
        document_id: names the document; it is printed.
        libraries: the versions that decide the bytes of the PDF.
        quarter: its first day, UTC.
    """
    now = clock.now()
    first = datetime.combine(quarter, datetime.min.time(), tzinfo=UTC)
    until = min(datetime.combine(ends(quarter), datetime.min.time(), tzinfo=UTC), now)
    open_then = Q(opened_at__lt=until) & (Q(closed_at__isnull=True) | Q(closed_at__gte=first))
    parts: dict[str, Any] = {
        "format": FORMAT,
        "document": {"id": str(document_id), "kind": MODEL_RISK, "created_at": clock.rfc3339(now)},
        "law": law_part(groups=(), on_date=now.date()),
        "system": {"name": "All AI systems"},
        "environment": libraries,
        "portfolio": {
            "from": clock.rfc3339(first),
            "until": clock.rfc3339(until),
            "kinds": {kind: str(Document.Kind(kind).label) for kind, row in KINDS.items() if row.counted},
            "systems": _systems(now.date()),
            "live": live_rows(first, until),
            "approvals": [
                _row(row, system=row.system.slug, state=row.state, at=row.settled_at or row.opened_at)
                for row in ApprovalRequest.objects.filter(
                    Q(opened_at__gte=first, opened_at__lt=until) | Q(settled_at__gte=first, settled_at__lt=until)
                ).select_related("system")
            ],
            "findings": [
                _row(
                    row,
                    system=row.system.slug if row.system else None,
                    severity=row.severity,
                    at=row.opened_at,
                    closed_at=_at(row.closed_at),
                    due_on=row.due_on.isoformat(),
                )
                for row in Finding.objects.filter(open_then).select_related("system")
            ],
            "waivers": [
                _row(
                    row,
                    system=row.request.system.slug,
                    at=row.made_at,
                    state=row.approval.state,
                    ends=_at(row.expires_at),
                )
                for row in Waiver.objects.filter(made_at__lt=until, expires_at__gte=first).select_related(
                    "request__system", "approval"
                )
            ],
            "incidents": [
                _row(row, system=row.system.slug, state=row.state, at=row.opened_at, reported_at=_at(row.reported_at))
                for row in Incident.objects.filter(open_then).select_related("system")
            ],
            "alerts": [
                _row(row, system=_of_alert(row), state=row.state, severity=row.severity, at=row.opened_at)
                for row in Alert.objects.filter(opened_at__gte=first, opened_at__lt=until).select_related(
                    "monitor__model__system"
                )
            ],
        },
    }
    return dict(json.loads(canonical(with_indexes(parts))))


def _systems(today: date) -> list[Json]:
    """Return every system with the kinds of document that it has and those that it owes; four queries."""
    rows = list(AISystem.objects.order_by("slug"))
    ids = [row.pk for row in rows]
    signed, answers = latest.classifications_of(ids), latest.answers_of(ids)
    counted = Document.objects.exclude(Document.drafts_of_statements()).filter(system__isnull=False)
    have: dict[Any, set[str]] = {}
    for system, kind in counted.order_by().values_list("system", "kind").distinct():
        have.setdefault(system, set()).add(kind)
    return [
        _row(
            row,
            system=row.slug,
            name=row.name,
            ai_act_class=row.ai_act_class or None,
            model_tier=row.model_tier,
            tier_signed_at=_at(signed[row.pk].signed_at) if row.pk in signed else None,
            state=row.state,
            ai_roles=row.ai_roles,
            documents=sorted(have.get(row.pk, ())),
            owed=_owed(
                row, None if row.class_reopened_at else signed.get(row.pk), _body(answers.get(row.pk, ())), today
            ),
            at=row.made_at,
        )
        for row in rows
    ]


def _owed(row: AISystem, signed: Classification | None, body: str | None, today: date) -> list[Json] | None:
    """Return the kinds that a system owes, with the day from which if that is to come; None before it is classified."""
    if row.state == AISystem.State.RETIRED:
        return []
    if signed is None:
        return None
    stands, without = standing(as_classified(signed, row), load(), on=today), not_asked(signed.annex_points, body)
    found = {kind.id: owed(kind, stands, without=without) for kind in KINDS.values() if kind.counted}
    return [
        {"kind": kind, "from": due.on.isoformat() if due.on else None}
        for kind, due in found.items()
        if due.state in {"owed", "later"}
    ]


def _body(answers: Iterable[Declaration]) -> str | None:
    """Return what the record says of the kind of body that the deployer is."""
    return next((row.text for row in answers if row.question == "public-body" and row.stands), None)


def _row(row: Any, **said: Any) -> Json:
    return {"id": str(row.pk), **said, "at": _at(said["at"]), "log_index": row.log_entry}


def _of_alert(row: Alert) -> str | None:
    owner = row.monitor.model.system
    return owner.slug if owner else None


def _at(moment: datetime | None) -> str | None:
    return clock.rfc3339(moment) if moment else None
