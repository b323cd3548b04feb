"""Notices and requests: who records, sends and erases them, and that no deadline and no name is made up or kept."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from governance.accounts.roles import Role
from governance.audit import selectors as log
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.inventory import correspondence as letters
from governance.inventory.errors import AlreadyBlank, CorrespondenceMoved, CorrespondenceSettled
from governance.inventory.models import Correspondence
from tests.factories import a_system, a_user, given

pytestmark = pytest.mark.django_db
READERS = (
    Role.ENGINEER,
    Role.OWNER,
    Role.VALIDATOR,
    Role.RISK_OFFICER,
    Role.DATA_PROTECTION_OFFICER,
    Role.AUDITOR,
    Role.ADMINISTRATOR,
)
REASON = "The person took the request back in writing."
ANSWER = "The score was one of three grounds; a credit officer decided."


def today():
    return clock.now().date()


def a_notice(system=None, by=None, **values):
    system = system or a_system()
    base = {"kind": "notice-26-11", "reference": "LET-2026-7"}
    return letters.record_correspondence(ai_system=system, by=by or system.owner, **(base | values))


def a_request(system=None, by=None, **values):
    asked = {"kind": "explanation-86", "reference": "CASE-118", "decision": "client-77", "text": "Why was I refused?"}
    return a_notice(system, by, **(asked | {"received_on": today()} | values))


def test_a_notice_is_recorded_and_sent_by_the_owner_and_numbers_run_by_system():
    row = a_notice(by=a_user(Role.ENGINEER))
    assert (row.number, str(row), row.state, row.due_on) == (1, "C-1", "open", None)
    assert a_request(row.system).number == 2
    assert a_notice().number == 1
    sent = letters.send_correspondence(correspondence_id=row.pk, by=row.system.owner, sent_on=today())
    assert (sent.state, sent.sent_on, sent.settled_by) == ("sent", today(), row.system.owner)


def test_who_may_record_and_who_may_send():
    system, row = a_system(), None
    for role in (Role.ENGINEER, Role.VALIDATOR, Role.RISK_OFFICER, Role.DATA_PROTECTION_OFFICER):
        row = a_notice(system, a_user(role))
    with pytest.raises(Forbidden):
        a_notice(system, a_user(Role.AUDITOR))
    assert row
    for role in (Role.ENGINEER, Role.VALIDATOR, Role.RISK_OFFICER, Role.ADMINISTRATOR):
        with pytest.raises(Forbidden, match="owner of the system or its data protection officer"):
            letters.send_correspondence(correspondence_id=row.pk, by=a_user(role), sent_on=today())
        with pytest.raises(Forbidden):
            letters.withdraw_correspondence(correspondence_id=row.pk, by=a_user(role), reason=REASON)
    officer = a_user(Role.DATA_PROTECTION_OFFICER)
    assert letters.send_correspondence(correspondence_id=row.pk, by=officer, sent_on=today()).settled_by == officer


def test_a_request_is_answered_with_words_and_not_before_it_came():
    row = a_request()

    def send(**values):
        sent = {"sent_on": today(), "answer": ANSWER} | values
        return letters.send_correspondence(correspondence_id=row.pk, by=row.system.owner, **sent)

    with pytest.raises(InvalidInput, match="at least 20 characters"):
        send(answer="Because.")
    with pytest.raises(InvalidInput, match="before it came"):
        send(sent_on=today() - timedelta(days=1))
    with pytest.raises(InvalidInput, match="has not come"):
        send(sent_on=today() + timedelta(days=1))
    assert send().answer == ANSWER
    with pytest.raises(CorrespondenceSettled, match="sent already"):
        send()
    with pytest.raises(CorrespondenceSettled):
        letters.withdraw_correspondence(correspondence_id=row.pk, by=row.system.owner, reason=REASON)


def test_an_answer_is_written_before_it_is_sent_and_can_be_written_anew():
    engineer, row = a_user(Role.ENGINEER), a_request()
    with pytest.raises(InvalidInput, match="at least 20"):
        letters.answer_correspondence(correspondence_id=row.pk, by=engineer, answer="Because.")
    with pytest.raises(Forbidden):
        letters.answer_correspondence(correspondence_id=row.pk, by=a_user(Role.AUDITOR), answer=ANSWER)
    for answer in ("A first draft of the answer.", ANSWER):
        row = letters.answer_correspondence(correspondence_id=row.pk, by=engineer, answer=answer)
    assert (row.state, row.answer, row.answered_by, row.sent_on) == ("open", ANSWER, engineer, None)
    sent = letters.send_correspondence(correspondence_id=row.pk, by=row.system.owner, sent_on=today())
    assert (sent.answer, sent.answered_by) == (ANSWER, engineer)
    with pytest.raises(CorrespondenceSettled):
        letters.answer_correspondence(correspondence_id=row.pk, by=engineer, answer=ANSWER)
    with pytest.raises(InvalidInput, match="Only a request"):
        letters.answer_correspondence(correspondence_id=a_notice().pk, by=engineer, answer=ANSWER)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"kind": "letter"}, "kind is one of"),
        ({"reference": "Amina Ndiaye"}, "Never a name"),
        ({"reference": "Ndiaye"}, "Never a name"),
        ({"reference": "a.ndiaye2@mail.example"}, "Never a name"),
        ({"reference": "+49 170 1234567"}, "Never a name"),
        ({"reference": "1" * 81}, "Never a name"),
        ({"received_on": "today"}, "Only a request"),
        ({"decision": "client-77"}, "Only a request"),
        ({"due_on": "tomorrow"}, "what sets it"),
        ({"due_basis": "Policy 4.2"}, "what sets it"),
        ({"text": "x" * 8001}, "at most 8,000"),
        ({"text": "nul \x00"}, "NUL"),
        ({"due_basis": "x" * 201}, "at most 200"),
    ],
)
def test_what_does_not_fit_is_refused(values, says):
    days = {"today": today(), "tomorrow": today() + timedelta(days=1)}
    values = {name: days.get(value, value) for name, value in values.items()}
    with pytest.raises(InvalidInput, match=says):
        a_notice(**values)
    assert not Correspondence.objects.exists()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"received_on": None}, "day on which the request came"),
        ({"received_on": "tomorrow"}, "day on which the request came"),
        ({"decision": ""}, "Name the decision"),
        ({"text": ""}, "what was asked"),
        ({"due_on": "yesterday", "due_basis": "Policy 4.2"}, "before it came"),
    ],
)
def test_what_a_request_lacks_is_refused(values, says):
    days = {"yesterday": today() - timedelta(days=1), "tomorrow": today() + timedelta(days=1)}
    values = {name: days.get(value, value) for name, value in values.items()}
    with pytest.raises(InvalidInput, match=says):
        a_request(**values)


def test_a_day_is_due_only_where_something_sets_one_and_late_ones_are_found():
    row = a_request(
        received_on=today() - timedelta(days=40), due_on=today() - timedelta(days=1), due_basis="Policy 4.2"
    )
    a_request(row.system)
    late = letters.correspondence_of(row.system, row.system.owner).filter(letters.overdue(today()))
    assert list(late) == [row]
    letters.send_correspondence(correspondence_id=row.pk, by=row.system.owner, sent_on=today(), answer=ANSWER)
    assert not late.all().exists()


def test_the_entry_holds_neither_words_nor_reference():
    row = a_request(text="Ndiaye asks why.", reference="CASE-4711", decision="client-0815")
    letters.send_correspondence(correspondence_id=row.pk, by=row.system.owner, sent_on=today(), answer=ANSWER)
    entries = log.entries_naming("inventory_correspondence", [row.pk])
    assert [entry.parsed["event"] for entry in entries] == ["correspondence.recorded", "correspondence.sent"]
    assert (
        entries[1].parsed["data"] | {"kind": "explanation-86", "state": "sent", "number": 1}
        == entries[1].parsed["data"]
    )
    for word in (b"Ndiaye", b"4711", b"0815", b"grounds"):
        assert not any(word in entry.body for entry in entries)


def test_a_data_protection_officer_erases_what_is_settled_and_the_days_stay():
    officer, row = a_user(Role.DATA_PROTECTION_OFFICER), a_request()

    def erase(by=officer, reason=REASON):
        return letters.erase_correspondence(correspondence_id=row.pk, by=by, reason=reason)

    with pytest.raises(InvalidInput, match="open still"):
        erase()
    letters.withdraw_correspondence(correspondence_id=row.pk, by=row.system.owner, reason=REASON)
    for by in (row.system.owner, a_user(Role.ADMINISTRATOR), a_user(Role.RISK_OFFICER)):
        with pytest.raises(Forbidden):
            erase(by=by)
    with pytest.raises(InvalidInput, match="at least 20"):
        erase(reason="Asked.")
    gone = erase()
    assert (gone.reference, gone.decision, gone.text, gone.answer, gone.reason) == ("", "", "", "", "")
    assert (gone.kind, gone.state, gone.received_on) == ("explanation-86", "withdrawn", today())
    with pytest.raises(AlreadyBlank):
        erase()
    newest = log.entries_naming("inventory_correspondence", [row.pk])[-1]
    assert newest.parsed["event"] == "correspondence.erased"
    assert log.payloads_of([newest.id])[newest.id] == {"reason": REASON}


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"sent_on": "2026-12-01"}, "sent_on_iff_sent"),
        ({"due_on": "2026-12-01"}, "due_only_with_what_sets_it"),
        ({"received_on": None}, "received_on_iff_request"),
        ({"erased_at": "2026-12-01T00:00:00Z"}, "erased_correspondence_says_nothing"),
        ({"answer": "Because."}, "answer_names_who_wrote_it"),
        ({"state": "withdrawn"}, "correspondence_settled_at_iff_settled"),
    ],
)
def test_the_database_keeps_the_rules(values, rule):
    row = a_request()
    with pytest.raises(IntegrityError, match=rule), transaction.atomic():
        Correspondence.objects.filter(pk=row.pk).update(**values)


def test_the_points_come_from_the_register_by_the_class_of_the_system():
    duties = letters.duties_of(a_system(), today())
    assert {kind: [duty.point.id for duty in rows] for kind, rows in duties.items()} == {
        "notice-26-11": ["Art 26.11"],
        "notification-27-3": ["Art 27.3"],
        "registration-49": ["Art 49.1", "Art 49.3"],
        "explanation-86": ["Art 86.1", "Art 86.2", "Art 86.3"],
    }
    assert set(letters.POINTS) == set(Correspondence.Kind.values)


def test_one_of_another_system_is_not_found():
    with pytest.raises(Unknown):
        letters.correspondence_for(a_system(), a_notice().pk, a_user(Role.AUDITOR))


def test_what_a_person_asked_is_read_by_whoever_may_answer_and_by_auditors():
    notice = a_notice()
    asked, elsewhere = a_request(notice.system), a_user()
    given(elsewhere, Role.ENGINEER, system_id=a_system().pk)
    given(elsewhere, Role.POLICY_AUTHOR, system_id=asked.system_id)
    here = a_user()
    given(here, Role.AUDITOR, system_id=asked.system_id, valid_until=clock.now() + timedelta(days=1))
    reads = {*map(a_user, READERS), here}
    reads_not = {a_user(Role.POLICY_AUTHOR), a_user(Role.POLICY_PUBLISHER), elsewhere}
    for person in reads | reads_not:
        found = set(letters.correspondence_of(asked.system, person))
        assert found == ({notice, asked} if person in reads else {notice}), person
        assert letters.may_read_correspondence(asked, person) is (person in reads), person
        assert letters.may_read_correspondence(notice, person), person
    nobody = a_user()
    assert not letters.may_read_correspondence(notice, nobody)
    with pytest.raises(Unknown):
        letters.correspondence_for(asked.system, asked.pk, a_user(Role.POLICY_AUTHOR))


def test_nobody_overwrites_or_vouches_for_an_answer_that_they_did_not_read():
    row = a_request()
    seen = str(row.log_entry)
    row = letters.answer_correspondence(correspondence_id=row.pk, by=row.system.owner, answer=ANSWER, seen=seen)
    with pytest.raises(CorrespondenceMoved, match="meanwhile"):
        letters.answer_correspondence(correspondence_id=row.pk, by=row.system.owner, answer=ANSWER * 2, seen=seen)
    with pytest.raises(CorrespondenceMoved):
        letters.send_correspondence(correspondence_id=row.pk, by=row.system.owner, sent_on=today(), seen=seen)
    seen = str(row.log_entry)
    sent = letters.send_correspondence(correspondence_id=row.pk, by=row.system.owner, sent_on=today(), seen=seen)
    assert (sent.state, sent.answer) == ("sent", ANSWER)
