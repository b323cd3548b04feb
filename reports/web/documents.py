"""What the page of documents shows, as plain values; ``templates/reports/documents.html`` says which."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from governance.accounts.access import may_read
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import grants_in_force
from governance.audit.selectors import indexes_of
from governance.common import clock
from governance.inventory import selectors as inventory
from governance.inventory.models import AISystem
from reports import selectors
from reports.documents.building import build
from reports.documents.content import STATES, Content, Section
from reports.documents.exports import TYPES
from reports.documents.snapshot import SnapshotInvalid
from reports.models import ABOUT_ONE_THING, STATED, Document, DocumentJob
from reports.web.choosing import version_choices

SHOWN = 100
OPEN = (DocumentJob.State.QUEUED, DocumentJob.State.RUNNING)
Row = dict[str, Any]


def documents_page(viewer: User, *, chosen: str | None, chosen_kind: str = "") -> Row:
    """Return the context of reports/documents.html beside its list; the queries do not grow with the documents.

    Args:
        chosen: id of an AI system; empty for all of them; None for the system of the newest document.
        chosen_kind: which kind's newest document the points and gaps are of; empty for the newest of any.
    Raises:
        Unknown: there is no such system.
    """
    systems = list(inventory.systems_for(viewer).values_list("pk", "name"))
    readable = selectors.documents_for(viewer)
    readable_kind = readable.filter(kind=chosen_kind) if chosen_kind else readable
    newest = _with_snapshot(readable_kind.filter(system__isnull=False)) if chosen is None else None
    ai_system = newest.system if newest else _chosen(viewer, systems, chosen)
    if ai_system and newest is None:
        newest = _with_snapshot(readable_kind.filter(system=ai_system))
    content = _content(newest) if ai_system and newest else None
    return {
        "systems_filter": systems,
        "system": {"pk": ai_system.pk, "name": ai_system.name, "ai_act": ai_system.get_ai_act_class_display()}
        if ai_system
        else None,
        "stats": _stats(content)
        if content
        else _stock(readable.filter(system=ai_system) if ai_system else readable, len(systems)),
        "map": _map(content) if content else None,
        "gaps": _gaps(content, ai_system) if content and ai_system else [],
        "unreadable": bool(ai_system and newest and content is None),
        "forms": list(TYPES),
        "making": making(viewer, ai_system),
        "build": {
            "kinds": kinds_offered(chosen_kind),
            "quarters": quarters(viewer),
            "versions": version_choices([ai_system.pk] if ai_system else [pk for pk, _ in systems]),
        }
        if systems
        else None,
    }


def kinds_offered(chosen: str = "") -> list[Row]:
    """Return the kinds that are asked for with a system alone; others are asked for with what they are about."""
    return [
        {"value": kind.value, "label": kind.label, "chosen": kind == chosen}
        for kind in Document.Kind
        if kind not in ABOUT_ONE_THING
    ]


def quarters(viewer: User) -> list[Row]:
    """Return the last four quarters for whoever reads all systems, newest first; nothing for others."""
    if not may_read(viewer, None):
        return []
    today = clock.now().date()
    first = today.replace(month=today.month - (today.month - 1) % 3, day=1)
    found = []
    for _back in range(4):
        label = _("{year}, quarter {n}").format(year=first.year, n=(first.month + 2) // 3)
        found.append({"value": first.isoformat(), "label": label})
        first = (first - timedelta(days=80)).replace(day=1)
    return found


def document_rows(documents: Iterable[Any]) -> list[Row]:
    """Return some documents as rows of a table, with their versions and their places in the log; two queries."""
    found = list(documents)
    places, versions = indexes_of([row.log_entry for row in found]), selectors.versions_described(found)
    return [
        {
            "pk": row.pk,
            "title": _("{title}, signed").format(title=row.get_kind_display())
            if row.signatory_id
            else row.get_kind_display(),
            "subject": row.subject_name,
            "version": f"v{version}" if (version := versions.get(row.pk)) else "",
            "made_at": row.made_at,
            "pdf_digest": row.pdf_digest,
            "snapshot_digest": row.snapshot_digest,
            "measured": row.measured,
            "declared": row.declared,
            "missing": row.missing,
            "law_version": law_day(row.law_version),
            "state": "",
            "note": _("law as of {day}").format(day=law_day(row.law_version)),
            "index": places.get(row.log_entry),
            "to_sign": row.kind in STATED and row.signatory_id is None,
        }
        for row in found
    ]


def documents_of(system_id: uuid.UUID) -> list[Row]:
    """Return the five newest documents of one system, for pages below that show a system.

    Answers to persons are not among them: not everybody who reads the system reads those.
    """
    rows = Document.objects.filter(system=system_id).exclude(kind=Document.Kind.ANSWER)
    return document_rows(rows.select_related("system").defer("snapshot").order_by("-made_at")[:5])


def open_jobs(ai_system: AISystem | None) -> QuerySet[DocumentJob]:
    """Return the jobs that wait or are at work, of one system or of all."""
    rows = DocumentJob.objects.filter(state__in=OPEN)
    return rows.filter(system=ai_system) if ai_system else rows


def making(viewer: User, ai_system: AISystem | None) -> Row:
    """Return the jobs that wait, are at work, or failed last; ``running`` says whether the page asks again.

    A failure is shown until a later job of the same kind and system has gone better.
    """
    rows = selectors.jobs_for(viewer).select_related("requested_by")
    if ai_system:
        rows = rows.filter(system=ai_system)
    seen: set[tuple[str, uuid.UUID | None]] = set()
    shown = []
    for job in rows[:SHOWN]:
        what = (job.kind, job.system_id)
        if job.state in OPEN or (job.state == DocumentJob.State.FAILED and what not in seen):
            shown.append(_job(job))
        seen.add(what)
    return {
        "jobs": shown,
        "running": any(row["open"] for row in shown),
        "url": f"{reverse('document-making')}?system={ai_system.pk if ai_system else ''}",
    }


def _job(job: DocumentJob) -> Row:
    since = job.started_at or job.made_at
    doing, name = job.stage or _("the facts are collected"), job.requested_by.name
    says = {
        DocumentJob.State.QUEUED: _("asked for by {name}, waits for a worker").format(name=name),
        DocumentJob.State.RUNNING: _("asked for by {name}, {doing}").format(name=name, doing=doing),
        DocumentJob.State.FAILED: job.error or _("it could not be built"),
    }
    return {
        "kind": job.kind,
        "title": job.get_kind_display(),
        "subject": job.system.name if job.system else _("All AI systems"),
        "state": job.state,
        "open": job.state in OPEN,
        "message": says[DocumentJob.State(job.state)],
        "age": clock.now() - since,
    }


def _chosen(viewer: User, systems: Sequence[tuple[uuid.UUID, str]], chosen: str | None) -> AISystem | None:
    """Return the system that is asked for; where none is named, the only one that there is."""
    if chosen is None and len(systems) == 1:
        chosen = str(systems[0][0])
    return inventory.system_for(viewer, chosen) if chosen else None


def _with_snapshot(documents: QuerySet[Document]) -> Document | None:
    return documents.defer(None).first()


def _content(document: Document) -> Content | None:
    """Return what a document says, None when its snapshot was made for another release of this page."""
    try:
        return build(document.snapshot)
    except SnapshotInvalid:
        return None


def law_day(law_version: str) -> str:
    """Return the as-of date of a register version such as ``2026-11-23+sha256:…`` as people write it."""
    try:
        return str(date_format(date.fromisoformat(law_version.partition("+")[0]), "j M Y"))
    except ValueError:
        return law_version


def _stats(content: Content) -> list[Row]:
    counts = content.counts
    return [
        {
            "value": counts["measured"],
            "unit": _("of {n}").format(n=sum(counts.values())),
            "label": _("paragraphs measured"),
        },
        {"value": counts["declared"], "label": _("declared by a person")},
        {"value": counts["missing"], "label": _("missing"), "tone": "warn" if counts["missing"] else "ok"},
    ]


def _stock(documents: QuerySet[Document], systems: int) -> list[Row]:
    counted = documents.order_by().aggregate(all=Count("pk"), systems=Count("system", distinct=True))
    return [
        {"value": counted["all"], "label": _("documents")},
        {"value": counted["systems"], "unit": _("of {n}").format(n=systems), "label": _("AI systems documented")},
    ]


def _map(content: Content) -> Row:
    """Return the points of the newest document as groups of tiles: a chapter with its parts, or chapters in a row."""
    groups = []
    for whole, chapters in groupby(content.chapters, key=lambda chapter: len(chapter) > 1 and chapter[0].number):
        found = [section for chapter in chapters for section in chapter]
        tiles = [_tile(section) for section in found if section.paragraphs]
        if not tiles:
            continue
        span = _("Points {first} to {last}").format(first=tiles[0]["point"], last=tiles[-1]["point"])
        groups.append({"title": f"{whole} {found[0].title}" if whole else span, "tiles": tiles})
    return {"title": _("{outline}, point by point").format(outline=content.outline or content.title), "groups": groups}


def _tile(section: Section) -> Row:
    counts: Row = {state: section.count(state) for state in STATES}
    prevails = "measured" if counts["measured"] >= counts["declared"] else "declared"
    state = "missing" if counts["missing"] else prevails
    return {"point": section.number, "title": section.title, "state": state, "note": "", **counts}


def _gaps(content: Content, ai_system: AISystem) -> list[Row]:
    """Return what is missing, each with the role that owes it and who holds that role now."""
    names = holders({gap.owner for gap in content.gaps}, ai_system)
    return [
        {
            "point": gap.number,
            "title": gap.what,
            "owner": {"name": ", ".join(names[gap.owner]), "role": role_word(gap.owner)},
            "due_on": None,
        }
        for gap in content.gaps
    ]


def role_word(value: str) -> str:
    """Return a role as people write it; what is no role of ours is written as it stands."""
    return str(Role(value).label) if value in Role.values else value.replace("_", " ").capitalize()


def holders(roles: Iterable[str], ai_system: AISystem) -> dict[str, list[str]]:
    """Return by role the names of the people who hold it for a system now; one query."""
    found: dict[str, list[str]] = {role: [] for role in roles}
    here = Q(system_id__isnull=True) | Q(system_id=ai_system.pk)
    grants = grants_in_force().filter(here, role__in=list(found), person__sponsor__isnull=True)
    for role, name in grants.order_by("person__name").values_list("role", "person__name").distinct():
        found[role].append(name)
    if Role.OWNER in found:
        found[Role.OWNER] = [ai_system.owner.name]
    return found
