"""AI systems by class and tier, and the list behind each of the figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet

from governance.common.errors import InvalidInput
from governance.inventory.models import AISystem

NONE = "none"  # neither a class nor a tier until a second person signs
CLASSES = {**dict(AISystem.AIActClass.choices), NONE: "Not classified"}
TIERS = {"1": "Tier 1", "2": "Tier 2", "3": "Tier 3", "4": "Tier 4", NONE: "No tier"}
Row = dict[str, Any]


def matrix(rows: Sequence[Mapping[str, Any]]) -> Row:
    """Count systems by class and tier.

    Args:
        rows: one per system with ``ai_act_class`` (empty: not classified), ``tier`` (1 to 4, or None) and ``reopened``.

    Returns:
        ``tiers``: the columns' names; ``rows``: ``{name, total, url, cells: [{count, reopened, url}]}`` in the law's
        order; ``totals``: ``[{count, url}]`` of the columns; ``total``: all. Cells without a system have no ``url``.
    """
    counts = Counter((_class(row), _tier(row)) for row in rows)
    reopened = Counter((_class(row), _tier(row)) for row in rows if row["reopened"])
    found = []
    for value, name in CLASSES.items():
        cells = [
            {**_cell(counts[value, tier], ai_act_class=value, tier=tier), "reopened": reopened[value, tier]}
            for tier in TIERS
        ]
        total = _cell(sum(cell["count"] for cell in cells), ai_act_class=value)
        found.append({"name": name, "cells": cells, "total": total["count"], "url": total["url"]})
    totals = [_cell(sum(counts[value, tier] for value in CLASSES), tier=tier) for tier in TIERS]
    return {"tiers": list(TIERS.values()), "rows": found, "totals": totals, "total": len(rows)}


def matrix_of(systems: QuerySet[AISystem]) -> Row:
    """Return the matrix of some systems; one query, which reads nothing else of them."""
    rows = systems.order_by().values_list("ai_act_class", "model_tier", "class_reopened_at")
    return matrix([{"ai_act_class": kind, "tier": tier, "reopened": at is not None} for kind, tier, at in rows])


def narrowed(
    systems: QuerySet[AISystem], *, words: str = "", ai_act_class: str = "", tier: str = ""
) -> tuple[QuerySet[AISystem], str]:
    """Return the systems that fit, and the words for the class and the tier that are shown; empty when that is all.

    Args:
        words: what the name, the purpose or the owner's name holds.
        ai_act_class, tier: a value of the lists above, ``none`` for systems without one; empty: any.

    Raises:
        InvalidInput: a value that is none of these.
    """
    for name, value, known in (("ai_act_class", ai_act_class, CLASSES), ("tier", tier, TIERS)):
        if value and value not in known:
            raise InvalidInput(f"{name} is one of {', '.join(known)}, not {value[:40]}.")
    if ai_act_class:
        systems = systems.filter(ai_act_class="" if ai_act_class == NONE else ai_act_class)
    if tier:
        systems = systems.filter(model_tier=None if tier == NONE else int(tier))
    for word in words.split():
        systems = systems.filter(
            Q(name__icontains=word)
            | Q(slug__icontains=word)
            | Q(purpose__icontains=word)
            | Q(owner__name__icontains=word)
        )
    said = [known[value] for value, known in ((ai_act_class, CLASSES), (tier, TIERS)) if value]
    return systems, ", ".join(said)


def _class(row: Mapping[str, Any]) -> str:
    return row["ai_act_class"] or NONE


def _tier(row: Mapping[str, Any]) -> str:
    return str(row["tier"] or NONE)


def _cell(count: int, **filters: str) -> Row:
    return {"count": count, "url": f"?{urlencode(filters)}" if count else ""}
