"""The pages of a risk file."""

from datetime import timedelta

import pytest
from django.urls import reverse

from governance.accounts.roles import Role
from governance.common import clock
from governance.common.risk_chart import risk_matrix
from governance.inventory import risks
from governance.inventory.models import Risk
from tests.factories import a_system, a_user
from tests.security.named import a_risk

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>"
REASON = "A credit officer sees what remains."


def text_of(response) -> str:
    return response.content.decode()


def fields(**more):
    base = {"title": "Good applicants are refused", "hazard": "Too low.", "affected": "Applicants", "kind": "rights"}
    day = clock.now().date() + timedelta(days=30)
    return base | {"likelihood": "4", "severity": "3", "review_on": day.isoformat()} | more


@pytest.fixture
def system():
    return a_system()


def at(name, row):
    return reverse(name, args=[row.system_id, row.pk])


def test_a_risk_is_written_down_shown_in_the_matrix_and_changed(client, system):
    engineer = a_user(Role.ENGINEER)
    client.force_login(engineer)
    assert "No risk is written down yet." in text_of(client.get(reverse("risk-list", args=[system.pk])))
    assert client.post(reverse("risk-new", args=[system.pk]), fields()).status_code == 302
    row = Risk.objects.get()
    assert (row.owner, row.state) == (engineer, "open")
    assert "R-1: likelihood 4, severity 3" in text_of(client.get(reverse("risk-list", args=[system.pk])))
    done = {"measures": "Read.", "tests": "Backtest", "residual_likelihood": "1", "residual_severity": "2"}
    seen = {"log_entry": str(row.log_entry), "owner": str(system.owner_id)}
    assert client.post(at("risk-change", row), fields(**done, **seen)).status_code == 302
    row.refresh_from_db()
    assert (row.owner, row.state) == (system.owner, "treated")
    refused = client.post(at("risk-change", row), fields(title="Mine", log_entry=seen["log_entry"]))
    assert refused.status_code == 409
    assert 'value="Mine"' in text_of(refused)
    assert f'value="{row.log_entry}"' in text_of(refused)


def test_what_was_typed_is_kept_as_text_when_it_is_refused(client, system):
    client.force_login(a_user(Role.ENGINEER))
    texts = dict.fromkeys(("title", "hazard", "affected", "measures", "tests"), HOSTILE)
    for field in ("severity", "review_on", "kind", "owner"):
        page = client.post(reverse("risk-new", args=[system.pk]), fields(**texts | {field: HOSTILE}))
        assert page.status_code == 422
        assert text_of(page).count("&lt;script&gt;alert(1)") >= 5
        assert "<script>alert" not in text_of(page)
    assert not Risk.objects.exists()
    client.post(reverse("risk-new", args=[system.pk]), fields(**texts))
    for page in (client.get(reverse("risk-list", args=[system.pk])), client.get(at("risk-detail", Risk.objects.get()))):
        assert "<script>alert" not in text_of(page)
        assert "&lt;script&gt;alert(1)" in text_of(page)


def test_a_second_person_accepts_what_remains_and_the_author_reads_why_not(client, system):
    row = a_risk(system, system.owner)
    client.force_login(system.owner)
    assert "someone else accepts what remains" in text_of(client.get(at("risk-detail", row)))
    assert client.post(at("risk-accept", row), {"reason": REASON}).status_code == 403
    officer = a_user(Role.RISK_OFFICER)
    client.force_login(officer)
    short = client.post(at("risk-accept", row), {"reason": "<b>Short"})
    assert short.status_code == 422
    assert "&lt;b&gt;Short" in text_of(short)
    assert client.post(at("risk-accept", row), {"reason": REASON}).status_code == 302
    page = text_of(client.get(at("risk-detail", row)))
    assert f"Accepted by {officer.name}" in page
    assert "accepted what remains" in page
    assert client.post(at("risk-close", row), {"reason": REASON}).status_code == 302
    assert "Closed on" in text_of(client.get(at("risk-detail", row)))


def test_a_risk_that_was_changed_after_the_page_was_drawn_is_not_accepted(client, system):
    row = a_risk(system, system.owner)
    client.force_login(a_user(Role.RISK_OFFICER))
    assert f'name="log_entry" value="{row.log_entry}"' in text_of(client.get(at("risk-detail", row)))
    risks.change_risk(risk_id=row.pk, by=system.owner, residual_severity=5)
    refused = client.post(at("risk-accept", row), {"reason": REASON, "log_entry": str(row.log_entry)})
    assert refused.status_code == 409
    row.refresh_from_db()
    assert f'name="log_entry" value="{row.log_entry}"' in text_of(refused), "what stands now is on the page"


def test_an_overdue_review_is_shown(client, system, monkeypatch):
    row = a_risk(system, system.owner)
    client.force_login(system.owner)
    assert client.get(reverse("risk-list", args=[system.pk])).context["overdue"] == 0
    late = clock.now() + timedelta(days=120)
    monkeypatch.setattr(clock, "now", lambda: late)
    client.force_login(system.owner)
    page = client.get(reverse("risk-list", args=[system.pk]))
    assert page.context["overdue"] == 1
    assert "overdue" in text_of(page)
    assert "review overdue" in text_of(client.get(at("risk-detail", row)))


def test_the_picture_says_every_number_in_words():
    one = {"number": 1, "likelihood": 5, "severity": 1, "residual_likelihood": None, "residual_severity": None}
    two = one | {"number": 2, "residual_likelihood": 1, "residual_severity": 2}
    drawn = risk_matrix([one, two], uid="m", title="<Risks>")
    assert "R-1: likelihood 5, severity 1; R-2: likelihood 5, severity 1, after measures 1 and 2." in drawn
    assert "&lt;Risks&gt;" in drawn
    assert drawn.count('class="x-r-before"') == 2
    assert drawn.count('class="x-r-after"') == 1
    assert "No risk." in risk_matrix([], uid="m", title="Risks")
