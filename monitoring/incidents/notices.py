"""Who is told of a serious incident, and when: its owner and those who may report it, as the law's clock runs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse

from governance.accounts.access import may_read
from governance.accounts.models import User
from governance.accounts.selectors import people_with
from governance.audit.events import Event
from governance.common import clock
from governance.notices.gathering import answering
from governance.notices.kinds import Kind
from governance.notices.rules import About, Fact, Told, each
from governance.notices.topics import Topic
from monitoring.incidents import selectors
from monitoring.incidents.models import Incident, IncidentTask

INCIDENT = "incident"
DUE, OVERDUE, AT_ONCE = "incident.due", "incident.overdue", "incident.at_once"
TASK_DUE, TASK_OVERDUE = "incident.task_due", "incident.task_overdue"
SOON = timedelta(days=2)
CLOCK = {
    DUE: "The report of a serious incident is due soon",
    OVERDUE: "The report of a serious incident is overdue",
    AT_ONCE: "A serious incident is to be reported immediately",
    TASK_DUE: "A task of yours about a serious incident is due",
    TASK_OVERDUE: "A task of yours about a serious incident is overdue",
}
OPENED = "A serious incident was written down"
CHANGED = {
    Event.INCIDENT_FACTS_CHANGED: "Facts of a serious incident were stated anew",
    Event.INCIDENT_TIMES_CHANGED: "Times of a serious incident were put right",
    Event.INCIDENT_REPORTED: "A report of a serious incident was recorded",
    Event.INCIDENT_HANDED_OVER: "A serious incident has another owner",
    Event.INCIDENT_CLOSED: "A serious incident was closed",
}
"""Each can give the report more time or none at all, so whoever answers for it learns of it."""
TASK = "You were given a task about a serious incident"


def about_incident(incident: Incident, task: IncidentTask | None = None) -> About:
    """Return an incident with its owner, those who may report it, and who has the task that it is about."""
    reporters = people_with(selectors.REPORTERS, system_id=incident.system_id)
    return About(
        title=f"{incident} of {incident.system.name}",
        path=reverse("incident-detail", args=[incident.pk]),
        key=str(incident.pk),
        read=(INCIDENT, incident.pk),
        state=incident.state,
        people={
            "owner": answering(incident.owner),
            "reporters": [person.pk for person in reporters],
            "has_task": answering(task.owner) if task else (),
        },
    )


def due(now: datetime) -> Iterator[Fact]:
    """Yield what the law's clocks and the tasks bring: once before the last day, and daily once it has passed."""
    today = now.date()
    for incident in _incidents().filter(state=Incident.State.OPEN):
        owed = [row for row in selectors.clocks_of(incident, selectors.route_of(incident.system)) if row.owed]
        if any(row.immediately_since for row in owed):
            yield Fact(AT_ONCE, f"at-once:{incident.pk}:{today}", about_incident(incident))
        last = min((row.due_on for row in owed), default=None)
        if last and last < today:
            yield _on(OVERDUE, f"overdue:{incident.pk}:{today}", incident, last)
        elif last and last <= (now + SOON).date():
            yield _on(DUE, f"due:{incident.pk}:{last}", incident, last)
    tasks = IncidentTask.objects.select_related("incident__system__owner", "incident__owner", "owner")
    for task in tasks.filter(done_at__isnull=True, due_on__lte=today).exclude(incident__state=Incident.State.CLOSED):
        what = TASK_OVERDUE if task.due_on < today else TASK_DUE
        yield Fact(what, f"{what}:{task.pk}:{task.due_on}", about_incident(task.incident, task))


def _on(what: str, occasion: str, incident: Incident, last: Any) -> Fact:
    return Fact(what, occasion, about_incident(incident), {"on": clock.day(last)})


def _opened(fact: Fact) -> Iterator[Told]:
    yield from _answering(fact, OPENED)


def _changed(fact: Fact) -> Iterator[Told]:
    yield from _answering(fact, CHANGED[Event(fact.event)])


def _answering(fact: Fact, words: str) -> Iterator[Told]:
    for part in ("owner", "reporters"):
        yield from each(fact, part, Kind.INCIDENT, words, f"{words}: {fact.about.title}")


def _by_the_clock(fact: Fact) -> Iterator[Told]:
    words = CLOCK[fact.event]
    until = f", last day {fact.data['on']}" if "on" in fact.data else ""
    for part in ("owner", "reporters"):
        yield from each(fact, part, Kind.INCIDENT, words, f"{words}: {fact.about.title}{until}")


def _task(fact: Fact) -> Iterator[Told]:
    words = CLOCK.get(fact.event, TASK)
    yield from each(fact, "has_task", Kind.INCIDENT, words, f"{words}: {fact.about.title}")


def _about(data: Mapping[str, Any]) -> About | None:
    incident = _incidents().filter(number=data["incident"]).first()
    if incident is None:
        return None
    tasks = IncidentTask.objects.select_related("owner")
    return about_incident(incident, tasks.get(pk=data["task"]) if "task" in data else None)


def _may_read(person: User, key: uuid.UUID) -> bool:
    incident = Incident.objects.filter(pk=key).first()
    return incident is not None and may_read(person, incident.system_id)


def _incidents() -> Any:
    return Incident.objects.select_related("system__owner", "owner")


TOPIC = Topic(
    name=INCIDENT,
    about=_about,
    rules={
        Event.INCIDENT_OPENED: (_opened,),
        Event.INCIDENT_TASK_ADDED: (_task,),
        **dict.fromkeys(CHANGED, (_changed,)),
        **dict.fromkeys((DUE, OVERDUE, AT_ONCE), (_by_the_clock,)),
        **dict.fromkeys((TASK_DUE, TASK_OVERDUE), (_task,)),
    },
    may_read=_may_read,
    due=due,
)
