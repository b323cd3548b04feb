"""Our summing of woodelf's vectors against its own, and against shap, at each depth and on few and on many rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from woodelf import WoodelfExplainer
from woodelf.core.trees.parse_models import load_decision_tree_ensemble_model
from xgboost import XGBRegressor

from reports.isolation.inside.explaining.gathering import AT_MOST_DEEP, gathered
from reports.isolation.inside.explaining.tree import seen_by, shap_values, woodelf_values

pytestmark = pytest.mark.filterwarnings("ignore")  # of shap's own imports
NAMES = [f"c{i}" for i in range(7)]


def grown(depth: int) -> tuple[Any, pd.DataFrame]:
    rng = np.random.default_rng(depth)
    rows = pd.DataFrame(rng.normal(size=(3000, len(NAMES))), columns=NAMES)
    said = rows["c0"] * rows["c1"] + np.sin(2 * rows["c2"]) + (rows["c3"] > 0.3) + 0.1 * rng.normal(size=3000)
    model = XGBRegressor(n_estimators=12, max_depth=depth, n_jobs=1).fit(rows, said)
    return model, pd.DataFrame(seen_by(model, rows), columns=NAMES)


@pytest.mark.parametrize("behind", [None, 60], ids=["path-dependent", "interventional"])
@pytest.mark.parametrize("depth", [1, 2, 6, AT_MOST_DEEP])
@pytest.mark.parametrize("n", [1, 3000])
def test_it_gives_what_woodelf_gives(depth: int, behind: int | None, n: int) -> None:
    model, rows = grown(depth)
    trees = load_decision_tree_ensemble_model(model, NAMES, class_index=0)
    background = None if behind is None else rows.tail(behind)
    how = "tree_path_dependent" if behind is None else "interventional"
    theirs = WoodelfExplainer(trees, background, feature_perturbation=how).shap_values(rows.head(n), verbose=False)
    ours = gathered(trees, rows.head(n), background)
    assert ours.shape == (n, len(NAMES))
    assert np.abs(ours - np.asarray(theirs)).max() <= 1e-5 * np.abs(theirs).max()  # it sums in float32


@pytest.mark.parametrize("behind", [None, 60], ids=["path-dependent", "interventional"])
@pytest.mark.parametrize("depth", [6, AT_MOST_DEEP, AT_MOST_DEEP + 1])
def test_it_gives_what_shap_gives_and_deeper_trees_go_to_woodelf_itself(depth: int, behind: int | None) -> None:
    model, rows = grown(depth)
    background = None if behind is None else rows.tail(behind)
    ours = woodelf_values(model, rows.head(200), background, outputs=1)
    theirs = shap_values(model, rows.head(200), background)[0]
    assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()
