"""What is said of a serious incident: on the pages about its system, and in the draft of a report."""

from __future__ import annotations

from datetime import timedelta

import pytest
from incident_world import TOLD, WHY, ago, an_incident, people, report, task_of, with_a_version

from governance.audit import selectors as log
from governance.common import clock
from monitoring.incidents import facts, selectors, services, wording
from monitoring.incidents import report as drafts
from monitoring.incidents.checks import NOTE

# Real commits: the log's deferred triggers look at each of them.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def around():
    return people()


def test_the_system_is_not_to_be_altered_until_the_authorities_know(around):
    incident = an_incident(around)
    (said,) = wording.holds_of(around.system.pk)
    assert str(incident) in said
    assert "Article 73(6)" in said
    report(incident, around.owner)
    assert wording.holds_of(around.system.pk) == []


def test_a_deployer_is_told_to_inform_the_provider_first_and_an_equivalent_law_takes_the_report_away(around):
    def said(incident):
        return " ".join(wording.notices_of(incident, selectors.told(selectors.acts_of(incident))[NOTE]))

    limited = {"harms": ["property"], "equivalent_law": "Art 73.9"}
    incident = an_incident(around, by=around.officer, facts=limited, equivalent_law_note="Compliance")
    assert "Article 26(5)" not in said(incident)
    assert "to be confirmed. Said by Risk officer: Compliance" in said(incident)
    assert selectors.due_of(incident) is None
    assert not selectors.is_overdue(incident, clock.now().date() + timedelta(days=99))
    incident.equivalent_law = "Art 73.10"
    assert "is not what that is about" in said(incident)
    assert selectors.due_of(incident) == incident.aware_at.date() + timedelta(days=15)
    incident.system.ai_roles = ["deployer"]
    assert "informs the provider first" in said(incident)
    assert "about high-risk AI systems" not in said(incident)
    incident.system.ai_act_class = "limited"
    assert "about high-risk AI systems" in said(incident)


def lines_of(draft, title):
    return {line.label: line for section in draft.sections if section.title == title for line in section.lines}


def test_the_draft_says_what_is_on_record_what_people_said_and_what_is_missing(around):
    version = with_a_version(around)
    incident = an_incident(around, version=version, persons="about 40 applicants", facts={"harms": ["rights"]})
    task_of(incident, around.engineer)
    services.add_note(incident_id=incident.pk, by=around.engineer, text="Called *the* authority <b>today</b>.")
    report(incident, around.owner)
    draft = facts.draft_of(selectors.incident_for(around.officer, incident.pk))
    happened = lines_of(draft, "What happened")
    assert (happened["What happened"].text, happened["What happened"].by) == (TOLD, "ML engineer")
    assert happened["Persons affected"].text == "about 40 applicants"
    assert happened["Member States where it occurred"].state == "missing"
    assert lines_of(draft, "The version")["Digest of the artifact"].digest == version.artifact_digest
    assert lines_of(draft, "The AI system")["Class under the AI Act"].state == "declared"
    times = lines_of(draft, "When what was known, and by when a report is due")
    assert times["Awareness"].text == clock.rfc3339(incident.aware_at)
    assert times["Link suspected"].state == "missing"
    assert times["Latest day, Art 73.2"].text.startswith(clock.day(incident.aware_at + timedelta(days=15)))
    assert lines_of(draft, "Reports sent")["Report 1"].text.endswith("Market surveillance authority · MSA-118")
    counts = draft.counts()
    assert min(counts.values()) > 0
    text = drafts.as_markdown(draft)
    assert "makes no claim to be complete" in text
    assert "a first report may be incomplete" in text
    assert r"\<b\>today" in text
    assert "compliant" not in text.lower()
    assert drafts.as_json(draft)["counts"] == counts


def test_each_line_names_who_said_it_and_not_who_spoke_last(around):
    incident = an_incident(around, facts={"harms": ["rights"]}, times={"suspected_at": ago(days=9)})
    services.change_facts(
        incident_id=incident.pk, by=around.officer, why=WHY, facts={"member_states": ["SE", "AT"], "widespread": True}
    )
    services.change_times(
        incident_id=incident.pk, by=around.validator, why=WHY, times={"link_established_at": ago(hours=2)}
    )
    task_of(incident, around.owner, owner=around.engineer)
    report(incident, around.owner)
    draft = facts.draft_of(selectors.incident_for(around.officer, incident.pk))
    happened = lines_of(draft, "What happened")
    assert (happened["Harm"].by, happened["Widespread infringement"].by) == ("ML engineer", "Risk officer")
    assert happened["Member States where it occurred"].text == "Austria, Sweden"
    times = lines_of(draft, "When what was known, and by when a report is due")
    assert {label: times[label].by for label in times if times[label].by} == {
        "Awareness": "ML engineer",
        "Link suspected": "ML engineer",
        "Causal link or its reasonable likelihood established": "Validator",
        "First report": "Model owner",
    }
    assert lines_of(draft, "Measures")["To do"].by == "Model owner", "who asked for it, not who has it"
    system = lines_of(draft, "The AI system")
    registered = log.entries_naming("inventory_aisystem", [around.system.pk])[0]
    assert system["Intended purpose"].by == selectors.names_of([registered.actor])[registered.actor]
    done = [wording.act_said(act)[0] for act in selectors.acts_of(incident)]
    assert "stated facts anew (where it occurred: not said → AT, SE; widespread infringement: not said → yes)" in done


def test_a_line_of_the_draft_can_not_say_what_nobody_stands_behind():
    for wrong in (
        {"state": "measured"},
        {"state": "missing", "text": "x"},
        {"state": "declared", "text": "x"},
        {"state": "measured", "text": "x", "by": "somebody"},
    ):
        with pytest.raises(ValueError, match=r"a line says|what is declared"):
            drafts.Line("label", **wrong)
