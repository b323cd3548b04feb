"""The quarterly report over all AI systems: each figure is counted from the rows that the snapshot holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date

from reports.documents.content import Cell, Column, Paragraph, Section, Table
from reports.documents.kind import Kind
from reports.documents.release_record import CLASSES
from reports.documents.snapshot import Record, Snapshot, rows_source
from reports.documents.wording import day, integer, listed, words

AGES = ((30, "up to 30 days"), (90, "31 to 90 days"), (10**6, "over 90 days"))
_COUNT = Column("Count", numeric=True)


def sections(snapshot: Snapshot) -> Iterator[Section]:
    """Yield the report, a section for each thing that is counted."""
    found = snapshot.part("portfolio")
    period = f"{day(found.get('from'))} to {day(found.get('until'))}"
    for place, (anchor, title, ask, counted) in enumerate(_PARTS, start=1):
        rows = found.get(anchor) or ()
        yield Section(
            anchor,
            str(place),
            title,
            1,
            requirement=f"{ask} Period: {period}.",
            paragraphs=_counted(anchor, rows, counted, found),
        )


def _counted(
    name: str, rows: Sequence[Record], counted: Callable[[Sequence[Record], Record], Iterable[Table]], found: Record
) -> tuple[Paragraph, ...]:
    source = rows_source(f"portfolio.{name}", rows)
    of = "one row" if len(rows) == 1 else f"{integer(len(rows))} rows"
    text = f"Counted from {of} of the snapshot." if rows else "None in the period: no row to count."
    return (Paragraph("measured", text, tuple(counted(rows, found)) if rows else (), (source,)),)


def _by(rows: Iterable[Record], *keys: str, caption: str) -> Table:
    counts = Counter(tuple(_said(key, row.get(key)) for key in keys) for row in rows)
    return Table(
        caption,
        (*(Column(words(key).capitalize()) for key in keys), _COUNT),
        tuple((*(Cell(part) for part in place), Cell(integer(count))) for place, count in sorted(counts.items())),
    )


def _said(key: str, value: object) -> str:
    if value is None:
        return "not set"
    return CLASSES[str(value)] if key == "ai_act_class" else words(str(value))


def _systems(rows: Sequence[Record], _: Record) -> Iterator[Table]:
    yield _by(rows, "ai_act_class", "model_tier", caption="AI systems by class and tier")
    yield _by(rows, "state", caption="AI systems by state")


def _approvals(rows: Sequence[Record], _: Record) -> Iterator[Table]:
    yield _by(rows, "state", caption="Requests opened or settled, by state when this was made")
    yield _by(rows, "system", "state", caption="The same by system")


def _findings(rows: Sequence[Record], found: Record) -> Iterator[Table]:
    until = str(found.get("until"))
    left = [row for row in rows if not row.get("closed_at") or str(row["closed_at"]) >= until]
    aged = [
        {**row, "age": _age(row, until), "late": "late" if str(row.get("due_on")) < until[:10] else "in time"}
        for row in left
    ]
    yield _by(rows, "severity", caption="Findings that were open in the period")
    yield _by(aged, "severity", "age", "late", caption="Findings open at its end, by age")


def _age(row: Record, until: str) -> str:
    days = (date.fromisoformat(until[:10]) - date.fromisoformat(str(row["at"])[:10])).days
    return next(name for most, name in AGES if days <= most)


def _waivers(rows: Sequence[Record], _: Record) -> Iterator[Table]:
    yield _by(rows, "system", "state", caption="Waivers that ran in the period, by the state of their request")


def _incidents(rows: Sequence[Record], _: Record) -> Iterator[Table]:
    yield _by(rows, "system", "state", caption="Incidents that were open in the period")


def _alerts(rows: Sequence[Record], _: Record) -> Iterator[Table]:
    yield _by(rows, "system", "severity", "state", caption="Drift alerts opened in the period")


def absent(snapshot: Snapshot) -> Iterator[Section]:
    """Yield the documents that each system owes and lacks, as gaps that its owner closes."""
    found = snapshot.part("portfolio")
    rows, titles = found.get("systems") or (), found.get("kinds") or {}
    source = rows_source("portfolio.systems", rows)
    gaps = [
        Paragraph("missing", f"{row['name']}: {text}.", owner="owner") for row in rows if (text := _lacks(row, titles))
    ]
    none = Paragraph("measured", "No document that is owed is missing.", sources=(source,))
    yield Section(
        "documents",
        "7",
        "Documents missing by system",
        1,
        requirement="What points of the Act ask each system for, by its signed classification, and is not made.",
        paragraphs=tuple(gaps or (none,)) if rows else (),
    )


def _lacks(row: Record, titles: Record) -> str:
    owed = row.get("owed")
    if owed is None:
        return "which documents are owed can't be said before its classification is signed"
    lacking = [item for item in owed if item["kind"] not in (row.get("documents") or ())]
    return listed((f"{titles[item['kind']]}{_from(item)}" for item in lacking), empty="")


def _from(item: Record) -> str:
    return f", owed from {day(item['from'])}" if item.get("from") else ""


_PARTS = (
    ("systems", "Inventory", "The AI systems on record, by class under the AI Act and tier.", _systems),
    ("approvals", "Approvals", "Requests for approval that were opened or settled.", _approvals),
    ("findings", "Findings", "What reviews found, by severity and age.", _findings),
    ("waivers", "Waivers", "Failed checks that were let pass for a time.", _waivers),
    ("incidents", "Incidents", "Incidents that may be serious.", _incidents),
    ("alerts", "Drift alerts", "Windows in which monitoring found a breach or something to watch.", _alerts),
)
KIND = Kind(
    id="model-risk",
    title="Model risk report",
    subtitle="All AI systems, one quarter",
    outline="",
    duty="both",
    counted=False,
    before=sections,
    after=absent,
)
