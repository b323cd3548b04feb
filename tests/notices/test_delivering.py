"""Delivery to a mail server and a web hook that really answer: once, with retries, and the same message when twice."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from governance.accounts import administration
from governance.accounts.roles import Role
from governance.accounts.selectors import people_with
from governance.audit.health import signs
from governance.common import clock
from governance.notices import delivering, preferences, selectors
from governance.notices.models import Channel, Delivery, Notice, NoticeSettings
from governance.notices.tasks import deliver_notices, look_ahead, make_notices
from tests.factories import Cast, a_user, approve
from tests.notices.conftest import placed

pytestmark = pytest.mark.django_db(transaction=True)
State = Delivery.State


def only_news(cast: Cast) -> None:
    """Let one person alone be a validator, and what was said of accounts so far be done with."""
    administrator = a_user(Role.ADMINISTRATOR)
    for person in people_with([Role.VALIDATOR]):
        if person != cast.validator:
            administration.take_role(person=person, role=Role.VALIDATOR, by=administrator)
    placed()
    make_notices()
    Delivery.objects.filter(state=State.WAITING).update(state=State.DROPPED, error="not of this test")


def later(**span: float) -> object:
    return clock.frozen(clock.now() + timedelta(**span))


def test_a_message_names_nothing_and_lands_on_the_exact_page_unless_the_deployment_says_more(
    cast, mailbox, told, settings
):
    only_news(cast)
    made = cast.reviewed(ratio=0.97, half=0.05)
    assert told() == 1
    (message,) = mailbox.taken
    assert mailbox.to == [cast.validator.email]
    assert message["Subject"] == "Placet: A request waits for your decision"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe"] == "<https://placet.bank.example/notices/settings>"
    assert message["Message-ID"].endswith("@placet.bank.example>")
    link = f"https://placet.bank.example/approvals/{made.approval_id}#decision"
    for kind in ("plain", "html"):
        text = message.get_body((kind,)).get_content()
        assert link in text
        assert cast.model.name not in text
        assert "champion" not in text
    settings.NOTICE_DETAIL = "subject"
    approve(made.approval, cast.validator, verdict="reject", rationale="The SECRET ratio of 0.97 is not what it seems.")
    told()
    said = mailbox.taken[-1]
    assert said["Subject"] == f"Placet: {cast.model.name} v1 for alias champion ({made}) was rejected"
    assert "SECRET" not in said.as_string()
    assert "0.97" not in said.as_string()


def test_a_server_that_refuses_is_tried_again_later_each_time_and_given_up_in_the_end(cast, mailbox, told):
    only_news(cast)
    cast.reviewed(ratio=0.97, half=0.05)
    mailbox.refuse = f"451 not now, {cast.validator.email}"
    assert told() == 0
    row = Delivery.objects.get(state=State.WAITING)
    assert row.attempts == 1
    assert "451" in row.error or "not now" in row.error
    assert cast.validator.email not in row.error
    assert deliver_notices() == 0
    assert Delivery.objects.get(pk=row.pk).attempts == 1  # not before its time
    waits = []
    moment = clock.now()
    for _ in range(8):
        row.refresh_from_db()
        waits.append(row.due_at - moment)
        moment = row.due_at
        with clock.frozen(moment):
            deliver_notices()
    row.refresh_from_db()
    assert waits == sorted(waits)
    assert (row.state, row.attempts) == (State.FAILED, 9)
    sign = next(sign for sign in signs() if sign.name == "Messages to people")
    assert (sign.value, sign.tone) == ("1 failing", "warn")
    assert "not now" in sign.text
    assert cast.validator.email not in sign.text


def test_a_server_that_answers_again_gets_the_message_that_waited(cast, mailbox, told):
    only_news(cast)
    cast.reviewed(ratio=0.97, half=0.05)
    mailbox.refuse = "451 not now"
    told()
    mailbox.refuse = ""
    with later(minutes=2):
        assert deliver_notices() == 1
    assert Delivery.objects.filter(state=State.SENT).get().error == ""
    assert deliver_notices() == 0


def test_a_worker_that_dies_after_sending_sends_the_same_message_again(cast, mailbox, told, monkeypatch):
    only_news(cast)
    cast.reviewed(ratio=0.97, half=0.05)
    placed()
    make_notices()

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(delivering, "_mark", dies)
        deliver_notices()
    assert deliver_notices() == 0  # its lease holds
    with later(minutes=6):
        assert deliver_notices() == 1
    first, second = mailbox.taken
    assert first["Message-ID"] == second["Message-ID"]
    assert first.get_body(("plain",)).get_content() == second.get_body(("plain",)).get_content()


def test_many_workers_at_once_send_each_message_once(cast, mailbox):
    people = [a_user(Role.AUDITOR) for _ in range(6)]
    only_news(cast)
    for person in people:
        preferences.send_test(person=person)

    def work() -> None:
        try:
            deliver_notices()
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(mailbox.to) == sorted(person.email for person in people)


def test_a_digest_is_one_message_at_its_hour_and_the_account_s_security_does_not_wait_for_it(cast, mailbox, told):
    only_news(cast)
    NoticeSettings.objects.create(person=cast.engineer, digest=True, digest_hour=6)
    first = cast.reviewed(number=1, ratio=0.97, half=0.05)
    approve(first.approval, cast.validator, verdict="reject")
    second = cast.reviewed(number=2, ratio=0.97, half=0.05)
    approve(second.approval, cast.validator, verdict="request_changes")
    told()
    assert cast.engineer.email not in mailbox.to
    with clock.frozen(Delivery.objects.filter(notice__person=cast.engineer, state=State.WAITING).first().due_at):
        assert deliver_notices() == 1
    message = mailbox.taken[-1]
    assert (mailbox.to[-1], message["Subject"]) == (cast.engineer.email, "Placet: 2 notices of today")
    text = message.get_body(("plain",)).get_content()
    assert f"/approvals/{first.approval_id}" in text
    assert f"/approvals/{second.approval_id}" in text
    preferences.send_test(person=cast.engineer)
    assert deliver_notices() == 1


def test_what_went_out_of_reach_meanwhile_is_not_sent(cast, mailbox):
    only_news(cast)
    NoticeSettings.objects.create(person=cast.validator, digest=True)
    cast.reviewed(ratio=0.97, half=0.05)
    placed()
    make_notices()
    administration.deactivate_person(person=cast.validator, by=a_user(Role.ADMINISTRATOR), reason="Left the bank.")
    with later(days=2):
        deliver_notices()
    assert cast.validator.email not in mailbox.to
    row = Delivery.objects.get(notice__person=cast.validator, notice__kind="decision")
    assert (row.state, row.error) == (State.DROPPED, "It is out of the person's reach now.")


def test_without_a_mail_server_nothing_is_called_sent(cast, told, settings):
    settings.EMAIL_HOST = ""
    assert told() == 0
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.DROPPED}
    (row,) = selectors.rows_of(cast.owner, list(selectors.notices_of(cast.owner)[:1]))
    assert "PLACET_EMAIL_URL" in row.ways[0].error


def test_a_channel_gets_what_the_mailbox_gets_and_its_address_is_nowhere(cast, mailbox, hook, told, caplog):
    only_news(cast)
    secret = "s3cr3t-of-the-channel"
    address = f"json://127.0.0.1:{hook.port}/{secret}"
    caplog.set_level("DEBUG")
    channel = preferences.add_channel(person=cast.validator, label="Chat", address=address)
    assert channel.shown == "json://127.0.0.1/…"
    told()
    assert mailbox.subjects == ["Placet: An address for messages was added to your account"]
    assert [row["path"] for row in hook.taken] == [f"/{secret}"]
    made = cast.reviewed(ratio=0.97, half=0.05)
    assert told() == 2
    assert hook.taken[-1]["title"] == "Placet: A request waits for your decision"
    assert f"/approvals/{made.approval_id}#decision" in hook.taken[-1]["message"]
    hook.status = 500
    preferences.send_test(person=cast.validator)
    told()
    failed = Delivery.objects.get(channel=channel, state=State.WAITING)
    assert failed.error
    everything = [str(list(model.objects.values())) for model in (Channel, Notice, Delivery)]
    assert secret not in "".join(everything) + caplog.text
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(encode(body, 'escape'), '') FROM audit_entry")
        assert secret not in cursor.fetchone()[0]


def test_a_removed_channel_gets_nothing_more_and_leaves_no_address(cast, mailbox, hook, told):
    channel = preferences.add_channel(person=cast.owner, label="Chat", address=f"json://127.0.0.1:{hook.port}/x")
    preferences.remove_channel(person=cast.owner, channel_id=channel.pk)
    told()
    assert hook.taken == []
    assert Channel.objects.get(pk=channel.pk).sealed == ""
    assert "Placet: An address for messages was removed from your account" in mailbox.subjects


def test_old_notices_are_forgotten_but_none_that_still_waits(cast, mailbox, told):
    told()
    preferences.send_test(person=cast.owner)
    with later(days=200):
        look_ahead()
        assert list(Notice.objects.exclude(made_at__gt=clock.now() - timedelta(days=1)).values_list("kind")) == [
            ("test",)
        ]
