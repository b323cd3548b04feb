"""``ETag`` and ``If-Match``: change a resource only if it still is what the caller read (RFC 9110, section 13.1.1).

A tag is made of the newest log entries of the rows that a resource shows, so it changes with every logged change and
with nothing else: the progress of jobs, for one, is no change that anybody decided on. The check and the change share
one transaction in which the row is locked, so nothing comes between them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar
from uuid import UUID

from django.db import transaction
from django.utils.http import parse_etags

from governance.common.errors import DomainError

if TYPE_CHECKING:  # rest_framework.views reads the settings, which name modules of ours
    from django.db.models import Model
    from rest_framework.request import Request
    from rest_framework.response import Response
    from rest_framework.views import APIView

P = ParamSpec("P")
V = TypeVar("V", bound="APIView")


class Logged(Protocol):
    """A row that carries its newest log entry."""

    log_entry: UUID


class PreconditionFailed(DomainError):
    """The resource is no longer what the caller read; nothing was changed."""

    status = 412
    title = "It has changed since you read it"


def etag(*rows: Logged | None) -> str:
    """Return the tag of a resource that shows ``rows``; one row's tag is its log entry, several rows' a digest."""
    entries = [str(row.log_entry) for row in rows if row is not None]
    return f'"{entries[0]}"' if len(entries) == 1 else f'"{sha256(" ".join(entries).encode()).hexdigest()[:32]}"'


def lock(*rows: Model) -> None:
    """Lock rows for the rest of the transaction, in this order."""
    for row in rows:
        type(row)._base_manager.select_for_update().filter(pk=row.pk).first()


def if_match(
    locked_tag: Callable[Concatenate[Request, P], str],
) -> Callable[[Callable[Concatenate[V, Request, P], Response]], Callable[Concatenate[V, Request, P], Response]]:
    """Let an API view's method run only if ``If-Match``, where it is sent, names the resource as it stands.

    Args:
        locked_tag: takes the request and the parts of the address, locks the resource's row and returns its tag. It
            reads as the caller may, so that a tag never tells of what the caller can't see.
    """

    def decorate(handler: Callable[Concatenate[V, Request, P], Response]) -> Any:
        @wraps(handler)
        def guarded(view: V, request: Request, *args: P.args, **parts: P.kwargs) -> Response:
            wanted = request.headers.get("If-Match")
            if wanted is None:
                return handler(view, request, *args, **parts)
            with transaction.atomic():
                _require(wanted, locked_tag(request, *args, **parts))
                return handler(view, request, *args, **parts)

        guarded.conditional = True  # type: ignore[attr-defined]  # read by the OpenAPI description
        return guarded

    return decorate


def _require(wanted: str, tag: str) -> None:
    # A proxy that compresses turns "x" into W/"x"; ours name a state, not bytes, so both mean the same.
    known = {item.removeprefix("W/") for item in parse_etags(wanted)}
    if "*" not in known and tag not in known:
        raise PreconditionFailed(
            f"Its ETag is {tag} now, so nothing was changed. Read it again, look at what is different, and send the "
            "call with the new ETag in If-Match; or without If-Match, if any state will do.",
            etag=tag,
        )
