"""Versions that no MLflow holds, recorded through the service and assigned by a second person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.common import clock
from governance.inventory import assignments
from governance.inventory.models import AISystem, ModelAssignment
from registry import recording
from registry.models import ModelVersion
from tests.factories import a_user, given

FILE = {"what": "file", "name": "scorecard.xlsx", "digest": "sha256:" + "a" * 64}
SHEET = {
    "name": "scorecard",
    "kind": "other",
    "runs": "desktop",
    "supplier": "Pricing team",
    "product": "Scorecard",
    "version": "2026-03",
    "pins": [FILE],
}
LLM = {
    "name": "base-llm",
    "kind": "llm",
    "runs": "endpoint",
    "supplier": "A supplier",
    "product": "A language model",
    "version": "2026-10-01",
    "licence": "Contract 7",
    "where": "https://llm.supplier.example/v1",
}


def recorded(ai_system: AISystem, recorder: User, **fields: Any) -> ModelVersion:
    """Record a version: of the scorecard unless told otherwise; its model serves nothing before it is signed."""
    return recording.record_version(recorder=recorder, ai_system=ai_system, **(SHEET | fields))


def signed_over(made: ModelVersion, ai_system: AISystem) -> ModelVersion:
    """Have its model serve the system, by a signer whose role ends with it."""
    waits = ModelAssignment.objects.filter(model_name=str(made.model), signed_at__isnull=True).first()
    now, signer = clock.now(), a_user()
    with clock.frozen(now - timedelta(milliseconds=1)):
        given(signer, Role.VALIDATOR, system_id=ai_system.pk, valid_until=now)
        waits = waits or assignments.propose_assignment(model=str(made.model), ai_system=ai_system, by=ai_system.owner)
        assignments.sign_assignment(assignment_id=waits.pk, signer=signer)
    return ModelVersion.objects.select_related("model__system").get(pk=made.pk)


def a_recorded_version(ai_system: AISystem, recorder: User, **fields: Any) -> ModelVersion:
    """A recorded version whose model serves the system."""
    return signed_over(recorded(ai_system, recorder, **fields), ai_system)
