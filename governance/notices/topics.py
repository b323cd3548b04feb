"""What the layers above have people told of. They register it, since nothing here knows what they keep."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from governance.accounts.models import User
    from governance.notices.rules import About, Fact, Rule


@dataclass(frozen=True)
class Topic:
    """One kind of thing of which people are told.

    Attributes:
        name: of the kind of thing, by which ``about.read`` names it; 16 characters at most.
        about: what an entry with this data is about, as it stands now; None where it is gone.
        rules: event -> who is told what.
        may_read: whether somebody may read the thing with this id.
        due: what the clock brings at a moment, see ``due.facts``.
    """

    name: str
    about: Callable[[Mapping[str, Any]], About | None]
    rules: Mapping[str, tuple[Rule, ...]]
    may_read: Callable[[User, uuid.UUID], bool]
    due: Callable[[datetime], Iterator[Fact]]


_topics: dict[str, Topic] = {}


def register(topic: Topic) -> None:
    """Have people told of a kind of thing from now on."""
    _topics[topic.name] = topic


def topics() -> list[Topic]:
    """Return every topic that was registered."""
    return list(_topics.values())


def named(name: str) -> Topic | None:
    """Return a topic by its name, None where there is none."""
    return _topics.get(name)


def of_event(event: str) -> Topic | None:
    """Return the topic that has rules for an event, None where there is none."""
    return next((topic for topic in _topics.values() if event in topic.rules), None)
