"""The report of one serious incident, Article 73: what is on record, declared or missing under each paragraph."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reports.documents import release_record
from reports.documents.asks import Ask
from reports.documents.content import Declarant, Paragraph, Section, Source
from reports.documents.kind import Kind
from reports.documents.snapshot import Record, Snapshot, record_source
from reports.documents.translation import N_, _

CLOCKS = ("Art 73.2", "Art 73.3", "Art 73.4")
_CLOCK = "Latest day, "


def _incident(snapshot: Snapshot) -> Record:
    return snapshot.part("incident")


def under(point: str) -> Callable[[Snapshot], list[Paragraph]]:
    """Return an answer that prints the lines of the draft that belong to a paragraph of Article 73."""

    def answer(snapshot: Snapshot) -> list[Paragraph]:
        incident = _incident(snapshot)
        return [
            _paragraph(line, incident, snapshot)
            for section in incident.get("sections") or ()
            for line in section["lines"]
            if _belongs(section, line) == point
        ]

    return answer


def _belongs(section: Record, line: Record) -> str:
    """Return the paragraph under which a line stands: a clock under its own, the rest under that of its section."""
    label = str(line["label"])
    if label.startswith(_CLOCK):
        named = label.removeprefix(_CLOCK)
        return next((point for point in CLOCKS if named.startswith(point)), "Art 73.2")
    point = str(section["point"]).partition(",")[0]
    return point if point in {"Art 73.2", "Art 73.6"} else "Art 73.1"


def _paragraph(line: Record, incident: Record, snapshot: Snapshot) -> Paragraph:
    label, place = str(line["label"]), line.get("place")
    if line["state"] == "missing":
        return Paragraph(
            "missing", _("{label} is not on record.").format(label=label), owner=snapshot.owner("Art 73.1", "owner")
        )
    text = f"{label}: {line['text']}"
    if line["state"] == "declared":
        on = str(line.get("at") or incident.get("opened_at"))[:10]
        return Paragraph("declared", text, declared_by=Declarant(str(line.get("role") or "person"), on, place))
    source = Source(
        str(incident["id"]), _("incident record"), _("Incident"), line.get("digest"), place, None, "recorded"
    )
    return Paragraph("measured", text, sources=(source,))


def _recorded(snapshot: Snapshot, text: str) -> list[Paragraph]:
    incident = _incident(snapshot)
    source = record_source(incident, _("incident record"), _("Incident"), at_key="opened_at")
    return [Paragraph("measured", text, sources=(source,))] if incident.get("id") else []


def clock(point: str) -> Callable[[Snapshot], list[Paragraph]]:
    """Return an answer with the last day of a clock, or that the clock does not run for what is on record."""

    def answer(snapshot: Snapshot) -> list[Paragraph]:
        text = _("By what is on record of the incident, the time limit of this paragraph does not run.")
        return under(point)(snapshot) or _recorded(snapshot, text)

    return answer


def first_report(snapshot: Snapshot) -> list[Paragraph]:
    """How many reports were sent, and what is known to be missing from the next."""
    sent = _incident(snapshot).get("reports") or 0
    gaps = sum(
        line["state"] == "missing" for section in _incident(snapshot).get("sections") or () for line in section["lines"]
    )
    text = _(
        "Reports sent so far: {sent}. Things that this report does not hold: {gaps}; a first report may be incomplete."
    ).format(sent=sent, gaps=gaps)
    return _recorded(snapshot, text)


def equivalent_law(law: str) -> Callable[[Snapshot], list[Paragraph]]:
    """Return an answer on whether the notification is limited by another law."""

    def answer(snapshot: Snapshot) -> list[Paragraph]:
        limited = _incident(snapshot).get("equivalent_law") == law
        text = (
            _("By what is on record, the notification is limited by this paragraph.")
            if limited
            else _("By what is on record, the notification is not limited by this paragraph.")
        )
        return _recorded(snapshot, text)

    return answer


def notices(snapshot: Snapshot) -> Iterator[Section]:
    """Say first which incident it is and how the system is classified."""
    incident = _incident(snapshot)
    named = _recorded(snapshot, f"{incident.get('number')}: {incident.get('title')}")
    gap = Paragraph("missing", _("No incident is named."), owner=snapshot.owner("Art 73.1", "owner"))
    said = [part for text in incident.get("notices") or () for part in _recorded(snapshot, str(text))]
    yield Section("incident", "0", _("The incident"), 1, paragraphs=(*(named or (gap,)), *said))
    yield Section("class", "C", _("Class of the system"), 1, paragraphs=release_record.classification(snapshot))


_GONE = N_("No incident is named, so nothing stands here.")
KIND = Kind(
    id="incident",
    title=N_("Report of a serious incident"),
    subtitle=N_("Supports Article 73 of Regulation (EU) 2024/1689"),
    outline=N_("Article 73"),
    duty="provider",
    groups=("Art 73",),
    stem="Art ",
    asks=(
        Ask("Art 73.1", under("Art 73.1"), _GONE, "owner"),
        Ask("Art 73.2", under("Art 73.2"), _GONE, "owner"),
        Ask("Art 73.3", clock("Art 73.3"), _GONE, "owner"),
        Ask("Art 73.4", clock("Art 73.4"), _GONE, "owner"),
        Ask("Art 73.5", first_report, _GONE, "owner"),
        Ask("Art 73.6", under("Art 73.6"), _GONE, "owner"),
        Ask("Art 73.9", equivalent_law("Art 73.9"), _GONE, "owner"),
        Ask("Art 73.10", equivalent_law("Art 73.10"), _GONE, "owner"),
    ),
    caveat=N_("A draft for the authority's own form; nothing was sent by making it."),
    before=notices,
    counted=False,
)
