"""Write down serious incidents and what is done about them, until somebody else closes them."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction

from governance.accounts.access import may_read
from governance.accounts.models import User
from governance.accounts.services import require_password
from governance.audit import services as audit
from governance.audit.events import Event
from governance.audit.governed import Governed
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.inventory.models import AISystem
from governance.regulation import register
from monitoring.incidents import selectors
from monitoring.incidents.errors import (
    IncidentClosed,
    IncidentNotReported,
    IncidentTaskDone,
    IncidentTasksOpen,
    IncidentTimesRefused,
    OwnIncident,
)
from monitoring.incidents.models import Incident, IncidentNote, IncidentTask
from monitoring.models import Alert
from registry.models import ModelVersion

SHORTEST, LONGEST = 20, 4000
TIMES = ("occurred_at", "aware_at", "suspected_at", "link_established_at", "reported_at")
NAMES = {
    "occurred_at": "the incident occurred",
    "aware_at": "we became aware of it",
    "suspected_at": "a link was suspected",
    "link_established_at": "the link was established",
    "reported_at": "it was reported",
}
IN_ORDER = (
    *(("occurred_at", "suspected_at"), ("occurred_at", "aware_at")),
    *(("aware_at", "link_established_at"), ("suspected_at", "link_established_at"), ("aware_at", "reported_at")),
)
"""Which time can't lie after which."""
SAID = ("what_happened", "persons")
FACTS = ("harm", "death", "widespread", "equivalent_law", "equivalent_law_note")


@transaction.atomic
def open_incident(
    *,
    system: AISystem,
    title: str,
    what_happened: str,
    by: User,
    aware_at: datetime | None = None,
    owner: User | None = None,
    persons: str = "",
    version: ModelVersion | None = None,
    alert: Alert | None = None,
    times: Mapping[str, datetime | None] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Incident:
    """Write an incident down. Its clocks run from awareness; the system's owner has it unless another is named.

    Args:
        aware_at: now, if left out.
        persons: whom it affected, if known.
        version: by default the one that the alert is about.
        times: ``occurred_at``, ``suspected_at``, ``link_established_at``, as far as known.
        facts: of ``FACTS``; the harm is not established unless it says so.

    Raises:
        Forbidden: the person's roles keep no incidents of the system.
        InvalidInput: the title, the text, the owner or a fact can't be; the version or the alert is of another system.
        IncidentTimesRefused: a time lies in the future, or two of them are in an order that can't be.
    """
    _check_keeper(by, system.pk)
    now = clock.now()
    # One after the other, so that no two take a number and none that is rolled back leaves a gap.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('placet incident', 0))")
    newest = Incident.objects.order_by("-number").values_list("number", flat=True).first()
    incident = Incident(
        number=(newest or 0) + 1,
        system=system,
        version=version or (alert.version if alert else None),
        alert=alert,
        title=_title(title),
        owner=owner or system.owner,
        opened_by=by,
        opened_at=now,
        aware_at=aware_at or now,
        **{name: at for name, at in (times or {}).items() if name in TIMES and name not in {"aware_at", "reported_at"}},
    )
    _check_owner(incident)
    _check_of_system(incident)
    _take_facts(incident, facts or {})
    _check_times(incident, now)
    words = {"what_happened": _words(what_happened, "Say what happened"), "persons": persons.strip()[:LONGEST]}
    said = [name for name, text in words.items() if text]
    data = {"said": said, "alert": alert.pk if alert else None, "harm": incident.harm}
    if incident.version:
        data["version"] = incident.version.subject_name
    return _log(incident, Event.INCIDENT_OPENED, by, data, {"title": incident.title} | {n: words[n] for n in said})


@transaction.atomic
def change_facts(
    *, incident_id: uuid.UUID, by: User, why: str, facts: Mapping[str, Any], words: Mapping[str, str] | None = None
) -> Incident:
    """State anew what an incident is: its harm, whether somebody died, what it affected. The log keeps what was said.

    Args:
        facts: of ``FACTS``; those left out stay.
        words: ``what_happened`` and ``persons``; those left out stay.

    Raises:
        Unknown, IncidentClosed, Forbidden: no such incident for the person, it is closed, or they keep none.
        InvalidInput: nothing changes, a value can't be, or no reason is given.
    """
    incident = _worked_on(incident_id, by)
    before = [getattr(incident, name) for name in FACTS]
    _take_facts(incident, facts)
    said = {
        name: text.strip()[:LONGEST] for name, text in (words or {}).items() if name in {"what_happened", "persons"}
    }
    if "what_happened" in said:
        said["what_happened"] = _words(said["what_happened"], "Say what happened")
    if before == [getattr(incident, name) for name in FACTS] and not said:
        raise InvalidInput("Nothing of it differs from what is known.")
    payload = {"why": _words(why, "Say why it changes"), **said}
    return _log(incident, Event.INCIDENT_FACTS_CHANGED, by, {"said": sorted(said), "harm": incident.harm}, payload)


@transaction.atomic
def change_times(*, incident_id: uuid.UUID, by: User, why: str, times: Mapping[str, datetime | None]) -> Incident:
    """Put times right. The entry says each old and new one, and why.

    Args:
        times: of ``TIMES``; those left out stay, None takes one away.

    Raises:
        Unknown, IncidentClosed, Forbidden: as for the facts.
        InvalidInput: nothing changes, or no reason is given.
        IncidentTimesRefused: awareness is taken away, a report is given a time that nobody sent, or as for opening.
    """
    incident = _worked_on(incident_id, by)
    changed = {name: at for name, at in times.items() if name in TIMES and at != getattr(incident, name)}
    if not changed:
        raise InvalidInput("No time differs from what is known.")
    if "aware_at" in changed and changed["aware_at"] is None:
        raise IncidentTimesRefused("An incident that is written down is known; say since when.", field="aware_at")
    if "reported_at" in changed and (incident.reported_at is None or changed["reported_at"] is None):
        raise IncidentTimesRefused(
            "A report gets its time when you record that it was sent, and is not unsent.", field="reported_at"
        )
    was = {name: getattr(incident, name) for name in changed}
    for name, at in changed.items():
        setattr(incident, name, at)
    _check_times(incident, clock.now())
    data = {"times": {name: [was[name], at] for name, at in changed.items()}}
    return _log(incident, Event.INCIDENT_TIMES_CHANGED, by, data, {"why": _words(why, "Say why a time changes")})


@transaction.atomic
def add_note(*, incident_id: uuid.UUID, by: User, text: str) -> IncidentNote:
    """Note something. It is never changed; its words can be erased.

    Raises:
        Unknown, IncidentClosed, Forbidden: as for the facts.
        InvalidInput: no text, or more than 4,000 characters.
    """
    incident = _worked_on(incident_id, by)
    note = IncidentNote(incident=incident, author=by, written_at=clock.now())
    _log(incident, Event.INCIDENT_NOTED, by, {"note": note.pk}, {"text": _words(text, "Note it", 1)}, [note])
    return note


@transaction.atomic
def add_task(*, incident_id: uuid.UUID, by: User, text: str, owner: User, due_on: date) -> IncidentTask:
    """Give somebody something to do about an incident.

    Raises:
        Unknown, IncidentClosed, Forbidden: as for the facts.
        InvalidInput: no text or more than 300 characters, a day that is past, or an owner who can't read the incident.
    """
    incident = _worked_on(incident_id, by)
    if not 0 < len(text.strip()) <= 300:
        raise InvalidInput("Say what is to be done, in 1 to 300 characters.")
    if due_on < clock.now().date():
        raise InvalidInput("The day lies in the past; give one from today on.")
    if owner.is_service or not owner.is_active or not may_read(owner, incident.system_id):
        raise InvalidInput("A task goes to an active person with a role for the AI system.")
    task = IncidentTask(incident=incident, text=text.strip(), owner=owner, due_on=due_on, made_at=clock.now())
    data = {"task": task.pk, "owner": owner.actor_id, "due": due_on}
    _log(incident, Event.INCIDENT_TASK_ADDED, by, data, {"text": task.text}, [task])
    return task


@transaction.atomic
def finish_task(*, incident_id: uuid.UUID, task_id: uuid.UUID, by: User) -> IncidentTask:
    """Say that a task is done.

    Raises:
        Unknown, IncidentClosed, Forbidden: as for the facts; or the incident has no such task.
        IncidentTaskDone: somebody was first.
    """
    incident = _worked_on(incident_id, by)
    task = IncidentTask.objects.select_for_update().filter(incident=incident, pk=task_id).first()
    if task is None:
        raise Unknown(f"{incident} has no task {task_id}.")
    if task.done_at:
        raise IncidentTaskDone(f"{task.text} is done.")
    task.done_at, task.done_by = clock.now(), by
    _log(incident, Event.INCIDENT_TASK_DONE, by, {"task": task.pk}, {"text": task.text}, [task])
    return task


@transaction.atomic
def record_report(
    *,
    incident_id: uuid.UUID,
    by: User,
    authority: str,
    reference: str,
    reported_at: datetime | None = None,
    remarks: str = "",
) -> Incident:
    """Record that a report was sent to an authority; Placet sends none. Further ones may follow the first.

    The row keeps the first, which is the one that is due; the log keeps each.

    Raises:
        Unknown, IncidentClosed: no such incident for the person, or it is closed.
        Forbidden: the person is neither owner nor risk officer of the system.
        InvalidInput: no authority or no reference.
        IncidentTimesRefused: it was sent before awareness or will be in the future.
    """
    incident = _locked(incident_id, by)
    _check_reporter(by, incident)
    authority, reference = _line(authority, "Name the authority"), _line(reference, "Give the reference of the report")
    sent_at = reported_at or clock.now()
    first = incident.reported_at is None
    if not incident.aware_at <= sent_at <= clock.now():
        raise IncidentTimesRefused("A report is sent after awareness and not in the future.", field="reported_at")
    incident.reports += 1
    if first:
        incident.state, incident.reported_at = Incident.State.REPORTED, sent_at
        incident.authority, incident.reference = authority, reference
    data = {"report": incident.reports, "sent_at": sent_at}
    payload = {"authority": authority, "reference": reference, "remarks": remarks.strip()[:LONGEST]}
    return _log(incident, Event.INCIDENT_REPORTED, by, data, {n: text for n, text in payload.items() if text})


@transaction.atomic
def close_incident(
    *, incident_id: uuid.UUID, closer: User, how: str, password: str, not_serious: bool = False
) -> Incident:
    """Close an incident that one does not own, once it was reported, or because it was not serious; signed.

    Raises:
        Unknown, IncidentClosed: no such incident for the person, or somebody was first.
        OwnIncident: the closer owns it.
        Forbidden: the closer is neither owner nor risk officer of the system.
        IncidentNotReported: it is not said to be not serious.
        IncidentTasksOpen: something is left to do.
        InvalidInput: fewer than 20 characters say how it ended, or why it was not serious.
        SignInAgain: the password is not the closer's.
    """
    incident = _locked(incident_id, closer)
    if incident.owner_id == closer.pk:
        raise OwnIncident("You own this incident; somebody else must see that it is over.")
    _check_reporter(closer, incident)
    if incident.reported_at is None and not not_serious:
        raise IncidentNotReported("Record the report first, or say why the incident is not serious.")
    if left := incident.tasks.filter(done_at__isnull=True).count():
        raise IncidentTasksOpen(f"{left} of its tasks are open; have them done first.")
    how = _words(how, "Say why it is not serious" if not_serious else "Say how it ended")
    require_password(closer, password)
    incident.state, incident.not_serious = Incident.State.CLOSED, not_serious
    incident.closed_at, incident.closed_by = clock.now(), closer
    return _log(incident, Event.INCIDENT_CLOSED, closer, {"not_serious": not_serious}, {"how": how})


def _locked(incident_id: uuid.UUID, person: User) -> Incident:
    rows = Incident.objects.select_for_update(of=("self",)).select_related("system", "owner", "version__model")
    incident = rows.filter(pk=incident_id).first()
    if incident is None or not may_read(person, incident.system_id):
        raise Unknown(selectors.no_incident(incident_id))
    if incident.state == Incident.State.CLOSED:
        raise IncidentClosed(f"{incident} is closed.")
    return incident


def _worked_on(incident_id: uuid.UUID, person: User) -> Incident:
    incident = _locked(incident_id, person)
    _check_keeper(person, incident.system_id)
    return incident


def _check_keeper(person: User, system_id: uuid.UUID) -> None:
    if not selectors.is_keeper(person, system_id):
        raise Forbidden("An incident is kept by an owner, engineer, validator, risk officer or administrator.")


def _check_reporter(person: User, incident: Incident) -> None:
    if not selectors.is_reporter(person, incident.system_id):
        raise Forbidden("An owner or a risk officer of the AI system does this.")


def _check_owner(incident: Incident) -> None:
    owner = incident.owner
    if owner.is_service or not owner.is_active or not may_read(owner, incident.system_id):
        raise InvalidInput("An incident is owned by an active person with a role for the AI system.")


def _check_of_system(incident: Incident) -> None:
    if incident.alert and incident.alert.monitor.model.system_id != incident.system_id:
        raise InvalidInput("The alert is about another AI system.")
    if incident.version and incident.version.model.system_id != incident.system_id:
        raise InvalidInput("The version serves another AI system.")


def _take_facts(incident: Incident, facts: Mapping[str, Any]) -> None:
    for name in FACTS:
        if name in facts:
            setattr(incident, name, facts[name].strip() if isinstance(facts[name], str) else facts[name])
    if incident.harm not in Incident.Harm.values:
        raise InvalidInput(f"The harm is one of {', '.join(Incident.Harm.values)}.")
    if not incident.equivalent_law:
        incident.equivalent_law_note = ""
    elif not 0 < len(incident.equivalent_law_note) <= 300:
        raise InvalidInput(
            "Say who said that your sector's law has an equivalent duty, and which law, in 1 to 300 characters."
        )


def _check_times(incident: Incident, now: datetime) -> None:
    for name in TIMES:
        if (at := getattr(incident, name)) is not None and at > now:
            raise IncidentTimesRefused(f"When {NAMES[name]} can't lie in the future.", field=name)
    if incident.aware_at > incident.opened_at:
        raise IncidentTimesRefused(
            "Whoever wrote the incident down was aware of it: at the latest "
            f"{clock.rfc3339(incident.opened_at)[:16].replace('T', ', ')} UTC.",
            field="aware_at",
        )
    for earlier, later in IN_ORDER:
        first, second = getattr(incident, earlier), getattr(incident, later)
        if first is not None and second is not None and first > second:
            raise IncidentTimesRefused(f"When {NAMES[earlier]} can't lie after when {NAMES[later]}.", field=later)


def _title(text: str) -> str:
    if not 0 < len(text.strip()) <= 300:
        raise InvalidInput("Name the incident in 1 to 300 characters.")
    return text.strip()


def _line(text: str, what: str) -> str:
    if not 0 < len(text.strip()) <= 200:
        raise InvalidInput(f"{what}, in 1 to 200 characters.")
    return text.strip()


def _words(text: str, what: str, shortest: int = SHORTEST) -> str:
    if not shortest <= len(text.strip()) <= LONGEST:
        raise InvalidInput(f"{what}, in {shortest} to {LONGEST:,} characters.")
    return text.strip()


def _log(
    incident: Incident,
    event: Event,
    by: User,
    data: Mapping[str, Any],
    payload: Mapping[str, str],
    rows: Sequence[Governed] = (),
) -> Incident:
    """Append the entry of an act: what the clocks said then, and by which law."""
    about = {
        "incident": incident.number,
        "system": incident.system.slug,
        "state": incident.state,
        "due": selectors.due_of(incident),
        "law": register.load().version,
    }
    audit.append(event=event, actor=by, subjects=[incident, *rows], data={**about, **data}, payload=payload)
    return incident
