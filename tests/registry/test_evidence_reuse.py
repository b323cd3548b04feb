"""Evidence is used again only for exactly what determines it."""

from __future__ import annotations

import pytest

from governance.evidence.models import Evidence, EvidenceJob
from governance.evidence.services import inputs_digest
from registry import promotions
from registry.errors import UnknownVersion
from registry.models import PromotionRequest
from registry.selectors import version_by_id
from tests.factories import a_policy, a_policy_text, a_version, state_of
from tests.payloads import a_digest

BYTES = {"artifact_digest": a_digest("the same bytes"), "manifest_digest": a_digest("the same names")}
MEASURED = ["explanation/v1", "fairness/v1", "performance/v1"]


def requested(cast, number, alias="champion"):
    """Request a version; return the promotion and the types of evidence that are to be made."""
    made, jobs = promotions.request_promotion(
        model=cast.model.name, version=number, alias=alias, requester=cast.engineer
    )
    return made, sorted(EvidenceJob.objects.filter(pk__in=jobs).values_list("type", flat=True))


@pytest.fixture
def measured(cast, monkeypatch):
    """Version 1 with all its evidence attached, at a decision threshold of 0.3."""
    monkeypatch.setattr("tests.factories.a_version", lambda *args, **fields: a_version(*args, **(fields | BYTES)))
    return cast.reviewed(number=1)


def test_the_same_request_uses_fresh_evidence_again(cast, measured):
    _, jobs = requested(cast, 1, alias="canary")
    assert jobs == []


def test_a_policy_that_asks_with_other_parameters_gets_evidence_of_its_own(cast, measured):
    a_policy(a_policy_text(("min_share: 0.05", "min_share: 0.2")))
    made, jobs = requested(cast, 1, alias="canary")
    assert jobs == ["fairness/v1"]
    assert state_of(made.approval) == "collecting"


def test_the_same_bytes_with_another_decision_threshold_are_measured_anew(cast, measured):
    a_version(cast.model, number=2, trained_by=cast.engineer, decision_threshold=0.9, **BYTES)
    made, jobs = requested(cast, 2)
    assert jobs == MEASURED
    assert state_of(made.approval) == "collecting"
    job = EvidenceJob.objects.get(subject_id=made.version_id, type="fairness/v1")
    assert job.settings == {"subject": {"decision_threshold": 0.9}}


def test_the_same_bytes_under_another_version_are_measured_anew(cast, measured):
    a_version(cast.model, number=2, trained_by=cast.engineer, **BYTES)
    _, jobs = requested(cast, 2)
    assert jobs == MEASURED


def test_a_job_names_the_version_and_not_just_its_bytes(cast, measured):
    twin = a_version(cast.model, number=2, trained_by=cast.engineer, decision_threshold=0.9, **BYTES)
    first = measured.version
    assert version_by_id(first.pk, first.artifact_digest) == first
    assert version_by_id(twin.pk, twin.artifact_digest) == twin
    with pytest.raises(UnknownVersion):
        version_by_id(first.pk, a_digest("other bytes"))
    with pytest.raises(UnknownVersion):
        version_by_id(None, first.artifact_digest)
    assert set(Evidence.objects.values_list("subject_id", flat=True)) == {first.pk}


def test_a_version_in_production_with_another_threshold_is_another_baseline(cast):
    cast.live(number=1)
    candidate = a_version(cast.model, number=2, trained_by=cast.engineer)
    made, _ = requested(cast, 2)
    wanted = {row["type"]: row for row in made.approval.required_evidence}
    assert wanted["performance/v1"]["settings"]["baseline"] == {"decision_threshold": 0.3}
    assert wanted["performance/v1"]["baseline_id"] == str(PromotionRequest.objects.get(state="applied").version_id)
    assert "baseline" not in wanted["fairness/v1"]["settings"]
    assert made.version_id == candidate.pk


@pytest.mark.parametrize(
    "change",
    [
        {"evidence_type": "performance/v1"},
        {"subject_digest": "sha256:b"},
        {"subject_id": "2"},
        {"dataset_digest": "sha256:e"},
        {"baseline_digest": "sha256:f"},
        {"baseline_id": "3"},
        {"parameters": {"min_share": 0.2}},
        {"settings": {"subject": {"decision_threshold": 0.9}}},
    ],
)
def test_whatever_determines_evidence_is_in_its_name(change):
    inputs = {
        "evidence_type": "fairness/v1",
        "subject_digest": "sha256:a",
        "subject_id": "1",
        "dataset_digest": "sha256:d",
        "parameters": {"min_share": 0.05},
        "settings": {"subject": {"decision_threshold": 0.3}},
    }
    assert inputs_digest(**inputs) != inputs_digest(**(inputs | change))
