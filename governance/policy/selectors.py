"""Read policies: the published one that governs a system and alias."""

import uuid

from django.db.models import QuerySet

from governance.accounts.access import readable_systems
from governance.accounts.models import User
from governance.common.errors import Unknown
from governance.inventory.models import AISystem
from governance.policy.document import PolicyDocument, parse
from governance.policy.models import PolicyVersion


def document_of(version: PolicyVersion) -> PolicyDocument:
    """Return the parsed policy; parsing is cached by text."""
    return parse(version.text)


def version(pk: uuid.UUID) -> PolicyVersion:
    """Return one version, drafted or published.

    Raises:
        Unknown: there is none with that id.
    """
    found = PolicyVersion.objects.filter(pk=pk).first()
    if found is None:
        raise Unknown(_no_version(pk))
    return found


def _no_version(pk: uuid.UUID) -> str:
    return f"There is no policy version {pk}. GET /api/v1/policies lists those in force."


def version_for(user: User, pk: uuid.UUID) -> PolicyVersion:
    """Return one version, drafted or published, as a person asks for it: whoever holds any role reads all policies.

    Raises:
        Unknown: there is none with that id, or the person holds no role.
    """
    found = version(pk)
    if not readable_systems(user).anything:
        raise Unknown(_no_version(pk))
    return found


def policies_for(user: User) -> list[PolicyVersion]:
    """Return the newest published version of each policy, by name, for a person: none for those without a role."""
    return in_force() if readable_systems(user).anything else []


def published() -> QuerySet[PolicyVersion]:
    """Return every published version, newest first."""
    return PolicyVersion.objects.filter(published_at__isnull=False).order_by("-published_at")


def in_force() -> list[PolicyVersion]:
    """Return the newest published version of each policy, by name."""
    return list(PolicyVersion.objects.filter(published_at__isnull=False).order_by("name", "-number").distinct("name"))


def governing(ai_system: AISystem, alias: str) -> PolicyVersion | None:
    """Return the policy that governs an alias of a system's models, None when no published one applies.

    Where several fit, the last one published counts: it could be published only because it says that it supersedes the
    others.
    """
    if not ai_system.ai_act_class or ai_system.model_tier is None:
        return None
    for version in sorted(in_force(), key=lambda version: (version.published_at, version.name), reverse=True):
        document = document_of(version)
        applies = document.applies_to(ai_act_class=ai_system.ai_act_class, model_tier=ai_system.model_tier)
        if applies and alias in document.targets:
            return version
    return None
