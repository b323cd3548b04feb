"""Read the findings register: who must mend what by when, how old it is, and what was done about each."""

import uuid
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import people_with, roles_of
from governance.approvals import remediation, selectors
from governance.approvals.findings import SIGNED, may_close
from governance.approvals.models import Finding
from governance.audit import selectors as log
from governance.common import clock
from governance.inventory import selectors as inventory
from placet import spreadsheets

SHOWN = 50
CONDITIONS = {
    "open": lambda: Q(closed_at__isnull=True),
    "overdue": lambda: Q(closed_at__isnull=True, due_on__lt=clock.now().date()),
    "proposed": lambda: Q(closed_at__isnull=True, proposed_at__isnull=False),
    "closed": lambda: Q(closed_at__isnull=False),
}
"""Which findings are in a state of the register, as of now."""
AGES = (("0 to 30 days", 0, 30), ("31 to 60", 31, 60), ("61 to 90", 61, 90), ("more than 90", 91, None))
SEVERITIES = ("critical", "high", "medium", "low")
COLUMNS = (
    *("system", "title", "severity", "source", "owner", "opened_on", "due_on"),
    *("plan_due", "extensions", "proposed_on", "closed_on", "closed_by"),
)
WORDS = {
    "finding.opened": "opened it",
    "finding.planned": "stated a plan",
    "finding.closure_proposed": "says that it is mended",
    "finding.extended": "gave it more time",
    "finding.handed_over": "gave it another owner",
    "finding.closed": "closed it",
}


def register_page(viewer: User, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the context of approvals/findings.html.

    Args:
        query: ``state`` (open, overdue, proposed, closed), ``severity``, ``age`` (the place of one of ``AGES``),
            ``source``, ``mine``, ``q``, ``after``.
    """
    filters = _filters(query)
    rows = _found(viewer, filters)
    page = list(_after(rows, query.get("after", ""))[: SHOWN + 1])
    today = clock.now().date()
    more = page[SHOWN - 1] if len(page) > SHOWN else None
    ageing = _ageing(viewer, today)
    return {
        "rows": [_row(row, today) for row in page[:SHOWN]],
        "total": rows.count(),
        "next": f"{more.due_on.isoformat()}_{more.pk}" if more else "",
        "filters": filters,
        "filtered": filters != _filters({}),
        "sources": sorted({*remediation.SOURCES, "reconciler", "monitor"}),
        "severities": SEVERITIES,
        "ageing": ageing,
        "ages": [label for label, _, _ in AGES],
        "most": max(row["total"] for row in ageing),
        "raise": _raise_panel(viewer),
    }


def finding_page(viewer: User, pk: uuid.UUID) -> dict[str, Any]:
    """Return the context of approvals/finding.html.

    Raises:
        Unknown: no such finding.
    """
    finding = selectors.finding_for(viewer, pk)
    roles = roles_of(viewer, system_id=finding.system_id)
    officer = not viewer.is_service and Role.RISK_OFFICER in roles
    mine, open_ = finding.owner_id == viewer.pk, finding.closed_at is None
    evidence = finding.closure_evidence
    return {
        "finding": _row(finding, clock.now().date())
        | {
            "closable": may_close(viewer, finding, roles=roles),
            "signed": finding.severity in SIGNED,
            "evidence": {"type": evidence.type, "digest": evidence.payload_digest} if evidence else None,
            "request": finding.request_id,
        },
        "history": history_of(finding),
        "may": {
            "plan": open_ and mine,
            "propose": open_ and mine,
            "extend": open_ and officer and not mine,
            "hand_over": open_ and (mine or officer),
        },
        "people": [{"pk": p.pk, "name": p.name} for p in people_with(Role.values, system_id=finding.system_id)]
        if open_ and (mine or officer)
        else [],
        "form": {},
    }


def csv_lines(viewer: User, query: Mapping[str, str]) -> Iterator[str]:
    """Yield the register as CSV, one line at a time; no cell is taken for a formula by a spreadsheet."""
    write = spreadsheets.writer()
    yield write(COLUMNS)
    for row in _found(viewer, _filters(query)).iterator(chunk_size=500):
        cells = (
            *(row.system.name if row.system else "", row.title, row.severity, row.source, row.owner.name),
            *(row.opened_at.date(), row.due_on, row.plan_due or "", row.extensions),
            *(row.proposed_at.date() if row.proposed_at else "", row.closed_at.date() if row.closed_at else ""),
            row.closed_by.name if row.closed_by else "",
        )
        yield write(cells)


def _filters(query: Mapping[str, str]) -> dict[str, str]:
    state, severity = query.get("state", ""), query.get("severity", "")
    return {
        "state": state if state in CONDITIONS else "open",
        "severity": severity if severity in SEVERITIES else "",
        "age": age if (age := query.get("age", "")) in map(str, range(len(AGES))) else "",
        "source": query.get("source", "")[:40],
        "mine": "on" if query.get("mine") else "",
        "q": query.get("q", "")[:200].strip(),
    }


def _found(viewer: User, filters: Mapping[str, str]) -> QuerySet[Finding]:
    rows = selectors.findings_for(viewer, closed=True).select_related("closed_by").order_by("due_on", "pk")
    rows = rows.filter(CONDITIONS[filters["state"]]())
    if filters["severity"]:
        rows = rows.filter(severity=filters["severity"])
    if filters["age"]:
        rows = rows.filter(_of_age(int(filters["age"]), clock.now().date()))
    if filters["source"]:
        rows = rows.filter(source=filters["source"])
    if filters["mine"]:
        rows = rows.filter(owner=viewer)
    if q := filters["q"]:
        rows = rows.filter(Q(title__icontains=q) | Q(system__name__icontains=q) | Q(owner__name__icontains=q))
    return rows


def _after(rows: QuerySet[Finding], cursor: str) -> QuerySet[Finding]:
    """Return what stands behind a page; a cursor that nobody here made is the beginning."""
    day, _, key = cursor.partition("_")
    try:
        due, pk = date.fromisoformat(day), uuid.UUID(key)
    except ValueError:
        return rows
    return rows.filter(Q(due_on__gt=due) | Q(due_on=due, pk__gt=pk))


def _row(row: Finding, today: date) -> dict[str, Any]:
    return {
        "pk": row.pk,
        "title": row.title,
        "system": {"pk": row.system_id, "name": row.system.name} if row.system else None,
        "severity": row.severity,
        "source": remediation.SOURCES.get(row.source, row.source),
        "owner": row.owner.name,
        "opened_at": row.opened_at,
        "days": (today - row.opened_at.date()).days,
        "due_on": row.due_on,
        "overdue": row.closed_at is None and row.due_on < today,
        "plan_due": row.plan_due,
        "plan_late": bool(row.closed_at is None and row.plan_due and row.plan_due < today and not row.proposed_at),
        "extensions": row.extensions,
        "proposed_at": row.proposed_at,
        "closed_at": row.closed_at,
        "closed_by": row.closed_by.name if row.closed_by else "",
    }


def _ageing(viewer: User, today: date) -> list[dict[str, Any]]:
    """Return, for each severity, how many findings have been open for how long, and how many are overdue."""
    counts = {f"age_{at}": Count("pk", filter=_of_age(at, today)) for at in range(len(AGES))}
    overdue = Count("pk", filter=Q(due_on__lt=today))
    counted = selectors.findings_for(viewer).order_by().values("severity").annotate(**counts, overdue=overdue)
    found = {row["severity"]: row for row in counted}
    empty = dict.fromkeys([*counts, "overdue"], 0)
    rows = []
    for severity in SEVERITIES:
        row = found.get(severity, empty)
        cells = [row[name] for name in counts]
        rows.append({"severity": severity, "cells": cells, "total": sum(cells), "overdue": row["overdue"]})
    return rows


def _of_age(at: int, today: date) -> Q:
    """Return what is as old as ``AGES[at]`` says: opened ``low`` days ago at the latest, ``high`` at the earliest."""
    _, low, high = AGES[at]
    latest = Q(opened_at__date__lte=today - timedelta(days=low))
    return latest & Q(opened_at__date__gte=today - timedelta(days=high)) if high is not None else latest


def _raise_panel(viewer: User) -> dict[str, Any] | None:
    """Return what the form that raises a finding offers; None for who may not."""
    if viewer.is_service:
        return None
    systems = list(inventory.systems_of_roles(viewer, *remediation.RAISERS).values("pk", "name"))
    return {"systems": systems, "sources": list(remediation.SOURCES.items())} if systems else None


def history_of(finding: Finding) -> list[dict[str, Any]]:
    """Return what was done about a finding, oldest first, with the words that were not erased."""
    entries = log.entries_naming("approvals_finding", [finding.pk])
    ids = {entry.actor.removeprefix("person:") for entry in entries if entry.actor.startswith("person:")}
    names = {f"person:{person.pk}": person.name for person in User.objects.filter(pk__in=ids)}
    rows = []
    for entry in entries:
        said = log.payload_of(entry.id) if entry.parsed["payload"] else {}
        texts = ["erased"] if said is None else [str(text) for name, text in said.items() if name != "title"]
        rows.append(
            {
                "at": entry.parsed["at"],
                "who": names.get(entry.actor, entry.actor),
                "what": WORDS.get(entry.event, entry.event),
                "data": {k: v for k, v in entry.parsed["data"].items() if k in ("from", "to", "plan_due") and v},
                "text": " ".join(texts),
                "index": entry.index,
            }
        )
    return rows
