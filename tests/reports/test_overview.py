"""The overview: each figure counted right, and only over what the reader may read."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.accounts.access import readable_systems
from governance.accounts.roles import Role
from governance.approvals import services as approvals
from governance.approvals.findings import open_finding
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from monitoring.models import DriftRun
from registry.models import ObservedAlias, Permit
from reports.overview import live, waiting
from reports.overview.history import shares_for
from reports.overview.steps import steps
from reports.web import overview_pages
from tests.factories import SETUP, a_model, a_user, given, mirrored
from tests.reports.factories import Bank, a_declared_system, notarise, watch

PAGE = "/overview"


@pytest.fixture
def bank(db) -> Bank:
    return Bank()


def reader(*, system=None, role=Role.AUDITOR):
    person = a_user()
    given(person, role, system_id=system, valid_until=clock.now() + timedelta(days=900))
    return person


def seen(person, client, **at):
    client.force_login(person)
    answer = client.get(PAGE)
    assert answer.status_code == 200
    return answer


def stray(model, *, number=7):
    row = ObservedAlias(model=model, alias="champion", number=number, mlflow_created_at_ms=1, first_seen_at=clock.now())
    return mirrored(Event.DEVIATION_OBSERVED, row)


def test_what_is_live_is_counted_by_whether_its_approval_is_in_force(bank):
    made, everybody = bank.live(), reader()
    valid = live.counts_for(everybody)
    assert (valid.live, valid.valid, valid.expiring) == (1, 1, 0)
    assert valid.ages == ((1, 0), (0, 0), (0, 0), (0, 0), (0, 0))
    assert live.without_approval(everybody, 5) == []
    assert live.counts_for(reader(system=uuid.uuid4())) == live.Counts(0, 0, 0, ((0, 0),) * 5)
    assert live.counts_for(reader(system=bank.system.pk)) == valid
    with clock.frozen(made.approval.valid_until - timedelta(days=40)):
        assert live.counts_for(everybody).expiring == 1
        (row,) = live.expiring_for(everybody, 5)
        assert (row.version, row.days, row.next) == (str(made.version), 40, None)
        assert live.expiring_for(reader(system=uuid.uuid4()), 5) == []
    with clock.frozen(made.approval.valid_until + timedelta(days=1)):
        late = live.counts_for(everybody)
        (row,) = live.without_approval(everybody, 5)
        assert (late.valid, late.expiring, sum(map(sum, late.ages))) == (0, 0, 1)
        assert (row.state, row.since) == ("lapsed", made.approval.valid_until)


def test_what_follows_an_approval_that_ends_is_the_open_request_for_its_alias(bank):
    made = bank.live()
    asked = bank.promotion(number=2)
    with clock.frozen(made.approval.valid_until - timedelta(days=5)):
        (row,) = live.expiring_for(reader(), 5)
        assert (row.next, row.renews) == (asked, False)


def test_a_suspended_approval_is_told_with_its_day_and_its_reason(bank):
    made = bank.live()
    with clock.frozen(clock.now() + timedelta(days=3)) as moment:
        approvals.suspend(request_id=made.approval_id, reason="Drift above the limit.", actor=System("monitor"))
        (row,) = live.without_approval(reader(), 5)
        assert (row.state, row.since, row.said) == ("suspended", moment, "Drift above the limit.")
        assert live.without_approval(reader(system=uuid.uuid4()), 5) == []


def test_what_mlflow_shows_in_the_place_of_what_was_approved_is_what_is_live(bank):
    bank.live()
    stray(bank.model)
    stray(a_model(bank.system, name="unasked"))
    everybody = reader()
    counts = live.counts_for(everybody)
    assert (counts.live, counts.valid) == (2, 0)
    assert [(row.version, row.state) for row in live.without_approval(everybody, 5)] == [
        ("credit-risk v7", "unapproved"),
        ("unasked v7", "unapproved"),
    ]
    assert len(live.without_approval(everybody, 1)) == 1
    assert live.without_approval(reader(system=uuid.uuid4()), 5) == []


@pytest.mark.django_db(transaction=True)
def test_what_lapsed_says_when_its_grace_ends(bank, tmp_path):
    approval = bank.live().approval
    notarise(tmp_path)
    permit = Permit.objects.get(approval=approval, kind=Permit.Kind.SERVE)
    with clock.frozen(approval.valid_until + timedelta(days=1)):
        (row,) = live.without_approval(reader(), 5)
    assert row.until == permit.expires_at > approval.valid_until


@pytest.mark.django_db(transaction=True)
def test_each_month_is_counted_from_the_history_and_what_the_log_says(bank, tmp_path):
    made, everybody = bank.live(), reader()
    with clock.frozen(clock.now() + timedelta(days=1)):
        approvals.suspend(request_id=made.approval_id, reason="Drift.", actor=System("monitor"))
    notarise(tmp_path)
    with clock.frozen(clock.now() + timedelta(days=70)):
        months = shares_for(everybody, live.counts_for(everybody))
        assert [(month.live, month.valid) for month in months[-3:]] == [(1, 0)] * 3
        assert {(month.live, month.valid) for month in months[:8]} == {(0, 0)}
        assert not any(month.live for month in shares_for(reader(system=uuid.uuid4()), live.Counts(0, 0, 0, ())))


def test_open_requests_are_counted_by_age_and_listed_oldest_first(bank):
    bank.live()
    first = bank.promotion(number=2)
    with clock.frozen(clock.now() + timedelta(days=8)):
        second = bank.promotion(number=3, alias="canary")
        reach = readable_systems(reader())
        found = waiting.waiting_for(reach)
        assert (found.count, found.ages) == (2, (1, 0, 1, 0))
        assert timedelta(days=3) < found.median < timedelta(days=5)
        assert [row.pk for row, _ in waiting.oldest_for(reach, 5)] == [first.approval_id, second.approval_id]
        other = readable_systems(reader(system=uuid.uuid4()))
        assert (waiting.waiting_for(other).count, list(waiting.oldest_for(other, 5))) == (0, [])
        assert waiting.waiting_for(readable_systems(bank.engineer)).count == 2


def test_findings_are_overdue_from_the_day_after_they_were_due(bank):
    for severity, days in (("high", 2), ("low", 2), ("critical", 9)):
        open_finding(
            source="review", code="manual", title=f"{severity} {days}", severity=severity, owner=bank.owner,
            system=bank.system, actor=SETUP, due_on=clock.now().date() + timedelta(days=days),
        )  # fmt: skip
    day = clock.now().date() + timedelta(days=2)
    reach = readable_systems(reader())
    assert waiting.findings_for(reach, day) == waiting.Findings(3, 0, 0)
    late = day + timedelta(days=1)
    assert waiting.findings_for(reach, late) == waiting.Findings(3, 2, 1)
    assert [row.title for row in waiting.overdue_for(reach, late, 1)] in (["high 2"], ["low 2"])
    assert waiting.findings_for(readable_systems(reader(system=uuid.uuid4())), late) == waiting.Findings(0, 0, 0)


def test_the_page_has_something_of_everything_and_nothing_for_whom_it_is_out_of_reach(bank, client):
    made = bank.live()
    watch(bank, made.version)
    assert DriftRun.objects.filter(outcome="drift").exists()
    bank.promotion(number=2)
    page = seen(reader(), client)
    shown = page.context
    assert [row["value"] for row in shown["stats"]][:5] == ["1", "0", "0", "1", "1"]
    assert (shown["matrix"]["total"], shown["systems"], shown["models"]) == (1, 1, 1)
    assert [row["outcome"] for row in shown["drifting"]] == ["drift"]
    assert [(part["word"], part["count"]) for part in shown["drift"]["parts"] if part["count"]] == [("drift", 1)]
    assert (shown["monitors"], shown["live"], shown["valid"], shown["waits"]) == (1, 1, 0, 1)
    text = page.content.decode()
    for words in ("credit-risk v1", "credit-risk v2", 'href="/systems?ai_act_class=high&amp;tier=1"', "Suspended"):
        assert words in text, words
    hidden = seen(reader(system=uuid.uuid4()), client)
    assert "credit-risk" not in hidden.content.decode()
    assert hidden.context["systems"] == 0
    assert "There is no AI system that you may read." in hidden.content.decode()


def test_coverage_counts_the_systems_that_an_article_binds_and_those_that_have_all_of_it(bank, client):
    with clock.frozen(clock.now() + timedelta(days=800)):
        articles = {row["group"]: row for row in seen(reader(), client).context["articles"]}
    assert (articles["Art 9"]["systems"], articles["Art 9"]["held"], articles["Art 9"]["gaps"]) == (1, 0, 1)
    assert articles["Art 9"]["tone"] == "bad"


def test_of_too_many_systems_the_coverage_is_left_to_its_own_page(bank, client, monkeypatch):
    monkeypatch.setattr(overview_pages, "COVERED", 0)
    page = seen(reader(), client)
    assert page.context["articles"] == []
    assert "There are too many AI systems" in page.content.decode()


def test_before_the_first_system_the_page_is_the_steps_each_ticked_by_what_is_there(db, client):
    everybody = a_user(Role.ADMINISTRATOR)
    page = seen(everybody, client)
    assert {row["name"]: row["done"] for row in page.context["steps"]} == dict.fromkeys(
        ("mlflow", "people", "policy", "system", "class", "model", "request"), False
    )
    assert page.context["steps"][1]["text"] == ("Nobody holds yet: Model owner, Engineer, Validator, Risk officer.")
    assert "Live without valid approval" not in page.content.decode()
    assert 'href="/systems/new"' in page.content.decode()
    a_declared_system(a_user(Role.OWNER))
    page = seen(everybody, client)
    assert [row["name"] for row in page.context["steps"] if row["done"]] == ["system"]
    assert "Nothing is live yet." in page.content.decode()


def test_the_steps_go_once_all_are_done_and_are_for_whoever_reads_everything(bank, client):
    assert [step.name for step in steps() if not step.done] == ["request"]
    assert seen(reader(system=bank.system.pk), client).context["steps"] == []
    assert [row["name"] for row in seen(reader(), client).context["steps"] if row["next"]] == ["request"]
    bank.promotion()
    assert seen(reader(), client).context["steps"] == []


def test_an_inbox_of_which_nothing_was_ever_asked_leads_to_the_overview(db, client):
    client.force_login(a_user(Role.VALIDATOR))
    assert 'href="/overview">See what is there' in client.get("/").content.decode()


def test_the_queries_do_not_grow_with_what_there_is(bank, client):
    made = bank.live()
    watch(bank, made.version)
    bank.promotion(number=2)
    person = reader()
    client.force_login(person)
    counted = []
    for more in (0, 3):
        for number in range(more):
            stray(a_model(bank.system, name=f"more-{number}"))
            bank.promotion(number=10 + number)
            a_declared_system(bank.owner, slug=f"more-{number}", name=f"More {number}")
        client.get(PAGE)
        with CaptureQueriesContext(connection) as queries:
            client.get(PAGE)
        counted.append(len(queries))
    assert counted[0] == counted[1]
