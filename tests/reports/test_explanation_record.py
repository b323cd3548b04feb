"""One record explained: what is found, what is refused, who may read it, and what the log says of it."""

import copy
import json
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from django.core.cache import cache
from django.urls import reverse
from sklearn.linear_model import LogisticRegression

from examples.credit import dataset, train
from governance.audit.models import Entry
from governance.common.errors import Unknown
from reports import looks
from reports.explanation import local
from reports.explanation.measure import LIMITS, background_digest, sample
from reports.isolation.errors import ModelFailed
from reports.isolation.inside.explaining.record import record_parts, turned
from reports.isolation.process import Answer
from reports.isolation.records import Question, checked
from reports.producers import record as worker
from reports.web import records as pages
from tests import payloads
from tests.factories import a_user
from tests.reports.explaining import Spoken, fitted, mixed, numbers
from tests.reports.factories import Bank

pytestmark = pytest.mark.filterwarnings("ignore")


def line(weights):
    """A score that is a straight line cut to 0..1."""
    return lambda frame: np.clip(frame.to_numpy(dtype=float) @ weights, 0, 1)


def frame_of(*rows):
    return pd.DataFrame(rows, columns=["a", "b", "c"], dtype=float)


def test_the_change_that_turns_the_decision_is_the_smallest_number_of_values_seen():
    behind = frame_of([0, 0, 0], [1, 0.5, 0.2], [2, 0.25, 0.9])
    score = line(np.array([0.1, 0.5, 0.5]))
    row = frame_of([1, 0.1, 0.1])  # 0.2
    changes, after = turned(score, row, behind, mutable=[0, 1, 2], most=3, threshold=0.5)
    assert (changes, after) == ([[2, 2]], pytest.approx(0.6))  # c alone, at the value of the third row
    changes, after = turned(score, row, behind, mutable=[0, 1], most=3, threshold=0.45)
    assert sorted(changes) == [[0, 2], [1, 1]]
    assert turned(score, row, behind, mutable=[0, 1], most=1, threshold=0.45) is None
    assert turned(score, row, behind, mutable=[], most=3, threshold=0.45) is None
    assert turned(score, row, behind, mutable=[0], most=3, threshold=0.9) is None


def test_a_decision_is_turned_downwards_too_and_a_needless_change_is_taken_back():
    behind = frame_of([0, 0, 0], [1, 1, 1])
    changes, after = turned(line(np.array([0.3, 0.4, 0.3])), frame_of([1, 1, 1]), behind, mutable=[0, 1, 2], most=3,
                            threshold=0.5)  # fmt: skip
    assert after < 0.5
    assert len(changes) == 2

    def together(frame):  # b alone moves it most, c then turns it by itself
        a = frame.to_numpy(dtype=float)
        return 0.4 * a[:, 1] + 0.39 * a[:, 2] + 0.3 * a[:, 2] * (1 - a[:, 1]) + 0.3 * a[:, 2] * a[:, 1]

    changes, after = turned(together, frame_of([1, 0, 0]), behind, mutable=[0, 1, 2], most=3, threshold=0.6)
    assert [column for column, _ in changes] == [2]


def asked(task="binary", **more):
    return {"task": task, "seed": 1, "counterfactual": None} | more


def a_record(task="binary", *, estimator=None, question=None):
    frame = numbers(200)
    model = Spoken(fitted(estimator or LogisticRegression(), frame, task), task)
    wanted = question and {"mutable": question.mutable, "most": question.most, "threshold": question.threshold}
    table, result = record_parts(model, asked(task, counterfactual=wanted), frame.head(1), frame.tail(100))
    answer = Answer("as told", result | {"classes": ["0", "1", "2"], "libraries": {"shap": "0"}}, [table])
    return answer, {"columns": list(frame.columns), "task": task, "question": question, "background": 100}, frame


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_contributions_add_up_to_the_score(task):
    answer, given, frame = a_record(task)
    found = checked(answer, **given)
    np.testing.assert_allclose(found.base + found.values.sum(axis=0), found.score, atol=1e-9)
    told = local.describe(found, frame.head(1), frame.tail(100), task=task, positive_label="1", question=None)
    assert sum(row["phi"] for row in told["contributions"]) == pytest.approx(told["score"] - told["base"])
    assert (told["output"], told["counterfactual"]) == ("margin", None)
    assert json.loads(json.dumps(told)) == told


QUESTION = Question(["x0", "x1", "x2"], 3, 0.5)


def test_a_counterfactual_is_told_in_the_values_of_the_background():
    answer, given, frame = a_record(question=QUESTION)
    found = checked(answer, **given)
    told = local.describe(found, frame.head(1), frame.tail(100), task="binary", positive_label="1", question=QUESTION)
    turned_row = frame.head(1).copy()
    for name, row in found.changes:
        turned_row[name] = frame.tail(100).iloc[row][name]
    model = fitted(LogisticRegression(), frame, "binary")
    assert model.predict_proba(turned_row)[0, 1] == pytest.approx(found.changed_score)
    assert (found.changed_score >= 0.5) != (found.said[0] >= 0.5)
    assert told["counterfactual"]["changes"][0]["before"] == f"{frame.iloc[0][found.changes[0][0]]:.6g}"


@pytest.mark.parametrize(
    "changes",
    [
        {"changes": [[7, 0]]}, {"changes": [[0, 100]]}, {"changes": [[-1, 0]]}, {"changes": [[0, 1], [0, 2]]},
        {"changes": []}, {"changes": [[0, 1], [1, 1], [2, 1], [3, 1]]}, {"changes": [[0, True]]}, {"changes": "x0"},
        {"changed_score": None}, {"changed_score": 1.5}, {"changed_score": float("nan")},
        {"changed_score": "same side"},
    ],
)  # fmt: skip
def test_a_hostile_counterfactual_is_refused(changes):
    answer, given, _ = a_record(question=QUESTION)
    answer = copy.deepcopy(answer)
    if changes.get("changed_score") == "same side":
        changes = {"changed_score": float(answer.tables[0]["p0"][0])}
    answer.result.update(changes)
    with pytest.raises(ModelFailed, match="not asked for, or that do not turn"):
        checked(answer, **given)


def test_a_hostile_record_is_refused():
    answer, given, _ = a_record()
    answer.tables[0].pop("v0:0")
    with pytest.raises(ModelFailed, match="exactly the features"):
        checked(answer, **given)


def test_features_handed_in_must_be_those_of_the_data():
    like = mixed(5)
    row = local.one_row({"amount": 5, "colour": "mauve", "months": 12, "owner": None}, like)
    assert row.dtypes.to_dict() == like.dtypes.to_dict()
    assert local.words(row.iloc[0]["owner"]) == "(missing)"
    with pytest.raises(ValueError, match=r"missing: months; not features of the model: month"):
        local.one_row({"amount": 5, "colour": "red", "month": 12, "owner": "yes"}, like)
    with pytest.raises(ValueError, match="months: 'twelve' is not of the column's type, int64"):
        local.one_row({"amount": 5, "colour": "red", "months": "twelve", "owner": "yes"}, like)


@pytest.mark.parametrize("months", [True, 10**400, float("inf"), "12"])
def test_a_number_handed_in_is_a_number(months):
    like = pd.DataFrame({"months": [1, 2]})
    with pytest.raises(ValueError, match=r"months: .* is not of the column's type, int64"):
        local.one_row({"months": months}, like)


def a_payload(frame, **more):
    _, backgrounds = sample(frame, limits=LIMITS, seed=3)
    return {"seed": 3, "background": {"n": 50, "digest": background_digest(backgrounds[0].head(50))}} | more


@pytest.mark.slow
def test_a_real_record_is_explained_in_isolation_against_the_background_of_the_evidence(boosted_dir, credit_rows):
    frame = credit_rows[1][dataset.FEATURES].reset_index(drop=True)
    given = {
        "model_dir": boosted_dir, "frame": frame, "record": frame.iloc[[7]].reset_index(drop=True), "task": "binary",
        "positive_label": "bad", "threshold": train.THRESHOLD, "most": 3,
        "mutable": ["duration_months", "credit_amount", "savings"],
    }  # fmt: skip
    told = local.explain(payload=a_payload(frame), **given)
    assert sum(row["phi"] for row in told["contributions"]) == pytest.approx(told["score"] - told["base"], abs=1e-6)
    assert told["residual"] < 1e-6
    found = told["counterfactual"]
    assert not found["changes"] or (found["score"] >= train.THRESHOLD) != (told["said"] >= train.THRESHOLD)
    with pytest.raises(ValueError, match="can't be drawn again"):
        local.explain(payload=a_payload(frame, background={"n": 49, "digest": "sha256:0"}), **given)


# --- asking, working, reading --------------------------------------------------------------------------------------


@pytest.fixture
def bank(db, settings, tmp_path) -> Bank:
    settings.STORAGE_ROOT = tmp_path / "storage"
    return Bank()


@pytest.fixture
def version(bank):
    """A version with an explanation attached."""
    return bank.reviewed().version


@pytest.fixture
def told(monkeypatch, version):
    """Stand in for the data, the store and the isolated child; keep what was asked of them."""
    seen = {}
    frame = pd.DataFrame({name: [f"{name} {i}" for i in range(9)] for name in payloads.FEATURES})
    monkeypatch.setattr(worker.selectors, "dataset_bytes", lambda data: b"")
    monkeypatch.setattr(worker.pd, "read_parquet", lambda file: frame)

    @contextmanager
    def nowhere(version):
        yield None

    def explain(**given):
        seen.update(given)
        return {
            "explainer": "tree, interventional, shap", "note": "", "output": "margin", "label": "bad", "base": 0.1,
            "score": 0.5, "said": 0.62, "residual": 1e-9, "background": 50,
            "contributions": [{"feature": "<b>purpose", "value": "a <i>car", "phi": 0.4, "label": "purpose = car"}],
            "counterfactual": {"changes": [], "score": None, "most": 2, "threshold": 0.3, "mutable": ["purpose"]},
        }  # fmt: skip

    monkeypatch.setattr(worker, "artifact", nowhere)
    monkeypatch.setattr(worker.local, "explain", explain)
    return seen


@pytest.fixture
def enqueued(monkeypatch):
    """The looks that a worker was told about."""
    seen = []
    monkeypatch.setattr(pages, "enqueue_on_commit", lambda task, *ids: seen.extend(ids))
    return seen


def address(version):
    return reverse("record-explain", args=[version.model_id, version.number])


def test_a_person_asks_a_worker_answers_and_the_log_says_who_looked(client, bank, version, told, enqueued):
    client.force_login(bank.engineer)
    sent = {"row": "3", "most": "2", "mutable": ["purpose", "age_years", "no such"]}
    asked_for = client.post(address(version), sent)
    (pk,) = enqueued
    assert asked_for.headers["Location"] == f"{address(version)}?look={pk}"
    assert b"A worker explains the record" in client.get(asked_for.headers["Location"]).content
    before = Entry.objects.count()
    looks.work(pk)
    assert told["record"].iloc[0].to_dict() == {name: f"{name} 2" for name in payloads.FEATURES}
    assert "no such" not in told["mutable"]
    assert (told["most"], told["threshold"]) == (2, version.decision_threshold)
    assert Entry.objects.count() == before + 1
    entry = Entry.objects.latest("recorded_at")
    assert '"event":"explanation.read"' in str(vars(entry))
    assert "purpose 2" not in str(vars(entry))
    page = client.get(asked_for.headers["Location"]).content.decode()
    assert "&lt;b&gt;purpose" in page
    assert "<i>car" not in page
    assert "Nothing was found within 2 changes" in page
    assert (
        client.get(reverse("record-look", args=[version.model_id, version.number]) + f"?look={pk}").status_code == 200
    )
    looks.work(pk)  # a message delivered twice
    assert Entry.objects.count() == before + 1
    kept = cache.get(f"look:{pk}")
    assert (kept["record"], kept["state"]) == ({}, "done")


def test_nobody_else_reads_the_answer_and_outside_the_system_there_is_no_page(client, bank, version, told, enqueued):
    client.force_login(bank.engineer)
    client.post(address(version), {"row": "1"})
    (pk,) = enqueued
    looks.work(pk)
    client.force_login(bank.officer)
    assert b"That look is over" in client.get(f"{address(version)}?look={pk}").content
    with pytest.raises(Unknown):
        looks.look_for(bank.officer, version, pk)
    client.force_login(a_user(name="Nobody"))
    assert client.get(address(version)).status_code == 404
    assert client.post(address(version), {"row": "1"}).status_code == 404


def test_who_lost_the_right_meanwhile_is_answered_nothing_and_no_look_is_logged(
    client, bank, version, told, monkeypatch
):
    pk = looks.ask(viewer=a_user(name="Nobody"), version=version, record={"row": 1})
    before = Entry.objects.count()
    looks.work(pk)
    look = cache.get(f"look:{pk}")
    assert (look["state"], look["error"]) == ("failed", "You may no longer read this model.")
    assert (told, Entry.objects.count()) == ({}, before)


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"row": ""}, "The row must be a whole number from 1 to 300"),
        ({"row": "301"}, "from 1 to 300"),
        ({"row": "1", "most": "9"}, "number of changes must be a whole number from 0 to 5"),
        ({"row": "1", "most": "2"}, "Name the features that may change"),
        ({"features": "{"}, "not JSON"),
        ({"features": "[1]"}, "one JSON object of texts and numbers"),
        ({"features": '{"a": NaN}'}, "NaN is no number"),
        ({"features": '{"a": 1, "a": 2}'}, "a stands there twice"),
        ({"features": '{"a": {}}'}, "one JSON object of texts and numbers"),
        ({"features": " " * 9 + "1" * 70_000}, "longer than 64 kB"),
    ],
)
def test_what_can_not_be_a_question_is_told(client, bank, version, enqueued, sent, message):
    client.force_login(bank.engineer)
    answer = client.post(address(version), sent)
    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert enqueued == []


def test_what_the_worker_can_not_do_is_told(bank, version, told, monkeypatch):
    def failed(record):
        pk = looks.ask(viewer=bank.engineer, version=version, record=record)
        looks.work(pk)
        return looks.look_for(bank.engineer, version, pk)["error"]

    assert failed({"row": 10}) == "The evaluation data has rows 1 to 9; there is no row 10."
    assert failed({"features": {"purpose": "car"}}).startswith("The features are not those of the evaluation data")

    def crash(**given):
        raise RuntimeError("secret")

    monkeypatch.setattr(worker.local, "explain", crash)
    pk = looks.ask(viewer=bank.engineer, version=version, record={"row": 1})
    with pytest.raises(RuntimeError):
        looks.work(pk)
    assert "secret" not in looks.look_for(bank.engineer, version, pk)["error"]


def test_a_version_without_an_explanation_says_so(client, bank, enqueued):
    fresh = bank.promotion(number=5).version
    client.force_login(bank.engineer)
    assert b"There is no explanation of this version yet" in client.get(address(fresh)).content
    assert client.post(address(fresh), {"row": "1"}).status_code == 422
    assert enqueued == []


def test_a_feature_that_is_sensitive_is_never_offered_for_a_change(bank, version):
    data = version.evaluation_dataset
    data.sensitive_features = ["purpose"]
    assert "purpose" not in looks.changeable(data)
    assert set(looks.changeable(data)) | {"purpose"} == set(data.features)
