"""The demo's data, models and windows of live records."""

import uuid
from datetime import UTC, datetime
from hashlib import sha256

import numpy as np
import pytest

from examples.credit import dataset, train, windows
from reports.fairness.decisions import of_score
from reports.fairness.measure import measure as measure_fairness
from tests.answering import by_id, measured

START = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def scores(credit_rows, boosted):
    training, evaluation = credit_rows
    logistic = train.build("logistic").fit(training[dataset.FEATURES], training[dataset.LABEL])
    return [model.predict_proba(evaluation[dataset.FEATURES])[:, 0] for model in (logistic, boosted)]


def test_the_data_are_the_published_ones():
    digest = "b21f3d81db8071257d5ff1deaeba1fd4303b62712e6fcc9715c7a86202cb5871"
    assert sha256(dataset.DATA.read_bytes()).hexdigest() == digest
    data = dataset.load()
    assert len(data) == 1000
    assert (data["credit_risk"] == "good").sum() == 700
    assert data["age_group"].value_counts().to_dict() == {"26 to 60": 765, "up to 25": 190, "over 60": 45}
    assert not data.isna().any().any()


def test_what_states_a_protected_characteristic_is_not_a_feature():
    hidden = {"sex", "age_group", "age_years", "personal_status", "foreign_worker", dataset.LABEL}
    assert hidden.isdisjoint(dataset.FEATURES)
    assert len(dataset.FEATURES) == 17


def test_the_split_is_fixed_and_stratified(credit_rows):
    training, evaluation = credit_rows
    assert (len(training), len(evaluation)) == (700, 300)
    assert (evaluation["credit_risk"] == "bad").mean() == pytest.approx(0.3)
    again = dataset.split(dataset.load())[1]
    assert again.equals(evaluation)


def test_the_boosted_trees_are_no_worse_than_the_logistic_regression(credit_rows, scores):
    _, evaluation = credit_rows
    event = (evaluation["credit_risk"] == "bad").to_numpy()
    logistic, boosted = scores
    found = by_id(measured(event, boosted, production=logistic, threshold=train.THRESHOLD))
    assert found["auc"]["candidate"]["value"] > found["auc"]["production"]["value"] > 0.75
    assert found["log_loss"]["difference"]["high"] < 0.01
    assert found["auc"]["candidate"]["low"] >= 0.65


def test_three_hundred_rows_can_not_settle_the_four_fifths_question(credit_rows, scores):
    _, evaluation = credit_rows
    decided = of_score(
        evaluation["credit_risk"], scores[1], threshold=train.THRESHOLD, positive_label="bad", favourable_label="good"
    )
    payload = measure_fairness(
        decided,
        sensitive_features=evaluation[dataset.SENSITIVE_FEATURES],
        reference_groups=dataset.REFERENCE_GROUPS,
    )
    groups = {group["group"]: group for feature in payload["features"] for group in feature["groups"]}
    for name in ("female", "up to 25"):
        assert groups[name]["selection_ratio"]["low"] < 0.8 <= groups[name]["selection_ratio"]["high"]
    assert not groups["over 60"]["compared"]  # 13 people, under 5 %


def test_windows_are_deterministic_and_have_what_a_record_needs(boosted):
    def score(frame):
        return boosted.predict_proba(frame)[:, 0]

    first = windows.records(score, kind="like_reference", start=START)
    assert first.equals(windows.records(score, kind="like_reference", start=START))
    assert list(first.columns) == ["prediction_id", "predicted_at", *dataset.FEATURES, "prediction"]
    assert len(first) == 400
    assert first["prediction_id"].map(lambda text: uuid.UUID(text).version).unique().tolist() == [4]
    assert first["prediction_id"].is_unique
    assert first["predicted_at"].is_monotonic_increasing
    assert first["predicted_at"].iloc[0] >= START
    assert (first["predicted_at"].iloc[-1] - START).days < 7
    np.testing.assert_array_equal(first["prediction"], score(first[dataset.FEATURES]))


def test_the_shifted_window_is_shifted_and_the_other_is_not(boosted):
    def score(frame):
        return boosted.predict_proba(frame)[:, 0]

    data = dataset.load()
    quiet = windows.records(score, kind="like_reference", start=START)
    shifted = windows.records(score, kind="shifted", start=START)
    assert quiet["credit_amount_dm"].median() == pytest.approx(data["credit_amount_dm"].median(), rel=0.15)
    assert shifted["credit_amount_dm"].median() > 1.5 * data["credit_amount_dm"].median()
    assert shifted["duration_months"].mean() > 1.3 * data["duration_months"].mean()
    assert (shifted["purpose"] == "new car").mean() > 1.3 * (data["purpose"] == "new car").mean()
    assert shifted["prediction"].mean() > quiet["prediction"].mean()


def test_a_window_needs_a_time_zone_and_rows_that_exist():
    with pytest.raises(ValueError, match="needs a time zone"):
        windows.records(len, kind="shifted", start=datetime(2026, 11, 2))  # noqa: DTZ001  # what is refused
    with pytest.raises(ValueError, match="1000 applications to draw from"):
        windows.records(len, kind="shifted", start=START, rows=1001)


def test_the_command_line_trains_what_it_is_asked_for(monkeypatch, capsys):
    trained = []
    monkeypatch.setattr(train, "train", lambda model: trained.append(model) or str(len(trained)))
    assert train.command([]) == 0
    assert train.command(["--model", "boosted"]) == 0
    assert trained == ["logistic", "boosted", "boosted"]
    assert capsys.readouterr().out.splitlines()[-1] == "Registered credit-risk: version 3"
