"""Read AI systems."""

import uuid

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse

from governance.accounts import holds
from governance.accounts.access import readable
from governance.accounts.models import User
from governance.accounts.selectors import grants_in_force
from governance.common import clock
from governance.common.errors import Unknown
from governance.inventory.models import (
    AISystem,
    Classification,
    DatasetPin,
    Declaration,
    ModelAssignment,
    Modification,
    SuccessCriteria,
)


def systems_for(user: User) -> QuerySet[AISystem]:
    """Return the systems that a person may read."""
    return readable(AISystem.objects.select_related("owner").order_by("name"), user, system="pk")


def systems_of_roles(user: User, *roles: str) -> QuerySet[AISystem]:
    """Return the systems that a person may read and for which they hold one of the roles; one query."""
    grants = grants_in_force().filter(person=user, role__in=[str(role) for role in roles])
    return systems_for(user).filter(Exists(grants.filter(Q(system_id__isnull=True) | Q(system_id=OuterRef("pk")))))


def system_for(user: User, pk: uuid.UUID | str) -> AISystem:
    """Return one system by id or slug.

    Raises:
        Unknown: there is none, or none that the person may read.
    """
    rows = systems_for(user)
    try:
        return rows.get(pk=uuid.UUID(str(pk)))
    except (ValueError, AISystem.DoesNotExist):
        found = rows.filter(slug=str(pk)).first()
        if found is None:
            raise Unknown(f"There is no AI system {pk}.") from None
        return found


def found(key: str) -> holds.Found:
    """Return what a hold on a system is on.

    Raises:
        Unknown: there is no such system.
    """
    row = AISystem.objects.filter(pk=uuid.UUID(key)).first()
    if row is None:
        raise Unknown(f"There is no AI system {key}.")
    return holds.Found(row.name, frozenset({row.pk}), reverse("system-detail", args=[row.pk]))


def classification(ai_system: AISystem, pk: uuid.UUID) -> Classification:
    """Return one classification of a system, signed or not.

    Raises:
        Unknown: the system has none with that id.
    """
    found = ai_system.classifications.filter(pk=pk).first()
    if found is None:
        raise Unknown(f"{ai_system.name} has no classification {pk}; the answer to proposing one names its id.")
    return found


def classification_in_force(ai_system: AISystem) -> Classification | None:
    """Return the newest signed classification, also while ``class_reopened_at`` says that it is open again."""
    return ai_system.classifications.filter(signed_at__isnull=False).order_by("-signed_at").first()


def classification_that_counts(ai_system: AISystem) -> Classification | None:
    """Return the newest signed classification, None while the class is open again."""
    return None if ai_system.class_reopened_at else classification_in_force(ai_system)


def why_open_again(ai_system: AISystem) -> str:
    """Return why the signed class of a system does not count and what to do, an empty text where it counts."""
    if ai_system.class_reopened_at is None:
        return ""
    return (
        f"{ai_system.name} was modified on {clock.day(ai_system.class_reopened_at)}, so its class is open again: "
        "propose the classification anew and have a second person sign it."
    )


def assignment(ai_system: AISystem, pk: uuid.UUID) -> ModelAssignment:
    """Return one assignment of a model to a system, signed or not.

    Raises:
        Unknown: the system has none with that id.
    """
    found = ai_system.assignments.select_related("system", "from_system").filter(pk=pk).first()
    if found is None:
        raise Unknown(f"{ai_system.name} has no assignment {pk}; the answer to proposing one names its id.")
    return found


def criteria(ai_system: AISystem, pk: uuid.UUID) -> SuccessCriteria:
    """Return one proposal of success criteria of a system, signed or not.

    Raises:
        Unknown: the system has none with that id.
    """
    found = ai_system.criteria_proposals.select_related("system").filter(pk=pk).first()
    if found is None:
        raise Unknown(f"{ai_system.name} has no success criteria {pk}; the answer to proposing them names their id.")
    return found


def modification(ai_system: AISystem, pk: uuid.UUID) -> Modification:
    """Return one modification of a system.

    Raises:
        Unknown: the system has none with that id.
    """
    found = ai_system.modifications.select_related("system", "declared_by").filter(pk=pk).first()
    if found is None:
        raise Unknown(f"{ai_system.name} has no modification {pk}; the list names the id of each.")
    return found


def declaration(ai_system: AISystem, pk: uuid.UUID) -> Declaration:
    """Return one answer of a system's record.

    Raises:
        Unknown: the system has none with that id.
    """
    found = ai_system.declarations.select_related("system", "made_by", "reviewed_by").filter(pk=pk).first()
    if found is None:
        raise Unknown(f"{ai_system.name} has no answer {pk} in its record; the record names the id of each.")
    return found


def open_criteria(ai_system: AISystem) -> SuccessCriteria | None:
    """Return the success criteria that wait for their signature."""
    waiting = ai_system.criteria_proposals.filter(signed_at__isnull=True, withdrawn_at__isnull=True)
    return waiting.select_related("system").first()


def open_classification(ai_system: AISystem) -> Classification | None:
    """Return the classification that waits for its signature."""
    return ai_system.classifications.filter(signed_at__isnull=True, withdrawn_at__isnull=True).first()


def open_assignments(ai_system: AISystem) -> list[ModelAssignment]:
    """Return the assignments to a system that wait for their signature, oldest first."""
    waiting = ai_system.assignments.filter(signed_at__isnull=True, withdrawn_at__isnull=True)
    return list(waiting.select_related("system", "from_system", "proposed_by").order_by("proposed_at"))


def pinned_dataset(ai_system: AISystem, role: str = "evaluation") -> DatasetPin | None:
    """Return the pin in force for a role of data."""
    return ai_system.dataset_pins.filter(role=role, unpinned_at__isnull=True).first()
