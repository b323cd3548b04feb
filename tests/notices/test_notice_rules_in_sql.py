"""What the database keeps of the outbox by itself, shown by trying it with SQL as the app's own role."""

from __future__ import annotations

import uuid

import pytest
from django.db import DatabaseError, connection, transaction

from governance.common import clock
from governance.notices.models import Channel, Cursor, Delivery, Notice
from tests.factories import a_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def notice() -> Notice:
    return Notice.objects.create(
        person=a_user(), kind="request", occasion="entry:1", words="w", detail="d", path="/x", made_at=clock.now()
    )


def refused(statement: str, *values: object) -> str:
    """Return the name of the rule that refuses a statement."""
    with pytest.raises(DatabaseError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
    return refusal.value.__cause__.diag.constraint_name


COPY = (
    "INSERT INTO notices_notice (id, person_id, kind, occasion, words, detail, path, about_kind, made_at) "
    "SELECT gen_random_uuid(), person_id, kind, {occasion}, words, detail, {path}, about_kind, made_at "
    "FROM notices_notice"
)


def test_a_notice_is_made_once_lands_on_this_site_and_stays_as_it_is(notice):
    assert refused(COPY.format(occasion="occasion", path="path")) == "one_notice_per_person_and_occasion"
    for path in ("https://elsewhere.example", "//elsewhere.example", ""):
        assert refused(COPY.format(occasion="'2'", path=f"'{path}'")) == "notice_lands_on_this_site"
    assert refused("UPDATE notices_notice SET detail = 'other'") == "notice_never_changes"


def test_what_was_sent_is_sent_and_a_message_keeps_what_it_says(notice):
    batch = uuid.uuid4()
    Delivery.objects.create(notice=notice, due_at=clock.now())
    again = (
        "INSERT INTO notices_delivery (notice_id, digest, state, due_at, attempts, error) "
        "SELECT notice_id, digest, state, due_at, 0, '' FROM notices_delivery"
    )
    assert refused(again) == "one_delivery_per_notice_and_channel"
    assert refused("UPDATE notices_delivery SET state = 'sent'") == "sent_at_iff_sent"
    assert refused("UPDATE notices_delivery SET lease_until = now()") == "only_a_claimed_delivery_is_leased"
    Delivery.objects.update(batch=batch, attempts=1)
    assert refused("UPDATE notices_delivery SET batch = %s", uuid.uuid4()) == "delivery_keeps_its_message"
    Delivery.objects.update(state="sent", sent_at=clock.now())
    assert refused("UPDATE notices_delivery SET state = 'waiting', sent_at = NULL") == "settled_delivery_never_changes"


def test_reading_only_goes_on(db):
    Cursor.objects.update_or_create(pk=1, defaults={"position": 5})
    assert refused("UPDATE notices_cursor SET position = 4") == "cursor_only_moves_on"
    assert refused("DELETE FROM notices_cursor") == "cursor_only_moves_on"
    assert refused("INSERT INTO notices_cursor (id, position) VALUES (2, 0)") == "one_cursor"


def test_nobody_turns_off_what_is_asked_of_them(notice):
    for kind in ("decision", "security"):
        statement = (
            "INSERT INTO notices_noticesettings (person_id, by_mail, off, digest, digest_hour, time_zone) "
            "VALUES (%s, true, %s, false, 8, 'UTC')"
        )
        assert refused(statement, notice.person_id, [kind]) == "nobody_turns_off_what_is_asked_of_them"


def test_no_address_is_kept_in_the_clear_nor_after_its_channel(notice):
    Channel.objects.create(person=notice.person, label="Chat", shown="slack://…", sealed="gAAAA", made_at=clock.now())
    assert refused("UPDATE notices_channel SET sealed = 'slack://T1/B2/c3'") == "no_address_in_the_clear"
    assert refused("UPDATE notices_channel SET removed_at = now()") == "address_gone_iff_channel_removed"
