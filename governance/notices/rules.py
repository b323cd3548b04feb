"""Who is told what of an event, and where the link lands. Pure: an event and what holds now in, notices out.

Two texts belong to a notice. ``words`` names nothing, so that they may go anywhere; ``detail`` names the subject and
the verdict, and goes out only where the deployment allows it. Neither ever holds evidence, a rationale or a reason.
"""

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from governance.notices import topics
from governance.notices.kinds import Kind

People = Collection[uuid.UUID]
Read = tuple[str, uuid.UUID | None]
NOBODY: People = ()


@dataclass(frozen=True)
class About:
    """What an event is about, as it stands now.

    Attributes:
        title: what people call it: ``credit-risk v2 for alias champion (PR-12)``.
        path: the page on which it is, from the site's root.
        key: what it is called in the name of an occasion; one for each thing.
        read: what is asked before somebody is told of it: the kind of thing and its id, see ``reading.may_read``.
        state: the state that it is in.
        stage: of a request in review, the stage that is open.
        round: of a request, the round that decisions count for.
        people: part -> who has it: ``signers``, ``requester``, ``owner``, ``administrators`` …
    """

    title: str = ""
    path: str = "/"
    key: str = ""
    read: Read = ("own", None)
    state: str = ""
    stage: str = ""
    round: int = 1
    people: Mapping[str, People] = field(default_factory=dict)

    def who(self, part: str) -> People:
        return self.people.get(part, NOBODY)


@dataclass(frozen=True)
class Fact:
    """One event, who did it, what it says, and what it is about.

    Attributes:
        occasion: what one notice at most is made for, to each person: the entry's id, or a name of its own.
        by: the person who did it; None for the system and for machines.
    """

    event: str
    occasion: str
    about: About
    data: Mapping[str, Any] = field(default_factory=dict)
    by: uuid.UUID | None = None


@dataclass(frozen=True)
class Told:
    """One notice to one person."""

    to: uuid.UUID
    kind: Kind
    words: str
    detail: str
    path: str
    occasion: str
    read: Read


Rule = Callable[[Fact], Iterator[Told]]
ENDS = {
    "rejected": "was rejected",
    "changes_requested": "needs changes",
    "expired": "expired undecided",
    "suspended": "was suspended",
    "revoked": "was revoked",
    "lapsed": "has lapsed",
    "approved": "is in force again",
    "withdrawn": "was withdrawn",
}
TO_OWNERS = ("suspended", "revoked", "lapsed")
FINDING = {
    "finding.opened": ("A finding was opened for you", "opened"),
    "finding.handed_over": ("A finding was handed over to you", "handed over to you"),
    "finding.extended": ("A finding of yours was given more time", "given more time"),
    "finding.closed": ("A finding of yours was closed", "closed"),
    "finding.due": ("A finding of yours is due soon", "due soon"),
    "finding.overdue": ("A finding of yours is overdue", "overdue"),
}
CORRESPONDENCE = {
    "correspondence.due": "A notice or a request is due soon",
    "correspondence.overdue": "A notice or a request is overdue",
}
ASKED_OF_REVIEWERS = {
    "finding.opened": "What one person did to production at once waits for your review",
    "finding.overdue": "Your review of what one person did to production is overdue",
}
ASKED_OF_DECIDERS = {
    "finding.opened": "A model has drifted; whether it may stand waits for your decision",
    "finding.overdue": "Your decision on a model that has drifted is overdue",
}
LATE = {
    "reviewers": "What one person did to production is not reviewed in time",
    "deciders": "Nobody decided in time on a model that has drifted",
}
SECURITY = {
    "passkey.enrolled": "A passkey was added to your account",
    "passkey.confirmed": "A passkey of yours was confirmed",
    "passkey.ended": "A passkey of yours was ended",
    "second_factor.enabled": "An authenticator app was bound to your account",
    "second_factor.disabled": "The authenticator app of your account was removed",
    "recovery_codes.generated": "New recovery codes were made for your account",
    "recovery_codes.used": "A recovery code of yours was used to sign in",
    "person.locked": "Your account was locked after wrong passwords",
    "person.reactivated": "Your account was opened again",
    "token.created": "A token was made for your account, or for a service account that you sponsor",
    "token.revoked": "A token of your account, or of a service account that you sponsor, was revoked",
    "identity.linked": "Your account was linked to a name in another system",
    "identity.unlinked": "A link of your account to another system was ended",
    "role.granted": "You were given a role",
    "role.revoked": "A role of yours was ended",
    "notice_channel.added": "An address for messages was added to your account",
    "notice_channel.removed": "An address for messages was removed from your account",
}
DELEGATION = {
    "delegation.made": "A delegation that concerns you was made; an administrator confirms it",
    "delegation.confirmed": "A delegation that concerns you is in force",
    "delegation.ended": "A delegation that concerns you has ended",
}


def told(fact: Fact) -> list[Told]:
    """Return the notices of an event, at most one to a person for each occasion.

    Nobody is told of their own act, but for the security of their account: whoever took it over would act as them.
    """
    found: dict[tuple[uuid.UUID, str], Told] = {}
    for rule in _rules_for(fact.event):
        for row in rule(fact):
            if row.to != fact.by or row.kind == Kind.SECURITY:
                found.setdefault((row.to, row.occasion), row)
    return list(found.values())


def events() -> frozenset[str]:
    """Return the events of which somebody is told; those that no code of this version writes do no harm."""
    return frozenset(_RULES).union(*(topic.rules for topic in topics.topics()))


def _rules_for(event: str) -> tuple[Rule, ...]:
    topic = topics.of_event(event)
    return topic.rules[event] if topic else _RULES.get(event, ())


def each(
    fact: Fact, part: str, kind: Kind, words: str, detail: str, *, occasion: str = "", anchor: str = "", read: str = ""
) -> Iterator[Told]:
    """Yield the notice of a fact for each of those who have a part in what it is about."""
    about = fact.about
    for person in about.who(part):
        asked = (read, None) if read else about.read
        yield Told(person, kind, words, detail, about.path + anchor, occasion or fact.occasion, asked)


def _stage_open(fact: Fact) -> Iterator[Told]:
    """Tell who may sign in the open stage, once for each stage and round, whichever event opened it."""
    about = fact.about
    occasion = f"stage:{about.key}:{about.round}:{about.stage}"
    detail = f"{about.title} waits for your decision in stage {about.stage}"
    words = "A request waits for your decision"
    yield from each(fact, "signers", Kind.DECISION, words, detail, occasion=occasion, anchor="#decision")


def _signed(fact: Fact) -> Iterator[Told]:
    """Tell the requester of a signature that settles nothing; what settles a request has an event of its own."""
    if fact.data.get("verdict") == "approve" and fact.about.state == "in_review":
        detail = f"{fact.about.title}: a signature was given in stage {fact.data.get('stage')}"
        yield from each(fact, "requester", Kind.REQUEST, "A request of yours was signed", detail)


def _approved(fact: Fact) -> Iterator[Told]:
    detail = f"{fact.about.title} was approved"
    yield from each(fact, "requester", Kind.REQUEST, "A request of yours was approved", detail)
    yield from each(fact, "concerned", Kind.REQUEST, "A request that concerns yours was approved", detail)


def _moved(fact: Fact) -> Iterator[Told]:
    state = str(fact.data.get("to"))
    if state not in ENDS:
        return
    detail = f"{fact.about.title} {ENDS[state]}"
    if state in TO_OWNERS:
        yield from each(fact, "owner", Kind.SYSTEM, f"An approval of a system of yours {ENDS[state]}", detail)
    yield from each(fact, "requester", Kind.REQUEST, f"A request of yours {ENDS[state]}", detail)
    yield from each(fact, "concerned", Kind.REQUEST, f"A request that concerns yours {ENDS[state]}", detail)


def _ends_soon(fact: Fact) -> Iterator[Told]:
    detail = f"The approval of {fact.about.title} ends on {fact.data['on']}"
    yield from each(fact, "owner", Kind.SYSTEM, "An approval of a system of yours ends soon", detail)
    yield from each(fact, "requester", Kind.REQUEST, "An approval that you asked for ends soon", detail)


def _escalated(fact: Fact) -> Iterator[Told]:
    detail = f"{fact.about.title} waits longer than its policy allows"
    yield from each(fact, "escalated", Kind.ESCALATION, "A request that waits too long is escalated to you", detail)


def _mentioned(fact: Fact) -> Iterator[Told]:
    detail = f"A comment on {fact.about.title} mentions you"
    yield from each(fact, "mentioned", Kind.MENTION, "A comment mentions you", detail)


def _finding(fact: Fact) -> Iterator[Told]:
    words, what = FINDING[fact.event]
    yield from each(fact, "owner", Kind.FINDING, words, f"{fact.about.title}: {what}")
    for part, asks in (("reviewers", ASKED_OF_REVIEWERS), ("deciders", ASKED_OF_DECIDERS)):
        if (asked := asks.get(fact.event)) and part in fact.about.people:
            yield from each(fact, part, Kind.DECISION, asked, f"{asked}: {fact.about.title}")
            if fact.event == "finding.overdue":
                yield from each(fact, "system_owner", Kind.SYSTEM, LATE[part], f"{LATE[part]}: {fact.about.title}")


def _reopened(fact: Fact) -> Iterator[Told]:
    words = "A system of yours was modified, and its class is open again"
    yield from each(fact, "owner", Kind.SYSTEM, words, f"{fact.about.title} was modified: its class is open again")


def _correspondence(fact: Fact) -> Iterator[Told]:
    words = CORRESPONDENCE[fact.event]
    detail = f"{words}: {fact.about.title}, last day {fact.data['on']}"
    yield from each(fact, "senders", Kind.CORRESPONDENCE, words, detail)


def _security(fact: Fact) -> Iterator[Told]:
    words = SECURITY[fact.event]
    detail = f"{words}: {fact.about.title}" if fact.about.title else words
    yield from each(fact, "person", Kind.SECURITY, words, detail)


def _to_confirm(what: str) -> Rule:
    def rule(fact: Fact) -> Iterator[Told]:
        words = f"{what} waits for an administrator"
        detail = f"{words}: {fact.about.title}" if fact.about.title else words
        yield from each(fact, "administrators", Kind.DECISION, words, detail, read="people")

    return rule


def _delegation(fact: Fact) -> Iterator[Told]:
    words = DELEGATION[fact.event]
    yield from each(fact, "parties", Kind.DELEGATION, words, f"{words}: {fact.about.title}")


def _review(words: str) -> Rule:
    def rule(fact: Fact) -> Iterator[Told]:
        detail = f"{words}, {fact.about.title}" if fact.about.title else words
        yield from each(fact, "reviewers", Kind.DECISION, words, detail)

    return rule


def _validation(fact: Fact) -> Iterator[Told]:
    detail = f"{fact.about.title} is due to be validated again by {fact.data['on']}"
    yield from each(fact, "validators", Kind.DECISION, "A live model version waits to be validated again", detail)
    yield from each(fact, "owner", Kind.SYSTEM, "A version of a system of yours is due to be validated again", detail)


def _token(fact: Fact) -> Iterator[Told]:
    words = "A token that you answer for expires soon"
    yield from each(fact, "person", Kind.TOKEN, words, f"{fact.about.title} expires on {fact.data['on']}")


def _test(fact: Fact) -> Iterator[Told]:
    words = "This is a test message"
    yield from each(fact, "person", Kind.TEST, words, words)


_RULES: dict[str, tuple[Rule, ...]] = {
    "approval.review_opened": (_stage_open,),
    "approval.decided": (_stage_open, _signed),
    "approval.check_reviewed": (_stage_open,),
    "approval.approved": (_approved,),
    "approval.state_changed": (_moved,),
    "approval.ends_soon": (_ends_soon,),
    "approval.escalated": (_escalated,),
    "approval.commented": (_mentioned,),
    **dict.fromkeys(FINDING, (_finding,)),
    "system.modified": (_reopened,),
    **dict.fromkeys(CORRESPONDENCE, (_correspondence,)),
    **dict.fromkeys(SECURITY, (_security,)),
    **dict.fromkeys(DELEGATION, (_delegation,)),
    "passkey.enrolled": (_security, _to_confirm("A passkey")),
    "delegation.made": (_delegation, _to_confirm("A delegation")),
    "role.proposed": (_to_confirm("A role"),),
    "access_review.opened": (_review("An access review waits for you"),),
    "access_review.handed_over": (_review("An access review was handed over to you"),),
    "access_review.due": (_review("An access review of yours is due soon"),),
    "access_review.overdue": (_review("An access review of yours is overdue"),),
    "validation.due": (_validation,),
    "token.expires_soon": (_token,),
    "notice.tested": (_test,),
}
