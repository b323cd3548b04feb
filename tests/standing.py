"""Factories of standing approvals: what serves, the envelope around it, retrained versions inside and outside."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from governance.approvals.models import ChangeClass, StandingApproval
from governance.common import clock
from registry import promotions, standing
from registry.models import PromotionRequest
from tests import payloads
from tests.factories import Cast, a_version, approve, fresh

COMMIT = "1f2e3d4c5b6a79880917263544f5e6d7c8b9a001"
CODE = {
    "commit": COMMIT,
    "source": "train.py",
    "type": "LOCAL",
    "repository": "https://git.bank.example/credit",
    "entry_point": "main",
}
SIGNATURE = {"inputs": [{"name": name, "type": "double", "required": True} for name in payloads.FEATURES]}
MADE = {"code": CODE, "signature": SIGNATURE, "parameters": {"max_depth": "4", "learning_rate": "0.1", "seed": "7"}}
PARAMETERS = {"max_depth": ["3", "4", "5"], "learning_rate": ["0.1"], "seed": ["*"]}
BOUNDS = ["evidence.performance.auc.low >= 0.70", "evidence.fairness.sex.selection_ratio.worst_ci_low >= 0.85"]
AUC = {"ratio": 0.97, "half": 0.05}


def served(cast: Cast, *, number: int = 1, **fields: Any) -> PromotionRequest:
    """A version in production whose run says which code made it."""
    made = cast.promotion
    cast.promotion = lambda **more: made(**(MADE | fields | more))  # type: ignore[method-assign]
    try:
        return cast.live(number=number)
    finally:
        del cast.promotion  # type: ignore[method-assign]


def asked(cast: Cast, **fields: Any) -> StandingApproval:
    """A standing approval that waits for its signatures."""
    values: dict[str, Any] = {
        "model": cast.model.name,
        "alias": "champion",
        "requester": cast.engineer,
        "parameters": PARAMETERS,
        "bounds": BOUNDS,
        "max_uses": 2,
        "expires_at": clock.now() + timedelta(days=90),
        "reason": "Retrained each month on new applications, by the same code.",
    }
    return standing.request_standing_approval(**(values | fields))


def granted(cast: Cast, *, by: tuple[Any, ...] = (), **fields: Any) -> StandingApproval:
    """A standing approval that each stage signed."""
    row = asked(cast, **fields)
    for person in by or (cast.validator, cast.officer):
        approve(row.approval, person)
    return StandingApproval.objects.select_related("approval", "policy_version").get(pk=row.pk)


def retrained(
    cast: Cast,
    *,
    number: int = 2,
    change_class: str = ChangeClass.PRE_DETERMINED,
    requester: Any = None,
    measured: dict[str, Any] | None = None,
    **fields: Any,
) -> PromotionRequest:
    """A retrained version, stated as pre-determined, with all its evidence attached."""
    made = asked_for(cast, number=number, change_class=change_class, requester=requester, **fields)
    cast.attached(made, **(AUC | (measured or {})))
    return fresh(made)


def asked_for(
    cast: Cast,
    *,
    number: int = 2,
    change_class: str = ChangeClass.PRE_DETERMINED,
    requester: Any = None,
    **fields: Any,
) -> PromotionRequest:
    """The same without its evidence."""
    a_version(cast.model, number=number, **({"trained_by": cast.engineer} | MADE | fields))
    made, _ = promotions.request_promotion(
        model=cast.model.name,
        version=number,
        alias="champion",
        requester=requester or cast.engineer,
        change_class=change_class,
    )
    return fresh(made)
