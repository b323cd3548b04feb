"""The quarterly report over all AI systems: each figure is counted from the rows that the snapshot holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date

from reports.documents.content import Cell, Column, Paragraph, Section, Table
from reports.documents.kind import Kind
from reports.documents.release_record import CLASSES
from reports.documents.snapshot import Record, Snapshot, rows_source
from reports.documents.translation import N_, _, counted
from reports.documents.wording import day, integer, listed, sentence_case, spelled, words

YEAR = 366
AGES = ((30, N_("up to 30 days")), (90, N_("31 to 90 days")), (10**6, N_("over 90 days")))
_OWN = {"signed", "age", "late"}  # columns whose values are worked out here
_NAMES = {"system", "version", "alias"}


def sections(snapshot: Snapshot) -> Iterator[Section]:
    """Yield the report, a section for each thing that is counted."""
    found = snapshot.part("portfolio")
    period = _("{since} to {until}").format(since=day(found.get("from")), until=day(found.get("until")))
    for place, (anchor, title, ask, tables) in enumerate(_PARTS, start=1):
        rows = found.get(anchor) or ()
        yield Section(
            anchor,
            str(place),
            _(title),
            1,
            requirement=_("{ask} Period: {period}.").format(ask=_(ask), period=period),
            paragraphs=_counted(anchor, rows, tables, found),
        )


def _counted(
    name: str, rows: Sequence[Record], tables: Callable[[Sequence[Record], Record], Iterable[Table]], found: Record
) -> tuple[Paragraph, ...]:
    source = rows_source(f"portfolio.{name}", rows)
    n = len(rows)
    if n > 1:
        text = counted("Counted from {n} rows of the snapshot.", n).format(n=integer(n))
    else:
        text = _("Counted from one row of the snapshot.") if n else _("None in the period: no row to count.")
    return (Paragraph("measured", text, tuple(tables(rows, found)) if rows else (), (source,)),)


def _by(rows: Iterable[Record], *keys: str, caption: str) -> Table:
    counts = Counter(tuple(_said(key, row.get(key)) for key in keys) for row in rows)
    return Table(
        caption,
        (*(Column(sentence_case(words(key))) for key in keys), Column(_("Count"), numeric=True)),
        tuple((*(Cell(part) for part in place), Cell(integer(count))) for place, count in sorted(counts.items())),
    )


def _said(key: str, value: object) -> str:
    if value is None:
        return _("not set")
    if key == "ai_act_class":
        return _(CLASSES[str(value)])
    if key in _OWN:
        return _(str(value))
    return spelled(str(value)) if key in _NAMES else words(str(value))


def _systems(rows: Sequence[Record], found: Record) -> Iterator[Table]:
    yield _by(rows, "ai_act_class", "model_tier", caption=_("AI systems by class and tier"))
    yield _by(rows, "state", caption=_("AI systems by state"))
    until = str(found.get("until"))
    signed = [{**row, "signed": _signed(row, until)} for row in rows]
    yield _by(signed, "model_tier", "signed", caption=_("Tiers by the age of their signature at the end of the period"))


def _signed(row: Record, until: str) -> str:
    at = row.get("tier_signed_at")
    if not at or str(at) >= until:
        return N_("not signed by then")
    return N_("over a year") if _days(str(at), until) > YEAR else N_("up to a year")


def _live(rows: Sequence[Record], _found: Record) -> Iterator[Table]:
    yield _by(rows, "model_tier", "validation", caption=_("Live versions by tier and validation"))
    yield _by(rows, "due", caption=_("Live versions by when they are due to be validated again"))
    late = [row for row in rows if row.get("due") == "late"]
    if late:
        yield _by(late, "system", "version", caption=_("Overdue to be validated again"))
    yield _by(rows, "drift", caption=_("Live versions by drift measured in the period"))
    blind = [row for row in rows if row.get("drift") != "measured"]
    if blind:
        yield _by(blind, "version", "alias", "drift", caption=_("Live versions whose drift was not measured"))


def _approvals(rows: Sequence[Record], _found: Record) -> Iterator[Table]:
    yield _by(rows, "state", caption=_("Requests opened or settled, by state when this was made"))
    yield _by(rows, "system", "state", caption=_("The same by system"))


def _findings(rows: Sequence[Record], found: Record) -> Iterator[Table]:
    until = str(found.get("until"))
    left = [row for row in rows if not row.get("closed_at") or str(row["closed_at"]) >= until]
    aged = [
        {**row, "age": _age(row, until), "late": N_("late") if str(row.get("due_on")) < until[:10] else N_("in time")}
        for row in left
    ]
    yield _by(rows, "severity", caption=_("Findings that were open in the period"))
    yield _by(aged, "severity", "age", "late", caption=_("Findings open at its end, by age"))


def _age(row: Record, until: str) -> str:
    days = _days(str(row["at"]), until)
    return next(name for most, name in AGES if days <= most)


def _days(since: str, until: str) -> int:
    return (date.fromisoformat(until[:10]) - date.fromisoformat(since[:10])).days


def _waivers(rows: Sequence[Record], _found: Record) -> Iterator[Table]:
    yield _by(rows, "system", "state", caption=_("Waivers that ran in the period, by the state of their request"))


def _incidents(rows: Sequence[Record], _found: Record) -> Iterator[Table]:
    yield _by(rows, "system", "state", caption=_("Incidents that were open in the period"))


def _alerts(rows: Sequence[Record], _found: Record) -> Iterator[Table]:
    yield _by(rows, "system", "severity", "state", caption=_("Drift alerts opened in the period"))


def absent(snapshot: Snapshot) -> Iterator[Section]:
    """Yield the documents that each system owes and lacks, as gaps that its owner closes."""
    found = snapshot.part("portfolio")
    rows, titles = found.get("systems") or (), found.get("kinds") or {}
    source = rows_source("portfolio.systems", rows)
    gaps = [
        Paragraph("missing", f"{row['name']}: {text}.", owner="owner") for row in rows if (text := _lacks(row, titles))
    ]
    none = Paragraph("measured", _("No document that is owed is missing."), sources=(source,))
    yield Section(
        "documents",
        str(len(_PARTS) + 1),
        _("Documents missing by system"),
        1,
        requirement=_("What points of the Act ask each system for, by its signed classification, and is not made."),
        paragraphs=tuple(gaps or (none,)) if rows else (),
    )


def _lacks(row: Record, titles: Record) -> str:
    owed = row.get("owed")
    if owed is None:
        return _("which documents are owed can't be said before its classification is signed")
    lacking = [item for item in owed if item["kind"] not in (row.get("documents") or ())]
    return listed((f"{titles[item['kind']]}{_from(item)}" for item in lacking), empty="")


def _from(item: Record) -> str:
    return _(", owed from {since}").format(since=day(item["from"])) if item.get("from") else ""


_PARTS = (
    ("systems", N_("Inventory"), N_("The AI systems on record, by class under the AI Act and tier."), _systems),
    ("approvals", N_("Approvals"), N_("Requests for approval that were opened or settled."), _approvals),
    (
        "live",
        N_("Live versions"),
        N_(
            "What serves when this is made: whether it was validated and is due again, and whether its drift "
            "was measured."
        ),
        _live,
    ),
    ("findings", N_("Findings"), N_("What reviews found, by severity and age."), _findings),
    ("waivers", N_("Waivers"), N_("Failed checks that were let pass for a time."), _waivers),
    ("incidents", N_("Incidents"), N_("Incidents that may be serious."), _incidents),
    ("alerts", N_("Drift alerts"), N_("Windows in which monitoring found a breach or something to watch."), _alerts),
)
KIND = Kind(
    id="model-risk",
    title=N_("Model risk report"),
    subtitle=N_("All AI systems, one quarter"),
    outline="",
    duty="both",
    counted=False,
    before=sections,
    after=absent,
)
