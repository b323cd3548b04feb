"""Serious incidents through their services: who may what, what the log keeps, and what the database refuses."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from incident_world import TOLD, WHY, ago, an_incident, closed, fresh, people, report, task_of, with_a_version

from governance.accounts.services import SignInAgain
from governance.audit import selectors as log
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.regulation import register
from monitoring.incidents import selectors, services, wording
from monitoring.incidents.errors import (
    IncidentClosed,
    IncidentNotReported,
    IncidentTasksOpen,
    IncidentTimesRefused,
    OwnIncident,
)
from monitoring.incidents.models import IncidentTask
from tests.factories import a_user

# Real commits: the log's deferred triggers look at each of them.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def around():
    return people()


def test_an_incident_goes_from_its_first_word_to_its_closing_by_somebody_else(around):
    incident = an_incident(around, facts={"harms": ["rights"]})
    assert (str(incident), incident.state, incident.owner) == (f"INC-{incident.number}", "open", around.owner)
    with pytest.raises(IncidentNotReported):
        closed(incident, around.officer)
    report(incident, around.owner)
    found = fresh(incident)
    assert (found.state, found.reports, found.authority) == ("reported", 1, "Market surveillance authority")
    with pytest.raises(OwnIncident):
        closed(incident, around.owner)
    with pytest.raises(Forbidden):
        closed(incident, around.validator)
    with pytest.raises(SignInAgain):
        closed(incident, around.officer, password="not it")
    with pytest.raises(InvalidInput):
        closed(incident, around.officer, how="Over.")
    closed(incident, around.officer)
    found = fresh(incident)
    assert (found.state, found.ending, found.closed_by) == ("closed", "reported", around.officer)
    events = [act.event for act in selectors.acts_of(incident)]
    assert events == ["incident.opened", "incident.reported", "incident.closed"]


def test_a_text_that_is_too_long_is_refused_and_never_cut(around):
    with pytest.raises(InvalidInput, match="at most 4,000 characters"):
        an_incident(around, persons="x" * 4_001)
    incident = an_incident(around)
    with pytest.raises(InvalidInput, match="at most 4,000 characters"):
        report(incident, around.owner, remarks="x" * 4_001)
    with pytest.raises(InvalidInput, match="at most 4,000 characters"):
        services.change_facts(
            incident_id=incident.pk, by=around.owner, facts={}, words={"persons": "x" * 4_001}, why=WHY
        )
    assert fresh(incident).reports == 0


def test_numbers_have_no_gap_also_where_one_was_rolled_back(around):
    first = an_incident(around)
    with pytest.raises(RuntimeError), transaction.atomic():
        an_incident(around)
        raise RuntimeError
    assert an_incident(around).number == first.number + 1


def at_once(*acts):
    """Do the acts at the same time, each on its own connection; return what came of each."""
    came, start = [None] * len(acts), threading.Barrier(len(acts))

    def one(place):
        start.wait()
        try:
            came[place] = acts[place]()
        except Exception as error:  # noqa: BLE001 (what came of it is what the test looks at)
            came[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return came


def test_eight_at_once_get_eight_numbers_without_a_gap(around):
    made = at_once(*[lambda: an_incident(around)] * 8)
    assert sorted(row.number for row in made) == list(range(1, 9))


def test_of_two_who_close_at_once_one_does(around):
    incident = report(an_incident(around), around.owner)
    other = a_user("risk_officer")
    came = at_once(lambda: closed(incident, around.officer), lambda: closed(incident, other))
    assert sorted(type(row).__name__ for row in came) == ["Incident", "IncidentClosed"]
    assert [act.event for act in selectors.acts_of(incident)].count("incident.closed") == 1


def test_a_closing_and_a_new_task_at_once_leave_no_open_task_in_a_closed_incident(around):
    for _ in range(5):
        incident = report(an_incident(around), around.owner)
        came = at_once(
            lambda row=incident: closed(row, around.officer), lambda row=incident: task_of(row, around.owner)
        )
        left = IncidentTask.objects.filter(incident=incident, done_at__isnull=True).count()
        if fresh(incident).state == "closed":
            assert left == 0
            assert isinstance(came[1], IncidentClosed)
        else:
            assert (left, type(came[0])) == (1, IncidentTasksOpen)


def test_of_two_who_report_at_once_one_is_the_first_and_both_stay(around):
    incident = an_incident(around)
    at_once(lambda: report(incident, around.owner), lambda: report(incident, around.officer, reference="MSA-119"))
    found = fresh(incident)
    sent = [act for act in selectors.acts_of(incident) if act.event == "incident.reported"]
    assert [act.data["report"] for act in sent] == [1, 2]
    assert (found.reports, found.reference) == (2, sent[0].payload["reference"]), "the row keeps the first"


def test_whoever_reads_may_not_keep_and_whoever_may_not_read_learns_nothing(around):
    incident = an_incident(around)
    acts = {
        "facts": lambda by: services.change_facts(incident_id=incident.pk, by=by, why=WHY, facts={"harms": ["health"]}),
        "times": lambda by: services.change_times(
            incident_id=incident.pk, by=by, why=WHY, times={"aware_at": ago(days=4)}
        ),
        "note": lambda by: services.add_note(incident_id=incident.pk, by=by, text="Called them."),
        "task": lambda by: task_of(incident, by),
        "report": lambda by: report(incident, by),
        "close": lambda by: closed(incident, by, ending="not_serious"),
        "owner": lambda by: services.hand_over(incident_id=incident.pk, by=by, owner=around.officer, why=WHY),
    }
    for act in acts.values():
        with pytest.raises(Forbidden):
            act(around.auditor)
        with pytest.raises(Unknown, match=str(incident.pk)):
            act(around.stranger)
    for name in ("report", "close", "owner"):
        with pytest.raises(Forbidden):
            acts[name](around.engineer)
    for name in ("facts", "times", "note", "task"):
        acts[name](around.engineer)
    with pytest.raises(Forbidden):
        an_incident(around, by=around.auditor)
    machine = a_user("engineer", sponsor=around.owner)
    with pytest.raises(Forbidden):
        an_incident(around, by=machine)
    with pytest.raises(Unknown):
        selectors.incident_for(around.stranger, incident.pk)
    assert list(selectors.incidents_for(around.stranger)) == []


def test_a_changed_time_is_an_entry_with_the_old_one_the_new_one_and_why(around):
    incident = an_incident(around)
    was, now = incident.aware_at, ago(days=5)
    services.change_times(incident_id=incident.pk, by=around.officer, why=WHY, times={"aware_at": now})
    act = selectors.acts_of(incident)[-1]
    assert act.data["times"] == {"aware_at": [clock.rfc3339(was), clock.rfc3339(now)]}
    assert (act.payload, act.who) == ({"why": WHY}, "Risk officer")
    assert act.data["law"] == register.load().version
    assert act.data["due"] == (now.date() + timedelta(days=15)).isoformat()
    assert act.data["changed"]["monitoring_incident"][str(incident.pk)]["aware_at"]
    with pytest.raises(InvalidInput, match="No time differs"):
        services.change_times(incident_id=incident.pk, by=around.officer, why=WHY, times={"aware_at": now})
    with pytest.raises(InvalidInput, match="Say why"):
        services.change_times(incident_id=incident.pk, by=around.officer, why="so", times={"aware_at": was})


@pytest.mark.parametrize(
    ("times", "field"),
    [
        ({"aware_at": None}, "aware_at"),
        ({"aware_at": "soon"}, "aware_at"),
        ({"occurred_at": "soon"}, "occurred_at"),
        ({"suspected_at": "soon"}, "suspected_at"),
        ({"link_established_at": "soon"}, "link_established_at"),
        ({"reported_at": 1}, "reported_at"),
        ({"occurred_at": 2}, "aware_at"),
        ({"occurred_at": 4, "suspected_at": 5}, "suspected_at"),
        ({"link_established_at": 4}, "link_established_at"),
        ({"suspected_at": 1, "link_established_at": 2}, "link_established_at"),
    ],
)
def test_times_that_can_not_be_are_refused_by_name(around, times, field):
    incident = an_incident(around)  # aware three days ago
    soon = clock.now() + timedelta(minutes=5)
    given = {name: soon if at == "soon" else at and ago(days=at) for name, at in times.items()}
    with pytest.raises(IncidentTimesRefused) as refusal:
        services.change_times(incident_id=incident.pk, by=around.officer, why=WHY, times=given)
    assert refusal.value.extra["field"] == field
    assert fresh(incident).log_entry == incident.log_entry


def test_a_suspicion_may_be_older_than_awareness_and_whoever_writes_an_incident_down_is_aware(around):
    an_incident(around, times={"suspected_at": ago(days=9), "occurred_at": ago(days=30)})
    incident = an_incident(around)
    later = incident.opened_at + timedelta(microseconds=1)
    with pytest.raises(IncidentTimesRefused, match="Whoever wrote the incident down"):
        services.change_times(incident_id=incident.pk, by=around.officer, why=WHY, times={"aware_at": later})
    with pytest.raises(IncidentTimesRefused):
        report(incident, around.owner, reported_at=ago(days=4))
    with pytest.raises(IncidentTimesRefused):
        report(incident, around.owner, reported_at=clock.now() + timedelta(minutes=5))


def test_an_incident_that_was_none_is_closed_with_the_reason_and_never_by_its_owner(around):
    incident = an_incident(around)
    with pytest.raises(OwnIncident):
        closed(incident, around.owner, ending="not_serious")
    closed(incident, around.officer, ending="not_serious", how="A test environment; nobody was affected at all.")
    found = fresh(incident)
    assert (found.state, found.ending, found.reported_at) == ("closed", "not_serious", None)
    assert wording.act_said(selectors.acts_of(incident)[-1])[1].startswith("A test environment")


def test_facts_are_stated_anew_and_the_log_keeps_what_was_said(around):
    incident = an_incident(around)
    assert selectors.due_of(incident) == incident.aware_at.date() + timedelta(days=15)
    services.change_facts(
        incident_id=incident.pk,
        by=around.officer,
        why=WHY,
        facts={"harms": ["death", "infrastructure"]},
        words={"what_happened": "The plant was cut off for two hours, and a person died of it."},
    )
    found = fresh(incident)
    assert found.harms == ["death", "infrastructure"]
    assert [item.point for item in selectors.clocks_of(found, "annex_iii")] == ["Art 73.3", "Art 73.4", "Art 73.2"]
    words = selectors.told(selectors.acts_of(found))
    assert words["what_happened"].text.startswith("The plant")
    assert words["what_happened"].by == "Risk officer"
    assert TOLD in str([act.payload for act in selectors.acts_of(found)])
    same = {"harms": ["infrastructure", "death"]}
    with pytest.raises(InvalidInput, match="Nothing of it"):
        services.change_facts(incident_id=incident.pk, by=around.officer, why=WHY, facts=same)
    with pytest.raises(InvalidInput, match="Say who said"):
        services.change_facts(incident_id=incident.pk, by=around.officer, why=WHY, facts={"equivalent_law": "Art 73.9"})
    with pytest.raises(InvalidInput, match="There is no harm e"):
        services.change_facts(incident_id=incident.pk, by=around.officer, why=WHY, facts={"harms": ["e"]})


def test_no_word_of_people_stands_where_it_can_not_be_erased(around):
    incident = an_incident(around, persons="Ms Ndiaye of the third district")
    services.add_note(incident_id=incident.pk, by=around.engineer, text="Ms Ndiaye called again.")
    task = task_of(incident, around.engineer, text="Call Ms Ndiaye back")
    services.finish_task(incident_id=incident.pk, task_id=task.pk, by=around.engineer)
    services.change_times(
        incident_id=incident.pk,
        by=around.engineer,
        why="Ms Ndiaye wrote on the day before.",
        times={"aware_at": ago(days=4)},
    )
    services.change_facts(
        incident_id=incident.pk,
        by=around.officer,
        why="Ms Ndiaye told us of that law.",
        facts={"equivalent_law": "Art 73.9"},
        words={"equivalent_law_note": "Ms Ndiaye of compliance: payment law"},
    )
    services.hand_over(incident_id=incident.pk, by=around.owner, owner=around.engineer, why="Ms Ndiaye asked for it.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT convert_from(body, 'UTF8') FROM audit_entry")
        bodies = " ".join(row[0] for row in cursor.fetchall())
        rows = ""
        for table in ("incident", "incidentnote", "incidenttask"):
            cursor.execute(f"SELECT to_jsonb(t)::text FROM monitoring_{table} t")
            rows += " ".join(row[0] for row in cursor.fetchall())
    assert "Ndiaye" not in bodies
    assert "Ndiaye" not in rows
    assert TOLD not in rows
    assert incident.title in rows, "the title stands in a column, so the page asks for one without names"
    entries = log.entries_naming("monitoring_incident", [incident.pk])
    payloads = [str(row) for row in log.payloads_of([entry.id for entry in entries]).values()]
    assert sum("Ndiaye" in text for text in payloads) == 6, "each word once: one erasure is enough"
    said = selectors.told(selectors.acts_of(incident))["equivalent_law_note"]
    assert (said.text, said.by) == ("Ms Ndiaye of compliance: payment law", "Risk officer")


def test_the_version_and_the_alert_are_of_the_system(around):
    version = with_a_version(around)
    assert an_incident(around, version=version).version == version
    other = with_a_version(people())
    with pytest.raises(InvalidInput, match="another AI system"):
        an_incident(around, version=other)
    with pytest.raises(InvalidInput, match="owned by an active person"):
        an_incident(around, owner=around.stranger)
    with pytest.raises(InvalidInput, match="goes to an active person"):
        task_of(an_incident(around), around.engineer, owner=around.stranger)
    with pytest.raises(InvalidInput, match="lies in the past"):
        task_of(an_incident(around), around.engineer, due_on=clock.now().date() - timedelta(days=1))
