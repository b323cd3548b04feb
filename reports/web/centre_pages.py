"""What the document centre shows, as plain values: the kinds of one system, one document, and the list over all."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.accounts.models import User
from governance.common import clock
from governance.inventory import selectors as inventory
from governance.inventory import system_record
from governance.inventory.law import as_classified
from governance.inventory.models import AISystem
from governance.regulation.dates import standing
from governance.regulation.register import load
from reports import latest, selectors
from reports.documents.exports import TYPES
from reports.documents.freshness import Latest
from reports.documents.kind import Kind
from reports.documents.kinds import KINDS
from reports.documents.owing import Owed, not_asked, owed
from reports.models import ABOUT_A_VERSION, ABOUT_ONE_THING, LETTERS, STATED, Document
from reports.web.documents import document_rows, kinds_offered, law_day, making
from reports.web.staleness import sentences

A_PAGE = 25
DUTY_WORDS = {
    "provider": gettext_lazy("the provider"),
    "deployer": gettext_lazy("the deployer"),
    "both": gettext_lazy("provider and deployer"),
}
STATES = {
    "current": gettext_lazy("Newest, up to date"),
    "outdated": gettext_lazy("Newest, out of date"),
    "superseded": gettext_lazy("Superseded by a newer one"),
    "gaps": gettext_lazy("With something missing"),
    "complete": gettext_lazy("With nothing missing"),
}
SIGNED = {
    "statement": gettext_lazy("Statement signed"),
    "waiting": gettext_lazy("Statement waits for its signature"),
    "file": gettext_lazy("File signed with a certificate"),
    "unsigned": gettext_lazy("File not signed"),
}
Row = dict[str, Any]


def centre_page(ai_system: AISystem, viewer: User) -> Row:
    """Return the context of reports/centre.html; the queries do not grow with the documents."""
    law, today = load(), clock.now().date()
    signed = inventory.classification_in_force(ai_system)
    stands = standing(as_classified(signed, ai_system), law, on=today) if signed else None
    said = system_record.text_of(ai_system, "public-body")
    without = not_asked(signed.annex_points, said.text if said else None) if signed else ()
    mine = selectors.documents_for(viewer).filter(system=ai_system)
    counts = dict(mine.order_by().values_list("kind").annotate(n=Count("pk")))
    newest = {row.kind: row for row in latest.newest_documents([ai_system.pk])}
    changed = latest.latest_of([ai_system.pk])[ai_system.pk]
    under_way = making(viewer, ai_system)
    building = {job["kind"] for job in under_way["jobs"] if job["open"]}
    kinds = [
        {
            **_kind(kind, owed(kind, stands, without=without)),
            "elsewhere": _elsewhere(kind, ai_system),
            "newest": _newest(newest[kind.id], changed) if kind.id in newest else None,
            "versions": counts.get(kind.id, 0),
            "building": kind.id in building,
        }
        for kind in KINDS.values()
        if kind.id != Document.Kind.MODEL_RISK
    ]
    return {
        "system": {"pk": ai_system.pk, "name": ai_system.name, "ai_act": ai_system.get_ai_act_class_display()},
        "classified": signed is not None,
        "roles": ai_system.ai_roles,
        "kinds": kinds,
        "stats": _stats(kinds),
        "forms": list(TYPES),
        "making": under_way,
        "law": {"as_of": law.as_of, "disclaimer": law.regulation.disclaimer},
    }


def _kind(kind: Kind, found: Owed) -> Row:
    return {
        "id": kind.id,
        "label": str(Document.Kind(kind.id).label),
        "what": kind.subtitle,
        "duty": str(DUTY_WORDS[kind.duty]),
        "owed": {
            "state": found.state,
            "points": [{"id": point.id, "title": point.title} for point in (duty.point for duty in found.duties)],
            "basis": list(found.basis),
            "on": found.on,
            "when": "" if kind.counted else _("when the case arises"),
        },
        "asked_for_here": kind.id in {row["value"] for row in kinds_offered()},
        "dated": kind.id not in ABOUT_ONE_THING,
    }


def _elsewhere(kind: Kind, ai_system: AISystem) -> Row:
    """Return the page from which a document is asked for that a system alone does not say enough of."""
    if kind.id in ABOUT_A_VERSION:
        return {
            "label": _("Choose a version"),
            "url": f"{reverse('document-list')}?system={ai_system.pk}#build-version",
        }
    if kind.id == Document.Kind.REVIEW_PACK:
        return {"label": _("Choose a request"), "url": f"{reverse('inbox')}?system={ai_system.pk}"}
    if kind.id in LETTERS:
        return {"label": _("Correspondence"), "url": reverse("correspondence-list", args=[ai_system.pk])}
    return {"label": _("Incidents"), "url": f"{reverse('incident-list')}?system={ai_system.pk}"}


def _newest(row: Any, changed: Latest) -> Row:
    return {
        "pk": row.pk,
        "title": str(row.get_kind_display()),
        "made_at": row.made_at,
        "measured": row.measured,
        "declared": row.declared,
        "missing": row.missing,
        "law_version": law_day(row.law_version),
        "signed": signed_state(row),
        "outdated": sentences(latest.outdated(row, changed)),
    }


def signed_state(row: Document) -> str:
    """Return ``statement`` or ``waiting`` for kinds that a person signs, else ``file`` or ``unsigned``."""
    if row.kind in STATED:
        return "statement" if row.signatory_id else "waiting"
    return "file" if row.signature else "unsigned"


def _stats(kinds: Sequence[Row]) -> list[Row]:
    due = [row for row in kinds if row["owed"]["state"] == "owed" and not row["owed"]["when"]]
    made = [row for row in kinds if row["newest"]]
    old = sum(bool(row["newest"]["outdated"]) for row in made)
    missing = sum(row["newest"]["missing"] for row in made)
    have = sum(bool(row["newest"]) for row in due)
    return [
        {
            "value": have,
            "unit": _("of {n}").format(n=len(due)),
            "label": _("owed documents are made"),
            "tone": "warn" if have < len(due) else "",
        },
        {"value": old, "label": _("newest versions are out of date"), "tone": "warn" if old else ""},
        {"value": missing, "label": _("paragraphs are missing in the newest"), "tone": "warn" if missing else ""},
    ]


def list_part(viewer: User, asked: Mapping[str, str], system: uuid.UUID | None) -> Row:
    """Return what the list over all systems shows: filters, one page of rows, and where the next ones are.

    Args:
        system: of which the documents are; None for all.
        asked: ``kind``, ``state``, ``signed``, ``law`` and ``page``; what is no choice is not asked for.
    """
    readable = selectors.documents_for(viewer)
    laws = sorted(readable.order_by().values_list("law_version", flat=True).distinct(), reverse=True)
    chosen = {
        "kind": _one_of(asked.get("kind", ""), Document.Kind.values),
        "state": _one_of(asked.get("state", ""), STATES),
        "signed": _one_of(asked.get("signed", ""), SIGNED),
        "law": _one_of(asked.get("law", ""), laws),
    }
    rows = readable.filter(system=system) if system else readable
    rows = rows.filter(kind=chosen["kind"]) if chosen["kind"] else rows
    rows = rows.filter(law_version=chosen["law"]) if chosen["law"] else rows
    rows = _by_signature(_by_state(rows, viewer, chosen["state"]), chosen["signed"])
    page = Paginator(rows.order_by("-made_at", "pk"), A_PAGE)
    shown = page.get_page(asked.get("page", ""))
    documents = list(shown.object_list)
    return {
        "documents": _with_states(document_rows(documents), documents),
        "filters": chosen,
        "filtered": any(chosen.values()),
        "choices": {
            "kinds": Document.Kind.choices,
            "states": STATES.items(),
            "signed": SIGNED.items(),
            "laws": [(law, law_day(law)) for law in laws],
        },
        "total": page.count,
        "newer": shown.previous_page_number() if shown.has_previous() else None,
        "older": shown.next_page_number() if shown.has_next() else None,
        "query": urlencode({"system": system or "", **{name: value for name, value in chosen.items() if value}}),
    }


def _one_of(value: str, known: Any) -> str:
    return value if value in known else ""


def _standing_of(system_ids: set[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    """Return the newest document of each kind of some systems, each with what made it out of date.

    Kinds that are about one thing are left out: the newest letter takes no other's place.
    """
    changed = latest.latest_of(system_ids)
    return {
        row.pk: sentences(latest.outdated(row, changed[row.system_id]))
        for row in latest.newest_documents(system_ids)
        if row.system_id is not None and row.kind not in ABOUT_ONE_THING
    }


def _by_state(rows: QuerySet[Document], viewer: User, state: str) -> QuerySet[Document]:
    if state in {"gaps", "complete"}:
        return rows.filter(missing__gt=0) if state == "gaps" else rows.filter(missing=0)
    if not state:
        return rows
    found = _standing_of(set(inventory.systems_for(viewer).values_list("pk", flat=True)))
    if state == "superseded":
        return rows.exclude(kind__in=ABOUT_ONE_THING).exclude(pk__in=found)
    return rows.filter(pk__in=[pk for pk, said in found.items() if bool(said) == (state == "outdated")])


def _by_signature(rows: QuerySet[Document], signed: str) -> QuerySet[Document]:
    stated = Q(kind__in=STATED)
    wanted = {
        "statement": Q(signatory__isnull=False),
        "waiting": stated & Q(signatory__isnull=True),
        "file": Q(signature__isnull=False),
        "unsigned": Q(signature__isnull=True),
    }
    return rows.filter(wanted[signed]) if signed else rows


def _with_states(shown: list[Row], documents: Sequence[Document]) -> list[Row]:
    """Add to rows of the list whether each is the newest of its kind, and whether it is out of date."""
    found = _standing_of({row.system_id for row in documents if row.system_id})
    of_things = {row.pk for row in documents if row.kind in ABOUT_ONE_THING}
    for row in shown:
        said = found.get(row["pk"])
        row["outdated"] = said or []
        row["state"] = "" if row["pk"] in of_things else _state(said)
    return shown


def _state(said: list[str] | None) -> str:
    if said is None:
        return "superseded"
    return "outdated" if said else "current"
