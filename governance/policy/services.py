"""Draft and publish policies."""

import re
import uuid

from django.db import connection, transaction

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import DomainError, Forbidden, InvalidInput, Unknown
from governance.evidence.projection import all_declared
from governance.policy import linting, publication
from governance.policy.document import PolicyDocument, parse
from governance.policy.errors import PolicyOverlaps, QuorumOutOfReach
from governance.policy.models import PolicyVersion
from governance.policy.problems import InvalidPolicy


class OwnPolicy(Forbidden):
    """The author of a policy version can't publish it, nor the sponsor of the service account that wrote it."""

    title = "Another person must publish"


class AlreadyPublished(DomainError):
    """A published version is immutable; draft the next one."""

    title = "The policy version is published"


_COMMIT = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64})?")
_WITH_PASSWORD = re.compile(r"//[^/@]*@")


@transaction.atomic
def draft_policy(*, text: str, author: User, commit: str = "", repository: str = "") -> PolicyVersion:
    """Keep a policy text as the next version of its name. Drafting decides nothing: a service account may.

    Args:
        commit: the git commit that the text is from, 40 or 64 hexadecimal digits.
        repository: where that commit is, as people would look for it.
    Raises:
        InvalidPolicy: with every problem, each with path and line.
        InvalidInput: what is given is no commit, or the repository's address carries a sign-in.
        Forbidden: the author is no policy author.
    """
    if not has_role(author, Role.POLICY_AUTHOR):
        raise Forbidden("Only a policy author writes policies.")
    if not _COMMIT.fullmatch(commit):
        raise InvalidInput("A commit has 40 or 64 hexadecimal digits, as `git rev-parse HEAD` prints it.")
    if _WITH_PASSWORD.search(repository) or not repository.isprintable():
        raise InvalidInput("Give the repository's address without the part before the @: it would be kept for good.")
    document = _publishable(text)
    newest = PolicyVersion.objects.select_for_update().filter(name=document.name).order_by("-number").first()
    version = PolicyVersion(
        name=document.name,
        number=newest.number + 1 if newest else 1,
        text=text,
        digest=document.digest,
        author=author,
        made_at=clock.now(),
        commit=commit,
        repository=repository,
    )
    audit.append(
        event=Event.POLICY_DRAFTED,
        actor=author,
        subjects=[version],
        data={
            "policy": version.name,
            "version": version.number,
            "digest": version.digest,
            **({"commit": commit} if commit else {}),
        },
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
    if problems := linting.quorum_problems(document):
        raise QuorumOutOfReach(problems)
    if problems := linting.overlap_problems(document):
        raise PolicyOverlaps(problems)
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
