"""Build a document of any kind from a snapshot: the points of its outline, what the kind adds, and what is missing.

Pure: the same snapshot gives the same content. Nothing is added that the snapshot does not hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.documents import model_blocks, record_blocks
from reports.documents.asks import Answers
from reports.documents.content import Content, Facts, Paragraph, Section
from reports.documents.kind import Kind
from reports.documents.kinds import kind_of
from reports.documents.release_record import acts, class_of
from reports.documents.snapshot import Record, Snapshot, digest, language_of
from reports.documents.translation import N_, _, speaking
from reports.documents.wording import joined, known, moment

UNCONFIRMED = N_(
    "To be confirmed: the provision is there, its wording has not been read against the Official Journal. "
    "It is named here and counts as no duty."
)
_BY_ROUTE = {"": "", "annex_iii": N_("{day} (Annex III)"), "annex_i": N_("{day} (Annex I)")}


def build(snapshot: Record, *, language: str = "") -> Content:
    """Return what the document says, in its language.

    Args:
        snapshot: the object described in ``snapshot.md``; ``document.kind`` names the kind, ``document.language`` the
            language, English where it names none.
        language: another one, to compare documents of two languages; empty for the document's own.

    Raises:
        SnapshotInvalid: a part that every document needs is absent, a declaration has no role or date, it is not
            plain JSON, there is no such kind, or no catalogue of the language.
        CatalogueInvalid: there is a catalogue, and it cannot be used.
    """
    checked = Snapshot(snapshot)
    spoken = language or language_of(checked)
    with speaking(spoken):
        return _built(checked, snapshot, spoken)


def _built(checked: Snapshot, snapshot: Record, language: str) -> Content:
    kind = kind_of(checked)
    law, document = checked.part("law"), checked.part("document")
    stated = kind.stated(checked)
    sections = (*kind.before(checked), *_points(kind, checked), *kind.after(checked))
    return Content(
        kind=kind.id,
        title=_(kind.title),
        subtitle=_(kind.subtitle),
        outline=_(kind.outline),
        document_id=str(document["id"]),
        snapshot_digest=digest(snapshot),
        created_at=str(document["created_at"]),
        law_version=str(law["version"]),
        language=language,
        organisation=str(checked.part("organisation").get("name") or ""),
        status=_status(checked, stated=stated),
        signature=_signature(checked.part("signature")),
        caveat="" if stated else _(kind.caveat),
        lead=_("What it states, the person states who signed it; this system does not.") if stated else _(kind.lead),
        cover=tuple(_cover(checked)),
        sections=sections,
        page_starts=kind.page_starts,
        sample=bool(snapshot.get("sample")),
        appendices=tuple(_appendices(kind, checked, sections)),
    )


def _cover(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    law, model, document = snapshot.part("law"), snapshot.part("model"), snapshot.part("document")
    yield _("AI system"), str(snapshot.part("system")["name"])
    if not snapshot.part("portfolio"):  # all systems have neither one version nor one class
        yield _("Provider"), str(snapshot.part("organisation").get("name") or _("not recorded"))
        named = (
            _("{name}, version {version}").format(name=model.get("name"), version=model.get("version"))
            if model.get("version")
            else _("not recorded")
        )
        yield _("Model version"), named
        yield _("Class under the AI Act"), class_of(snapshot)
    yield _("Law"), acts(law)
    yield _("Law as of"), _("{as_of} (register {law})").format(as_of=law["as_of"], law=_register_digest(law))
    yield _("Document made"), moment(document["created_at"])
    yield _("Document id"), str(document["id"])


def _status(snapshot: Snapshot, *, stated: bool) -> str:
    if stated:
        return _("Signed")
    return _("Signed draft") if snapshot.part("signature") else _("Unsigned draft")


def _signature(signature: Record) -> str:
    """Say on the cover how the file is signed; the file itself shows whether that still holds."""
    if not signature:
        return _("Not signed.")
    signer, level = signature["signer"], signature["level"]
    if signature.get("authority"):
        return _("Signed with the certificate of {signer} (PAdES {level}), time-stamped by {authority}.").format(
            signer=signer, level=level, authority=signature["authority"]
        )
    return _(
        "Signed with the certificate of {signer} (PAdES {level}). No time-stamp authority is set up: when "
        "it was signed is known from this system and its log only."
    ).format(signer=signer, level=level)


def _points(kind: Kind, snapshot: Snapshot) -> Iterator[Section]:
    answers = Answers(snapshot, kind.asks)
    points = kind.points(snapshot)
    ids = [str(point["id"]) for point in points]
    begun = set()
    for point, point_id in zip(points, ids, strict=True):
        above = point_id.rpartition(".")[0]
        if above in kind.headings and above not in begun:
            begun.add(above)
            yield _heading(kind, above, _binds(point))
        below = above in kind.headings or any(point_id.startswith(f"{other}.") for other in ids)
        number = number_of(point_id, kind.stem)
        yield Section(
            anchor=_anchor(point_id, kind.stem),
            number=number,
            title=str(point["title"]),
            level=2 if below else 1,
            point=point_id,
            requirement=_(UNCONFIRMED) if point.get("to_be_confirmed") else str(point.get("requirement") or ""),
            duty="" if below or point.get("to_be_confirmed") else _binds(point),
            paragraphs=_stands(point, answers.under(point_id, number=number)),
        )


def _stands(point: Record, paragraphs: tuple[Paragraph, ...]) -> tuple[Paragraph, ...]:
    """Return what stands under a point; under one to be confirmed nothing can be missing."""
    if not point.get("to_be_confirmed"):
        return paragraphs
    return tuple(paragraph for paragraph in paragraphs if paragraph.state != "missing")


def _binds(point: Record) -> str:
    """Return when a point binds, with both dates where they differ; an empty text where the register has none."""
    rows = [row for row in point.get("applies_from") or () if row.get("formal") or row.get("practical")]
    said = joined([_dated(row) for row in rows], _("{first} or {second}"))
    return _("applies from {said}").format(said=said) if said else ""


def _dated(row: Record) -> str:
    by_route = _BY_ROUTE[str(row["route"])]
    return _(by_route).format(day=_day(row)) if by_route else _day(row)


def _day(row: Record) -> str:
    formal, practical = row.get("formal"), row.get("practical")
    if formal and practical:
        return _("{formal} by the date in the Act, in practice from {practical}").format(
            formal=formal, practical=practical
        )
    return str(formal or practical)


def _two_dates(kind: Kind, sections: Sequence[Section], snapshot: Snapshot) -> Iterator[Facts]:
    """Say once why sections have two dates: the note of the register."""
    rows = [row for point in snapshot.part("law")["points"] for row in point.get("applies_from") or ()]
    both = {_day(row) for row in rows if row.get("formal") and row.get("practical")}
    if any(said in section.duty for section in sections for said in both):
        notes = dict.fromkeys(str(row["note"]) for row in rows if row.get("practical") and row.get("note"))
        yield Facts(_("Two dates of application"), tuple((_(kind.outline), note) for note in notes))


def _provisions(kind: Kind, snapshot: Snapshot) -> Iterator[Facts]:
    """Say where each point of the outline stands, under the addresses of the acts."""
    rows = [(str(row["id"]), row["source"]) for row in kind.points(snapshot) if row.get("source")]
    if rows:
        acts = {source["celex"]: source["eli"] for _point, source in rows}
        acts |= {source["changed_by"]: source["changed_by_eli"] for _point, source in rows if source.get("changed_by")}
        named = tuple((_("CELEX {celex}").format(celex=celex), eli) for celex, eli in acts.items())
        yield Facts(
            _("Sources of the points"), (*named, *((point_id, _provision(source)) for point_id, source in rows))
        )


def _provision(source: Record) -> str:
    said = _("CELEX {celex}, {at}").format(celex=source["celex"], at=source["at"])
    if source.get("changed_by"):
        said += "; " + _("{change} by CELEX {changed_by}, {changed_at}").format(
            change=known(source["change"]), changed_by=source["changed_by"], changed_at=source["changed_at"]
        )
    return said


def _heading(kind: Kind, reference: str, duty: str) -> Section:
    number = number_of(reference, kind.stem)
    outline, _dot, letter = reference.partition(".")
    asked = _("What {outline}, Section {letter} asks for.").format(outline=_(outline), letter=letter)
    return Section(_anchor(reference, kind.stem), number, _(kind.headings[reference]), 1, requirement=asked, duty=duty)


def number_of(point: str, stem: str) -> str:
    """Return the number of a section: ``2(g)`` for ``Annex IV.2.g``, ``3(b)(ii)``, and ``A.1`` for a lettered part."""
    first, *rest = point.removeprefix(stem).split(".")
    return ".".join([first, *rest]) if first.isalpha() else first + "".join(f"({part})" for part in rest)


def _anchor(point: str, stem: str) -> str:
    return f"point-{point.removeprefix(stem).replace('.', '-').lower()}"


def leaves(points: Sequence[str]) -> list[str]:
    """Return the ids that no other id of the list stands below: the points that ask for something themselves."""
    return [point for point in points if not any(other.startswith(f"{point}.") for other in points)]


def _appendices(kind: Kind, snapshot: Snapshot, sections: Sequence[Section]) -> Iterator[Facts]:
    cited = {source.id for section in sections for paragraph in section.paragraphs for source in paragraph.sources}
    made = [row for row in snapshot.rows("evidence") if (row.get("payload") or {}).get("method")]
    yield from model_blocks.methods([row for row in made if str(row.get("id")) in cited])
    yield from _two_dates(kind, sections, snapshot)
    yield from _provisions(kind, snapshot)
    log = snapshot.part("log")
    if log:
        yield record_blocks.values(
            _("Transparency log at the time of this document"),
            {
                _("Origin"): str(log.get("origin") or _("not recorded")),
                _("Entries"): f"{log['size']:,}" if log.get("size") is not None else _("not recorded"),
                _("Root"): str(log.get("root") or _("not recorded")),
                _("Checkpoint"): moment(log.get("checkpoint_at")),
            },
        )
    if snapshot.part("environment"):
        yield record_blocks.values(_("Software that made this document"), snapshot.part("environment"))


def _register_digest(law: Record) -> str:
    return str(law["version"]).rpartition("sha256:")[2][:12]
