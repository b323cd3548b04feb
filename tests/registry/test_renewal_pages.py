"""Renewals, comments and plans on the pages and over the API, as people use them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client

from governance.accounts.services import create_token
from governance.approvals import comments
from governance.approvals.models import Comment
from governance.audit.events import Event
from governance.common import clock
from registry import live, reconcile, selectors
from registry.models import PromotionRequest
from tests.factories import (
    a_user,
    given,
    mirrored,
    record_applied,
)
from tests.registry.test_renewals import asked, near_the_end, signed

pytestmark = pytest.mark.django_db


def signed_in(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_the_owner_renews_on_the_requesters_page_when_the_end_is_near(cast):
    made = cast.live()
    page = f"/promotions/{made.pk}"
    owner = signed_in(cast.owner)
    assert "can be renewed from" in owner.get(page).content.decode()
    assert owner.post(f"{page}/renew").status_code == 409
    with clock.frozen(near_the_end(made)):
        assert "Renew: approved until" in owner.get(page).content.decode()
        assert "Have it renewed." in owner.get(f"/models/{cast.model.pk}").content.decode()
        sent = owner.post(f"{page}/renew")
        renewal = PromotionRequest.objects.get(approval__renews=made.approval)
        assert sent.headers["Location"] == f"/promotions/{renewal.pk}"
        again = owner.get(page).content.decode()
        assert f"/promotions/{renewal.pk}" in again
        assert "its renewal is under way" in again
        review = owner.get(f"/approvals/{renewal.approval_id}").content.decode()
        assert "Renews" in review
        assert str(made) in review
        assert "A renewal is under way." in owner.get(f"/models/{cast.model.pk}").content.decode()


def test_who_has_no_part_in_the_system_gets_no_renewal(cast):
    made = cast.live()
    with clock.frozen(near_the_end(made)):
        assert signed_in(cast.officer).post(f"/promotions/{made.pk}/renew").status_code == 403
        assert signed_in(a_user()).post(f"/promotions/{made.pk}/renew").status_code == 404
    assert not made.approval.renewals.exists()


def test_a_token_asks_for_a_renewal_once(cast, client):
    made = cast.live()
    machine = a_user(name="Pipeline", sponsor=cast.owner)
    given(machine, "engineer")
    token = create_token(holder=machine, label="ci", scopes=["promotions:write"])
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "once"}
    with clock.frozen(near_the_end(made)):
        token = create_token(holder=machine, label="later", scopes=["promotions:write"])
        headers["Authorization"] = f"Bearer {token}"
        answers = [
            client.post(f"/api/v1/promotion-requests/{made}/renewals", content_type="application/json", headers=headers)
            for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert made.approval.renewals.get().requester == machine
        assert client.get(f"/api/v1/promotion-requests/{made}", headers=headers).status_code == 200  # who writes reads


def test_the_model_page_shows_what_is_live_and_not_its_open_renewal(cast):
    made = cast.live()
    with clock.frozen(near_the_end(made)):
        renewal = asked(cast, made)
        words = signed_in(cast.officer).get(f"/models/{cast.model.pk}").context["versions"]
        assert [(row["reference"], row["state"]) for row in words] == [(str(made), "approved")]
        record_applied(signed(cast, renewal).pk)
        words = signed_in(cast.officer).get(f"/models/{cast.model.pk}").context["versions"]
        assert [(row["reference"], row["state"]) for row in words] == [(str(renewal), "approved")]


def test_the_inbox_lists_what_ends_soon_nearest_end_first(cast):
    first = cast.approved(number=1)
    with clock.frozen(clock.now() + timedelta(days=10)):
        second = cast.approved(number=2)
    cast.reviewed(number=3)
    officer = signed_in(cast.officer)
    assert officer.get("/?waiting=ending").context["rows"] == []
    with clock.frozen(second.approval.valid_until - timedelta(days=30)):
        shown = officer.get("/?waiting=ending")
        assert [row["reference"] for row in shown.context["rows"]] == [str(first), str(second)]
        assert "approved until" in shown.content.decode()
        assert next(tab for tab in shown.context["tabs"] if tab["label"] == "Ending soon")["count"] == 2
    with clock.frozen(second.approval.valid_until - timedelta(days=65)):
        assert [row["reference"] for row in officer.get("/?waiting=ending").context["rows"]] == [str(first)]


def test_somebody_kept_from_signing_comments_on_either_page(cast):
    made = cast.allowed()
    engineer = signed_in(cast.engineer)
    address = f"/approvals/{made.approval_id}/comments"
    sent = engineer.post(address, {"text": "See the holidays.\nPlease.", "mentions": "Validator, Risk officer"})
    said = Comment.objects.get()
    assert sent.headers["Location"] == f"/approvals/{made.approval_id}#comment-{said.pk}"
    sent = engineer.post(address, {"text": "Again.", "at_page": "request"})
    assert sent.headers["Location"].startswith(f"/promotions/{made.pk}#comment-")
    for page in (f"/approvals/{made.approval_id}", f"/promotions/{made.pk}"):
        words = signed_in(cast.validator).get(page).content.decode()
        assert "See the holidays." in words
        assert "requester, trained this version, engineer" in words
        assert "Validator, Risk officer" in words
    mine = engineer.get(f"/promotions/{made.pk}").content.decode()
    assert f"log/entries/{said.log_entry}/receipt" in mine  # one's own words can be proved by oneself


@pytest.mark.parametrize("at_page", ["", "request"])
def test_a_refused_comment_shows_the_page_again_with_its_words(cast, at_page):
    made = cast.allowed()
    sent = {"text": "What of the holidays?", "mentions": "Nobody", "at_page": at_page}
    page = signed_in(cast.owner).post(f"/approvals/{made.approval_id}/comments", sent)
    words = page.content.decode()
    assert page.status_code == 422
    assert "What of the holidays?" in words
    assert "Nobody who may read this request is called Nobody." in words
    assert ("registry/request.html" if at_page else "registry/review.html") in [part.name for part in page.templates]
    too_long = sent | {"text": "x" * (comments.LONGEST + 1), "mentions": ""}
    assert signed_in(cast.owner).post(f"/approvals/{made.approval_id}/comments", too_long).status_code == 422
    assert not Comment.objects.exists()


def test_markup_in_a_comment_is_shown_as_it_was_typed(cast):
    made = cast.allowed()
    signed_in(cast.owner).post(f"/approvals/{made.approval_id}/comments", {"text": "<script>alert(1)</script>"})
    words = signed_in(cast.owner).get(f"/approvals/{made.approval_id}").content.decode()
    assert "<script>alert(1)" not in words
    assert "&lt;script&gt;alert(1)" in words


def test_the_review_page_says_what_watches_and_what_one_would_go_back_to(cast):
    first = cast.promotion(number=1)
    officer = signed_in(cast.officer)
    plans = officer.get(f"/approvals/{first.approval_id}").context["plans"]
    assert plans == {"monitors": [], "rollback": None}
    assert "nobody would notice drift" in officer.get(f"/approvals/{first.approval_id}").content.decode()


def test_it_goes_back_to_what_is_live_or_was_before(cast):
    one = cast.live(number=1)
    candidate = cast.promotion(number=2)
    officer = signed_in(cast.officer)

    def back(made):
        return officer.get(f"/approvals/{made.approval_id}").context["plans"]["rollback"]

    found = back(candidate)
    assert (found["version"], found["digest"], found["state"]) == (1, one.version.artifact_digest, "approved")
    assert found["there"] == "unknown"
    assert back(one) is None  # the first of all has nothing before it
    cast.attached(candidate, ratio=0.97, half=0.05)
    assert selectors.rollback_target(candidate.version, "champion").version_id == one.version_id
    assert selectors.rollback_target(candidate.version, "shadow") is None


@pytest.mark.parametrize("there", [True, False])
def test_whether_its_files_are_there_is_what_the_reconciler_saw(cast, tracking, there):
    one = cast.live(number=1)
    tracking.mirror(one.version)
    if not there:
        tracking.files.clear()
    cache.delete(f"placet:there:{one.version_id}")
    reconcile.run_pass("live-bytes", reconcile.check_live_bytes)
    assert live.presence(one.version)["there"] is there
    candidate = cast.promotion(number=2)
    words = signed_in(cast.officer).get(f"/approvals/{candidate.approval_id}").content.decode()
    assert ("still in the store" if there else "not in the store any more") in words


def test_the_holders_are_shown_with_the_day_until_when_each_has_it(cast):
    made = cast.reviewed()
    rows = signed_in(cast.engineer).get(f"/promotions/{made.pk}").context["holders"]
    now = [row for row in rows if row["state"] == "now"]
    assert now
    assert all(row["until"] for row in now)
    collecting = cast.promotion(number=2)
    rows = signed_in(cast.engineer).get(f"/promotions/{collecting.pk}").context["holders"]
    assert rows[0]["until"] == collecting.approval.opened_at + timedelta(days=30)


def test_replays_are_linked_for_who_reads_them(cast):
    here = a_user()
    given(here, "engineer", system_id=cast.system.pk)
    assert "/policy-replays" in signed_in(cast.officer).get("/policies").content.decode()
    assert "/policy-replays" not in signed_in(here).get("/policies").content.decode()


def test_reading_scopes_read_and_do_not_write(cast, client):
    made = cast.live()
    machine = a_user(name="Reader", sponsor=cast.owner)
    given(machine, "engineer")
    reads = create_token(holder=machine, label="r", scopes=["promotions:read", "records:read"])
    headers = {"Authorization": f"Bearer {reads}"}
    rows = client.get("/api/v1/promotion-requests", headers=headers).json()["results"]
    assert [row["id"] for row in rows] == [str(made.pk)]
    assert client.get("/api/v1/monitors", headers=headers).status_code == 200
    for address in ("/api/v1/promotion-requests", "/api/v1/monitors", f"/api/v1/promotion-requests/{made}/renewals"):
        assert client.post(address, {}, content_type="application/json", headers=headers).status_code == 403
    other = create_token(holder=machine, label="o", scopes=["bundles:read"])
    assert client.get("/api/v1/monitors", headers={"Authorization": f"Bearer {other}"}).status_code == 403


@pytest.mark.parametrize(
    ("old", "new", "changed", "says"),
    [
        ({"commit": "a1", "source": "train.py"}, {"commit": "b2", "source": "train.py"}, [True, False], "b2"),
        ({"commit": "a1", "source": "train.py"}, {"commit": "a1", "source": "train.py"}, [False, False], "a1"),
        ({"commit": "a1", "source": "train.py"}, None, [True, True], "not known"),
        (None, None, [True, True], "not known"),
    ],
)
def test_the_review_page_says_what_changed_in_the_code(cast, old, new, changed, says):
    cast.approved(number=1)
    made = cast.promotion(number=2)
    for number, code in ((1, old), (2, new)):
        row = cast.model.versions.get(number=number)
        row.code = code
        mirrored(Event.VERSION_MIRRORED, row)
    shown = signed_in(cast.officer).get(f"/approvals/{made.approval_id}").context["changes"]
    found = {row["item"]: row for row in (*shown["rows"], *shown["same"]) if row["item"].startswith("Code")}
    assert [found[item]["changed"] for item in ("Code, commit", "Code, source")] == changed
    assert found["Code, commit"]["after"] == says
