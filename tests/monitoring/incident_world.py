"""An AI system with people around it, and an incident of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.common import clock
from governance.inventory.models import AISystem
from monitoring.incidents import services
from monitoring.incidents.models import Incident, IncidentTask
from tests.factories import PASSWORD, a_model, a_system, a_user, a_version, given

TOLD = "Since the release every application from one district was refused; a credit officer saw it."
HOW = "The release was taken back and the refused applications were decided anew."
WHY = "The engineer's mail of that morning says so."


@dataclass
class People:
    """The system's owner, those with roles for it, and one with a role for another system."""

    system: AISystem
    owner: User
    engineer: User
    officer: User
    validator: User
    auditor: User
    stranger: User


def people() -> People:
    """Make a high-risk system with everybody."""
    owner = a_user(Role.OWNER, name="Model owner")
    system = a_system(owner=owner)
    stranger = a_user(name="Stranger")
    given(stranger, Role.RISK_OFFICER, system_id=a_system(name="Another system").pk)
    return People(
        system=system,
        owner=owner,
        engineer=a_user(Role.ENGINEER, name="ML engineer"),
        officer=a_user(Role.RISK_OFFICER, name="Risk officer"),
        validator=a_user(Role.VALIDATOR, name="Validator"),
        auditor=a_user(Role.AUDITOR, name="Auditor"),
        stranger=stranger,
    )


def an_incident(around: People, *, days_ago: float = 3, **fields: Any) -> Incident:
    """Write an incident down, of which the engineer was aware some days ago."""
    values: dict[str, Any] = {
        "system": around.system,
        "title": "One district was refused alike",
        "what_happened": TOLD,
        "by": around.engineer,
        "aware_at": ago(days=days_ago),
    }
    return services.open_incident(**(values | fields))


def with_a_version(around: People) -> Any:
    """Return a version of a model that serves the system."""
    return a_version(a_model(around.system))


def ago(**span: float) -> datetime:
    """Return the moment that long ago."""
    return clock.now() - timedelta(**span)


def report(incident: Incident, by: User, **fields: Any) -> Incident:
    """Record that the incident was reported."""
    values: dict[str, Any] = {"authority": "Market surveillance authority", "reference": "MSA-118"}
    return services.record_report(incident_id=incident.pk, by=by, **(values | fields))


def fresh(incident: Incident) -> Incident:
    """Return the incident as the database has it now."""
    return Incident.objects.select_related("system", "owner", "version__model").get(pk=incident.pk)


def closed(incident: Incident, by: User, **fields: Any) -> Incident:
    """Close the incident, signed; as reported, unless another ground is given."""
    values: dict[str, Any] = {"incident_id": incident.pk, "closer": by, "how": HOW, "password": PASSWORD}
    return services.close_incident(**(values | fields))


def task_of(incident: Incident, by: User, **fields: Any) -> IncidentTask:
    """Add a task that the person has themselves, due today."""
    values: dict[str, Any] = {"text": "Ask for the form", "owner": by, "due_on": clock.now().date()}
    return services.add_task(incident_id=incident.pk, by=by, **(values | fields))
