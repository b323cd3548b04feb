"""Read serious incidents: who may, which clocks run, what was done, and what must not be altered meanwhile."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
from monitoring.incidents.clocks import Case, Clock, Harm, Times, clocks, first_due
from monitoring.incidents.models import Incident

KEEPERS = (Role.OWNER, Role.ENGINEER, Role.RISK_OFFICER, Role.VALIDATOR, Role.ADMINISTRATOR)
"""Who opens incidents of a system, states facts and times, notes and does tasks."""
REPORTERS = (Role.OWNER, Role.RISK_OFFICER)
"""Who reports one to the authority and, as another person than its owner, closes it."""
TABLE = "monitoring_incident"
_WORDS = ("what_happened", "persons")


@dataclass(frozen=True)
class Act:
    """Something that was done about an incident.

    Attributes:
        actor: id of who did it; ``who`` is their name.
        payload: the words that came with it; None once they were erased, empty where there were none.
        index: of its entry in the log, None until the notary has placed it.
    """

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
    rows = Incident.objects.select_related("system", "owner", "version__model", "closed_by")
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
    known = incident.harm != Incident.Harm.NOT_ESTABLISHED
    return Case(
        harm=Harm(incident.harm) if known else None,
        death=incident.death,
        widespread=incident.widespread,
        equivalent_law=incident.equivalent_law,
    )


def times_of(incident: Incident) -> Times:
    """Return the four times of an incident."""
    return Times(incident.aware_at, incident.suspected_at, incident.link_established_at, incident.reported_at)


def clocks_of(incident: Incident, route: Route = "annex_iii") -> tuple[Clock, ...]:
    """Return the clocks of an incident, by the law as it stood on the day of awareness."""
    on = clock_day(incident.aware_at)
    return clocks(register.load(), case_of(incident), times_of(incident), on=on, route=route)


def due_of(incident: Incident) -> date | None:
    """Return the first day by which an incident is reported; None where no report is owed."""
    found = first_due(clocks_of(incident))
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
    return [
        Act(
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


def told(acts: Sequence[Act]) -> dict[str, Told]:
    """Return what happened and whom it affected, each as it was said last: ``what_happened``, ``persons``."""
    found = {name: Told("") for name in _WORDS}
    for act in acts:
        for name in act.data.get("said", ()):
            text = None if act.payload is None else str(act.payload.get(name, ""))
            found[name] = Told(text, act.who, act.at, act.index)
    return found


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """Return the names behind actor ids of people."""
    ids = {actor.removeprefix("person:") for actor in actors if actor.startswith("person:")}
    return {f"person:{person.pk}": person.name for person in User.objects.filter(pk__in=ids)}


def clock_day(moment: datetime) -> date:
    """Return the UTC day of a moment."""
    return moment.astimezone(UTC).date()
