"""Evidence jobs run as the worker runs them: files fetched, model asked apart, payload attached."""

from __future__ import annotations

import pytest

from examples.credit import dataset
from governance.evidence.models import Evidence
from governance.evidence.tasks import run_job
from reports.isolation import process, warm
from tests.reports.flavors import save_code
from tests.reports.jobs import a_job, a_version_of

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def started(monkeypatch):
    """The isolated processes that are started."""
    seen = []
    start = process.Child._start

    def counted(self, *arguments, **more):
        seen.append(self)
        return start(self, *arguments, **more)

    monkeypatch.setattr(process.Child, "_start", counted)
    return seen


def test_the_producers_of_one_version_load_the_model_once(boosted_dir, credit_rows, started):
    _, evaluation = credit_rows
    frame = evaluation.rename(columns={dataset.LABEL: "label"})
    version = a_version_of(
        boosted_dir, frame, features=dataset.FEATURES, sensitive_features=["sex"], reference_groups={"sex": "male"}
    )
    jobs = [a_job(boosted_dir, kind, version=version) for kind in ("performance/v1", "fairness/v1")]
    warm.switch_on()
    try:
        for job in jobs:
            run_job(str(job.pk))
            job.refresh_from_db()
            assert job.error == ""
    finally:
        warm.close()
    assert len(started) == 1
    for made in Evidence.objects.filter(subject_id=version.pk):
        assert made.environment["isolation_level"] == "full"
        assert made.environment["isolation"] == "netns+pidns+filesystem+uid+rlimits+seccomp"
        assert made.environment["model"]["flavor"] == "sklearn"
        assert made.environment["model"]["brings_code"] is False
        assert made.environment["model"]["own_environment"] is None


def test_evidence_on_a_python_function_says_that_it_brings_code(tmp_path, started):
    job = a_job(save_code(tmp_path / "model", "return 1 / (1 + np.exp(-frame['a'].to_numpy()))"))
    run_job(str(job.pk))
    job.refresh_from_db()
    assert job.error == ""
    made = Evidence.objects.get(type="performance/v1")
    assert made.environment["isolation_level"] == "full"
    assert made.environment["model"]["flavor"] == "python_function"
    assert made.environment["model"]["brings_code"] is True
    assert len(started) == 1
