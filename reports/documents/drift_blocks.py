"""Tables and charts of drift evidence: our score by column, interval and limit, and the reference library's value."""

from __future__ import annotations

from reports.documents import charts
from reports.documents.content import Block, Cell, Column, Figure, Table, Tone
from reports.documents.snapshot import Record
from reports.documents.translation import N_, _
from reports.documents.wording import (
    DASH,
    decimal,
    integer,
    interval,
    known,
    listed,
    number,
    reason,
    spelled,
)

_OUTCOMES: dict[str, tuple[str, Tone]] = {
    "stable": (N_("stable"), "good"),
    "drift": (N_("drift"), "bad"),
    "insufficient": (N_("insufficient"), "warn"),
}


def drift(payload: Record) -> tuple[Block, ...]:
    """Return the drift chart and table of one window against its reference."""
    window, reference = payload.get("window") or {}, payload.get("reference") or {}
    columns = payload.get("columns") or []
    table = Table(
        caption=_(
            "Drift by column, {start} to {end}: {n} records against {n_reference} in the reference window"
        ).format(
            start=str(window.get("start"))[:10],
            end=str(window.get("end"))[:10],
            n=integer(window.get("n")),
            n_reference=integer(reference.get("n")),
        ),
        columns=(
            Column(_("Column"), width=22),
            Column(_("Score"), numeric=True),
            Column(_("95 % interval"), numeric=True),
            Column(_("Limit"), numeric=True),
            Column(_("p, adjusted"), numeric=True),
            Column(_("Evidently"), numeric=True),
            Column(_("Outcome")),
        ),
        rows=tuple(_drift_row(row) for row in columns),
        note=_("Score: {value}. Evidently: the same column by the reference library.").format(
            value=listed(sorted({_method(row) for row in columns}))
        ),
    )
    rows = [
        charts.IntervalRow(
            label=spelled(str(row.get("column"))),
            value=row.get("value"),
            low=row.get("low"),
            high=row.get("high"),
            sub=known(str(row.get("kind") or "")),
            limit=row.get("limit"),
            cross=row.get("evidently"),
            tone=_OUTCOMES.get(str(row.get("outcome")), ("", "none"))[1],
        )
        for row in columns
        if row.get("value") is not None
    ]
    if not rows:
        return (table,)
    said = "; ".join(
        _("{label} {value}, limit {limit}").format(
            label=row.label, value=decimal(row.value), limit=decimal(row.limit, 2)
        )
        for row in rows
    )
    drawn = charts.interval_chart(rows, axis=_("Drift score"), floor=0.0)
    return (
        Figure(
            drawn,
            _("Drift score by column with 95 % interval, its limit (bar) and the value by Evidently (cross)."),
            f"{said}.",
        ),
        table,
    )


def _method(row: Record) -> str:
    names = {"psi": _("population stability index")}
    return names.get(str(row.get("method")), str(row.get("method") or _("not stated")))


def _drift_row(row: Record) -> tuple[Cell, ...]:
    outcome, tone = _OUTCOMES.get(str(row.get("outcome")), (known(str(row.get("outcome") or DASH)), "none"))
    return (
        Cell(spelled(str(row.get("column"))), sub=known(str(row.get("kind") or ""))),
        Cell(number(row)),
        Cell(interval(row)),
        Cell(decimal(row.get("limit"), 2)),
        Cell(decimal(row.get("p_adjusted"))),
        Cell(decimal(row.get("evidently"))),
        Cell(_(outcome), sub=reason(row), tone=tone),
    )
