"""Find entries for the pages: by who, what, about what and when, without reading the log from end to end."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Max, Min, Q, QuerySet

from governance.audit import changes
from governance.audit.export import governed_models
from governance.audit.models import SHARD, Leaf, Search
from governance.audit.selectors import LogEntry, as_entry, base, entries, size

_LONGEST_WORD = 120
_REFERENCE = re.compile(r"(?P<kind>[a-z]{1,4})-(?P<number>[0-9]{1,9})")
_MOST_WORDS = 200
_MOST_WAITING = 200
_PAGE = 500
COUNTED = 1000
"""Beyond this many, matches are not counted: nobody pages through them, and counting would read them all."""


@dataclass(frozen=True)
class Query:
    """What a person asks for; empty fields ask for nothing.

    Attributes:
        text: words that must all occur among an entry's words: names, references, digests, keys of governed rows.
        events: any of these kinds of entry.
        actors: any of these actor ids.
        since: not before this time, as the entry gives it.
        until: before this time.
    """

    text: str = ""
    events: Sequence[str] = ()
    actors: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it asks for everything."""
        return not (self.text or self.events or self.since or self.until) and self.actors is None


@dataclass(frozen=True)
class Found:
    """One page of entries, newest first, and how many match in all (``COUNTED`` + 1 for more)."""

    entries: list[LogEntry]
    total: int


def words_of(entry: Mapping[str, Any]) -> list[str]:
    """Return what an entry can be found by, in lower case: each short text of its data, whole and in parts.

    Values that merely changed are left out: they are many, and would push out what the entry is about.
    """
    words = {entry["id"].lower()}
    for subject in entry["subjects"]:
        words |= {subject["key"].lower(), subject["table"]}
    for text in _texts({key: value for key, value in entry["data"].items() if key != changes.KEY}):
        if len(text) <= _LONGEST_WORD:
            words.add(text.lower())
            for cut in (r"[\s/:,]+", r"[^a-z0-9]+"):  # credit-risk/2 is credit-risk too, and credit
                words.update(part for part in re.split(cut, text.lower()) if len(part) > 1)
    return sorted(words)[:_MOST_WORDS]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def search(query: Query = Query(), *, before: int | None = None, limit: int = 50) -> Found:
    """Return the newest matching entries, those before index ``before`` if it is given.

    Entries that still wait for the notary come first, so that people find at once what they just did.
    """
    start = base()
    waiting = [] if before is not None else [row for row in _waiting() if _matches(row.parsed, query)][:limit]
    total, places = _found(query, start, SHARD if before is None else min(before, SHARD), limit - len(waiting))
    return Found([*waiting, *_at(places)], total + len(waiting))


def each(query: Query, *, below: int) -> Iterator[LogEntry]:
    """Yield every placed entry of an index below ``below`` that matches, newest first, read page by page."""
    start = base()
    position = start + below
    while places := list(
        _placed(query, start)
        .filter(position__lt=position)
        .order_by("-position")
        .values_list("position", flat=True)[:_PAGE]
    ):
        yield from _at(places)
        position = places[-1]


def extent(since: datetime, until: datetime) -> tuple[int, int | None, int | None]:
    """Return how many placed entries are of a time, and the lowest and highest index among them."""
    start = base()
    found = _placed(Query(since=since, until=until), start).aggregate(
        count=Count("pk"), first=Min("position"), last=Max("position")
    )
    if not found["count"]:
        return 0, None, None
    return found["count"], found["first"] - start, found["last"] - start


def _at(places: Sequence[int]) -> Iterator[LogEntry]:
    ids = dict(Leaf.objects.filter(position__in=places).values_list("position", "entry_id"))
    found = {row.pk: as_entry(row) for row in entries().filter(pk__in=ids.values())}
    return (found[ids[place]] for place in places)


def _found(query: Query, start: int, before: int, room: int) -> tuple[int, list[int]]:
    """Return how many entries match, up to ``COUNTED`` + 1, and the positions of the newest below index ``before``."""
    positions = _placed(query, start).values_list("position", flat=True)
    if query.is_empty:
        total = size()
    else:
        matches = list(positions[: COUNTED + 1])
        total = len(matches)
        if total <= COUNTED:
            # That is all of them. Asked again for the newest few, PostgreSQL may read the log backwards until it has
            # met that many, which for a rare word is most of the log.
            return total, sorted((at for at in matches if at < start + before), reverse=True)[:room]
    return total, list(positions.filter(position__lt=start + before).order_by("-position")[:room])


def _placed(query: Query, start: int) -> QuerySet[Search]:
    rows = Search.objects.filter(position__gte=start)
    if query.events:
        rows = rows.filter(event__in=query.events)
    if query.actors is not None:
        rows = rows.filter(actor__in=query.actors)
    if query.since:
        rows = rows.filter(at__gte=query.since)
    if query.until:
        rows = rows.filter(at__lt=query.until)
    for word in query.text.lower().split():
        keys = _keys_of(word)
        named = Q(words__contains=[word])
        rows = rows.filter(named | Q(words__overlap=keys) if keys else named)
    return rows


def _keys_of(word: str) -> list[str]:
    """Return the keys of the governed rows that people call by a word, such as ``pr-12``; entries hold keys alone."""
    called = _REFERENCE.fullmatch(word)
    if not called:
        return []
    found: list[str] = []
    for model in governed_models():
        if model.number_prefix.lower() == called["kind"]:
            manager: Any = model._base_manager  # which of the models it is of, the type can't say
            rows = manager.filter(number=called["number"]).values_list("pk", *model.told_with)
            found += [str(key) for keys in rows for key in keys]
    return found


def _waiting() -> list[LogEntry]:
    """Return the newest entries that the notary has not placed yet; there are few, unless it stands still."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT entry_id FROM audit_pending ORDER BY seq DESC LIMIT %s", [_MOST_WAITING])
        ids = [row[0] for row in cursor.fetchall()]
    return [as_entry(row) for row in entries().filter(pk__in=ids)] if ids else []


def _matches(entry: Mapping[str, Any], query: Query) -> bool:
    at = datetime.fromisoformat(entry["at"])
    return (
        (not query.events or entry["event"] in query.events)
        and (query.actors is None or entry["actor"] in query.actors)
        and (query.since is None or at >= query.since)
        and (query.until is None or at < query.until)
        and _has_words(entry, query.text)
    )


def _has_words(entry: Mapping[str, Any], text: str) -> bool:
    words = set(words_of(entry))
    return all(words & {word, *_keys_of(word)} for word in text.lower().split())
