"""SHAP values by family: equal to the reference, adding up to what the model says, in the original columns."""

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier, XGBRegressor

from reports.isolation.inside.explaining.families import choose
from reports.isolation.inside.explaining.folding import Folded, NotFoldable, owners
from reports.isolation.inside.explaining.spaces import matrix
from reports.isolation.inside.explaining.tree import seen_by, shaped
from tests.reports.explaining import Spoken, fitted, mixed, numbers, target

pytestmark = pytest.mark.filterwarnings("ignore")

XGB = {"n_estimators": 30, "max_depth": 4, "n_jobs": 1}
LGB = {"n_estimators": 30, "verbose": -1, "n_jobs": 1}
TREES = {
    "xgboost": (XGBClassifier(**XGB), "binary", "margin", True),
    "xgboost, three classes": (XGBClassifier(**XGB), "multiclass", "margin", True),
    "xgboost, a value": (XGBRegressor(**XGB), "regression", "value", True),
    "lightgbm": (LGBMClassifier(**LGB), "binary", "margin", True),
    "lightgbm, three classes": (LGBMClassifier(**LGB), "multiclass", "margin", True),
    "lightgbm, a value": (LGBMRegressor(**LGB), "regression", "value", True),
    "gradient boosting": (GradientBoostingClassifier(n_estimators=30), "binary", "margin", False),
    "gradient boosting, a value": (GradientBoostingRegressor(n_estimators=30), "regression", "value", False),
    "forest": (RandomForestClassifier(20, max_depth=6), "binary", "probability", True),
    "forest, three classes": (RandomForestClassifier(20, max_depth=6), "multiclass", "probability", True),
    "extra trees, a value": (ExtraTreesRegressor(20, max_depth=6), "regression", "value", True),
    "one tree": (DecisionTreeClassifier(max_depth=4), "binary", "probability", True),
    "histogram boosting": (HistGradientBoostingClassifier(max_iter=30), "binary", "margin", True),
    "histogram boosting, three classes": (HistGradientBoostingClassifier(max_iter=30), "multiclass", "margin", True),
    "histogram boosting, a value": (HistGradientBoostingRegressor(max_iter=30), "regression", "value", True),
}
HISTOGRAM = [name for name in TREES if name.startswith("histogram")]


def quiet(done):
    """No progress."""


def explained(explainer, rows, background):
    return explainer.values(rows, background, seed=0, progress=quiet)


def residual(explainer, rows, background):
    values = explained(explainer, rows, background)
    return float(np.abs(explainer.base(background) + values.sum(axis=1) - explainer.score(rows)).max())


def a_tree(name, *, many=False):
    estimator, task, space, takes_missing = TREES[name]
    frame = numbers(missing=takes_missing)
    model = fitted(estimator, frame, task)
    explainer, note = choose(Spoken(model, task), task, frame.tail(300), frame.head(100), many=many)
    assert (explainer.family, explainer.space) == ("tree", space)
    return explainer, note, model, frame.tail(100), frame.head(100), max(float(np.abs(explainer.score(frame)).max()), 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TREES if name not in HISTOGRAM])
def test_values_of_trees_are_shaps_own_whatever_its_shapes(name):
    import shap

    explainer, note, model, rows, background, scale = a_tree(name)
    assert (explainer.engine, explainer.perturbation, note) == ("shap", "interventional", "")
    ours = explained(explainer, rows, background)
    seen, behind = seen_by(model, rows), seen_by(model, background)  # unrounded, shap misses some models' scores itself
    masker = shap.maskers.Independent(behind, max_samples=100)
    theirs = shaped(shap.TreeExplainer(model, masker).shap_values(seen))[..., -ours.shape[2] :]
    assert ours.shape == (100, 8, 3 if "three" in name else 1)
    assert np.abs(ours - theirs).max() <= 1e-6 * scale
    grown = explainer.other(perturbation="path_dependent")
    theirs = shaped(shap.TreeExplainer(model, feature_perturbation="tree_path_dependent").shap_values(rows))
    np.testing.assert_allclose(explained(grown, rows, background), theirs[..., -ours.shape[2] :], atol=1e-6 * scale)
    assert residual(explainer, rows, background) < 1e-5 * scale
    assert residual(grown, rows, background) < 1e-5 * scale


@pytest.mark.slow
@pytest.mark.parametrize("name", TREES)
def test_the_fast_engine_gives_what_shap_gives(name):
    explainer, note, _, rows, background, scale = a_tree(name, many=True)
    assert (explainer.engine, explainer.perturbation) == ("woodelf", "interventional")
    assert residual(explainer, rows, background) < 1e-5 * scale
    if name in HISTOGRAM:  # shap's own interventional values of these miss the score
        assert "do not add up" in note
        assert residual(explainer.other(engine="shap"), rows, background) > 1e-3
        grown = explainer.other(perturbation="path_dependent")
    else:
        gap = explained(explainer, rows, background) - explained(explainer.other(engine="shap"), rows, background)
        assert np.abs(gap).max() <= 1e-6 * scale
        grown = explainer.other(perturbation="path_dependent")
    gap = explained(grown, rows, background) - explained(grown.other(engine="shap"), rows, background)
    assert np.abs(gap).max() <= 1e-4 * scale


def test_the_other_class_has_the_opposite_values():
    frame = numbers()
    model = fitted(XGBClassifier(**XGB), frame, "binary")
    first, _ = choose(Spoken(model, column=1), "binary", frame, frame, many=False)
    second, _ = choose(Spoken(model, column=0), "binary", frame, frame, many=False)
    rows = frame.head(20)
    np.testing.assert_array_equal(explained(first, rows, frame), -explained(second, rows, frame))
    assert second.base(frame) == -first.base(frame)


@pytest.mark.parametrize(
    ("estimator", "task"),
    [(LogisticRegression(), "binary"), (LogisticRegression(), "multiclass"), (Ridge(), "regression")],
)
def test_linear_values_in_closed_form_are_those_of_the_linear_explainer(estimator, task):
    frame = numbers()
    model = fitted(estimator, frame, task)
    explainer, note = choose(Spoken(model, task), task, frame, frame.head(100), many=False)
    assert (explainer.family, explainer.space, note) == ("linear", "value" if task == "regression" else "margin", "")
    ours = explained(explainer, frame, frame.head(100))
    np.testing.assert_allclose(ours, explainer.reference(frame, frame.head(100)), atol=1e-6)
    assert residual(explainer, frame, frame.head(100)) < 1e-9 * max(1, float(np.abs(explainer.score(frame)).max()))


def columns():
    return ColumnTransformer(
        [
            ("texts", OneHotEncoder(handle_unknown="ignore", min_frequency=5, drop="if_binary"), ["owner", "colour"]),
            ("amounts", make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["amount"]),
            ("rest", "passthrough", ["months"]),
        ]
    )


def test_a_category_stands_for_the_columns_made_of_it():
    frame = mixed()
    frame.loc[::9, "amount"] = np.nan
    frame.loc[:2, "colour"] = "violet"  # rare: merged with what is infrequent
    frame.loc[3:5, "colour"] = "ochre"
    pipeline = Pipeline([("columns", columns()), ("model", GradientBoostingClassifier(n_estimators=40))])
    pipeline.fit(frame, target(frame.fillna(3000.0), "binary"))
    model = Spoken(pipeline)
    folded = Folded(pipeline, frame)
    # owner (one column of two values), colour (three and the rare ones), amount and that it was missing, months
    assert folded.owner.tolist() == [3, 1, 1, 1, 1, 0, 0, 2]
    explainer, note = choose(model, "binary", frame, frame.head(100), many=False)
    assert (explainer.family, explainer.summed, note) == ("tree", True, "")
    values = explained(explainer, frame, frame.head(100))
    assert values.shape == (400, 4, 1)
    assert residual(explainer, frame, frame.head(100)) < 1e-6
    order = np.abs(values[..., 0]).mean(axis=0).argsort()[::-1]
    assert {frame.columns[i] for i in order[:2]} == {"amount", "colour"}
    made = explainer.folded.transform(frame)
    made = np.asarray(made)
    import shap

    masker = shap.maskers.Independent(made[:100], max_samples=100)
    theirs = shap.TreeExplainer(pipeline[-1], masker).shap_values(made)
    np.testing.assert_allclose(values[:, 1, 0], theirs[:, 1:5].sum(axis=1), atol=1e-6)


def test_a_linear_pipeline_is_followed_back_too():
    frame = mixed()
    pipeline = Pipeline([("columns", columns()), ("model", LogisticRegression())])
    pipeline.fit(frame, target(frame, "binary"))
    explainer, _ = choose(Spoken(pipeline, column=0), "binary", frame, frame.head(100), many=False)
    assert explainer.family == "linear"
    assert residual(explainer, frame, frame.head(100)) < 1e-9


def test_what_can_not_be_followed_back_is_asked_instead_and_says_why():
    frame = numbers()
    pipeline = fitted(make_pipeline(PCA(3), GradientBoostingClassifier(n_estimators=5)), frame, "binary")
    explainer, note = choose(Spoken(pipeline), "binary", frame, frame.head(30), many=False)
    assert (explainer.family, explainer.space) == ("permutation", "probability")
    assert "PCA may mix columns" in note
    assert residual(explainer, frame.head(5), frame.head(30)) < 1e-9
    neighbours = fitted(KNeighborsClassifier(), frame, "multiclass")
    explainer, note = choose(Spoken(neighbours, "multiclass"), "multiclass", frame, frame.head(30), many=False)
    assert explainer.family == "permutation"
    assert "KNeighborsClassifier is neither" in note
    assert explained(explainer, frame.head(3), frame.head(30)).shape == (3, 8, 3)
    boosted = fitted(GradientBoostingClassifier(n_estimators=5), frame, "multiclass")
    explainer, note = choose(Spoken(boosted, "multiclass"), "multiclass", frame, frame.head(30), many=False)
    assert residual(explainer, frame.head(5), frame.head(30)) < 1e-6
    assert "only supported for binary" in note


def test_a_model_that_says_something_else_than_its_estimator_is_not_explained_by_it():
    frame = numbers()
    model = Spoken(fitted(XGBClassifier(**XGB), frame, "binary"))
    honest = model.score
    model.score = lambda rows: honest(rows) ** 2  # calibrated afterwards, say
    explainer, note = choose(model, "binary", frame, frame.head(20), many=False)
    assert explainer.family == "permutation"
    assert "not, by a link that we know, what it says" in note
    assert residual(explainer, frame.head(5), frame.head(20)) < 1e-9


@pytest.mark.parametrize("estimator", [XGBClassifier(enable_categorical=True, **XGB), LGBMClassifier(**LGB)])
def test_trees_that_split_on_categories_themselves_are_explained_along_their_paths(estimator):
    frame = mixed()
    frame = frame.astype({"colour": "category", "owner": "category"})
    model = fitted(estimator, frame, "binary")
    explainer, note = choose(Spoken(model), "binary", frame, frame.head(100), many=True)
    assert (explainer.family, explainer.engine, explainer.perturbation) == ("tree", "shap", "path_dependent")
    assert "splits on categories itself (colour, owner)" in note
    assert residual(explainer, frame, frame) < 1e-4


def test_boosters_without_their_wrappers_are_explained_alike():
    frame = numbers()
    for wrapped in (fitted(XGBClassifier(**XGB), frame, "binary"), fitted(LGBMClassifier(**LGB), frame, "binary")):
        whole, _ = choose(Spoken(wrapped), "binary", frame, frame.head(50), many=False)
        bare = Spoken(wrapped)
        bare.score = Spoken(wrapped).score
        bare.estimator = wrapped.get_booster() if hasattr(wrapped, "get_booster") else wrapped.booster_
        alone, note = choose(bare, "binary", frame, frame.head(50), many=False)
        assert (alone.family, alone.space, note) == ("tree", "margin", "")
        np.testing.assert_allclose(
            explained(alone, frame.head(9), frame.head(50)), explained(whole, frame.head(9), frame.head(50)), atol=1e-7
        )


def test_owners_of_columns_picked_by_place_mask_and_slice():
    frame = numbers()
    names = list(frame.columns)
    step = ColumnTransformer(
        [
            ("place", StandardScaler(), [7, 0]),
            ("mask", "passthrough", np.array([name == "x3" for name in names])),
            ("span", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), slice("x1", "x2")),
            ("gone", "drop", ["x4"]),
        ],
        remainder="passthrough",
    ).fit(frame)
    assert owners(step, list(range(8)), names) == [7, 0, 3, 1, 2, 5, 6]
    with pytest.raises(NotFoldable, match="picked by name"):
        owners(step.set_params(remainder="drop"), list(range(8))[::-1], names)


def test_matrix_and_shapes():
    assert matrix(pd.Series([1, 2])).shape == (2, 1)
    assert shaped([np.zeros((5, 3)), np.zeros((5, 3))]).shape == (5, 3, 2)
