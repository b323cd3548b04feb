"""The pages of notices and requests."""

from datetime import timedelta

import pytest
from django.urls import reverse

from governance.accounts.models import IdempotentAnswer
from governance.accounts.roles import Role
from governance.common import clock
from governance.inventory.models import Correspondence
from governance.inventory.web import correspondence_pages
from tests.factories import a_system, a_user
from tests.security.named import a_request

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>"
REASON = "The person took the request back in writing."


def text_of(response) -> str:
    return response.content.decode()


@pytest.fixture
def system():
    return a_system()


def at(name, row):
    return reverse(name, args=[row.system_id, row.pk])


def listed(client, system, **query):
    page = client.get(reverse("correspondence-list", args=[system.pk]), query)
    return [row["name"] for row in page.context["rows"]], text_of(page)


def test_a_notice_is_recorded_listed_and_sent(client, system):
    client.force_login(system.owner)
    assert "No notice or request is recorded yet." in listed(client, system)[1]
    sent = {"kind": "notice-26-11", "reference": "LET-2026-7", "text": "We use it."}
    assert client.post(reverse("correspondence-new", args=[system.pk]), sent).status_code == 302
    row = Correspondence.objects.get()
    names, page = listed(client, system)
    assert names == ["C-1"]
    assert "LET-2026-7" in page
    assert client.post(at("correspondence-send", row), {"sent_on": ""}).status_code == 422
    assert client.post(at("correspondence-send", row), {"sent_on": clock.now().date().isoformat()}).status_code == 302
    page = text_of(client.get(at("correspondence-detail", row)))
    assert "recorded that it was sent" in page
    assert 'value="notice-26-11"' in page


def test_the_list_is_narrowed_by_kind_and_state(client, system):
    a_request(system, system.owner)
    client.force_login(system.owner)
    sent = {"kind": "notice-26-11", "reference": "LET-2026-7"}
    client.post(reverse("correspondence-new", args=[system.pk]), sent)
    assert listed(client, system)[0] == ["C-2", "C-1"]
    assert listed(client, system, kind="explanation-86")[0] == ["C-1"]
    assert listed(client, system, state="open")[0] == ["C-2", "C-1"]
    names, page = listed(client, system, kind="notice-26-11", state="sent")
    assert names == []
    assert "No row is of that kind and state." in page
    assert listed(client, system, kind=HOSTILE, state="x")[0] == ["C-2", "C-1"]


def test_an_overdue_request_is_shown_on_the_list_and_on_the_system(client, system):
    today = clock.now().date()
    late = {"received_on": today - timedelta(days=9), "due_on": today - timedelta(days=1), "due_basis": "Policy 4.2"}
    row = a_request(system, system.owner, **late)
    client.force_login(system.owner)
    page = client.get(reverse("correspondence-list", args=[system.pk]))
    assert (page.context["open"], page.context["overdue"]) == (1, 1)
    assert "Policy 4.2" in text_of(page)
    assert client.get(reverse("system-detail", args=[system.pk])).context["correspondence"] == {"open": 1, "overdue": 1}
    assert "overdue" in text_of(client.get(at("correspondence-detail", row)))


def test_what_was_typed_is_kept_as_text_when_it_is_refused(client, system):
    client.force_login(system.owner)
    fields = ("reference", "text", "decision", "received_on", "due_on", "due_basis")
    page = client.post(reverse("correspondence-new", args=[system.pk]), dict.fromkeys(fields, HOSTILE) | {"kind": "x"})
    assert page.status_code == 422
    assert text_of(page).count("&lt;script&gt;alert(1)") >= len(fields)
    assert "<script>alert" not in text_of(page)
    row = a_request(system, system.owner, text=HOSTILE, decision=HOSTILE)
    refused = client.post(at("correspondence-send", row), {"sent_on": HOSTILE, "answer": HOSTILE})
    for shown in (client.get(at("correspondence-detail", row)), refused):
        assert "&lt;script&gt;alert(1)" in text_of(shown)
        assert "<script>alert" not in text_of(shown)
    row.refresh_from_db()
    assert row.state == "open"


def test_who_may_not_send_reads_why_and_an_officer_erases(client, system):
    row = a_request(system, system.owner)
    client.force_login(a_user(Role.ENGINEER))
    page = text_of(client.get(at("correspondence-detail", row)))
    assert "The owner of the system or its data protection officer sends and answers." in page
    assert "Erase what it says" not in page
    assert client.post(at("correspondence-withdraw", row), {"reason": REASON}).status_code == 403
    client.force_login(system.owner)
    assert client.post(at("correspondence-withdraw", row), {"reason": REASON}).status_code == 302
    client.force_login(a_user(Role.DATA_PROTECTION_OFFICER))
    assert "Erase what it says" in text_of(client.get(at("correspondence-detail", row)))
    assert client.post(at("correspondence-erase", row), {"reason": "Short"}).status_code == 422
    assert client.post(at("correspondence-erase", row), {"reason": REASON}).status_code == 302
    page = text_of(client.get(at("correspondence-detail", row)))
    assert row.reference not in page
    assert row.decision not in page
    assert "Draw the letter" not in page


def test_an_answer_that_was_written_after_the_page_was_drawn_is_not_recorded_as_sent(client, system):
    row = a_request(system, system.owner)
    client.force_login(system.owner)
    assert text_of(client.get(at("correspondence-detail", row))).count(f'value="{row.log_entry}"') == 2
    answer = {"answer": "The score was one of three grounds.", "log_entry": str(row.log_entry)}
    assert client.post(at("correspondence-answer", row), answer).status_code == 302
    sent = {"sent_on": clock.now().date().isoformat(), "log_entry": str(row.log_entry)}
    assert client.post(at("correspondence-send", row), sent).status_code == 409
    assert client.post(at("correspondence-answer", row), answer).status_code == 409
    row.refresh_from_db()
    assert client.post(at("correspondence-send", row), sent | {"log_entry": str(row.log_entry)}).status_code == 302


def test_a_long_list_says_how_many_it_leaves_off(client, system, monkeypatch):
    for _ in range(3):
        a_request(system, system.owner)
    client.force_login(system.owner)
    assert "not shown" not in listed(client, system)[1]
    monkeypatch.setattr(correspondence_pages, "SHOWN", 2)
    names, page = listed(client, system)
    assert names == ["C-3", "C-2"]
    assert "1 older one is not shown" in page


def test_what_a_person_asked_is_on_no_page_of_whoever_may_not_answer(client, system):
    row = a_request(system, system.owner)
    client.force_login(a_user(Role.POLICY_AUTHOR))
    assert listed(client, system)[0] == []
    assert client.get(at("correspondence-detail", row)).status_code == 404
    assert client.get(reverse("system-detail", args=[system.pk])).context["correspondence"] == {"open": 0, "overdue": 0}
    address = f"/api/v1/systems/{system.slug}/correspondence"
    assert client.get(address).json()["results"] == []
    assert client.get(f"{address}/{row.pk}").status_code == 404


def test_an_erasure_reaches_the_answers_that_are_kept_under_a_key(client, system):
    address = f"/api/v1/systems/{system.slug}/correspondence"
    said = {"kind": "notice-26-11", "reference": "CASE-4711", "text": "About one household."}
    client.force_login(system.owner)

    def record():
        return client.post(address, said, content_type="application/json", headers={"Idempotency-Key": "once"})

    made = record()
    assert made.status_code == 201
    row = Correspondence.objects.get()
    client.post(at("correspondence-withdraw", row), {"reason": REASON})
    client.force_login(a_user(Role.DATA_PROTECTION_OFFICER))
    key = {"Idempotency-Key": "gone"}
    gone = client.post(f"{address}/{row.pk}/erasures", {"reason": REASON}, content_type="application/json", headers=key)
    assert gone.status_code == 201
    kept = str(list(IdempotentAnswer.objects.values_list("body", flat=True)))
    assert str(row.pk) in kept
    assert not any(word in kept for word in ("4711", "household", REASON))
    client.force_login(system.owner)
    assert record().json() == {"id": str(row.pk)}
    assert Correspondence.objects.count() == 1


def test_the_duties_of_the_register_stand_beside_the_list(client, system):
    client.force_login(system.owner)
    page = listed(client, system)[1]
    assert "Art 26.11, Inform affected persons:" in page
    assert "applies from 2 Dec 2027" in page
    assert "set no number of days" in page
