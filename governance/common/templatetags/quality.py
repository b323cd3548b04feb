"""What the tables of robustness and data quality show of a payload: charts, and readings in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from governance.common import charts
from governance.common.templatetags.placet import amount_of, field

register = template.Library()


@register.simple_tag
def drop_chart(row: object, rows: Sequence[object], uid: object = "drop") -> SafeString:
    """Draw how much of the metric a change of the rows costs, around 0, all rows of a table on one scale."""
    drop = field(row, "drop")
    value, low, high = (amount_of(field(drop, key)) for key in ("value", "low", "high"))
    if value is None:
        return SafeString("")
    ends = [amount_of(field(field(other, "drop"), key)) for other in rows for key in ("value", "low", "high")]
    reach = 1.1 * max((abs(end) for end in ends if end is not None), default=1.0) or 1.0
    return SafeString(
        charts.interval_bar(
            value,
            low,
            high,
            uid=charts.dom_id(str(uid), field(row, "id")),
            title=gettext("{title}: what the metric loses").format(title=field(row, "title")),
            domain=(-reach, reach),
            outcome={"bad": "fail", "ok": "pass"}.get(drop_reading(row)["tone"], "none"),
            zero=True,
        )
    )


@register.filter
def drop_reading(row: object) -> dict[str, str]:
    """Say what a drop shows: a loss, none, or that the rows can't tell."""
    if field(row, "outcome") == "refused":
        return {"word": gettext("Refused"), "tone": "warn", "icon": "warning"}
    low, high = (amount_of(field(field(row, "drop"), key)) for key in ("low", "high"))
    if low is None or high is None:
        return {"word": gettext("Undefined"), "tone": "quiet", "icon": "minus"}
    if low > 0:
        return {"word": gettext("Loss, shown"), "tone": "bad", "icon": "warning"}
    return {"word": gettext("Loss not shown"), "tone": "quiet", "icon": "minus"}


@register.filter
def of_all_columns(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the changes that touch every column they can."""
    return [row for row in rows if not row["column"]]


@register.filter
def of_one_column(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the changes of one column alone."""
    return [row for row in rows if row["column"]]


@register.filter
def telling(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the changes that cost the model something for certain, or that it refuses."""
    return [row for row in rows if drop_reading(row)["tone"] != "quiet"]


@register.filter
def quiet(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the changes that :func:`telling` leaves out."""
    return [row for row in rows if drop_reading(row)["tone"] == "quiet"]


@register.filter
def refusals(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return in a sentence for each kind of change what the model does not answer."""
    said = {
        "noise": gettext("noise on"),
        "missing": gettext("missing values in"),
        "category": gettext("another category in"),
        "unseen": gettext("an unseen category in"),
        "plausible": gettext("small changes of"),
    }
    columns: dict[str, list[str]] = {}
    for row in rows:
        if row["outcome"] == "refused":
            columns.setdefault(row["kind"], [])
            columns[row["kind"]] += [row["column"]] if row["column"] else []
    return [
        gettext("The model refuses {what} {columns}.").format(
            what=said[kind], columns=", ".join(names) or gettext("several columns at once")
        )
        for kind, names in columns.items()
    ]


@register.filter
def worst_of(columns: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    """Return the feature with the largest defined share ``name`` (missing, outside, unseen), None without one."""
    known = [row for row in columns if row["role"] == "feature" and row[name] and row[name]["value"] is not None]
    return max(known, key=lambda row: row[name]["value"]) if known else None


@register.filter
def faults(column: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a column, a few words each."""
    out = []
    if column["fits"] is False:
        out.append(gettext("the model asks for {type}").format(type=column["expected"]))
    if column["constant"]:
        out.append(gettext("one value only"))
    if column["infinite"]:
        out.append(gettext("{n} infinite").format(n=column["infinite"]))
    return out


@register.filter
def beyond_training(column: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the share of a feature's rows beyond what was trained on: outside its range, or a text never seen."""
    found: Mapping[str, Any] | None = column["outside"] or column["unseen"]
    return found


@register.filter
def bare(digest: object) -> str:
    """Return a digest without the name of its algorithm, as addresses have it."""
    return str(digest).removeprefix("sha256:")


@register.filter
def plain_number(value: object) -> str:
    """Return a number with as many digits as it has, at most six: 4, 0.12, 19,000."""
    amount = amount_of(value)
    return "\N{EN DASH}" if amount is None else f"{amount:,.6g}"
