"""``Idempotency-Key``: the same key and body give the same answer, done once."""

import json
from collections.abc import Callable
from hashlib import sha256

from django.db import connection, transaction
from rest_framework.request import Request
from rest_framework.response import Response

from governance.accounts.models import IdempotentAnswer, User
from governance.common.errors import InvalidInput


class IdempotencyKeyReused(InvalidInput):
    """The key was used for another request before."""

    title = "This Idempotency-Key belongs to another request"


def once(request: Request, user: User, make: Callable[[], Response]) -> Response:
    """Run ``make`` once per (person, key); without a key, each time.

    Two requests with one key at a time wait for each other, so that the second sees the first one's answer.
    """
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key:
        return make()
    if len(key) > 128:
        raise InvalidInput("An Idempotency-Key has at most 128 characters.")
    text = f"{request.method} {request.path}\n{json.dumps(request.data, sort_keys=True, default=str)}"
    digest = "sha256:" + sha256(text.encode()).hexdigest()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"idempotency {user.pk} {key}"])
        seen = IdempotentAnswer.objects.filter(person=user, key=key).first()
        if seen:
            if seen.request_digest != digest:
                raise IdempotencyKeyReused("Use a new Idempotency-Key, or send exactly the first request again.")
            return Response(seen.body, status=seen.status, headers={"Idempotent-Replayed": "true"})
        response = make()
        IdempotentAnswer.objects.create(
            person=user,
            key=key,
            request_digest=digest,
            status=response.status_code,
            body=json.loads(json.dumps(response.data, default=str)),
        )
        return response
