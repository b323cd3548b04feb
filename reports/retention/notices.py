"""Who is told that the records of a system are past their last day: once for each system and row of the table."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse

from governance.accounts.models import User
from governance.accounts.selectors import people_with
from governance.common import clock
from governance.inventory.models import AISystem
from governance.notices.kinds import Kind
from governance.notices.rules import About, Fact, Told, each
from governance.notices.topics import Topic
from reports.retention import disposing, systems

TOPIC_NAME = "retention"
DUE = "retention.due"
WORDS = "Records of an AI system are past their last day"


def due(now: datetime) -> Iterator[Fact]:
    """Yield each system's rows that are past their day, neither held nor disposed of, and have files."""
    for standing in systems.due():
        if not disposing.has_files(standing.system, standing.kept.id):
            continue
        people = people_with(systems.DISPOSERS, system_id=standing.system.pk)
        about = About(
            title=standing.system.name,
            path=reverse("system-retention", args=[standing.system.pk]),
            key=f"{standing.system.pk}:{standing.kept.id}",
            read=(TOPIC_NAME, standing.system.pk),
            people={"disposers": [person.pk for person in people]},
        )
        last = standing.until.day
        data = {"what": standing.kept.title, "on": clock.day(last) if last else ""}
        yield Fact(DUE, f"{DUE}:{standing.system.pk}:{standing.kept.id}:{last}", about, data)


def _by_the_clock(fact: Fact) -> Iterator[Told]:
    detail = (
        f"{fact.data['what']} of {fact.about.title} had to be kept until {fact.data['on']}. Dispose of them, or set a "
        "legal hold; nothing goes by itself."
    )
    yield from each(fact, "disposers", Kind.RETENTION, WORDS, detail)


def _about(data: Mapping[str, Any]) -> About | None:
    return None


def _may_read(person: User, key: uuid.UUID) -> bool:
    system = AISystem.objects.filter(pk=key).first()
    return system is not None and systems.may_dispose(person, system)


TOPIC = Topic(name=TOPIC_NAME, about=_about, rules={DUE: (_by_the_clock,)}, may_read=_may_read, due=due)
