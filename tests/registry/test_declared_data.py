"""What a run declares of its data is checked against the bytes, kept by content, and said clearly where it is wrong."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd
import pytest

from governance.common import clock
from governance.evidence import storage
from placet import rows
from registry import datasets
from registry.declared import Declared, declared_by
from registry.models import DatasetSnapshot

pytestmark = pytest.mark.django_db

BINARY = {"label": "y", "positive_label": "bad", "favourable_label": "good"}


@pytest.fixture(autouse=True)
def own_storage(settings, tmp_path):
    settings.STORAGE_ROOT = tmp_path


def a_frame(**columns: Any) -> pd.DataFrame:
    data = {"amount": [1.0, 2.0, 3.0, 4.0], "sex": list("mfmf"), "y": ["good", "bad", "good", "bad"]}
    return pd.DataFrame(data | columns)


class Run:
    """The artifacts of one run, as ``mlflow.Client`` serves them."""

    def __init__(self, frame: pd.DataFrame | None = None, **declared: Any) -> None:
        self.files: dict[str, bytes] = {}
        if frame is not None:
            buffer = io.BytesIO()
            frame.to_parquet(buffer, index=False)
            self.file("evaluation.parquet", buffer.getvalue())
            self.described = {
                "format": "placet-dataset/1",
                "file": "evaluation.parquet",
                "digest": "sha256:" + sha256(buffer.getvalue()).hexdigest(),
                "rows": len(frame),
                "sensitive_features": ["sex"],
                "reference_groups": {"sex": "m"},
                "features": ["amount"],
                **declared,
            }
            self.file("dataset.json", json.dumps(self.described).encode())

    def file(self, name: str, content: bytes) -> None:
        self.files[f"placet/{name}"] = content

    def trained_on(self, frame: pd.DataFrame, **declared: Any) -> Run:
        content = rows.to_bytes(rows.row_digests(frame, ["amount", "y"]))
        self.file("training-rows.u64", content)
        described = {
            "format": "placet-training/1",
            "file": "training-rows.u64",
            "file_digest": "sha256:" + sha256(content).hexdigest(),
            "digest": "sha256:" + sha256(b"training").hexdigest(),
            "rows": len(frame),
            "columns": [{"name": "amount", "type": "double"}],
            "label": "y",
            "features": ["amount"],
            "profile": rows.profile(frame, ["amount"]),
            **declared,
        }
        self.file("training.json", json.dumps(described).encode())
        return self

    def run_artifact(self, run_id: str, path: str) -> bytes | None:
        return self.files.get(path)


def declared(run: Run) -> Declared:
    return declared_by(run, "r1")  # type: ignore[arg-type]


def test_data_of_each_task_is_kept_with_what_its_label_means():
    two = declared(Run(a_frame(), **BINARY)).evaluation
    assert (two.task, two.positive_label, two.favourable_labels) == ("binary", "bad", ["good"])
    assert storage.get(two.digest)
    several = declared(
        Run(a_frame(y=["a", "b", "c", "a"]), label="y", task="multiclass", favourable_labels=["a", "b"])
    ).evaluation
    assert (several.task, several.favourable_labels, several.positive_label) == ("multiclass", ["a", "b"], "")
    number = declared(
        Run(a_frame(y=[1.5, 2.0, 3.0, 0.0]), label="y", task="regression", favourable_direction="lower")
    ).evaluation
    assert (number.task, number.favourable_direction) == ("regression", "lower")


@pytest.mark.parametrize(
    ("columns", "said", "problem"),
    [
        ({}, {"label": "z"}, "no label column 'z'"),
        ({}, {"positive_label": "worse"}, "positive_label 'worse' is none of the label's values"),
        ({"y": ["good", "bad", None, "bad"]}, {}, "missing in 1 rows"),
        ({"y": ["good", "bad", "so-so", "bad"]}, {}, "holds 3 values"),
        ({}, {"task": "ranking"}, "task 'ranking' is none of"),
        ({}, {"task": "regression", "favourable_direction": "lower"}, "string; a regression needs numbers"),
        ({"y": [1.0, np.inf, 2, 3]}, {"task": "regression", "favourable_direction": "lower"}, "not finite numbers"),
        ({"y": [1.0, 5.0, 2, 3]}, {"task": "regression", "favourable_direction": "up"}, "neither higher nor lower"),
        ({}, {"task": "multiclass", "favourable_labels": ["good", "bad"]}, "some of the label's values and not all"),
        ({}, {"task": "multiclass", "favourable_labels": ["fair"]}, "none of the label's values"),
        ({}, {"task": "multiclass"}, "its description lacks 'favourable_labels'"),
        ({}, {"features": ["amount", "income"]}, "lacks the features ['income']"),
        ({}, {"sensitive_features": ["age"]}, "lacks the sensitive features ['age']"),
        ({}, {"handling": {"age": {}}}, "handling names ['age']"),
        ({}, {"delete_by": "2020-02-29"}, "it was to be deleted by"),
        ({}, {"handling": {"sex": {"delete_by": "2020-02-29"}}}, "it was to be deleted by"),
        ({}, {"digest": "sha256:" + "0" * 64}, "do not have the digest"),
    ],
)
def test_a_declaration_that_its_bytes_do_not_bear_out_is_a_problem_in_a_sentence(columns, said, problem):
    found = declared(Run(a_frame(**columns), **(BINARY | said)))
    assert found.evaluation is None
    assert found.problem.startswith("The declared evaluation data can't be used: ")
    assert problem in found.problem
    assert not DatasetSnapshot.objects.exists()


def test_no_rows_are_nothing_to_measure_on():
    assert "it has no rows" in declared(Run(a_frame().iloc[:0], **BINARY)).problem


def test_what_may_not_be_kept_is_not_stored():
    run = Run(a_frame(), **BINARY, delete_by="2020-01-01")
    declared(run)
    assert not storage.path_of(run.described["digest"]).exists()


def test_the_earliest_day_counts_and_another_run_can_bring_it_nearer_but_not_away():
    day = clock.now().date() + timedelta(days=300)
    terms = {"lawful_basis": "AI Act Article 10(5)", "delete_by": str(day)}
    first = declared(Run(a_frame(), **BINARY, handling={"sex": terms}, delete_by=str(day + timedelta(days=9))))
    assert first.evaluation.delete_by == day
    later = {"access_role": "data_protection_officer", "lawful_basis": "another", "delete_by": str(day)}
    again = declared(Run(a_frame(), **BINARY, handling={"sex": later}, delete_by=str(day - timedelta(days=1))))
    assert again.evaluation.pk == first.evaluation.pk
    assert again.evaluation.delete_by == day - timedelta(days=1)
    assert again.evaluation.handling["sex"] == terms | {"access_role": "data_protection_officer"}
    assert declared(Run(a_frame(), **BINARY)).evaluation.delete_by == day - timedelta(days=1)


def test_the_same_bytes_can_not_mean_something_else_in_another_run():
    declared(Run(a_frame(), **BINARY))
    swapped = Run(a_frame(), label="y", positive_label="good", favourable_label="bad")
    assert "with another positive label: 'bad', and now 'good'" in declared(swapped).problem


def test_training_rows_are_kept_as_digests_only():
    found = declared(Run(a_frame(), **BINARY).trained_on(a_frame()))
    training = found.training
    assert (training.role, training.rows, found.problem) == ("training", 4, "")
    assert len(storage.get(training.row_digests)) == 32
    assert not storage.path_of(training.digest).exists()
    assert training.profile["amount"]["max"] == 4.0


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"rows": 5}, "has the digests of 4 rows and says that it has 5"),
        ({"file_digest": "sha256:" + "0" * 64}, "do not have the digest"),
        ({"profile": []}, "its profile is no table"),
        ({"digest": "md5:1"}, "is no digest"),
    ],
)
def test_training_digests_that_do_not_fit_are_a_problem_and_the_evaluation_data_stays(said, problem):
    found = declared(Run(a_frame(), **BINARY).trained_on(a_frame(), **said))
    assert found.evaluation
    assert found.training is None
    assert problem in found.problem


def test_data_that_was_deleted_does_not_come_back_with_the_next_version(django_capture_on_commit_callbacks):
    run = Run(a_frame(), **BINARY, delete_by=str(clock.now().date()))
    row = declared(run).evaluation
    with clock.frozen(clock.now() + timedelta(days=2)), django_capture_on_commit_callbacks(execute=True):
        assert datasets.delete_due() == 1
        assert datasets.delete_due() == 0
    assert not storage.path_of(row.digest).exists()
    assert "the same rows were deleted here on" in declared(Run(a_frame(), **BINARY)).problem
    assert not storage.path_of(row.digest).exists()
