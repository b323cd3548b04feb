"""``Idempotency-Key``: the same key and body give the same answer, done once."""

import json
import uuid
from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction
from django.utils.crypto import salted_hmac
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts import holds
from governance.accounts.models import IdempotentAnswer
from governance.accounts.narrow import actor
from governance.common import clock
from governance.common.errors import InvalidInput
from governance.common.retention.table import kept_for

P = ParamSpec("P")
V = TypeVar("V", bound=APIView)
KEPT_HEADERS = ("Location", "ETag")


class IdempotencyKeyReused(InvalidInput):
    """The key was used for another request before."""

    title = "This Idempotency-Key belongs to another request"


def idempotent(
    handler: Callable[Concatenate[V, Request, P], Response],
) -> Any:
    """Let an API view's method run once per (person, ``Idempotency-Key``); without a key, each time.

    What it answers is kept with its status, ``Location`` and ``ETag`` in the transaction that makes it, and given again
    for the same request. A refusal is not kept: nothing was done, so the same key may try again. Two requests with one
    key at a time wait for each other, so that the second sees the first one's answer.
    """

    @wraps(handler)
    def once(view: V, request: Request, *args: P.args, **parts: P.kwargs) -> Response:
        key = request.headers.get("Idempotency-Key", "").strip()
        if not key:
            return handler(view, request, *args, **parts)
        if len(key) > 128:
            raise InvalidInput("An Idempotency-Key has at most 128 characters.")
        person, digest = actor(request), _digest(request)
        with transaction.atomic():
            with connection.cursor() as cursor:
                lock = f"idempotency {person.pk} {key}"
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [lock])
            seen = IdempotentAnswer.objects.filter(person=person, key=key).first()
            if seen:
                if seen.request_digest != digest:
                    raise IdempotencyKeyReused("Use a new Idempotency-Key, or send exactly the first request again.")
                return Response(seen.body, status=seen.status, headers={**seen.headers, "Idempotent-Replayed": "true"})
            response = handler(view, request, *args, **parts)
            IdempotentAnswer.objects.create(
                person=person,
                key=key,
                request_digest=digest,
                status=response.status_code,
                headers={name: response.headers[name] for name in KEPT_HEADERS if name in response.headers},
                body=json.loads(json.dumps(response.data, default=str)),
            )
            return response

    once.idempotent = True  # type: ignore[attr-defined]  # read by the OpenAPI description
    return once


def forget() -> int:
    """Delete answers past their retention, and ended sessions, unless a person's are held; return how many answers."""
    now = clock.now()
    with transaction.atomic():
        held = holds.standing().keys(holds.Kind.PERSON)
        ended = Session.objects.filter(expire_date__lt=now)
        if held:  # whose a session is stands in its own sealed data alone
            ended = ended.exclude(pk__in=[row.pk for row in ended if row.get_decoded().get(SESSION_KEY) in held])
        ended.delete()
        return (
            IdempotentAnswer.objects.filter(made_at__lt=now - kept_for("answers")).exclude(person__in=held).delete()[0]
        )


def blank(resource_id: uuid.UUID) -> int:
    """Take out of the kept answers what they say of a resource that was erased; return how many.

    Its id stays, so that the same request still makes nothing twice.
    """
    return IdempotentAnswer.objects.filter(body__id=str(resource_id)).update(body={"id": str(resource_id)})


def _digest(request: Request) -> str:
    """Name a request by method, address and body. Keyed, because a body may hold a password that could be guessed."""
    text = f"{request.method} {request.get_full_path()}\n{json.dumps(request.data, sort_keys=True, default=_named)}"
    return "sha256:" + salted_hmac("placet.idempotency", text, algorithm="sha256").hexdigest()


def _named(value: Any) -> str:
    if isinstance(value, UploadedFile):
        digest = sha256()
        for chunk in value.chunks():
            digest.update(chunk)
        return digest.hexdigest()
    return sha256(value).hexdigest() if isinstance(value, bytes) else str(value)
