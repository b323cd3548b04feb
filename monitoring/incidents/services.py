"""Write down serious incidents and what is done about them, until somebody else closes them."""

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction

from governance.accounts.access import may_read
from governance.accounts.models import User
from governance.accounts.services import require_password
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import InvalidInput, Unknown
from governance.inventory.models import AISystem
from monitoring.incidents import selectors
from monitoring.incidents.checks import (
    NOTE,
    SAID,
    TIMES,
    check_closer,
    check_keeper,
    check_owner,
    check_reporter,
    check_times,
    line,
    locked,
    log_act,
    long_text,
    take_facts,
    title_of,
    worked_on,
)
from monitoring.incidents.errors import IncidentTaskDone, IncidentTasksOpen, IncidentTimesRefused
from monitoring.incidents.models import Incident, IncidentNote, IncidentTask
from monitoring.models import Alert
from registry.models import ModelVersion

REFERENCED = {
    Incident.Ending.NOT_OWED: "Name the law by which no report is owed",
    Incident.Ending.PROVIDER_INFORMED: "Name the provider, and how and when it was informed",
}
"""What a closing without a report of our own refers to, by its ground."""


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
    equivalent_law_note: str = "",
    version: ModelVersion | None = None,
    alert: Alert | None = None,
    times: Mapping[str, datetime | None] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Incident:
    """Write an incident down. Its clocks run from awareness; the system's owner has it unless another is named.

    Args:
        aware_at: now, if left out.
        persons: whom it affected, if known.
        equivalent_law_note: who said that the law named by ``equivalent_law`` is one, and which it is.
        version: by default the one that the alert is about.
        times: ``occurred_at``, ``suspected_at``, ``link_established_at``, as far as known.
        facts: of ``FACTS``; no harm is established unless it says so.

    Raises:
        Forbidden: the person's roles keep no incidents of the system, or report none and say that a law takes it away.
        InvalidInput: the title, the text, the owner or a fact can't be; the version or the alert is of another system.
        IncidentTimesRefused: a time lies in the future, or two of them are in an order that can't be.
    """
    check_keeper(by, system.pk)
    now = clock.now()
    # One after the other, so that no two take a number and none that is rolled back leaves a gap.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('placet incident', 0))")
    newest = Incident.objects.order_by("-number").values_list("number", flat=True).first()
    incident = Incident(
        number=(newest or 0) + 1,
        system=system,
        alert=alert,
        title=title_of(title),
        owner=owner or system.owner,
        opened_by=by,
        stated_by=by,
        opened_at=now,
        aware_at=aware_at or now,
        **{name: at for name, at in (times or {}).items() if name in TIMES and name not in {"aware_at", "reported_at"}},
    )
    check_owner(incident.owner, incident)
    version = version or (alert.version if alert else None)
    stated = take_facts(incident, {**(facts or {}), "version": version}, _note(equivalent_law_note, facts), by)
    check_times(incident, now)
    told = {
        "what_happened": long_text(what_happened, "Say what happened"),
        "persons": long_text(persons, "Say whom it affected", 0),
        NOTE: _note(equivalent_law_note, facts),
    }
    told = {name: text for name, text in told.items() if text}
    known = {name: [None, at] for name in TIMES if (at := getattr(incident, name)) is not None}
    data = {"said": list(told), "alert": alert.pk if alert else None, "facts": stated, "times": known}
    return log_act(incident, Event.INCIDENT_OPENED, by, data, {"title": incident.title} | told)


@transaction.atomic
def change_facts(
    *,
    incident_id: uuid.UUID,
    by: User,
    why: str,
    facts: Mapping[str, Any],
    words: Mapping[str, str] | None = None,
    seen: uuid.UUID | None = None,
) -> Incident:
    """State anew what an incident is: its harms, where it occurred, which version. The log keeps what was said.

    Args:
        facts: of ``FACTS``; those left out stay.
        words: of ``SAID``; those left out stay.
        seen: the incident's newest log entry as the person saw it; None: any state will do.

    Raises:
        Unknown, IncidentClosed, Forbidden: no such incident for the person, it is closed, or they keep none; or they
            report none and say that an equivalent law takes reports away.
        IncidentChanged: somebody was first.
        InvalidInput: nothing changes, a value can't be, or no reason is given.
    """
    incident = worked_on(incident_id, by, seen=seen)
    said = {name: long_text(text, SAID[name], 0) for name, text in (words or {}).items() if name in SAID}
    law = facts.get("equivalent_law", incident.equivalent_law)
    if not law or not said.get(NOTE):
        said.pop(NOTE, None)
    changed = take_facts(incident, facts, said.get(NOTE, ""), by)
    if "what_happened" in said:
        said["what_happened"] = long_text(said["what_happened"], "Say what happened")
    if not changed and not said:
        raise InvalidInput("Nothing of it differs from what is known.")
    incident.stated_by = by
    payload = {"why": long_text(why, "Say why it changes"), **said}
    return log_act(incident, Event.INCIDENT_FACTS_CHANGED, by, {"said": sorted(said), "facts": changed}, payload)


@transaction.atomic
def change_times(
    *,
    incident_id: uuid.UUID,
    by: User,
    why: str,
    times: Mapping[str, datetime | None],
    seen: uuid.UUID | None = None,
) -> Incident:
    """Put times right. The entry says each old and new one, and why.

    Args:
        times: of ``TIMES``; those left out stay, None takes one away.
        seen: the incident's newest log entry as the person saw it; None: any state will do.

    Raises:
        Unknown, IncidentClosed, IncidentChanged: as for the facts.
        Forbidden: the person keeps none; or reports none, and moves awareness to a later time or a report to another.
        InvalidInput: nothing changes, or no reason is given.
        IncidentTimesRefused: awareness is taken away, a report is given a time that nobody sent, or as for opening.
    """
    incident = worked_on(incident_id, by, seen=seen)
    changed = {name: at for name, at in times.items() if name in TIMES and at != getattr(incident, name)}
    if not changed:
        raise InvalidInput("No time differs from what is known.")
    was = {name: getattr(incident, name) for name in changed}
    if "aware_at" in changed:
        aware = changed["aware_at"]
        if aware is None:
            raise IncidentTimesRefused("An incident that is written down is known; say since when.", field="aware_at")
        if aware > incident.aware_at:
            check_reporter(by, incident, "moves awareness to a later time, for that gives the report more of it")
    if "reported_at" in changed:
        _check_report_moves(incident, changed["reported_at"], by)
    for name, at in changed.items():
        setattr(incident, name, at)
    check_times(incident, clock.now())
    data = {"times": {name: [was[name], at] for name, at in changed.items()}}
    return log_act(incident, Event.INCIDENT_TIMES_CHANGED, by, data, {"why": long_text(why, "Say why a time changes")})


def _check_report_moves(incident: Incident, sent_at: datetime | None, by: User) -> None:
    if incident.reported_at is None or sent_at is None:
        raise IncidentTimesRefused(
            "A report gets its time when you record that it was sent, and is not unsent.", field="reported_at"
        )
    check_reporter(by, incident, "says when the report was sent")
    others = selectors.other_reports_sent(selectors.acts_of(incident))
    if others and sent_at > min(others):
        raise IncidentTimesRefused(
            "Another report was sent before that, so this one would not be the first. Note what is wrong with it.",
            field="reported_at",
        )


@transaction.atomic
def hand_over(*, incident_id: uuid.UUID, by: User, owner: User, why: str) -> Incident:
    """Give an incident to another person. Whoever does so can't close it, so that nobody hands their own work away.

    Raises:
        Unknown, IncidentClosed: as for the facts.
        Forbidden: the person neither owns the incident nor reports those of the system.
        InvalidInput: the person has it already or can't read it, or no reason is given.
    """
    incident = locked(incident_id, by)
    if incident.owner_id != by.pk:
        check_reporter(by, incident, "or who owns the incident hands it over")
    if incident.owner_id == owner.pk:
        raise InvalidInput(f"{owner.name} has it already.", field="owner")
    check_owner(owner, incident)
    was, incident.owner, incident.handed_over_by = incident.owner, owner, by
    data = {"from": was.actor_id, "owner": owner.actor_id}
    return log_act(incident, Event.INCIDENT_HANDED_OVER, by, data, {"why": long_text(why, "Say why it is handed over")})


@transaction.atomic
def add_note(*, incident_id: uuid.UUID, by: User, text: str) -> IncidentNote:
    """Note something. It is never changed; its words can be erased.

    Raises:
        Unknown, IncidentClosed, Forbidden: as for the facts.
        InvalidInput: no text, or more than 4,000 characters.
    """
    incident = worked_on(incident_id, by)
    note = IncidentNote(incident=incident, author=by, written_at=clock.now())
    log_act(incident, Event.INCIDENT_NOTED, by, {"note": note.pk}, {"text": long_text(text, "Note it", 1)}, [note])
    return note


@transaction.atomic
def add_task(*, incident_id: uuid.UUID, by: User, text: str, owner: User, due_on: date) -> IncidentTask:
    """Give somebody something to do about an incident.

    Raises:
        Unknown, IncidentClosed, Forbidden: as for the facts.
        InvalidInput: no text or more than 300 characters, a day that is past, or an owner who can't read the incident.
    """
    incident = worked_on(incident_id, by)
    if not 0 < len(text.strip()) <= 300:
        raise InvalidInput("Say what is to be done, in 1 to 300 characters.")
    if due_on < clock.now().date():
        raise InvalidInput("The day lies in the past; give one from today on.")
    if owner.is_service or not owner.is_active or not may_read(owner, incident.system_id):
        raise InvalidInput("A task goes to an active person with a role for the AI system.")
    task = IncidentTask(incident=incident, owner=owner, due_on=due_on, made_at=clock.now())
    data = {"task": task.pk, "owner": owner.actor_id, "due": due_on}
    log_act(incident, Event.INCIDENT_TASK_ADDED, by, data, {"text": text.strip()}, [task])
    return task


@transaction.atomic
def finish_task(*, incident_id: uuid.UUID, task_id: uuid.UUID, by: User) -> IncidentTask:
    """Say that a task is done: one's own, whatever one's role, or as who keeps the incident.

    Raises:
        Unknown, IncidentClosed, Forbidden: as for the facts; or the incident has no such task.
        IncidentTaskDone: somebody was first.
    """
    incident = locked(incident_id, by)
    task = IncidentTask.objects.select_for_update().filter(incident=incident, pk=task_id).first()
    if task is None or task.owner_id != by.pk:
        check_keeper(by, incident.system_id)
    if task is None:
        raise Unknown(f"{incident} has no task {task_id}.")
    if task.done_at:
        raise IncidentTaskDone("Somebody has done that task.")
    task.done_at, task.done_by = clock.now(), by
    log_act(incident, Event.INCIDENT_TASK_DONE, by, {"task": task.pk}, {}, [task])
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
    """Record that a report was sent to an authority; Placet sends none. Further ones may follow.

    The row keeps the one that was sent first, which is the one that is due, also if it is recorded after another; the
    log keeps each.

    Raises:
        Unknown, IncidentClosed: no such incident for the person, or it is closed.
        Forbidden: the person is neither owner nor risk officer of the system.
        InvalidInput: no authority, no reference, or remarks of more than 4,000 characters.
        IncidentTimesRefused: it was sent before awareness or will be in the future.
    """
    incident = locked(incident_id, by)
    check_reporter(by, incident)
    authority, reference = line(authority, "Name the authority"), line(reference, "Give the reference of the report")
    sent_at = reported_at or clock.now()
    if not incident.aware_at <= sent_at <= clock.now():
        raise IncidentTimesRefused("A report is sent after awareness and not in the future.", field="reported_at")
    incident.reports += 1
    first = incident.reported_at is None or sent_at < incident.reported_at
    if first:
        incident.state, incident.reported_at, incident.reported_by = Incident.State.REPORTED, sent_at, by
        incident.authority, incident.reference = authority, reference
    data = {"report": incident.reports, "sent_at": sent_at, "first": first}
    remarks = long_text(remarks, "Shorten the remarks", 0)
    payload = {"authority": authority, "reference": reference, "remarks": remarks}
    return log_act(incident, Event.INCIDENT_REPORTED, by, data, {n: text for n, text in payload.items() if text})


@transaction.atomic
def close_incident(
    *,
    incident_id: uuid.UUID,
    closer: User,
    how: str,
    password: str,
    ending: str = Incident.Ending.REPORTED,
    reference: str = "",
    seen: uuid.UUID | None = None,
) -> Incident:
    """Close an incident that rests on the word of others, on one of four grounds; signed.

    Args:
        ending: it was reported; it is not serious; no report is owed under Article 73; or the provider, whose report
            it is, was informed (Article 26(5)).
        reference: of the last two: the law, or which provider was informed, how and when.
        seen: the incident's newest log entry as the person saw it; None: any state will do.

    Raises:
        Unknown, IncidentClosed: no such incident for the person, or somebody was first.
        IncidentChanged: it is no longer what the person saw.
        OwnIncident: the closer owns it, or handed it over.
        OwnWord: the closer recorded the report; of the other grounds: wrote it down, or stated last what it is.
        Forbidden: the closer is neither owner nor risk officer of the system.
        IncidentNotReported: it is to be closed as reported, and is not.
        IncidentTasksOpen: something is left to do.
        InvalidInput: fewer than 20 characters say how it ended, the ground lacks its reference, or is not one.
        SignInAgain: the password is not the closer's.
    """
    incident = locked(incident_id, closer, seen=seen)
    check_closer(closer, incident, ending)
    if left := incident.tasks.filter(done_at__isnull=True).count():
        raise IncidentTasksOpen(f"{left} of its tasks are open; have them done first.")
    asked = REFERENCED.get(Incident.Ending(ending))
    incident.ending_reference = line(reference, asked, field="ending_reference") if asked else ""
    how = long_text(how, "Say how it ended" if ending == Incident.Ending.REPORTED else "Say why it is closed")
    require_password(closer, password)
    incident.state, incident.ending = Incident.State.CLOSED, ending
    incident.closed_at, incident.closed_by = clock.now(), closer
    payload = {"how": how} | ({"reference": incident.ending_reference} if asked else {})
    return log_act(incident, Event.INCIDENT_CLOSED, closer, {"ending": ending}, payload)


def _note(text: str, facts: Mapping[str, Any] | None) -> str:
    return text.strip() if (facts or {}).get("equivalent_law") else ""
