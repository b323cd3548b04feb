"""What a bundle gathers: every entry that the log has of a system or a period, or the reason why not, in one table."""

from __future__ import annotations

import json
import uuid
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from governance.accounts.models import Grant
from governance.accounts.roles import Role
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.events import Event
from governance.audit.export import governed_models
from governance.audit.selectors import LogEntry
from governance.common import clock
from governance.evidence.models import Evidence
from governance.inventory import correspondence, declaring, risks
from governance.inventory.models import Declaration
from monitoring.incidents import services as incidents
from registry.recorded_models import BuildsOn
from reports import services as documents
from reports import time_stamps
from reports.bundles import services
from reports.bundles.gathering import Gathered
from reports.bundles.subjects import (
    ELSEWHERE,
    NOT_IN_A_PERIOD,
    OF_MANY,
    OF_NO_SYSTEM,
    PATHS,
    WITHOUT_ROWS,
    rows_of,
)
from reports.models import BundleJob, Document
from tests.client.small_papers import a_token
from tests.factories import SETUP, a_model, a_system, a_user, a_version, given, lent
from tests.reports.factories import Bank, ready_to_declare, watch
from tests.reports.test_bundles import a_document, bank, checked, file_of, made, names  # noqa: F401  # a fixture
from tests.validation.working import FINDING, TEST, begun
from tests.validation.working import services as validations

SAID = {"name": "A. Signatory", "function": "Director", "on_behalf_of": "Bank", "place": "Frankfurt"}
ROWS: dict[str, str] = {
    "ROLE_GRANTED ROLE_REVOKED PERSON_DEACTIVATED PERSON_REACTIVATED": "accounts.Grant",
    "ROLE_PROPOSED ROLE_CONFIRMED ROLE_PROPOSAL_WITHDRAWN": "accounts.GrantProposal",
    "CLAIM_MAPPING_MADE CLAIM_MAPPING_CONFIRMED CLAIM_MAPPING_ENDED": "accounts.ClaimMapping",
    "WORKLOAD_PROPOSED WORKLOAD_CONFIRMED WORKLOAD_ENDED": "accounts.WorkloadIdentity",
    "ACCESS_REVIEW_OPENED ACCESS_REVIEW_HANDED_OVER ACCESS_REVIEW_SIGNED": "accounts.AccessReview",
    "ACCESS_REVIEW_DECIDED": "accounts.AccessReviewItem",
    "PASSKEY_ENROLLED PASSKEY_CONFIRMED PASSKEY_ENDED": "accounts.Passkey",
    "SYSTEM_REGISTERED SYSTEM_RETIRED SYSTEM_UPDATED": "inventory.AISystem",
    "SYSTEM_MODIFIED": "inventory.Modification",
    "DATASET_PINNED": "inventory.DatasetPin",
    "CLASSIFICATION_PROPOSED CLASSIFICATION_SIGNED CLASSIFICATION_WITHDRAWN": "inventory.Classification",
    "ASSIGNMENT_PROPOSED ASSIGNMENT_WITHDRAWN MODEL_ASSIGNED": "inventory.ModelAssignment",
    "CRITERIA_PROPOSED CRITERIA_SIGNED CRITERIA_WITHDRAWN": "inventory.SuccessCriteria",
    "RECORD_DECLARED RECORD_REVIEWED": "inventory.Declaration",
    "RISK_OPENED RISK_CHANGED RISK_ACCEPTED RISK_CLOSED": "inventory.Risk",
    "CORRESPONDENCE_RECORDED CORRESPONDENCE_ANSWERED CORRESPONDENCE_SENT CORRESPONDENCE_WITHDRAWN "
    "CORRESPONDENCE_ERASED": "inventory.Correspondence",
    "POLICY_DRAFTED POLICY_PUBLISHED": "policy.PolicyVersion",
    "EVIDENCE_ATTACHED": "evidence.Evidence",
    "EVIDENCE_REPRODUCED": "evidence.Reproduction",
    "EVIDENCE_KEY_REGISTERED EVIDENCE_KEY_ENDED": "evidence.EvidenceKey",
    "EVIDENCE_REVIEWED": "evidence.EvidenceReview",
    "DOCUMENT_SUBMITTED": "evidence.SubmittedDocument",
    "MODEL_MIRRORED": "registry.RegisteredModel",
    "VERSION_MIRRORED VERSION_RECORDED VERSION_DATA_GIVEN": "registry.ModelVersion",
    "BASE_STATED BASE_WITHDRAWN": "registry.BuildsOn",
    "DATASET_MIRRORED DATASET_DELETED": "registry.DatasetSnapshot",
    "APPROVAL_OPENED APPROVAL_REVIEW_OPENED APPROVAL_EVALUATED APPROVAL_APPROVED APPROVAL_ESCALATED "
    "APPROVAL_CHANGED": "approvals.ApprovalRequest",
    "APPROVAL_DECIDED": "approvals.Decision",
    "APPROVAL_REVIEWED": "approvals.ApprovalRequest",
    "APPROVAL_COMMENTED": "approvals.Comment",
    "DELEGATION_MADE DELEGATION_CONFIRMED DELEGATION_ENDED": "approvals.Delegation",
    "WAIVER_REQUESTED": "approvals.Waiver",
    "VALIDATION_OPENED VALIDATION_BEGUN VALIDATION_SIGNED VALIDATION_FILED": "validation.Validation",
    "LEGAL_HOLD_SET LEGAL_HOLD_LIFTED": "accounts.LegalHold",
    "DISPOSAL_MADE": "reports.Disposal",
    "VALIDATION_PLANNED VALIDATION_DECLARED VALIDATION_REPORTED VALIDATION_ABANDONED": "validation.ValidationPart",
    "VALIDATION_TESTED VALIDATION_TEST_REMOVED": "validation.ValidationTest",
    "VALIDATION_FOUND": "validation.ValidationFinding",
    "STANDING_REQUESTED": "approvals.StandingApproval",
    "STANDING_USED STANDING_OUTSIDE": "approvals.StandingMatch",
    "PROMOTION_REQUESTED PROMOTION_RESTATED PROMOTION_APPLYING PROMOTION_APPLIED PROMOTION_FAILED": (
        "registry.PromotionRequest"
    ),
    "ALIAS_CHANGE_ASKED ALIAS_CHANGE_DONE ALIAS_CHANGE_FAILED": "registry.AliasChange",
    "GRANT_MADE": "registry.ApplyGrant",
    "PERMIT_ISSUED PERMIT_VOIDED": "registry.Permit",
    "MODEL_SIGNED": "registry.ModelSignature",
    "DEVIATION_OBSERVED DEVIATION_ENDED": "registry.ObservedAlias",
    "ADOPTION_PROPOSED ADOPTION_SIGNED ADOPTION_WITHDRAWN": "registry.Adoption",
    "ADOPTION_LEFT": "registry.AdoptedAlias",
    "FINDING_OPENED FINDING_PLANNED FINDING_CLOSURE_PROPOSED FINDING_EXTENDED FINDING_HANDED_OVER "
    "FINDING_CLOSED": "approvals.Finding",
    "MONITOR_CREATED MONITOR_CHANGED": "monitoring.Monitor",
    "RECORDS_ERASED": "monitoring.RecordErasure",
    "DRIFT_MEASURED": "monitoring.DriftRun",
    "ALERT_OPENED ALERT_CHANGED": "monitoring.Alert",
    "RETRAIN_HOOK_SET RETRAIN_HOOK_ENDED": "monitoring.RetrainHook",
    "INCIDENT_OPENED INCIDENT_FACTS_CHANGED INCIDENT_TIMES_CHANGED INCIDENT_NOTED INCIDENT_TASK_ADDED "
    "INCIDENT_TASK_DONE INCIDENT_REPORTED INCIDENT_HANDED_OVER INCIDENT_CLOSED": "monitoring.Incident",
    "DOCUMENT_BUILT": "reports.Document",
    "DOCUMENT_SIGNED": "reports.DocumentSignatory",
    "DOCUMENT_TIME_STAMPED": "reports.DocumentTimeStamp",
}
"""Events -> the governed row that each of their entries names, of those whose entries name one."""


def entries(job: BundleJob) -> list[LogEntry]:
    """Every entry of the log that a bundle could hold."""
    rows = [log.as_entry(row) for row in log.entries()]
    return [row for row in rows if row.index is not None and row.index < (job.log_size or 0)]


def gathered(job: BundleJob, tmp_path: Any) -> set[int]:
    with zipfile.ZipFile(file_of(job, tmp_path)) as box:
        return {int(name[12:24]) for name in box.namelist() if name.startswith("log/entries/")}


def stamped(document: Document, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Give a document a later time-stamp without an authority."""
    settings.DOCUMENT_TSA = "http://stamps.example"
    now = clock.now()
    given_out = lambda imprint, identity: (a_token(imprint), now, now + timedelta(days=900))  # noqa: E731
    monkeypatch.setattr("reports.documents.signing.stamp", given_out)
    time_stamps.time_stamp(document.pk)
    settings.DOCUMENT_TSA = ""


def signed(bank: Bank) -> Document:  # noqa: F811
    """A declaration of conformity that its signatory signed."""
    ready_to_declare(bank)
    asked = documents.request_document(kind=Document.Kind.ANNEX_V, ai_system=bank.system, requester=bank.owner)
    draft = documents.build_document(asked.pk).document
    assert draft
    _, job = documents.sign_statement(document_id=draft.pk, person=bank.owner, personal_data=True, **SAID)
    found = documents.build_document(job.pk).document
    assert found
    return found


def a_full_life(bank: Bank, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:  # noqa: F811
    """Everything that can happen to a system within a test."""
    live = bank.live()
    watch(bank, live.version)
    second = bank.reviewed(number=2)
    work = begun(second.approval, bank.validator)
    validations.add_test(validation_id=work.pk, by=bank.validator, **TEST)
    validations.raise_finding(validation_id=work.pk, by=bank.validator, **FINDING)
    risk = risks.open_risk(
        ai_system=bank.system,
        by=bank.engineer,
        title="Good applicants are refused",
        hazard="The score is too low for people with a short history.",
        affected="Applicants under 25",
        kind="rights",
        likelihood=4,
        severity=3,
        review_on=clock.now().date() + timedelta(days=90),
    )
    shown = Evidence.objects.filter(subject_id=live.version_id).first()
    assert shown
    risks.change_risk(risk_id=risk.pk, by=bank.engineer, severity=4, evidence=[shown.pk])
    declared = Declaration.objects.filter(system=bank.system, made_by=bank.owner).first()
    assert declared
    declaring.review(declaration_id=declared.pk, verdict="accepted", by=bank.officer)
    asked = correspondence.record_correspondence(
        ai_system=bank.system, by=bank.owner, kind="notice-26-11", reference="LET-1"
    )
    correspondence.send_correspondence(correspondence_id=asked.pk, by=bank.owner, sent_on=clock.now().date())
    happened = incidents.open_incident(
        system=bank.system,
        title="One district was refused alike",
        what_happened="Since the release every application from one district was refused.",
        by=bank.engineer,
        aware_at=clock.now() - timedelta(days=1),
    )
    incidents.add_note(incident_id=happened.pk, by=bank.engineer, text="The district was told.")
    today = clock.now().date()
    incidents.add_task(incident_id=happened.pk, by=bank.owner, text="Ask them.", owner=bank.engineer, due_on=today)
    lent(bank.officer, a_user(Role.RISK_OFFICER), ai_system=bank.system)
    given(a_user(), Role.ENGINEER, system_id=bank.system.pk)
    with transaction.atomic():
        base = BuildsOn(
            version=second.version, base=live.version, kind="component", stated_by=bank.engineer, stated_at=clock.now()
        )
        audit.append(event=Event.BASE_STATED, actor=bank.engineer, subjects=[base], data={"model": "credit-risk"})
        looked = {"model": str(bank.model), "version": 1, "digest": live.version.artifact_digest, "dataset": "x"}
        audit.append(event=Event.EXPLANATION_READ, actor=bank.owner, data=looked)
    document = a_document(bank)
    stamped(document, monkeypatch, settings)
    signed(bank)


# Nothing new is forgotten


def test_every_governed_table_leads_to_a_system_or_says_why_not():
    assert set(PATHS) | set(ELSEWHERE) == set(governed_models())
    assert not set(PATHS) & set(ELSEWHERE)
    assert all(ELSEWHERE.values())


def test_every_path_can_be_asked(db):
    for model in PATHS:
        assert not rows_of(model, [uuid.uuid4()]).exists(), model


def test_every_event_is_of_a_table_that_is_gathered_or_says_why_it_is_of_no_system():
    rows = {Event[name]: label for names, label in ROWS.items() for name in names.split()}
    told = set(rows) | set(WITHOUT_ROWS) | set(OF_NO_SYSTEM)
    assert told == set(Event)
    assert len(rows) + len(WITHOUT_ROWS) + len(OF_NO_SYSTEM) == len(set(Event)), "each stands in one place"
    labels = {model._meta.label for model in (*PATHS, *ELSEWHERE)}
    assert set(rows.values()) <= labels


# A system


def test_the_bundle_of_a_system_holds_every_entry_about_it_and_verifies(bank, tmp_path, monkeypatch, settings):  # noqa: F811
    a_full_life(bank, monkeypatch, settings)
    job = made(services.request_bundle(requester=bank.auditor, ai_system=bank.system), tmp_path)
    case = checked(job, tmp_path)
    assert case.report.findings == ()
    here = gathered(job, tmp_path)
    missing = {}
    for entry in entries(job):
        everywhere = entry.event.startswith("role.") and entry.parsed["data"]["system"] is None
        if entry.index not in here and entry.event not in OF_NO_SYSTEM and not everywhere:
            missing[entry.index] = entry.event
    assert missing == {}
    told = {entry.event for entry in entries(job) if entry.index in here}
    asked = {"record.declared", "record.reviewed", "risk.opened", "risk.changed", "correspondence.recorded"}
    asked |= {"correspondence.sent", "document.signed", "document.time_stamped", "version.base_stated"}
    asked |= {"incident.noted", "explanation.read", "delegation.made", "role.granted", "drift.measured"}
    assert asked <= told


def test_the_bundle_of_a_system_holds_nothing_of_another(bank, tmp_path):  # noqa: F811
    bank.live()
    other = a_system(name="Another", owner=a_user(Role.OWNER))
    version = a_version(a_model(other, name="payroll"), number=1)
    with transaction.atomic():
        audit.append(event=Event.EXPLANATION_READ, actor=bank.owner, data={"model": "payroll", "version": 1})
        base = BuildsOn(
            version=version,
            base=bank.model.versions.get(),
            kind="component",
            stated_by=bank.owner,
            stated_at=clock.now(),
        )
        audit.append(event=Event.BASE_STATED, actor=SETUP, subjects=[base], data={"model": "payroll"})
    given(a_user(), Role.ENGINEER, system_id=other.pk)
    for person in (bank.auditor, bank.owner):
        job = made(services.request_bundle(requester=person, ai_system=bank.system), tmp_path)
        here = gathered(job, tmp_path)
        about = {
            entry.index for entry in entries(job) if b"payroll" in entry.body or str(other.pk).encode() in entry.body
        }
        assert about
        assert not about & here


def test_an_entry_of_many_systems_goes_to_those_alone_who_may_take_the_whole_log(bank, tmp_path):  # noqa: F811
    bank.live()
    leaver = a_user()
    with transaction.atomic():
        held = Grant.objects.filter(person=bank.validator).first()
        assert held
        audit.append(
            event=Event.PERSON_DEACTIVATED,
            actor=SETUP,
            subjects=[given(leaver, Role.ENGINEER, system_id=bank.system.pk), held],
            data={"person": leaver.actor_id, "grants": [], "tokens": []},
        )
    assert Event.PERSON_DEACTIVATED in OF_MANY
    found = {}
    for person in (bank.auditor, bank.owner):
        job = made(services.request_bundle(requester=person, ai_system=bank.system), tmp_path)
        here = gathered(job, tmp_path)
        found[person] = any(entry.event == "person.deactivated" for entry in entries(job) if entry.index in here)
    assert found == {bank.auditor: True, bank.owner: False}


# Documents


def test_a_signature_and_the_later_stamps_of_a_document_go_with_it(bank, tmp_path, monkeypatch, settings):  # noqa: F811
    live = bank.live()
    declaration = signed(bank)
    stamped(declaration, monkeypatch, settings)
    job = made(services.request_bundle(requester=bank.auditor, promotion=live), tmp_path)
    assert checked(job, tmp_path).report.findings == ()
    here = names(tmp_path / "case.zip")
    draft = declaration.signatory.document
    token = declaration.time_stamps.get().token_digest
    assert {f"documents/{draft.pdf_digest[7:]}.pdf", f"documents/{draft.snapshot_digest[7:]}.json"} <= set(here)
    assert f"documents/{token[7:]}.tst" in here
    told = {entry.event for entry in entries(job) if entry.index in gathered(job, tmp_path)}
    assert {"document.signed", "document.time_stamped"} <= told


def test_the_documents_of_a_promotion_are_about_its_version_where_there_are_any(bank, tmp_path):  # noqa: F811
    first = bank.live()
    about_first = a_document(bank)
    second = bank.live(number=2)
    about_second = a_document(bank)
    assert about_second.snapshot["model"]["version"] == "2"
    for promotion, ours, theirs in ((first, about_first, about_second), (second, about_second, about_first)):
        job = made(services.request_bundle(requester=bank.auditor, promotion=promotion), tmp_path)
        assert checked(job, tmp_path).report.findings == ()
        here = names(tmp_path / "case.zip")
        assert f"documents/{ours.pdf_digest[7:]}.pdf" in here
        assert f"documents/{theirs.pdf_digest[7:]}.pdf" not in here
        with zipfile.ZipFile(tmp_path / "case.zip") as box:
            page = box.read("index.html").decode()
        assert f"made the document annex-iv, about version credit-risk/{promotion.version.number}" in page


def test_where_no_document_is_about_the_version_the_newest_is_there_and_says_what_it_is_about(bank, tmp_path):  # noqa: F811
    bank.live()
    a_document(bank)
    second = bank.allowed(number=2)
    job = made(services.request_bundle(requester=bank.auditor, promotion=second), tmp_path)
    with zipfile.ZipFile(file_of(job, tmp_path)) as box:
        assert "about version credit-risk/1" in box.read("index.html").decode()


# A period


def test_the_bundle_of_a_period_holds_whatever_happened_in_it(bank, tmp_path, monkeypatch, settings):  # noqa: F811
    start = clock.now()
    a_full_life(bank, monkeypatch, settings)
    now = clock.now() + timedelta(hours=1)
    job = made(services.request_bundle(requester=bank.auditor, period=(start, now)), tmp_path)
    case = checked(job, tmp_path)
    assert case.report.findings == ()
    here = gathered(job, tmp_path)
    period = (clock.rfc3339(start), clock.rfc3339(now))
    within = {e.index: e.event for e in entries(job) if period[0] <= e.parsed["at"] < period[1]}
    assert {index: event for index, event in within.items() if index not in here and event not in NOT_IN_A_PERIOD} == {}
    asked = {"incident.opened", "finding.opened", "alert.opened", "role.granted", "record.reviewed"}
    assert asked <= {within[index] for index in here if index in within}


def test_a_quiet_period_holds_nothing_and_one_without_a_decision_what_happened(bank, tmp_path):  # noqa: F811
    bank.live()
    before = clock.now()
    incidents.open_incident(
        system=bank.system,
        title="One district was refused alike",
        what_happened="Since the release every application from one district was refused.",
        by=bank.engineer,
        aware_at=before,
    )
    after = clock.now()
    job = made(services.request_bundle(requester=bank.officer, period=(before, after)), tmp_path)
    assert checked(job, tmp_path).report.findings == ()
    told = {entry.event for entry in entries(job) if entry.index in gathered(job, tmp_path)}
    assert told == {"incident.opened"}


def test_a_permit_of_a_period_without_a_decision_is_there_with_what_it_rests_on(bank, tmp_path):  # noqa: F811
    live, start = bank.live(), clock.now()
    job = services.request_bundle(requester=bank.auditor, period=(start, start + timedelta(hours=1)))
    job = made(job, tmp_path)  # the notary signs the permit first
    case = checked(job, tmp_path)
    assert case.report.findings == ()
    assert {row.kind: row.here for row in case.rows}["permits"] == 1
    assert f"requests/{live}.html" in names(tmp_path / "case.zip")


def test_a_bundle_is_refused_before_its_entries_fill_the_memory(db, monkeypatch):
    read = []

    def each():
        for index in range(10):
            read.append(index)
            body = json.dumps({"event": "log.heartbeat", "subjects": [], "data": {}}).encode()
            yield LogEntry(uuid.uuid4(), index, index, body, b"", clock.now())

    monkeypatch.setattr("reports.bundles.gathering.MOST_BYTES", 150)
    with pytest.raises(Exception, match="Ask for a shorter period"):
        Gathered(100).add(each())
    assert len(read) == 3
