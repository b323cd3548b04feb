"""Things of the world and the parts of their addresses, by whatever name an address gives them."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from governance.accounts.models import User
from governance.common import clock
from governance.inventory import correspondence, modifying, risks
from governance.inventory import services as inventory
from governance.inventory.models import AISystem, Correspondence, Modification, Risk
from registry import bases
from registry.models import BuildsOn, ModelVersion
from tests.outside import LLM, a_recorded_version
from tests.reports.factories import a_proposal


def both(kind: str, pk: uuid.UUID, system: Any) -> dict[str, Any]:
    return {"pk": system.pk, "system": system.slug, kind: pk, f"{kind}_id": pk}


def incident(row: Any) -> dict[str, Any]:
    return {"pk": row.pk, "incident_id": row.pk}


def a_base(system: AISystem, owner: User, upper: ModelVersion) -> BuildsOn:
    """A language model that no MLflow holds, of the same system, and a version that is built on it."""
    base = a_recorded_version(system, owner, **LLM)
    return bases.state_base(
        model=str(upper.model),
        version=upper.number,
        base_model=str(base.model),
        base_version=1,
        kind="base_model",
        person=owner,
    )


def a_risk(system: AISystem, owner: User) -> Risk:
    """A treated risk that the system's owner wrote down: what remains waits for a second person."""
    return risks.open_risk(
        ai_system=system,
        by=owner,
        title="Good applicants are refused",
        hazard="The score is too low for people with a short history.",
        affected="Applicants under 25",
        kind="rights",
        likelihood=4,
        severity=3,
        measures="A person reads every refusal.",
        tests="Backtest",
        residual_likelihood=2,
        residual_severity=2,
        review_on=clock.now().date() + timedelta(days=90),
    )


def a_modification(system: AISystem, owner: User, signer: User) -> Modification:
    """One that was answered: the system was classified anew, and a second person signed."""
    row = modifying.declare_modification(ai_system=system, by=owner, kind="facts", what="It reads one more register.")
    proposal = a_proposal(system, owner)
    inventory.sign_classification(classification_id=proposal.pk, signer=signer)
    return row


def a_request(system: AISystem, owner: User, **more: Any) -> Correspondence:
    """Somebody asks why a decision was taken; nobody has answered yet."""
    asked: dict[str, Any] = {
        "kind": "explanation-86",
        "reference": "CASE-118",
        "decision": "client-77",
        "text": "Why was the application refused?",
        "received_on": clock.now().date(),
    }
    return correspondence.record_correspondence(ai_system=system, by=owner, **(asked | more))


def a_settled(row: Correspondence) -> Correspondence:
    """One that its system's owner withdrew."""
    reason = "Recorded twice: the other one stays open."
    return correspondence.withdraw_correspondence(correspondence_id=row.pk, by=row.system.owner, reason=reason)
