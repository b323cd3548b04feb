"""What the register's pages show, as plain values; ``templates/regulation`` says which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.core.paginator import Paginator
from django.utils.dateparse import parse_date
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.accounts.models import User
from governance.common import clock
from governance.common.templatetags.placet import day
from governance.common.timelines import timeline as drawn
from governance.regulation.binding import points_for
from governance.regulation.crosswalk import STATEMENT_OF, Row, crosswalk, framework, frameworks, superseded_by
from governance.regulation.dates import Step, standing, timeline
from governance.regulation.register import Framework, Point, Register, load
from governance.regulation.search import LEVELS, ROLES, STATUSES, Query, groups, search
from governance.regulation.systems import systems_for

A_PAGE = 50
Context = dict[str, Any]
ROLE_WORDS = {
    "provider": gettext_lazy("Provider"),
    "deployer": gettext_lazy("Deployer"),
    "both": gettext_lazy("Provider and deployer"),
}
LEVEL_WORDS = {
    "auto": gettext_lazy("filled from evidence"),
    "assist": gettext_lazy("drafted from evidence, completed by a person"),
    "manual": gettext_lazy("written by a person"),
}
STATUS_WORDS = {
    "inserted": gettext_lazy("Inserted"),
    "amended": gettext_lazy("Amended"),
    "deleted": gettext_lazy("Deleted"),
    "to_be_confirmed": gettext_lazy("To be confirmed"),
}
KIND_WORDS = {
    "formal": gettext_lazy("date in the Act"),
    "practical": gettext_lazy("can bite"),
    "transition": gettext_lazy("end of a transition"),
}


def register_page(asked: Mapping[str, str]) -> Context:
    """Return the context of regulation/register.html; what can't be read is not asked for."""
    law = load()
    filters = _filters(asked, law)
    query = Query(
        text=filters["q"],
        group=filters["group"],
        role=filters["role"],
        status=filters["status"],
        autofill=filters["autofill"],
        applies_on=_day(filters["applies_on"]),
    )
    page = Paginator(search(law, query), A_PAGE)
    shown = page.get_page(asked.get("page", ""))
    return {
        "groups": [
            {"id": group, "title": title, "points": [point_row(item, law) for item in points]}
            for group, title, points in groups(shown.object_list)
        ],
        "filters": filters,
        "filtered": not query.is_empty,
        "shown": len(shown.object_list),
        "total": page.count,
        "newer": shown.previous_page_number() if shown.has_previous() else None,
        "older": shown.next_page_number() if shown.has_next() else None,
        "articles": [(group, title) for group, title, _points in groups(law)],
        "roles": [(key, ROLE_WORDS[key]) for key in ROLES],
        "statuses": [(key, STATUS_WORDS[key]) for key in STATUSES],
        "levels": [(key, LEVEL_WORDS[key]) for key in LEVELS],
        **law_facts(law),
    }


def point_page(point: Point, viewer: User) -> Context:
    """Return the context of regulation/point.html."""
    law, today = load(), clock.now().date()
    return {
        "point": point_row(point, law),
        "crosswalk": [crosswalk_row(row, law) for row in crosswalk().for_point(point.id)],
        "systems": _concerned(point, viewer, law, today),
        "today": today,
        **law_facts(law),
    }


def timeline_page() -> Context:
    """Return the context of regulation/timeline.html."""
    law, today = load(), clock.now().date()
    steps = timeline(law, on=today)
    ahead = next((step for step in steps if step.passage == "next"), None)
    return {
        "picture": timeline_picture(steps, today),
        "steps": [_step(step) for step in steps],
        "next": _step(ahead) if ahead else None,
        "today": today,
        **law_facts(law),
    }


def crosswalk_page(item: Framework) -> Context:
    """Return the context of regulation/crosswalk.html.

    A framework that superseded another and has no rows of its own shows those of the older one, marked as legacy.
    """
    law, walk = load(), crosswalk()
    controls = walk.for_framework(item)
    legacy = framework(item.supersedes, law) if item.supersedes and not any(row.rows for row in controls) else None
    by = superseded_by(item, law)
    return {
        "framework": {"id": item.id, "name": item.name, "status": item.status, "note": item.note},
        "legacy": {"id": legacy.id, "name": legacy.name, "status": legacy.status} if legacy else None,
        "superseded_by": {"id": by.id, "name": by.name} if by else None,
        "controls": [
            {
                "id": mapped.control.id,
                "title": mapped.control.title,
                "rows": [crosswalk_row(row, law) for row in mapped.rows],
            }
            for mapped in (walk.for_framework(legacy) if legacy else controls)
        ],
        "claimed": sum(bool(mapped.rows) for mapped in controls),
        "count": len(controls),
        "frameworks": [{"id": row.id, "name": _short_name(row), "status": row.status} for row in frameworks(law)],
        "statement": item.id == STATEMENT_OF,
        **law_facts(law),
    }


def law_facts(law: Register) -> Context:
    """Return what every page of the register says of it: the disclaimer once, version and day."""
    return {
        "law": {
            "name": law.regulation.name,
            "number": law.regulation.number,
            "celex": law.regulation.celex,
            "amended_by": law.regulation.amended_by,
            "amended_by_celex": law.regulation.amended_by_celex,
            "consolidated_celex": law.regulation.consolidated_celex,
            "as_of": law.as_of,
            "digest": law.digest,
            "disclaimer": law.regulation.disclaimer,
        }
    }


def point_row(point: Point, law: Register) -> Context:
    """Return one point as lists and its own page show it."""
    status = "to_be_confirmed" if point.to_be_confirmed else point.status or ""
    return {
        "id": point.id,
        "title": point.title,
        "group": point.group,
        "group_title": point.group_title,
        "requirement": point.requirement,
        "to_be_confirmed": point.to_be_confirmed,
        "source": point.source,
        "role": ROLE_WORDS[point.applies_to],
        "autofill": LEVEL_WORDS[point.autofill],
        "status": status,
        "status_word": STATUS_WORDS.get(status, ""),
        "valid_from": point.valid_from,
        "valid_to": point.valid_to,
        **dates_of(point, law),
    }


def dates_of(point: Point, law: Register) -> Context:
    """Return the dates of application of a point in words: one for all systems, or one for each route."""
    listed, product = law.applies_from(point.id, route="annex_iii"), law.applies_from(point.id, route="annex_i")
    routes = ((_("systems of Annex III"), listed), (_("products of Annex I"), product))
    if listed.formal == product.formal:
        formal = [{"what": "", "on": listed.formal}]
    else:
        formal = [{"what": what, "on": found.formal} for what, found in routes if found.formal]
    transition = law.transitions.get(point.id)
    return {
        "formal": formal,
        "practical": [{"what": what, "on": found.practical} for what, found in routes if found.practical],
        "note": listed.note or product.note or "",
        "transition": {
            "before": transition.marketed_before,
            "on": transition.applies_from,
            "basis": transition.basis,
        }
        if transition
        else None,
    }


def crosswalk_row(row: Row, law: Register) -> Context:
    """Return one row of the crosswalk; points with their titles."""
    item = framework(row.framework, law)
    return {
        "framework": row.framework,
        "framework_name": _short_name(item),
        "legacy": item.status,
        "control": row.control,
        "points": [{"id": point_id, "title": law.point(point_id).title} for point_id in row.points],
        "evidence": row.holds.evidence,
        "decisions": row.holds.decisions,
        "declarations": row.holds.declarations,
        "log": row.holds.log,
        "nothing": row.holds.is_empty,
        "why": row.why,
    }


def timeline_picture(steps: Sequence[Step], today: date) -> SafeString:
    """Return the drawn timeline."""
    said = "; ".join(f"{day(step.milestone.on)}: {step.milestone.what} ({_passed(step)})" for step in steps)
    picture = drawn(
        [(step.milestone.on, day(step.milestone.on), step.passage) for step in steps],
        today=today,
        today_word=_("today, {day}").format(day=day(today)),
        uid="law-timeline",
        title=_("When the AI Act applies"),
        desc=said,
    )
    return SafeString(picture)


def _concerned(point: Point, viewer: User, law: Register, today: date) -> list[Context]:
    rows = []
    for system in systems_for(viewer):
        if system.classified is None or point not in points_for(system.classified, law):
            continue
        duties = standing(system.classified, law, on=today).duties
        duty = next((duty for duty in duties if duty.point.id == point.id), None)
        if duty is not None:  # a wording that is not law today binds nobody today
            rows.append(
                {
                    "pk": system.pk,
                    "name": system.name,
                    "state": duty.state,
                    "formal": duty.formal,
                    "practical": duty.practical,
                    "basis": duty.basis,
                }
            )
    return rows


def _step(step: Step) -> Context:
    return {
        "on": step.milestone.on,
        "what": step.milestone.what,
        "basis": step.milestone.basis,
        "uncertain": step.milestone.origin == "uncertain",
        "passage": step.passage,
        "passed": _passed(step),
    }


def _passed(step: Step) -> str:
    if step.passage == "past":
        return _("past")
    return _("in {days} days").format(days=step.days) if step.days > 1 else _("tomorrow")


def _short_name(item: Framework) -> str:
    return {
        "iso-42001": "ISO/IEC 42001",
        "nist-ai-rmf": "NIST AI RMF",
        "sr-26-2": "SR 26-2",
        "sr-11-7": "SR 11-7",
        "gdpr-22": "GDPR Art. 22",
    }.get(item.id, item.name)


def _filters(asked: Mapping[str, str], law: Register) -> dict[str, str]:
    allowed = {
        "group": {point.group for point in law},
        "role": set(ROLES),
        "status": set(STATUSES),
        "autofill": set(LEVELS),
    }
    given = {name: asked.get(name, "") for name in allowed}
    on = asked.get("applies_on", "")
    return {
        "q": asked.get("q", "").replace("\0", "")[:200].strip(),
        **{name: value if value in allowed[name] else "" for name, value in given.items()},
        "applies_on": on if _day(on) else "",
    }


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None
