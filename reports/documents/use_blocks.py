"""Tables of a version in use: monitored windows, the time as a canary, alerts."""

from __future__ import annotations

from collections.abc import Sequence

from reports.documents import record_blocks
from reports.documents.content import Cell, Column, Table
from reports.documents.snapshot import Record
from reports.documents.translation import _, counted
from reports.documents.wording import DASH, day, decimal, integer, moment, words


def windows(rows: Sequence[Record]) -> Table:
    """Return the monitored windows with their drift verdicts."""
    return Table(
        _("Monitored windows"),
        (
            Column(_("From")),
            Column(_("To")),
            Column(_("Records"), numeric=True),
            Column(_("Columns in drift"), numeric=True),
            Column(_("Verdict")),
            Column(_("Log"), numeric=True),
        ),
        tuple(
            (
                Cell(day(row.get("start"))),
                Cell(day(row.get("end"))),
                Cell(integer(row.get("n"))),
                Cell(
                    _("{drifted} of {columns}").format(
                        drifted=integer(row.get("drifted")), columns=integer(row.get("columns"))
                    )
                ),
                Cell(_("drift"), tone="bad") if row.get("dataset_drift") else Cell(_("quiet"), tone="good"),
                record_blocks.index_cell(row),
            )
            for row in rows
        ),
    )


def canary(payload: Record) -> Table:
    """Return when a version served a share of the traffic before it was promoted, and what its monitor saw of it."""
    spans = [
        (
            span["start"],
            span["end"],
            _("Behind {alias} by {by}").format(alias=payload["alias"], by=span["by"]),
            _("{days} days").format(days=decimal(span["days"], 1)),
        )
        for span in payload["spans"]
    ]
    windows = [
        (
            row["start"],
            row["end"],
            _("Drift window: {outcome}").format(outcome=words(row["outcome"])),
            counted("{n} records", row["n"]).format(n=integer(row["n"])),
        )
        for row in payload["windows"]
    ]
    return Table(
        _("Served before its promotion: {days} days, {n} records, {open} alerts open").format(
            days=decimal(payload["days"], 1), n=integer(payload["n"]), open=integer(payload["alerts"]["open"])
        ),
        (Column(_("From"), width=24), Column(_("To"), width=24), Column(_("What")), Column(_("Extent"), numeric=True)),
        tuple(
            (Cell(moment(start)), Cell(moment(end) if end else _("the request")), Cell(what), Cell(extent))
            for start, end, what, extent in [*spans, *windows]
        ),
        note=_(
            "As of the request, {as_of}. Records are those whose own event time lies in the time behind the "
            "alias; the serving process says when."
        ).format(as_of=moment(payload["as_of"])),
    )


def alerts(rows: Sequence[Record]) -> Table:
    """Return the alerts of the monitors and what they did."""
    return Table(
        _("Alerts"),
        (
            Column(_("Opened"), width=24),
            Column(_("Reason")),
            Column(_("Effect")),
            Column(_("State")),
            Column(_("Log"), numeric=True),
        ),
        tuple(
            (
                Cell(moment(row.get("opened_at"))),
                Cell(str(row.get("reason") or DASH)),
                Cell(str(row.get("effect") or DASH)),
                Cell(words(row.get("state"))),
                record_blocks.index_cell(row),
            )
            for row in rows
        ),
    )
