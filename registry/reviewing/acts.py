"""What one person may do to production at once, and what was done: the panels of a model's page."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.urls import reverse

from governance.accounts.models import User
from governance.accounts.selectors import has_role
from governance.common.templatetags.placet import day
from placet.mlflow_plugin.protection import is_protected_alias
from registry import interventions, protected, selectors, standby
from registry.models import AliasChange, AliasHistory, Permit, RegisteredModel
from registry.reviewing.people import People

SHOWN = 12
_WILD = set("*?[")


def acts_of(registered: RegisteredModel, live: Sequence[AliasHistory], viewer: User) -> list[dict[str, Any]]:
    """Return the panels: going back and stopping for each alias that is live, and the glass that may be broken."""
    if viewer.is_service:
        return []
    back = has_role(viewer, *interventions.GOING_BACK, system_id=registered.system_id)
    at_once = has_role(viewer, *interventions.AT_ONCE, system_id=registered.system_id)
    panels: list[dict[str, Any]] = []
    for span in live:
        if back:
            panels.append(_rollback(registered, span))
        if at_once:
            panels.append(_stop(registered, span))
    versions = registered.versions.exclude(artifact_digest="").order_by("-number")
    if at_once and (numbers := list(versions.values_list("number", flat=True)[:100])):
        panels.append(
            {
                "kind": "break_glass",
                "uid": "break_glass",
                "url": reverse("model-break-glass", args=[registered.pk]),
                "allowed": True,
                "versions": numbers,
                "aliases": [protected.IN_USE] if registered.is_recorded else _aliases(live),
                "outside": registered.is_recorded,
            }
        )
    return panels


def _rollback(registered: RegisteredModel, span: AliasHistory) -> dict[str, Any]:
    target, refusal = interventions.back_from(registered, span.alias)
    facts = []
    if target and not refusal:
        facts.append({"tone": "ok", "icon": "check", "text": f"The approval of v{target.version.number} is in force"})
    if target and not refusal and not registered.is_recorded:
        permit = standby.ready(span, Permit.Kind.ROLLBACK)
        text = f"A permit for it lies ready until {day(permit.expires_at)}" if permit else "No permit for it lies ready"
        facts.append({"tone": "ok" if permit else "warn", "icon": "check" if permit else "clock", "text": text})
    return {
        "kind": "rollback",
        "uid": f"rollback-{span.alias}",
        "alias": span.alias,
        "to": f"v{target.version.number}" if target else "",
        "allowed": not refusal,
        "refusal": refusal,
        "outside": registered.is_recorded,
        "url": reverse("model-rollback", args=[registered.pk, span.alias]),
        "facts": facts,
    }


def _stop(registered: RegisteredModel, span: AliasHistory) -> dict[str, Any]:
    return {
        "kind": "stop",
        "uid": f"stop-{span.alias}",
        "alias": span.alias,
        "to": f"v{span.version.number}",
        "allowed": True,
        "outside": registered.is_recorded,
        "url": reverse("model-stop", args=[registered.pk, span.alias]),
        "facts": [{"tone": "warn", "icon": "person", "text": "Somebody else reviews it within a week"}],
    }


def _aliases(live: Iterable[AliasHistory]) -> list[str]:
    """Return the names that the gate protects, patterns aside, and what is live under one of those."""
    patterns = protected.in_force().protected_aliases
    plain = [pattern for pattern in patterns if not _WILD & set(pattern)]
    return list(dict.fromkeys([*plain, *(span.alias for span in live if is_protected_alias(span.alias, patterns))]))


def changes_of(registered: RegisteredModel) -> list[dict[str, Any]]:
    """Return the newest writes of the model's protected aliases."""
    rows = list(
        AliasChange.objects.filter(model=registered)
        .select_related(*selectors.OF_A_CHANGE)
        .order_by("-asked_at", "-number")[:SHOWN]
    )
    people = People({row.asked_by_id for row in rows if row.asked_by_id}, system_id=registered.system_id)
    return [
        {
            "number": str(row),
            "kind": row.get_kind_display(),
            "alias": row.alias,
            "version": f"v{row.version.number}" if row.version else "",
            "replaces": f"v{row.replaces.number}" if row.replaces else "",
            "state": row.state,
            "by": people[row.asked_by_id]["name"] if row.asked_by_id else "Placet",
            "at": row.done_at or row.asked_at,
            "note": row.state_reason or row.reason,
            "promotion": {"pk": row.promotion_id, "reference": str(row.promotion)} if row.promotion else None,
        }
        for row in rows
    ]
