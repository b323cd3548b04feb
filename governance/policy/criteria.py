"""Success criteria of an AI system: CEL over what a version and the one in production measure. Pure."""

from __future__ import annotations

from governance.evidence.projection import ALL_METRICS
from governance.policy import cel
from governance.policy.expressions import InvalidExpression, read_expression

ALIASES = {"recall": "tpr"}  # a word that people use, and the metric's own


def metric_of(reference: str) -> tuple[str, str]:
    """Return (model, metric) of a figure such as ``candidate.recall``, the metric by its own name."""
    model, _, metric = reference.partition(".")
    return model, ALIASES.get(metric, metric)


def problem(expr: str) -> str:
    """Return what keeps a text from being a criterion, in a sentence; empty when nothing does.

    A criterion is true or false and names at least one figure, ``candidate.<metric>`` or ``production.<metric>``.
    """
    try:
        expression = read_expression(expr)
        cel.check_types(expression, dict.fromkeys(expression.references, "number"))
    except InvalidExpression as error:
        return error.message
    if not expression.references:
        return "The criterion names no figure; write candidate.<metric>."
    for reference in sorted(expression.references):
        model, metric = metric_of(reference)
        if model not in ("candidate", "production") or metric not in ALL_METRICS:
            return (
                f"There is no figure {reference}; write candidate or production with one of {', '.join(ALL_METRICS)}."
            )
    return ""
