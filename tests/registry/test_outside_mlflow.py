"""A model that no MLflow holds, from its recording to its end: decided, stated, stopped; MLflow hears nothing of it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from governance.accounts.roles import Role
from governance.approvals import services as approvals
from governance.approvals.models import Finding
from governance.audit.actors import System
from governance.audit.events import Event
from governance.audit.models import Entry
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput
from governance.evidence import storage
from governance.policy import shipped
from registry import (
    alias_changes,
    applying,
    coverage,
    descriptions,
    interventions,
    marking,
    outside,
    permits,
    promotions,
    protected,
    reconcile,
    recording,
    selectors,
    standby,
)
from registry.errors import (
    AlreadyRecorded,
    NotApproved,
    NotEnforced,
    NotYourPromotion,
    UnprotectedAlias,
    VersionUnusable,
)
from registry.models import AliasChange, AliasHistory, ModelVersion, Permit, PromotionRequest, RegisteredModel
from tests.factories import Cast, a_policy, a_system, a_user, approve, fresh, given, mirrored, state_of
from tests.outside import FILE, LLM, SHEET, a_recorded_version, recorded, signed_over
from tests.papers import reviewed, submitted
from tests.reports.factories import a_notary
from tests.validation.working import signed as validated

WHERE = "Retail branches use it in the pricing desk's add-in."


@pytest.fixture
def outside_cast(db, tracking, settings, tmp_path):
    """Everybody with a part in it, and the shipped policy; a tracking server that writes down who asks it."""
    settings.STORAGE_ROOT = tmp_path
    cast = Cast(shipped.text("outside-mlflow"))
    tracking.asked.clear()
    return cast


def bodies():
    return [json.loads(bytes(body)) for body in Entry.objects.order_by("-seq").values_list("body", flat=True)]


def requested(cast, made: ModelVersion, person=None) -> PromotionRequest:
    promotion, jobs = promotions.request_promotion(
        model=str(made.model), version=made.number, alias="in-use", requester=person or cast.engineer
    )
    assert jobs == [], "nothing of it runs here"
    return promotion


def papers(cast, made: ModelVersion) -> None:
    for subject, kind in ((made, "supplier_documents"), (cast.system, "dpia")):
        reviewed(submitted(subject, cast.owner, kind=kind), a_user(Role.VALIDATOR))


def approved(cast, made: ModelVersion) -> PromotionRequest:
    promotion = requested(cast, made)
    papers(cast, made)
    assert state_of(promotion.approval) == "in_review"
    validated(fresh(promotion).approval, cast.validator)
    approve(promotion.approval, cast.validator)
    approve(promotion.approval, cast.officer)
    assert state_of(promotion.approval) == "approved"
    return fresh(promotion)


def stated(cast, promotion: PromotionRequest, person=None, since=None, statement: str = WHERE) -> AliasChange:
    return outside.state_in_use(
        promotion_id=promotion.pk,
        person=person or cast.engineer,
        since=since or clock.now().date(),
        statement=statement,
    )


def test_from_the_recording_to_the_end_people_decide_and_mlflow_hears_nothing(outside_cast, tracking):
    cast = outside_cast
    made = recorded(cast.system, cast.owner)
    assert (str(made.model), made.number) == ("outside_mlflow:scorecard", 1)
    made = signed_over(made, cast.system)
    promotion = approved(cast, made)
    assert promotion.approval.excluded, "requester and recorder have a part in it"
    assert str(cast.owner.pk) in {row["person"] for row in promotion.approval.excluded}

    with pytest.raises(NotEnforced):
        applying.request_apply(promotion_id=promotion.pk, person=cast.engineer)
    change = stated(cast, promotion)
    live = selectors.live(made.model, "in-use")
    assert live is not None
    assert (live.version_id, live.promotion_id, live.opened_by_id) == (made.pk, promotion.pk, change.pk)
    assert live.during.lower == fresh(promotion).approval.settled_at, "not before it was approved"
    entry = next(body for body in bodies() if body["event"] == "promotion.applied")
    assert (entry["data"]["enforced"], entry["data"]["version"]) == (False, 1)
    assert entry["actor"].endswith(str(cast.engineer.pk))

    approvals.suspend(request_id=promotion.approval_id, actor=System("test"), reason="The supplier withdrew it.")
    asked = Finding.objects.get(code="stop-asked")
    assert (asked.owner, asked.severity, asked.request_id) == (cast.owner, "high", promotion.approval_id)
    stop = interventions.stop(model=str(made.model), alias="in-use", person=cast.owner, reason="The add-in is gone.")
    assert alias_changes.carry_out(stop.pk) == "done"
    assert selectors.live(made.model, "in-use") is None
    assert fresh(promotion).state == PromotionRequest.State.ROLLED_BACK

    assert tracking.asked == []


def test_while_it_is_in_use_no_pass_looks_for_it_in_mlflow_and_nothing_is_marked(outside_cast, tracking):
    cast = outside_cast
    made = a_recorded_version(cast.system, cast.owner)
    stated(cast, approved(cast, made))
    before = set(Finding.objects.values_list("pk", flat=True))
    for name, work in reconcile.PASSES.items():
        report = reconcile.run_pass(name, work)
        assert (report.findings, report.unread) == ([], set())
    assert set(Finding.objects.values_list("pk", flat=True)) == before
    assert marking.mark_all() == 0
    assert not [call for call in tracking.asked if "scorecard" in call or "in-use" in call]
    assert (tracking.set_calls, tracking.delete_calls, tracking.tag_calls) == ([], [], [])
    now = clock.now()
    said = coverage.statement(now - timedelta(hours=1), now)
    assert [row["workspace"] for row in said["workspaces"]] == ["default"]


def test_no_permit_is_signed_and_none_lies_ready(outside_cast, monkeypatch, tmp_path):
    cast = outside_cast
    made = a_recorded_version(cast.system, cast.owner)
    promotion = approved(cast, made)
    tried = []
    monkeypatch.setattr(permits, "issue", lambda approval, notary: tried.append(approval))
    monkeypatch.setattr(permits, "issue_for_broken_glass", lambda change, notary: tried.append(change))
    monkeypatch.setattr(standby, "issue", lambda wanted, notary: tried.append(wanted))
    stated(cast, promotion)
    interventions.break_glass(
        model=str(made.model), version=1, alias="in-use", person=cast.owner, reason="It was in use before we asked."
    )
    notary = a_notary(tmp_path)
    permits.issue_due(notary)
    standby.issue_due(notary)
    assert tried == []
    assert not Permit.objects.exists()


def test_what_was_used_without_an_approval_is_said_so_and_reviewed(outside_cast):
    cast = outside_cast
    made = a_recorded_version(cast.system, cast.owner)
    change = interventions.break_glass(
        model=str(made.model), version=1, alias="in-use", person=cast.owner, reason="It was in use before we asked."
    )
    assert alias_changes.carry_out(change.pk) == "done"
    live = selectors.live(made.model, "in-use")
    assert live is not None
    assert (live.version_id, live.promotion_id) == (made.pk, None)
    assert Finding.objects.get(code="break-glass-review").severity == "critical"


def test_only_who_may_apply_states_it_and_only_of_what_is_approved(outside_cast, mlflow_address, settings):
    cast = outside_cast
    made = a_recorded_version(cast.system, cast.owner)
    waiting = requested(cast, made)
    with pytest.raises(NotApproved):
        stated(cast, waiting)
    approvals.withdraw(request_id=waiting.approval_id, requester=cast.engineer, reason="Asked again below.")
    promotion = approved(cast, made)
    with pytest.raises(NotYourPromotion):
        stated(cast, promotion, person=cast.validator)
    today = clock.now().date()
    for since, statement, said in (
        (today + timedelta(days=1), WHERE, "lies ahead"),
        (today - timedelta(days=1), WHERE, "break the glass"),
        (today, "There.", "10 to 1,000"),
    ):
        with pytest.raises(InvalidInput, match=said):
            stated(cast, promotion, since=since, statement=statement)
    assert not AliasHistory.objects.exists()
    stated(cast, promotion)
    with pytest.raises(NotApproved, match="applied already"):
        stated(cast, promotion)


def test_another_version_takes_its_place(outside_cast):
    cast = outside_cast
    first = approved(cast, a_recorded_version(cast.system, cast.owner))
    stated(cast, first)
    second = approved(cast, recorded(cast.system, cast.owner, version="2026-09"))
    assert second.version.number == 2
    stated(cast, second)
    assert fresh(first).state == PromotionRequest.State.SUPERSEDED
    spans = AliasHistory.objects.order_by("during")
    assert [(span.version.number, span.during.upper is None) for span in spans] == [(1, False), (2, True)]


def test_a_policy_that_wants_what_placet_computes_can_not_be_met_and_says_so(outside_cast):
    cast = outside_cast
    text = shipped.text("outside-mlflow").replace(
        "policy: outside-mlflow", "policy: computed-only\nsupersedes: [outside-mlflow]"
    )
    a_policy(text.replace("evidence:\n", "evidence:\n  explanation/v1: {max_age: P90D, origin: computed}\n", 1))
    made = a_recorded_version(cast.system, cast.owner)
    with pytest.raises(VersionUnusable, match="wants explanation/v1 as Placet computes it"):
        requested(cast, made)


def test_it_has_one_place_and_no_alias(outside_cast):
    cast = outside_cast
    made = a_recorded_version(cast.system, cast.owner)
    with pytest.raises(UnprotectedAlias, match="request in-use"):
        promotions.request_promotion(model=str(made.model), version=1, alias="champion", requester=cast.engineer)
    assert protected.in_force().said_of(made.model)["kind"] == "not-enforced"
    assert protected.in_force().said_of(cast.model)["kind"] == "governed"


def test_a_name_is_one_systems_and_its_numbers_are_placets(outside_cast):
    cast = outside_cast
    other = a_system(owner=a_user(Role.OWNER), name="Another system")
    made = a_recorded_version(cast.system, cast.owner)
    assert recorded(cast.system, cast.engineer, version="2026-04").number == 2
    with pytest.raises(InvalidInput, match="is taken"):
        recorded(other, other.owner)
    fresh_name = recorded(other, other.owner, name="theirs")
    with pytest.raises(InvalidInput, match="is taken"):
        recorded(cast.system, cast.owner, name="theirs")
    assert fresh_name.model.system_id is None
    with pytest.raises(AlreadyRecorded, match=r"v1 says all of this already"):
        recorded(cast.system, cast.owner)
    assert made.model.versions.count() == 2


def test_an_engineer_records_and_the_owner_proposes_whom_it_serves(outside_cast):
    cast = outside_cast
    made = recorded(cast.system, cast.engineer)
    assert not cast.system.assignments.filter(model_name=str(made.model)).exists()
    assert signed_over(made, cast.system).model.system_id == cast.system.pk
    for role in (Role.VALIDATOR, Role.RISK_OFFICER, Role.AUDITOR):
        with pytest.raises(Forbidden):
            recorded(cast.system, a_user(role), name="no")


def test_who_recorded_for_one_system_reads_it_before_it_serves_any(outside_cast):
    cast = outside_cast
    mine = a_user()
    given(mine, Role.ENGINEER, system_id=cast.system.pk)
    another = a_user()
    given(another, Role.ENGINEER, system_id=cast.system.pk)
    made = recorded(cast.system, mine)
    assert list(selectors.models_for(mine).filter(pk=made.model_id)) == [made.model]
    assert selectors.model_for(mine, str(made.model)) == made.model
    assert list(recording.recorded_for(mine)) == [made]
    assert not selectors.models_for(another).filter(pk=made.model_id).exists()


def test_the_digest_is_over_what_was_recorded_and_one_word_changes_it(outside_cast):
    made = recorded(outside_cast.system, outside_cast.owner)
    content = storage.get(made.artifact_digest)
    assert content == descriptions.content(made.described)
    other = descriptions.description(system=outside_cast.system.slug, **(SHEET | {"version": "2026-04"}))
    assert descriptions.content(other) != content


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "Score Card"}, "small letters"),
        ({"kind": "spreadsheet"}, "vendor, llm, other"),
        ({"runs": "cloud"}, "where it runs"),
        ({"supplier": " "}, "who supplies it"),
        ({"kind": "vendor"}, "the licence or contract"),
        ({"product": "x" * 201}, "at most 200"),
        ({"pins": [FILE | {"digest": "md5:1"}]}, "no sha256"),
        ({"pins": [FILE, FILE]}, "stands there twice"),
        ({"pins": [FILE | {"what": "folder"}]}, "file or document"),
    ],
)
def test_what_is_missing_or_wrong_is_said_in_a_sentence(changes, said):
    with pytest.raises(ValueError, match=said):
        descriptions.description(system="credit", **(SHEET | changes))


@pytest.mark.parametrize(
    "changed",
    [
        "described = NULL",
        'described = \'{"kind": "llm"}\'',
        "registered_by_id = NULL",
        "source = 'models:/m-1'",
        "run_id = '1'",
        "artifact_digest = ''",
        "origin = 'mlflow'",
        "origin = 'mlflow', described = NULL",
        "described = jsonb_set(described, '{version}', '\"3\"')",
        "number = 7",
    ],
)
def test_the_database_keeps_what_each_origin_needs(outside_cast, changed):
    made = recorded(outside_cast.system, outside_cast.owner)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE registry_modelversion SET {changed} WHERE id = %s", [made.pk])


def test_the_database_lets_nothing_be_recorded_in_a_workspace_of_mlflows_or_mirrored_outside(outside_cast):
    made = recorded(outside_cast.system, outside_cast.owner)
    fields = {"artifact_digest": made.artifact_digest, "manifest_digest": made.artifact_digest, "number": 3}
    fields |= {"registered_by": outside_cast.owner, "mirrored_at": clock.now(), "mlflow_created_at_ms": 1}
    inside = ModelVersion(model=outside_cast.model, origin="recorded", described=made.described, **fields)
    mirrored_there = ModelVersion(model=made.model, origin="mlflow", source="models:/m-1", **fields)
    for row in (inside, mirrored_there):
        with pytest.raises(IntegrityError, match="outside MLflow"):
            mirrored(Event.VERSION_MIRRORED, row)


def test_a_language_model_is_recorded_with_its_licence(outside_cast):
    made = recorded(outside_cast.system, outside_cast.owner, **LLM)
    assert made.described["licence"] == "Contract 7"
    assert RegisteredModel.objects.get(pk=made.model_id).is_recorded
