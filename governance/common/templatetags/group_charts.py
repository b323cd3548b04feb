"""Template tags for figures by group: each takes a part of a fairness/v1 payload as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from governance.common import charts, group_charts
from governance.common.templatetags.placet import amount_of

register = template.Library()

Payload = Mapping[str, Any]

OUTCOME_HEAT = {"pass": "x-heat1", "insufficient": "x-heat2", "fail": "x-heat4", "none": "x-heat0"}


@register.simple_tag
def group_dots(feature: Payload, rate: str, title: str) -> SafeString:
    """Draw one rate of every group of a feature, the reference group's as a line."""
    rows = [{"group": group["group"], "figure": group.get(rate) or {}} for group in feature["groups"]]
    share = not rate.startswith(("mean_residual", "mean_prediction"))
    return SafeString(
        group_charts.rate_dots(
            rows,
            uid=charts.dom_id("dots", feature["feature"], rate),
            title=f"{title}: {feature['feature']}",
            reference=str(feature["reference_group"]),
            span=(0.0, 1.0) if share else None,
        )
    )


@register.simple_tag
def sweep_chart(feature: Payload, limit: object = None) -> SafeString:
    """Draw the smallest selection-rate ratio of a feature's groups over thresholds; empty where there is no sweep."""
    sweep = feature.get("sweep")
    if not sweep:
        return SafeString("")
    values = sweep["worst"]["selection_ratio"]
    at_own = [
        group["selection_ratio"]
        for group in feature["groups"]
        if group.get("selection_ratio") and group["selection_ratio"]["value"] is not None
    ]
    worst: Payload = min(at_own, key=lambda ratio: float(ratio["value"]), default={})
    return SafeString(
        group_charts.over_thresholds(
            sweep["thresholds"],
            values,
            own=sweep["own"],
            low=worst.get("low"),
            high=worst.get("high"),
            limit=amount_of(limit),
            uid=charts.dom_id("sweep", feature["feature"]),
            title=gettext("Smallest selection-rate ratio over thresholds: {feature}").format(
                feature=feature["feature"]
            ),
        )
    )


@register.simple_tag
def difference_bar(figure: Payload | None, key: str, group: object, title: str) -> SafeString:
    """Draw a group's difference from the reference group around 0; empty where there is none."""
    if not figure or figure.get("value") is None:
        return SafeString("")
    value, low, high = (amount_of(figure.get(part)) for part in ("value", "low", "high"))
    reach = 1.15 * max(abs(end) for end in (value, low, high) if end is not None) or 1.0
    return SafeString(
        charts.interval_bar(
            value,
            low,
            high,
            uid=charts.dom_id("difference", key, group),
            title=f"{title}: {group}",
            domain=(-reach, reach),
            zero=True,
        )
    )


@register.filter
def heat_rows(crossed: Payload) -> list[dict[str, Any]]:
    """Return an intersection as rows of a table: ``{"group", "cells"}``, the groups of the first feature down."""
    groups = crossed["groups"]
    columns = heat_columns(crossed)
    cells = {tuple(group["of"]): group for group in groups}
    down = list(dict.fromkeys(group["of"][0] for group in groups))
    return [{"group": name, "cells": [cells.get((name, column)) for column in columns]} for name in down]


@register.filter
def heat_columns(crossed: Payload) -> list[str]:
    """Return the groups of an intersection's second feature, in the order of its cells."""
    return list(dict.fromkeys(group["of"][1] for group in crossed["groups"]))


@register.simple_tag
def cell_class(cell: Payload | None, limit: object = None) -> str:
    """Return the class of an intersection's cell, by what its ratio says against ``limit``."""
    ratio = (cell or {}).get("selection_ratio")
    if not ratio or ratio.get("low") is None:
        return "x-heatx"
    bound = amount_of(limit)
    if bound is None:
        return OUTCOME_HEAT["none"]
    outcome = "pass" if ratio["low"] >= bound else "fail" if ratio["high"] < bound else "insufficient"
    return OUTCOME_HEAT[outcome]


@register.filter
def is_hidden(group: Payload) -> bool:
    """Say whether a group's figures are suppressed."""
    return bool(group.get("state", "shown") != "shown")


@register.filter
def hidden_word(group: Payload, below: object) -> str:
    """Return what stands where a suppressed count would: ``<10`` or ``withheld``."""
    return f"<{below}" if group.get("state") == "small" else gettext("withheld")


@register.filter
def sweep_rows(sweep: Payload) -> list[dict[str, Any]]:
    """Return a sweep as rows of a table: ``{"threshold", "own", "rates", "ratio"}``."""
    return [
        {
            "threshold": threshold,
            "own": place == sweep["own"],
            "rates": [group["selection_rate"][place] for group in sweep["groups"]],
            "ratio": sweep["worst"]["selection_ratio"][place],
        }
        for place, threshold in enumerate(sweep["thresholds"])
    ]
