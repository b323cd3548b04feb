"""What a policy may read is bounded: of one piece of evidence, and of all that a request is held against."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from governance.approvals import facts
from governance.approvals.models import ApprovalRequest, State
from governance.evidence import projection, services, tasks
from governance.evidence.errors import InvalidEvidence
from governance.evidence.models import Evidence, EvidenceJob
from governance.evidence.producers import Product
from tests import payloads
from tests.factories import attach
from tests.healthy_mlflow import healthy_mlflow


@pytest.fixture
def cast(db, settings):
    from tests.factories import Cast

    with healthy_mlflow() as address:
        settings.MLFLOW_TRACKING_URI = address
        yield Cast()


def many_features(count: int) -> dict[str, Any]:
    payload = payloads.fairness()
    (first, *_) = payload["features"]
    payload["features"] = [copy.deepcopy(first) | {"feature": f"feature_{number}"} for number in range(count)]
    return payload


def kept(payload: dict[str, Any]) -> Evidence:
    return services.attach(
        evidence_type=payload["type"],
        subject_digest=payloads.a_digest("subject"),
        subject_name="credit-risk/1",
        product=Product(payload, {"isolation": "none"}),
        producer=services.WORKER,
    )


def test_evidence_with_too_many_figures_is_refused_and_not_kept(db):
    with pytest.raises(InvalidEvidence, match=r"fairness/v1: the figures that a policy may read take [\d,]+ bytes"):
        kept(many_features(400))
    assert not Evidence.objects.exists()
    assert projection.size(kept(many_features(50)).projection) < projection.LARGEST == 65_536


def test_the_last_byte_counts(db, monkeypatch):
    size = projection.size(projection.project("fairness/v1", payloads.fairness()))
    monkeypatch.setattr(projection, "LARGEST", size)
    kept(payloads.fairness())
    monkeypatch.setattr(projection, "LARGEST", size - 1)
    with pytest.raises(InvalidEvidence, match=f"take {size:,} bytes, and {size - 1:,} are allowed"):
        kept(payloads.fairness())


def test_a_producer_whose_figures_are_too_many_fails_with_the_sentence(cast, monkeypatch):
    approval = cast.promotion().approval
    wanted = next(row for row in approval.required_evidence if row["type"] == "fairness/v1")
    job = EvidenceJob.objects.get(inputs_digest=wanted["inputs"])
    product = Product(many_features(400), {"isolation": "none"})
    monkeypatch.setattr(tasks.producers, "producer", lambda kind: lambda task: product)
    tasks.run_job(str(job.pk))
    job.refresh_from_db()
    assert job.state == EvidenceJob.State.FAILED
    assert "Measure fewer features or groups." in job.error


def test_all_facts_of_a_request_together_are_bounded_before_people_see_it(cast, monkeypatch):
    made = cast.promotion().approval
    attach(made, payloads.performance(production=False))
    attach(made, payloads.fairness())
    two_of_them = projection.size(facts.of_request(made, Evidence.objects.all()))
    monkeypatch.setattr(projection, "LARGEST", two_of_them)  # each fits, all of them do not
    with pytest.raises(InvalidEvidence, match=r"All facts of .* bytes together"):
        attach(made, payloads.explanation())
    made = ApprovalRequest.objects.get(pk=made.pk)
    assert made.state == State.COLLECTING
    assert sorted(Evidence.objects.values_list("type", flat=True)) == ["fairness/v1", "performance/v1"]
