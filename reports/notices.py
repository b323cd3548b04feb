"""Who is told that the proof of documents ends: a time-stamp that nobody renewed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role, people_with
from governance.common import clock
from governance.notices.kinds import Kind
from governance.notices.rules import About, Fact, Told, each
from governance.notices.topics import Topic
from reports import time_stamps

TIME_STAMP = "time-stamp"
ENDING, ENDED = "time_stamp.ending", "time_stamp.ended"
WORDS = {
    ENDING: "The time-stamp of a document ends soon and was not renewed",
    ENDED: "The time-stamp of a document has ended and was not renewed",
}
TOLD = (Role.AUDITOR, Role.ADMINISTRATOR)


def due(now: datetime) -> Iterator[Fact]:
    """Yield that time-stamps end soon, or have: once for each day on which the first of them ends."""
    rows = time_stamps.ending(time_stamps.WARNED)
    first = rows.first()
    if first is None:
        return
    ends_at: datetime = first.last
    about = About(
        title=first.subject_name,
        path=reverse("document-list"),
        key=str(first.pk),
        read=(TIME_STAMP, first.pk),
        people={"keepers": [person.pk for person in people_with(TOLD)]},
    )
    what = ENDED if ends_at <= now else ENDING
    yield Fact(what, f"{what}:{ends_at.date()}", about, {"on": clock.day(ends_at), "documents": rows.count()})


def _by_the_clock(fact: Fact) -> Iterator[Told]:
    words, count = WORDS[fact.event], fact.data["documents"]
    more = "1 document" if count == 1 else f"{count} documents"
    detail = (
        f"{words}: {more}, the first on {fact.data['on']}. See that the worker reaches the time-stamp authority "
        "(PLACET_DOCUMENT_TSA), or run manage.py restamp_documents."
    )
    yield from each(fact, "keepers", Kind.DOCUMENT, words, detail)


def _about(data: Mapping[str, Any]) -> About | None:
    return None


def _may_read(person: User, key: uuid.UUID) -> bool:
    return has_role(person, *TOLD)


TOPIC = Topic(
    name=TIME_STAMP,
    about=_about,
    rules=dict.fromkeys(WORDS, (_by_the_clock,)),
    may_read=_may_read,
    due=due,
)
