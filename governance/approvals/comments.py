"""Say something about a request without deciding on it.

Whoever may read a request may comment on it, in every state, also who is kept from signing it. A comment is never
changed; its text lies in the entry's erasable payload and nowhere else, so that ``placet redact`` is the whole of its
erasure.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from governance.accounts.models import User
from governance.accounts.selectors import grants_in_force, roles_of
from governance.approvals import selectors
from governance.approvals.errors import CommentRefused
from governance.approvals.models import ApprovalRequest, Comment
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock

LONGEST = 4000
MOST_MENTIONS = 20


@dataclass(frozen=True)
class Said:
    """A comment as readers see it.

    Attributes:
        text: None once it was erased; then ``erased_by`` and ``erased_at`` say who did it, and when.
        index: of its entry in the log, None until the notary has placed it.
    """

    comment: Comment
    text: str | None
    mentions: tuple[User, ...]
    index: int | None
    erased_by: str = ""
    erased_at: datetime | None = None


@transaction.atomic
def write_comment(*, request_id: uuid.UUID, author: User, text: str, mentions: Sequence[str] = ()) -> Comment:
    """Put a comment on a request. Nothing of the request changes, and no decision counts it.

    Args:
        mentions: e-mail addresses or names of people who may read the request.

    Raises:
        Unknown: there is no such request, or the author may not read it.
        CommentRefused: no text, more than ``LONGEST`` characters, too many mentions, or a mention that names nobody who
            may read the request, or several.
    """
    approval = selectors.request_for(author, request_id)
    text = text.strip()
    if not 0 < len(text) <= LONGEST:
        raise CommentRefused(f"A comment has 1 to {LONGEST:,} characters; this one has {len(text):,}.")
    named = _named(approval, mentions)
    comment = Comment(
        request=approval,
        author=author,
        author_was=",".join(_parts(approval, author)),
        mentions=[person.pk for person in named],
        written_at=clock.now(),
    )
    audit.append(
        event=Event.APPROVAL_COMMENTED,
        actor=author,
        subjects=[comment],
        data={
            "request": approval.pk,
            "comment": comment.pk,
            "author_was": comment.author_was.split(",") if comment.author_was else [],
            "mentions": [person.actor_id for person in named],
        },
        payload={"text": text},
    )
    return comment


def readers(approval: ApprovalRequest) -> QuerySet[User]:
    """Return the active people who may read a request, by name: those whom a comment on it can mention.

    The same rule as ``selectors.readable_requests``, asked from the other side; who can sign in another's place holds a
    role somewhere and is listed in a stage.
    """
    reach = grants_in_force().filter(Q(system_id__isnull=True) | Q(system_id=approval.system_id))
    stand_ins = [pk for stage in approval.stages for pk in stage.get("delegates", {})]
    may = (
        Q(pk__in=reach.values("person"))
        | Q(pk=approval.requester_id)
        | Q(pk__in=approval.decisions.values("approver"))
        | Q(pk__in=[who for who in stand_ins if _stands_in(approval, who)])
    )
    return User.objects.filter(may, is_active=True, sponsor__isnull=True).order_by("name", "email")


def mentioned(comment: Comment) -> list[User]:
    """Return whom a comment names and who may read it now: the people to be told of it, in no particular order."""
    return list(readers(comment.request).filter(pk__in=comment.mentions).exclude(pk=comment.author_id))


def comments_on(approval: ApprovalRequest) -> list[Said]:
    """Return the comments on a request with their words, oldest first; the caller asks who may read the request."""
    return as_said(list(approval.comments.select_related("author").order_by("written_at", "pk")))


def as_said(rows: Sequence[Comment]) -> list[Said]:
    """Return comments with their words, in the order given; five queries, whatever their number."""
    people = User.objects.in_bulk({pk for row in rows for pk in row.mentions})
    indexes = log.indexes_of([row.log_entry for row in rows])
    texts = log.payloads_of([row.log_entry for row in rows])
    erasures = _erasures([row.log_entry for row in rows if row.log_entry not in texts])
    return [
        Said(
            comment=row,
            text=texts[row.log_entry]["text"] if row.log_entry in texts else None,
            mentions=tuple(people[pk] for pk in row.mentions if pk in people),
            index=indexes.get(row.log_entry),
            erased_by=erasures[row.log_entry][0] if row.log_entry in erasures else "",
            erased_at=erasures[row.log_entry][1] if row.log_entry in erasures else None,
        )
        for row in rows
    ]


def _erasures(entries: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[str, datetime]]:
    """Return who erased the text of which entry, and when."""
    found = log.entries_naming("audit_payload", entries) if entries else []
    done = [entry.parsed for entry in found if entry.event == Event.PAYLOAD_REDACTED]
    return {uuid.UUID(body["data"]["entry"]): (body["actor"], datetime.fromisoformat(body["at"])) for body in done}


def _parts(approval: ApprovalRequest, person: User) -> list[str]:
    """Return what somebody is to a request now: their part in it, then the roles that they hold for its system."""
    excluded = [reason for reason in selectors.exclusion_of(approval, person) if reason != "owner"]
    requester = ["requester"] if approval.requester_id == person.pk else []
    return list(dict.fromkeys([*requester, *excluded, *sorted(roles_of(person, system_id=approval.system_id))]))


def _named(approval: ApprovalRequest, mentions: Iterable[str]) -> list[User]:
    """Find the people that a comment names among those who may read the request."""
    wanted = list(dict.fromkeys(words for mention in mentions if (words := " ".join(mention.split()).lstrip("@"))))
    if len(wanted) > MOST_MENTIONS:
        raise CommentRefused(f"A comment names {MOST_MENTIONS} people at most.")
    found: list[User] = []
    for words in wanted:
        matches = list(readers(approval).filter(Q(email__iexact=words) | Q(name__iexact=words))[:2])
        if not matches:
            raise CommentRefused(f"Nobody who may read this request is called {words[:100]}.")
        if len(matches) > 1:
            raise CommentRefused(f"Several people are called {words[:100]}; give an e-mail address.")
        if matches[0] not in found:
            found.append(matches[0])
    return found


def _stands_in(approval: ApprovalRequest, who: str) -> bool:
    person = User.objects.filter(pk=who).first()
    return (
        person is not None
        and selectors.readable_requests(ApprovalRequest.objects.filter(pk=approval.pk), person).exists()
    )
