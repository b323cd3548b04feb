"""Erase the text behind an entry: payload and salt go, the entry stays, and another entry says who erased it and why.

Names, rationales and comments stand in payloads and nowhere else, so this is the whole of it. Only the privacy role of
the database may delete a payload; the web process files requests.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from governance.audit import services
from governance.audit.actors import Actor
from governance.audit.errors import AlreadyErased
from governance.audit.events import Event
from governance.audit.models import Payload, Search
from governance.audit.selectors import LogEntry, entry_at_position, entry_by_id
from governance.common.errors import InvalidInput

SHORTEST_REASON, LONGEST_REASON = 20, 2_000

Holders = Callable[[uuid.UUID], list[str]]
_HOLDERS: list[Holders] = []


def register_holders(found: Holders) -> None:
    """Let an app say what else prints the text behind an entry and is kept by law, so that no erasure reaches it.

    Args:
        found: takes an entry's id and names each such thing in words.
    """
    if found not in _HOLDERS:
        _HOLDERS.append(found)


Check = Callable[[uuid.UUID], None]
_CHECKS: list[Check] = []


def register_check(check: Check) -> None:
    """Let an app refuse an erasure.

    Args:
        check: takes an entry's id and raises a domain error where its text has to stay.
    """
    if check not in _CHECKS:
        _CHECKS.append(check)


def still_printed_in(entry_id: uuid.UUID) -> list[str]:
    """Return what keeps printing an entry's text after it was erased, each in words."""
    return [name for found in _HOLDERS for name in found(entry_id)]


@dataclass(frozen=True)
class Wish:
    """A request to erase, as it stands in the log."""

    entry: LogEntry
    """The entry whose text is to go."""
    filed: LogEntry
    """The entry that asks for it."""
    done: bool


def file_request(*, entry_id: uuid.UUID, actor: Actor, reason: str) -> uuid.UUID:
    """Put a request to erase an entry's text into the log; the privacy role's command carries it out.

    Raises:
        Unknown: no such entry.
        AlreadyErased: it has no text (any more).
        InvalidInput: the reason is too short to be one.
    """
    _check(entry_id, reason)
    with transaction.atomic():
        return services.append(
            event=Event.ERASURE_REQUESTED, actor=actor, data={"entry": str(entry_id), "reason": reason.strip()}
        )


@transaction.atomic
def redact(*, entry_id: uuid.UUID, actor: Actor, reason: str) -> uuid.UUID:
    """Delete an entry's text and salt, and append the entry that records it, in one transaction.

    Raises:
        Unknown, AlreadyErased, InvalidInput: as for a request.
        DomainError: an app says that it has to stay: it is under a legal hold.
    """
    _check(entry_id, reason)
    for check in _CHECKS:
        check(entry_id)
    payload = Payload.objects.get(pk=entry_id)
    return services.append(
        event=Event.PAYLOAD_REDACTED,
        actor=actor,
        erased=payload,
        data={"entry": str(entry_id), "reason": reason.strip()},
    )


def wishes() -> list[Wish]:
    """Return every request to erase, oldest first, with whether it was carried out."""
    found = []
    for row in Search.objects.filter(event=Event.ERASURE_REQUESTED).order_by("position"):
        filed = entry_at_position(row.position)
        about = entry_by_id(uuid.UUID(filed.parsed["data"]["entry"]))
        found.append(Wish(about, filed, done=not Payload.objects.filter(pk=about.id).exists()))
    return found


def _check(entry_id: uuid.UUID, reason: str) -> None:
    entry_by_id(entry_id)
    if not Payload.objects.filter(pk=entry_id).exists():
        raise AlreadyErased("The entry has no text that could be erased, or it is gone already.")
    if len(reason.strip()) < SHORTEST_REASON:
        raise InvalidInput(f"Give the reason in a sentence of {SHORTEST_REASON} characters or more; it is kept.")
    if len(reason.strip()) > LONGEST_REASON:
        raise InvalidInput(f"The reason takes at most {LONGEST_REASON:,} characters; this has {len(reason.strip()):,}.")
