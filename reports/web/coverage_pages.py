"""What the pages of coverage show, as plain values: controls by evidence of one system, and articles by system."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from governance.accounts.models import User
from governance.common import clock
from governance.common.paging import page_of
from governance.inventory import selectors as inventory
from governance.inventory.models import AISystem
from governance.regulation import record
from governance.regulation.register import Framework, load
from placet import spreadsheets
from reports.coverage import COLUMNS, Cell, Column, Line, Share, Whole, counts
from reports.covering import ACT, When, controls_shown, lines_of, offered, shares_of
from reports.documents.wording import DASH
from reports.models import Document

SYSTEMS_SHOWN = 20
WHEN = {"now": gettext_lazy("Apply now"), "all": gettext_lazy("Apply now or later")}
COLUMN_WORDS: Mapping[Column, Any] = {
    "evidence": gettext_lazy("Evidence"),
    "decisions": gettext_lazy("Decisions"),
    "answers": gettext_lazy("Answers"),
    "risks": gettext_lazy("Risk file"),
    "monitoring": gettext_lazy("Monitoring"),
    "documents": gettext_lazy("Documents"),
    "log": gettext_lazy("Log"),
}
STATE_WORDS = {
    "held": gettext_lazy("held"),
    "part": gettext_lazy("in part"),
    "stale": gettext_lazy("stale"),
    "missing": gettext_lazy("missing"),
    "not_asked": gettext_lazy("not asked for"),
}
WHOLE_WORDS = {
    "held": gettext_lazy("all of it is held"),
    "part": gettext_lazy("some of it is held"),
    "missing": gettext_lazy("nothing is held"),
    "unserved": gettext_lazy("nothing that Placet keeps serves it"),
    "to_be_confirmed": gettext_lazy("no confirmed wording"),
}
_COUNTED: tuple[tuple[Whole, str], ...] = (("held", "ok"), ("part", ""), ("missing", "warn"), ("unserved", ""))
NOTE = gettext_lazy(
    "That something is held says that it is there, never that it meets the point. Placet's own reading of the Act and "
    "of ids and titles of other frameworks; not legal advice."
)
Row = dict[str, Any]


def coverage_page(ai_system: AISystem, asked: Mapping[str, str]) -> Row:
    """Return the context of reports/coverage.html; the queries do not grow with what is held.

    Args:
        asked: ``framework``, ``when``, ``group`` and ``state``; what is no choice is not asked for.
    """
    law, today = load(), clock.now().date()
    chosen, when = _chosen(asked), _when(asked)
    picked = next((row for row in offered() if row.id == chosen["framework"]), None)
    lines = lines_of(ai_system, picked=picked, when=when, today=today)
    groups = list(dict.fromkeys(line.group for line in lines if line.group))
    chosen["group"] = asked["group"] if asked.get("group") in groups else ""
    shown = [line for line in lines if chosen["group"] in {"", line.group} and chosen["state"] in {"", line.whole}]
    tallied = counts(lines)
    return {
        "system": {"pk": ai_system.pk, "name": ai_system.name, "ai_act": ai_system.get_ai_act_class_display()},
        "classified": inventory.classification_in_force(ai_system) is not None,
        "filters": chosen,
        "filtered": bool(chosen["group"] or chosen["state"]),
        "choices": {
            "frameworks": [(ACT, _("EU AI Act, by your duties")), *((row.id, _short(row)) for row in offered())],
            "when": WHEN.items(),
            "groups": [(group, group) for group in groups],
            "states": WHOLE_WORDS.items(),
        },
        "columns": [(name, COLUMN_WORDS[name]) for name in COLUMNS],
        "lines": [_line(line, _places(ai_system)) for line in shown],
        "total": len(lines),
        "stats": [
            {"value": tallied[state], "label": WHOLE_WORDS[state], "tone": tone if tallied[state] else ""}
            for state, tone in _COUNTED
        ],
        "legacy": chosen["legacy"],
        "note": NOTE,
        "law": {"as_of": law.as_of, "disclaimer": law.regulation.disclaimer},
        "today": today,
    }


def _chosen(asked: Mapping[str, str]) -> Row:
    picked = next((row for row in offered() if row.id == asked.get("framework")), None)
    shown = controls_shown(picked) if picked else None
    return {
        "framework": picked.id if picked else ACT,
        "when": _when(asked),
        "state": asked["state"] if asked.get("state") in WHOLE_WORDS else "",
        "group": "",
        "legacy": _short(shown) if shown and shown != picked else "",
    }


def _when(asked: Mapping[str, str]) -> When:
    return "all" if asked.get("when") == "all" else "now"


def _short(item: Framework) -> str:
    return item.name.partition(" (")[0]


def _places(ai_system: AISystem) -> Mapping[Column, str]:
    """Return on which pages what a column lacks is filled."""
    return {
        "answers": reverse("system-record", args=[ai_system.pk]),
        "risks": reverse("risk-list", args=[ai_system.pk]),
        "monitoring": reverse("monitor-list"),
        "documents": reverse("system-documents", args=[ai_system.pk]),
    }


def _line(line: Line, places: Mapping[Column, str]) -> Row:
    return {
        "id": line.id,
        "title": line.title,
        "group": line.group,
        "whole": line.whole,
        "word": WHOLE_WORDS[line.whole],
        "cells": [
            {"column": name, "label": COLUMN_WORDS[name], **_cell(name, line.cells[name], places.get(name, ""))}
            for name in COLUMNS
        ],
    }


def _cell(column: Column, cell: Cell, place: str) -> Row:
    """Return one cell; ``url`` is where what it lacks is filled, empty where nothing is or no page of ours does."""
    if column == "answers" and cell.absent:
        place = f"{place}#q-{cell.absent[0]}"
    return {
        "state": cell.state,
        "word": STATE_WORDS[cell.state],
        "count": cell.count,
        "of": f"{cell.held}/{cell.asked}" if cell.asked > 1 else "",
        "newest": cell.newest,
        "absent": ", ".join(_named(column, name) for name in cell.absent),
        "url": place if cell.state in {"part", "stale", "missing"} else "",
    }


def _named(column: Column, name: str) -> str:
    """Return what is absent as people call it; types of evidence and kinds of log entry are called by their ids."""
    if column == "answers":
        return record.load().question(name).title
    if column == "documents":
        return str(Document.Kind(name).label)
    return name


def coverage_csv(ai_system: AISystem, asked: Mapping[str, str]) -> Iterator[str]:
    """Yield the table of one system line by line: a note, the heading, and each point or control."""
    page = coverage_page(ai_system, asked)
    write = spreadsheets.writer()
    framework_named = dict(page["choices"]["frameworks"])[page["filters"]["framework"]]
    title = f"{page['system']['name']}: {framework_named}"
    yield write([title, str(page["note"]), _("Law as of {day}").format(day=page["law"]["as_of"])])
    heading = [_("Point or control"), _("Title"), _("Whole")]
    for _name, label in page["columns"]:
        heading += [str(label), _("{column}: rows").format(column=label), _("{column}: newest").format(column=label)]
    yield write(heading)
    for line in page["lines"]:
        said = [line["id"], line["title"], str(line["word"])]
        for cell in line["cells"]:
            named = f"{cell['word']} {cell['of']}".strip()
            if cell["absent"]:
                named += _(", not held: {names}").format(names=cell["absent"])
            said += [named, cell["count"] or "", clock.rfc3339(cell["newest"]) if cell["newest"] else ""]
        yield write(said)


def map_page(viewer: User, asked: Mapping[str, str]) -> Row:
    """Return the context of reports/coverage_map.html: the systems of the page that is asked for."""
    systems, pager = page_of(inventory.systems_for(viewer), asked, SYSTEMS_SHOWN)
    return _map(systems, _when(asked)) | {"pager": pager}


def _map(systems: Sequence[AISystem], when: When) -> Row:
    """Return the map of some systems; the queries do not grow with them."""
    law, today = load(), clock.now().date()
    shares = shares_of(systems, when=when, today=today)
    bound = {group for found in shares.values() for group in found or ()}
    titles = dict(_articles())
    return {
        "systems": [
            {
                "pk": row.pk,
                "name": row.name,
                "ai_act": row.get_ai_act_class_display() if row.ai_act_class else "",
                "classified": shares[row.pk] is not None,
                "url": reverse("system-coverage", args=[row.pk]),
            }
            for row in systems
        ],
        "rows": [
            {
                "group": group,
                "title": title,
                "cells": [_share((shares[row.pk] or {}).get(group), row, group, when) for row in systems],
            }
            for group, title in titles.items()
            if group in bound
        ],
        "when": when,
        "whens": WHEN.items(),
        "note": NOTE,
        "law": {"as_of": law.as_of, "disclaimer": law.regulation.disclaimer},
        "today": today,
    }


def _articles() -> list[tuple[str, str]]:
    return list(dict.fromkeys((point.group, point.group_title) for point in load()))


def _share(share: Share | None, row: AISystem, group: str, when: str) -> Row:
    said = _said_of(share)
    if share is not None:
        said["url"] = f"{reverse('system-coverage', args=[row.pk])}?{urlencode({'when': when, 'group': group})}"
    return said


def _said_of(share: Share | None) -> Row:
    """Return one cell of the map: for how many of an article's points anything is held, in figures and in words."""
    if share is None:
        return {"level": "", "text": "", "said": _("does not bind it")}
    if not share.served:
        said = ngettext(
            "{n} point, nothing that Placet keeps serves it",
            "{n} points, nothing that Placet keeps serves them",
            share.points,
        )
        return {"level": "none", "text": DASH, "said": said.format(n=share.points)}
    said = ngettext(
        "something is held for {held} of {n} point, all of it for {whole}",
        "something is held for {held} of {n} points, all of it for {whole}",
        share.served,
    )
    return {
        "level": str(_level(share)),
        "text": f"{share.held}/{share.served}",
        "said": said.format(held=share.held, n=share.served, whole=share.whole),
    }


def _level(share: Share) -> int:
    """Return 0 (nothing is held) to 4 (all of it is held for every point)."""
    if share.whole == share.served:
        return 4
    part = share.held / share.served
    return 0 if part == 0 else 1 if part < 0.5 else 2 if part < 1 else 3


def map_csv(viewer: User, asked: Mapping[str, str]) -> Iterator[str]:
    """Yield the map line by line: a note, the heading, and for each article the share of each system."""
    page = _map(list(inventory.systems_for(viewer)), _when(asked))
    write = spreadsheets.writer()
    law = _("Law as of {day}").format(day=page["law"]["as_of"])
    yield write([str(page["note"]), law, _("Made on {day}").format(day=page["today"])])
    yield write([_("Article"), _("Title"), *(row["name"] for row in page["systems"])])
    for row in page["rows"]:
        yield write([row["group"], row["title"], *(cell["said"] for cell in row["cells"])])
