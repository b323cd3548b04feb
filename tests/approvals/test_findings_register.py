"""Findings from opening to closing, what they do to approvals, and the register that shows them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from governance.accounts.services import SignInAgain
from governance.approvals import enforcement, findings, lifting, register, remediation
from governance.approvals.errors import ChecksHold, FindingDateRefused, FindingKnown
from governance.approvals.findings import FindingClosed
from governance.approvals.models import Finding, State
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.evidence.models import Evidence
from registry.reviewing.review import review_page
from tests.factories import PASSWORD, REASON, Cast, a_policy_text, a_user, approve, state_of

pytestmark = pytest.mark.django_db
WORDS = "A third of the youngest applicants has no income in the pinned rows."
CONDITIONS = ("on_drift: suspend", "on_drift: suspend\n  conditions: {max_open_findings: 1, on_overdue: suspend}")


@pytest.fixture
def cast(db, mlflow_address, settings):
    """A cast under a policy with conditions: one open finding at most, and an overdue one suspends."""
    settings.MLFLOW_TRACKING_URI = mlflow_address
    return Cast(a_policy_text(CONDITIONS))


def raised(cast: Cast, *, title: str = "Income is missing", severity: str = "medium", **more: object) -> Finding:
    values = {"system": cast.system, "description": WORDS, "source": "validation", "by": cast.validator} | more
    return remediation.raise_finding(title=title, severity=severity, **values)


def events(finding: Finding) -> list[str]:
    return [entry.event for entry in log.entries_naming("approvals_finding", [finding.pk])]


def test_a_finding_goes_from_a_plan_over_an_extension_to_its_closing_by_another_person(cast):
    finding = raised(cast)
    assert (finding.owner, finding.due_on) == (cast.owner, (clock.now() + timedelta(days=30)).date())
    plan_due = finding.due_on - timedelta(days=3)
    remediation.state_plan(finding_id=finding.pk, by=cast.owner, plan=WORDS, plan_due=plan_due)
    later = finding.due_on + timedelta(days=20)
    remediation.extend(finding_id=finding.pk, by=cast.officer, due_on=later, reason=WORDS, password=PASSWORD)
    made = cast.reviewed()
    evidence = Evidence.objects.filter(subject_digest=made.approval.subject_digest).first()
    remediation.propose_closure(finding_id=finding.pk, by=cast.owner, how=WORDS, evidence_id=evidence.pk)
    findings.close_finding(finding_id=finding.pk, closer=cast.validator, how="The rows are complete.")
    finding.refresh_from_db()
    assert (finding.due_on, finding.extensions, finding.closed_by) == (later, 1, cast.validator)
    assert finding.closure_evidence == evidence
    assert events(finding) == [
        *("finding.opened", "finding.planned", "finding.extended", "finding.closure_proposed", "finding.closed")
    ]
    texts = " ".join(row["text"] for row in register.finding_page(cast.engineer, finding.pk)["history"])
    assert texts.count(WORDS) == 4
    for act in (
        lambda: remediation.state_plan(finding_id=finding.pk, by=cast.owner, plan=WORDS, plan_due=plan_due),
        lambda: remediation.propose_closure(finding_id=finding.pk, by=cast.owner, how=WORDS),
    ):
        with pytest.raises(FindingClosed):
            act()


def test_who_may_do_what_with_a_finding(cast):
    for person in (cast.engineer, cast.owner, a_user(sponsor=cast.officer)):
        with pytest.raises(Forbidden):
            raised(cast, by=person)
    for wrong in ({"severity": "grave"}, {"source": "gossip"}, {"title": " "}, {"description": "Too short"}):
        with pytest.raises(InvalidInput):
            raised(cast, **wrong)
    finding = raised(cast)
    with pytest.raises(FindingKnown):
        raised(cast)
    today = clock.now().date()
    with pytest.raises(Forbidden):
        remediation.state_plan(finding_id=finding.pk, by=cast.officer, plan=WORDS, plan_due=today)
    for day in (today - timedelta(days=1), finding.due_on + timedelta(days=1)):
        with pytest.raises(FindingDateRefused):
            remediation.state_plan(finding_id=finding.pk, by=cast.owner, plan=WORDS, plan_due=day)
    later = finding.due_on + timedelta(days=9)
    with pytest.raises(Forbidden):
        remediation.extend(finding_id=finding.pk, by=cast.owner, due_on=later, reason=WORDS, password=PASSWORD)
    with pytest.raises(SignInAgain):
        remediation.extend(finding_id=finding.pk, by=cast.officer, due_on=later, reason=WORDS, password="wrong")
    for day in (finding.due_on, today + timedelta(days=366)):
        with pytest.raises(FindingDateRefused):
            remediation.extend(finding_id=finding.pk, by=cast.officer, due_on=day, reason=WORDS, password=PASSWORD)
    with pytest.raises(Unknown):
        remediation.propose_closure(finding_id=finding.pk, by=cast.owner, how=WORDS, evidence_id=cast.owner.pk)
    with pytest.raises(Forbidden):
        remediation.hand_over(finding_id=finding.pk, by=cast.engineer, to=cast.engineer, reason=WORDS)
    remediation.hand_over(finding_id=finding.pk, by=cast.owner, to=cast.officer, reason=WORDS)
    with pytest.raises(Forbidden, match="Nobody gives themselves more time"):
        remediation.extend(finding_id=finding.pk, by=cast.officer, due_on=later, reason=WORDS, password=PASSWORD)
    assert events(finding)[-1] == Event.FINDING_HANDED_OVER


def test_who_handed_a_finding_over_does_not_close_it_either(cast):
    finding = raised(cast, owner=cast.validator)
    remediation.hand_over(finding_id=finding.pk, by=cast.validator, to=cast.owner, reason=WORDS)
    with pytest.raises(findings.OwnFinding):
        findings.close_finding(finding_id=finding.pk, closer=cast.validator, how="The rows are complete.")
    finding.refresh_from_db()
    finding.closed_at, finding.closed_by = clock.now(), cast.validator
    with pytest.raises(IntegrityError, match="finding_closed_by_no_former_owner"), transaction.atomic():
        audit.append(event=Event.FINDING_CLOSED, actor=cast.validator, subjects=[finding], data={"made": "by a test"})


@pytest.mark.parametrize(("severity", "who"), [("medium", {"validator", "officer"}), ("critical", {"officer"})])
def test_only_who_may_close_a_finding_is_offered_to(cast, severity, who):
    finding, made = raised(cast, severity=severity), cast.reviewed()
    everybody = {"auditor": a_user("auditor")}
    everybody |= {name: getattr(cast, name) for name in ("engineer", "owner", "validator", "officer")}
    for name, person in everybody.items():
        offered = register.finding_page(person, finding.pk)["finding"]["closable"]
        assert offered is (name in who), name
        (row,) = review_page(made.approval, person)["findings"]
        assert row["closable"] is offered, name
        assert bool(row["refusal"]) is (name == "owner"), name
    findings.close_finding(finding_id=finding.pk, closer=cast.officer, how="Mended.", password=PASSWORD)
    assert not register.finding_page(cast.officer, finding.pk)["finding"]["closable"]


def test_too_many_open_findings_hold_a_request_until_enough_are_closed(cast):
    made = cast.allowed()
    approval = made.approval
    finding = raised(cast)
    approve(approval, cast.validator)  # one is admitted
    raised(cast, title="A second one")
    with pytest.raises(ChecksHold, match="2 findings of the AI system are open; the policy admits 1"):
        approve(approval, cast.officer)
    assert state_of(approval) == State.IN_REVIEW
    assert enforcement.sweep() == 1  # the pages and the API say it as well from here on
    approval.refresh_from_db()
    assert (approval.outcome, approval.verdict["checks"][-1]["id"]) == ("HOLD", "conditions.open-findings")
    findings.close_finding(finding_id=finding.pk, closer=cast.officer, how="The rows are complete.")
    approve(approval, cast.officer)
    assert state_of(approval) == State.APPROVED


def test_an_overdue_finding_suspends_and_only_its_closing_or_an_extension_lets_it_be_lifted(cast):
    approval = cast.approved().approval
    finding = raised(cast, severity="high")
    assert enforcement.sweep() == 0
    with clock.frozen(clock.now() + timedelta(days=8)):
        assert enforcement.sweep() == 1
        assert state_of(approval) == State.SUSPENDED
        assert enforcement.sweep() == 0
        lift = {"request_id": approval.pk, "signer": cast.officer, "rationale": REASON, "password": PASSWORD}
        with pytest.raises(Forbidden, match="overdue"):
            lifting.lift_suspension(**lift)
        later = clock.now().date() + timedelta(days=10)
        remediation.extend(finding_id=finding.pk, by=cast.officer, due_on=later, reason=WORDS, password=PASSWORD)
        lifting.lift_suspension(**lift)
        assert state_of(approval) == State.APPROVED
        assert enforcement.sweep() == 0


def test_without_conditions_in_the_policy_findings_change_nothing(db, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast = Cast()
    approval = cast.approved().approval
    raised(cast, severity="critical")
    raised(cast, title="Another")
    with clock.frozen(clock.now() + timedelta(days=40)):
        assert enforcement.sweep() == 0
    assert state_of(approval) == State.APPROVED


def test_the_register_filters_ages_and_pages(cast, django_assert_max_num_queries):
    for number in range(register.SHOWN + 3):
        raised(cast, title=f"Finding {number:03}", severity="low")
    with clock.frozen(clock.now() + timedelta(days=65)):
        raised(cast, title="=cmd()", severity="critical", source="audit")
        first = register.register_page(cast.officer, {})
        second = register.register_page(cast.officer, {"after": first["next"]})
        titles = [row["title"] for row in (*first["rows"], *second["rows"])]
        assert (len(titles), len(set(titles)), first["total"], second["next"]) == (54, 54, 54, "")
        ages = {row["severity"]: row["cells"] for row in first["ageing"]}
        assert (first["most"], first["filtered"]) == (53, False)
        assert ages == {"critical": [1, 0, 0, 0], "high": [0] * 4, "medium": [0] * 4, "low": [0, 0, 53, 0]}
        for query, count in (
            ({"severity": "critical"}, 1),
            ({"source": "audit"}, 1),
            ({"state": "closed"}, 0),
            ({"state": "overdue"}, 0),
            ({"age": "0"}, 1),
            ({"age": "2"}, 53),
            ({"age": "2", "severity": "critical"}, 0),
            ({"age": "4"}, 54),
            ({"mine": "on"}, 0),
            ({"q": "finding 01"}, 10),
            ({"after": "nonsense", "state": "nonsense"}, 54),
        ):
            assert register.register_page(cast.officer, query)["total"] == count, query
        assert register.register_page(cast.owner, {"mine": "on"})["total"] == 54
    with django_assert_max_num_queries(12):
        register.register_page(cast.officer, {})
    lines = list(register.csv_lines(cast.officer, {"severity": "critical"}))
    assert len(lines) == 2
    assert '"\'=cmd()"' in lines[1]


def test_the_pages_take_a_finding_all_the_way(cast):
    validator, owner, officer = Client(), Client(), Client()
    for browser, person in ((validator, cast.validator), (owner, cast.owner), (officer, cast.officer)):
        browser.force_login(person)
    sent = {"system": cast.system.pk, "title": "Income is missing", "severity": "high", "source": "validation"}
    refused = validator.post(reverse("finding-raise"), sent | {"description": "Too short"})
    assert (refused.status_code, 'aria-describedby="r-description-e"' in refused.text) == (422, True)
    at_its_field = refused.text.partition('id="r-description-e"')[2].partition("</p>")[0]
    assert "at least 20 characters" in at_its_field
    assert validator.post(reverse("finding-raise"), sent | {"description": WORDS}).status_code == 302
    finding = Finding.objects.get()
    detail = reverse("finding-detail", args=[finding.pk])
    assert WORDS in owner.get(detail).text

    def post(browser: Client, what: str, **values: object) -> int:
        return browser.post(reverse(f"finding-{what}", args=[finding.pk]), values).status_code

    day = finding.due_on.isoformat()
    assert post(owner, "plan", plan=WORDS, plan_due="soon") == 422
    assert post(owner, "plan", plan=WORDS, plan_due=day) == 302
    assert post(owner, "propose", mended=WORDS) == 302
    assert post(owner, "hand-over", owner=cast.validator.pk, owner_reason=WORDS) == 302
    assert post(validator, "hand-over", owner=cast.owner.pk, owner_reason=WORDS) == 302
    assert post(validator, "close", how="The rows are complete.", password=PASSWORD, next=detail) == 302
    assert "somebody else must see" in validator.get(detail).text
    later = (finding.due_on + timedelta(days=5)).isoformat()
    assert post(officer, "extend", due_on=later, extension_reason=WORDS, password="wrong") == 403
    assert post(officer, "extend", due_on=later, extension_reason=WORDS, password=PASSWORD) == 302
    assert post(validator, "extend", due_on=later, extension_reason=WORDS, password=PASSWORD) == 403
    assert post(officer, "close", how="The rows are complete.", password=PASSWORD, next=detail) == 302
    assert "Closed by" in officer.get(detail).text
    page = officer.get(reverse("finding-list"), {"state": "closed"})
    assert "Income is missing" in page.text
    table = b"".join(officer.get(reverse("finding-csv"), {"state": "closed"}).streaming_content).decode()
    assert "Income is missing" in table
