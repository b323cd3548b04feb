"""Draft and publish policies."""

import uuid

from django.db import transaction

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import grants_in_force, has_role
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import DomainError, Forbidden, Unknown
from governance.evidence.projection import all_declared
from governance.policy import publication
from governance.policy.document import PolicyDocument, parse, problem_at
from governance.policy.errors import QuorumOutOfReach
from governance.policy.models import PolicyVersion
from governance.policy.problems import InvalidPolicy


class OwnPolicy(Forbidden):
    """The author of a policy version can't publish it."""

    title = "Another person must publish"


class AlreadyPublished(DomainError):
    """A published version is immutable; draft the next one."""

    title = "The policy version is published"


@transaction.atomic
def draft_policy(*, text: str, author: User) -> PolicyVersion:
    """Keep a policy text as the next version of its name.

    Raises:
        InvalidPolicy: with every problem, each with path and line.
        Forbidden: the author is no policy author.
    """
    if not has_role(author, Role.POLICY_AUTHOR):
        raise Forbidden("Only a policy author writes policies.")
    document = _publishable(text)
    newest = PolicyVersion.objects.select_for_update().filter(name=document.name).order_by("-number").first()
    version = PolicyVersion(
        name=document.name,
        number=newest.number + 1 if newest else 1,
        text=text,
        digest=document.digest,
        author=author,
        made_at=clock.now(),
    )
    audit.append(
        event=Event.POLICY_DRAFTED,
        actor=author,
        subjects=[version],
        data={"policy": version.name, "version": version.number, "digest": version.digest},
    )
    return version


def _publishable(text: str) -> PolicyDocument:
    document = parse(text)
    problems = publication.check(document, all_declared())
    if problems:
        raise InvalidPolicy(problems)
    return document


@transaction.atomic
def publish_policy(*, version_id: uuid.UUID, publisher: User) -> PolicyVersion:
    """Put a version in force for requests from now on; open requests keep theirs.

    Raises:
        Unknown: no such version.
        InvalidPolicy: what was fit when it was drafted is no longer, or names what is not enforced.
        QuorumOutOfReach: a stage wants more people than hold its roles.
        OwnPolicy: author and publisher are one person.
        AlreadyPublished: it is in force, or was.
        Forbidden: the publisher is no policy publisher.
    """
    version = PolicyVersion.objects.select_for_update().filter(pk=version_id).first()
    if version is None:
        raise Unknown(f"There is no policy version {version_id}.")
    if version.published_at:
        raise AlreadyPublished(f"{version} is published and immutable.")
    if version.author_id == publisher.pk:
        raise OwnPolicy(f"{publisher} wrote {version}; another policy publisher must publish it.")
    if not has_role(publisher, Role.POLICY_PUBLISHER):
        raise Forbidden("Only a policy publisher puts a policy in force.")
    document = _publishable(version.text)
    _refuse_a_quorum_out_of_reach(document)
    version.publisher, version.published_at = publisher, clock.now()
    audit.append(
        event=Event.POLICY_PUBLISHED,
        actor=publisher,
        subjects=[version],
        data={"policy": version.name, "version": version.number, "digest": version.digest},
    )
    return version


def _refuse_a_quorum_out_of_reach(document: PolicyDocument) -> None:
    """A stage that too few people could sign would hold every request until it expires."""
    problems = []
    for index, stage in enumerate(document.stages):
        # A grant for one system counts: a policy is for a class, and the request keeps to its own system's people.
        able = grants_in_force().filter(role__in=stage.roles, person__sponsor__isnull=True)
        people = able.values("person_id").distinct().count()
        if people < stage.quorum:
            message = (
                f"Stage {stage.name} wants {stage.quorum} people and {people} hold{'s' if people == 1 else ''} "
                f"{' or '.join(stage.roles)}; grant the role to more people, or lower the quorum."
            )
            problems.append(problem_at(document.source, ("stages", index, "quorum"), message))
    if problems:
        raise QuorumOutOfReach(problems)
