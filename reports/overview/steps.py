"""The steps to a first promotion, each ticked by what is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from governance.accounts.roles import Role
from governance.accounts.selectors import grants_in_force
from governance.inventory.models import AISystem, Classification
from governance.policy import selectors as policies
from placet.uris import OUTSIDE
from registry import watches
from registry.deviations import SOURCE
from registry.models import PromotionRequest, RegisteredModel

Name = Literal["mlflow", "people", "policy", "system", "class", "model", "request"]
NEEDED = (Role.OWNER, Role.ENGINEER, Role.VALIDATOR, Role.RISK_OFFICER)
"""Roles without whom no promotion of a high-risk system comes about: who answers, who asks, and who decides."""


@dataclass(frozen=True)
class Step:
    """One step; ``lacking`` names the roles that nobody holds yet."""

    name: Name
    done: bool
    lacking: tuple[str, ...] = ()


def steps() -> tuple[Step, ...]:
    """Return the steps in order. They are of the whole deployment: ask only for somebody who reads all of it."""
    models = RegisteredModel.objects.all()
    held = set(grants_in_force().filter(role__in=NEEDED).values_list("role", flat=True))
    lacking = tuple(str(role.label) for role in NEEDED if role not in held)
    mirrored = models.exclude(workspace=OUTSIDE).exists() or watches.last_beat(SOURCE) is not None
    return (
        Step("mlflow", mirrored),
        Step("people", not lacking, lacking),
        Step("policy", policies.published().exists()),
        Step("system", AISystem.objects.exists()),
        Step("class", Classification.objects.filter(signed_at__isnull=False).exists()),
        Step("model", models.filter(system__isnull=False).exists()),
        Step("request", PromotionRequest.objects.exists()),
    )
