"""Tables and charts of fairness evidence: every figure by group, with its interval and how many it is a share of.

What the evidence does not hold, because a cell of few people could be worked out from it, no document can print.
"""

from __future__ import annotations

from collections.abc import Iterable

from reports.documents import charts
from reports.documents.content import Block, Cell, Column, Figure, Table, Tone
from reports.documents.snapshot import Record
from reports.documents.translation import N_, _, counted
from reports.documents.wording import (
    decimal,
    denominator,
    integer,
    interval,
    joined,
    lines,
    number,
    percent,
    reason,
    spelled,
)

_DIFFERENCES = (
    ("tpr_difference", N_("Given it, of those truly so")),
    ("fpr_difference", N_("Given it, of the others")),
    ("fnr_difference", N_("Refused, of those truly so")),
    ("precision_difference", N_("Truly so, of those given it")),
)


def fairness(payload: Record, *, limit: float | None = None) -> tuple[Block, ...]:
    """Return the tables by sensitive feature and intersection, and a chart of the comparisons.

    Args:
        payload: ``fairness/v1``.
        limit: the least selection ratio that a policy names; None draws none.
    """
    features = payload.get("features") or []
    below = (payload.get("suppression") or {}).get("below")
    if payload.get("task") == "regression":
        blocks: list[Block] = [_numbers_table(feature, below=below) for feature in features]
        return (*blocks, *_compared(features, "residual_difference", limit=None))
    outcome = str(payload.get("favourable_label") or _("favourable"))
    blocks = []
    for feature in features:
        blocks.append(_rates_table(feature, outcome=outcome, min_share=payload.get("min_share"), below=below))
        if any(group.get(pair) for group in feature.get("groups") or [] for pair, _ in _DIFFERENCES):
            blocks.append(_differences_table(feature))
    blocks += _compared(features, "selection_ratio", limit=limit)
    blocks += [_sweep_table(feature) for feature in features if feature.get("sweep")]
    blocks += [
        _crossed_table(crossed, below=below)
        for crossed in payload.get("intersections") or []
        if not crossed.get("withheld")
    ]
    return tuple(blocks)


def _rates_table(feature: Record, *, outcome: str, min_share: float | None, below: int | None) -> Table:
    reference = feature.get("reference_group")
    rows = [
        (
            Cell(str(group.get("group"))),
            _rows_cell(group, below),
            *(_rate(group.get(rate)) for rate in ("selection_rate", "tpr", "fpr")),
            _ratio_cell(group, reference, min_share),
            Cell(decimal(group.get("p_adjusted"))),
        )
        for group in feature.get("groups") or []
    ]
    return Table(
        caption=_("Outcome “{outcome}” by {feature}; reference group {reference}").format(
            outcome=outcome, feature=spelled(str(feature.get("feature"))), reference=reference
        ),
        columns=(
            Column(_("Group"), width=17),
            Column(_("Rows"), numeric=True),
            Column(_("Given “{outcome}”").format(outcome=outcome), numeric=True, width=16),
            Column(_("Given it, of those truly “{outcome}”").format(outcome=outcome), numeric=True, width=16),
            Column(_("Given it, of the others"), numeric=True, width=16),
            Column(_("Ratio to reference"), numeric=True),
            Column(_("p, adjusted"), numeric=True),
        ),
        rows=tuple(rows),
        note=_("Below each rate: its 95 % interval and the number of rows that it is a share of.")
        + _not_shown(feature.get("groups") or [], below),
    )


def _differences_table(feature: Record) -> Table:
    groups = [group for group in feature.get("groups") or [] if group.get("compared")]
    return Table(
        caption=_("Differences from {reference_group} by {feature}").format(
            reference_group=feature.get("reference_group"), feature=spelled(str(feature.get("feature")))
        ),
        columns=(Column(_("Group"), width=20), *(Column(_(title), numeric=True) for _pair, title in _DIFFERENCES)),
        rows=tuple(
            (
                Cell(str(group.get("group"))),
                *(
                    Cell(_number(group.get(pair), signed=True), sub=_sub(group.get(pair), signed=True))
                    for pair, _ in _DIFFERENCES
                ),
            )
            for group in groups
        ),
        note=_("Group minus reference, with 95 % intervals."),
    )


def _numbers_table(feature: Record, *, below: int | None) -> Table:
    reference = feature.get("reference_group")
    rows = [
        (
            Cell(str(group.get("group"))),
            _rows_cell(group, below),
            Cell(_number(group.get("mean_residual"), signed=True), sub=_sub(group.get("mean_residual"), signed=True)),
            Cell(_number(group.get("mean_prediction")), sub=_sub(group.get("mean_prediction"))),
            Cell(_number(group.get("prediction_p50")), sub=_sub(group.get("prediction_p50"))),
            Cell(decimal(group.get("p_adjusted"))),
        )
        for group in feature.get("groups") or []
    ]
    return Table(
        caption=_("Errors and predictions by {feature}; reference group {reference}").format(
            feature=spelled(str(feature.get("feature"))), reference=reference
        ),
        columns=(
            Column(_("Group"), width=20),
            Column(_("Rows"), numeric=True),
            Column(_("Mean error in favour"), numeric=True),
            Column(_("Mean prediction"), numeric=True),
            Column(_("Median prediction"), numeric=True),
            Column(_("p, adjusted"), numeric=True),
        ),
        rows=tuple(rows),
        note=_("With 95 % intervals; an error above 0 is in the person's favour.")
        + _not_shown(feature.get("groups") or [], below),
    )


def _sweep_table(feature: Record) -> Table:
    sweep = feature["sweep"]
    own = sweep["own"]
    places = sorted({*range(0, len(sweep["thresholds"]), 3), own})
    return Table(
        caption=_("Selection by {feature} at other thresholds").format(feature=spelled(str(feature.get("feature")))),
        columns=(
            Column(_("Threshold"), width=16),
            *(Column(str(group["group"]), numeric=True) for group in sweep["groups"]),
            Column(_("Smallest ratio"), numeric=True),
        ),
        rows=tuple(
            (
                Cell(decimal(sweep["thresholds"][place]), sub=_("its own") if place == own else ""),
                *(Cell(decimal(group["selection_rate"][place])) for group in sweep["groups"]),
                Cell(decimal(sweep["worst"]["selection_ratio"][place])),
            )
            for place in places
        ),
        note=_("Point values on the same rows; the smallest ratio of any group compared to the reference group."),
    )


def _crossed_table(crossed: Record, *, below: int | None) -> Table:
    features = joined([spelled(str(name)) for name in crossed["features"]], _("{first} and {second}"))
    groups = crossed.get("groups") or []
    return Table(
        caption=_("Intersections of {features}; reference {reference_group}").format(
            features=features, reference_group=crossed["reference_group"]
        ),
        columns=(
            Column(_("Group"), width=34),
            Column(_("Rows"), numeric=True),
            Column(_("Selection rate"), numeric=True),
            Column(_("Ratio to reference"), numeric=True),
            Column(_("p, adjusted"), numeric=True),
        ),
        rows=tuple(
            (
                Cell(str(group.get("group"))),
                _rows_cell(group, below),
                _rate(group.get("selection_rate")),
                _ratio_cell(group, crossed["reference_group"], None),
                Cell(decimal(group.get("p_adjusted"))),
            )
            for group in groups
        ),
        note=_("With 95 % intervals.") + _not_shown(groups, below),
    )


def _rows_cell(group: Record, below: int | None) -> Cell:
    if group.get("state", "shown") == "shown":
        return Cell(integer(group.get("n")), sub=percent(group.get("share")))
    return Cell(f"<{below}" if group.get("state") == "small" else _("withheld"))


def _ratio_cell(group: Record, reference: object, min_share: float | None) -> Cell:
    if group.get("group") == reference:
        return Cell(_("reference"))
    if group.get("compared"):
        measured = group.get("selection_ratio")
        return Cell(_number(measured), sub=_sub(measured))
    if group.get("state", "shown") != "shown":
        return Cell(_("not shown"))
    return Cell(
        _("not compared"),
        sub=_("below {min_share} of the rows").format(min_share=percent(min_share)) if min_share is not None else "",
    )


def _rate(measured: Record | None) -> Cell:
    if measured is not None and measured.get("suppressed"):
        return Cell(_("not shown"))
    return Cell(number(measured), sub=lines(interval(measured), denominator(measured), reason(measured)))


def _number(measured: Record | None, *, signed: bool = False) -> str:
    hidden = measured is not None and measured.get("suppressed")
    return _("not shown") if hidden else number(measured, signed=signed)


def _sub(measured: Record | None, *, signed: bool = False) -> str:
    if measured is not None and measured.get("suppressed"):
        return ""
    return interval(measured, signed=signed) or reason(measured)


def _not_shown(groups: Iterable[Record], below: int | None) -> str:
    if all(group.get("state", "shown") == "shown" for group in groups):
        return ""
    return " " + counted(
        "Cells of fewer than {below} people are not shown, and others are withheld so that nobody can work those out.",
        below,
    ).format(below=below)


def _compared(features: Iterable[Record], pair: str, *, limit: float | None) -> list[Block]:
    """Return a chart of every group compared with its reference group, none when there is nothing to draw."""
    rows = list(_compared_rows(features, pair, limit))
    if not rows:
        return []
    said = "; ".join(
        _("{label} {value}, interval {low} to {high}").format(
            label=row.label, value=decimal(row.value), low=decimal(row.low), high=decimal(row.high)
        )
        for row in rows
    )
    ratio = pair == "selection_ratio"
    axis = (
        _("Selection rate, as a ratio to the reference group") if ratio else _("Mean error, less the reference group's")
    )
    drawn = charts.interval_chart(rows, axis=axis, limit=limit, reference=1.0 if ratio else 0.0)
    caption = (
        _("Selection ratio of each compared group to its reference group (dotted line), with 95 % intervals")
        if ratio
        else _(
            "Difference in mean error of each compared group to its reference group (dotted line), with 95 % intervals"
        )
    )
    return [
        Figure(
            drawn,
            _("{caption}; shaded: below the limit of the policy.").format(caption=caption)
            if limit is not None
            else f"{caption}.",
            f"{said}.",
        )
    ]


def _compared_rows(features: Iterable[Record], pair: str, limit: float | None) -> Iterable[charts.IntervalRow]:
    for feature in features:
        for group in feature.get("groups") or []:
            figure = group.get(pair)
            if figure is None or figure.get("value") is None:
                continue
            low, high = figure.get("low"), figure.get("high")
            yield charts.IntervalRow(
                label=str(group.get("group")),
                value=figure["value"],
                low=low,
                high=high,
                sub=f"{spelled(str(feature.get('feature')))}, {charts.count_note(group.get('n', 0))}",
                tone=_against(limit, low, high),
            )


def _against(limit: float | None, low: float | None, high: float | None) -> Tone:
    """Colour an interval by a least value: clear of it, below it, or undecided."""
    if limit is None or low is None or high is None:
        return "none"
    return "good" if low >= limit else "bad" if high < limit else "warn"


def group_rates(payload: Record) -> tuple[Block, ...]:
    """Return a chart of the true positive rate by group: accuracy for groups, as Annex IV point 3 asks."""
    outcome = str(payload.get("favourable_label") or _("favourable"))
    rows = [
        charts.IntervalRow(
            label=str(group.get("group")),
            value=rate.get("value"),
            low=rate.get("low"),
            high=rate.get("high"),
            sub=f"{spelled(str(feature.get('feature')))}, {denominator(rate)}",
        )
        for feature in payload.get("features") or []
        for group in feature.get("groups") or []
        if (rate := group.get("tpr")) is not None and rate.get("value") is not None
    ]
    if not rows:
        return ()
    said = "; ".join(
        _("{label} {value}, interval {low} to {high}, {sub}").format(
            label=row.label, value=decimal(row.value), low=decimal(row.low), high=decimal(row.high), sub=row.sub
        )
        for row in rows
    )
    drawn = charts.interval_chart(
        rows, axis=_("Share given “{outcome}” among those truly “{outcome}”").format(outcome=outcome), floor=0.0
    )
    return (
        Figure(
            drawn,
            _("Share of those truly “{outcome}” who were given it, by group, with 95 % intervals.").format(
                outcome=outcome
            ),
            f"{said}.",
        ),
    )
