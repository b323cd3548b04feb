"""The producers of robustness and data quality over a real model and real bytes; no row's value gets out."""

from __future__ import annotations

import io
import json
import shutil
import uuid
from contextlib import contextmanager
from dataclasses import replace

import pandas as pd
import pypdf
import pytest

from examples.credit import dataset
from governance.common import clock
from governance.evidence import projection, schemas, storage
from governance.evidence.errors import CannotProduce
from governance.evidence.producers import Product, Task, producer
from placet import rows
from registry.models import DatasetSnapshot
from reports.documents.building import build
from reports.documents.render import render
from tests.answering import scored
from tests.documents.sample_snapshot import a_snapshot
from tests.factories import a_version, mirrored

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:unclosed file.*sRGB2014:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*sRGB2014:pytest.PytestUnraisableExceptionWarning"),
]
MARKER, NUMBER = "Zaphod Beeblebrox", 48_231_977.0


@pytest.fixture(autouse=True)
def own_storage(settings, tmp_path):
    settings.STORAGE_ROOT = tmp_path / "store"


@pytest.fixture
def model(monkeypatch, boosted_dir):
    """A real model in the place of the one that MLflow would serve."""

    @contextmanager
    def artifact(version):
        yield boosted_dir

    monkeypatch.setattr("reports.producers.robustness.artifact", artifact)
    return boosted_dir


@pytest.fixture
def at_hand(monkeypatch, model, boosted):
    """The same model asked in this process: what it says is the same, without a child for each question."""

    class Here:
        what, calls, batches = "a call in the test's own process", 2, 1

        def __init__(self, data):
            self.data = data

        def __call__(self, frame):
            try:
                score = boosted.predict_proba(frame[self.data.features])[:, list(boosted.classes_).index("bad")]
            except ValueError as error:
                raise CannotProduce(f"ValueError: {error}") from error
            return replace(scored(score), isolation="tests")

        def seconds(self, frame):
            return 0.001 * len(frame)

    @contextmanager
    def asked(folder, data, frame):
        yield Here(data)

    monkeypatch.setattr("reports.producers.robustness.asked", asked)


def kept(frame: pd.DataFrame, **fields) -> DatasetSnapshot:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    declared = {
        "role": "evaluation",
        "uri": "runs:/1/placet/evaluation.parquet",
        "rows": len(frame),
        "columns": [],
        "features": dataset.FEATURES,
        "label": dataset.LABEL,
        "positive_label": "bad",
        "favourable_labels": ["good"],
        "sensitive_features": ["sex", "age_group"],
        "mirrored_at": clock.now(),
    }
    return mirrored("dataset.mirrored", DatasetSnapshot(digest=storage.put(buffer.getvalue()), **declared | fields))


def trained(frame: pd.DataFrame) -> DatasetSnapshot:
    content = rows.to_bytes(rows.row_digests(frame, [*dataset.FEATURES, dataset.LABEL]))
    return kept(frame, role="training", row_digests=storage.put(content), profile=rows.profile(frame, dataset.FEATURES))


def made(evidence_type: str, data: DatasetSnapshot, **version) -> Product:
    subject = a_version(**version)
    task = Task(
        job_id=uuid.uuid4(),
        type=evidence_type,
        subject_digest=subject.artifact_digest,
        dataset_digest=data.digest,
        baseline_digest="",
        parameters={},
        seed=3,
        progress=lambda done, total, message: None,
        subject_id=subject.pk,
        settings={"subject": {"decision_threshold": 0.3}},
    )
    product = producer(evidence_type)(task)
    assert schemas.first_problem(evidence_type, json.loads(json.dumps(product.payload, allow_nan=False))) is None
    return product


def test_the_example_s_data_is_sound_and_says_so(credit_rows):
    training, evaluation = credit_rows
    product = made("data_quality/v1", kept(evaluation), training_dataset=trained(training))
    facts = projection.project("data_quality/v1", product.payload)
    assert (facts["n"], facts["leakage"], facts["duplicates"], facts["columns_unfit"]) == (300, 0.0, 0.0, 0)
    assert product.environment["isolation"] == "none"


def test_a_row_of_the_training_set_is_found_and_deleted_digests_are_undefined(credit_rows):
    training, evaluation = credit_rows
    known = trained(training)
    leaky = kept(pd.concat([evaluation, training.head(6)], ignore_index=True))
    assert made("data_quality/v1", leaky, training_dataset=known).payload["leakage"]["value"] == 6 / 306
    other = made("data_quality/v1", kept(evaluation), number=2, training_dataset=None)
    assert "log_training_data" in other.payload["leakage"]["reason"]
    known.gone_at, known.gone_because = clock.now(), "due"
    mirrored("dataset.mirrored", known)
    gone = made("data_quality/v1", leaky, number=3, training_dataset=known).payload["leakage"]
    assert gone["value"] is None
    assert "were deleted on" in gone["reason"]


@pytest.mark.slow
def test_the_example_s_model_is_asked_about_changed_rows_in_the_isolated_child(credit_rows, model):
    _, evaluation = credit_rows
    product = made("robustness/v1", kept(evaluation))
    facts = projection.project("robustness/v1", product.payload)
    assert facts["noise_small.drop.high"] <= 0.05
    assert facts["small_change.flipped.high"] <= 0.15
    assert facts["worst_column.name"] == "checking_account"
    assert facts["missing_few.refused"], "its numbers may not be missing"
    assert not facts["depends_on_other_rows"]
    assert facts["p50_ms"] > 0
    assert product.payload["timing"]["measured"]
    assert product.payload["reference_check"]["max_difference"] < 1e-9
    assert product.environment["isolation"] not in ("", "none")


def test_a_model_that_can_not_be_run_gives_a_sentence_and_no_evidence(credit_rows, monkeypatch, boosted_dir, tmp_path):
    _, evaluation = credit_rows
    broken = tmp_path / "broken"
    shutil.copytree(boosted_dir, broken)
    (broken / "model.skops").write_bytes(b"nothing")

    @contextmanager
    def artifact(version):
        yield broken

    monkeypatch.setattr("reports.producers.robustness.artifact", artifact)
    with pytest.raises(CannotProduce):
        made("robustness/v1", kept(evaluation))


def test_no_row_s_value_is_in_a_payload_or_in_a_pdf(credit_rows, at_hand):
    _, evaluation = credit_rows
    frame = evaluation.copy()
    frame.loc[frame.index[7], ["purpose", "savings", "sex", "age_group"]] = MARKER
    frame.loc[frame.index[7], "credit_amount_dm"] = NUMBER
    data = kept(frame)
    quality = made("data_quality/v1", data, training_dataset=trained(frame)).payload
    robust = made("robustness/v1", data, number=2).payload
    snapshot = a_snapshot()
    for row in snapshot["evidence"]:
        row["payload"] = {"data_quality/v1": quality, "robustness/v1": robust}.get(row["type"], row["payload"])
    pdf = render(build(snapshot), snapshot)
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(getattr(pdf, "pdf", pdf))).pages)
    assert "Columns of the evaluation data" in text.replace("\n", " ")
    for found in (json.dumps(quality), json.dumps(robust), text):
        assert MARKER not in found
        assert "48231977" not in found.replace(",", "").replace(" ", "")
