"""What the page of one document and the page of its changes show, as plain values."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.accounts.models import User
from governance.audit.selectors import indexes_of
from reports import latest, selectors
from reports.documents.comparing import Change, Comparison, SectionChange
from reports.documents.content import Content, Paragraph, Source
from reports.documents.exports import TYPES
from reports.documents.render import Pictures, sections_shown
from reports.documents.wording import log_index, words
from reports.models import STATED, Document
from reports.web.centre_pages import signed_state
from reports.web.documents import law_day
from reports.web.gaps import gap_rows
from reports.web.staleness import sentences

VERSIONS_SHOWN = 50
KIND_WORDS = {
    "state": gettext_lazy("Another state"),
    "added": gettext_lazy("Added"),
    "removed": gettext_lazy("Removed"),
    "text": gettext_lazy("Other words"),
    "figures": gettext_lazy("Other figures"),
    "sources": gettext_lazy("Other sources"),
}
Row = dict[str, Any]


class Inline(Pictures):
    """Charts as addresses that hold them: an image that the page's policy lets through and that runs nothing."""

    def add(self, svg: str) -> str:
        """Return a chart as a ``data:`` address."""
        return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def document_page(row: Document, viewer: User) -> Row:
    """Return the context of reports/document.html; the queries do not grow with the documents."""
    content, versions = selectors.content_of(row), selectors.versions_of(viewer, row)
    found = list(versions[:VERSIONS_SHOWN])
    described = selectors.versions_described([row, *found])
    places = indexes_of([row.log_entry])
    return {
        "document": {
            **_named(row, described),
            "pdf_digest": row.pdf_digest,
            "snapshot_digest": row.snapshot_digest,
            "index": places.get(row.log_entry),
            "signed": signed_state(row),
            "to_sign": row.kind in STATED and row.signatory_id is None,
            "measured": row.measured,
            "declared": row.declared,
            "missing": row.missing,
        },
        "system": _system(row),
        **age_of(viewer, row),
        "versions_made": versions.count(),
        "versions": [
            {**_named(other, described), "here": other.pk == row.pk, "missing": other.missing} for other in found
        ],
        "forms": list(TYPES),
        "preview": _preview(content) if content else None,
        "gaps": gap_rows(content, row.snapshot, row.system) if content else [],
    }


def _named(row: Document, described: Mapping[uuid.UUID, str]) -> Row:
    return {
        "pk": row.pk,
        "kind": row.kind,
        "title": str(row.get_kind_display()),
        "subject": row.subject_name,
        "made_at": row.made_at,
        "law_version": law_day(row.law_version),
        "version": f"v{number}" if (number := described.get(row.pk)) else "",
    }


def _system(row: Document) -> Row | None:
    return {"pk": row.system.pk, "name": row.system.name} if row.system else None


def age_of(viewer: User, row: Document) -> Row:
    """Return what templates/reports/_old.html says of a version; of one that has a newer one that alone."""
    newest = selectors.versions_of(viewer, row).first()
    newer = newest.pk if newest and newest.pk != row.pk else None
    return {"newer": newer, "outdated": _outdated(row)}


def _outdated(row: Document) -> list[str]:
    """Return what changed since the newest version of a kind was made; nothing is said of older ones."""
    if row.system_id is None:
        return []
    newest = next((other for other in latest.newest_documents([row.system_id]) if other.pk == row.pk), None)
    return sentences(latest.outdated(newest, latest.latest_of([row.system_id])[row.system_id])) if newest else []


def _preview(content: Content) -> Row:
    shown = sections_shown(content, Inline())
    return {
        "title": content.title,
        "subtitle": content.subtitle,
        "status": content.status,
        "signature": content.signature,
        "caveat": content.caveat,
        "lead": content.lead,
        "cover": content.cover,
        "sections": [section for section in shown if section["paragraphs"] or section["level"] == 1],
        "sources": [_source(source, number) for number, source in enumerate(content.sources, start=1)],
    }


def _source(source: Source, number: int) -> Row:
    return {
        "number": number,
        "name": source.name,
        "id": source.id,
        "digest": source.digest or "",
        "made_at": source.made_at,
        "index": source.log_index,
        "evidence": source.id if _is_evidence(source) else "",
    }


def _is_evidence(source: Source) -> bool:
    """Return whether a source has a page of its own: it is named by its type, and known by the id of its row."""
    try:
        uuid.UUID(source.id)
    except ValueError:
        return False
    return "/" in source.name


def changes_page(row: Document, viewer: User, since: uuid.UUID | None) -> Row:
    """Return the context of reports/changes.html.

    Raises:
        Unknown: ``since`` is no version of the same document.
    """
    older, found = selectors.comparison(viewer, row, since)
    versions = list(selectors.versions_of(viewer, row)[:VERSIONS_SHOWN])
    described = selectors.versions_described([row, *versions, *([older] if older else [])])
    others = [_named(other, described) for other in versions if other.pk != row.pk]
    return {
        "document": _named(row, described),
        "system": _system(row),
        "older": _named(older, described) if older else None,
        "others": others,
        "unreadable": older is not None and found is None,
        **(_changes(found) if found else {"sections": [], "counts": [], "law": None, "cover": [], "same": False}),
    }


def _changes(found: Comparison) -> Row:
    return {
        "law": {"before": law_day(found.law.before), "after": law_day(found.law.after)} if found.law else None,
        "cover": [{"where": row.where, "before": row.before, "after": row.after} for row in found.cover],
        "counts": [
            {"kind": kind, "label": str(KIND_WORDS[kind]), "count": count} for kind, count in found.counts.items()
        ],
        "sections": [_section(section) for section in found.changed],
        "same": found.is_empty,
    }


def _section(section: SectionChange) -> Row:
    return {
        "anchor": section.anchor,
        "number": section.number,
        "title": section.title,
        "standing": section.standing,
        "same": section.same,
        "requirement": section.requirement,
        "changes": [_change(change) for change in section.changes],
    }


def _change(change: Change) -> Row:
    old, new = change.before, change.after
    return {
        "kind": change.kind,
        "label": str(KIND_WORDS[change.kind]),
        "before": _paragraph(old) if old else None,
        "after": _paragraph(new) if new else None,
        "values": change.values,
        "gone": _sources(change.gone),
        "come": _sources(change.come),
    }


def _paragraph(paragraph: Paragraph) -> Row:
    return {"state": paragraph.state, "text": paragraph.text, "behind": _behind(paragraph)}


def _behind(paragraph: Paragraph) -> str:
    if paragraph.declared_by is not None:
        who = paragraph.declared_by
        said = _("by the {role}, {day}").format(role=words(who.role), day=who.on)
        return f"{said}; {who.review}" if who.review else said
    return _("owed by the {role}").format(role=words(paragraph.owner)) if paragraph.owner else ""


def _sources(sources: Sequence[Source]) -> list[str]:
    return list(_said(sources))


def _said(sources: Iterable[Source]) -> Iterable[str]:
    for source in sources:
        yield ", ".join(
            filter(None, (source.name, source.id[:8], (source.digest or "")[:19], log_index(source.log_index)))
        )
