"""The child's whole explanation job, and that nothing of a hostile child's answer is taken on its word."""

import copy

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from xgboost import XGBClassifier, XGBRegressor

from reports.isolation.errors import ModelFailed
from reports.isolation.explainer import Limits, checked
from reports.isolation.inside.explaining import job as inside
from reports.isolation.inside.explaining.deletion import deletion_curves, steps_of
from reports.isolation.inside.explaining.tree import shap_values, size_of
from reports.isolation.process import Answer
from tests.reports.explaining import LIMITS, Spoken, fitted, mixed, numbers

pytestmark = pytest.mark.filterwarnings("ignore")
XGB = {"n_estimators": 20, "max_depth": 3, "n_jobs": 1}


def done(estimator, task="binary", *, frame=None, backgrounds=2, limits=LIMITS, column=1):
    """Do the job in this process; return the answer as it would come back, and what was asked."""
    frame = numbers(300) if frame is None else frame
    model = Spoken(fitted(estimator, frame, task), task, column)
    model.classes = [] if task == "regression" else [str(label) for label in model.estimator.classes_]
    behind = [frame.tail(40 * (i + 1)).head(40) for i in range(backgrounds)]
    seen = []
    work = inside.Work(
        model, {"task": task, "limits": limits, "seed": 5}, [frame, *behind], lambda *step: seen.append(step)
    )
    tables, result = work.run()
    assert seen[-1][0] == seen[-1][1]
    answer = Answer("as told", result | {"classes": model.classes, "libraries": {"shap": "0"}}, tables)
    asked = {"columns": list(frame.columns), "task": task, "limits": Limits(**limits), "given": len(frame)}
    return answer, asked | {"backgrounds": backgrounds}


@pytest.mark.parametrize(
    ("estimator", "task", "space", "rows"),
    [
        (XGBClassifier(**XGB), "binary", "margin", 100),
        (XGBClassifier(**XGB), "multiclass", "margin", 100),
        (XGBRegressor(**XGB), "regression", "value", 100),
        (RandomForestClassifier(9, max_depth=4), "multiclass", "probability", 100),
        (HistGradientBoostingClassifier(max_iter=9), "binary", "margin", 300),
        (LogisticRegression(), "binary", "margin", 300),
        (GaussianNB(), "multiclass", "probability", 20),
    ],
)
def test_every_part_comes_back_in_shape(estimator, task, space, rows):
    answer, asked = done(estimator, task)
    found = checked(answer, **asked)
    outputs = 3 if task == "multiclass" else 1
    assert (found.space, found.values.shape) == (space, (rows, 8, outputs))
    assert [run.shape for run in found.repeats] == [(min(rows, 40), 8, outputs)]
    scale = max(1.0, float(np.abs(found.score).max()))
    assert np.abs(found.base_values[0] + found.values.sum(axis=1) - found.score).max() < 1e-5 * scale
    assert np.abs(found.base_values[1] + found.repeats[0].sum(axis=1) - found.score[:40]).max() < 1e-5 * scale
    assert (found.grown is not None) == (found.family == "tree")
    assert found.curves.ordered.shape == (20, 9)
    np.testing.assert_array_equal(found.curves.ordered[:, -1], found.curves.shuffled[:, -1])
    assert found.curves.ordered.mean() > found.curves.shuffled.mean()


def test_many_rows_are_explained_by_the_fast_engine_and_checked_against_shap():
    answer, asked = done(GradientBoostingClassifier(n_estimators=20), frame=numbers(2500))
    found = checked(answer, **asked)
    assert (found.engine, found.note, found.values.shape[0]) == ("woodelf", "", 2500)
    ours, theirs = found.checked
    assert len(ours) == 60
    assert 0 < np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()


def test_the_fast_engine_is_not_used_when_it_says_something_else(monkeypatch):
    honest = inside.Tree.values

    def off(self, rows, background, *, seed, progress):
        wrong = 1.01 if self.engine == "woodelf" and len(rows) == LIMITS["checked"] else 1.0
        return honest(self, rows, background, seed=seed, progress=progress) * wrong

    monkeypatch.setattr(inside.Tree, "values", off)
    answer, asked = done(GradientBoostingClassifier(n_estimators=20), frame=numbers(2500))
    found = checked(answer, **asked)
    assert (found.engine, found.values.shape[0], found.checked) == ("shap", 100, None)
    assert "off shap on 60 rows" in found.note


def test_native_categories_fall_back_to_the_librarys_own_contributions():
    frame = mixed(2500).astype({"colour": "category", "owner": "category"})
    answer, asked = done(XGBClassifier(enable_categorical=True, **XGB), frame=frame)
    found = checked(answer, **asked)
    assert (found.engine, found.perturbation, found.repeats) == ("shap", "path_dependent", ())
    assert "splits on categories itself" in found.note


def test_a_costly_model_is_explained_on_fewer_rows_and_a_huge_one_not_by_the_leaf(monkeypatch):
    monkeypatch.setattr(inside.Tree, "affordable", lambda self, rows, background, share=1.0: min(rows, 25))
    answer, asked = done(XGBClassifier(**XGB))
    found = checked(answer, **asked)
    assert (len(found.values), len(found.repeats[0]), len(found.grown)) == (25, 25, 25)
    monkeypatch.setattr("reports.isolation.inside.explaining.families.MOST_LEAVES", 10)
    answer, asked = done(GradientBoostingClassifier(n_estimators=20), frame=numbers(2500))
    found = checked(answer, **asked)
    assert found.engine == "shap"
    assert "would take too long on" in found.note


@pytest.mark.parametrize(
    ("estimator", "leaves"),
    [
        (XGBClassifier(n_estimators=7, max_depth=1), 14),
        (LGBMClassifier(n_estimators=7, num_leaves=2, verbose=-1), 14),
        (GradientBoostingClassifier(n_estimators=7, max_depth=1), 14),
        (RandomForestClassifier(7, max_depth=1), 14),
        (HistGradientBoostingClassifier(max_iter=7, max_depth=1), 14),
    ],
)
def test_leaves_are_counted_whatever_the_library(estimator, leaves):
    model = fitted(estimator, numbers(300), "binary")
    assert size_of(model)[0] == leaves
    if hasattr(model, "get_booster"):
        assert size_of(model.get_booster())[0] == leaves
    if hasattr(model, "booster_"):
        assert size_of(model.booster_)[0] == leaves


def test_deletion_in_the_right_order_moves_the_score_first():
    rows = numbers(30)
    weights = np.array([3.0, 0, 0, 0, 0, 0, 0, 0])
    score = lambda frame: (frame.to_numpy() @ weights)[:, None]  # noqa: E731
    right, random = deletion_curves(score, rows, np.abs(rows.to_numpy()) * weights, numbers(50, seed=1), seed=0,
                                    progress=lambda step: None)  # fmt: skip
    assert steps_of(8) == list(range(9))
    assert len(steps_of(500)) == 21
    np.testing.assert_allclose(right[:, 1:], right[:, [-1]].repeat(8, axis=1))  # all of it with the first feature
    assert (random[:, 1] <= right[:, 1] + 1e-12).all()
    assert random[:, 4].mean() == pytest.approx(right[:, -1].mean() / 2, rel=0.35)


@pytest.fixture(scope="module")
def honest():
    """An answer that passes, and what was asked."""
    return done(XGBClassifier(**XGB))


def text(**changes):
    return lambda answer: answer.result.update(changes)


def tables(change):
    return lambda answer: change(answer.tables)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (text(family="magic"), "no family"),
        (text(space="log"), "no space"),
        (text(engine=["shap"]), "did not name its engine"),
        (text(features=["x0"] * 8), "or one twice"),
        (text(features=["<script>", *"abcdefg"]), "columns that it was not given"),
        (text(features=["x0"]), "exactly the features"),
        (text(base_values=[[float("nan")], [0.1]]), "base values that are not 1 of margin for each of 2"),
        (text(base_values=[[0.1]]), "for each of 2 backgrounds"),
        (text(base_values="0.1"), "base values"),
        (text(path_base=None), "base values"),
        (text(background_rows=10**9), "background rows"),
        (text(steps=[0, 3]), "step by step"),
        (text(steps=[0, 8, 4]), "step by step"),
        (text(note=None), "did not name its note"),
        (text(libraries=["x"]), "library versions"),
        (text(space="probability"), "base values|another score than the model gives"),
        (tables(lambda t: t[0].pop("v0:3")), "exactly the features"),
        (tables(lambda t: t[0].clear()), "explained 0 rows"),
        (tables(lambda t: t[0].update({"v0:3": t[0].pop("s0")})), "did not give 100 numbers of s0"),
        (tables(lambda t: t[0].update(s0=t[0]["s0"] + 0.01)), "another score than the model gives"),
        (tables(lambda t: t[0].update(p0=t[0]["p0"] + 1)), "outside 0 to 1"),
        (tables(lambda t: t[1].popitem()), "did not repeat"),
        (tables(lambda t: t[1].update({"v1:0:0": t[1]["v1:0:0"][:5]})), "did not give 5 numbers of v1:0:1"),
        (tables(lambda t: t[2].pop("v0:7")), "50 numbers of v0:7"),
        (tables(lambda t: t[4].pop("r8")), "20 numbers of r8"),
        (tables(lambda t: t[1].update({name: np.zeros(99) for name in t[1]})), "gave 99 rows of a part, where 1 to 40"),
    ],
)
def test_a_hostile_answer_is_refused_for_its_reason(spoil, message, honest):
    answer, asked = copy.deepcopy(honest)
    checked(copy.deepcopy(answer), **asked)
    spoil(answer)
    with pytest.raises(ModelFailed, match=message):
        checked(answer, **asked)


def test_what_a_child_says_of_itself_is_cut_and_holds_no_control_characters():
    answer, asked = done(LogisticRegression())
    answer.result.update(note="a\x1b[31m" + "b" * 5000, model="\n<b>")
    found = checked(answer, **asked)
    assert (len(found.note), found.note[:3], found.model) == (600, "a [", "<b>")


def test_more_rows_than_were_given_are_refused():
    answer, asked = done(LogisticRegression())
    with pytest.raises(ModelFailed, match="explained 300 rows, where 1 to 200"):
        checked(answer, **asked | {"given": 200})


def edgy() -> tuple[Spoken, pd.DataFrame, list[float]]:
    """A model, its rows, and values of their column ``a`` that float32 can't tell from a threshold."""
    rng = np.random.default_rng(0)
    months = rng.integers(6, 72, 3000).astype(float)
    frame = pd.DataFrame({"a": (months - months.mean()) / months.std(), "b": rng.normal(size=3000)})
    frame["c"] = frame["a"].astype(np.float32).astype(float) + 1e-9
    label = (frame["a"] + frame["b"] > 0).astype(int)
    model = Spoken(GradientBoostingClassifier(n_estimators=60, random_state=0).fit(frame.head(500), label.head(500)))
    model.classes = ["0", "1"]
    trees = [tree.tree_ for tree in model.estimator.estimators_.ravel()]
    edges = sorted({float(t) for tree in trees for t in tree.threshold[tree.feature == 0]})
    return model, frame, list(np.nextafter(edges, 9))  # over it by less than float32 can tell


def test_a_score_near_a_threshold_takes_the_models_own_branch():
    """Trees compare float32: a value rounded onto a threshold must not go the other way here."""
    model, frame, edges = edgy()
    rows = frame.head(len(edges)).assign(a=edges)
    behind = frame.head(50)
    chosen, note = inside.choose(model, "binary", rows, behind, many=False)
    assert (chosen.engine, "shap: its values miss the score" in note) == ("woodelf", True)  # shap rounds thresholds too
    values = chosen.values(rows, behind, seed=0, progress=None)
    assert np.abs(chosen.base(behind) + values.sum(axis=1) - chosen.score(rows)).max() < 1e-6


@pytest.mark.parametrize(("n", "explained", "held"), [(300, 300, 59), (2500, 2500, 59)])
def test_one_row_on_a_threshold_that_the_trial_does_not_meet_changes_the_engine(n, explained, held):
    model, frame, edges = edgy()
    rows, behind = frame.head(n).copy(), frame.tail(40)
    tried = frame.head(len(edges)).assign(a=edges, b=frame.loc[55, "b"], c=frame.loc[55, "c"])
    values = shap_values(model.estimator, tried, behind)[0].sum(axis=1)[:, 0]
    off = np.abs(model.estimator.decision_function(behind).mean() + values - model.estimator.decision_function(tried))
    rows.loc[55, "a"] = edges[int(off.argmax())]
    limits = {**LIMITS, "rows": {**LIMITS["rows"], "shap": 300}}
    job = {"task": "binary", "limits": limits, "seed": 5}
    work = inside.Work(model, job, [rows, behind, behind], lambda *step: None)
    assert (work.explainer.engine, work.explainer.perturbation) == ("woodelf", "interventional")
    assert "shap's values missed the score of 1 of" in work.note
    (main, _, _, compared, _), result = work.run()
    assert (len(main["s0"]), len(compared["a0:0"])) == (explained, held), "it is held against shap where shap adds up"
    values = sum(main[f"v0:{feature}"] for feature in range(3))
    assert np.abs(result["base_values"][0][0] + values - main["s0"]).max() < 1e-5
