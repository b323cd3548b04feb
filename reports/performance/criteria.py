"""What the AI system's owner calls success, held against the figures and their bootstrap replicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from governance.policy import cel
from governance.policy.criteria import metric_of
from governance.policy.expressions import Expression, read_expression
from reports.payload import Payload
from reports.resampling import Values

SURE = 0.975  # of the replicates: as sure as a 95 % interval that lies on one side of a limit

Points = Mapping[str, float]


def judge(
    criteria: Sequence[Mapping[str, Any]],
    *,
    points: Sequence[Points],
    replicates: Sequence[Values],
    too_few: str,
) -> list[Payload]:
    """Return, for each criterion, whether it is met: pass, fail, insufficient or not_applicable, and by which share.

    A criterion may join several figures of both models, so it has no interval of its own. It is asked of each bootstrap
    replicate, in which all figures move together: pass when it holds in at least 97.5 % of them and for the figures
    themselves, fail when it is false in at least 97.5 % and for the figures, else insufficient.

    Args:
        criteria: mappings with ``id``, ``title`` and ``expr``: CEL over ``candidate.auc``, ``production.auc``, ….
        points, replicates: of the candidate and, if there is one, of production, on the same draws.
        too_few: why the rows are too few to say, or an empty text.
    Returns: ``{"id", "title", "expr", "outcome", "share", "resamples", "reason"}`` each; share is None where nothing
        was asked, reason is None where the outcome needs none.
    """
    return [_judged(criterion, points, replicates, too_few) for criterion in criteria]


def _judged(criterion: Mapping[str, Any], points: Sequence[Points], replicates: Sequence[Values], few: str) -> Payload:
    expression = read_expression(str(criterion["expr"]))
    named = {reference: _place(reference) for reference in sorted(expression.references)}
    out = {"id": str(criterion["id"]), "title": str(criterion["title"]), "expr": str(criterion["expr"])}
    resamples = len(next(iter(replicates[0].values())))
    nothing = {"share": None, "resamples": resamples}
    if any(model >= len(points) for model, _ in named.values()):
        return {**out, "outcome": "not_applicable", **nothing, "reason": "nothing is in production yet"}
    absent = [reference for reference, (model, metric) in named.items() if metric not in points[model]]
    if absent:
        return {**out, "outcome": "insufficient", **nothing, "reason": f"{', '.join(absent)}: not defined here"}
    if few:
        return {**out, "outcome": "insufficient", **nothing, "reason": few}
    whole = _truth(expression, {reference: points[model][metric] for reference, (model, metric) in named.items()})
    table = {reference: replicates[model][metric] for reference, (model, metric) in named.items()}
    holds = misses = 0
    for place in range(resamples):
        said = _truth(expression, {reference: float(values[place]) for reference, values in table.items()})
        holds += said is True
        misses += said is False
    share = holds / resamples
    if whole is None:
        return {
            **out,
            "outcome": "insufficient",
            "share": share,
            "resamples": resamples,
            "reason": "a figure is undefined",
        }
    if whole and share >= SURE:
        return {**out, "outcome": "pass", "share": share, "resamples": resamples, "reason": None}
    if not whole and misses / resamples >= SURE:
        return {**out, "outcome": "fail", "share": share, "resamples": resamples, "reason": None}
    reason = f"holds in {share:.1%} of the resamples; 97.5 % are needed to say that it is met, 2.5 % that it is not"
    return {**out, "outcome": "insufficient", "share": share, "resamples": resamples, "reason": reason}


def _truth(expression: Expression, values: Mapping[str, float]) -> bool | None:
    return cel.truth(expression, {name: value for name, value in values.items() if np.isfinite(value)})


def _place(reference: str) -> tuple[int, str]:
    model, metric = metric_of(reference)
    return int(model == "production"), metric
