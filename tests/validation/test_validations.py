"""An independent validation, from its plan to evidence that a policy reads; and who may not make one."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from governance.accounts.administration import deactivate_person
from governance.accounts.roles import Role
from governance.accounts.services import SignInAgain
from governance.approvals import replay
from governance.approvals import selectors as approvals
from governance.approvals import services as approval_services
from governance.approvals.errors import RequestNotOpen, ReviewMissing
from governance.approvals.models import Finding
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.events import Event
from governance.audit.models import Entry
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.evidence import projection, schemas, storage
from governance.evidence.models import Evidence
from governance.validation import selectors, services, signing
from governance.validation.errors import (
    ReportRefused,
    ValidationIncomplete,
    ValidationMoved,
    ValidationOpen,
    ValidationSettled,
    ValidatorNotIndependent,
)
from governance.validation.models import State, Validation
from tests import payloads
from tests.factories import PASSWORD, SETUP, a_policy_text, a_user, accept, approve, fresh, given, state_of
from tests.validation.working import (
    CHALLENGER,
    FINDING,
    INDEPENDENCE,
    PDF,
    PLAN,
    REPORT,
    TEST,
    begun,
    planned,
    sign,
    signed,
    worked,
)

ASKED = (
    ("evidence:\n", "evidence:\n  human_review/v1:\n    max_age: P365D\n"),
    (
        "checks:\n",
        "checks:\n"
        "  - id: validation.opinion\n"
        "    title: Independent validation\n"
        '    expr: evidence.human_review.opinion != "not_fit"\n'
        "    on_fail: block\n"
        "    why: A model that its validator calls unfit is not approved.\n"
        "    owner: risk_officer\n",
    ),
)


def test_a_signed_validation_is_evidence_that_says_openly_what_came_out_and_keeps_the_words_erasable(cast):
    made = cast.reviewed()
    services.upload_report(
        validation_id=(v := worked(made.approval, cast.validator)).pk, by=cast.validator, content=PDF
    )
    done = sign(v, cast.validator)
    evidence = done.evidence
    assert done.state == State.SIGNED
    assert (evidence.type, evidence.origin, evidence.producer_id) == (
        "human_review/v1",
        "submitted",
        f"person:{cast.validator.pk}",
    )
    assert schemas.first_problem("human_review/v1", evidence.payload) is None
    assert evidence.payload["opinion"] == "fit"
    assert [(row["kind"], row["value"]) for row in evidence.payload["tests"]] == [
        ("test", 0.781),
        ("challenger", 0.021),
    ]
    assert storage.get(evidence.payload["report"]) == PDF
    assert evidence.payload["evidence"] == sorted(
        row.payload_digest for row in Evidence.objects.filter(pk__in=fresh(made).approval.evidence_ids)
    )
    entry = log.entry_by_id(evidence.log_entry)
    assert entry.parsed["payload"] == evidence.payload["statement"]
    assert log.payload_of(entry.id)["report"] == REPORT
    open_bytes = b"".join(bytes(row.body) for row in Entry.objects.all())
    for words in (*PLAN.values(), *INDEPENDENCE.values(), *REPORT.values(), TEST["name"], TEST["done"]):
        if len(words) > 10:
            assert words.encode() not in open_bytes


def test_what_was_written_is_read_back_and_a_later_version_of_a_part_replaces_it(cast):
    made = begun(cast.reviewed().approval, cast.validator)
    first = services.add_test(validation_id=made.pk, by=cast.validator, **TEST)
    second = services.add_test(validation_id=made.pk, by=cast.validator, **CHALLENGER)
    services.state_plan(validation_id=made.pk, by=cast.validator, **PLAN | {"scope": "The whole model, as of today."})
    services.remove_test(validation_id=made.pk, by=cast.validator, test_id=first.pk)
    written = selectors.written(made, list(made.tests.all()))
    assert written.plan == PLAN | {"scope": "The whole model, as of today."}
    assert written.independence == INDEPENDENCE
    assert written.report is None
    assert written.tests == {second.pk: {key: CHALLENGER[key] for key in ("name", "done", "measure")}}


@pytest.mark.parametrize("part", ["requester", "trainer", "owner", "sponsor"])
def test_nobody_with_a_part_in_the_version_validates_it(cast, part):
    if part == "sponsor":
        machine = a_user(sponsor=cast.validator)
        made = cast.promotion(trained_by=machine)
        person = cast.validator
    else:
        made = cast.promotion()
        person = {"requester": cast.engineer, "trainer": cast.engineer, "owner": cast.owner}[part]
        given(person, Role.VALIDATOR, system_id=cast.system.pk)
    with pytest.raises(ValidatorNotIndependent, match=part):
        services.open_validation(approval_id=made.approval_id, validator=person)


def test_only_a_validator_of_the_system_validates_and_others_do_not_learn_that_the_request_exists(cast):
    made = cast.reviewed()
    with pytest.raises(Forbidden):
        services.open_validation(approval_id=made.approval_id, validator=cast.officer)
    with pytest.raises(Unknown):
        services.open_validation(approval_id=made.approval_id, validator=a_user())
    v = begun(made.approval, cast.validator)
    other = a_user(Role.VALIDATOR)
    with pytest.raises(Forbidden, match="makes this validation"):
        services.add_test(validation_id=v.pk, by=other, **TEST)
    with pytest.raises(Unknown):
        services.add_test(validation_id=v.pk, by=a_user(), **TEST)


def test_a_request_has_one_open_validation_and_the_next_begins_once_it_is_abandoned(cast):
    made, other = cast.reviewed(), a_user(Role.VALIDATOR)
    first = planned(made.approval, cast.validator)
    with pytest.raises(ValidationOpen):
        services.open_validation(approval_id=made.approval_id, validator=other)
    with pytest.raises(InvalidInput):
        services.abandon(validation_id=first.pk, by=cast.validator, reason="ill")
    with pytest.raises(Forbidden):
        services.abandon(validation_id=first.pk, by=cast.officer, reason="Somebody else should look at it.")
    services.abandon(validation_id=first.pk, by=other, reason="The validator is on leave until March.")
    assert services.open_validation(approval_id=made.approval_id, validator=other).state == State.PLANNED
    assert selectors.written(first).abandonment == {"reason": "The validator is on leave until March."}


def test_work_begins_on_a_plan_and_a_declaration_and_not_before(cast):
    made = services.open_validation(approval_id=cast.reviewed().approval_id, validator=cast.validator)
    with pytest.raises(ValidationIncomplete):
        services.add_test(validation_id=made.pk, by=cast.validator, **TEST)
    services.state_plan(validation_id=made.pk, by=cast.validator, **PLAN)
    with pytest.raises(ValidationIncomplete):
        services.begin(validation_id=made.pk, by=cast.validator)
    with pytest.raises(InvalidInput, match="had no part"):
        services.declare_independence(validation_id=made.pk, by=cast.validator, no_part=False, **INDEPENDENCE)
    with pytest.raises(InvalidInput, match="none"):
        services.declare_independence(
            validation_id=made.pk, by=cast.validator, no_part=True, **INDEPENDENCE | {"conflicts": " "}
        )
    services.declare_independence(validation_id=made.pk, by=cast.validator, no_part=True, **INDEPENDENCE)
    assert services.begin(validation_id=made.pk, by=cast.validator).state == State.IN_PROGRESS


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": float("nan")},
        {"low": 0.9},
        {"high": None},
        {"value": None},
        {"measure": ""},
        {"name": " "},
        {"done": "looked"},
        {"kind": "guess"},
        {"outcome": "good"},
        {"kind": "challenger", "value": None, "low": None, "high": None},
    ],
    ids=str,
)
def test_a_test_is_named_described_and_its_figures_fit(cast, wrong):
    made = begun(cast.reviewed().approval, cast.validator)
    with pytest.raises(InvalidInput):
        services.add_test(validation_id=made.pk, by=cast.validator, **TEST | wrong)
    assert not made.tests.exists()


def test_a_test_rests_on_evidence_about_the_same_version_only(cast):
    made = begun(cast.reviewed().approval, cast.validator)
    own = Evidence.objects.filter(subject_digest=made.approval.subject_digest).first()
    services.add_test(validation_id=made.pk, by=cast.validator, **TEST, evidence_id=own.pk)
    cast.reviewed(number=2)
    foreign = Evidence.objects.exclude(subject_digest=made.approval.subject_digest).first()
    with pytest.raises(Unknown):
        services.add_test(validation_id=made.pk, by=cast.validator, **TEST, evidence_id=foreign.pk)


@pytest.mark.parametrize(
    "content",
    [
        b"<html><script>alert(1)</script></html>%%EOF",
        b"PK\x03\x04 a zip %%EOF",
        b"%PDF-1.7 cut short",
        b" " + PDF,
        PDF + b"PK\x05\x06 an archive behind it",
        b"",
        b"%PDF-1.7\n" + b"0" * (10 * 1024 * 1024) + b"%%EOF",
    ],
    ids=["html", "zip", "cut", "not at the start", "archive behind it", "empty", "too large"],
)
def test_an_uploaded_report_is_a_whole_pdf_of_ten_megabytes_at_most(cast, content):
    made = begun(cast.reviewed().approval, cast.validator)
    with pytest.raises(ReportRefused):
        services.upload_report(validation_id=made.pk, by=cast.validator, content=content)


def test_a_signature_covers_what_was_shown_and_needs_the_password(cast):
    made = worked(cast.reviewed().approval, cast.validator)
    shown = signing.statement_of(made).digest
    with pytest.raises(SignInAgain):
        sign(made, cast.validator, password="wrong")
    with pytest.raises(Forbidden):
        sign(made, a_user(Role.VALIDATOR))
    services.add_test(validation_id=made.pk, by=cast.validator, **TEST)
    with pytest.raises(ValidationMoved):
        sign(made, cast.validator, seen=shown)
    done = sign(made, cast.validator)
    for change in (
        lambda: sign(done, cast.validator),
        lambda: services.state_plan(validation_id=done.pk, by=cast.validator, **PLAN),
        lambda: services.abandon(validation_id=done.pk, by=cast.validator, reason="I changed my mind about it."),
        lambda: services.raise_finding(validation_id=done.pk, by=cast.validator, **FINDING),
    ):
        with pytest.raises(ValidationSettled):
            change()


def test_what_is_missing_is_named_and_conditions_are_findings(cast):
    made = begun(cast.reviewed().approval, cast.validator)
    with pytest.raises(ValidationIncomplete, match="one test") as refusal:
        sign(made, cast.validator)
    assert "your opinion" in refusal.value.detail
    services.add_test(validation_id=made.pk, by=cast.validator, **TEST)
    services.write_report(validation_id=made.pk, by=cast.validator, opinion="fit_with_conditions", **REPORT)
    with pytest.raises(ValidationIncomplete, match="Conditions are findings"):
        sign(made, cast.validator)
    link = services.raise_finding(validation_id=made.pk, by=cast.validator, **FINDING)
    done = sign(made, cast.validator)
    assert (link.finding.source, link.finding.owner) == ("validation", cast.owner)
    assert done.evidence.payload["findings"] == [{"finding": str(link.finding_id), "severity": "medium"}]


def test_who_gets_a_part_in_the_version_later_can_no_longer_sign(cast):
    made = worked(cast.reviewed().approval, cast.validator)
    cast.system.owner = cast.validator
    with transaction.atomic():
        audit.append(event=Event.SYSTEM_UPDATED, actor=SETUP, subjects=[cast.system], data={"made": "by a test"})
    with pytest.raises(ValidatorNotIndependent):
        sign(made, cast.validator)


def test_of_a_request_that_was_closed_nothing_is_signed_any_more(cast):
    made = cast.reviewed()
    v = worked(made.approval, cast.validator)
    approval_services.withdraw(request_id=made.approval_id, requester=cast.engineer, reason="Superseded by version 3.")
    with pytest.raises(RequestNotOpen):
        sign(v, cast.validator)
    assert services.abandon(validation_id=v.pk, by=cast.validator, reason="The request was withdrawn.").settled_at


@pytest.mark.parametrize(
    ("opinion", "outcome"), [("fit", "pass"), ("fit_with_conditions", "pass"), ("not_fit", "fail")]
)
def test_a_policy_waits_for_the_validation_and_reads_its_opinion(db, mlflow_address, settings, opinion, outcome):
    from tests.factories import Cast

    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast = Cast(a_policy_text(*ASKED))
    made = cast.promotion()
    cast.attached(made, ratio=0.97, half=0.05)
    assert state_of(made.approval) == "collecting"
    signed(made.approval, cast.validator, opinion=opinion)
    assert state_of(made.approval) == "in_review"
    checks = {row["id"]: row for row in fresh(made).approval.verdict["checks"]}
    assert checks["validation.opinion"]["outcome"] == outcome


def test_a_stage_may_require_a_validation_by_somebody_without_a_part(db, mlflow_address, settings):
    from tests.factories import Cast

    settings.MLFLOW_TRACKING_URI = mlflow_address
    text = a_policy_text(("requires: human_review/v1}", "requires: validation}"))
    # checks that ask for a human review need a stage in which one can be signed; here nothing is held
    cast = Cast(text.replace("on_insufficient: human_review", "on_insufficient: hold"))
    made = cast.reviewed(ratio=0.97, half=0.05)
    with pytest.raises(ReviewMissing, match="there is none"):
        approve(made.approval, cast.validator)
    signed(made.approval, cast.validator, opinion="not_fit")
    with pytest.raises(ReviewMissing, match="not fit"):
        approve(made.approval, cast.validator)
    signed(made.approval, cast.validator)
    approve(made.approval, cast.validator)
    approve(made.approval, cast.officer)
    assert state_of(made.approval) == "approved"


def test_a_validation_is_no_review_of_a_check(cast):
    made = cast.reviewed()
    signed(made.approval, cast.validator)
    assert approvals.reviews(made.approval) == []
    accept(made.approval, cast.validator)
    given_review = approvals.standing_reviews(made.approval)
    assert [row.payload["kind"] for row in given_review] == ["check"]


def test_a_review_from_before_validations_existed_is_read_as_one_of_a_check():
    old = payloads_of_old_review()
    assert schemas.first_problem("human_review/v1", old) is None
    assert projection.project("human_review/v1", old)["kind"] == "check"


def payloads_of_old_review():
    digest = payloads.a_digest("x")
    return {
        "type": "human_review/v1",
        "check": "fairness.sex",
        "statement": digest,
        "evidence": [digest],
        "reviewer_role": "validator",
        "verdict": "accepted",
    }


def test_a_live_version_that_is_not_fit_any_more_gets_a_critical_finding(cast):
    live = cast.live()
    done = signed(live.approval, cast.validator, opinion="not_fit")
    assert done.occasion == "revalidation"
    finding = Finding.objects.get(code="validation-not-fit")
    assert (finding.severity, finding.request_id, finding.system_id) == ("critical", live.approval_id, cast.system.pk)


def test_before_approval_an_unfit_version_opens_no_finding_of_its_own(cast):
    signed(cast.reviewed().approval, cast.validator, opinion="not_fit")
    assert not Finding.objects.exists()


def test_a_validator_who_left_signs_no_more_and_somebody_else_gives_it_up(cast):
    made = worked(cast.reviewed().approval, cast.validator)
    other = a_user(Role.VALIDATOR)
    deactivate_person(person=cast.validator, by=a_user(Role.ADMINISTRATOR), reason="Left.")
    cast.validator.refresh_from_db()
    with pytest.raises((Forbidden, Unknown)):
        sign(made, cast.validator)
    assert services.abandon(validation_id=made.pk, by=other, reason="The validator has left the bank.").settled_at


@pytest.mark.django_db(transaction=True)
def test_of_two_signatures_at_once_one_lands(committed_cast):
    cast = committed_cast
    made = worked(cast.reviewed().approval, cast.validator)
    seen = signing.statement_of(made).digest
    came: list[str] = []
    gate = threading.Barrier(2)

    def run() -> None:
        gate.wait()
        try:
            signing.sign_validation(validation_id=made.pk, by=cast.validator, password=PASSWORD, seen=seen)
            came.append("signed")
        except ValidationSettled:
            came.append("settled")
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came) == ["settled", "signed"]
    assert Evidence.objects.filter(payload__kind="validation").count() == 1


def test_validations_are_read_by_whoever_reads_the_system(cast):
    made = begun(cast.reviewed().approval, cast.validator)
    assert selectors.validation_for(cast.officer, made.pk) == made
    with pytest.raises(Unknown):
        selectors.validation_for(a_user(), made.pk)
    assert list(selectors.validations_for(a_user())) == []
    assert Validation.objects.get().begun_at <= clock.now()


def test_a_replay_of_a_policy_passes_a_validation_by(cast):
    made = cast.allowed()
    signed(made.approval, cast.validator)
    approve(made.approval, cast.validator)
    approve(made.approval, cast.officer)
    [case] = replay.cases([fresh(made).approval])
    assert [row.review.check for row in case.reviews] == [approvals.reviews(made.approval)[0].payload["check"]]
