"""Read serious incidents: who may, which clocks run, what was done, and what must not be altered meanwhile."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import QuerySet

from governance.accounts.access import Reader, readable
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.audit import selectors as log
from governance.common.errors import Unknown
from governance.inventory import selectors as inventory
from governance.inventory.models import AISystem
from governance.regulation import register
from governance.regulation.register import Route
from monitoring.incidents.clocks import Case, Clock, EquivalentLaw, Harm, Times, clocks, first_due
from monitoring.incidents.models import Incident

KEEPERS = (Role.OWNER, Role.ENGINEER, Role.RISK_OFFICER, Role.VALIDATOR, Role.ADMINISTRATOR)
"""Who opens incidents of a system, states facts and times, notes and does tasks."""
REPORTERS = (Role.OWNER, Role.RISK_OFFICER)
"""Who reports one to the authority and, as another person than its owner, closes it."""
TABLE = "monitoring_incident"
_WORDS = ("what_happened", "persons", "equivalent_law_note")
ADDED, DONE = "incident.task_added", "incident.task_done"


@dataclass(frozen=True)
class Act:
    """Something that was done about an incident.

    Attributes:
        entry: id of its entry in the log.
        actor: id of who did it; ``who`` is their name.
        payload: the words that came with it; None once they were erased, empty where there were none.
        index: of its entry in the log, None until the notary has placed it.
    """

    entry: uuid.UUID
    event: str
    at: str
    actor: str
    who: str
    data: Mapping[str, Any]
    payload: Mapping[str, Any] | None
    index: int | None


@dataclass(frozen=True)
class Told:
    """One statement of an incident that stands in the log's erasable text.

    Attributes:
        text: None once it was erased; empty where nobody said it.
        by: name of who said it last.
    """

    text: str | None
    by: str = ""
    at: str = ""
    index: int | None = None


def incidents_for(reader: Reader) -> QuerySet[Incident]:
    """Return the incidents that a person may read: those of the systems in their reach."""
    rows = Incident.objects.select_related("system", "owner", "version__model", "closed_by", "reported_by")
    return readable(rows, reader, system="system").order_by("-opened_at", "-pk")


def incident_for(user: User, pk: uuid.UUID) -> Incident:
    """Return one incident, as a person asks for it.

    Raises:
        Unknown: there is none with that id, or none that the person may read.
    """
    found = (
        incidents_for(user).select_related("opened_by", "alert__run__evidence", "alert__monitor").filter(pk=pk).first()
    )
    if found is None:
        raise Unknown(no_incident(pk))
    return found


def no_incident(pk: uuid.UUID) -> str:
    """Return the sentence for an incident that is not there for somebody."""
    return f"There is no incident {pk}. GET /api/v1/incidents lists them."


def incidents_of(system_id: uuid.UUID) -> QuerySet[Incident]:
    """Return the incidents of a system that nobody closed, oldest awareness first."""
    rows = Incident.objects.filter(system=system_id).exclude(state=Incident.State.CLOSED)
    return rows.select_related("system").order_by("aware_at", "pk")


def unreported_of(system_id: uuid.UUID) -> QuerySet[Incident]:
    """Return the incidents of which the authorities do not know yet, so that the system must not be altered."""
    return incidents_of(system_id).filter(state=Incident.State.OPEN)


def is_keeper(person: User, system_id: uuid.UUID) -> bool:
    """Return whether a person opens incidents of a system and works on them."""
    return not person.is_service and has_role(person, *KEEPERS, system_id=system_id)


def is_reporter(person: User, system_id: uuid.UUID) -> bool:
    """Return whether a person reports the incidents of a system, and closes those of others."""
    return not person.is_service and has_role(person, *REPORTERS, system_id=system_id)


def case_of(incident: Incident) -> Case:
    """Return what the clocks ask of an incident."""
    return Case(
        harms=frozenset(Harm(harm) for harm in incident.harms),
        widespread=incident.widespread,
        equivalent_law=EquivalentLaw(incident.equivalent_law) if incident.equivalent_law else None,
    )


def times_of(incident: Incident) -> Times:
    """Return the four times of an incident."""
    return Times(incident.aware_at, incident.suspected_at, incident.link_established_at, incident.reported_at)


def clocks_of(incident: Incident, route: Route) -> tuple[Clock, ...]:
    """Return the clocks of an incident, by the law as it stood on the day of awareness."""
    on = clock_day(incident.aware_at)
    return clocks(register.load(), case_of(incident), times_of(incident), on=on, route=route)


def due_of(incident: Incident) -> date | None:
    """Return the first day by which an incident is reported; None where no report is owed."""
    # The route moves no day, and whether a report is owed only where an equivalent law is said to limit it.
    route = route_of(incident.system) if incident.equivalent_law else "annex_iii"
    found = first_due(clocks_of(incident, route))
    return found.due_on if found else None


def is_overdue(incident: Incident, today: date) -> bool:
    """Return whether an incident is unreported behind its first day."""
    due = due_of(incident)
    return incident.state == Incident.State.OPEN and due is not None and due < today


def route_of(ai_system: AISystem) -> Route:
    """Return by which route a system is high-risk, as its classification in force says; by default Annex III."""
    found = inventory.classification_in_force(ai_system)
    points = found.annex_points if found else []
    return "annex_i" if points and all(point.startswith("Annex I.") for point in points) else "annex_iii"


def acts_of(incident: Incident) -> list[Act]:
    """Return what was done about an incident, oldest first, notes among it."""
    entries = log.entries_naming(TABLE, [incident.pk])
    payloads = log.payloads_of([entry.id for entry in entries])
    names = names_of(entry.actor for entry in entries)
    acts = [
        Act(
            entry=entry.id,
            event=entry.event,
            at=entry.parsed["at"],
            actor=entry.actor,
            who=names.get(entry.actor, entry.actor),
            data=entry.parsed["data"],
            payload=payloads.get(entry.id) if entry.parsed["payload"] else {},
            index=entry.index,
        )
        for entry in entries
    ]
    added = {str(act.data.get("task")): act.payload for act in acts if act.event == ADDED}
    # What a task is stands in the entry that added it and nowhere else, so one erasure is enough.
    return [replace(act, payload=added.get(str(act.data.get("task")))) if act.event == DONE else act for act in acts]


def acts_since(incident: Incident, entry: uuid.UUID) -> list[Act]:
    """Return what was done after the act of an entry; everything, if the incident has no such entry."""
    acts = acts_of(incident)
    places = [place for place, act in enumerate(acts) if act.entry == entry]
    return acts[places[-1] + 1 :] if places else acts


def changed_since(incident: Incident, entry: uuid.UUID) -> dict[str, tuple[Any, Any]]:
    """Return the facts and times that changed after an entry: each as it was then and as it is now, as logged."""
    found: dict[str, tuple[Any, Any]] = {}
    for act in acts_since(incident, entry):
        for name, (was, now) in {**act.data.get("facts", {}), **act.data.get("times", {})}.items():
            found[name] = (found[name][0] if name in found else was, now)
    return found


def stated(acts: Sequence[Act]) -> dict[str, Act]:
    """Return which act said each fact and time last; a fact that nobody said is not in it.

    The time, authority and reference of the report of record come from the act that recorded it, until its time is put
    right.
    """
    found: dict[str, Act] = {}
    for act in acts:
        named = [*act.data.get("facts", {}), *act.data.get("times", {})]
        if act.event == "incident.reported" and act.data.get("first"):
            named = ["reported_at", "authority", "reference"]
        found |= dict.fromkeys(named, act)
    return found


def other_reports_sent(acts: Sequence[Act]) -> list[datetime]:
    """Return when the reports were sent other than the one of record."""
    sent: dict[int, str] = {}
    of_record = 0
    for act in acts:
        if act.event == "incident.reported":
            sent[act.data["report"]] = act.data["sent_at"]
            of_record = act.data["report"] if act.data.get("first") else of_record
        elif moved := act.data.get("times", {}).get("reported_at"):
            sent[of_record] = moved[1]
    return [datetime.fromisoformat(at) for report, at in sent.items() if report != of_record]


def told(acts: Sequence[Act]) -> dict[str, Told]:
    """Return each text as it was said last: ``what_happened``, ``persons``, ``equivalent_law_note``."""
    found = {name: Told("") for name in _WORDS}
    for act in acts:
        for name in act.data.get("said", ()):
            text = None if act.payload is None else str(act.payload.get(name, ""))
            found[name] = Told(text, act.who, act.at, act.index)
    return found


def tasks_said(acts: Sequence[Act]) -> dict[str, Told]:
    """Return what each task is, by its id; the text of one that was erased is None."""
    return {
        str(act.data["task"]): Told(
            None if act.payload is None else str(act.payload.get("text", "")), act.who, act.at, act.index
        )
        for act in acts
        if act.event == ADDED
    }


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """Return the names behind actor ids of people."""
    ids = {actor.removeprefix("person:") for actor in actors if actor.startswith("person:")}
    return {f"person:{person.pk}": person.name for person in User.objects.filter(pk__in=ids)}


def clock_day(moment: datetime) -> date:
    """Return the UTC day of a moment."""
    return moment.astimezone(UTC).date()
