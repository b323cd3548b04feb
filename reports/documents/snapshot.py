"""The snapshot: everything a document may say, as one plain JSON object, with its digest.

Shape: ``snapshot.md`` beside this file. Only ``format``, ``document``, ``law`` and ``system`` must be there; whatever
else is absent, null or empty becomes a gap in the document and never an invention.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import rfc8785

from governance.regulation.classified import Classified
from governance.regulation.dates import applies_to
from governance.regulation.register import Application, Point, Register, Route, load
from reports.documents.content import Declarant, Source
from reports.documents.translation import ENGLISH, _, languages
from reports.documents.wording import words

FORMAT = "placet-snapshot/1"
Record = Mapping[str, Any]
ROUTES: tuple[Route, ...] = ("annex_iii", "annex_i")


class SnapshotInvalid(ValueError):
    """The snapshot lacks a field that every document needs, or a field has the wrong type. The message names it."""


def canonical(snapshot: Record) -> bytes:
    """Return the snapshot as RFC 8785 bytes: what is attached to the PDF and what its digest covers.

    Raises:
        SnapshotInvalid: it holds something that JSON cannot, such as a datetime, a NaN or an integer beyond 2^53.
    """
    try:
        return rfc8785.dumps(dict(snapshot))
    except (rfc8785.CanonicalizationError, TypeError, ValueError) as error:
        raise SnapshotInvalid(
            f"The snapshot is not plain JSON: {error}. Write times as text and undefined numbers as null."
        ) from error


def digest(snapshot: Record) -> str:
    """Return ``sha256:<hex>`` over the canonical bytes."""
    return f"sha256:{hashlib.sha256(canonical(snapshot)).hexdigest()}"


def law_part(
    *,
    register: Register | None = None,
    groups: Sequence[str] = ("Annex IV",),
    on_date: date | None = None,
    system: Classified | None = None,
) -> dict[str, Any]:
    """Return the ``law`` part of a snapshot: version, acts, and the points of ``groups`` in force on a day, with their
    wording and dates.

    Stored in the snapshot so that a document can be rendered again, byte for byte, after the register has moved on.

    Args:
        system: whose dates are given; None for a system without a signed class, which has those of both routes.
    """
    law = register or load()
    day = on_date or law.as_of
    points = []
    for point in (row for group in groups for row in law.points_of(group)):
        if law.in_force(point.id, day) is False or point.status == "deleted":
            continue
        points.append(
            {
                "id": point.id,
                "title": point.title,
                "requirement": point.requirement,
                "to_be_confirmed": point.to_be_confirmed,
                "source": _source(point),
                "applies_from": _dates(point, system, law),
            }
        )
    return {
        "version": law.version,
        "as_of": law.as_of.isoformat(),
        "on_date": day.isoformat(),
        "regulation": law.regulation.number,
        "celex": law.regulation.celex,
        "amended_by": law.regulation.amended_by,
        "amended_by_celex": law.regulation.amended_by_celex,
        "disclaimer": law.regulation.disclaimer,
        "points": points,
    }


def _source(point: Point) -> dict[str, str] | None:
    """Return where a point stands: the act and provision, and those that changed it; None where nobody recorded it."""
    source = point.source
    if source is None:
        return None
    found = {"celex": source.act.celex, "eli": source.act.eli, "at": source.at}
    if source.changed_by:
        found |= {
            "change": str(point.status),
            "changed_by": source.changed_by.celex,
            "changed_by_eli": source.changed_by.eli,
            "changed_at": source.changed_at,
        }
    return found


def _dates(point: Point, system: Classified | None, law: Register) -> list[dict[str, str | None]]:
    """Return when a point binds: once for a classified system, else once by each route where these differ."""
    if system is not None:
        return [_date("", applies_to(point, system, law)[0])]
    found = {route: law.applies_from(point.id, route=route) for route in ROUTES}
    if len(set(found.values())) == 1:
        return [_date("", found[ROUTES[0]])]
    return [_date(route, applies) for route, applies in found.items()]


def _date(route: str, applies: Application) -> dict[str, str | None]:
    formal, practical = (day.isoformat() if day else None for day in (applies.formal, applies.practical))
    return {"route": route, "formal": formal, "practical": practical, "note": applies.note}


class Snapshot:
    """A checked snapshot with typed access. An absent part reads as empty; asking never changes anything."""

    def __init__(self, raw: Record) -> None:
        if not isinstance(raw, Mapping):
            raise SnapshotInvalid("The snapshot is not a JSON object.")
        if raw.get("format") != FORMAT:
            raise SnapshotInvalid(f"The snapshot's format is {raw.get('format')!r}; this release reads {FORMAT!r}.")
        for part, keys in REQUIRED.items():
            found = raw.get(part)
            if not isinstance(found, Mapping):
                raise SnapshotInvalid(f"The snapshot lacks the object {part!r}.")
            absent = [key for key in keys if found.get(key) in (None, "", [])]
            if absent:
                raise SnapshotInvalid(f"The snapshot lacks {part}.{absent[0]}.")
        if not _is_list(raw["law"].get("points")):
            raise SnapshotInvalid("The snapshot lacks law.points.")
        for part in LISTS:
            if raw.get(part) is not None and not _is_list(raw[part]):
                raise SnapshotInvalid(f"{part!r} must be a list of objects.")
        # In the order and with the numbers of the canonical form: a database gives objects back in another order.
        self.raw: Record = json.loads(canonical(raw))

    def part(self, name: str) -> Record:
        """Return an object of the snapshot, empty if absent or null."""
        found = self.raw.get(name) or {}
        if not isinstance(found, Mapping):
            raise SnapshotInvalid(f"{name!r} must be an object.")
        return found

    def rows(self, name: str) -> Sequence[Record]:
        """Return a list of objects of the snapshot, empty if absent or null."""
        found: Sequence[Record] = self.raw.get(name) or ()
        return found

    def has_no(self, name: str) -> bool:
        """Return whether a list was collected and is empty; of one that is absent nobody can say."""
        return name in self.raw and self.raw[name] == []

    def evidence(self, evidence_type: str) -> Record | None:
        """Return the newest evidence of a type such as ``fairness/v1``, or None."""
        found = [row for row in self.rows("evidence") if row.get("type") == evidence_type and row.get("payload")]
        return max(found, key=lambda row: str(row.get("made_at") or ""), default=None)

    def dataset(self, role: str) -> Record | None:
        """Return the data set that plays ``role`` (training, evaluation, reference), or None."""
        return next((row for row in self.rows("datasets") if row.get("role") == role), None)

    def questions(self, point: str) -> Sequence[Record]:
        """Return what the system's record asks of people on a point of the Act, answered or not, in its order."""
        return [row for row in self.rows("record") if point in (row.get("points") or ())]

    def document(self, kind: str) -> Record | None:
        """Return the newest document of a kind that counts, or None."""
        return next((row for row in self.rows("documents") if row.get("kind") == kind), None)

    def owner(self, point: str, default: str) -> str:
        """Return the role that owes what is missing on a point; of a role that nobody holds, who stands in for it."""
        owners = self.part("owners")
        role = str(owners.get(point) or owners.get(point.rpartition(".")[0]) or default)
        return str(owners.get(role) or role)


REQUIRED: Mapping[str, tuple[str, ...]] = {
    "document": ("id", "created_at"),
    "law": ("version", "as_of", "regulation"),
    "system": ("name",),
}
LISTS = (
    "record",
    "documents",
    "datasets",
    "evidence",
    "checks",
    "approvals",
    "alias_history",
    "standing_approvals",
    "findings",
    "waivers",
    "history",
    "incidents",
    "risks",
    "correspondence",
    "permits",
    "requests",
)


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(row, Mapping) for row in value)


def language_of(snapshot: Snapshot) -> str:
    """Return the language that a document is written in: the one that its snapshot names, English where it names none.

    Raises:
        SnapshotInvalid: there is no catalogue of it here.
    """
    language = str(snapshot.part("document").get("language") or ENGLISH)
    if language not in languages():
        raise SnapshotInvalid(
            f"The snapshot's language is {language!r}; this release has words in {', '.join(languages())}."
        )
    return language


def evidence_source(row: Record) -> Source:
    """Return the footnote of one evidence."""
    return Source(
        id=str(row.get("id", "")),
        name=str(row.get("type", "evidence")),
        title=_("Evidence {type}").format(type=row.get("type", "")),
        digest=row.get("payload_digest"),
        log_index=row.get("log_index"),
        made_at=row.get("made_at"),
        origin=row.get("origin"),
    )


def record_source(row: Record, name: str, title: str, *, digest_key: str = "digest", at_key: str = "at") -> Source:
    """Return the footnote of one record (a model version, a decision, a permit): its id, digest and log entry."""
    return Source(
        id=str(row.get("id", "")),
        name=name,
        title=title,
        digest=row.get(digest_key),
        log_index=row.get("log_index"),
        made_at=row.get(at_key),
        origin="recorded",
    )


def rows_source(name: str, rows: Sequence[Record]) -> Source:
    """Return the footnote of something counted from rows of the snapshot, or of the statement that there are none."""
    return Source(
        name,
        _("rows of the snapshot"),
        _("The rows under {name}").format(name=name),
        digest({"rows": list(rows)}),
        origin="recorded",
    )


def declarant(row: Record) -> Declarant:
    """Return who declared a row that has ``role`` and ``at``, and, of an answer of the record, who reviewed it.

    Raises:
        SnapshotInvalid: one of the two is absent: a statement without them cannot be printed as declared.
    """
    if not row.get("role") or not row.get("at"):
        raise SnapshotInvalid(f"A declaration needs 'role' and 'at': {str(row.get('text', row))[:80]!r}.")
    return Declarant(str(row["role"]), str(row["at"])[:10], row.get("log_index"), _review(row))


def _review(row: Record) -> str:
    if "reviewed_by_role" not in row:
        return ""
    if not row.get("reviewed_by_role") or not row.get("reviewed_at"):
        return _("not reviewed")
    by, on = words(row["reviewed_by_role"]), str(row["reviewed_at"])[:10]
    return _("reviewed by the {role}, {on}").format(role=by, on=on)
