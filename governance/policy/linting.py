"""What keeps a text from being kept, and what would keep it from being published today; nothing is written."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from governance.accounts.selectors import grants_in_force
from governance.evidence.projection import all_declared
from governance.policy import publication, selectors
from governance.policy.diff import Change, diff
from governance.policy.document import PolicyDocument, parse
from governance.policy.models import PolicyVersion
from governance.policy.problems import InvalidPolicy, Problem
from governance.policy.shape import problem_at


@dataclass(frozen=True, slots=True)
class Lint:
    """What is to be said of a text.

    Attributes:
        document: the policy; None for a text whose shape is none.
        problems: what keeps it from being kept as a draft; empty when nothing does.
        before_publication: what would keep it from being published today: missing people, another policy's place.
        newest: the newest version of its name, drafted or published; None where there is none.
        against: the version that it was compared with; None where there is none.
        changes: how it differs from ``against``.
    """

    document: PolicyDocument | None
    problems: tuple[Problem, ...]
    before_publication: tuple[Problem, ...] = ()
    newest: PolicyVersion | None = None
    against: PolicyVersion | None = None
    changes: tuple[Change, ...] = ()


def lint(text: str, *, against: uuid.UUID | None = None) -> Lint:
    """Check a text as drafting and publishing would, and compare it with a version.

    Args:
        against: the version; by default the one in force under the text's name.
    Raises:
        Unknown: there is no version ``against``.
    """
    other = selectors.version(against) if against else None
    try:
        document = parse(text)
    except InvalidPolicy as refused:
        return Lint(None, refused.problems, against=other)
    other = other or selectors.newest_published(document.name)
    return Lint(
        document,
        tuple(publication.check(document, all_declared())),
        tuple(quorum_problems(document) + overlap_problems(document)),
        selectors.versions(document.name).first(),
        other,
        tuple(diff(selectors.document_of(other), document)) if other else (),
    )


def overlap_problems(document: PolicyDocument) -> list[Problem]:
    """Return whose place the policy would take without saying so."""
    taken = [
        version
        for version in selectors.in_force()
        if version.name not in (document.name, *document.supersedes)
        and document.overlaps(selectors.document_of(version))
    ]
    if not taken:
        return []
    names = ", ".join(version.name for version in taken)
    return [
        problem_at(
            document.source,
            ("applies_to",),
            f"{', '.join(map(str, taken))} governs some of the same systems and aliases; narrow `applies_to` "
            f"or `targets`, or write `supersedes: [{names}]` to take its place.",
        )
    ]


def quorum_problems(document: PolicyDocument) -> list[Problem]:
    """Return the stages that too few people could sign: each would hold every request until it expires."""
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
    return problems
