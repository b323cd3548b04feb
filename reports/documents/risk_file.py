"""The risk file of Article 9: the risks on record with their measures, and what tests and use show of them."""

from __future__ import annotations

from collections.abc import Callable

from reports.documents import monitoring_plan, record_blocks
from reports.documents import record_answers as answers
from reports.documents import use_answers as use
from reports.documents.asks import Ask
from reports.documents.content import Cell, Column, Paragraph, Table
from reports.documents.kind import Kind
from reports.documents.snapshot import Record, Snapshot, record_source
from reports.documents.wording import DASH, words

# Column of the table: key of a row of the snapshot's ``risks``.
_IDENTIFIED = {"Risk": "title", "Where it comes from": "source", "Who is affected": "affected", "Use": "in_use"}
_EVALUATED = {"Risk": "title", "Likelihood": "likelihood", "Severity": "severity", "Level": "level"}
_TREATED = {"Risk": "title", "Measure": "measures", "State": "state"}
_RESIDUAL = {"Risk": "title", "Residual level": "residual", "Judged by": "accepted_by_role", "On": "accepted_at"}


def of_risks(text: str, shown: dict[str, str], *, kind: str = "") -> Callable[[Snapshot], list[Paragraph]]:
    """Return an answer that prints these columns of the risks on record.

    Args:
        kind: only the risks with a measure of this kind (``eliminate``, ``mitigate``, ``inform``).
    """

    def answer(snapshot: Snapshot) -> list[Paragraph]:
        rows = [row for row in snapshot.rows("risks") if not kind or kind in (row.get("kinds_of_measures") or ())]
        rows = [row for row in rows if any(row.get(key) for key in list(shown.values())[1:])]
        if not rows:
            return []
        sources = tuple(record_source(row, "risk", "Risk") for row in rows)
        return [Paragraph("measured", text, (_table(rows, shown),), sources)]

    return answer


def _table(rows: list[Record], shown: dict[str, str]) -> Table:
    return Table(
        "Risks on record",
        (*(Column(title) for title in shown), Column("Log", numeric=True)),
        tuple((*(Cell(_said(row.get(key))) for key in shown.values()), record_blocks.index_cell(row)) for row in rows),
    )


def _said(value: object) -> str:
    if isinstance(value, list | tuple):
        return "; ".join(str(item) for item in value) or DASH
    return words(str(value)) if value not in (None, "") else DASH


_NONE = "No risk is on record."
KIND = Kind(
    id="risk-file",
    title="Risk file",
    subtitle="Supports Article 9 of Regulation (EU) 2024/1689",
    outline="Article 9",
    duty="provider",
    groups=("Art 9",),
    stem="Art ",
    asks=(
        Ask("Art 9.2.a", of_risks("Risks identified.", _IDENTIFIED), _NONE, "risk_officer"),
        Ask("Art 9.2.b", of_risks("How each risk is estimated.", _EVALUATED), "No risk is evaluated.", "risk_officer"),
        Ask("Art 9.2.c", use.monitored_windows, "No window of the system in use has been evaluated.", "owner"),
        Ask("Art 9.2.c", monitoring_plan.incidents),
        Ask(
            "Art 9.2.d", of_risks("What is done about each risk.", _TREATED), "No measure is on record.", "risk_officer"
        ),
        Ask("Art 9.2.d", use.release_policy),
        Ask(
            "Art 9.3",
            lambda _: [],
            "Which risks design, development or information can't reduce is not said apart from the others.",
            "risk_officer",
        ),
        Ask(
            "Art 9.5", of_risks("What is left of each risk.", _RESIDUAL), "No residual risk is judged.", "risk_officer"
        ),
        Ask(
            "Art 9.5.a",
            of_risks("Risks that were eliminated or reduced by design.", _TREATED, kind="eliminate"),
            "No measure by design is on record.",
            "risk_officer",
        ),
        Ask(
            "Art 9.5.b",
            of_risks("Risks under mitigation and control.", _TREATED, kind="mitigate"),
            "No measure of mitigation is on record.",
            "risk_officer",
        ),
        Ask("Art 9.5.c", use.instructions, "No instructions for use are attached.", "owner"),
        Ask("Art 9.6", answers.overall_accuracy, "The version is not tested.", "engineer"),
        Ask("Art 9.6", answers.robustness, "No robustness evidence is attached.", "engineer"),
        Ask("Art 9.6", answers.findings),
        Ask("Art 9.8", answers.checks, "Metrics and limits fixed before the test are not shown.", "validator"),
        Ask("Art 9.9", answers.fairness),
    ),
)
