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
from reports.documents.snapshot import Record, Snapshot, digest
from reports.documents.wording import moment

UNCONFIRMED = (
    "To be confirmed: the provision is there, its wording has not been read against the Official Journal. It is named "
    "here and counts as no duty."
)
_BY_ROUTE = {"": "", "annex_iii": " (Annex III)", "annex_i": " (Annex I)"}


def build(snapshot: Record) -> Content:
    """Return what the document says.

    Args:
        snapshot: the object described in ``snapshot.md``; ``document.kind`` names the kind.

    Raises:
        SnapshotInvalid: a part that every document needs is absent, a declaration has no role or date, it is not
            plain JSON, or there is no such kind.
    """
    checked = Snapshot(snapshot)
    kind = kind_of(checked)
    law, document = checked.part("law"), checked.part("document")
    stated = kind.stated(checked)
    sections = (*kind.before(checked), *_points(kind, checked), *kind.after(checked))
    return Content(
        kind=kind.id,
        title=kind.title,
        subtitle=kind.subtitle,
        outline=kind.outline,
        document_id=str(document["id"]),
        snapshot_digest=digest(snapshot),
        created_at=str(document["created_at"]),
        law_version=str(law["version"]),
        language="en",
        organisation=str(checked.part("organisation").get("name") or ""),
        status=_status(checked, stated=stated),
        signature=_signature(checked.part("signature")),
        caveat="" if stated else kind.caveat,
        lead="What it states, the person states who signed it; this system does not." if stated else kind.lead,
        cover=tuple(_cover(checked)),
        sections=sections,
        page_starts=kind.page_starts,
        sample=bool(snapshot.get("sample")),
        appendices=tuple(_appendices(kind, checked, sections)),
    )


def _cover(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    law, model, document = snapshot.part("law"), snapshot.part("model"), snapshot.part("document")
    yield "AI system", str(snapshot.part("system")["name"])
    if not snapshot.part("portfolio"):  # all systems have neither one version nor one class
        yield "Provider", str(snapshot.part("organisation").get("name") or "not recorded")
        named = f"{model.get('name')}, version {model.get('version')}" if model.get("version") else "not recorded"
        yield "Model version", named
        yield "Class under the AI Act", class_of(snapshot)
    yield "Law", acts(law)
    yield "Law as of", f"{law['as_of']} (register {_register_digest(law)})"
    yield "Document made", moment(document["created_at"])
    yield "Document id", str(document["id"])


def _status(snapshot: Snapshot, *, stated: bool) -> str:
    if stated:
        return "Signed"
    return "Signed draft" if snapshot.part("signature") else "Unsigned draft"


def _signature(signature: Record) -> str:
    """Say on the cover how the file is signed; the file itself shows whether that still holds."""
    if not signature:
        return "Not signed."
    signer, level = signature["signer"], signature["level"]
    if signature.get("authority"):
        return f"Signed with the certificate of {signer} (PAdES {level}), time-stamped by {signature['authority']}."
    return (
        f"Signed with the certificate of {signer} (PAdES {level}). No time-stamp authority is set up: when it was "
        "signed is known from this system and its log only."
    )


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
            requirement=UNCONFIRMED if point.get("to_be_confirmed") else str(point.get("requirement") or ""),
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
    said = " or ".join(f"{_day(row)}{_BY_ROUTE[str(row['route'])]}" for row in rows)
    return f"applies from {said}" if said else ""


def _day(row: Record) -> str:
    formal, practical = row.get("formal"), row.get("practical")
    if formal and practical:
        return f"{formal} by the date in the Act, in practice from {practical}"
    return str(formal or practical)


def _two_dates(kind: Kind, sections: Sequence[Section], snapshot: Snapshot) -> Iterator[Facts]:
    """Say once why sections have two dates: the note of the register."""
    if any("in practice from" in section.duty for section in sections):
        rows = [row for point in snapshot.part("law")["points"] for row in point.get("applies_from") or ()]
        notes = dict.fromkeys(str(row["note"]) for row in rows if row.get("practical") and row.get("note"))
        yield Facts("Two dates of application", tuple((kind.outline, note) for note in notes))


def _provisions(kind: Kind, snapshot: Snapshot) -> Iterator[Facts]:
    """Say where each point of the outline stands, under the addresses of the acts."""
    rows = [(str(row["id"]), row["source"]) for row in kind.points(snapshot) if row.get("source")]
    if rows:
        acts = {source["celex"]: source["eli"] for _, source in rows}
        acts |= {source["changed_by"]: source["changed_by_eli"] for _, source in rows if source.get("changed_by")}
        named = tuple((f"CELEX {celex}", eli) for celex, eli in acts.items())
        yield Facts("Sources of the points", (*named, *((point_id, _provision(source)) for point_id, source in rows)))


def _provision(source: Record) -> str:
    said = f"CELEX {source['celex']}, {source['at']}"
    if source.get("changed_by"):
        said += f"; {source['change']} by CELEX {source['changed_by']}, {source['changed_at']}"
    return said


def _heading(kind: Kind, reference: str, duty: str) -> Section:
    number = number_of(reference, kind.stem)
    asked = f"What {reference.replace('.', ', Section ')} asks for."
    return Section(_anchor(reference, kind.stem), number, kind.headings[reference], 1, requirement=asked, duty=duty)


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
            "Transparency log at the time of this document",
            {
                "Origin": str(log.get("origin") or "not recorded"),
                "Entries": f"{log['size']:,}" if log.get("size") is not None else "not recorded",
                "Root": str(log.get("root") or "not recorded"),
                "Checkpoint": moment(log.get("checkpoint_at")),
            },
        )
    if snapshot.part("environment"):
        yield record_blocks.values("Software that made this document", snapshot.part("environment"))


def _register_digest(law: Record) -> str:
    return str(law["version"]).rpartition("sha256:")[2][:12]
