"""Read policies: their versions, and the published one that governs a system and alias, with the reason."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Effective:
    """What governs one alias of a system's models.

    Attributes:
        alias: the alias.
        version: the version that governs; None where no policy does, and then nothing may be promoted.
        because: one sentence that says why.
        shadowed: versions in force that fit as well, in whose place ``version`` governs.
    """

    alias: str
    version: PolicyVersion | None
    because: str
    shadowed: tuple[PolicyVersion, ...] = ()


def governing(ai_system: AISystem, alias: str) -> PolicyVersion | None:
    """Return the policy that governs an alias of a system's models, None when no published one applies.

    Where several fit, the last one published counts: it could be published only because it says that it supersedes the
    others.
    """
    return next((version for version in _fitting(ai_system) if alias in document_of(version).targets), None)


def effective(ai_system: AISystem, *, aliases: Iterable[str] = ()) -> list[Effective]:
    """Return what governs each alias that a policy names for the system, and each of ``aliases``, by :func:`governing`.

    One query, whatever the number of policies and aliases.
    """
    fitting = _fitting(ai_system)
    named = [target for version in fitting for target in document_of(version).targets]
    return [
        _effective(ai_system, alias, [version for version in fitting if alias in document_of(version).targets])
        for alias in dict.fromkeys([*aliases, *named])
    ]


def _effective(ai_system: AISystem, alias: str, versions: list[PolicyVersion]) -> Effective:
    if not ai_system.ai_act_class or ai_system.model_tier is None:
        return Effective(alias, None, "The system is not classified yet: nothing may be promoted.")
    if ai_system.class_reopened_at:
        return Effective(alias, None, "The system was modified and its class is open again: nothing may be promoted.")
    what = f"{ai_system.get_ai_act_class_display().lower()}, tier {ai_system.model_tier}"
    if not versions:
        return Effective(alias, None, f"No policy in force is for {what} and {alias}: nothing may be promoted to it.")
    first, *others = versions
    because = f"It is for {what} and names {alias}."
    if others:
        names = " and ".join(map(str, others))
        because += f" {names} would fit as well; {first.name} was published last and takes the place."
    return Effective(alias, first, because, tuple(others))


def _fitting(ai_system: AISystem) -> list[PolicyVersion]:
    """Return the policies in force for a system's class and tier, the last one published first."""
    if not ai_system.ai_act_class or ai_system.model_tier is None:
        return []
    newest_first = sorted(in_force(), key=lambda version: (version.published_at, version.name), reverse=True)
    return [
        version
        for version in newest_first
        if document_of(version).applies_to(ai_act_class=ai_system.ai_act_class, model_tier=ai_system.model_tier)
    ]
