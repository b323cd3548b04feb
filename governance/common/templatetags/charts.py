"""Charts as template tags: each takes what the view already has and hands it to charts.py or pictures.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import template
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from governance.common import bars, charts, pictures, risk_chart, series
from governance.common.templatetags.placet import amount_of, field

register = template.Library()


@register.simple_tag
def check_chart(check: object, prefix: str = "check") -> SafeString:
    """Draw the measured value of a check, its interval and its limit; empty for a check without a number."""
    measured = field(check, "measured")
    if measured is None or amount_of(field(measured, "value")) is None:
        return SafeString("")
    domain = field(check, "domain")
    return SafeString(
        charts.interval_bar(
            amount_of(field(measured, "value")),
            amount_of(field(measured, "low")),
            amount_of(field(measured, "high")),
            uid=charts.dom_id(prefix, field(check, "id")),
            title=str(field(check, "title")),
            limit=amount_of(field(check, "limit")),
            better=str(field(check, "better") or "higher"),
            domain=(float(domain[0]), float(domain[1])) if domain else None,
            outcome=_word(field(check, "outcome")),
        )
    )


@register.simple_tag
def difference_chart(metric: object) -> SafeString:
    """Draw candidate minus production of a performance metric around 0; empty where there is no difference to draw."""
    difference = field(metric, "difference")
    if difference is None or amount_of(field(difference, "value")) is None:
        return SafeString("")
    value, low, high = (amount_of(field(difference, key)) for key in ("value", "low", "high"))
    reach = 1.15 * max(abs(end) for end in (value, low, high) if end is not None) or 1.0
    return SafeString(
        charts.interval_bar(
            value,
            low,
            high,
            uid=charts.dom_id("difference", field(metric, "id")),
            title=gettext("{title}: candidate minus production").format(title=field(metric, "title")),
            domain=(-reach, reach),
            outcome={"ok": "pass", "bad": "fail"}.get(reading(metric)["tone"], "none"),
            zero=True,
        )
    )


@register.filter
def reading(metric: object) -> dict[str, str]:
    """Say what a difference shows: better, worse, or not shown when the interval holds 0 (or is unknown)."""
    difference = field(metric, "difference")
    low, high = amount_of(field(difference, "low")), amount_of(field(difference, "high"))
    if low is None or high is None or low <= 0 <= high:
        return {"word": gettext("Not shown"), "tone": "quiet", "icon": "minus"}
    gained = (low > 0) == (field(metric, "better") == "higher")
    if gained:
        return {"word": gettext("Better, shown"), "tone": "ok", "icon": "check"}
    return {"word": gettext("Worse, shown"), "tone": "bad", "icon": "warning"}


@register.simple_tag
def group_outcome(group: object, reference: object, limit: object = None) -> str:
    """Return the outcome of a group's ratio against ``limit``: reference, not_compared, pass, fail, insufficient.

    Without a limit it is ``none``.
    """
    if str(field(group, "group")) == str(reference):
        return "reference"
    ratio, bound = field(group, "selection_ratio"), amount_of(limit)
    if not field(group, "compared") or ratio is None:
        return "not_compared"
    if bound is None:
        return "none"
    low, high = amount_of(field(ratio, "low")), amount_of(field(ratio, "high"))
    if low is None or high is None:
        return "insufficient"
    return "pass" if low >= bound else ("fail" if high < bound else "insufficient")


@register.simple_tag
def ratio_chart(group: object, feature: str, limit: object, outcome: str) -> SafeString:
    """Draw a group's selection-rate ratio to its reference group, from 0.4 to 1.4 or as far as the interval reaches."""
    ratio = field(group, "selection_ratio")
    value, low, high = (amount_of(field(ratio, key)) for key in ("value", "low", "high"))
    ends = [end for end in (value, low, high) if end is not None]
    return SafeString(
        charts.interval_bar(
            value,
            low,
            high,
            uid=charts.dom_id("ratio", feature, field(group, "group")),
            title=gettext("Selection-rate ratio of {group} to the reference group").format(group=field(group, "group")),
            limit=amount_of(limit),
            domain=(min([0.4, *ends]), max([1.4, *ends])),
            outcome=outcome,
        )
    )


@register.simple_tag
def drift_chart(column: object, prefix: str = "drift") -> SafeString:
    """Draw a column's drift value with its interval and limit (the less the better)."""
    outcome = {"stable": "pass", "drift": "fail"}.get(_word(field(column, "outcome")), "insufficient")
    value, low, high, limit = (amount_of(field(column, key)) for key in ("value", "low", "high", "limit"))
    top = max([0.3, *(1.1 * end for end in (value, high, limit) if end is not None)])
    return SafeString(
        charts.interval_bar(
            value,
            low,
            high,
            uid=charts.dom_id(prefix, field(column, "column")),
            title=gettext("Drift of {column}").format(column=field(column, "column")),
            limit=limit,
            better="lower",
            domain=(0.0, top),
            outcome=outcome,
        )
    )


@register.filter
def not_stable(columns: Sequence[object]) -> list[object]:
    """Return the columns of a drift run that drifted, or of which too little is known."""
    return [column for column in columns if field(column, "outcome") != "stable"]


@register.filter
def stable(columns: Sequence[object]) -> list[object]:
    """Return the columns of a drift run that :func:`not_stable` leaves out."""
    return [column for column in columns if field(column, "outcome") == "stable"]


@register.simple_tag
def outcome_dots(counts: Mapping[str, int] | None, key: object) -> SafeString:
    """Draw one mark per check."""
    return SafeString(charts.outcome_dots(counts or {}, uid=charts.dom_id("dots", key)))


@register.simple_tag
def quorum_dots(signed: object, quorum: object) -> SafeString:
    """Draw one mark per signature that a stage wants: full once it is given. The words beside it say the same."""
    return SafeString(charts.quorum_dots(int(str(signed or 0)), int(str(quorum or 0))))


@register.simple_tag
def paragraph_bar(document: object, key: object) -> SafeString:
    """Draw measured, declared and missing paragraphs of a document as one bar."""
    kinds = (("measured", "m"), ("declared", "d"), ("missing", "x"))
    parts = [(gettext(kind), int(field(document, kind) or 0), css) for kind, css in kinds]
    return SafeString(
        charts.stacked_bar(parts, uid=charts.dom_id("paragraphs", key), title=str(field(document, "title")))
    )


@register.simple_tag
def record_bar(counts: Mapping[str, int] | None, key: object, title: object) -> SafeString:
    """Draw how many questions of a record, or points that it serves, are in each state as one bar."""
    states = ("accepted", "given", "measured", "returned", "open")
    words = (gettext("accepted"), gettext("given"), gettext("measured"), gettext("returned"), gettext("open"))
    parts = [(said, int((counts or {}).get(state, 0)), state) for said, state in zip(words, states, strict=True)]
    return SafeString(charts.stacked_bar(parts, uid=charts.dom_id("record", key), title=str(title)))


@register.simple_tag
def risk_matrix(risks: Sequence[Mapping[str, Any]] | None) -> SafeString:
    """Draw the risks of a file, each from before its measures to after them."""
    title = gettext("Risks by likelihood and severity, before and after measures")
    return SafeString(risk_chart.risk_matrix(risks or (), uid="risk-matrix", title=title))


@register.simple_tag
def age_bar(row: object, ages: Sequence[str], most: int) -> SafeString:
    """Draw how long the open findings of one severity have been open, as long as there are many of them."""
    counts: Sequence[int] = field(row, "cells")
    parts = [(label, count, f"age{place}") for place, (label, count) in enumerate(zip(ages, counts, strict=True))]
    severity = str(field(row, "severity"))
    return SafeString(charts.stacked_bar(parts, uid=charts.dom_id("age", severity), title=severity, whole=most))


@register.simple_tag
def parts_bar(chart: object, key: object) -> SafeString:
    """Draw ``{"title", "parts": [{"word", "count", "css"}]}`` as one bar."""
    parts = [(str(part["word"]), int(part["count"]), str(part["css"])) for part in field(chart, "parts")]
    return SafeString(charts.stacked_bar(parts, uid=charts.dom_id("parts", key), title=str(field(chart, "title"))))


@register.simple_tag
def columns_chart(chart: object, key: object) -> SafeString:
    """Draw ``{"title", "bars": [(label, [(word, count, class suffix)])]}`` as ``bars.columns``."""
    title = str(field(chart, "title"))
    return SafeString(bars.columns(field(chart, "bars"), uid=charts.dom_id("columns", key), title=title))


@register.simple_tag
def verdict_moves(pairs: Mapping[str, int] | None, key: object) -> SafeString:
    """Draw how verdicts move between then and now."""
    title = gettext("Verdicts then and now")
    return SafeString(pictures.verdict_moves(pairs or {}, uid=charts.dom_id("moves", key), title=title))


@register.simple_tag
def sparkline(values: Sequence[float | None], key: object, title: str, limit: object = None) -> SafeString:
    """Draw a short series, oldest first."""
    return SafeString(series.sparkline(values, uid=charts.dom_id("spark", key), title=title, limit=amount_of(limit)))


@register.simple_tag
def line_chart(chart: object, key: object) -> SafeString:
    """Draw ``{"title", "labels", "values", "limit", "watch", "bands", …}`` over windows, as ``series.line_chart``."""
    watch = field(chart, "watch")
    return SafeString(
        series.line_chart(
            field(chart, "labels"),
            field(chart, "values"),
            uid=charts.dom_id("line", key),
            title=str(field(chart, "title")),
            limit=amount_of(field(chart, "limit")),
            watch=watch if isinstance(watch, list) else amount_of(watch),
            bands=field(chart, "bands") or (),
            ends=field(chart, "ends") or (),
            outcomes=field(chart, "outcomes") or (),
            marks=field(chart, "marks") or (),
            reference=amount_of(field(chart, "reference")),
            from_zero=field(chart, "from_zero") is not False,
        )
    )


@register.simple_tag
def histogram(chart: object, key: object) -> SafeString:
    """Draw ``{"title", "bins": [{"label", "reference", "current"}], "reference_n", "current_n"}``."""
    return SafeString(
        series.histogram(
            field(chart, "bins"),
            uid=charts.dom_id("histogram", key),
            title=str(field(chart, "title")),
            reference_n=field(chart, "reference_n"),
            current_n=field(chart, "current_n"),
        )
    )


@register.simple_tag
def heat_class(value: object, limit: object) -> str:
    """Return the class of a heat-map cell."""
    return charts.heat_class(amount_of(value), amount_of(limit))


@register.simple_tag
def beeswarm(explanation: object, top: int = 8) -> SafeString:
    """Draw the ``top`` features of an explanation/v1 payload."""
    points = list(field(explanation, "points") or [])[:top]
    rows = max((len(item["points"]) for item in points), default=0)
    title = gettext("SHAP beeswarm: the {count} features with the largest mean effect, {rows} rows").format(
        count=len(points), rows=rows
    )
    unit = str(field(explanation, "output") or "probability")
    if field(explanation, "task") == "multiclass":
        unit = gettext("{unit} of {label}").format(unit=unit, label=field(explanation, "explained"))
    return SafeString(pictures.beeswarm(points, uid="beeswarm", title=title, unit=unit))


@register.simple_tag
def alias_lanes(lanes: Sequence[Mapping[str, Any]], until: datetime, title: str, events: object = ()) -> SafeString:
    """Draw what was in production when."""
    marks = events if isinstance(events, Sequence) else ()
    return SafeString(pictures.alias_lanes(lanes, uid="lanes", title=title, until=until, events=marks))


@register.simple_tag
def inclusion_path(entry: object, steps: Sequence[Mapping[str, Any]], size: int) -> SafeString:
    """Draw the way from an entry to the root."""
    leaf = str(field(entry, "leaf_hash")).removeprefix("sha256:")
    return SafeString(pictures.inclusion_path(int(field(entry, "index")), size, leaf, steps, uid="inclusion"))


def _word(state: object) -> str:
    """The plain word of a state that may be an enum member."""
    return str(getattr(state, "value", state) or "")
