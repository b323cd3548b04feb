"""Every flavor and task: what the isolated process says is what the same model says in this one."""

from __future__ import annotations

import numpy as np
import pytest

from reports.isolation import explainer, process, runner
from reports.isolation.errors import ModelFailed, ModelRefused
from reports.isolation.explainer import Limits
from reports.isolation.inspect import inspect_model
from reports.isolation.runner import session
from tests.proving import some
from tests.reports.explaining import LIMITS
from tests.reports.flavors import MODELS, THREE, TWO, WORDS, rows, save_code

pytestmark = pytest.mark.slow
ASKED = rows(50)


def expected(model, task):
    """What the model says in this process, as (n, classes) or (n,)."""
    import xgboost

    if isinstance(model, xgboost.Booster):
        positive = model.predict(xgboost.DMatrix(ASKED))
        return np.column_stack([1 - positive, positive])
    if task != "regression" and hasattr(model, "predict_proba"):
        return model.predict_proba(ASKED)
    return model.predict(ASKED)


@pytest.mark.parametrize("name", some(MODELS, 6))
def test_answers_are_those_of_the_same_model_in_this_process(name, tmp_path):
    task, flavor, serialization, brings_code, save = MODELS[name]
    model = save(tmp_path / "model")
    found = runner.predict(tmp_path / "model", ASKED, task=task)
    assert (found.task, len(found)) == (task, len(ASKED))
    assert (found.model["flavor"], found.model["serialization"]) == (flavor, serialization)
    assert found.model["brings_code"] is brings_code
    assert found.model["isolation_level"] == "full"
    assert flavor == "python_function" or any(flavor.replace("sklearn", "scikit-learn") in n for n in found.libraries)
    said = expected(model, task)
    if task == "regression":
        np.testing.assert_allclose(found.values, said, rtol=1e-6)
        assert (found.classes, found.probabilities, found.labels) == ((), None, None)
    elif name == "labels":
        assert found.probabilities is None
        assert [found.classes[code] for code in found.labels] == [str(label) for label in said]
    else:
        np.testing.assert_allclose(found.probabilities, said, atol=1e-7)
        np.testing.assert_array_equal(found.labels, said.argmax(axis=1))
        words = WORDS if "good" in found.classes else THREE if task == "multiclass" else TWO
        assert found.classes == tuple(sorted({str(label) for label in words}))


@pytest.mark.parametrize("name", some(["xgb", "xgb-three", "xgb-number", "xgb-booster", "lgb", "xgb-pipeline"], 2))
def test_many_rows_of_a_booster_are_explained_by_the_fast_engine_in_isolation(name, tmp_path):
    task, _, _, _, save = MODELS[name]
    save(tmp_path / "model")
    many = rows(2300)
    found = explainer.explain(
        tmp_path / "model", many, [many.head(60)], task=task, limits=Limits(**LIMITS), seed=0,
        positive_label={"binary": "good" if name == "lgb" else "1"}.get(task, ""),
    )  # fmt: skip
    assert (found.family, found.engine, len(found.values)) == ("tree", "woodelf", 2300), found.note
    ours, theirs = found.checked
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())
    np.testing.assert_allclose(found.base_values[0] + found.values.sum(axis=1), found.score, atol=1e-4)


def test_a_task_that_the_model_has_not_is_told(tmp_path):
    for name in ("logistic", "linear", "three"):
        MODELS[name][-1](tmp_path / name)
    with pytest.raises(ModelFailed, match="LogisticRegression says classes"):
        runner.predict(tmp_path / "logistic", ASKED, task="regression")
    with pytest.raises(ModelFailed, match="LinearRegression names none"):
        runner.predict(tmp_path / "linear", ASKED, task="multiclass")
    with pytest.raises(ModelFailed, match="The data is binary, and the model has 3 classes: 0, 1, 2"):
        runner.predict(tmp_path / "three", ASKED, task="binary")
    with pytest.raises(ModelFailed, match=r"classes are \['bad', 'good'\]; 'poor', the positive label"):
        runner.predict(tmp_path / "logistic", ASKED, task="binary", positive_label="poor")
    with pytest.raises(ValueError, match="none of binary, multiclass, regression"):
        runner.predict(tmp_path / "logistic", ASKED, task="ranking")


PYFUNCS = [
    ("binary", "return (frame['a'] > 0).map({True: 'good', False: 'bad'})", {"classes": ("bad", "good")}, "labels"),
    ("binary", "return 1 / (1 + np.exp(-frame['a'].to_numpy()))", {"positive_label": "good"}, "probabilities"),
    (
        "binary",
        "return pd.DataFrame({'p': 1 / (1 + np.exp(-frame['a']))})",
        {"positive_label": "good"},
        "probabilities",
    ),
    ("multiclass", "return pd.DataFrame({'x': [0.5] * len(frame), 'y': 0.25, 'z': 0.25})", {}, "probabilities"),
    ("regression", "return frame[['a']] * 2", {}, "values"),
]


@pytest.mark.parametrize(("task", "source", "asked", "form"), PYFUNCS)
def test_a_python_function_answers_in_any_form_that_names_what_it_says(tmp_path, task, source, asked, form):
    found = runner.predict(save_code(tmp_path / "model", source), ASKED, task=task, **asked)
    assert getattr(found, form) is not None
    if task == "binary":
        assert "good" in found.classes
        np.testing.assert_array_equal(found.labels, (ASKED["a"] > 0) == (found.classes[1] == "good"))
    if task == "regression":
        np.testing.assert_array_equal(found.values, 2 * ASKED["a"])
    if task == "multiclass":
        assert found.classes == ("x", "y", "z")


def test_an_error_of_the_model_s_quotes_names_of_features_and_no_value_of_a_row(tmp_path):
    source = "raise ValueError(f\"'Ada Byron', 18151210: could not take {frame['a'].name!r}\")"
    model = save_code(tmp_path / "model", source)
    with pytest.raises(ModelFailed, match=r"ValueError: '…', …: could not take '(a|…)'") as error:
        runner.predict(model, ASKED, task="regression")
    assert "Ada" not in str(error.value)
    MODELS["logistic"][-1](tmp_path / "logistic")
    with pytest.raises(ModelFailed, match="could not convert string to float: '…'"):
        runner.predict(tmp_path / "logistic", ASKED.assign(a="twelve"), task="binary")


def test_which_column_is_which_class_is_never_guessed(tmp_path):
    source = "return np.column_stack([np.full(len(frame), 0.25), np.full(len(frame), 0.75)])"
    unnamed = save_code(tmp_path / "unnamed", source)
    with pytest.raises(ModelFailed, match=r"2 columns without the names of classes.*metadata"):
        runner.predict(unnamed, ASKED, task="binary", positive_label="bad", classes=("bad", "good"))
    named = save_code(tmp_path / "named", source, metadata={"classes": ["good", "bad"]})
    found = runner.predict(named, ASKED, task="binary", positive_label="bad", classes=("bad", "good"))
    assert set(found.score("bad")) == {0.75}


def test_code_of_the_author_is_not_run_where_the_setting_refuses_it(tmp_path, settings):
    settings.MODEL_CODE = "refuse"
    model = save_code(tmp_path / "model", "return frame['a']")
    with pytest.raises(ModelRefused, match="PLACET_MODEL_CODE=refuse does not run it"):
        runner.predict(model, ASKED, task="regression")


def test_code_of_the_author_is_run_in_full_isolation_only(tmp_path, monkeypatch):
    model = save_code(tmp_path / "model", "return frame['a']")
    assert inspect_model(model).imports == ("mlflow", "numpy", "pandas")
    MODELS["logistic"][-1](tmp_path / "logistic")
    asked = []

    def refuse(level, *, root, required):
        asked.append(required)
        return "of the test"

    monkeypatch.setattr(process, "lacking", refuse)
    for folder in (model, tmp_path / "logistic"):
        with pytest.raises(ModelFailed, match="can't keep a model apart, so it was not run: of the test"):
            runner.predict(folder, ASKED, task="regression")
    assert asked == ["full", "limited"]


def test_times_are_measured_inside_and_are_positive(tmp_path):
    MODELS["logistic"][-1](tmp_path / "model")
    with session(tmp_path / "model") as model:
        seconds = model.time(ASKED, rows_per_call=1, calls=20)
        assert seconds.shape == (20,)
        assert np.all((seconds > 0) & (seconds < 5))
        with pytest.raises(ValueError, match="at least one of each"):
            model.time(ASKED, rows_per_call=0, calls=1)
