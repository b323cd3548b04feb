"""What the pages of serious incidents show, as plain values; ``templates/monitoring`` says which."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import people_with
from governance.common import clock
from governance.common.errors import DomainError, Forbidden
from governance.inventory import selectors as inventory
from governance.inventory.models import AISystem
from monitoring.incidents import clocks, selectors, wording
from monitoring.incidents.checks import NOTE, TIMES, check_closer
from monitoring.incidents.clocks import COUNTING, Clock
from monitoring.incidents.models import Incident
from monitoring.incidents.places import MEMBER_STATES
from monitoring.incidents.selectors import Act, Told
from monitoring.selectors import alert_for
from monitoring.web.incident_forms import as_typed
from registry.models import ModelVersion

CLOSED_SHOWN = 50
VERSIONS_OFFERED = 50
SOON_DAYS = 2
A_DAY = timedelta(days=1)
NOT_OURS = (Incident.Ending.NOT_SERIOUS, Incident.Ending.NOT_OWED, Incident.Ending.PROVIDER_INFORMED)
"""Grounds by which no day is one that we had to keep."""
TONES = {
    "incident.opened": ("warning", "bad"),
    "incident.facts_changed": ("declared", "info"),
    "incident.times_changed": ("clock", "warn"),
    "incident.noted": ("declared", "neutral"),
    "incident.task_added": ("circle", "neutral"),
    "incident.task_done": ("check", "ok"),
    "incident.reported": ("document", "ok"),
    "incident.handed_over": ("person", "info"),
    "incident.closed": ("lock", "ok"),
}
Row = dict[str, Any]


def list_page(viewer: User, query: Mapping[str, str]) -> Row:
    """Return the context of monitoring/incidents.html: unreported ones first, the next due day on top.

    Args:
        query: ``system``: the id or slug of one.
    """
    rows = selectors.incidents_for(viewer)
    asked = inventory.system_for(viewer, query["system"]) if query.get("system") else None
    if asked:
        rows = rows.filter(system=asked)
    today = clock.now().date()
    standing = [_row(row, today) for row in rows.exclude(state=Incident.State.CLOSED)]
    order = {Incident.State.OPEN: 0, Incident.State.REPORTED: 1}
    standing.sort(key=lambda row: (order[row["state"]], row["due_on"] or date.max, row["number"]))
    closed = rows.filter(state=Incident.State.CLOSED).order_by("-closed_at")
    return {
        "standing": standing,
        "closed": [_row(row, today) for row in closed[:CLOSED_SHOWN]],
        "closed_count": closed.count(),
        "system": {"pk": asked.pk, "name": asked.name} if asked else None,
        "may_open": systems_kept_by(viewer).exists(),
    }


def rows_of_system(ai_system: AISystem) -> list[Row]:
    """Return the incidents of a system that nobody closed, the next due day first."""
    today = clock.now().date()
    rows = [_row(row, today) for row in selectors.incidents_of(ai_system.pk).select_related("owner", "version__model")]
    return sorted(rows, key=lambda row: row["due_on"] or date.max)


def new_page(viewer: User, query: Mapping[str, str]) -> Row:
    """Return the context of monitoring/incident_new.html.

    Args:
        query: ``system`` and ``alert``: ids. An alert brings its system and version with it.

    Raises:
        Unknown: there is no such alert or system for the person.
        Forbidden: their roles keep no incidents there.
    """
    alert = alert_for(viewer, uuid.UUID(query["alert"])) if _is_id(query.get("alert")) else None
    system_id = alert.monitor.model.system_id if alert else query.get("system")
    chosen = inventory.system_for(viewer, system_id) if system_id else None
    if chosen and not selectors.is_keeper(viewer, chosen.pk):
        raise Forbidden("An incident is kept by an owner, engineer, validator, risk officer or administrator.")
    return {
        "system": {"pk": chosen.pk, "name": chosen.name} if chosen else None,
        "systems": [] if chosen else list(systems_kept_by(viewer).values("pk", "name")),
        "alert": {"pk": alert.pk, "title": alert.title, "at": alert.opened_at, "monitor": alert.monitor_id}
        if alert
        else None,
        **_choices(chosen.pk if chosen else None),
        "may": {"report": chosen is not None and selectors.is_reporter(viewer, chosen.pk)},
        "form": {
            "title": alert.title if alert else "",
            "version": str(alert.version_id) if alert else "",
            "harms": [],
            "member_states": [],
            "aware_at": as_typed(clock.now()),
            "occurred_at": "",
        },
    }


def _choices(system_id: uuid.UUID | None) -> Row:
    """Return what the fields of the facts offer."""
    versions = ModelVersion.objects.filter(model__system=system_id).select_related("model")
    newest = versions.order_by("-mirrored_at", "-number")[:VERSIONS_OFFERED] if system_id else ()
    return {
        "versions": [{"pk": str(row.pk), "name": row.subject_name} for row in newest],
        "harms": [(harm.value, harm.label, clocks.Harm(harm).point[-1]) for harm in Incident.Harm],
        "laws": [(law.value, law.label, wording.in_words(law)) for law in Incident.EquivalentLaw],
        "member_states": MEMBER_STATES,
    }


def systems_kept_by(viewer: User) -> QuerySet[AISystem]:
    """Return the systems of which a person may open incidents."""
    kept = inventory.systems_of_roles(viewer, *selectors.KEEPERS)
    return kept.none() if viewer.is_service else kept


def incident_page(viewer: User, pk: uuid.UUID) -> Row:
    """Return the context of monitoring/incident.html.

    Raises:
        Unknown: no such incident for the person.
    """
    row = selectors.incident_for(viewer, pk)
    acts = selectors.acts_of(row)
    words, today = selectors.told(acts), clock.now().date()
    found = selectors.clocks_of(row, selectors.route_of(row.system))
    open_ = row.state != Incident.State.CLOSED
    keeps, reports = selectors.is_keeper(viewer, row.system_id), selectors.is_reporter(viewer, row.system_id)
    texts, endings = selectors.tasks_said(acts), _endings(row, viewer) if open_ and reports else []
    tasks = list(row.tasks.select_related("owner", "done_by").order_by("done_at", "due_on"))
    return {
        "incident": _row(row, today)
        | {
            "what_happened": words["what_happened"],
            "persons": words["persons"],
            "widespread": row.widespread,
            "member_states": ", ".join(name for code, name in MEMBER_STATES if code in row.member_states),
            "equivalent_law": wording.in_words(row.equivalent_law) if row.equivalent_law else "",
            "equivalent_law_note": words[NOTE],
            "authority": row.authority,
            "reference": row.reference,
            "reports": row.reports,
            "ending_reference": row.ending_reference,
            "closed_at": row.closed_at,
            "closed_by": row.closed_by.name if row.closed_by else "",
            "opened_by": row.opened_by.name,
            "alert": {"title": row.alert.title, "monitor": row.alert.monitor_id} if row.alert else None,
            "digest": row.version.artifact_digest if row.version else "",
        },
        "clocks": [_clock(item, row, today) for item in found],
        "counting": COUNTING,
        "binding": wording.route_said(found),
        "notices": wording.notices_of(row, words[NOTE]) if open_ else [],
        "now": _immediately(row, found),
        "times": [{"name": name, "label": wording.TIMES[name], "at": getattr(row, name)} for name in TIMES],
        "tasks": [
            _task(task, texts[str(task.pk)], open_ and (keeps or task.owner_id == viewer.pk), today) for task in tasks
        ],
        "timeline": [_act(act) for act in reversed(acts)],
        "may": {
            "keep": open_ and keeps,
            "report": open_ and reports,
            "close": bool(endings),
            "see_it_closed": open_ and not endings and (reports or row.owner_id == viewer.pk),
            "hand_over": open_ and (reports or row.owner_id == viewer.pk),
        },
        "endings": endings,
        "open_tasks": sum(task.done_at is None for task in tasks),
        "people": [
            {"pk": str(person.pk), "name": person.name}
            for person in people_with(Role.values, system_id=row.system_id)
            if not person.is_service
        ]
        if open_ and (keeps or row.owner_id == viewer.pk)
        else [],
        "me": str(viewer.pk),
        **_choices(row.system_id if open_ else None),
        "form": {
            "log_entry": str(row.log_entry),
            "harms": row.harms,
            "widespread": row.widespread,
            "member_states": row.member_states,
            "equivalent_law": row.equivalent_law,
            "equivalent_law_note": words[NOTE].text or "",
            "what_happened": words["what_happened"].text or "",
            "persons": words["persons"].text or "",
            "version": str(row.version_id or ""),
            "sent_at": as_typed(clock.now()),
            **{name: as_typed(getattr(row, name)) for name in TIMES},
        },
    }


def _row(row: Incident, today: date) -> Row:
    due = selectors.due_of(row)
    return {
        "pk": row.pk,
        "number": str(row),
        "title": row.title,
        "system": {"pk": row.system_id, "name": row.system.name},
        "version": row.version.subject_name if row.version else "",
        "harm": wording.harms_said(row),
        "owner": row.owner.name,
        "state": row.state,
        "opened_at": row.opened_at,
        "aware_at": row.aware_at,
        "reported_at": row.reported_at,
        "closed_at": row.closed_at,
        "ending": row.ending,
        "ending_said": row.get_ending_display(),
        "due_on": due,
        "left": (due - today).days if due else None,
        "overdue": selectors.is_overdue(row, today),
    }


def _endings(row: Incident, viewer: User) -> list[tuple[str, str]]:
    """Return the grounds on which the viewer may close an incident, as the service judges."""
    found = []
    for ending in Incident.Ending:
        try:
            check_closer(viewer, row, ending)
        except DomainError:
            continue
        found.append((ending.value, ending.label))
    return found


def _clock(item: Clock, row: Incident, today: date) -> Row:
    """Return a clock as its card shows it; ``left`` is counted to the first report once there is one.

    A report on the last UTC day is no plain "in time": where the authority sits it may be the next day. Nor is one
    that waited, though it was due immediately.
    """
    until = _day(row.reported_at) if row.reported_at else today
    left = item.days_left(until)
    waited = item.waited(row.reported_at) if row.reported_at else timedelta(0)
    if row.ending in NOT_OURS or not item.owed:
        tone = "quiet"
    elif row.reported_at:
        tone = "bad" if left < 0 else "warn" if left == 0 or waited >= A_DAY else "ok"
    else:
        tone = "bad" if left < 0 else "warn" if left <= SOON_DAYS else "info"
    return {
        "point": item.point,
        "rule": item.rule,
        "days": item.days,
        "from_on": item.counted_from_on,
        "due_on": item.due_on,
        "left": left,
        "late": -left,
        "owed": item.owed,
        "immediately_since": item.immediately_since,
        "waited_days": waited // A_DAY,
        "waited_hours": waited // timedelta(hours=1),
        "reported": row.reported_at is not None,
        "tone": tone,
    }


def _immediately(row: Incident, found: tuple[Clock, ...]) -> datetime | None:
    """Return since when a report is due without waiting for a day; None once it was sent, or while nothing asks."""
    since = [item.immediately_since for item in found if item.owed and item.immediately_since]
    return min(since) if since and row.state == Incident.State.OPEN else None


def _task(task: Any, said: Told, may_finish: bool, today: date) -> Row:
    return {
        "pk": task.pk,
        "text": said.text,
        "may_finish": may_finish and not task.done_at,
        "owner": task.owner.name,
        "due_on": task.due_on,
        "overdue": task.done_at is None and task.due_on < today,
        "done_at": task.done_at,
        "done_by": task.done_by.name if task.done_by else "",
    }


def _act(act: Act) -> Row:
    what, text = wording.act_said(act)
    icon, tone = TONES.get(act.event, ("circle", "neutral"))
    return {"at": act.at, "who": act.who, "what": what, "text": text, "index": act.index, "icon": icon, "tone": tone}


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _is_id(text: str | None) -> bool:
    try:
        uuid.UUID(text or "")
    except ValueError:
        return False
    return True
