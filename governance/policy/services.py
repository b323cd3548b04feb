"""Draft and publish policies."""

import uuid

from django.db import connection, transaction

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import grants_in_force, has_role
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import DomainError, Forbidden, Unknown
from governance.evidence.projection import all_declared
from governance.policy import publication, selectors
from governance.policy.document import PolicyDocument, parse, problem_at
from governance.policy.errors import PolicyOverlaps, QuorumOutOfReach
from governance.policy.models import PolicyVersion
from governance.policy.problems import InvalidPolicy


class OwnPolicy(Forbidden):
    """The author of a policy version can't publish it, nor the sponsor of the service account that wrote it."""

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
        PolicyOverlaps: a policy of another name governs some of the same, and ``supersedes`` does not name it.
        OwnPolicy: author and publisher are one person, a service account counting as its sponsor.
        AlreadyPublished: it is in force, or was.
        Forbidden: the publisher is no policy publisher.
    """
    with connection.cursor() as cursor:  # two publications at once would not see that they overlap
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('placet publication', 0))")
    version = PolicyVersion.objects.select_for_update().filter(pk=version_id).first()
    if version is None:
        raise Unknown(f"There is no policy version {version_id}.")
    if version.published_at:
        raise AlreadyPublished(f"{version} is published and immutable.")
    if _hand(version.author) == _hand(publisher):
        raise OwnPolicy(
            f"{publisher} wrote {version}, or a service account of theirs did; another publisher must publish it."
        )
    if not has_role(publisher, Role.POLICY_PUBLISHER):
        raise Forbidden("Only a policy publisher puts a policy in force.")
    document = _publishable(version.text)
    _refuse_a_quorum_out_of_reach(document)
    _refuse_an_overlap(document)
    version.publisher, version.published_at = publisher, clock.now()
    audit.append(
        event=Event.POLICY_PUBLISHED,
        actor=publisher,
        subjects=[version],
        data={"policy": version.name, "version": version.number, "digest": version.digest},
    )
    return version


def _hand(user: User) -> uuid.UUID:
    """Return who acts: the person, and for a service account the person who answers for it."""
    return user.sponsor_id or user.pk


def _refuse_an_overlap(document: PolicyDocument) -> None:
    taken = [
        version
        for version in selectors.in_force()
        if version.name not in (document.name, *document.supersedes)
        and document.overlaps(selectors.document_of(version))
    ]
    if taken:
        names = ", ".join(version.name for version in taken)
        raise PolicyOverlaps(
            [
                problem_at(
                    document.source,
                    ("applies_to",),
                    f"{', '.join(map(str, taken))} governs some of the same systems and aliases; narrow `applies_to` "
                    f"or `targets`, or write `supersedes: [{names}]` to take its place.",
                )
            ]
        )


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
