"""The two pages, as a person uses them: what is kept, what is refused, and what is never given back."""

from __future__ import annotations

import pytest
from django.test import Client

from governance.accounts.roles import Role
from governance.notices.models import Channel, Delivery, Notice, NoticeSettings
from governance.notices.preferences import send_test
from tests.factories import a_user

pytestmark = pytest.mark.django_db
GOOD = {
    "when": "digest",
    "digest_hour": "7",
    "time_zone": "Europe/Berlin",
    "by_mail": "on",
    "on": ["request", "finding"],
}


@pytest.fixture
def person(settings):
    settings.NOTICE_KEY = "a key"
    return a_user(Role.ENGINEER)


@pytest.fixture
def client(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_what_is_chosen_is_kept_and_shown_again(client, person):
    assert client.post("/notices/settings", GOOD).status_code == 302
    kept = NoticeSettings.objects.get(person=person)
    assert (kept.by_mail, kept.digest, kept.digest_hour, kept.time_zone) == (True, True, 7, "Europe/Berlin")
    off = {"system", "correspondence", "alert", "escalation", "mention", "delegation", "token", "document", "retention"}
    assert set(kept.off) == off
    page = client.get("/notices/settings").content.decode()
    assert 'value="Europe/Berlin"' in page
    assert '<option value="7" selected>' in page


@pytest.mark.parametrize(
    "change",
    [{"time_zone": "Moon/Sea"}, {"time_zone": ""}, {"digest_hour": "24"}, {"when": "never"}, {"on": ["gossip"]}],
)
def test_what_cannot_be_kept_is_refused_and_stays_in_the_form(client, person, change):
    answer = client.post("/notices/settings", GOOD | change)
    assert answer.status_code == 422
    assert "x-note x-bad" in answer.content.decode()
    assert not NoticeSettings.objects.exists()


def test_an_address_is_kept_sealed_and_given_back_by_no_page(client, person):
    address = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    client.post("/notices/channels", {"label": "Team", "address": address})
    channel = Channel.objects.get()
    assert address not in channel.sealed
    wrong = client.post("/notices/channels", {"label": "Team", "address": "https://x.example/s3cr3t"})
    assert wrong.status_code == 422
    pages = wrong.content.decode() + client.get("/notices/settings").content.decode()
    assert "Team" in pages
    assert "s3cr3t" not in pages
    assert "TIiajkdnlazkcOXrIdevi7FQ" not in pages
    told = Notice.objects.get(person=person, kind="security")
    assert set(told.deliveries.values_list("channel", flat=True)) == {None, channel.pk}


def test_a_channel_is_removed_by_its_person_alone(client, person):
    client.post("/notices/channels", {"label": "Team", "address": "slack://T1/B2/c3"})
    channel = Channel.objects.get()
    stranger = Client()
    stranger.force_login(a_user(Role.ADMINISTRATOR))
    assert stranger.post(f"/notices/channels/{channel.pk}/removal").status_code == 404
    assert client.post(f"/notices/channels/{channel.pk}/removal").status_code == 302
    assert Channel.objects.get().sealed == ""
    assert client.post(f"/notices/channels/{channel.pk}/removal").status_code == 404


def test_without_a_key_no_address_is_asked_for_nor_taken(client, settings):
    settings.NOTICE_KEY = ""
    assert "PLACET_NOTICE_KEY is not set" in client.get("/notices/settings").content.decode()
    assert client.post("/notices/channels", {"label": "Team", "address": "slack://T1/B2/c3"}).status_code == 409
    assert not Channel.objects.exists()


def test_a_test_message_is_put_into_the_outbox_once_a_minute_and_sent_by_no_request(client, person):
    for _ in range(2):
        assert client.post("/notices/test").status_code == 302
    assert Notice.objects.filter(person=person, kind="test").count() in {
        1,
        2,
    }  # two, where a minute begins between them
    assert set(Delivery.objects.values_list("state", flat=True)) == {"waiting"}
    page = client.get("/notices").content.decode()
    assert "This is a test message" in page
    assert "Waiting" in page


def test_a_person_reads_their_own_notices_alone_and_pages_through_them_in_few_queries(
    client, person, django_assert_max_num_queries
):
    other = a_user()
    send_test(person=other)
    assert "This is a test message" not in client.get("/notices").content.decode()
    made = Notice.objects.get()
    Notice.objects.bulk_create(
        Notice(
            person=person,
            kind="request",
            occasion=f"entry:{number}",
            words="A request of yours was approved",
            detail=f"credit-risk v{number} was approved",
            path="/approvals/1",
            made_at=made.made_at,
        )
        for number in range(60)
    )
    with django_assert_max_num_queries(14):
        first = client.get("/notices").content.decode()
    assert first.count("was approved") == 50
    assert "?page=2" in first
    assert client.get("/notices?page=2").content.decode().count("was approved") == 10
    assert client.get("/notices?page=x").status_code == client.get("/notices?page=0").status_code == 200


def test_what_is_out_of_reach_is_named_no_more(client, person):
    Notice.objects.create(
        person=person,
        kind="request",
        occasion="entry:1",
        words="A request of yours was approved",
        detail="credit-risk v1 was approved",
        path="/approvals/1",
        about_kind="request",
        about_id=person.pk,
        made_at=person.joined_at,
    )
    page = client.get("/notices").content.decode()
    assert "A request of yours was approved" in page
    assert "credit-risk" not in page
    assert "/approvals/1" not in page
