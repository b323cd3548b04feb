"""The pages of replays: ask for one, watch it, read what would change."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.access import readable_systems
from governance.accounts.narrow import actor
from governance.accounts.selectors import has_role
from governance.approvals import kinds, replay, replaying, tasks
from governance.approvals.models import ApprovalRequest, PolicyReplay
from governance.common.broker import enqueue_on_commit
from governance.common.errors import DomainError, Forbidden, Unknown
from governance.common.pages import page
from governance.policy import selectors as policies
from governance.policy.models import PolicyVersion

SHOWN = 100
FILTERS = {
    "": lambda row: True,
    "changed": lambda row: row["way"] != "same",
    "stricter": lambda row: row["way"] == "stricter",
    "looser": lambda row: row["way"] == "looser",
    "checks": lambda row: bool(row["changed_checks"]),
    "missing": lambda row: bool(row["missing"]),
}
_ORDER = {"stricter": 0, "looser": 1, "same": 2}


@page
@require_GET
def replay_list(request: HttpRequest) -> HttpResponse:
    """``GET /policy-replays``: the newest replays, and a form to ask for one of a version."""
    may_ask = has_role(actor(request), *replaying.ASKERS)
    versions = PolicyVersion.objects.order_by("-made_at")[:50] if may_ask else []
    seen = replay.replays() if readable_systems(actor(request)).everything else []
    context = {"replays": seen, "versions": versions, "may_ask": may_ask}
    return render(request, "approvals/replay_list.html", context)


@page
@require_POST
def replay_ask(request: HttpRequest) -> HttpResponse:
    """``POST /policy-replays/ask``: ask for the replay of one version, and go to its page."""
    try:
        row = replaying.ask_replay(asker=actor(request), policy_version=_version(request.POST.get("version", "")))
    except Forbidden:
        raise
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        return redirect("policy-replays")
    enqueue_on_commit(tasks.replay_policy, row.pk)
    return redirect("policy-replay", pk=row.pk)


def _version(key: str) -> PolicyVersion:
    try:
        return policies.version(uuid.UUID(key))
    except ValueError:
        raise Unknown("Choose a version of a policy.") from None


@page
@require_GET
def replay_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /policy-replays/<pk>?show=&from=``: what would change, the requests whose verdict changes first."""
    row = replay.replay_for(actor(request), pk)
    show = request.GET.get("show", "")
    show = show if show in FILTERS else ""
    found = sorted(filter(FILTERS[show], row.result), key=lambda item: _ORDER[item["way"]])
    start = request.GET.get("from", "0")
    first = min(int(start), len(found)) if start.isascii() and start.isdigit() and len(start) < 6 else 0
    shown = found[first : first + SHOWN]
    context = {
        "replay": row,
        "progress": _progress(row),
        "stats": _stats(row.counts) if row.counts else [],
        "rows": _rows(shown),
        "show": show,
        "filters": [(key, label, sum(map(FILTERS[key], row.result))) for key, label in _labels()],
        "total": len(found),
        "first": first + 1 if shown else 0,
        "last": first + len(shown),
        "older": first + SHOWN if first + SHOWN < len(found) else None,
        "newer": max(0, first - SHOWN) if first else None,
    }
    return render(request, "approvals/replay.html", context)


@page
@require_GET
def replay_progress(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """``GET /policy-replays/<pk>/progress``: how far it is; the last answer has htmx load the page anew."""
    progress = _progress(replay.replay_for(actor(request), pk))
    response = render(request, "approvals/_replay_progress.html", {"progress": progress})
    if not progress["running"]:
        response.headers["HX-Refresh"] = "true"
    return response


def _progress(row: PolicyReplay) -> dict[str, Any]:
    return {
        "running": row.state in {PolicyReplay.State.QUEUED, PolicyReplay.State.RUNNING},
        "state": row.state,
        "done": row.steps_done,
        "total": row.steps_total,
        "url": reverse("policy-replay-progress", args=[row.pk]),
    }


def _labels() -> list[tuple[str, str]]:
    return [
        ("", "All"),
        ("changed", "Verdict changes"),
        ("stricter", "Stricter"),
        ("looser", "Looser"),
        ("checks", "A check changes"),
        ("missing", "Evidence missing"),
    ]


def _stats(counts: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"value": counts["cases"], "label": "past requests"},
        {
            "value": counts["stricter"],
            "label": "would be judged more strictly",
            "tone": "warn" if counts["stricter"] else "",
        },
        {
            "value": counts["looser"],
            "label": "would be judged less strictly",
            "tone": "bad" if counts["looser"] else "",
        },
        {"value": counts["cases"] - counts["changed"], "label": "keep their verdict"},
    ]


def _rows(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with what people call each request, where it is decided, and its state today."""
    requests = list(ApprovalRequest.objects.filter(pk__in=[row["case"] for row in found]))
    names = {str(pk): named for pk, named in kinds.presented(requests).items()}
    states = {str(row.pk): row.state for row in requests}
    return [{**row, "named": names.get(row["case"]), "state": states.get(row["case"], "")} for row in found]
