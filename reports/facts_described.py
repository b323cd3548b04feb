"""Which version, and which promotion of it, a document about a system describes."""

from __future__ import annotations

from django.conf import settings

from governance.inventory.models import AISystem
from registry.models import ModelVersion, PromotionRequest


def described_promotion(ai_system: AISystem, version: ModelVersion | None) -> PromotionRequest | None:
    """Return the promotion behind what is live, the first protected alias before others; else the newest request.

    Of a named version only its own count; one that was applied once stands before one that never was.
    """
    of_version = {"version": version} if version else {}
    rows = list(
        PromotionRequest.objects.filter(version__model__system=ai_system, **of_version)
        .select_related(
            "version__model",
            "version__trained_by",
            "version__evaluation_dataset",
            "version__training_dataset",
            "requester",
            "approval__policy_version__author",
            "approval__policy_version__publisher",
        )
        .order_by("-made_at")
    )
    applied = [row for row in rows if row.state == PromotionRequest.State.APPLIED]
    order = {alias: place for place, alias in enumerate(settings.PROTECTED_ALIASES)}
    applied.sort(key=lambda row: order.get(row.alias, len(order)))
    were = [row for row in rows if version and row.applied_at]
    return next(iter([*applied, *were, *rows]), None)


def newest_version(ai_system: AISystem) -> ModelVersion | None:
    """Return the version of a system's models that was made last; None where there is none."""
    rows = ModelVersion.objects.filter(model__system=ai_system)
    return (
        rows.select_related("model", "trained_by", "evaluation_dataset", "training_dataset")
        .order_by("-mlflow_created_at_ms")
        .first()
    )
