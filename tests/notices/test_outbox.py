"""From the log to people: each is told once, of what they may read, whatever stops or runs twice."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from governance.accounts import administration, proposals, recertification
from governance.accounts.models import Token
from governance.accounts.roles import Role
from governance.approvals import comments, delegations, remediation, services
from governance.approvals.findings import open_finding
from governance.approvals.models import Finding
from governance.approvals.tasks import sweep_approvals
from governance.audit import following
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.audit.integration import place
from governance.audit.models import SHARD, Leaf
from governance.common import clock
from governance.inventory import modifying
from governance.notices import gathering, outbox, rules, tasks
from governance.notices.models import Cursor, Delivery, Notice, NoticeSettings, Unread
from registry import interventions
from tests.factories import PASSWORD, Cast, a_policy_text, a_system, a_user, a_version, accept, approve, given, lent
from tests.notices.conftest import placed
from tests.roles import as_role
from tests.security.named import a_request, a_settled

pytestmark = pytest.mark.django_db(transaction=True)


def news(person: object) -> list[str]:
    """What a person is told, oldest first, of their work; what is said of their account is left out."""
    rows = Notice.objects.filter(person=person).exclude(kind="security").order_by("made_at")
    return [row.detail for row in rows]


def read() -> int:
    placed()
    return tasks.make_notices()


def test_each_is_told_of_a_promotion_from_review_to_approval_at_their_turn(cast):
    made = cast.reviewed(ratio=0.97, half=0.05)
    name = f"{cast.model.name} v1 for alias champion ({made})"
    read()
    assert news(cast.validator) == [f"{name} waits for your decision in stage validation"]
    assert news(cast.officer) == news(cast.engineer) == news(cast.owner) == []
    accept(made.approval, cast.validator)
    approve(made.approval, cast.validator)
    read()
    assert news(cast.officer) == [f"{name} waits for your decision in stage risk"]
    assert news(cast.engineer) == [f"{name}: a signature was given in stage validation"]
    approve(made.approval, cast.officer)
    read()
    assert news(cast.engineer)[1:] == [f"{name} was approved"]
    assert len(news(cast.validator)) == len(news(cast.officer)) == 1
    services.suspend(request_id=made.approval_id, reason="Drift.", actor=System("monitor"))
    read()
    assert news(cast.owner) == [f"{name} was suspended"] == news(cast.engineer)[2:]
    landing = Notice.objects.get(person=cast.officer, kind="decision").path
    assert landing == f"/approvals/{made.approval_id}#decision"


def test_who_may_sign_no_more_by_the_time_that_it_is_read_is_not_told(cast):
    cast.reviewed(ratio=0.97, half=0.05)
    administration.take_role(person=cast.validator, role=Role.VALIDATOR, by=a_user(Role.ADMINISTRATOR))
    read()
    assert news(cast.validator) == []


def test_nobody_is_told_of_what_they_may_not_read(cast):
    made = cast.allowed()
    outsider = a_user()
    given(elsewhere := a_user(), Role.VALIDATOR, system_id=a_system().pk)
    people = [str(outsider.pk), f"person:{elsewhere.pk}", str(cast.owner.pk)]
    about = gathering.about_request(made.approval, {"mentions": people, "comment": "5"})
    outbox.write(rules.told(rules.Fact("approval.commented", "entry:1", about)))
    mentioned = Notice.objects.filter(kind="mention")
    assert [(row.person_id, row.path) for row in mentioned] == [
        (cast.owner.pk, f"/approvals/{made.approval_id}#comment-5")
    ]


def test_whom_a_comment_names_is_told_once_and_lands_on_it(cast):
    made = cast.allowed()
    said = comments.write_comment(
        request_id=made.approval_id, author=cast.officer, text="SECRET", mentions=[cast.owner.email, cast.officer.email]
    )
    read()
    (row,) = Notice.objects.filter(kind="mention")
    assert (row.person, row.path) == (cast.owner, f"/approvals/{made.approval_id}#comment-{said.pk}")
    assert "SECRET" not in row.words + row.detail


def test_reading_twice_at_once_and_after_a_stop_makes_each_notice_once(cast, monkeypatch):
    cast.reviewed(ratio=0.97, half=0.05)
    placed()

    def stopped(notices):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(outbox, "_deliveries", stopped)
        tasks.make_notices()
    assert not Notice.objects.exists()
    assert not Cursor.objects.filter(position__gte=0).exists()

    def work() -> None:
        try:
            tasks.make_notices()
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(news(cast.validator)) == 1
    count = Notice.objects.count()
    assert tasks.make_notices() == 0
    assert Notice.objects.count() == count


def test_an_entry_of_a_slow_transaction_is_not_passed_over(cast):
    """It takes a lower number than one that commits before it; the notary's order has both."""
    slow_has_its_number, fast_is_read = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with transaction.atomic():
                audit.append(
                    event=Event.SECOND_FACTOR_DISABLED, actor=System("x"), data={"person": cast.owner.actor_id}
                )
                slow_has_its_number.set()
                fast_is_read.wait(20)
        finally:
            connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert slow_has_its_number.wait(20)
    with transaction.atomic():
        audit.append(event=Event.SECOND_FACTOR_DISABLED, actor=System("x"), data={"person": cast.officer.actor_id})
    read()
    told = Notice.objects.filter(words__startswith="The authenticator app")
    assert [row.person_id for row in told] == [cast.officer.pk]
    fast_is_read.set()
    thread.join()
    read()
    assert {row.person_id for row in told.all()} == {cast.officer.pk, cast.owner.pk}


def test_an_entry_whose_notices_cannot_be_made_holds_up_nobody_and_is_tried_again(cast, monkeypatch):
    cast.reviewed(ratio=0.97, half=0.05)
    with monkeypatch.context() as patched:
        patched.setitem(gathering._GATHERERS, "approval", lambda data, body: 1 / 0)
        with transaction.atomic():
            audit.append(event=Event.SECOND_FACTOR_DISABLED, actor=System("x"), data={"person": cast.owner.actor_id})
        read()
    assert "ZeroDivisionError" in Unread.objects.first().error
    assert news(cast.validator) == []
    assert Notice.objects.filter(person=cast.owner, words__startswith="The authenticator").exists()
    tasks.make_notices()
    assert news(cast.validator) == []  # not before its time
    with clock.frozen(clock.now() + timedelta(minutes=2)):
        tasks.make_notices()
    assert len(news(cast.validator)) == 1
    assert not Unread.objects.exists()


def test_a_broken_glass_is_told_to_who_reviews_it_and_when_that_is_late_to_the_owner_too(cast):
    breaker = given(a_user(), Role.RISK_OFFICER).person  # who closes no finding of their own act
    a_version(cast.model, number=1)
    interventions.break_glass(
        model=cast.model.name, version=1, alias="champion", person=breaker, reason="Nobody else is awake."
    )
    read()
    name = f"Critical finding of {cast.system.name}"
    assert news(cast.officer) == [f"What one person did to production at once waits for your review: {name}"]
    assert news(breaker) == news(cast.validator) == news(cast.owner) == []
    with clock.frozen(clock.now() + timedelta(days=3)):
        tasks.look_ahead()
    assert news(cast.officer)[1:] == [f"Your review of what one person did to production is overdue: {name}"]
    assert news(cast.owner) == [f"What one person did to production is not reviewed in time: {name}"]
    assert news(breaker) == [f"{name}: overdue"]


def test_findings_go_to_their_owner_without_their_title_and_overdue_ones_once(cast):
    with transaction.atomic():
        open_finding(
            system=cast.system,
            code="drift",
            title="SECRET title",
            severity=Finding.Severity.HIGH,
            source="monitor",
            actor=System("monitor"),
        )
    read()
    name = f"High finding of {cast.system.name}"
    assert news(cast.owner) == [f"{name}: opened"]
    finding = Finding.objects.get()
    day = datetime.combine(finding.due_on, datetime.min.time(), UTC)
    remediation.extend(
        finding_id=finding.pk,
        by=cast.officer,
        due_on=finding.due_on + timedelta(days=10),
        reason="The supplier needs two weeks.",
        password=PASSWORD,
    )
    read()
    for moment in (day, day + timedelta(days=9), day + timedelta(days=11), day + timedelta(days=12)):
        with clock.frozen(moment):
            tasks.look_ahead()
    assert news(cast.owner) == [f"{name}: {what}" for what in ("opened", "given more time", "due soon", "overdue")]
    assert {row.path for row in Notice.objects.filter(kind="finding")} == {f"/findings/{finding.pk}"}
    assert "SECRET" not in str(list(Notice.objects.values()))


def test_delegator_and_delegate_and_the_administrators_who_confirm(cast):
    administrator = a_user(Role.ADMINISTRATOR)
    second = a_user(Role.VALIDATOR)
    made = lent(cast.validator, second, confirmed=False)
    read()
    assert news(administrator) == [f"A delegation waits for an administrator: {second.name} signs for Validator"]
    assert len(news(second)) == 1
    assert news(cast.validator) == []  # their own act
    delegations.confirm_delegation(delegation_id=made.pk, administrator=administrator, password=PASSWORD)
    read()
    assert len(news(second)) == 2
    assert len(news(cast.validator)) == 1
    assert len(news(administrator)) == 1


def test_the_other_administrators_are_told_that_a_role_waits_and_the_person_of_the_role(cast):
    first, second = a_user(Role.ADMINISTRATOR), a_user(Role.ADMINISTRATOR)
    person = a_user()
    proposal = proposals.propose_role(person=person, role=Role.VALIDATOR, by=first)
    read()
    assert news(second) == [f"A role waits for an administrator: Validator for {person.name}"]
    assert news(first) == []
    proposals.confirm_role(proposal_id=proposal.pk, by=second, password=PASSWORD)
    read()
    assert Notice.objects.get(person=person, kind="security").detail == "You were given a role: Validator"


def test_an_access_review_its_reviewer_at_opening_before_the_day_and_after_it(cast):
    reviewer, by = a_user(Role.RISK_OFFICER), a_user(Role.ADMINISTRATOR)
    due_on = (clock.now() + timedelta(days=30)).date()
    recertification.open_review(reviewer=reviewer, due_on=due_on, by=by)
    read()
    assert news(reviewer) == [f"An access review waits for you, to be signed by {clock.day(due_on)}"]
    for days in (24, 25, 31, 32):
        with clock.frozen(clock.now() + timedelta(days=days)):
            tasks.look_ahead()
    said = [text.partition(",")[0] for text in news(reviewer) if "review" in text]
    assert said[1:] == ["An access review of yours is due soon", "An access review of yours is overdue"]


def test_a_sponsor_is_told_of_a_token_that_expires_and_who_is_locked_out_is_told_by_mail_only(cast):
    machine = a_user(sponsor=cast.owner, name="Pipeline")
    now = clock.now()
    Token.objects.create(
        holder=machine, label="ci", digest="sha256:1", made_at=now, expires_at=now + timedelta(days=90), scopes=[]
    )
    for days in (70, 80, 88, 89):
        with clock.frozen(now + timedelta(days=days)):
            tasks.look_ahead()
    day = clock.day(now + timedelta(days=90))
    assert news(cast.owner) == [f"The token ci of Pipeline expires on {day}"] * 2
    assert not Notice.objects.filter(person=machine).exists()


def test_an_approval_that_ends_soon_goes_to_owner_and_requester_once(cast):
    approval = cast.approved().approval
    read()
    before = len(news(cast.engineer))
    for days in (15, 10, 9):
        with clock.frozen(approval.valid_until - timedelta(days=days)):
            tasks.look_ahead()
    assert len(news(cast.engineer)) == before + 1
    assert news(cast.owner) == [news(cast.engineer)[-1]]
    assert "ends on" in news(cast.owner)[0]


def test_an_escalation_goes_to_the_roles_that_the_policy_names(cast):
    terms = "escalation: {after: P5D, to: [data_protection_officer]}\n\napproval:\n"
    other = Cast(a_policy_text(("approval:\n", terms)))
    officer = a_user(Role.DATA_PROTECTION_OFFICER)
    other.allowed(number=4)
    with clock.frozen(clock.now() + timedelta(days=6)):
        sweep_approvals()
        read()
    assert any("waits longer than its policy allows" in text for text in news(officer))


def test_what_a_person_turned_off_is_on_the_page_and_goes_nowhere_and_a_digest_waits_for_its_hour(cast):
    NoticeSettings.objects.create(person=cast.engineer, off=["request"])
    NoticeSettings.objects.create(person=cast.validator, digest=True, digest_hour=7, time_zone="Europe/Berlin")
    with clock.frozen(datetime(2027, 3, 27, 12, tzinfo=UTC)):  # the night in which the clocks go forward
        made = cast.reviewed(ratio=0.97, half=0.05)
        read()
        approve(made.approval, cast.validator, verdict="reject")
        read()
    assert Notice.objects.filter(person=cast.engineer, kind="request").exists()
    assert not Delivery.objects.filter(notice__person=cast.engineer, notice__kind="request").exists()
    waiting = Delivery.objects.get(notice__person=cast.validator, notice__kind="decision")
    assert waiting.due_at == datetime(2027, 3, 28, 5, tzinfo=UTC)  # seven o'clock of the summer


def test_a_fork_places_entries_anew_and_nobody_is_told_again(cast):
    with transaction.atomic():
        audit.append(event=Event.SECOND_FACTOR_DISABLED, actor=System("x"), data={"person": cast.owner.actor_id})
    read()
    count = Notice.objects.count()
    old = [(row.entry_id, bytes(row.entry.body), bytes(row.leaf_hash)) for row in Leaf.objects.select_related("entry")]
    with as_role("notary"), transaction.atomic():
        place(old, base=SHARD, size=0)
    assert {row.entry for row in following.placed_after(SHARD - 1, most=1000)} == {None}
    assert tasks.make_notices() == len(old)
    assert Notice.objects.count() == count


def test_a_request_that_is_due_is_told_of_once_before_its_day_and_once_after_it(cast):
    officer, today = a_user(Role.DATA_PROTECTION_OFFICER), clock.now().date()
    late = today + timedelta(days=20)
    row = a_request(cast.system, cast.owner, due_on=late, due_basis="Policy 4.2", reference="CASE-4711")
    a_request(cast.system, cast.owner)  # nothing sets a day: nobody is told
    name = f"{row} of {cast.system.name}, last day {clock.day(late)}"
    heard: list[str] = []
    for days, says in ((12, ""), (13, "due soon"), (20, ""), (21, "overdue"), (25, "")):
        with clock.frozen(datetime.combine(today + timedelta(days=days), datetime.min.time(), UTC)):
            for _ in range(2):
                tasks.look_ahead()
        heard += [f"A notice or a request is {says}: {name}"] if says else []
        assert [news(person) for person in (cast.owner, officer, cast.engineer)] == [heard, heard, []]
    assert {row.path for row in Notice.objects.filter(kind="correspondence")} == {
        f"/systems/{cast.system.pk}/correspondence/{row.pk}"
    }
    assert "4711" not in str(list(Notice.objects.values()))


def test_the_owner_is_told_that_the_class_of_a_system_is_open_again(cast):
    said = {"ai_system": cast.system, "kind": "facts", "what": "SECRET registers are read too."}
    modifying.declare_modification(by=cast.owner, **said)
    read()
    assert news(cast.owner) == []
    modifying.declare_modification(by=cast.engineer, **said)
    read()
    assert news(cast.owner) == [f"{cast.system.name} was modified: its class is open again"]
    assert {row.path for row in Notice.objects.filter(kind="system")} == {f"/systems/{cast.system.pk}"}
    assert "SECRET" not in str(list(Notice.objects.values()))


def test_of_a_request_that_was_answered_nobody_is_reminded(cast):
    today = clock.now().date()
    row = a_request(cast.system, cast.owner, due_on=today, due_basis="Policy 4.2")
    a_settled(row)
    with clock.frozen(clock.now() + timedelta(days=3)):
        tasks.look_ahead()
    assert news(cast.owner) == []
