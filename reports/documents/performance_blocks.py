"""Tables and charts of performance and calibration evidence: every rate with interval and denominator."""

from __future__ import annotations

from collections.abc import Sequence

from reports.documents import charts
from reports.documents.content import Block, Cell, Column, Figure, Table, Tone
from reports.documents.snapshot import Record
from reports.documents.translation import N_, _, counted
from reports.documents.wording import (
    DASH,
    decimal,
    denominator,
    integer,
    interval,
    known,
    lines,
    number,
    percent,
    why,
    words,
)

_OUTCOMES: dict[str, tuple[str, Tone]] = {
    "pass": (N_("met"), "good"),
    "fail": (N_("not met"), "bad"),
    "insufficient": (N_("insufficient"), "warn"),
    "not_applicable": (N_("not applicable"), "none"),
}
_SURE = 0.05


def performance(payload: Record, *, event: str) -> tuple[Block, ...]:
    """Return the metric table, the confusion table, and the ROC and calibration charts.

    Args:
        payload: ``performance/v1``.
        event: the label that the score predicts, for the table headings.
    """
    metrics = payload.get("metrics") or []
    compared = any(row.get("production") for row in metrics)
    columns = [Column(_("Measure"), width=27), Column(_("Candidate"), numeric=True)]
    if compared:
        columns += [
            Column(_("Production"), numeric=True),
            Column(_("Difference"), numeric=True),
            Column(_("Interval around 0")),
            Column(_("Reading")),
        ]
    blocks: list[Block] = [
        Table(
            caption=counted("Performance on {n} evaluation rows", payload.get("n")).format(n=integer(payload.get("n")))
            + (_(", candidate against production on the same rows") if compared else ""),
            columns=tuple(columns),
            rows=tuple(_metric_row(row, compared=compared) for row in metrics),
            note=_note(payload, event=event, compared=compared),
        )
    ]
    if payload.get("criteria"):
        blocks.append(_criteria(payload["criteria"]))
    if payload.get("confusion"):
        blocks.append(_confusion(payload["confusion"], event=event))
    blocks += _curves(payload)
    if payload.get("thresholds"):
        blocks.append(_thresholds(payload))
    if payload.get("classes"):
        blocks.append(_classes(payload["classes"]))
    if payload.get("slices"):
        blocks.append(_slices(payload["slices"]))
    return tuple(blocks)


def _note(payload: Record, *, event: str, compared: bool) -> str:
    said = []
    if payload.get("confusion"):
        threshold = payload.get("threshold")
        if threshold is None:
            said.append(_("Rates predict the label “{event}”, as the model names it.").format(event=event))
        else:
            predicted = _("Rates predict the label “{event}” at a decision threshold of {threshold}.")
            said.append(predicted.format(event=event, threshold=decimal(threshold)))
    if compared:
        said.append(_("“Not shown”: the interval of the difference holds 0; it does not mean that the two are equal."))
    if any(row.get("better") == "zero" for row in payload.get("metrics") or ()):
        said.append(_("Where nearer 0 is better, the difference is that of sizes."))
    return " ".join(said)


def _metric_row(row: Record, *, compared: bool) -> tuple[Cell, ...]:
    candidate, production, difference = row.get("candidate"), row.get("production"), row.get("difference")
    title = str(row.get("title") or words(str(row.get("id"))))
    better = str(row.get("better") or "higher")
    wanted = _("nearer 0") if better == "zero" else known(better)
    unit = f", {row['unit']}" if row.get("unit") else ""
    of = ", " + _("{of} rows").format(of=denominator(candidate)) if denominator(candidate) else ""
    cells = [
        Cell(title, sub=_("{wanted} is better{unit}{of}").format(wanted=wanted, unit=unit, of=of)),
        Cell(number(candidate), sub=interval(candidate) or why(candidate)),
    ]
    if compared:
        reading, tone = _reading(difference, better)
        cells += [
            Cell(number(production), sub=interval(production) or why(production)),
            Cell(number(difference, signed=True), sub=interval(difference, signed=True) or why(difference)),
            _difference_chart(difference, tone),
            Cell(reading, tone=tone),
        ]
    return tuple(cells)


def _reading(difference: Record | None, better: str) -> tuple[str, Tone]:
    if difference is None or difference.get("low") is None or difference.get("high") is None:
        return _("no comparison"), "none"
    if difference["low"] <= 0 <= difference["high"]:
        return _("not shown"), "none"
    return (_("better"), "good") if (difference["low"] > 0) == (better == "higher") else (_("worse"), "bad")


def _difference_chart(difference: Record | None, tone: Tone) -> Cell:
    if difference is None or difference.get("low") is None or difference.get("high") is None:
        return Cell(DASH)
    reach = max(abs(difference["low"]), abs(difference["high"]), 1e-12) * 1.15
    svg = charts.mini_interval(
        difference["value"], difference["low"], difference["high"], domain=(-reach, reach), reference=0.0, tone=tone
    )
    return Cell(
        "",
        svg=svg,
        alt=_("Difference {difference}, interval {interval}, dotted line at 0.").format(
            difference=number(difference, signed=True), interval=interval(difference, signed=True)
        ),
    )


def _confusion(counts: Record, *, event: str) -> Table:
    other = _("not {event}").format(event=event)
    return Table(
        caption=_("Decisions at the threshold, in rows"),
        columns=(
            Column(_("True label"), width=30),
            Column(_("Predicted {event}").format(event=event), numeric=True),
            Column(_("Predicted {other}").format(other=other), numeric=True),
        ),
        rows=(
            (Cell(event), Cell(integer(counts.get("tp"))), Cell(integer(counts.get("fn")))),
            (Cell(other), Cell(integer(counts.get("fp"))), Cell(integer(counts.get("tn")))),
        ),
    )


def _curves(payload: Record) -> list[Block]:
    blocks: list[Block] = []
    by_id = {row.get("id"): row.get("candidate") or {} for row in payload.get("metrics") or []}
    points = [(float(a), float(b)) for a, b in payload.get("roc") or []]
    if points:
        at = (by_id.get("fpr", {}).get("value"), by_id.get("tpr", {}).get("value"))
        operating = (at[0], at[1]) if at[0] is not None and at[1] is not None else None
        said = (
            " "
            + _("At the decision threshold the false positive rate is {at} and the true positive rate {at2}.").format(
                at=decimal(at[0]), at2=decimal(at[1])
            )
            if operating
            else ""
        )
        alt = _("ROC curve of the candidate; area {auc}, interval {interval}.{said}").format(
            auc=number(by_id.get("auc")), interval=interval(by_id.get("auc")), said=said
        )
        blocks.append(
            Figure(
                charts.roc_curve(points, operating=operating),
                _("ROC curve. The dashed diagonal is chance."),
                alt,
                half=True,
            )
        )
    return blocks


def calibration(payload: Record) -> tuple[Block, ...]:
    """Return the calibration figures, the reliability chart and the bins of equal mass.

    Args:
        payload: ``calibration/v1``.
    """
    rows = [
        (
            Cell(str(row["title"]), sub=_beside(payload) if row["id"] == "ece" else ""),
            Cell(number(row["number"])),
            Cell(interval(row["number"]) or why(row["number"])),
        )
        for row in payload.get("metrics") or ()
    ]
    test = payload.get("spiegelhalter") or {}
    if test.get("z") is not None:
        rows.append(
            (
                Cell(_("Spiegelhalter z (right is 0)")),
                Cell(decimal(test["z"], 2)),
                Cell(_("p {p}").format(p=decimal(test["p"]))),
            )
        )
    blocks: list[Block] = [
        Table(
            caption=counted("Calibration of the {of} on {n} evaluation rows", payload.get("n")).format(
                of=known(str(payload.get("of"))), n=integer(payload.get("n"))
            ),
            columns=(
                Column(_("Measure"), width=56),
                Column(_("Value"), numeric=True),
                Column(_("95 % interval"), numeric=True),
            ),
            rows=tuple(rows),
            note=_("Calibration says whether scores are right on average, not whether they tell people apart."),
        )
    ]
    bins = payload.get("bins") or []
    if bins and payload.get("task") != "regression":
        said = "; ".join(
            counted("predicted {predicted}, observed {observed}, {n} rows", row["n"]).format(
                predicted=decimal(row["predicted"]), observed=number(row["observed"]), n=integer(row["n"])
            )
            for row in bins
        )
        drawn = charts.calibration_plot([(row["predicted"], row["observed"]["value"], row["n"]) for row in bins])
        caption = _("Calibration by score bin. The area of a dot is its number of rows; the diagonal is perfect.")
        blocks.append(Figure(drawn, caption, _("Calibration by score bin: {said}.").format(said=said), half=True))
    if bins:
        blocks.append(_bins(bins))
    return tuple(blocks)


def _beside(payload: Record) -> str:
    expected = payload.get("expected_ece")
    if not expected:
        return ""
    return _("a perfectly calibrated model would show {mean} on so many rows, at most {upper} in 95 % of cases").format(
        mean=decimal(expected["mean"]), upper=decimal(expected["upper"])
    )


def _bins(bins: Sequence[Record]) -> Table:
    return Table(
        caption=_("Predicted and observed by bins of equal mass"),
        columns=(
            Column(_("Bin"), width=30),
            Column(_("Rows"), numeric=True),
            Column(_("Mean predicted"), numeric=True),
            Column(_("Observed"), numeric=True),
        ),
        rows=tuple(
            (
                Cell(_("{low} to {high}").format(low=decimal(row["low"]), high=decimal(row["high"]))),
                Cell(integer(row["n"])),
                Cell(decimal(row["predicted"])),
                Cell(number(row["observed"]), sub=interval(row["observed"])),
            )
            for row in bins
        ),
    )


def _criteria(criteria: Sequence[Record]) -> Table:
    rows = []
    for row in criteria:
        outcome, tone = _OUTCOMES.get(str(row["outcome"]), (words(str(row["outcome"])), "none"))
        share = row.get("share")
        held = (
            counted("{share} of {resamples} resamples", row["resamples"]).format(
                share=percent(share), resamples=integer(row["resamples"])
            )
            if share is not None
            else DASH
        )
        rows.append(
            (
                Cell(str(row["title"]), sub=str(row["expr"])),
                Cell(_(outcome), sub=str(row.get("reason") or ""), tone=tone),
                Cell(held, sub=""),
            )
        )
    return Table(
        caption=_("Success criteria of the AI system"),
        columns=(Column(_("Criterion"), width=46), Column(_("Outcome")), Column(_("Holds in"), numeric=True)),
        rows=tuple(rows),
    )


def _thresholds(payload: Record) -> Table:
    costs = payload.get("cost_matrix")
    columns = [
        Column(_("Threshold"), width=16),
        *(Column(name, numeric=True) for name in (_("Selected"), _("TPR"), _("FPR"), _("Precision"))),
    ]
    if costs:
        columns.append(Column(_("Cost, {unit}").format(unit=costs["unit"]), numeric=True))
    rows = []
    for row in payload["thresholds"]:
        cells = [Cell(decimal(row["threshold"]), sub=_("own") if row["own"] else "")]
        names = ["selection_rate", "tpr", "fpr", "precision", *(["cost"] if costs else [])]
        cells += [Cell(number(row[name]), sub=lines(interval(row[name]), _of(row[name]))) for name in names]
        rows.append(tuple(cells))
    return Table(
        caption=_("What each threshold would decide on these rows"),
        columns=tuple(columns),
        rows=tuple(rows),
        note=_(
            "The threshold is that of the version; no other is proposed here. The one that looks best on these "
            "rows would look worse on others."
        ),
    )


def _of(measured: Record) -> str:
    return denominator(measured) if measured.get("denominator") is not None else ""


def _classes(classes: Sequence[Record]) -> Table:
    return Table(
        caption=_("Classes, the lowest recall first"),
        columns=(
            Column(_("Class"), width=30),
            Column(_("Rows"), numeric=True),
            Column(_("Recall"), numeric=True),
            Column(_("Precision"), numeric=True),
        ),
        rows=tuple(
            (
                Cell(str(row["label"])),
                Cell(integer(row["n"])),
                *(
                    Cell(number(row[name]), sub=lines(interval(row[name]) or why(row[name]), _of(row[name])))
                    for name in ("recall", "precision")
                ),
            )
            for row in classes
        ),
    )


def _slices(slices: Record) -> Table:
    unit = f", {slices['unit']}" if slices.get("unit") else ""
    rows = []
    for row in slices["rows"]:
        name = ", ".join(f"{part['feature']} = {part['value']}" for part in row["slice"])
        worse = row["p_adjusted"] < _SURE
        rows.append(
            (
                Cell(name, sub=counted("{n} rows", row["n"]).format(n=integer(row["n"]))),
                Cell(number(row["value"]), sub=interval(row["value"])),
                Cell(number(row["rest"])),
                Cell(number(row["difference"], signed=True), sub=interval(row["difference"], signed=True)),
                Cell(
                    _("worse") if worse else _("not shown"),
                    sub=_("adjusted p {p_adjusted}").format(p_adjusted=decimal(row["p_adjusted"])),
                    tone="bad" if worse else "none",
                ),
            )
        )
    return Table(
        caption=_("Worst slices by {metric}{unit}").format(metric=slices["metric"], unit=unit),
        columns=(
            Column(_("Slice"), width=34),
            Column(_("In the slice"), numeric=True),
            Column(_("Elsewhere"), numeric=True),
            Column(_("Difference"), numeric=True),
            Column(_("Reading")),
        ),
        rows=tuple(rows),
        note=_(
            "{tested} slices of at least {minimum} rows were compared with all other rows, {too_small} were "
            "too small. P-values are adjusted for all of them (Holm), intervals are not."
        ).format(
            tested=integer(slices["tested"]), minimum=integer(slices["minimum"]), too_small=integer(slices["too_small"])
        ),
    )
