"""Evaluation data goes into a real MLflow run, the same rows to the same bytes; a wrong declaration is refused."""

import json
from datetime import date
from pathlib import Path

import pytest

mlflow = pytest.importorskip("mlflow")
pd = pytest.importorskip("pandas")

from placet import rows  # noqa: E402
from placet.digests import file_digest  # noqa: E402
from placet.tracking import log_evaluation_data, log_training_data  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)


@pytest.fixture(scope="module")
def tracking(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.create_experiment("credit", artifact_location=(folder / "artifacts").as_uri())
    mlflow.set_experiment("credit")
    yield folder
    mlflow.set_tracking_uri(before)


def a_frame():
    return pd.DataFrame(
        {
            "amount": [1000, 2500, 400, 9000],
            "duration": [12.0, 24.0, 6.0, None],
            "purpose": pd.Categorical(["car", "tv", "car", "car"]),
            "sex": ["female", "male", "male", "male"],
            "credit_risk": ["good", "bad", "good", "bad"],
        },
        index=[7, 3, 9, 1],
    )


DECLARED = {
    "label": "credit_risk",
    "positive_label": "bad",
    "favourable_label": "good",
    "sensitive_features": ["sex"],
    "reference_groups": {"sex": "male"},
}


def logged(run_id):
    folder = Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="placet"))
    return folder / "evaluation.parquet", json.loads((folder / "dataset.json").read_text(encoding="utf-8"))


def test_the_run_holds_the_rows_and_what_they_mean(tracking):
    with mlflow.start_run() as run:
        digest = log_evaluation_data(a_frame(), **DECLARED)
    file, described = logged(run.info.run_id)
    assert described == {
        "format": "placet-dataset/1",
        "file": "evaluation.parquet",
        "digest": digest,
        "rows": 4,
        "columns": described["columns"],
        "label": "credit_risk",
        "task": "binary",
        "positive_label": "bad",
        "favourable_label": "good",
        "sensitive_features": ["sex"],
        "reference_groups": {"sex": "male"},
        "handling": {},
        "delete_by": None,
        "features": ["amount", "duration", "purpose"],
    }
    assert [c["name"] for c in described["columns"]] == list(a_frame().columns)
    assert described["columns"][0] == {"name": "amount", "type": "int64"}
    assert file_digest(file) == digest
    back = pd.read_parquet(file)
    assert back["amount"].tolist() == [1000, 2500, 400, 9000]
    assert back["duration"].isna().tolist() == [False, False, False, True]


def test_the_same_rows_have_the_same_digest_and_other_rows_another(tracking):
    with mlflow.start_run():
        one = log_evaluation_data(a_frame(), **DECLARED)
        two = log_evaluation_data(a_frame().reset_index(drop=True), **DECLARED)
        other = log_evaluation_data(a_frame().assign(amount=[1000, 2500, 400, 9001]), **DECLARED)
    assert one == two != other


def test_sensitive_values_may_be_passed_beside_the_frame(tracking):
    frame = a_frame().drop(columns="sex")
    with mlflow.start_run() as run:
        log_evaluation_data(
            frame, **DECLARED | {"sensitive_features": {"sex": a_frame()["sex"], "age_group": [1, 1, 2, 2]}}
        )
    file, described = logged(run.info.run_id)
    assert described["sensitive_features"] == ["sex", "age_group"]
    assert described["features"] == ["amount", "duration", "purpose"]
    assert described["reference_groups"] == {"sex": "male", "age_group": 1}
    assert pd.read_parquet(file)["sex"].tolist() == ["female", "male", "male", "male"]


def test_numeric_labels_are_written_as_plain_json(tracking):
    frame = a_frame().assign(credit_risk=[0, 1, 0, 1])
    with mlflow.start_run() as run:
        log_evaluation_data(frame, **DECLARED | {"positive_label": 1, "favourable_label": frame["credit_risk"].iloc[0]})
    _, described = logged(run.info.run_id)
    assert (described["positive_label"], described["favourable_label"]) == (1, 0)


def test_without_a_run_it_says_what_to_do(tracking):
    with pytest.raises(ValueError, match="no active MLflow run"):
        log_evaluation_data(a_frame(), **DECLARED)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"label": "risk"}, "The label 'risk' is not a column"),
        ({"favourable_label": "Good"}, "favourable_label 'Good' is not a value of 'credit_risk'"),
        ({"positive_label": 1}, "positive_label 1 is not a value"),
        ({"positive_label": True}, "positive_label True is not a value"),
        ({"sensitive_features": ["sex", "age"]}, "Sensitive columns not in the frame: 'age'"),
        ({"sensitive_features": ["sex", "sex"]}, "listed twice"),
        ({"sensitive_features": ["credit_risk"], "reference_groups": {}}, "cannot be a sensitive feature"),
        ({"sensitive_features": {"sex": ["male"]}}, "has 1 values for 4 rows"),
        ({"sensitive_features": {"sex": ["male"] * 4}}, "other values than the sensitive feature"),
        ({"reference_groups": {"sex": "other"}}, "'other' is not a value of 'sex'"),
        ({"reference_groups": {"age": "x"}}, "not among the sensitive features"),
        ({"features": ["amount", "income"]}, "Features not in the frame: 'income'"),
        ({"features": ["amount", "credit_risk"]}, "cannot be a feature"),
    ],
)
def test_a_wrong_declaration_is_refused(tracking, fields, says):
    with mlflow.start_run() as run, pytest.raises(ValueError, match=says):
        log_evaluation_data(a_frame(), **DECLARED | fields)
    assert mlflow.MlflowClient().list_artifacts(run.info.run_id) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda f: f.assign(credit_risk=["good", "bad", "fair", "bad"]),
            "exactly two values; it holds 3: 'bad', 'fair', 'good'",
        ),
        (lambda f: f.assign(credit_risk="good"), "exactly two values; it holds 1"),
        (lambda f: f.assign(credit_risk=["good", "bad", None, "bad"]), "missing in 1 rows"),
        (lambda f: f.iloc[:0], "no rows"),
        (lambda f: f.rename(columns={"amount": 5}), "must be strings"),
        (lambda f: f.rename(columns={"amount": "duration"}), "two columns named 'duration'"),
        (lambda f: f.assign(amount=[1, "x", object(), 2]), "cannot be written as Parquet"),
    ],
)
def test_a_frame_that_cannot_be_evaluated_is_refused(tracking, change, says):
    with mlflow.start_run(), pytest.raises(ValueError, match=says):
        log_evaluation_data(change(a_frame()), **DECLARED)


def test_the_wrong_types_are_refused(tracking):
    with pytest.raises(TypeError, match="pass a pandas DataFrame"):
        log_evaluation_data([1, 2], **DECLARED)
    with pytest.raises(TypeError, match="pass a list of column names"):
        log_evaluation_data(a_frame(), **DECLARED | {"sensitive_features": "sex"})
    with pytest.raises(TypeError, match="pass a list of column names"):
        log_evaluation_data(a_frame(), **DECLARED | {"features": "amount"})


def test_several_classes_and_numbers_say_what_is_good_for_the_person(tracking):
    frame = a_frame().assign(credit_risk=["low", "high", "middle", "high"])
    with mlflow.start_run() as run:
        log_evaluation_data(frame, label="credit_risk", task="multiclass", favourable_labels=["low", "middle"])
    described = logged(run.info.run_id)[1]
    assert (described["task"], described["favourable_labels"]) == ("multiclass", ["low", "middle"])
    assert "positive_label" not in described
    with mlflow.start_run() as run:
        log_evaluation_data(
            a_frame().assign(rate=[1.0, 2.5, 3.0, 4.0]), label="rate", task="regression", favourable_direction="lower"
        )
    described = logged(run.info.run_id)[1]
    assert (described["task"], described["favourable_direction"]) == ("regression", "lower")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"task": "ranking"}, "task is 'ranking'"),
        ({"positive_label": None}, "positive_label is missing: the task 'binary' needs"),
        ({"favourable_labels": ["good"]}, "favourable_labels means nothing for the task 'binary'"),
        ({"task": "multiclass", "positive_label": None, "favourable_label": None}, "favourable_labels is missing"),
        ({"task": "regression", "favourable_direction": "lower"}, "positive_label means nothing"),
    ],
)
def test_what_a_task_needs_is_asked_for_and_what_it_does_not_take_is_refused(tracking, fields, says):
    with mlflow.start_run(), pytest.raises(ValueError, match=says):
        log_evaluation_data(a_frame(), **DECLARED | fields)


@pytest.mark.parametrize(
    ("change", "fields", "says"),
    [
        ({}, {"task": "regression", "favourable_direction": "up"}, "must hold numbers"),
        ({"credit_risk": [1, 2, 3, 4]}, {"task": "regression", "favourable_direction": "up"}, "'higher' or 'lower'"),
        (
            {"credit_risk": [1, 2, 3, float("inf")]},
            {"task": "regression", "favourable_direction": "lower"},
            "infinite in 1 rows",
        ),
        ({}, {"task": "multiclass", "favourable_labels": ["fair"]}, "'fair', which 'credit_risk' does not hold"),
        ({}, {"task": "multiclass", "favourable_labels": ["good", "bad"]}, "some classes and not all"),
        ({"credit_risk": "good"}, {"task": "multiclass", "favourable_labels": ["good"]}, "two classes or more"),
    ],
)
def test_a_label_that_does_not_fit_the_task_is_refused(tracking, change, fields, says):
    with mlflow.start_run(), pytest.raises(ValueError, match=says):
        log_evaluation_data(a_frame().assign(**change), label="credit_risk", **fields)


def test_a_sensitive_column_says_why_it_may_be_kept_by_whom_it_is_read_and_until_when(tracking):
    terms = {
        "lawful_basis": "AI Act Article 10(5)",
        "access_role": "data_protection_officer",
        "delete_by": date(2099, 1, 31),
    }
    with mlflow.start_run() as run:
        log_evaluation_data(a_frame(), **DECLARED, handling={"sex": terms}, delete_by="2099-06-30")
    described = logged(run.info.run_id)[1]
    assert described["handling"] == {"sex": terms | {"delete_by": "2099-01-31"}}
    assert described["delete_by"] == "2099-06-30"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"handling": {"age": {"lawful_basis": "x"}}}, "'age', which is not among the sensitive features"),
        ({"handling": {"sex": {"basis": "x"}}}, "has 'basis'; it takes"),
        ({"handling": {"sex": {"lawful_basis": " "}}}, "text of 1 to 300"),
        ({"handling": {"sex": {"delete_by": "soon"}}}, "delete_by of 'sex' is 'soon'"),
        ({"delete_by": "2020-01-01"}, "2020-01-01, which is past"),
    ],
)
def test_terms_that_can_not_be_kept_are_refused(tracking, fields, says):
    with mlflow.start_run(), pytest.raises(ValueError, match=says):
        log_evaluation_data(a_frame(), **DECLARED | fields)


def test_training_rows_stay_away_and_their_digests_find_a_row_again(tracking):
    training = a_frame().assign(purpose=["secret", "tv", "car", "secret"])
    with mlflow.start_run() as run:
        digest = log_training_data(training, label="credit_risk", features=["amount", "duration", "purpose"])
    folder = Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="placet"))
    assert sorted(file.name for file in folder.iterdir()) == ["training-rows.u64", "training.json"]
    described = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    assert (described["format"], described["digest"], described["rows"]) == ("placet-training/1", digest, 4)
    assert described["file_digest"] == file_digest(folder / "training-rows.u64")
    assert b"secret" not in b"".join(file.read_bytes() for file in folder.iterdir())
    kept = set(rows.from_bytes((folder / "training-rows.u64").read_bytes()).tolist())
    again = rows.row_digests(training.iloc[[2]], ["amount", "duration", "purpose", "credit_risk"])
    other = rows.row_digests(training.iloc[[2]].assign(amount=401), ["amount", "duration", "purpose", "credit_risk"])
    assert again[0] in kept
    assert other[0] not in kept


def test_training_data_without_its_label_or_a_run_is_refused(tracking):
    with pytest.raises(ValueError, match="no active MLflow run"):
        log_training_data(a_frame(), label="credit_risk")
    with mlflow.start_run(), pytest.raises(ValueError, match="'risk' is not a column of the training data"):
        log_training_data(a_frame(), label="risk")
