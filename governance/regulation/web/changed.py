"""What the page of a register's changes shows: points that differ, and the systems and documents that this touches."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.accounts.models import User
from governance.common.templatetags.placet import DASH
from governance.regulation.register import Application, Register, load
from governance.regulation.systems import SystemInLaw, systems_for
from governance.regulation.versions import KINDS, Change, Dated, Difference, difference, shipped, touched
from governance.regulation.web.pages import Context, law_facts

KIND_BADGES = {
    "added": ("info", "plus", gettext_lazy("Added")),
    "removed": ("bad", "minus", gettext_lazy("Removed")),
    "reworded": ("warn", "declared", gettext_lazy("Re-worded")),
    "redated": ("warn", "due", gettext_lazy("Re-dated")),
    "otherwise": ("neutral", "diff", gettext_lazy("Otherwise")),
}


def changes_page(asked: Mapping[str, str], viewer: User) -> Context:
    """Return the context of regulation/changes.html; without a known version, against the one before."""
    law, known = load(), dict(shipped())
    older = [version for version in known if version != law.version]
    wanted = asked.get("from", "")
    before = known.get(wanted if wanted in older else older[-1] if older else "")
    if before is None:
        return {"versions": [], "changes": [], "systems": [], "before": None, "counts": [], **law_facts(law)}
    found = difference(before, law)
    return {
        "before": {"version": before.version, "as_of": before.as_of, "digest": before.digest},
        "versions": [
            {"version": version, "as_of": known[version].as_of, "digest": known[version].digest} for version in older
        ],
        "counts": [{"kind": kind, "badge": KIND_BADGES[kind], "count": found.counts[kind]} for kind in KINDS],
        "changes": [_change(change) for change in found.changes],
        "systems": touched_rows(systems_for(viewer), found, before, law),
        **law_facts(law),
    }


def touched_rows(systems: list[SystemInLaw], found: Difference, old: Register, new: Register) -> list[Context]:
    """Return the systems that a new register touches.

    Touched is a system that a changed point concerns. Its row says too whether its class was signed under another
    register than the new one, and which records, such as documents, name another.
    """
    rows = []
    for system in systems:
        points = touched(system.classified, found, old, new) if system.classified else ()
        signed_under = system.classified.law_version if system.classified else ""
        stale = [made for made in system.made if made.law_version != new.version]
        if points:
            rows.append(
                {
                    "pk": system.pk,
                    "name": system.name,
                    "points": [change.point_id for change in points],
                    "signed_under": _named(signed_under) if signed_under and signed_under != new.version else "",
                    "made": [
                        {"count": made.count, "kind": made.kind, "under": _named(made.law_version)} for made in stale
                    ],
                }
            )
    return rows


def dates_in_words(dates: Dated | None) -> str:
    """Return the dates of a point on one line, to be held against another's."""
    if dates is None:
        return ""
    listed, product = dates.applies
    said = [_("Annex III {day}").format(day=_days(listed)), _("Annex I {day}").format(day=_days(product))]
    if listed == product:
        said = [_days(listed)]
    if dates.valid_from or dates.valid_to:
        said.append(_("wording {start} to {end}").format(start=_iso(dates.valid_from), end=_iso(dates.valid_to)))
    if dates.transition:
        said.append(
            _("{day} if marketed before {before}").format(
                day=dates.transition.applies_from, before=dates.transition.marketed_before
            )
        )
    return "; ".join(said)


def _days(found: Application) -> str:
    formal = _iso(found.formal)
    return (
        _("{formal} (can bite {practical})").format(formal=formal, practical=found.practical)
        if found.practical
        else formal
    )


def _iso(day: date | None) -> str:
    return day.isoformat() if day else DASH


def _change(change: Change) -> Context:
    def said(point: Any) -> str:
        return f"{point.title}. {point.requirement or _('To be confirmed')}" if point else ""

    return {
        "id": change.point_id,
        "title": change.title,
        "here": change.after is not None,
        "badges": [KIND_BADGES[kind] for kind in change.kinds],
        "before": said(change.before),
        "after": said(change.after),
        "worded": bool({"added", "removed", "reworded"} & set(change.kinds)),
        "dated": "redated" in change.kinds,
        "dates_before": dates_in_words(change.dates_before),
        "dates_after": dates_in_words(change.dates_after),
    }


def _named(version: str) -> str:
    """Return a version as people read it: its day and the beginning of its digest."""
    day, _plus, digest = version.partition("+")
    return f"{day} ({digest.removeprefix('sha256:')[:8]})" if digest else day
