"""The facts a policy is held against, and how a dotted path finds its figure among them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Literal

from governance.policy.cel import Scalar

Facts = Mapping[str, Any]
"""``{"evidence": {"fairness": {...}}, "candidate": {...}, "production": {...}}``.

Below an evidence type stand its scalars, nested (``{"auc": {"value": 0.7}}``) or flat (``{"auc.value": 0.7}``). An
evidence type that is not attached has no key; ``production`` has no key at a first promotion. Undefined is None.
Documents that people submit stand by kind (``{"submitted_document": {"dpia": {...}}}``); one that is there and does not
count (expired, refused, not reviewed) has no key either, and ``absent`` says why: ``{"submitted_document.dpia": "…"}``.
So it is with evidence that is there and is not what the policy wants (submitted, or with less isolation):
``{"fairness": "…"}``. ``inherited`` says of which base evidence is that is not about the version itself:
``{"evaluation": "outside_mlflow:base-llm v1"}``.
"""


class _Absent(Enum):
    ABSENT = "absent"


ABSENT: Final = _Absent.ABSENT
Figure = Scalar | None | Literal[_Absent.ABSENT]

COMPARISONS = frozenset({"production", "difference"})


def figure(facts: Facts, path: str) -> Figure:
    """Return the figure at ``path``: a scalar, None where undefined (also NaN and infinity), ABSENT where not there.

    Something that is not a scalar counts as absent: no policy can read it.
    """
    head, *parts = path.split(".")
    value: Any = facts.get(head, ABSENT)
    if head == "evidence" and isinstance(value, Mapping) and parts:
        value = value.get(parts.pop(0), ABSENT)
    flat = ".".join(parts)
    if isinstance(value, Mapping) and flat in value:
        return _scalar(value[flat])
    for part in parts:
        if value is None:  # what lies below something undefined is undefined, not forgotten
            return None
        value = value.get(part, ABSENT) if isinstance(value, Mapping) else ABSENT
    return _scalar(value)


def evidence_name(path: str) -> str | None:
    """Return the evidence type (without version) of ``path``, or None for ``candidate`` and ``production``."""
    head, _, rest = path.partition(".")
    return rest.partition(".")[0] if head == "evidence" else None


def is_comparison(path: str) -> bool:
    """Return whether ``path`` needs a model in production to mean anything: ``production.…``, ``….difference.…``."""
    head, *parts = path.split(".")
    return head == "production" or (head == "evidence" and not COMPARISONS.isdisjoint(parts[1:]))


def _scalar(value: Any) -> Figure:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float | Decimal):
        number = float(value)
        return number if math.isfinite(number) else None
    return ABSENT
