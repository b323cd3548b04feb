"""What the database refuses of serious incidents, whatever the services do."""

from __future__ import annotations

import uuid

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from incident_world import ago, an_incident, closed, fresh, people, report, task_of

from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from monitoring.incidents import services
from monitoring.incidents.errors import (
    IncidentClosed,
    IncidentTaskDone,
)
from monitoring.incidents.models import Incident, IncidentNote, IncidentTask

# Real commits: the log's deferred triggers look at each of them.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def around():
    return people()


def refused_by_the_database(rule, change):
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        change()
    assert rule in str(refusal.value.__cause__.diag.constraint_name)


def written(incident):
    """Write a row as it was changed here, with its log entry, past the services."""
    audit.append(event=Event.INCIDENT_TIMES_CHANGED, actor=incident.opened_by, subjects=[incident])


def test_a_number_that_leaves_a_gap_is_refused(around):
    first = an_incident(around)
    skipping = Incident(number=first.number + 5, system=around.system, title="x", owner=around.owner)
    skipping.opened_by, skipping.opened_at, skipping.aware_at = around.engineer, clock.now(), ago(days=1)
    refused_by_the_database("incident_numbers_have_no_gap", lambda: written(skipping))


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("known_harms_of_an_incident", {"harms": ["rights", "e"]}),
        ("known_member_states_of_an_incident", {"member_states": ["DE", "XX"]}),
        ("known_law_that_is_equivalent", {"equivalent_law": "Art 1"}),
        ("incident_occurred_before_it_was_known", {"occurred_at": 1}),
        ("incident_occurred_before_it_was_known", {"occurred_at": 4, "suspected_at": 5}),
        ("aware_once_it_is_written_down", {"aware_at": 0}),
        ("link_established_after_awareness_and_suspicion", {"link_established_at": 4}),
        ("link_established_after_awareness_and_suspicion", {"suspected_at": 1, "link_established_at": 2}),
        ("reported_to_an_authority_with_a_reference", {"reported_at": 1, "state": "reported"}),
        ("reported_to_an_authority_with_a_reference", {"authority": "An authority"}),
        ("reported_once_a_report_was_sent", {"state": "reported"}),
        ("closed_on_a_ground", {"ending": "not_serious"}),
        ("no_report_of_our_own_has_a_reference", {"ending_reference": "a law"}),
        ("no_time_of_an_incident_in_the_future", {"link_established_at": -1}),
        ("incident_of_one_system", {"number": 77}),
        ("sent_report_stays", {"reports": -1}),
    ],
)
def test_the_database_keeps_the_rules_whatever_the_services_do(around, rule, change):
    incident = an_incident(around)
    for name, value in change.items():
        days = type(value) is int and name.endswith("_at")
        setattr(incident, name, ago(days=value) if days else value)
    if rule == "sent_report_stays":
        report(incident, around.owner)
        incident = fresh(incident)
        incident.reports = 0
    refused_by_the_database(rule, lambda: written(incident))


def test_the_database_closes_an_incident_for_another_person_and_without_open_tasks_only(around):
    incident = report(an_incident(around), around.owner)
    task = task_of(incident, around.engineer)
    incident.state, incident.closed_at, incident.closed_by = "closed", clock.now(), around.officer
    incident.ending = "reported"
    refused_by_the_database("incident_closed_without_open_tasks", lambda: written(incident))
    services.finish_task(incident_id=incident.pk, task_id=task.pk, by=around.engineer)
    incident.closed_by = around.owner
    refused_by_the_database("incident_closed_by_another_person", lambda: written(incident))
    incident.closed_by = None
    refused_by_the_database("incident_closed_by_somebody_iff_closed", lambda: written(incident))


def test_what_is_closed_done_or_noted_stays_as_it_is(around):
    incident = report(an_incident(around), around.owner)
    task = task_of(incident, around.engineer)
    note = services.add_note(incident_id=incident.pk, by=around.engineer, text="Called the authority.")
    services.finish_task(incident_id=incident.pk, task_id=task.pk, by=around.officer)
    with pytest.raises(IncidentTaskDone):
        services.finish_task(incident_id=incident.pk, task_id=task.pk, by=around.officer)
    closed(incident, around.officer)
    for act in (
        lambda: services.add_note(incident_id=incident.pk, by=around.engineer, text="Late."),
        lambda: task_of(incident, around.engineer),
        lambda: report(incident, around.owner),
        lambda: closed(incident, around.officer),
    ):
        with pytest.raises(IncidentClosed):
            act()
    for row in (fresh(incident), IncidentNote.objects.get(pk=note.pk), IncidentTask.objects.get(pk=task.pk)):
        same = type(row).objects.filter(pk=row.pk)
        for change in (
            lambda same=same: same.update(log_entry=uuid.uuid4()),
            lambda same=same: same._raw_delete("default"),
        ):
            with (
                pytest.raises(DatabaseError, match="these rows are kept as they were written"),
                transaction.atomic(),
            ):
                change()
    late = IncidentNote(incident=incident, author=around.engineer, written_at=clock.now())
    refused_by_the_database(
        "incident_worked_on_while_open",
        lambda: audit.append(event=Event.INCIDENT_NOTED, actor=around.engineer, subjects=[late]),
    )
