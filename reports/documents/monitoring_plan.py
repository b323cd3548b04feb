"""The post-market monitoring plan of Article 72, and what monitoring has shown so far."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from reports.documents import record_answers as answers
from reports.documents import record_blocks
from reports.documents import use_answers as use
from reports.documents.asks import Ask
from reports.documents.content import Cell, Column, Paragraph, Section, Table
from reports.documents.kind import Kind
from reports.documents.snapshot import Record, Snapshot, record_source, rows_source
from reports.documents.translation import N_, _
from reports.documents.wording import day, known, sentence_case, words

UNITS = {"every": N_("days in a window"), "labels_after": N_("days until labels come")}


def limits(snapshot: Snapshot) -> list[Paragraph]:
    """What the policy in force says about monitoring: windows, distances and limits."""
    policy = snapshot.part("policy")
    terms = policy.get("monitoring") or {}
    if not terms:
        return []
    said = {
        sentence_case(_(UNITS[name]) if name in UNITS else words(name)): _said(term)
        for name, term in terms.items()
        if term not in (None, [])
    }
    text = _("Signals and limits, from the policy {name} version {version}.").format(
        name=policy.get("name"), version=policy.get("version")
    )
    facts = record_blocks.values(_("Monitoring by the policy"), said)
    return [answers.measured(text, policy, _("policy version"), facts, at_key="published_at")]


def _said(term: object) -> object:
    if isinstance(term, dict):
        return ", ".join(f"{words(key)} {_said(value)}" for key, value in term.items() if value is not None)
    if isinstance(term, list):
        return ", ".join(str(_said(value)) for value in term)
    return known(term) if isinstance(term, str) else json.dumps(term)


def incidents(snapshot: Snapshot) -> list[Paragraph]:
    """The incidents that were written down, with what was reported."""
    rows = snapshot.rows("incidents")
    if not rows:
        return []
    sources = tuple(record_source(row, _("incident"), _("Incident"), at_key="opened_at") for row in rows)
    return [Paragraph("measured", _("Incidents written down so far."), (_table(rows),), sources)]


def _table(rows: Sequence[Record]) -> Table:
    return Table(
        _("Incidents"),
        (
            Column(_("Incident"), width=14),
            Column(_("Known since")),
            Column(_("Reported")),
            Column(_("State")),
            Column(_("Log"), numeric=True),
        ),
        tuple(
            (
                Cell(str(row.get("number"))),
                Cell(day(row.get("aware_at"))),
                Cell(day(row.get("reported_at"))),
                Cell(words(row.get("state"))),
                record_blocks.index_cell(row),
            )
            for row in rows
        ),
    )


def _or_none(snapshot: Snapshot, name: str, found: list[Paragraph], none: str) -> list[Paragraph]:
    """Return what was found, or that there is none on record: nobody owes an incident."""
    if found or not snapshot.has_no(name):
        return found
    return [Paragraph("measured", none, sources=(rows_source(name, ()),))]


def report(snapshot: Snapshot) -> Iterator[Section]:
    """Yield the report on what was collected, after the plan."""
    yield Section(
        "report", "R", _("Report"), 1, requirement=_("What was collected and analysed since the version is in use.")
    )
    noted = _or_none(snapshot, "incidents", incidents(snapshot), _("No incident was on record."))
    reviewed = _or_none(snapshot, "findings", answers.findings(snapshot), _("No finding was on record."))
    for anchor, number, title, found, gap, owner in (
        (
            "report-windows",
            "R.1",
            _("Windows and alerts"),
            use.monitored_windows(snapshot),
            _("No window was evaluated."),
            "owner",
        ),
        ("report-incidents", "R.2", _("Incidents"), noted, _("The incidents were not collected."), "owner"),
        ("report-findings", "R.3", _("Findings"), reviewed, _("The findings were not collected."), "validator"),
    ):
        missing = () if found else (Paragraph("missing", gap, owner=snapshot.owner("Art 72.2", owner)),)
        yield Section(anchor, number, title, 2, paragraphs=(*found, *missing))


KIND = Kind(
    id="art-72-plan",
    title=N_("Post-market monitoring"),
    subtitle=N_("Plan and report; supports Article 72 of Regulation (EU) 2024/1689"),
    outline=N_("Article 72"),
    duty="provider",
    groups=("Art 72",),
    stem="Art ",
    asks=(
        Ask("Art 72.1", use.monitor, N_("No monitor is set up."), "owner"),
        Ask("Art 72.2", use.monitored_windows, N_("No window of the system in use has been evaluated."), "owner"),
        Ask("Art 72.3", limits, N_("No policy names signals and limits for monitoring."), "policy_author"),
    ),
    page_starts=("R",),
    after=report,
)
