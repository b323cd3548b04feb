"""Sample contexts of the document centre and of coverage: what is drawn from the sample snapshot, and bare cases."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from governance.regulation import record
from governance.regulation.classified import from_record
from governance.regulation.crosswalk import crosswalk, framework
from governance.regulation.dates import standing
from governance.regulation.register import load
from reports import covering
from reports.coverage import Held, Holdings, by_group, lines_of_controls, lines_of_duties
from reports.documents.building import build
from reports.documents.comparing import compare
from reports.documents.kinds import KINDS
from reports.documents.owing import owed
from reports.models import Document
from reports.web import centre_pages, coverage_pages, document_pages
from tests.common.samples import DOCUMENTS, NOW, SYSTEM, UID, a_digest, ago
from tests.documents import sample_kinds

TODAY = date(2026, 11, 23)
LONG = (
    "A system whose name is as long as a name can get when a department has words for it and no wish to leave any out"
)
HERE = SYSTEM | {"ai_act": "High-risk"}
FORMS = ["html", "json", "docx"]
OUTDATED = [
    "Newer evidence: fairness/v1, performance/v1, the last on 20 Nov 2026.",
    "2 answers of the record changed, the last on 19 Nov 2026.",
]
PLACES: dict[Any, str] = {"answers": "/record", "risks": "/risks", "documents": "/documents"}
LAW = {"as_of": TODAY, "disclaimer": "Not legal advice."}
CLASSIFIED = from_record(
    ai_act_class="high",
    annex_points=["Annex III.5.b"],
    trace=[],
    law_version="2026-11-23",
    roles=["provider", "deployer"],
)
STANDS = standing(CLASSIFIED, load(), on=TODAY)
LIST_PART: dict[str, Any] = {
    "documents": [
        DOCUMENTS[0] | {"state": "outdated", "outdated": OUTDATED, "to_sign": False},
        DOCUMENTS[0] | {"pk": "0c9e6679-7425-40de-944b-e07fc1f90ae7", "state": "superseded", "outdated": []},
    ],
    "filters": {"kind": "annex-iv", "state": "", "signed": "", "law": ""},
    "filtered": True,
    "choices": {
        "kinds": Document.Kind.choices,
        "states": centre_pages.STATES.items(),
        "signed": centre_pages.SIGNED.items(),
        "laws": [("2026-11-23+sha256:00", "23 Nov 2026")],
    },
    "total": 61,
    "newer": 1,
    "older": 3,
    "query": "system=&kind=annex-iv",
}


def _newest(**more: Any) -> dict[str, Any]:
    base = {
        "pk": UID,
        "title": "Technical documentation (Annex IV)",
        "made_at": ago(days=3),
        "measured": 41,
        "declared": 23,
        "missing": 4,
        "law_version": "23 Nov 2026",
        "signed": "file",
        "outdated": [],
    }
    return base | more


def centre(*, classified: bool = True) -> dict[str, Any]:
    """Every kind: out of date, never made, waiting for a signature, being made, owed later or not at all."""
    newest = {
        "annex-iv": _newest(outdated=OUTDATED),
        "annex-v": _newest(signed="waiting", missing=0),
        "annex-viii": _newest(signed="unsigned", measured=0, declared=0, missing=31),
        "risk-file": _newest(signed="statement"),
    }
    kinds = [
        {
            **centre_pages._kind(kind, owed(kind, STANDS if classified else None)),
            "elsewhere": {"label": "Incidents", "url": "/incidents"},
            "newest": newest.get(kind.id),
            "versions": 3 if kind.id == "annex-iv" else 1,
            "building": kind.id == "fria",
        }
        for kind in KINDS.values()
        if kind.id != "model-risk"
    ]
    return {
        "system": HERE,
        "classified": classified,
        "roles": ["provider", "deployer"],
        "kinds": kinds,
        "stats": centre_pages._stats(kinds),
        "forms": FORMS,
        "making": {"jobs": [], "running": False, "url": ""},
        "law": LAW,
    }


def _named(**more: Any) -> dict[str, Any]:
    base = {
        "pk": UID,
        "kind": "annex-iv",
        "title": "Technical documentation (Annex IV)",
        "subject": "Consumer credit scoring",
        "made_at": NOW,
        "law_version": "23 Nov 2026",
        "version": "v2",
    }
    return base | more


OLDER = _named(pk="0c9e6679-7425-40de-944b-e07fc1f90ae7", made_at=ago(days=30), law_version="20 Nov 2026", version="v1")


def _ours(words: str) -> str:
    """The Act's own words without the one that no page of ours may say."""
    return words.replace("compliance", "conformity")


def document(**more: Any) -> dict[str, Any]:
    """The full sample, with its gaps, beside an older version."""
    snapshot = sample_kinds.full("annex-iv")
    for point in snapshot["law"]["points"]:
        point["requirement"] = _ours(point["requirement"])
    content = build(snapshot)
    gaps = [
        {
            "anchor": gap.anchor,
            "point": gap.number,
            "what": gap.what,
            "role": gap.owner,
            "owner": "Model owner" if place else "",
            "place": {"label": "Answer in the record", "url": "/systems/1/record#q-hardware"} if place else None,
        }
        for place, gap in enumerate(content.gaps)
    ]
    base = {
        "document": {
            **_named(),
            "pdf_digest": a_digest("pdf"),
            "snapshot_digest": a_digest("snapshot"),
            "index": 1479,
            "signed": "waiting",
            "to_sign": True,
            **content.counts,
        },
        "system": SYSTEM,
        "newer": None,
        "versions_made": 61,
        "outdated": OUTDATED,
        "versions": [_named() | {"here": True, "missing": 4}, OLDER | {"here": False, "missing": 9}],
        "forms": FORMS,
        "preview": document_pages._preview(content),
        "gaps": gaps,
    }
    return base | more


def unreadable() -> dict[str, Any]:
    """An older one, made by another release."""
    return document(preview=None, gaps=[], newer=OLDER["pk"], versions_made=2, outdated=[])


def _changed() -> dict[str, Any]:
    """The sample with other words, another figure, an answer that was missing, and another law."""
    after = copy.deepcopy(sample_kinds.full("annex-iv"))
    after["law"]["version"] = "2026-12-01+sha256:" + "1" * 64
    after["law"]["points"][1]["requirement"] += " And one thing more."
    after["system"]["purpose"] = after["system"]["purpose"].replace("consumer", "private")
    for row in after["record"]:
        if not row["answer"]:
            row["answer"] = {
                "id": UID,
                "text": "It is so. <b>Not markup</b>",
                "role": "owner",
                "at": "2026-11-23T10:00:00Z",
            }
            break
    for row in after["evidence"]:
        if row["type"] == "performance/v1":
            row["payload"]["metrics"][0]["candidate"]["value"] = 0.61
            row["payload_digest"] = a_digest("another")
    after["findings"] = []
    return after


def changes(**more: Any) -> dict[str, Any]:
    """Two full versions with every kind of change between them."""
    found = compare(build(sample_kinds.full("annex-iv")), build(_changed()))
    base = {
        "document": _named(),
        "system": SYSTEM,
        "older": OLDER,
        "others": [OLDER],
        "unreadable": False,
        **document_pages._changes(found),
    }
    return base | more


def only_one(**more: Any) -> dict[str, Any]:
    """A document that has no other version."""
    nothing = {"sections": [], "counts": [], "law": None, "cover": [], "same": False}
    return {"document": _named(), "system": SYSTEM, "older": None, "others": [], "unreadable": False} | nothing | more


HELD = Holdings(
    evidence={
        "performance/v1": Held(4, ago(days=2)),
        "calibration/v1": Held(1, ago(days=2)),
        "robustness/v1": Held(1, ago(days=90), stale=True),
        "drift/v1": Held(12, ago(days=1)),
        "human_review/v1": Held(1, ago(days=90), stale=True),
    },
    events={"approval.decided": Held(3, ago(days=2)), "criteria.signed": Held(1, ago(days=40))},
    answers={question: Held(1, ago(days=9)) for question in list(record.load().questions)[:25]},
    documents={"annex-iv": Held(2, ago(days=30), stale=True), "risk-file": Held(1, ago(days=3))},
    risks=Held(4, ago(days=11)),
    monitoring=Held(1, ago(days=1), stale=True),
)


def coverage(*, controls: str = "", **more: Any) -> dict[str, Any]:
    """The duties of a system that is high-risk, whenever they apply; or the controls of a framework."""
    asked = {"framework": controls, "when": "all"}
    lines = (
        lines_of_controls(crosswalk().for_framework(framework("sr-11-7")), record.load(), HELD)
        if controls
        else lines_of_duties(STANDS.duties, covering.asked_by, HELD)
    )
    lines = tuple(replace(line, title=_ours(line.title)) for line in lines if not line.id.startswith("Annex"))
    chosen = coverage_pages._chosen(asked)
    base = {
        "system": HERE,
        "classified": True,
        "filters": chosen,
        "filtered": False,
        "choices": {
            "frameworks": [("ai-act", "EU AI Act, by your duties"), ("sr-26-2", "SR 26-2")],
            "when": coverage_pages.WHEN.items(),
            "groups": [("Art 9", "Art 9"), ("Art 10", "Art 10")],
            "states": coverage_pages.WHOLE_WORDS.items(),
        },
        "columns": [(name, coverage_pages.COLUMN_WORDS[name]) for name in coverage_pages.COLUMNS],
        "lines": [coverage_pages._line(line, PLACES) for line in lines],
        "total": len(lines),
        "stats": [{"value": 12, "label": "all of it is held", "tone": "ok"}],
        "legacy": chosen["legacy"],
        "note": coverage_pages.NOTE,
        "law": LAW,
        "today": TODAY,
    }
    return base | more


def coverage_map(systems: int = 9) -> dict[str, Any]:
    """Articles over systems: one well kept, one bare, one not classified, and more than fit the screen."""
    shares = by_group(lines_of_duties(STANDS.duties, covering.asked_by, HELD))
    bare = by_group(lines_of_duties(STANDS.duties, covering.asked_by, Holdings()))
    pages = [
        {"pk": UID, "name": LONG if n == 1 else f"System {n}", "ai_act": "High-risk", "classified": n != 2, "url": "/s"}
        for n in range(systems)
    ]
    rows = []
    for group, title in coverage_pages._articles():
        if group in shares:
            found = [shares[group], bare[group], None, *[shares[group]] * (systems - 3)][:systems]
            cells = [coverage_pages._said_of(share) | ({"url": "/s"} if share else {}) for share in found]
            rows.append({"group": group, "title": title, "cells": cells})
    return {
        "systems": pages,
        "rows": rows if systems else [],
        "pager": {"shown": systems, "total": 29, "newer": "?page=1", "older": "?page=3"},
        "when": "all",
        "whens": coverage_pages.WHEN.items(),
        "note": coverage_pages.NOTE,
        "law": LAW,
        "today": TODAY,
    }


def being_made() -> dict[str, Any]:
    """The centre while a worker draws one."""
    job = {
        "kind": "fria",
        "title": "Fundamental rights impact assessment (Art. 27)",
        "subject": "Consumer credit scoring",
        "state": "running",
        "open": True,
        "message": "asked for by Model owner, page 3 of 12",
        "age": timedelta(seconds=7),
    }
    return centre() | {"making": {"jobs": [job], "running": True, "url": "/documents/making"}}


CENTRE: dict[str, tuple[str, Any]] = {
    "system-documents": ("reports/centre.html", centre),
    "system-documents-making": ("reports/centre.html", being_made),
    "system-documents-unclassified": ("reports/centre.html", lambda: centre(classified=False)),
    "document-detail": ("reports/document.html", document),
    "document-unreadable": ("reports/document.html", unreadable),
    "document-changes": ("reports/changes.html", changes),
    "document-only-version": ("reports/changes.html", only_one),
    "document-changes-unreadable": (
        "reports/changes.html",
        lambda: only_one(older=OLDER, others=[OLDER], unreadable=True),
    ),
    "document-no-changes": ("reports/changes.html", lambda: only_one(older=OLDER, others=[OLDER], same=True)),
    "system-coverage": ("reports/coverage.html", coverage),
    "system-coverage-controls": ("reports/coverage.html", lambda: coverage(controls="sr-26-2")),
    "system-coverage-unclassified": ("reports/coverage.html", lambda: coverage(lines=[], classified=False, total=0)),
    "coverage": ("reports/coverage_map.html", coverage_map),
    "coverage-no-system": ("reports/coverage_map.html", lambda: coverage_map(0)),
}
