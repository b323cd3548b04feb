"""What the overview shows, as plain values: figures on top, short lists, each with a way to the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from governance.accounts.access import readable, readable_systems
from governance.accounts.models import User
from governance.common import clock
from governance.common.templatetags.placet import duration, number
from governance.inventory.models import AISystem
from governance.regulation.dates import Step, timeline
from governance.regulation.register import load
from monitoring import overview as monitors
from monitoring import selectors as monitoring
from monitoring.web.listing import rows_of
from registry.selectors import models_for
from reports.covering import shares_of
from reports.overview import live, waiting
from reports.overview.history import shares_for
from reports.overview.shares import Month
from reports.overview.steps import steps
from reports.web.system_matrix import matrix
from reports.web.system_pages import may_register

COVERED = 100
"""Up to how many systems coverage is counted here: each costs as many lines as points bind it."""
WITHOUT, EXPIRING, OLDEST, OVERDUE, DRIFTING, DATES = 6, 8, 6, 5, 5, 3
STEPS: Mapping[str, tuple[Any, Any, str]] = {
    "mlflow": (
        gettext_lazy("Connect MLflow"),
        gettext_lazy("Placet mirrors its models within a minute; what no MLflow holds can be recorded by hand."),
        "gate",
    ),
    "people": (
        gettext_lazy("Name people and their roles"),
        gettext_lazy("Somebody who answers for a system, somebody who asks, and two who decide."),
        "person-list",
    ),
    "policy": (
        gettext_lazy("Publish a policy"),
        gettext_lazy("It says what evidence a promotion needs and who signs; author and publisher are two people."),
        "policy-list",
    ),
    "system": (
        gettext_lazy("Record an AI system"),
        gettext_lazy("What people are affected by: a purpose, an owner, the roles under the AI Act."),
        "system-new",
    ),
    "class": (
        gettext_lazy("Classify it"),
        gettext_lazy("By the questionnaire on its page; the class takes effect when a second person signs."),
        "system-list",
    ),
    "model": (
        gettext_lazy("Say which model serves it"),
        gettext_lazy("Proposed over the API, signed by a second person on the system's page."),
        "model-list",
    ),
    "request": (
        gettext_lazy("Request the first promotion"),
        gettext_lazy("From a pipeline or the command line: placet request models:/name/1 --to champion."),
        "inbox",
    ),
}
Row = dict[str, Any]


def overview_page(viewer: User) -> Row:
    """Return the context of reports/overview.html.

    The queries do not grow with what there is. ``steps`` are shown until all are done, to whoever reads everything;
    while there is no system to read, ``systems`` is 0 and nothing else is there.
    """
    reach, now = readable_systems(viewer), clock.now()
    systems = list(readable(AISystem.objects.order_by("name"), reach, system="pk"))
    page: Row = {"as_of": now, "systems": len(systems), "steps": _steps(viewer) if reach.everything else []}
    oldest, asked = waiting.oldest_for(reach, OLDEST), waiting.waiting_for(reach)
    page |= {"waiting": [_request(row, named, now) for row, named in oldest], "waits": asked.count}
    if not systems:
        return page
    today = now.date()
    counts, findings = live.counts_for(reach), waiting.findings_for(reach, today)
    watched = monitors.with_state(monitoring.monitors_for(viewer))
    drift = monitors.counts(watched, now)
    ahead = [step for step in timeline(load(), on=today) if step.days > 0][:DATES]
    months = shares_for(reach, counts)
    return page | {
        "models": models_for(viewer).count(),
        "live": counts.live,
        "valid": counts.valid,
        "stats": _stats(counts, findings, drift, asked, ahead),
        "without": [_without(row, now) for row in live.without_approval(reach, WITHOUT)],
        "without_more": max(0, counts.live - counts.valid - WITHOUT),
        "matrix": matrix(
            [
                {
                    "ai_act_class": row.ai_act_class,
                    "tier": row.model_tier,
                    "reopened": row.class_reopened_at is not None,
                }
                for row in systems
            ]
        ),
        "approval_ages": _approval_ages(counts) if any(map(sum, counts.ages)) else None,
        "request_ages": _request_ages(asked) if asked.count else None,
        "months": _months(months),
        "expiring": live.expiring_for(reach, EXPIRING),
        "expiring_more": max(0, counts.expiring - EXPIRING),
        "findings": [
            {"pk": row.pk, "title": row.title, "system": row.system, "severity": row.severity, "owner": row.owner.name}
            | {"days": (today - row.due_on).days}
            for row in waiting.overdue_for(reach, today, OVERDUE)
        ],
        "open_findings": findings.open,
        "overdue": findings.overdue,
        "drift": _drift(drift),
        "monitors": drift["total"],
        "drifting": rows_of(_drifting(watched), now=now),
        "dates": _dates(ahead),
        "articles": _articles(systems, today) if len(systems) <= COVERED else [],
        "uncounted": len(systems) > COVERED,
    }


def _steps(viewer: User) -> list[Row]:
    found = steps()
    if all(step.done for step in found):
        return []
    first = next(step.name for step in found if not step.done)
    rows = []
    for step in found:
        title, text, place = STEPS[step.name]
        lacking = _("Nobody holds yet: {roles}.").format(roles=", ".join(step.lacking)) if step.lacking else ""
        shown = place != "system-new" or may_register(viewer)
        rows.append(
            {
                "name": step.name,
                "title": title,
                "text": lacking or text,
                "done": step.done,
                "next": step.name == first,
                "url": reverse(place) if shown else "",
            }
        )
    return rows


def _stats(
    counts: live.Counts,
    findings: waiting.Findings,
    drift: Mapping[str, int],
    asked: waiting.Waiting,
    ahead: Sequence[Step],
) -> list[Row]:
    without = counts.live - counts.valid
    late = ngettext(
        "finding overdue, {high} high or critical", "findings overdue, {high} high or critical", findings.overdue
    )
    ends = ngettext("approval expires in 90 days", "approvals expire in 90 days", counts.expiring)
    breach = ngettext("monitor in drift, {n} on watch", "monitors in drift, {n} on watch", drift["drift"])
    waits = ngettext("request waits", "requests wait", asked.count)
    if asked.median is not None:
        waits = _("{requests}, median {age}").format(requests=waits, age=duration(asked.median))
    rows: list[Row] = [
        {
            "value": number(without),
            "unit": _("of {n}").format(n=number(counts.live)),
            "label": _("live without valid approval"),
            "tone": "bad" if without else "",
            "url": "#live",
        },
        {
            "value": number(findings.overdue),
            "label": late.format(high=number(findings.high)),
            "tone": "bad" if findings.overdue else "",
            "url": f"{reverse('finding-list')}?state=overdue",
        },
        {
            "value": number(counts.expiring),
            "label": ends,
            "tone": "warn" if counts.expiring else "",
            "url": "#expiring",
        },
        {
            "value": number(drift["drift"]),
            "label": breach.format(n=number(drift["watch"])),
            "tone": "bad" if drift["drift"] else "warn" if drift["watch"] else "",
            "url": f"{reverse('monitor-list')}?state=drift",
        },
        {"value": number(asked.count), "label": waits, "url": f"{reverse('inbox')}?waiting=open&sort=oldest"},
    ]
    if ahead:
        rows.append(
            {
                "value": number(ahead[0].days),
                "unit": ngettext("day", "days", ahead[0].days),
                "label": _("to the next legal date"),
                "tone": "warn" if ahead[0].days <= 90 else "",
                "url": reverse("register-timeline"),
            }
        )
    return rows


def _without(row: live.Without, now: Any) -> Row:
    said = row.said
    if row.state == "grandfathered":
        said = _("It was there when Placet came; until its day it needs an approval of its own.")
    elif row.state == "break-glass":
        said = row.said or _("On one person's word; it awaits its review.")
    return {
        "model": row.model_id,
        "version": row.version,
        "alias": row.alias,
        "system": row.system,
        "state": row.state,
        "since": row.since,
        "for": now - row.since,
        "said": said,
        "until": row.until,
    }


def _request(row: Any, named: Any, now: Any) -> Row:
    return {
        "title": named.title,
        "reference": named.reference,
        "url": named.url or reverse("review", args=[row.pk]),
        "system": row.system.name,
        "asks_for": row.asks_for,
        "state": row.state,
        "opened_at": row.opened_at,
        "age": now - row.opened_at,
    }


def _approval_ages(counts: live.Counts) -> Row:
    parts = [[(_("in force"), valid, "m"), (_("without force"), lost, "x")] for valid, lost in counts.ages]
    title = _("Approvals of what is live, by days since they were given")
    return {"title": title, "bars": list(zip(map(_aged, live.AGES), parts, strict=True))}


def _request_ages(asked: waiting.Waiting) -> Row:
    parts = [[(_("waiting"), count, f"age{place}")] for place, count in enumerate(asked.ages)]
    title = _("Open requests, by days since they were made")
    return {"title": title, "bars": list(zip(map(_aged, waiting.AGES), parts, strict=True))}


def _aged(days: tuple[int, int | None]) -> str:
    low, high = days
    return _("{low}\N{EN DASH}{high} d").format(low=low, high=high) if high else _("over {low} d").format(low=low)


def _months(months: Sequence[Month]) -> Row | None:
    """Return the chart and its table; None before two months have anything in production."""
    if sum(bool(month.live) for month in months) < 2:
        return None
    shares = [100 * month.valid / month.live if month.live else None for month in months]
    return {
        "chart": {
            "title": _("Share of live versions with a valid approval, in percent"),
            "labels": [f"{month.at:%m/%y}" for month in months],
            "values": shares,
            "from_zero": True,
        },
        "rows": [
            {"at": month.at, "live": month.live, "valid": month.valid, "share": None if share is None else share / 100}
            for month, share in zip(months, shares, strict=True)
        ],
    }


def _drift(counts: Mapping[str, int]) -> Row | None:
    if not counts["total"]:
        return None
    words = (
        ("drift", _("drift"), "mark"),
        ("watch", _("to be watched"), "x"),
        ("insufficient", _("too little data"), "d"),
        ("stable", _("stable"), "accepted"),
        ("none", _("no window yet"), "open"),
    )
    return {
        "title": _("Monitors by their newest window"),
        "parts": [
            {"word": word, "count": counts[name], "css": css, "url": f"{reverse('monitor-list')}?state={name}"}
            for name, word, css in words
        ],
    }


def _dates(ahead: Sequence[Step]) -> list[Row]:
    return [
        {"on": step.milestone.on, "days": step.days, "what": step.milestone.what, "basis": step.milestone.basis}
        for step in ahead
    ]


def _drifting(watched: Any) -> list[Any]:
    rows = list(monitors.like(watched, state="drift").order_by("model__name", "alias", "pk")[:DRIFTING])
    if len(rows) < DRIFTING:
        rows += monitors.like(watched, state="watch").order_by("model__name", "alias", "pk")[: DRIFTING - len(rows)]
    return rows


def _articles(systems: Sequence[AISystem], today: date) -> list[Row]:
    """Return for each article that binds any system how many it binds, and for how many of them all of it is held."""
    titles = {point.group: point.group_title for point in load()}
    bound: dict[str, list[bool]] = {}
    for shares in shares_of(systems, when="now", today=today).values():
        for group, share in (shares or {}).items():
            if share.served:
                bound.setdefault(group, []).append(share.whole == share.served)
    return [
        {
            "group": group,
            "title": title,
            "systems": len(bound[group]),
            "held": sum(bound[group]),
            "gaps": len(bound[group]) - sum(bound[group]),
            "tone": _tone(sum(bound[group]) / len(bound[group])),
        }
        for group, title in titles.items()
        if group in bound
    ]


def _tone(share: float) -> str:
    return "ok" if share == 1 else "info" if share >= 0.8 else "warn" if share >= 0.5 else "bad"
