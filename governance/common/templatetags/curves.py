"""Charts of performance and calibration evidence as template tags: each takes the payload and hands it to curves.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from governance.common import curves
from governance.common.curves import Series
from governance.common.templatetags.charts import reading

register = template.Library()

Payload = Mapping[str, Any]
SURE = 0.05
_FIRST = "auc log_loss tpr fpr expected_cost balanced_accuracy macro_f1 mae r2 bias ece in_the_large slope"
LEADING = frozenset(_FIRST.split())
"""What a reader of performance or calibration looks at first, whatever the task."""


@register.simple_tag
def roc_chart(payload: Payload) -> SafeString:
    """Draw the ROC curve of performance evidence; empty where there is none."""
    if not payload.get("roc"):
        return SafeString("")
    figures = _figures(payload)
    return SafeString(
        curves.unit_curve(
            payload["roc"],
            uid="roc",
            title=gettext("ROC curve of the candidate"),
            across=gettext("false positive rate"),
            up=gettext("true positive rate"),
            at=_pair(figures, "fpr", "tpr"),
            diagonal=True,
        )
    )


@register.simple_tag
def precision_recall_chart(payload: Payload) -> SafeString:
    """Draw precision against recall; the dashed line is the share of events, which a score without signal gives."""
    points = payload.get("precision_recall")
    if not points:
        return SafeString("")
    return SafeString(
        curves.unit_curve(
            points,
            uid="precision-recall",
            title=gettext("Precision and recall of the candidate"),
            across=gettext("recall"),
            up=gettext("precision"),
            at=_pair(_figures(payload), "tpr", "precision"),
            chance=points[-1][1],
        )
    )


@register.simple_tag
def threshold_chart(payload: Payload) -> SafeString:
    """Draw the rates that follow from each threshold, with a line at the version's own."""
    names = {
        "tpr": gettext("true positive rate"),
        "fpr": gettext("false positive rate"),
        "precision": gettext("precision"),
        "selection_rate": gettext("selection rate"),
    }
    series = [
        Series(said, [row[name]["value"] for row in payload.get("thresholds") or ()]) for name, said in names.items()
    ]
    return _over(payload, series, uid="thresholds", title=gettext("Rates by threshold"), up=gettext("share"), unit=True)


@register.simple_tag
def cost_chart(payload: Payload) -> SafeString:
    """Draw the expected cost of a decision at each threshold with its interval; empty without a cost matrix."""
    rows, costs = payload.get("thresholds") or (), payload.get("cost_matrix")
    if not costs:
        return SafeString("")
    band = [(row["cost"]["low"], row["cost"]["high"]) for row in rows]
    series = [Series(gettext("expected cost, 95 % interval"), [row["cost"]["value"] for row in rows], band)]
    up = gettext("{unit} per decision").format(unit=costs["unit"])
    return _over(payload, series, uid="costs", title=gettext("Expected cost by threshold"), up=up, unit=False)


@register.simple_tag
def reliability_chart(payload: Payload, bins: str = "bins") -> SafeString:
    """Draw a reliability diagram of calibration evidence; ``bins`` or ``equal_width``."""
    number = payload["task"] == "regression"
    return SafeString(
        curves.reliability(
            payload[bins],
            uid=f"reliability-{bins.replace('_', '-')}",
            title=gettext("Reliability, bins of equal mass")
            if bins == "bins"
            else gettext("Reliability, bins of equal width"),
            across=gettext("predicted"),
            up=gettext("observed"),
            unit=not number,
        )
    )


@register.simple_tag
def slice_forest(slices: Payload) -> SafeString:
    """Draw how much worse each slice is than the rest."""
    rows = [
        {"label": slice_name(row), "difference": row["difference"], "n": row["n"], "shown": shown(row)}
        for row in slices["rows"]
    ]
    title = gettext("Worst slices: {metric} less that of all other rows").format(metric=slices["metric"])
    across = gettext("{metric}: slice minus rest").format(metric=slices["metric"])
    return SafeString(curves.forest(rows, uid="slices", title=title, across=across))


@register.filter
def leading(metrics: Sequence[Payload]) -> list[Payload]:
    """Return the measures to show first: the usual ones, and each that differs from production for certain."""
    return [row for row in metrics if _leads(row)]


@register.filter
def not_leading(metrics: Sequence[Payload]) -> list[Payload]:
    """Return the measures that :func:`leading` leaves out."""
    return [row for row in metrics if not _leads(row)]


@register.filter
def bin_sets(payload: Payload) -> list[tuple[str, Any]]:
    """Return the two ways of binning with their names."""
    return [(gettext("Equal mass"), payload["bins"]), (gettext("Equal width"), payload["equal_width"])]


@register.filter
def slice_name(row: Payload) -> str:
    """Name a slice: ``region = south, job = a``."""
    return ", ".join(f"{part['feature']} = {part['value']}" for part in row["slice"])


@register.filter
def shown(row: Payload) -> bool:
    """Say whether a slice is worse beyond what looking at so many would show by chance (adjusted p below 0.05)."""
    return bool(row["p_adjusted"] < SURE)


def _over(payload: Payload, series: list[Series], *, uid: str, title: str, up: str, unit: bool) -> SafeString:
    rows = payload.get("thresholds")
    if not rows:
        return SafeString("")
    places = [row["threshold"] for row in rows]
    drawn = curves.over_thresholds(places, series, uid=uid, title=title, up=up, own=payload["threshold"], unit=unit)
    return SafeString(drawn)


def _leads(metric: Payload) -> bool:
    differs = bool(metric.get("difference")) and reading(metric)["tone"] != "quiet"
    return metric["id"] in LEADING or differs


def _figures(payload: Payload) -> dict[str, Any]:
    return {metric["id"]: metric["candidate"]["value"] for metric in payload.get("metrics") or ()}


def _pair(figures: Mapping[str, Any], across: str, up: str) -> tuple[float, float] | None:
    x, y = figures.get(across), figures.get(up)
    return None if x is None or y is None else (x, y)
