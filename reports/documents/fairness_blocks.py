"""Tables and charts of fairness evidence: every rate by group, with its interval and how many it is a share of."""

from __future__ import annotations

from collections.abc import Iterable

from reports.documents import charts
from reports.documents.content import Block, Cell, Column, Figure, Table, Tone
from reports.documents.snapshot import Record
from reports.documents.wording import (
    decimal,
    denominator,
    integer,
    interval,
    lines,
    number,
    percent,
    reason,
    words,
)


def fairness(payload: Record, *, limit: float | None = None) -> tuple[Block, ...]:
    """Return one table of rates by group for each sensitive feature, and a chart of the selection ratios.

    Args:
        payload: ``fairness/v1``.
        limit: the least selection ratio that a policy names; None draws none.
    """
    outcome = str(payload.get("favourable_label") or "favourable")
    features = payload.get("features") or []
    blocks: list[Block] = [
        _fairness_table(feature, outcome=outcome, min_share=payload.get("min_share")) for feature in features
    ]
    rows = list(_ratio_rows(features, limit))
    if rows:
        said = "; ".join(
            f"{row.label} {decimal(row.value)}, interval {decimal(row.low)} to {decimal(row.high)}" for row in rows
        )
        drawn = charts.interval_chart(
            rows, axis="Selection rate, as a ratio to the reference group", limit=limit, reference=1.0
        )
        caption = "Selection ratio of each compared group to its reference group (dotted line), with 95 % intervals"
        blocks.append(
            Figure(
                drawn,
                f"{caption}; shaded: below the limit of the policy." if limit is not None else f"{caption}.",
                f"{said}.",
            )
        )
    return tuple(blocks)


def _fairness_table(feature: Record, *, outcome: str, min_share: float | None) -> Table:
    reference = feature.get("reference_group")
    rows = []
    for group in feature.get("groups") or []:
        is_reference = group.get("group") == reference
        if is_reference:
            ratio = Cell("reference")
        elif not group.get("compared"):
            ratio = Cell("not compared", sub=f"below {percent(min_share)} of the rows" if min_share is not None else "")
        else:
            measured = group.get("selection_ratio")
            ratio = Cell(number(measured), sub=interval(measured) or reason(measured))
        p_adjusted = group.get("p_adjusted")
        rows.append(
            (
                Cell(str(group.get("group"))),
                Cell(integer(group.get("n")), sub=percent(group.get("share"))),
                *(_rate(group.get(rate)) for rate in ("selection_rate", "tpr", "fpr")),
                ratio,
                Cell(decimal(p_adjusted)),
            )
        )
    return Table(
        caption=f"Outcome “{outcome}” by {words(str(feature.get('feature')))}; reference group {reference}",
        columns=(
            Column("Group", width=17),
            Column("Rows", numeric=True),
            Column(f"Given “{outcome}”", numeric=True, width=16),
            Column(f"Given it, of those truly “{outcome}”", numeric=True, width=16),
            Column("Given it, of the others", numeric=True, width=16),
            Column("Ratio to reference", numeric=True),
            Column("p, adjusted", numeric=True),
        ),
        rows=tuple(rows),
        note="Below each rate: its 95 % interval and the number of rows that it is a share of.",
    )


def _rate(measured: Record | None) -> Cell:
    return Cell(number(measured), sub=lines(interval(measured), denominator(measured), reason(measured)))


def _ratio_rows(features: Iterable[Record], limit: float | None) -> Iterable[charts.IntervalRow]:
    for feature in features:
        for group in feature.get("groups") or []:
            ratio = group.get("selection_ratio")
            if ratio is None or ratio.get("value") is None:
                continue
            low, high = ratio.get("low"), ratio.get("high")
            yield charts.IntervalRow(
                label=str(group.get("group")),
                value=ratio["value"],
                low=low,
                high=high,
                sub=f"{words(str(feature.get('feature')))}, {charts.count_note(group.get('n', 0))}",
                tone=_against(limit, low, high),
            )


def _against(limit: float | None, low: float | None, high: float | None) -> Tone:
    """Colour an interval by a least value: clear of it, below it, or undecided."""
    if limit is None or low is None or high is None:
        return "none"
    return "good" if low >= limit else "bad" if high < limit else "warn"


def group_rates(payload: Record) -> tuple[Block, ...]:
    """Return a chart of the true positive rate by group: accuracy for groups, as Annex IV point 3 asks."""
    outcome = str(payload.get("favourable_label") or "favourable")
    rows = [
        charts.IntervalRow(
            label=str(group.get("group")),
            value=rate.get("value"),
            low=rate.get("low"),
            high=rate.get("high"),
            sub=f"{words(str(feature.get('feature')))}, {denominator(rate)}",
        )
        for feature in payload.get("features") or []
        for group in feature.get("groups") or []
        if (rate := group.get("tpr")) is not None and rate.get("value") is not None
    ]
    if not rows:
        return ()
    said = "; ".join(
        f"{row.label} {decimal(row.value)}, interval {decimal(row.low)} to {decimal(row.high)}, {row.sub}"
        for row in rows
    )
    drawn = charts.interval_chart(rows, axis=f"Share given “{outcome}” among those truly “{outcome}”", floor=0.0)
    return (
        Figure(
            drawn, f"Share of those truly “{outcome}” who were given it, by group, with 95 % intervals.", f"{said}."
        ),
    )
