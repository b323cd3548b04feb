"""The pages of serious incidents: what they show, and that they lead where they say."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from incident_world import HOW, TOLD, WHY, ago, an_incident, fresh, people, report, task_of, with_a_version

from governance.common import clock
from governance.inventory.models import AISystem
from monitoring.incidents import selectors, services
from monitoring.incidents.models import Incident
from tests.factories import PASSWORD

# Real commits: the log's deferred triggers look at each of them.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def around():
    return people()


def signed_in(person):
    client = Client()
    client.force_login(person)
    return client


def page_of(client, path):
    answer = client.get(path)
    assert answer.status_code == 200, path
    return re.sub(r"\s+", " ", answer.content.decode())


def seen(incident):
    """What a page drawn now says of the state that it shows."""
    return {"log_entry": str(fresh(incident).log_entry)}


def typed(moment):
    return f"{moment:%Y-%m-%dT%H:%M}"


def test_an_incident_is_written_down_worked_on_reported_and_closed_on_its_pages(around):
    version = with_a_version(around)
    engineer, owner, officer = (signed_in(person) for person in (around.engineer, around.owner, around.officer))
    assert "Which AI system?" in page_of(engineer, "/incidents/new")
    form = page_of(engineer, f"/incidents/new?system={around.system.pk}")
    assert version.subject_name in form
    told = {"system": around.system.pk, "title": "One district was refused", "what_happened": TOLD, "harms": ["rights"]}
    more = {"version": version.pk, "aware_at": typed(ago(days=2)), "persons": "about 40"}
    made = engineer.post("/incidents/new", told | more)
    incident = Incident.objects.get()
    address = f"/incidents/{incident.pk}"
    assert (made.status_code, made.url) == (302, address)
    assert (incident.harms, incident.version, incident.owner) == (["rights"], version, around.owner)

    shown = page_of(engineer, address)
    assert "13 days left" in re.sub("<[^>]+>", "", shown).replace("  ", " ")
    assert "Regulation 1182/71" in shown
    assert "do not alter" in shown
    assert "Record the report" not in shown, "an engineer reports nothing"

    assert engineer.post(f"{address}/notes", {"note": "Called <b>them</b>."}).status_code == 302
    due = (clock.now() + timedelta(days=1)).date()
    work = {"task": "Ask for the form", "task_owner": around.officer.pk, "task_due_on": due}
    assert engineer.post(f"{address}/tasks", work).status_code == 302
    task = incident.tasks.get()
    times = {"aware_at": typed(incident.aware_at), "suspected_at": typed(ago(days=3)), "times_why": WHY} | seen(
        incident
    )
    assert engineer.post(f"{address}/times", times).status_code == 302
    facts = {"harms": ["rights"], "widespread": "on", "version": version.pk, "facts_why": WHY} | seen(incident)
    assert engineer.post(f"{address}/facts", facts).status_code == 302
    shown = page_of(owner, address)
    assert "Called &lt;b&gt;them&lt;/b&gt;." in shown
    assert "link suspected: not known →" in shown
    assert "Report it now." in shown, "of a widespread infringement it is due at once"

    sent = {"authority": "An authority", "reference": "MSA-1", "sent_at": typed(clock.now())}
    assert owner.post(f"{address}/reports", sent).status_code == 302
    closing = {"how": HOW, "ending": "reported", "password": PASSWORD}
    refused = officer.post(f"{address}/close", closing | seen(incident))
    assert refused.status_code == 409
    assert "1 of its tasks are open" in refused.content.decode()
    assert officer.post(f"{address}/tasks/{task.pk}/done").status_code == 302
    assert "Somebody else closes it" in page_of(owner, address)
    assert officer.post(f"{address}/close", closing | seen(incident)).status_code == 302
    shown = page_of(officer, address)
    assert "Closed by Risk officer" in shown
    assert "do not alter" not in shown
    assert "within the latest day" in shown


def test_the_times_of_the_form_keep_the_seconds_of_what_nobody_changed(around):
    incident = an_incident(around, aware_at=ago(days=2, seconds=17))
    given = {"aware_at": typed(incident.aware_at), "suspected_at": typed(ago(days=1)), "times_why": WHY} | seen(
        incident
    )
    signed_in(around.engineer).post(f"/incidents/{incident.pk}/times", given)
    assert fresh(incident).aware_at == incident.aware_at
    assert list(selectors.acts_of(incident)[-1].data["times"]) == ["suspected_at"]


@pytest.mark.parametrize(
    ("act", "sent", "field", "code"),
    [
        ("times", {"aware_at": "2999-01-01T00:00", "times_why": WHY}, "t-aware", 422),
        ("times", {"aware_at": "yesterday", "times_why": WHY}, "t-aware", 422),
        ("times", {"aware_at": "2026-01-01T00:00", "times_why": "so"}, "t-why", 422),
        ("facts", {"harms": ["e"], "facts_why": WHY}, "f-harms", 422),
        ("tasks", {"task": "x", "task_owner": uuid.uuid4(), "task_due_on": "2999-01-01"}, "task", 422),
        ("reports", {"authority": "", "reference": "x", "sent_at": "2026-01-01T00:00"}, "authority", 422),
        ("reports", {"authority": "x", "reference": "x", "sent_at": "2999-01-01T00:00"}, "sent-at", 422),
        ("close", {"how": HOW, "ending": "not_serious", "password": "not it"}, "close-password", 403),
        ("close", {"how": HOW, "ending": "reported", "password": PASSWORD}, "ending", 409),
        ("close", {"how": HOW, "ending": "not_owed", "password": PASSWORD}, "ending-reference", 422),
        ("owner", {"owner": uuid.uuid4(), "owner_why": WHY}, "owner-why", 422),
    ],
)
def test_a_refusal_shows_the_page_again_with_its_sentence_at_the_field(around, act, sent, field, code):
    incident = an_incident(around)
    answer = signed_in(around.officer).post(f"/incidents/{incident.pk}/{act}", sent | seen(incident))
    assert answer.status_code == code
    text = answer.content.decode()
    assert f'aria-describedby="{field}-e"' in text
    assert PASSWORD not in text
    assert fresh(incident).log_entry == incident.log_entry


def test_a_form_that_shows_what_is_no_longer_so_changes_nothing_and_keeps_what_was_typed(around):
    incident = an_incident(around, facts={"harms": ["infrastructure"]}, times={"suspected_at": ago(days=5)})
    drawn, address = seen(incident), f"/incidents/{incident.pk}"
    slow, fast = signed_in(around.engineer), signed_in(around.officer)
    facts = {"harms": ["infrastructure", "death"], "facts_why": WHY, "what_happened": TOLD} | drawn
    assert fast.post(f"{address}/facts", facts).status_code == 302
    earlier = typed(ago(days=8))
    times = {"aware_at": typed(incident.aware_at), "suspected_at": earlier, "times_why": WHY}
    assert fast.post(f"{address}/times", times | seen(incident)).status_code == 302
    stood = seen(incident)

    old = {"aware_at": typed(incident.aware_at), "suspected_at": typed(incident.suspected_at)}
    mine = old | {"occurred_at": typed(ago(days=20)), "times_why": "The branch found the first case."}
    late = slow.post(f"{address}/times", mine | drawn)
    assert late.status_code == 409
    text = late.content.decode()
    assert "Risk officer put times right" in text
    assert "The branch found the first case." in text, "what was typed is kept"
    assert f'value="{earlier}"' in text, "what was only shown is brought up to what the other made of it"
    late = slow.post(f"{address}/facts", {"harms": ["infrastructure"], "widespread": "on", "facts_why": WHY} | drawn)
    assert late.status_code == 409
    text = re.sub(r"\s+", " ", late.content.decode())
    assert re.search(r'value="death" checked', text), "the other's outcome is not undone by sending it again"
    assert re.search(r'name="widespread" checked', text)
    assert seen(incident) == stood, "nothing was changed"
    assert stood["log_entry"] in text, "and it can be sent again"
    assert slow.post(f"{address}/times", mine).status_code == 422, "a form that does not say what it showed"
    assert signed_in(around.officer).post(f"{address}/close", {"how": HOW} | drawn).status_code == 422


def test_a_closing_is_signed_by_who_saw_what_it_closes(around):
    incident = report(an_incident(around), around.owner)
    drawn, officer = seen(incident), signed_in(around.officer)
    services.add_note(incident_id=incident.pk, by=around.engineer, text="They ask for more.")
    closing = {"how": HOW, "ending": "reported", "password": PASSWORD}
    answer = officer.post(f"/incidents/{incident.pk}/close", closing | drawn)
    assert answer.status_code == 409
    assert "ML engineer noted" in answer.content.decode()
    assert fresh(incident).state == "reported"


def clocks_shown(client, incident):
    """The cards of the clocks: tone and text."""
    shown = page_of(client, f"/incidents/{incident.pk}")
    cards = re.findall(r'<article class="x-clock x-(\w+)".*?</article>', shown)
    texts = [re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", card)) for card in re.findall(r"<article.*?</article>", shown)]
    return list(zip(cards, texts, strict=True))


def test_a_report_that_waited_though_it_was_due_immediately_is_not_simply_in_time(around):
    client = signed_in(around.auditor)
    at_once = {"link_established_at": ago(days=13.99)}
    waited = report(an_incident(around, days_ago=14, times=at_once), around.owner, reported_at=ago(days=0.9))
    ((tone, text),) = clocks_shown(client, waited)
    assert tone == "warn"
    assert "within the latest day; sent 13 days after it was due immediately" in text
    assert "due immediately since" in text, "also once it was reported"
    prompt = report(an_incident(around, days_ago=14), around.owner, reported_at=ago(days=12))
    ((tone, text),) = clocks_shown(client, prompt)
    assert (tone, "within the latest day" in text) == ("ok", True)
    aware = clock.now() - timedelta(days=15)
    boundary = report(an_incident(around, aware_at=aware), around.owner, reported_at=aware + timedelta(days=15))
    ((tone, text),) = clocks_shown(client, boundary)
    assert tone == "warn", "where the authority sits it may be the next day"
    assert "UTC day" in text
    assert "sent on it, by UTC" in text
    late = report(an_incident(around, days_ago=20), around.owner, reported_at=ago(days=1))
    ((tone, text),) = clocks_shown(client, late)
    assert (tone, "4 days late" in re.sub(r"\s+", " ", text)) == ("bad", True)


def test_what_can_not_be_erased_is_said_beside_the_field(around):
    form = page_of(signed_in(around.engineer), f"/incidents/new?system={around.system.pk}")
    assert "no names: it can't be erased" in form
    shown = page_of(signed_in(around.officer), f"/incidents/{an_incident(around).pk}")
    assert "no names of persons: it can't be erased" in shown


def test_what_was_said_and_the_version_are_put_right_on_the_page(around):
    incident, version = an_incident(around), with_a_version(around)
    engineer, address = signed_in(around.engineer), f"/incidents/{incident.pk}"
    assert "Limit" not in page_of(engineer, address).split("State facts anew")[1].split("</form>")[0]
    more = {"what_happened": TOLD + " It was two districts.", "persons": "about 40", "version": version.pk}
    assert engineer.post(f"{address}/facts", more | {"facts_why": WHY} | seen(incident)).status_code == 302
    act = selectors.acts_of(incident)[-1]
    assert act.data["said"] == ["persons", "what_happened"]
    assert act.data["facts"] == {"version": ["", version.subject_name]}
    again = engineer.post(f"{address}/facts", more | {"facts_why": WHY} | seen(incident))
    assert "Nothing of it differs" in again.content.decode(), "a text that is only shown again is not said again"
    law = {"equivalent_law": "Art 73.9", "equivalent_law_note": "I think so"}
    assert engineer.post(f"{address}/facts", more | law | {"facts_why": WHY} | seen(incident)).status_code == 403


def test_the_list_has_the_next_due_day_on_top_and_marks_what_is_overdue(around):
    late = an_incident(around, days_ago=20, title="The late one")
    urgent = an_incident(around, days_ago=0.1, title="The urgent one", facts={"widespread": True})
    calm = an_incident(around, days_ago=1, title="The calm one")
    sent = report(an_incident(around, days_ago=19, title="The one that is reported"), around.owner)
    shown = page_of(signed_in(around.auditor), "/incidents")
    places = [shown.index(row.title) for row in (late, urgent, calm, sent)]
    assert places == sorted(places)
    assert shown.count('class="x-bad"') == 1, "one is overdue"
    assert "Report an incident" not in shown, "an auditor keeps none"
    other = page_of(signed_in(around.stranger), "/incidents")
    assert late.title not in other
    system = page_of(signed_in(around.owner), f"/systems/{around.system.pk}")
    assert f"/incidents/new?system={around.system.pk}" in system
    assert all(row.title in system for row in (late, urgent, calm, sent))
    assert "before the authorities know" in system


def test_who_may_not_read_it_is_told_that_there_is_none(around):
    incident = an_incident(around)
    stranger = signed_in(around.stranger)
    for path in ("", "/draft.md", "/draft.json"):
        assert stranger.get(f"/incidents/{incident.pk}{path}").status_code == 404
    for path in ("facts", "times", "notes", "tasks", "reports", "close", "owner"):
        assert stranger.post(f"/incidents/{incident.pk}/{path}").status_code == 404
    assert stranger.get(f"/incidents/new?system={around.system.pk}").status_code == 404
    assert signed_in(around.auditor).get(f"/incidents/new?system={around.system.pk}").status_code == 403


def test_a_deployer_and_an_equivalent_law_are_told_of_on_the_page(around):
    stated = {"harms": ["property"], "equivalent_law": "Art 73.9"}
    incident = an_incident(
        around, by=around.officer, facts=stated, equivalent_law_note="Compliance, payment law", days_ago=2
    )
    system = AISystem.objects.get(pk=around.system.pk)
    from tests.factories import mirrored

    system.ai_roles = ["deployer"]
    mirrored("system.updated", system)
    shown = page_of(signed_in(around.owner), f"/incidents/{incident.pk}")
    assert "informs the provider first" in shown
    assert "not owed because of an equivalent duty, to be confirmed" in shown
    assert "Compliance, payment law" in shown


def test_the_draft_is_taken_away_as_a_file(around):
    incident = an_incident(around, what_happened="<script>alert(1)</script> and [a link](http://x) of *theirs*.")
    services.add_note(incident_id=incident.pk, by=around.engineer, text="# not a heading\n- not a list")
    client = signed_in(around.auditor)
    answer = client.get(f"/incidents/{incident.pk}/draft.md")
    assert answer["Content-Type"] == "text/markdown; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="{incident}-draft.md"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    text = answer.content.decode()
    assert r"\<script\>" in text
    assert r"\[a link\]" in text
    assert "\n# not" not in text
    assert "makes no claim to be complete" in text
    body = client.get(f"/incidents/{incident.pk}/draft.json").json()
    assert body["incident"] == str(incident)
    assert body["counts"]["missing"] > 0


def test_an_open_request_of_the_system_says_that_it_is_not_to_be_altered(around):
    from governance.approvals.models import ApprovalRequest
    from registry.reviewing import panels

    incident = an_incident(around)
    assert ApprovalRequest.objects.count() == 0
    (said,) = panels.warnings_of(around.system.pk)
    assert str(incident) in said
    assert panels.warnings_of(uuid.uuid4()) == []
    report(incident, around.owner)
    task_of(incident, around.owner)
    assert panels.warnings_of(around.system.pk) == []
