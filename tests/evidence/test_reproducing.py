"""Evidence made again from what is stored of it: what came of it is kept, whoever asked, and nothing is attached."""

import json

import pytest
from django.db import ProgrammingError, connection, transaction

from governance.audit.models import Entry
from governance.common.errors import Unknown
from governance.evidence import jobs, producers, reproducing, services, tasks
from governance.evidence.errors import CannotProduce, NotReproducible
from governance.evidence.models import Evidence, EvidenceJob, Reproduction
from governance.evidence.producers import Product
from tests.factories import a_user
from tests.payloads import a_digest, performance

pytestmark = pytest.mark.django_db
ENVIRONMENT = {"seed": 77, "python": "3.11.9", "libraries": {"numpy": "2.4.0"}, "isolation": "netns+uid"}


class Producer:
    """Gives what it is told, and remembers what it was asked."""

    def __init__(self):
        self.payload, self.environment, self.error, self.tasks = performance(), ENVIRONMENT, None, []

    def __call__(self, task):
        self.tasks.append(task)
        if self.error:
            raise self.error
        return Product(self.payload, self.environment)


@pytest.fixture
def made(monkeypatch):
    """What makes performance evidence here."""
    producer = Producer()
    monkeypatch.setattr(producers, "producer", lambda kind: producer)
    monkeypatch.setattr(reproducing, "producer", lambda kind: producer)
    monkeypatch.setattr(reproducing, "_checks", [])
    return producer


@pytest.fixture
def evidence(made):
    job = services.request_evidence(
        evidence_type="performance/v1",
        subject_digest=a_digest("model"),
        subject_name="credit-risk/1",
        dataset_digest=a_digest("rows"),
        parameters={"resamples": 100},
        settings={"subject": {"decision_threshold": 0.3}},
    )
    tasks.run_job(str(job.pk))
    return Evidence.objects.get(job=job)


def reproduced(evidence, by=None):
    job = reproducing.ask_reproduction(evidence_id=evidence.pk, by=by or a_user("auditor"))
    tasks.run_job(str(job.pk))
    return Reproduction.objects.get(job=job)


def test_the_same_comes_out_from_the_stored_seed_parameters_and_data(evidence, made):
    auditor = a_user("auditor")
    row = reproduced(evidence, auditor)
    assert (row.result, row.differences, row.reasons) == ("identical", [], [])
    assert (row.asked_by, row.payload_digest) == (auditor, evidence.payload_digest)
    first, again = made.tasks
    assert (first.seed != again.seed, again.seed) == (True, 77), "the seed that the evidence says"
    for name in ("type", "subject_digest", "dataset_digest", "parameters", "settings", "baseline_digest"):
        assert getattr(first, name) == getattr(again, name)
    assert Evidence.objects.count() == 1, "nothing is attached"
    entry = json.loads(bytes(Entry.objects.latest("seq").body))
    assert (entry["event"], entry["data"]["result"], entry["data"]["asked_by"]) == (
        "evidence.reproduced",
        "identical",
        auditor.actor_id,
    )
    assert EvidenceJob.objects.get(again=evidence.pk).message == "Compared"


def test_a_figure_that_differs_is_named_with_both_values(evidence, made):
    made.payload = performance(auc=0.7)
    row = reproduced(evidence)
    assert row.result == "differs"
    found = {item["path"]: item for item in row.differences}
    assert found["metrics[0].candidate.value"]["then"] == 0.779
    assert found["metrics[0].candidate.value"]["now"] == 0.7
    assert row.payload_digest != evidence.payload_digest


def test_the_last_digits_are_within_tolerance(evidence, made):
    made.payload = performance()
    made.payload["metrics"][0]["candidate"]["value"] += 1e-12
    row = reproduced(evidence)
    assert row.result == "within"
    assert all(item["within"] for item in row.differences)


def test_other_versions_are_told_both_and_are_no_identity(evidence, made):
    made.payload = performance() | {"libraries": {"scikit-learn": "9.9.9"}}
    made.environment = ENVIRONMENT | {"libraries": {"numpy": "3.0.0"}, "python": "3.12.1", "isolation": "uid"}
    row = reproduced(evidence)
    assert row.result == "within"
    said = " ".join(row.reasons)
    for words in ("numpy: 2.4.0 then, 3.0.0 now.", "Python: 3.11.9 then, 3.12.1 now.", "9.9.9 now", "netns+uid then"):
        assert words in said


def test_what_can_t_be_made_again_says_why(evidence, made):
    made.error = CannotProduce("The model needs scikit-learn 1.9.0; 1.8.0 is installed.")
    row = reproduced(evidence)
    assert (row.result, row.reasons, row.payload_digest) == (
        "impossible",
        ["The model needs scikit-learn 1.9.0; 1.8.0 is installed."],
        "",
    )
    assert row.job.state == "failed"


def test_data_that_is_gone_is_said_before_anything_runs(evidence, made):
    reproducing.register_data_check(lambda item: "No longer reproducible since 1 November 2026: the data was deleted.")
    row = reproduced(evidence)
    assert (row.result, row.reasons) == (
        "impossible",
        ["No longer reproducible since 1 November 2026: the data was deleted."],
    )
    assert len(made.tasks) == 1


def test_a_worker_that_dies_each_time_leaves_a_result_too(evidence, made):
    made.error = OSError("disk is full")
    job = reproducing.ask_reproduction(evidence_id=evidence.pk, by=a_user("auditor"))
    for _ in range(services.MAX_ATTEMPTS):
        tasks.run_job(str(job.pk))
    row = Reproduction.objects.get(job=job)
    assert (row.result, row.reasons) == ("impossible", ["OSError: disk is full"])


def test_one_is_under_way_at_a_time_and_the_next_is_another(evidence, made):
    first = reproducing.ask_reproduction(evidence_id=evidence.pk, by=a_user("auditor"))
    assert reproducing.ask_reproduction(evidence_id=evidence.pk, by=a_user("validator")) == first
    waiting = services.request_evidence(
        evidence_type="performance/v1",
        subject_digest=evidence.subject_digest,
        subject_name=evidence.subject_name,
        dataset_digest=evidence.dataset_digest,
        parameters=evidence.parameters,
        settings=evidence.settings,
    )
    assert waiting.pk != first.pk, "a request for new evidence is no reproduction, and gets a job of its own"
    tasks.run_job(str(first.pk))
    second = reproducing.ask_reproduction(evidence_id=evidence.pk, by=a_user("auditor"))
    assert second.pk != first.pk
    jobs.cancel_job(job_id=second.pk, by=a_user("engineer"), reason="Too much load.")
    again = jobs.retry_job(job_id=second.pk, by=a_user("engineer"))
    assert (again.again, again.asked_by) == (evidence.pk, second.asked_by)


def test_what_placet_did_not_make_from_stored_bytes_is_not_made_again(evidence, made):
    submitted = services.attach(
        evidence_type="performance/v1",
        subject_digest=a_digest("model"),
        subject_name="credit-risk/1",
        product=Product(performance(), {}),
        producer=a_user("engineer"),
        origin=Evidence.Origin.SUBMITTED,
    )
    with pytest.raises(NotReproducible, match="submitted"):
        reproducing.ask_reproduction(evidence_id=submitted.pk, by=a_user("auditor"))
    with pytest.raises(Unknown):
        reproducing.ask_reproduction(evidence_id="0b9c6a52-6b2c-4a5e-9d6d-0f2f5a1c9d11", by=a_user("auditor"))


def test_a_result_is_kept_for_good(evidence, made):
    row = reproduced(evidence)
    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE evidence_reproduction SET result = 'identical' WHERE id = %s", [row.pk])
