"""The report of a real incident: the words of its draft, roles for names, and what an erasure leaves."""

import uuid
from io import StringIO

import pytest
from django.core.management import call_command

from governance.accounts.roles import Role
from governance.audit import selectors as log
from reports.documents.building import build
from reports.facts import Facts
from reports.facts_incident import reports_with_words_of
from reports.services import build_document, request_document
from tests.factories import a_user
from tests.monitoring.incident_world import TOLD, an_incident, people
from tests.reports.factories import notarise
from tests.roles import as_role

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def incident(tmp_path):
    around = people()
    row = an_incident(around, persons=f"Two applicants, says {around.engineer.name}.")
    notarise(tmp_path)
    return row


def said(content):
    return [p.text for section in content.sections for p in section.paragraphs]


def test_the_report_has_the_words_of_the_draft_with_roles_for_names(incident):
    snapshot = Facts(incident.system).snapshot(uuid.uuid4(), {}, "incident", str(incident.pk))
    text = " ".join(said(build(snapshot)))
    assert f"What happened: {TOLD}" in text
    assert "Two applicants, says the engineer." in text
    assert incident.opened_by.name not in text
    assert "Art 73.2" in {section.point for section in build(snapshot).sections}


def test_a_report_outlasts_an_erasure_and_the_command_says_so(incident, settings):
    job = request_document(kind="incident", ai_system=incident.system, requester=incident.owner, about=str(incident.pk))
    made = build_document(job.pk).document
    opened = log.entries_naming("monitoring_incident", [incident.pk])[0]
    assert [made.pdf_digest in name for name in reports_with_words_of(opened.id)] == [True]
    officer = a_user(Role.DATA_PROTECTION_OFFICER)
    told = StringIO()
    settings.DB_ROLE = "privacy"
    with as_role("privacy"):
        call_command(
            "redact", str(opened.id), by=officer.email, reason="Article 17 GDPR, request of 3 November.", stdout=told
        )
    assert f"still printed in the report {incident}" in told.getvalue()
    assert made.pdf_digest in told.getvalue()
    snapshot = Facts(incident.system).snapshot(uuid.uuid4(), {}, "incident", str(incident.pk))
    assert TOLD not in " ".join(said(build(snapshot)))


def test_a_report_of_another_incident_is_not_named(incident, tmp_path):
    another = an_incident(people())
    notarise(tmp_path)
    job = request_document(kind="incident", ai_system=another.system, requester=another.owner, about=str(another.pk))
    made = build_document(job.pk).document
    first, second = (log.entries_naming("monitoring_incident", [row.pk])[0] for row in (incident, another))
    assert reports_with_words_of(first.id) == []
    assert [made.pdf_digest in name for name in reports_with_words_of(second.id)] == [True]
