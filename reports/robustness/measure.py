"""Measure how a model's answers change when its rows change a little, are incomplete, or hold what it never saw."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from placet.rows import kind_of
from reports import payload
from reports.isolation.outputs import Outputs
from reports.robustness.effect import TITLES, Answers, Floats, Truth, interval
from reports.robustness.perturb import NAMES, Variant, left_out, prepared, variants
from reports.robustness.timing import Timed, measure_timing

RESAMPLES = 500
MOST_ROWS, FEWEST_ROWS = 2_000, 200
MOST_ANSWERS = 200_000  # rows to be answered in all; with many columns fewer rows are changed
BATCH = 50_000  # rows of one call
TOLERANCE = 1e-9
ONE_BY_ONE = 16  # of so many variants that fail together, mostly all fail
WORST = 5

Score = Callable[[pd.DataFrame], Outputs]
Progress = Callable[[int, int], None]


class NoAnswer(Exception):
    """The model gave no answer for these rows; the text may quote them and is not kept."""


def measure(
    frame: pd.DataFrame,
    *,
    labels: pd.Series,
    task: str,
    score: Score,
    positive_label: str = "",
    threshold: float = 0.5,
    timed: Timed | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> payload.Payload:
    """Return a ``robustness/v1`` payload.

    The same rows are changed in many ways; for each, the main metric's drop with its paired bootstrap interval (both
    answers on the same draws), the share of decisions that flip, and the largest move of a score. Rows that the model
    refuses are a finding. At most 2,000 rows are changed, drawn without replacement; fewer with many columns.

    Args:
        frame: the features in the model's order, at least one row.
        labels: shape (n,), what happened; none missing.
        task: binary, multiclass or regression.
        score: asks the model; called with rows of the same columns.
        positive_label, threshold: binary: the event, and where its score makes a decision.
        timed: asks the model with a clock; None leaves the timing out.
        seed: of the rows drawn, the changes and the bootstrap.
        progress: called with (rows answered, rows in all).
    Returns: the payload; all of it but ``timing`` is the same for the same seed.
    Raises:
        ValueError: there is no row, or the task does not fit the model's answers.
        NoAnswer: the model does not answer the rows as they are.
    """
    if not len(frame):
        msg = "There is no row to change."
        raise ValueError(msg)
    whole, all_labels = prepared(frame), labels.reset_index(drop=True)
    kinds = variants(whole)
    drawn = _drawn(len(whole), len(kinds) + 1, seed)
    rows = whole.iloc[drawn].reset_index(drop=True)
    truth = Truth(task, _true(all_labels.iloc[drawn], task), positive_label, threshold)
    asked = variants(rows)  # spreads and categories of the rows that are changed
    outputs = score(rows)
    if not _finite(outputs):
        msg = "The model gave numbers that are missing or not finite."
        raise NoAnswer(msg)
    base = Answers(outputs, truth)
    total = (len(asked) + 1) * len(rows)
    weights = _draws(len(rows), seed)
    undefined = base.undefined
    replicates = np.full(RESAMPLES, np.nan) if undefined else base.metric_of(weights)
    point = base.point()
    found, done, moved_alone = [], len(rows), 0.0
    for variant, said, alone in _asked(asked, rows, score, seed):
        done += len(rows)
        if progress:
            progress(done, total)
        if isinstance(said, str):
            found.append(_refused(variant, said, len(rows)))
            continue
        if alone is not None:
            moved_alone = max(moved_alone, Answers(alone, truth).moved_from(base))
        found.append(_compared(variant, Answers(said, truth), base, point, replicates, weights))
    n = len(rows)
    low, high = interval(replicates)
    return {
        **payload.head(
            "robustness/v1",
            n=n,
            seed=seed,
            method={
                "drop": f"unperturbed minus perturbed, 95 % percentile bootstrap, {RESAMPLES} paired resamples of rows",
                "flipped": "share of rows with another decision, 95 % score interval (Wilson)",
                "noise": "normal, in robust standard deviations (1.4826 MAD); whole numbers stay whole and in range",
                "rows": f"{n} of {len(whole)} rows, drawn without replacement",
            },
            libraries=("numpy", "pandas", "scipy", "scikit-learn"),
            reference_check=payload.reference_check(
                "scikit-learn", max_difference=base.difference_from_sklearn(), tolerance=TOLERANCE
            ),
        ),
        "task": task,
        "threshold": float(threshold) if task == "binary" and base.metric == "auc" else None,
        "metric": {"id": base.metric, "title": TITLES[base.metric]},
        "unperturbed": payload.number(point, low, high, n=n, reason=undefined or None),
        "perturbations": found,
        "worst_columns": worst_columns(found),
        "left_out": left_out(rows),
        "depends_on_other_rows": moved_alone > TOLERANCE,
        "timing": measure_timing(timed, rows) if timed else None,
    }


def worst_columns(found: Sequence[payload.Payload]) -> list[payload.Payload]:
    """Return the five columns whose change alone does most: by decisions flipped, then by the metric's drop."""
    alone = [row for row in found if row["column"] and row["outcome"] == "answered"]

    def harm(row: payload.Payload) -> tuple[float, float]:
        return (row["flipped"]["value"] or 0.0, row["drop"]["value"] or 0.0)

    best: dict[str, payload.Payload] = {}
    for row in sorted(alone, key=harm, reverse=True):
        best.setdefault(row["column"], row)
    return [
        {"column": name, "perturbation": row["id"], "drop": row["drop"], "flipped": row["flipped"]}
        for name, row in list(best.items())[:WORST]
        if harm(row) > (0.0, 0.0)
    ]


def _drawn(n: int, answers: int, seed: int) -> npt.NDArray[np.int64]:
    wanted = min(n, MOST_ROWS, max(FEWEST_ROWS, MOST_ANSWERS // answers))
    return np.sort(np.random.default_rng([seed, 1]).choice(n, size=wanted, replace=False))


def _draws(n: int, seed: int) -> Floats:
    return np.random.default_rng([seed, 2]).multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(np.float64)


def _true(labels: pd.Series, task: str) -> npt.NDArray[np.object_] | Floats:
    if labels.isna().any():
        msg = f"The label is missing in {int(labels.isna().sum())} rows."
        raise ValueError(msg)
    if task != "regression":
        return np.asarray(labels.astype(str), dtype=object)
    try:
        return np.asarray(labels, dtype=np.float64)
    except (TypeError, ValueError):
        msg = f"The label holds {labels.dtype}; a regression needs numbers."
        raise ValueError(msg) from None


def _asked(
    asked: Sequence[Variant], rows: pd.DataFrame, score: Score, seed: int
) -> Iterator[tuple[Variant, Outputs | str, Outputs | None]]:
    """Yield each variant with the model's answers, or why there are none, and the unchanged rows' answers beside them.

    Variants go in one call as far as they fit: of one kind, and what a model may refuse apart from what it takes. Only
    if a call fails they are asked again by fewer. The unchanged rows go along in the first call of a kind: a model
    whose answers to them are other than before looks at other rows too.
    """
    groups: dict[tuple[str, str], list[Variant]] = {}
    for variant in asked:
        of = kind_of(rows[variant.column]) if variant.column else "all"
        groups.setdefault((variant.kind, of if variant.kind == "missing" else ""), []).append(variant)
    size = max(1, BATCH // len(rows) - 1)
    for (kind, _), same in groups.items():
        for start in range(0, len(same), size):
            yield from _together(same[start : start + size], rows, score, seed, beside=start == 0 and kind != "missing")


def _together(
    part: Sequence[Variant], rows: pd.DataFrame, score: Score, seed: int, *, beside: bool
) -> Iterator[tuple[Variant, Outputs | str, Outputs | None]]:
    n = len(rows)
    frames = [variant.rows(seed) for variant in part] + ([rows] if beside else [])
    try:
        outputs = score(pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0])
    except NoAnswer as error:
        if len(part) == 1:
            yield part[0], _why(str(error)), None
            return
        step = 1 if len(part) <= ONE_BY_ONE else -(-len(part) // 2)
        for start in range(0, len(part), step):
            yield from _together(part[start : start + step], rows, score, seed, beside=False)
        return
    for place, variant in enumerate(part):
        alone = _slice(outputs, len(part) * n, n) if beside and place == 0 else None
        mine = _slice(outputs, place * n, n)
        yield variant, mine if _finite(mine) else "the model gave numbers that are missing or not finite", alone


def _slice(outputs: Outputs, start: int, n: int) -> Outputs:
    part = slice(start, start + n)
    return Outputs(
        outputs.task,
        outputs.classes,
        None if outputs.probabilities is None else outputs.probabilities[part],
        None if outputs.labels is None else outputs.labels[part],
        None if outputs.values is None else outputs.values[part],
        outputs.isolation,
        outputs.libraries,
    )


def _finite(outputs: Outputs) -> bool:
    return all(bool(np.isfinite(x).all()) for x in (outputs.probabilities, outputs.values) if x is not None)


def _why(text: str) -> str:
    """Return what can be said of an error without its text, which may quote a row: the name of a built-in exception."""
    named = re.match(r"([A-Za-z]{3,40}):", text)
    name = named[1] if named and isinstance(getattr(builtins, named[1], None), type) else ""
    return f"the model gave an error ({name})" if name else "the model gave no usable answer"


def _row(variant: Variant) -> payload.Payload:
    return {
        "id": variant.id,
        "name": NAMES.get(variant.id),
        "kind": variant.kind,
        "title": variant.title,
        "column": variant.column,
        "level": variant.level,
    }


def _refused(variant: Variant, why: str, n: int) -> payload.Payload:
    nothing = payload.undefined(why, n=n)
    return _row(variant) | {
        "outcome": "refused",
        "reason": why,
        "metric": nothing,
        "drop": nothing,
        "flipped": nothing,
        "largest_move": None,
    }


def _compared(
    variant: Variant, answers: Answers, base: Answers, point: float, replicates: Floats, weights: Floats
) -> payload.Payload:
    n = len(answers.truth.labels)
    if reason := base.undefined:
        metric = drop = payload.undefined(reason, n=n)
    else:
        value, again = answers.point(), answers.metric_of(weights)
        metric = payload.number(value, *interval(again), n=n)
        drop = payload.number(point - value, *interval(replicates - again), n=n)
    return _row(variant) | {
        "outcome": "answered",
        "metric": metric,
        "drop": drop,
        "flipped": answers.flipped_from(base),
        "largest_move": answers.moved_from(base),
    }
