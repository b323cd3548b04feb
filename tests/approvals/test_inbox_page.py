"""The inbox: what waits for whom, and what to look after."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from governance.accounts.roles import Role
from governance.approvals import listing, saved_views
from governance.approvals import services as approvals
from governance.approvals.findings import open_finding
from governance.approvals.models import ApprovalRequest, SavedView
from governance.audit.actors import System
from governance.common import clock
from tests.factories import a_user, approve, given


@pytest.fixture
def inbox():
    """The context of a person's inbox."""

    def of(person, **query):
        client = Client()
        client.force_login(person)
        answer = client.get("/", query)
        assert answer.status_code == 200
        return answer.context

    return of


def titles(context) -> list[str]:
    return [row["title"] for row in context["rows"]]


def test_a_request_waits_for_those_who_can_sign_it_and_for_nobody_else(cast, inbox):
    held = cast.reviewed(number=1)
    for person, waits in ((cast.validator, True), (cast.officer, False), (cast.owner, False), (cast.engineer, False)):
        context = inbox(person, waiting="me")
        assert titles(context) == ([f"{cast.model.name} v1"] if waits else []), person
    row = inbox(cast.validator)["rows"][0]
    assert (row["reference"], row["url"], row["now"]) == (str(held), f"/approvals/{held.approval_id}", "now none")
    assert (row["verdict"], row["reason"], row["signed"]) == ("HOLD", "asks for a human review", "0 of 1 validator")
    assert row["counts"] == {"insufficient": 2, "pass": 5, "not_applicable": 2}
    assert row["ai_act"] == "High-risk, Annex III.5.b · tier 1"


def test_who_decides_nothing_sees_what_is_open_at_first(cast, inbox):
    cast.promotion()
    assert inbox(cast.engineer)["filters"]["waiting"] == "open"
    assert titles(inbox(cast.engineer)) == [f"{cast.model.name} v1"]
    assert inbox(cast.validator)["filters"]["waiting"] == "me"
    assert inbox(cast.validator)["jobs"][0]["subject"] == f"{cast.model.name} v1"


def test_a_role_for_one_system_is_shown_and_opens_what_waits_at_first(cast, inbox):
    cast.reviewed(number=1)
    reader = a_user(name="Of one system")
    given(reader, Role.VALIDATOR, system_id=cast.system.pk)
    context = inbox(reader)
    assert (context["role"], context["filters"]["waiting"], context["inbox_count"]) == ("Validator", "me", 0)
    assert not context["may_read_log"]
    assert titles(inbox(reader, waiting="open")) == [f"{cast.model.name} v1"]


def test_filters_by_text_verdict_class_and_state(cast, inbox):
    cast.reviewed(number=1)
    settled = cast.allowed(number=2)
    approve(settled.approval, cast.validator, verdict="reject")
    for query, found in (
        ({"waiting": "open"}, 1),
        ({"waiting": "settled"}, 1),
        ({"waiting": "open", "verdict": "BLOCK"}, 0),
        ({"waiting": "open", "verdict": "HOLD"}, 1),
        ({"waiting": "open", "ai_act_class": "minimal"}, 0),
        ({"waiting": "open", "q": "VALIDATOR"}, 1),
        ({"waiting": "open", "q": "consumer"}, 1),
        ({"waiting": "open", "q": "nothing like it"}, 0),
        ({"waiting": "everything"}, 1),
    ):
        assert len(inbox(cast.validator, **query)["rows"]) == found, query


def test_after_a_decision_its_fate_is_shown_to_those_it_concerns(cast, inbox):
    suspended = cast.live(number=1)
    ready = cast.approved(number=2)
    approvals.suspend(request_id=suspended.approval_id, reason="Drift.", actor=System("monitor"))
    open_finding(
        system=cast.system,
        code="drift",
        title="amount moved",
        severity="critical",
        source="monitor",
        actor=System("monitor"),
    )
    with clock.frozen(clock.now() + timedelta(days=3)):
        texts = [item["text"] for item in inbox(cast.owner)["after"]]
    assert f"{suspended.version}: the approval is suspended" in texts
    assert f"{ready.version} is approved, not applied yet" in texts
    assert any(text.endswith("amount moved") and text.startswith("Overdue since") for text in texts)
    assert inbox(a_user(Role.AUDITOR))["after"] == []
    with clock.frozen(clock.now() + timedelta(days=170)):
        assert any(
            "lapses in 9 days" in item["text"] or "not applied" in item["text"] for item in inbox(cast.officer)["after"]
        )


def test_the_median_counts_only_what_people_decided(cast, inbox):
    assert inbox(cast.validator)["median_decision"] is None
    made = cast.allowed()
    with clock.frozen(clock.now() + timedelta(hours=5)):
        approve(made.approval, cast.validator, verdict="reject")
    context = inbox(cast.validator)
    assert context["decisions"] == 1
    assert timedelta(hours=4, minutes=59) < context["median_decision"] < timedelta(hours=5, minutes=1)


def test_the_inbox_costs_the_same_with_four_requests_and_with_four_hundred(cast, inbox):
    for number in range(1, 5):
        made = cast.allowed(number=number)
    settled = cast.approved(number=5)
    saved_views.save_view(person=cast.validator, name="Held", wanted=listing.Asked(verdict="HOLD"))
    asked = [
        {"waiting": "me"},
        {"waiting": "open", "q": "credit", "sort": "newest"},
        {"waiting": "overdue"},
        {"waiting": "settled"},
    ]

    client = Client()
    client.force_login(cast.validator)

    def costs() -> list[int]:
        found = []
        for query in asked:
            with CaptureQueriesContext(connection) as queries:
                client.get("/", query)
            found.append(len(queries))
        return found

    few = costs()
    with transaction.atomic():  # copies stand in no log entry, so never to be committed
        copied(made.approval, 396)
        copied(settled.approval, 396)
        assert inbox(cast.validator, waiting="me")["total"] == 400
        many = costs()
        transaction.set_rollback(True)
    assert many == few
    assert max(few) <= 35


def copied(approval, count: int) -> None:
    """Add copies of a request, each about a subject of its own, by SQL: from collecting through its states.

    They come after the one that they copy in every order, so that a first page holds one with a promotion.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO approvals_approvalrequest SELECT (jsonb_populate_record(r, jsonb_build_object(
                 'id', gen_random_uuid(), 'subject_id', gen_random_uuid(), 'state', 'collecting', 'settled_at', NULL,
                 'state_reason', 'copied', 'opened_at', r.opened_at - n * interval '1 microsecond',
                 'review_opened_at', r.review_opened_at + n * interval '1 microsecond'))).*
               FROM approvals_approvalrequest r, generate_series(1, %s) n WHERE r.id = %s""",
            [count, approval.pk],
        )
        cursor.execute("UPDATE approvals_approvalrequest SET state = 'in_review' WHERE state_reason = 'copied'")
        if approval.settled_at:
            cursor.execute(
                "UPDATE approvals_approvalrequest SET state = 'expired', settled_at = %s - interval '1 second'"
                " WHERE state_reason = 'copied' AND state = 'in_review' AND valid_until IS NOT NULL",
                [approval.settled_at],
            )


def test_pages_follow_one_another_and_no_request_is_shown_twice_or_left_out(cast, inbox):
    made = cast.allowed(number=1)
    with transaction.atomic():
        copied(made.approval, 130)
        for query in ({"waiting": "me"}, {"waiting": "open", "sort": "newest"}, {"waiting": "open", "sort": "oldest"}):
            seen, sizes, context = [], [], inbox(cast.validator, **query)
            while True:
                seen += [row["pk"] for row in context["rows"]]
                sizes.append(len(context["rows"]))
                if not context["following"]:
                    break
                context = inbox(cast.validator, **dict(parse_qsl(context["following"].lstrip("?"))))
                assert context["paged"]
            assert sizes == [25, 25, 25, 25, 25, 6], query
            assert len(set(seen)) == 131
            dates = list(ApprovalRequest.objects.filter(pk__in=seen).values_list("pk", "opened_at"))
            if query.get("sort"):  # nearest due comes by the same date for all, the key parts them
                wanted = sorted(dates, key=lambda pair: (pair[1], pair[0]), reverse=query["sort"] == "newest")
                assert seen == [pk for pk, _ in wanted]
        for strange in ("nonsense", "~", "2026-11-26T00:00:00~x", "\x00~\x00"):
            assert len(inbox(cast.validator, waiting="me", after=strange)["rows"]) == 25
        transaction.set_rollback(True)


def test_an_overdue_request_has_a_tab_until_it_expires(cast, inbox):
    made = cast.allowed()
    assert titles(inbox(cast.validator, waiting="overdue")) == []
    with clock.frozen(made.approval.review_opened_at + timedelta(days=400)):
        context = inbox(cast.owner, waiting="overdue")
        assert titles(context) == [f"{cast.model.name} v1"]
        assert context["rows"][0]["overdue"]
        approvals.expire_undecided()
        assert titles(inbox(cast.owner, waiting="overdue")) == []
        assert titles(inbox(cast.owner, waiting="settled")) == [f"{cast.model.name} v1"]


def test_filters_by_system_and_by_the_name_that_people_use(cast, inbox):
    held = cast.reviewed(number=1)
    for query, found in (
        ({"system": cast.system.slug}, 1),
        ({"system": "another"}, 0),
        ({"q": str(held)}, 1),
        ({"q": str(held.number)}, 1),
        ({"q": f"PR-{held.number + 1}"}, 0),
        ({"q": f"{cast.model.name} v1"}, 1),
        ({"q": "ml engineer credit"}, 1),
        ({"q": "risk officer champion"}, 1),
        ({"q": "100%_"}, 0),
        ({"q": "nul\x00"}, 0),
    ):
        context = inbox(cast.engineer, **query)
        assert len(context["rows"]) == found, query
        assert [tab["count"] for tab in context["tabs"]] == [0, found, 0, 0, 0], query


def test_views_are_saved_opened_replaced_and_deleted_by_their_person_alone(cast, inbox):
    cast.reviewed()
    client, other = Client(), Client()
    client.force_login(cast.validator)
    other.force_login(cast.officer)
    said = {"name": "  Held,   high-risk ", "waiting": "open", "verdict": "HOLD", "sort": "newest"}
    answer = client.post("/inbox/views", said, follow=True)
    assert answer.status_code == 200
    [view] = answer.context["views"]
    assert (view["name"], view["current"]) == ("Held, high-risk", True)
    assert view["url"] == "?waiting=open&verdict=HOLD&sort=newest"
    assert len(client.get("/" + view["url"]).context["rows"]) == 1
    client.post("/inbox/views", said | {"verdict": "BLOCK"})
    [view] = client.get("/").context["views"]
    assert view["url"] == "?waiting=open&verdict=BLOCK&sort=newest"
    assert other.get("/").context["views"] == []
    other.post(f"/inbox/views/{view['pk']}/delete")
    assert SavedView.objects.count() == 1
    client.post(f"/inbox/views/{view['pk']}/delete")
    assert SavedView.objects.count() == 0
    for name in ("", " ", "x" * 61):
        answer = client.post("/inbox/views", said | {"name": name}, follow=True)
        assert [str(message) for message in answer.context["messages"]] == [
            "Give the view a name of at most 60 characters."
        ]
    for number in range(20):
        client.post("/inbox/views", said | {"name": f"View {number}"})
    answer = client.post("/inbox/views", said | {"name": "One more"}, follow=True)
    assert "delete one first" in str(list(answer.context["messages"])[-1])
    assert SavedView.objects.count() == 20
    assert Client().post("/inbox/views", said).status_code == 302  # to the sign-in page


def test_what_is_ready_or_lapses_is_found_among_many(cast, inbox):
    ready = cast.approved(number=1)
    live = cast.live(number=2)
    with clock.frozen(live.approval.valid_until - timedelta(days=10)):
        texts = [item["text"] for item in inbox(cast.officer)["after"]]
        assert texts == [f"{ready.version} is approved, not applied yet", f"{live.version} lapses in 10 days"]
