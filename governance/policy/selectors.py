"""Read policies: the published one that governs a system and alias."""

import uuid

from django.db.models import QuerySet

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
        raise Unknown(f"There is no policy version {pk}. GET /api/v1/policies lists those in force.")
    return found


def published() -> QuerySet[PolicyVersion]:
    """Return every published version, newest first."""
    return PolicyVersion.objects.filter(published_at__isnull=False).order_by("-published_at")


def versions(name: str) -> QuerySet[PolicyVersion]:
    """Return every version of a name, drafted or published, the newest first."""
    return PolicyVersion.objects.filter(name=name).order_by("-number")


def newest_published(name: str, *, other_than: uuid.UUID | None = None) -> PolicyVersion | None:
    """Return the newest published version of a name, None when there is none (besides ``other_than``)."""
    rows = versions(name).filter(published_at__isnull=False)
    return (rows.exclude(pk=other_than) if other_than else rows).first()


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
