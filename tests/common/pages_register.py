"""Sample contexts of the legal register's pages: mostly the pages' own, since they are of data that ships."""

from __future__ import annotations

from datetime import date
from typing import Any

from governance.regulation.crosswalk import framework
from governance.regulation.dates import timeline
from governance.regulation.register import load
from governance.regulation.versions import difference, shipped
from governance.regulation.web import changed, pages
from tests.common.pages_retention import RETENTION
from tests.common.samples import UID

TODAY = date(2026, 11, 23)


def found() -> dict[str, Any]:
    """Points with every status, some of them."""
    law = load()
    rows = ("Art 26.5", "Art 26.5.financial", "Art 10.5", "Art 5.1.ba", "Art 50.2", "Art 4a.1", "Annex V.1")
    context = pages.register_page({"q": "financial", "status": "to_be_confirmed", "applies_on": "2027-12-02"})
    groups = [{"id": "Art 26", "title": "Of several", "points": [pages.point_row(law.point(row), law) for row in rows]}]
    return context | {"groups": groups, "newer": 1, "older": 3}


def a_point(name: str = "Art 10.2.f") -> dict[str, Any]:
    """One point that three systems are concerned by."""
    law = load()
    base = {"pk": UID, "name": "Consumer credit scoring", "basis": "Art 8, Art 16(a)"}
    base |= {"state": "later", "formal": date(2027, 12, 2), "practical": None}
    return {
        "point": pages.point_row(law.point(name), law),
        "crosswalk": [
            pages.crosswalk_row(row, law)
            for other in (name, "Art 14.4.d", "Art 72.2")
            for row in pages.crosswalk().for_point(other)
        ],
        "systems": [
            base,
            base | {"name": "Hiring", "state": "formally", "practical": date(2027, 12, 2)},
            base | {"name": "Chat", "state": "applies"},
            base | {"name": "Other", "state": "undated", "formal": None},
        ],
        "today": TODAY,
        **pages.law_facts(law),
    }


def the_timeline() -> dict[str, Any]:
    """As on the day of the register."""
    steps = timeline(load(), on=TODAY)
    rows = [pages._step(step) for step in steps]
    return {
        "picture": pages.timeline_picture(steps, TODAY),
        "steps": rows,
        "next": next(row for row in rows if row["passage"] == "next"),
        "today": TODAY,
        **pages.law_facts(load()),
    }


def changes() -> dict[str, Any]:
    """Against the first register that shipped; two systems."""
    law = load()
    old = next(iter(shipped().values()))
    system = {
        "pk": UID,
        "name": "Consumer credit scoring",
        "points": ["Art 26.5.financial", "Art 26.6.financial"],
        "signed_under": "2026-11-23 (63cb1f9c)",
        "made": [{"count": 2, "kind": "documents", "under": "2026-11-23 (63cb1f9c)"}],
    }
    reworded = {
        "id": "Art 9.2",
        "title": "Iterative lifecycle process",
        "here": False,
        "badges": [changed.KIND_BADGES["reworded"], changed.KIND_BADGES["redated"]],
        "before": "Run risk management as a planned process.",
        "after": "Run risk management as a continuous process.",
        "worded": True,
        "dated": True,
        "dates_before": "2027-12-02",
        "dates_after": "2028-12-02",
    }
    versions = [{"version": old.version, "as_of": old.as_of, "digest": old.digest}]
    counts = difference(old, law).counts
    return {
        "before": versions[0],
        "versions": versions,
        "counts": [{"kind": kind, "badge": changed.KIND_BADGES[kind], "count": counts[kind]} for kind in counts],
        "changes": [*(changed._change(row) for row in difference(old, law).changes), reworded],
        "systems": [system, system | {"name": "Chat", "points": [], "signed_under": "", "made": []}],
        **pages.law_facts(law),
    }


def dates() -> dict[str, Any]:
    """The block on a system's page."""
    group = [{"group": "Art 4", "count": 1}]
    due = {"on": date(2027, 12, 2), "kind": "date in the Act", "days": 374, "next": True, "count": 156}
    due |= {"groups": [{"group": "Art 9", "count": 17}, {"group": "Art 26", "count": 12}]}
    return {
        "on": TODAY,
        "today": False,
        "error": "“On” is a day, such as 2027-12-02. What follows is as of today.",
        "counts": {"applies": 1, "formally": 58, "later": 156, "undated": 1},
        "waiting": ["Art 26.5.financial", "Art 26.6.financial"],
        "notes": ["Outside the deferred sections; commentators differ."],
        "now": group,
        "upcoming": [due, due | {"kind": "can bite", "next": False}],
        "unconfirmed": load().unconfirmed_transitions,
        "other_law": True,
    }


REGISTER: dict[str, tuple[str, Any]] = {
    "register": ("regulation/register.html", found),
    "register-article": ("regulation/register.html", lambda: pages.register_page({"group": "Art 6"})),
    "register-none": ("regulation/register.html", lambda: pages.register_page({"q": "zebra"})),
    "register-point": ("regulation/point.html", a_point),
    "register-point-bare": (
        "regulation/point.html",
        lambda: a_point("Art 26.6.financial") | {"systems": [], "crosswalk": []},
    ),
    "register-timeline": ("regulation/timeline.html", the_timeline),
    **RETENTION,
    "register-changes": ("regulation/changes.html", changes),
    "register-changes-none": (
        "regulation/changes.html",
        lambda: changes() | {"before": None, "versions": [], "changes": [], "systems": [], "counts": []},
    ),
    **{
        f"register-{name}": ("regulation/crosswalk.html", lambda name=name: pages.crosswalk_page(framework(name)))
        for name in ("iso-42001", "sr-26-2", "sr-11-7", "gdpr-22")
    },
}
