"""Measure what a model version bases its scores on: SHAP values by model family, checked, repeated and put to test."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from reports import payload
from reports.explanation import shapes, statistics
from reports.isolation import explainer
from reports.isolation.explainer import Explanation, Limits
from reports.isolation.outputs import Codes
from reports.isolation.process import Floats, Progress

LIMITS = Limits(
    rows={"woodelf": 20_000, "shap": 2_000, "linear": 20_000, "permutation": 120},
    background={"woodelf": 1_000, "shap": 100, "linear": 1_000, "permutation": 50},
    fast_above=2_000,
    repeated=500,
    compared=500,
    checked=500,
    deleted=100,
)
BACKGROUNDS = 3  # the reported one and two that repeat it
FEATURES = 30  # shown; the others are counted
SWARMS = 12
DEPENDENCES = 6
CLASSES = 10
TOLERANCE = 1e-4  # of the reference check, relative to the largest SHAP value
OUTPUTS = {
    "probability": "probability",
    "margin": "margin (log-odds before the link)",
    "value": "the model's value, in its own unit",
}


def measure(
    *,
    model_dir: Path,
    frame: pd.DataFrame,
    task: str = "binary",
    positive_label: str = "",
    seed: int = 0,
    limits: Limits = LIMITS,
    progress: Progress | None = None,
    timeout_s: float = 600,
) -> payload.Payload:
    """Return an ``explanation/v1`` payload for the model in ``model_dir`` on a sample of ``frame``.

    The model runs in isolation. Trees and linear models are explained by what they are, in the space in which they add
    up; every other model is asked. The explanation is repeated against further backgrounds, and features are deleted in
    its order to see whether the score moves faster than in random order.

    Args:
        frame: shape (n, at least the model's columns), the evaluation rows, without label and sensitive columns. Any
            column that the model does not name is ignored. At least 3 rows.
        task: binary, multiclass or regression. positive_label: of a binary task, whose probability or margin is
            explained.
        progress: called with (steps done, steps in all).
    Returns: the payload. ``output`` is the space: probability, margin or value. ``mean_abs`` is the mean absolute SHAP
        value in it, summed over classes, with a 95 % bootstrap interval over the explained rows; features come in
        falling order of it.
    Raises:
        ModelRefused, ModelFailed: the model could not be run; the message says why.
        ValueError: too few rows.
    Source: Lundberg & Lee (2017), NeurIPS 30 (SHAP); Lundberg et al. (2020), Nature MI 2 (trees).
    """
    if len(frame) < 3:
        msg = f"{len(frame)} rows: at least 3 are needed, 2 to explain and 1 as background."
        raise ValueError(msg)
    rows, backgrounds = sample(frame, limits=limits, seed=seed)
    answer = explainer.explain(
        model_dir,
        rows,
        backgrounds,
        task=task,
        positive_label=positive_label,
        limits=limits,
        seed=seed,
        progress=progress,
        timeout_s=timeout_s,
    )
    return describe(answer, rows, backgrounds, n=len(frame), task=task, positive_label=positive_label, seed=seed)


def describe(
    answer: Explanation,
    rows: pd.DataFrame,
    backgrounds: list[pd.DataFrame],
    *,
    n: int,
    task: str,
    positive_label: str,
    seed: int,
) -> payload.Payload:
    """Return the payload for an explanation of the first rows of ``rows``."""
    explained = rows.head(len(answer.values))
    background = backgrounds[0].head(answer.background_rows)
    scale = float(answer.score.std()) if answer.space == "value" else 1.0
    residual = _residual(answer) / (scale or 1.0)
    size = np.abs(answer.values).sum(axis=2)
    mean_abs, low, high = statistics.importance(answer.values, seed=seed)
    order = np.argsort(-mean_abs, kind="stable")
    shown = order[:FEATURES]
    total = float(mean_abs.sum())
    repeats = [np.abs(run).sum(axis=2) for run in answer.repeats]
    common = payload.head(
        "explanation/v1",
        n=n,
        seed=seed,
        method=_method(answer, background, n=n),
        libraries=("numpy", "scipy"),
        reference_check=_reference_check(answer, residual),
    )
    common["libraries"] |= dict(answer.libraries)  # as named by the process that ran the model
    main = _main_output(answer, task)
    return {
        **common,
        "explainer": f"{answer.family}, {answer.perturbation.replace('_', '-')}, {answer.engine}",
        "family": answer.family,
        "perturbation": answer.perturbation,
        "engine": answer.engine,
        "engine_note": answer.note or None,
        "model": answer.model,
        "task": task,
        "explained": _explained(answer, task, positive_label, main),
        "output": answer.space,
        "rows": len(explained),
        "background": {"n": len(background), "digest": background_digest(background)},
        "base_value": float(answer.base_values[0][main]),
        "additivity_residual": residual,
        "additivity_scale": scale,
        "stability": statistics.stability(size[: len(repeats[0])], *repeats, seed=seed)
        if repeats
        else statistics.stability_over_rows(size, seed=seed),
        "stability_over": "background" if repeats else "rows",
        "faithfulness": _faithfulness(answer, seed=seed),
        "deletion": _deletion(answer),
        "path_dependent": _path_dependent(answer, size, order, seed=seed),
        "features": [
            {"feature": answer.features[i]}
            | {"mean_abs": float(mean_abs[i]), "low": float(low[i]), "high": float(high[i])}
            for i in shown
        ],
        "features_total": len(order),
        "features_not_shown": len(order) - len(shown),
        "share_not_shown": min(1.0, float(mean_abs[order[FEATURES:]].sum() / total)) if total > 0 else 0.0,
        "points": shapes.points(
            [answer.features[i] for i in order[:SWARMS]], answer.values[:, order[:SWARMS], main], explained
        ),
        "dependence": [
            shapes.dependence(answer.features[i], answer.values[:, i, main], explained[answer.features[i]])
            for i in order[:DEPENDENCES]
        ],
        "classes": _classes(answer) if task == "multiclass" else [],
    }


def sample(frame: pd.DataFrame, *, limits: Limits, seed: int) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Return rows to explain and the backgrounds, each in random order and of as many rows as the limits allow.

    The backgrounds share no row. They are drawn from rows that are not explained when those suffice, else from all.
    """
    n = len(frame)
    order = np.random.default_rng(seed).permutation(n)
    most = min(max(limits.rows.values()), n)
    rest = order[most:]
    wanted = max(limits.background.values())
    pool = rest if len(rest) >= BACKGROUNDS * wanted else order[::-1]
    size = max(1, min(wanted, len(pool) // BACKGROUNDS))
    parts = [pool[i * size : (i + 1) * size] for i in range(BACKGROUNDS)]
    return frame.iloc[order[:most]].reset_index(drop=True), [frame.iloc[p].reset_index(drop=True) for p in parts]


def background_digest(background: pd.DataFrame) -> str:
    """Return ``sha256:<hex>`` of the background's rows as CSV (UTF-8, header, no index): the order of rows counts."""
    text = background.to_csv(index=False, lineterminator="\n", float_format="%.17g")
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _residual(answer: Explanation) -> float:
    """The largest residual of the reported run and its repeats, in the explained space."""
    found = [statistics.additivity_residual(answer.values, answer.base_values[0], answer.score)]
    for run, base in zip(answer.repeats, answer.base_values[1:], strict=True):
        found.append(statistics.additivity_residual(run, base, answer.score[: len(run)]))
    return max(found)


def _reference_check(answer: Explanation, residual: float) -> payload.Payload:
    if answer.checked is None:
        return payload.reference_check("shap", max_difference=residual, tolerance=TOLERANCE)
    ours, theirs = answer.checked
    scale = float(np.abs(theirs).max())
    gap = float(np.abs(ours - theirs).max())
    return payload.reference_check("shap", max_difference=gap / scale if scale > 0 else gap, tolerance=TOLERANCE)


def _main_output(answer: Explanation, task: str) -> int:
    """The output that charts show: the only one, or the class whose values are largest."""
    return int(np.abs(answer.values).sum(axis=(0, 1)).argmax()) if task == "multiclass" else 0


def _explained(answer: Explanation, task: str, positive_label: str, main: int) -> str | None:
    if task == "regression":
        return None
    return answer.classes[main][:200] if task == "multiclass" else positive_label[:200]


def _method(answer: Explanation, background: pd.DataFrame, *, n: int) -> dict[str, str]:
    runs = len(answer.repeats)
    return {
        "sample": f"{len(answer.values)} of {n} rows, in random order by the seed; background of {len(background)} rows"
        + (f", repeated on {len(answer.repeats[0])} rows against {runs} more backgrounds" if runs else ""),
        "explainer": _how(answer),
        "output": OUTPUTS[answer.space],
        "interval": f"95 % percentile bootstrap over the explained rows, {statistics.RESAMPLES} resamples",
        "stability": "mean of Spearman's rank correlations of the mean absolute values with those of the repeats "
        "(other seed, other background)"
        if runs
        else "Spearman's rank correlation of the mean absolute values in two random halves of the rows",
        "additivity": "largest gap between base value + sum of SHAP values and the score, every row and run"
        + (", in standard deviations of the model's values" if answer.space == "value" else f", in {answer.space}"),
        "faithfulness": "area between the deletion curves in the explanation's order and in random order, as a share "
        "of the move when all features are deleted",
        "reference_check": _against(answer),
        "isolation": answer.isolation,
    }


def _how(answer: Explanation) -> str:
    meaning = {
        "interventional": "interventional: an unknown feature takes its values from the background",
        "path_dependent": "path-dependent: an unknown feature is averaged over the rows that the trees were grown on",
    }[answer.perturbation]
    engine = {
        "tree": f"exact SHAP values of a tree ensemble ({answer.model}) by {answer.engine}",
        "linear": f"exact SHAP values of a linear model ({answer.model}), coefficient * (value - background mean)",
        "permutation": "permutation SHAP, 2 permutations forwards and backwards, categories coded for the masker",
    }[answer.family]
    summed = "; the columns that a category was coded into are summed back to it" if answer.summed else ""
    return f"{engine}, {meaning}{summed}" + (f". Not used: {answer.note}" if answer.note else "")


def _against(answer: Explanation) -> str:
    if answer.checked is None:
        return "shap itself gave the values: base value + their sum against the model's own score, every row and run"
    what = "shap's LinearExplainer" if answer.family == "linear" else "shap's TreeExplainer"
    return f"{what} on {len(answer.checked[0])} of the rows, largest difference relative to the largest SHAP value"


def _faithfulness(answer: Explanation, *, seed: int) -> payload.Payload:
    if answer.curves is None:
        return payload.undefined("no feature was deleted", n=0)
    return statistics.faithfulness(answer.curves, seed=seed)


def _deletion(answer: Explanation) -> payload.Payload | None:
    if answer.curves is None:
        return None
    curves = answer.curves
    return {
        "rows": len(curves.ordered),
        "share": [step / curves.steps[-1] for step in curves.steps],
        "ordered": [float(value) for value in curves.ordered.mean(axis=0)],
        "random": [float(value) for value in curves.shuffled.mean(axis=0)],
    }


def _path_dependent(answer: Explanation, size: Floats, order: Codes, *, seed: int) -> payload.Payload | None:
    if answer.grown is None or answer.grown_base is None:
        return None
    grown = np.abs(answer.grown).sum(axis=2)
    rows = len(grown)
    return {
        "rows": rows,
        "additivity_residual": statistics.additivity_residual(answer.grown, answer.grown_base, answer.score[:rows]),
        "rank_correlation": statistics.stability(size[:rows], grown, seed=seed),
        "features": [{"feature": answer.features[i], "mean_abs": float(grown[:, i].mean())} for i in order[:FEATURES]],
    }


def _classes(answer: Explanation) -> list[payload.Payload]:
    """Each class by itself, at most the first ten: base value and importance of its leading features."""
    out = []
    for place, name in enumerate(answer.classes[:CLASSES]):
        mean_abs = np.abs(answer.values[:, :, place]).mean(axis=0)
        leading = np.argsort(-mean_abs, kind="stable")[:SWARMS]
        out.append(
            {
                "class": name[:200],
                "base_value": float(answer.base_values[0][place]),
                "features": [{"feature": answer.features[i], "mean_abs": float(mean_abs[i])} for i in leading],
            }
        )
    return out
