"""Tables and charts of drift evidence: our score by column, interval and limit, and the reference library's value."""

from __future__ import annotations

from reports.documents import charts
from reports.documents.content import Block, Cell, Column, Figure, Table, Tone
from reports.documents.snapshot import Record
from reports.documents.wording import (
    DASH,
    decimal,
    integer,
    interval,
    listed,
    number,
    reason,
    words,
)

_OUTCOMES: dict[str, tuple[str, Tone]] = {
    "stable": ("stable", "good"),
    "drift": ("drift", "bad"),
    "insufficient": ("insufficient", "warn"),
}


def drift(payload: Record) -> tuple[Block, ...]:
    """Return the drift chart and table of one window against its reference."""
    window, reference = payload.get("window") or {}, payload.get("reference") or {}
    columns = payload.get("columns") or []
    table = Table(
        caption=f"Drift by column, {str(window.get('start'))[:10]} to {str(window.get('end'))[:10]}: "
        f"{integer(window.get('n'))} records "
        f"against {integer(reference.get('n'))} in the reference window",
        columns=(
            Column("Column", width=22),
            Column("Score", numeric=True),
            Column("95 % interval", numeric=True),
            Column("Limit", numeric=True),
            Column("p, adjusted", numeric=True),
            Column("Evidently", numeric=True),
            Column("Outcome"),
        ),
        rows=tuple(_drift_row(row) for row in columns),
        note=f"Score: {listed(sorted({_method(row) for row in columns}))}. Evidently: the same column by the "
        f"reference library.",
    )
    rows = [
        charts.IntervalRow(
            label=words(str(row.get("column"))),
            value=row.get("value"),
            low=row.get("low"),
            high=row.get("high"),
            sub=str(row.get("kind") or ""),
            limit=row.get("limit"),
            cross=row.get("evidently"),
            tone=_OUTCOMES.get(str(row.get("outcome")), ("", "none"))[1],
        )
        for row in columns
        if row.get("value") is not None
    ]
    if not rows:
        return (table,)
    said = "; ".join(f"{row.label} {decimal(row.value)}, limit {decimal(row.limit, 2)}" for row in rows)
    drawn = charts.interval_chart(rows, axis="Drift score", floor=0.0)
    return (
        Figure(
            drawn,
            "Drift score by column with 95 % interval, its limit (bar) and the value by Evidently (cross).",
            f"{said}.",
        ),
        table,
    )


def _method(row: Record) -> str:
    names = {"psi": "population stability index"}
    return names.get(str(row.get("method")), str(row.get("method") or "not stated"))


def _drift_row(row: Record) -> tuple[Cell, ...]:
    outcome, tone = _OUTCOMES.get(str(row.get("outcome")), (str(row.get("outcome") or DASH), "none"))
    return (
        Cell(words(str(row.get("column"))), sub=str(row.get("kind") or "")),
        Cell(number(row)),
        Cell(interval(row)),
        Cell(decimal(row.get("limit"), 2)),
        Cell(decimal(row.get("p_adjusted"))),
        Cell(decimal(row.get("evidently"))),
        Cell(outcome, sub=reason(row), tone=tone),
    )
