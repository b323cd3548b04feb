"""SHAP values of a large tree run: the engine that evidence uses for it, beside shap's TreeExplainer, per CPU second.

shap would take minutes for all rows, so its side is measured on some of them and told by the row; both sides run on one
thread, in turn, in the same process, and are timed by the processor time that they use.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.timing import Comparison, Row, times
from reports.isolation.inside.explaining.tree import shap_values, woodelf_values

ROWS = 100_000
FEATURES = 50
TREES, DEPTH = 300, 6
BACKGROUND = 100
ON_SHAPS_SIDE = {"path-dependent": 2_000, "interventional": 500}


def _model() -> tuple[Any, pd.DataFrame]:
    from xgboost import XGBClassifier

    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(ROWS, FEATURES)), columns=[f"f{i}" for i in range(FEATURES)])
    signal = rows["f0"] + rows["f1"] * rows["f2"] + np.sin(3 * rows["f3"]) + 0.5 * rows["f4"] ** 2
    label = (signal + rng.normal(size=ROWS) > 0.5).astype(int)
    model = XGBClassifier(n_estimators=TREES, max_depth=DEPTH, learning_rate=0.1, n_jobs=1, tree_method="hist")
    return model.fit(rows.head(20_000), label[:20_000]), rows


def measure(how: str) -> Comparison:
    """Compare the two engines on 100,000 rows.

    Args:
        how: path-dependent or interventional.
    """
    model, rows = _model()
    background = rows.tail(BACKGROUND) if how == "interventional" else None
    some = ON_SHAPS_SIDE[how]
    shap_values(model, rows.head(20), background)  # what is loaded and built once
    woodelf_values(model, rows.head(20), background, outputs=1)
    theirs_s, theirs = _cpu(lambda: shap_values(model, rows.head(some), background)[0])
    ours_s, ours = _cpu(lambda: woodelf_values(model, rows, background, outputs=1))
    again_s, _ = _cpu(lambda: shap_values(model, rows.head(some), background)[0])
    shap_row, our_row = min(theirs_s, again_s) / some, ours_s / ROWS
    gap = float(np.abs(ours[:some] - theirs).max())
    assert gap <= 1e-4, gap
    ratio = shap_row / our_row
    return Comparison(
        title=f"SHAP values, {how}: {ROWS:,} rows x {FEATURES} features, xgboost of {TREES} trees of depth {DEPTH}",
        setup=f"one thread, processor time; shap's side measured on {some:,} rows ({1 / shap_row:,.0f} rows a CPU "
        f"second, the better of two runs before and after) and told for all; woodelf on all ({1 / our_row:,.0f}); "
        + (f"background of {BACKGROUND} rows; " if background is not None else "")
        + f"largest difference {gap:.1e} on values up to {np.abs(theirs).max():.1f}",
        rows=(
            Row("shap.TreeExplainer", shap_row * ROWS, 1.0, 2),
            Row("woodelf, as evidence uses it", our_row * ROWS, 1 / ratio, 1),
        ),
        claim=f"Evidence has {how} SHAP values of {ROWS:,} rows {times(ratio)} times as fast per CPU second as shap.",
    )


def _cpu(run: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    gc.collect()
    began = time.process_time()
    made = run()
    return time.process_time() - began, made
