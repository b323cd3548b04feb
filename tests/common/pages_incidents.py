"""Sample contexts of the pages of serious incidents."""

# ruff: noqa: E501

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from monitoring.incidents.clocks import COUNTING
from tests.common.samples import NOW, UID, a_digest, ago, request, review

TODAY = NOW.date()
SYSTEM = {"pk": UID, "name": "Consumer credit scoring"}
HARMS = [
    ("death", "Death of a person", "a"),
    ("health", "Serious harm to health", "a"),
    ("infrastructure", "Disruption of critical infrastructure", "b"),
    ("rights", "Breach of duties that protect fundamental rights", "c"),
    ("property", "Serious harm to property or the environment", "d"),
]
LAWS = [
    ("Art 73.9", "Equivalent reporting duty of the provider", "Article 73(9)"),
    ("Art 73.10", "Medical or in vitro diagnostic device", "Article 73(10)"),
]
STATES = [("AT", "Austria"), ("DE", "Germany"), ("FR", "France"), ("SE", "Sweden")]
CHOICES = {
    "harms": HARMS,
    "laws": LAWS,
    "member_states": STATES,
    "versions": [{"pk": UID, "name": "credit-risk/2"}],
}
PEOPLE = [{"pk": UID, "name": "Model owner"}, {"pk": UID[:-1] + "1", "name": "Risk officer"}]
BOUND = "Article 73 applied on the day of awareness."


def a_row(**more: Any) -> dict[str, Any]:
    """One incident in a list."""
    base = {
        "pk": UID,
        "number": "INC-3",
        "title": "Applications of one district were refused alike for a week",
        "system": SYSTEM,
        "version": "credit-risk/2",
        "harm": HARMS[3][1] + " (3(49)(c))",
        "owner": "Model owner",
        "state": "open",
        "opened_at": ago(days=3),
        "aware_at": ago(days=3),
        "reported_at": None,
        "closed_at": None,
        "ending": "",
        "ending_said": "",
        "due_on": TODAY + timedelta(days=12),
        "left": 12,
        "overdue": False,
    }
    return base | more


def incidents() -> dict[str, Any]:
    """One overdue, one with days left, one of today, one that is not owed, one reported, two closed."""
    late = {"number": "INC-1", "due_on": TODAY - timedelta(days=2), "left": -2, "overdue": True, "harm": HARMS[2][1]}
    sent = {"number": "INC-4", "state": "reported", "reported_at": ago(days=1)}
    done = {"state": "closed", "closed_at": ago(days=1), "ending": "reported", "ending_said": "Reported"}
    free = {"ending": "not_owed", "ending_said": "No report is owed"}
    return {
        "standing": [
            a_row(**late),
            a_row(number="INC-2", due_on=TODAY, left=0, version=""),
            a_row(),
            a_row(number="INC-7", due_on=None, left=None, harm=HARMS[4][1]),
            a_row(**sent),
        ],
        "closed": [a_row(number="INC-5", reported_at=ago(days=9), **done), a_row(number="INC-6", **done | free)],
        "closed_count": 2,
        "system": None,
        "may_open": True,
    }


def a_clock(days: int, **more: Any) -> dict[str, Any]:
    """The card of one clock, three days after awareness."""
    left = days - 3
    base = {
        "point": "Art 73.2",
        "rule": "serious incident (default)",
        "days": days,
        "from_on": TODAY - timedelta(days=3),
        "due_on": TODAY + timedelta(days=left),
        "left": left,
        "late": -left,
        "owed": True,
        "immediately_since": None,
        "waited_days": 0,
        "waited_hours": 0,
        "reported": False,
        "tone": "bad" if left < 0 else "info",
    }
    return base | more


def an_act(what: str, text: str = "", **more: Any) -> dict[str, Any]:
    """One line of the timeline."""
    base = {"at": ago(days=2), "who": "Model owner", "icon": "declared", "tone": "neutral", "index": 1480}
    return base | {"what": what, "text": text} | more


def incident() -> dict[str, Any]:
    """An incident with three clocks, one of them run out, that nobody reported yet."""
    told = SimpleNamespace(
        text="Since the release of 14 November every application from one postal district was refused.\n"
        "A credit officer saw it in the weekly sample.",
        by="Credit officer",
        at="2026-11-20",
    )
    return {
        "incident": a_row(widespread=True)
        | {
            "what_happened": told,
            "persons": SimpleNamespace(text="about 40 applicants"),
            "member_states": "Austria, Germany",
            "equivalent_law": "Article 73(9)",
            "equivalent_law_note": SimpleNamespace(text="Head of legal: payment services law, section 12"),
            "authority": "",
            "reference": "",
            "reports": 0,
            "ending_reference": "",
            "closed_by": "",
            "opened_by": "ML engineer",
            "alert": {"title": "Two columns above the limit", "monitor": UID},
            "digest": a_digest("v2"),
        },
        "clocks": [
            a_clock(2, point="Art 73.3", rule="widespread infringement or Art 3(49)(b) infrastructure disruption", immediately_since=ago(days=3)),
            a_clock(10, point="Art 73.4", rule="death of a person"),
            a_clock(15),
        ],
        "counting": COUNTING,
        "binding": BOUND,
        "notices": [
            "INC-3 is not reported: do not alter Consumer credit scoring in a way that may affect a later evaluation "
            "of the causes before the authorities know (Article 73(6)).",
            "We are not the provider of Consumer credit scoring. A deployer informs the provider first.",
        ],
        "now": ago(days=1),
        "times": [
            {"name": "occurred_at", "label": "occurred", "at": ago(days=9)},
            {"name": "aware_at", "label": "aware", "at": ago(days=3)},
            {"name": "suspected_at", "label": "link suspected", "at": ago(days=4)},
            {"name": "link_established_at", "label": "link established", "at": None},
            {"name": "reported_at", "label": "reported", "at": None},
        ],
        "tasks": [
            {"pk": UID, "text": "Ask the authority for its form", "owner": "Risk officer", "due_on": TODAY, "overdue": True, "done_at": None, "done_by": "", "may_finish": True},
            {"pk": UID, "text": "Keep the records of the week", "owner": "ML engineer", "due_on": TODAY, "overdue": False, "done_at": ago(hours=5), "done_by": "ML engineer", "may_finish": False},
        ],
        "open_tasks": 1,
        "timeline": [
            an_act("did a task", "Keep the records of the week", who="ML engineer", icon="check", tone="ok"),
            an_act("noted", "Called the authority; they ask for the form of their site.", index=None),
            an_act("put times right (link suspected: not known → 2026-11-19 09:10 UTC)", "The engineer's mail of that morning.", icon="clock", tone="warn"),
            an_act("wrote the incident down", "Since the release of 14 November …", icon="warning", tone="bad"),
        ],
        "may": {"keep": True, "report": True, "close": True, "see_it_closed": False, "hand_over": True},
        "endings": [("not_serious", "Not a serious incident"), ("not_owed", "No report is owed"), ("provider_informed", "The provider is informed")],
        "people": PEOPLE,
        "me": UID,
        **CHOICES,
        "form": {"log_entry": UID, "harms": ["rights", "death"], "member_states": ["AT", "DE"], "version": UID, "what_happened": told.text, "aware_at": "2026-11-20T09:10", "sent_at": "2026-11-23T18:00", "errors": {"authority": ["Name the authority."], "times_why": ["Say why they change."], "task_owner": ["Choose who does it."]}},
    }  # fmt: skip


def reported() -> dict[str, Any]:
    """The same once it was reported, twice, as its owner sees it."""
    page = incident()
    row = page["incident"] | {"state": "reported", "reported_at": ago(days=1), "reports": 2}
    return page | {
        "incident": row | {"authority": "Market surveillance authority", "reference": "MSA-2026-118"},
        "clocks": [
            a_clock(2, reported=True, left=-1, late=1),
            a_clock(10, reported=True, left=0, tone="warn", immediately_since=ago(days=2), waited_hours=5),
            a_clock(
                15, reported=True, left=2, tone="warn", immediately_since=ago(days=14), waited_days=13, waited_hours=312
            ),
            a_clock(15, reported=True, left=13, tone="ok"),
        ],
        "notices": [],
        "now": None,
        "may": {"keep": True, "report": False, "close": False, "see_it_closed": True, "hand_over": True},
        "endings": [],
        "form": {},
    }


def closed() -> dict[str, Any]:
    """The same closed as not serious, its words erased, as somebody without a part in it sees it."""
    page = incident()
    gone = SimpleNamespace(text=None)
    row = page["incident"] | {
        "state": "closed",
        "ending": "not_owed",
        "ending_said": "No report is owed",
        "closed_at": ago(hours=1),
    }
    row |= {"ending_reference": "Art 73(9) with the payment services directive, Art 96", "equivalent_law_note": gone}
    return page | {
        "incident": row | {"closed_by": "Risk officer", "what_happened": gone, "persons": gone, "version": "", "alert": None},
        "clocks": [a_clock(15, owed=False, tone="quiet")],
        "notices": [],
        "now": None,
        "may": {"keep": False, "report": False, "close": False, "see_it_closed": False, "hand_over": False},
        "endings": [],
        "tasks": [],
        "open_tasks": 0,
        "form": {},
    }  # fmt: skip


def new() -> dict[str, Any]:
    """The form after a refusal, from an alert."""
    return {
        "system": SYSTEM,
        "systems": [],
        "alert": {"pk": UID, "title": "Two columns above the limit", "at": ago(days=1), "monitor": UID},
        **CHOICES,
        "may": {"report": True},
        "form": {
            "title": "Two columns above the limit",
            "version": UID,
            "harms": [],
            "member_states": [],
            "aware_at": "2026-11-23T18:00",
            "errors": {"what_happened": ["Say what happened."], "equivalent_law_note": ["Say who said so."]},
        },
    }


WARNINGS = {"warnings": [incident()["notices"][0]]}
INCIDENTS = {
    "review-not-to-be-altered": ("registry/review.html", lambda: review() | WARNINGS),
    "request-not-to-be-altered": ("registry/request.html", lambda: request() | WARNINGS),
    "incidents": ("monitoring/incidents.html", incidents),
    "incidents-none": (
        "monitoring/incidents.html",
        lambda: incidents() | {"standing": [], "closed": [], "closed_count": 0, "system": SYSTEM},
    ),
    "incident": ("monitoring/incident.html", incident),
    "incident-reported": ("monitoring/incident.html", reported),
    "incident-closed": ("monitoring/incident.html", closed),
    "incident-new": ("monitoring/incident_new.html", new),
    "incident-which": (
        "monitoring/incident_new.html",
        lambda: new() | {"system": None, "systems": [SYSTEM], "alert": None},
    ),
}
