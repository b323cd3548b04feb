"""Whose word an incident rests on: who may end it, on which ground, who may move its clocks, and who learns of it."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from incident_world import HOW, WHY, ago, an_incident, closed, fresh, people, report, task_of, with_a_version

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput
from governance.notices import rules
from governance.notices.gathering import fact_of
from monitoring.incidents import facts, selectors, services, wording
from monitoring.incidents.errors import (
    IncidentChanged,
    IncidentNotReported,
    IncidentTimesRefused,
    OwnIncident,
    OwnWord,
)
from tests.factories import a_user, mirrored

# Real commits: the log's deferred triggers look at each of them.
pytestmark = pytest.mark.django_db(transaction=True)
LAW = "Art 73(9) with the payment services directive, Art 96"


@pytest.fixture
def around():
    return people()


def changed(incident, by, **stated):
    return services.change_facts(incident_id=incident.pk, by=by, why=WHY, facts=stated)


def test_what_is_not_owed_is_closed_as_that_with_the_law_that_says_so(around):
    stated = {"harms": ["property"], "equivalent_law": "Art 73.9"}
    incident = an_incident(around, by=around.owner, facts=stated, equivalent_law_note="Head of legal")
    assert selectors.due_of(incident) is None
    with pytest.raises(IncidentNotReported):
        closed(incident, around.officer)
    with pytest.raises(InvalidInput, match="Name the law"):
        closed(incident, around.officer, ending="not_owed")
    with pytest.raises(InvalidInput, match="closed as one of"):
        closed(incident, around.officer, ending="over")
    closed(incident, around.officer, ending="not_owed", reference=LAW)
    found = fresh(incident)
    assert (found.state, found.ending, found.ending_reference) == ("closed", "not_owed", LAW)
    act = selectors.acts_of(incident)[-1]
    assert act.data["ending"] == "not_owed"
    assert LAW in wording.act_said(act)[1]
    sections = {section.title: section for section in facts.draft_of(found).sections}
    assert [line.text for line in sections["How it was closed"].lines] == ["No report is owed", LAW, HOW]


def test_a_deployer_closes_what_the_provider_is_informed_of_and_a_provider_can_not(around):
    incident = an_incident(around)
    told = {"ending": "provider_informed", "reference": "Scoring Ltd, their case 118, by mail on 3 March"}
    with pytest.raises(InvalidInput, match="We are the provider"):
        closed(incident, around.officer, **told)
    around.system.ai_roles = ["deployer"]
    mirrored("system.updated", around.system)
    with pytest.raises(InvalidInput, match="Name the provider"):
        closed(incident, around.officer, ending="provider_informed")
    closed(incident, around.officer, **told)
    assert fresh(incident).ending == "provider_informed"


def test_who_recorded_the_report_does_not_see_that_it_is_over(around):
    other = a_user(Role.RISK_OFFICER, name="Second officer")
    incident = report(an_incident(around), around.officer)
    with pytest.raises(OwnWord, match="You recorded the report"):
        closed(incident, around.officer)
    closed(incident, other)


def test_who_wrote_it_down_or_stated_it_last_does_not_say_that_nothing_is_due(around):
    other = a_user(Role.RISK_OFFICER, name="Second officer")
    mine = an_incident(around, by=around.officer)
    for ending in ("not_serious", "not_owed"):
        with pytest.raises(OwnWord):
            closed(mine, around.officer, ending=ending, reference=LAW)
    changed(mine, other, harms=["property"])
    with pytest.raises(OwnWord):
        closed(mine, other, ending="not_serious")
    changed(mine, around.engineer, harms=[])
    with pytest.raises(OwnWord):
        closed(mine, around.officer, ending="not_serious")
    closed(mine, other, ending="not_serious")


@pytest.mark.parametrize("who", ["opened_by", "stated_by"])
def test_the_database_keeps_the_second_person_too(around, who):
    incident = an_incident(around, by=around.officer if who == "opened_by" else around.engineer)
    if who == "stated_by":
        changed(incident, around.officer, harms=["property"])
        incident = fresh(incident)
    incident.state, incident.closed_at, incident.closed_by = "closed", clock.now(), around.officer
    incident.ending = "not_serious"
    refused_by_the_database("incident_not_closed_by_whose_word_it_rests_on", incident)


def test_the_database_keeps_the_reporter_of_record_and_the_owner_from_closing(around):
    incident = report(an_incident(around), around.officer)
    incident.state, incident.closed_at, incident.closed_by = "closed", clock.now(), around.officer
    refused_by_the_database("closed_on_a_ground", incident)
    incident.ending = "reported"
    refused_by_the_database("incident_not_closed_by_whose_word_it_rests_on", incident)
    incident.closed_by, incident.ending = a_user(Role.RISK_OFFICER), "not_owed"
    refused_by_the_database("no_report_of_our_own_has_a_reference", incident)


def refused_by_the_database(rule, incident):
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        audit.append(event=Event.INCIDENT_TIMES_CHANGED, actor=incident.opened_by, subjects=[incident])
    assert rule in str(refusal.value.__cause__.diag.constraint_name)


def test_only_who_reports_gives_a_report_more_time(around):
    incident = an_incident(around)

    def moved(by, **times):
        return services.change_times(incident_id=incident.pk, by=by, why=WHY, times=times)

    moved(around.engineer, aware_at=ago(days=4))
    with pytest.raises(Forbidden, match="later time"):
        moved(around.engineer, aware_at=ago(days=1))
    moved(around.officer, aware_at=ago(days=2))
    with pytest.raises(Forbidden, match="equivalent law"):
        changed(incident, around.engineer, equivalent_law="Art 73.9")
    with pytest.raises(Forbidden, match="equivalent law"):
        an_incident(around, facts={"equivalent_law": "Art 73.9"}, equivalent_law_note="I think so")
    report(incident, around.owner)
    with pytest.raises(Forbidden, match="when the report was sent"):
        moved(around.engineer, reported_at=ago(days=1))
    moved(around.owner, reported_at=ago(days=1))


def told_of(incident, by):
    """Return who is told of the newest act, and how that is said."""
    from governance.audit import selectors as log

    entry = log.entries_naming("monitoring_incident", [incident.pk])[-1]
    found = rules.told(fact_of(entry))
    assert by.pk not in {row.to for row in found}, "nobody is told of their own act"
    assert {row.kind for row in found} == {"incident"}
    (words,) = {row.words for row in found}
    return set(User.objects.filter(pk__in=[row.to for row in found]).values_list("name", flat=True)), words


def test_owner_and_reporters_learn_of_every_act_that_can_move_or_end_a_clock(around):
    incident = an_incident(around)

    def learn(by, names, words):
        told, said = told_of(incident, by)
        assert told & {"Model owner", "Risk officer", "Validator", "ML engineer", "Auditor", "Stranger"} == names
        assert said == words

    changed(incident, around.engineer, harms=["property"])
    both = {"Model owner", "Risk officer"}
    learn(around.engineer, both, "Facts of a serious incident were stated anew")
    services.change_times(incident_id=incident.pk, by=around.engineer, why=WHY, times={"aware_at": ago(days=4)})
    learn(around.engineer, both, "Times of a serious incident were put right")
    report(incident, around.owner)
    learn(around.owner, {"Risk officer"}, "A report of a serious incident was recorded")
    services.hand_over(incident_id=incident.pk, by=around.owner, owner=around.validator, why=WHY)
    learn(around.owner, {"Risk officer", "Validator"}, "A serious incident has another owner")
    closed(incident, around.officer)
    learn(around.officer, {"Model owner", "Validator"}, "A serious incident was closed")


def test_an_incident_is_handed_over_with_a_reason_and_who_did_so_does_not_close_it(around):
    incident = report(an_incident(around), around.officer)

    def over(by, owner, why=WHY):
        return services.hand_over(incident_id=incident.pk, by=by, owner=owner, why=why)

    for by in (around.engineer, around.auditor):
        with pytest.raises(Forbidden):
            over(by, around.engineer)
    for owner, match in ((around.owner, "has it already"), (around.stranger, "owned by an active person")):
        with pytest.raises(InvalidInput, match=match):
            over(around.officer, owner)
    with pytest.raises(InvalidInput, match="Say why"):
        over(around.owner, around.engineer, why="so")
    over(around.owner, around.engineer)
    act = selectors.acts_of(incident)[-1]
    assert (act.event, act.payload) == ("incident.handed_over", {"why": WHY})
    assert wording.act_said(act)[0] == "handed it over to ML engineer"
    with pytest.raises(OwnIncident):
        closed(incident, around.owner)
    over(around.engineer, around.validator)
    closed(incident, around.owner)


def test_the_database_lets_an_owner_change_by_that_event_alone(around):
    incident = an_incident(around)
    incident.owner, incident.handed_over_by = around.engineer, around.owner
    refused_by_the_database("incident_owner_by_handing_over", incident)
    incident = fresh(incident)
    incident.handed_over_by = around.owner
    refused_by_the_database("incident_owner_by_handing_over", incident)


def test_whoever_has_a_task_finishes_it_whatever_their_role(around):
    incident = an_incident(around)
    task, other = (task_of(incident, around.owner, owner=who) for who in (around.auditor, around.engineer))
    services.finish_task(incident_id=incident.pk, task_id=task.pk, by=around.auditor)
    with pytest.raises(Forbidden):
        services.finish_task(incident_id=incident.pk, task_id=other.pk, by=around.auditor)


def test_the_report_of_record_is_the_one_that_was_sent_first(around):
    incident = report(an_incident(around), around.owner, reference="B", reported_at=ago(days=1))
    report(incident, around.officer, reference="C", authority="Another", reported_at=ago(hours=2))
    found = fresh(incident)
    assert (found.reference, found.reported_by) == ("B", around.owner)
    report(incident, around.officer, reference="A", authority="The first", reported_at=ago(days=2))
    found = fresh(incident)
    assert (found.authority, found.reference, found.reported_by) == ("The first", "A", around.officer)
    assert found.reports == 3
    assert selectors.stated(selectors.acts_of(incident))["authority"].who == "Risk officer"
    with pytest.raises(IncidentTimesRefused, match="Another report was sent before"):
        services.change_times(incident_id=incident.pk, by=around.officer, why=WHY, times={"reported_at": ago(hours=12)})
    services.change_times(incident_id=incident.pk, by=around.officer, why=WHY, times={"reported_at": ago(days=1.5)})


def test_whoever_saw_an_older_state_is_told_what_came_between(around):
    incident, version = an_incident(around), with_a_version(around)
    seen = incident.log_entry
    changed(incident, around.officer, version=version)
    done = rf"Risk officer stated facts anew \(version: none → {version.subject_name}\)"
    with pytest.raises(IncidentChanged, match=done):
        services.change_facts(
            incident_id=incident.pk, by=around.engineer, why=WHY, facts={"harms": ["death"]}, seen=seen
        )
    foreign = with_a_version(people())
    with pytest.raises(InvalidInput, match="another AI system"):
        changed(incident, around.officer, version=foreign)
