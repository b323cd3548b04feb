"""The risk file of Article 9: the risks on record with their measures, and what tests and use show of them."""

from __future__ import annotations

from collections.abc import Callable

from reports.documents import monitoring_plan, record_blocks
from reports.documents import record_answers as answers
from reports.documents import use_answers as use
from reports.documents.asks import Ask
from reports.documents.content import Cell, Column, Paragraph, Table
from reports.documents.kind import Kind
from reports.documents.snapshot import Record, Snapshot, declarant, evidence_source, record_source
from reports.documents.translation import N_, _
from reports.documents.wording import DASH, day, words

# Column of the table: key of a row of the snapshot's ``risks``.
_IDENTIFIED = {N_("Kind"): "kind", N_("What can happen"): "hazard", N_("Who is affected"): "affected"}
_EVALUATED = {N_("Likelihood"): "likelihood", N_("Severity"): "severity", N_("Review by"): "review_on"}
_TREATED = {N_("Measures"): "measures", N_("How they were tested"): "tests", N_("State"): "state"}
_RESIDUAL = {
    N_("Likelihood"): "residual_likelihood",
    N_("Severity"): "residual_severity",
    N_("State"): "state",
    N_("Decided by"): "accepted_by_role",
    N_("On"): "accepted_at",
    N_("Why"): "reason",
}


def of_risks(text: str, shown: dict[str, str]) -> Callable[[Snapshot], list[Paragraph]]:
    """Return an answer that prints these columns of the risks on record, as their authors declared them.

    A risk that says nothing in the first of the columns is left out. There is a paragraph for each role that declared
    some, dated by the newest of them.
    """
    first = next(iter(shown.values()))

    def answer(snapshot: Snapshot) -> list[Paragraph]:
        by_role: dict[str, list[Record]] = {}
        for row in snapshot.rows("risks"):
            if row.get(first):
                by_role.setdefault(str(row["role"]), []).append(row)
        return [_declared(text, shown, rows) for rows in by_role.values()]

    return answer


def tests_shown(snapshot: Snapshot) -> list[Paragraph]:
    """The evidence that the tests of measures name, by risk: that a test was made, not that it suffices."""
    named = [(row, shown) for row in snapshot.rows("risks") for shown in row.get("evidence") or ()]
    if not named:
        return []
    table = Table(
        _("Evidence of how measures were tested"),
        (
            Column(_("Risk"), width=24),
            Column(_("Evidence")),
            Column(_("About")),
            Column(_("Made")),
            Column(_("Log"), numeric=True),
        ),
        tuple(
            (
                Cell(f"R-{row['number']} {row['title']}"),
                Cell(str(shown["type"])),
                Cell(str(shown["about"])),
                Cell(day(str(shown["made_at"]))),
                record_blocks.index_cell(shown),
            )
            for row, shown in named
        ),
    )
    sources = tuple(dict.fromkeys(evidence_source(shown) for _, shown in named))
    return [Paragraph("measured", _("What shows the tests of the measures."), (table,), sources)]


def _declared(text: str, shown: dict[str, str], rows: list[Record]) -> Paragraph:
    newest = max(rows, key=lambda row: str(row["at"]))
    sources = tuple(record_source(row, _("risk"), _("Risk R-{number}").format(number=row["number"])) for row in rows)
    return Paragraph("declared", _(text), (_table(rows, shown),), sources, declared_by=declarant(newest))


def _table(rows: list[Record], shown: dict[str, str]) -> Table:
    return Table(
        _("Risks on record"),
        (Column(_("Risk"), width=24), *(Column(_(title)) for title in shown), Column(_("Log"), numeric=True)),
        tuple(
            (
                Cell(f"R-{row['number']} {row['title']}"),
                *(Cell(_said(key, row.get(key))) for key in shown.values()),
                record_blocks.index_cell(row),
            )
            for row in rows
        ),
    )


def _said(key: str, value: object) -> str:
    """Write one value: words of the organisation as they are, identifiers in words, days as days."""
    if value in (None, ""):
        return DASH
    if key in {"review_on", "accepted_at"}:
        return day(str(value))
    return words(str(value)) if key in {"kind", "state", "accepted_by_role"} else str(value)


_NONE = N_("No risk is on record.")
KIND = Kind(
    id="risk-file",
    title=N_("Risk file"),
    subtitle=N_("Supports Article 9 of Regulation (EU) 2024/1689"),
    outline=N_("Article 9"),
    duty="provider",
    groups=("Art 9",),
    stem="Art ",
    asks=(
        Ask("Art 9.2.a", of_risks(N_("Risks identified."), _IDENTIFIED), _NONE, "risk_officer"),
        Ask(
            "Art 9.2.b",
            of_risks(N_("How each risk is estimated."), _EVALUATED),
            N_("No risk is evaluated."),
            "risk_officer",
        ),
        Ask("Art 9.2.c", use.monitored_windows, N_("No window of the system in use has been evaluated."), "owner"),
        Ask("Art 9.2.c", monitoring_plan.incidents),
        Ask(
            "Art 9.2.d",
            of_risks(N_("What is done about each risk."), _TREATED),
            N_("No measure is on record."),
            "risk_officer",
        ),
        Ask("Art 9.2.d", use.release_policy("9(8)")),
        Ask(
            "Art 9.5",
            of_risks(N_("What is left of each risk."), _RESIDUAL),
            N_("No residual risk is judged."),
            "risk_officer",
        ),
        Ask("Art 9.5.c", use.instructions, N_("No instructions for use are attached."), "owner"),
        Ask("Art 9.6", tests_shown),
        Ask("Art 9.6", answers.overall_accuracy, N_("The version is not tested."), "engineer"),
        Ask("Art 9.6", answers.robustness, N_("No robustness evidence is attached."), "engineer"),
        Ask("Art 9.6", answers.findings),
        Ask("Art 9.8", answers.checks, N_("Metrics and limits fixed before the test are not shown."), "validator"),
        Ask("Art 9.9", answers.fairness),
    ),
)
