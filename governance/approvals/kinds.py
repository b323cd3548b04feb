"""Subject kinds: upper layers say here what follows from a request's change of state, and how people call it."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from governance.approvals.models import ApprovalRequest


@dataclass(frozen=True)
class Presented:
    """What people call a request, and what holds now of what it asks for.

    Attributes:
        title: the subject, ``credit-risk v2``.
        reference: ``PR-12``.
        url: address of the page on which it is decided.
        now: what the new one would replace, ``now v1``; empty when there is nothing.
        apply_url: where an approved request is put into effect; empty when there is nothing left to do.
    """

    title: str
    reference: str
    url: str
    now: str = ""
    apply_url: str = ""


Keys = QuerySet[Any, Any] | None
StateListener = Callable[[uuid.UUID, str, str], None]
Presenter = Callable[[Sequence[ApprovalRequest]], Mapping[uuid.UUID, Presented]]
_listeners: dict[str, StateListener] = {}
_followers: list[StateListener] = []
_presenters: dict[str, Presenter] = {}
_finders: dict[str, Callable[[str], Keys]] = {}
_ready: dict[str, Callable[[], Keys]] = {}


def register_subject_kind(
    kind: str,
    on_state_change: StateListener,
    present: Presenter | None = None,
    *,
    find: Callable[[str], Keys] | None = None,
    ready: Callable[[], Keys] | None = None,
) -> None:
    """Call ``on_state_change(request id, old state, new state)`` in the transaction of the change.

    Args:
        present: turns requests of the kind into what people call them, many at once, so that a list costs few queries.
        find: the keys of the requests that a word of a search names, such as ``pr-12``; None where it is no name.
        ready: the keys of the approved requests that still wait to be put into effect.
    """
    _listeners[kind] = on_state_change
    if present:
        _presenters[kind] = present
    if find:
        _finders[kind] = find
    if ready:
        _ready[kind] = ready


def follow_state_changes(listener: StateListener) -> None:
    """Call ``listener`` likewise, for requests of every kind, after the kind's owner."""
    _followers.append(listener)


def found_by(word: str) -> Q:
    """Return the condition that a kind calls a request by this word; none holds for a word that is no name."""
    found = Q(pk__in=[])
    for find in _finders.values():
        if (keys := find(word)) is not None:
            found |= Q(pk__in=keys)
    return found


def ready() -> Q:
    """Return the condition that a request's approval still waits to be put into effect."""
    found = Q(pk__in=[])
    for keys in _ready.values():
        found |= Q(pk__in=keys())
    return found


def tell(kind: str, request_id: uuid.UUID, old: str, new: str) -> None:
    """Tell the kind's owner, then whoever follows."""
    for listener in (*filter(None, [_listeners.get(kind)]), *_followers):
        listener(request_id, old, new)


def presented(requests: Sequence[ApprovalRequest]) -> dict[uuid.UUID, Presented]:
    """Return what people call each request; one without a presenter goes by its subject's name."""
    found: dict[uuid.UUID, Presented] = {}
    for kind in {row.subject_kind for row in requests} & _presenters.keys():
        found.update(_presenters[kind]([row for row in requests if row.subject_kind == kind]))
    return {row.pk: found.get(row.pk) or Presented(row.subject_name, "", "") for row in requests}
