"""Errors as RFC 9457 problem details, for every API answer that is not a success."""

import json.decoder
from traceback import extract_tb
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DataError
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from governance.common.errors import UNUSABLE, DomainError

MEDIA_TYPE = "application/problem+json"
FRAMEWORK_TITLES = {
    401: "Sign in, or send a token",
    403: "This call is not allowed",
    405: "The address does not take this method",
    406: "No such representation",
    415: "The body's Content-Type is not taken",
    429: "Too many requests",
}


def problem(code: str, title: str, status_code: int, detail: str, **extra: Any) -> Response:
    """Return one problem answer; its ``type`` is documented in docs/reference/problems.md."""
    body = {"type": f"/problems/{code}", "title": title, "status": status_code, "detail": detail, **extra}
    return Response(body, status=status_code, content_type=MEDIA_TYPE)


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Turn refusals, validation errors and framework errors into problems, and roll the transaction back."""
    if isinstance(exc, DomainError):
        set_rollback()
        refusal = problem(exc.code(), exc.title, exc.status, exc.detail, **exc.extra)
        if wait := exc.extra.get("retry_after"):
            refusal["Retry-After"] = str(wait)
        return refusal
    if isinstance(exc, exceptions.ValidationError):
        set_rollback()
        errors = exc.get_full_details()
        return problem(
            "invalid-input", "The request's fields are not valid", 422, _first_sentence(exc.detail), errors=errors
        )
    if isinstance(exc, exceptions.ParseError):
        set_rollback()
        return problem(
            "malformed-body",
            "The body can't be read",
            status.HTTP_400_BAD_REQUEST,
            f"The body must be valid for its Content-Type: {exc.detail}",
        )
    if isinstance(exc, Http404):
        return problem("unknown", "Not found", 404, str(exc) or "Nothing stands at this address.")
    if isinstance(exc, PermissionDenied):
        return problem("forbidden", "Your roles do not allow this", 403, str(exc) or "Ask an administrator for a role.")
    if isinstance(exc, exceptions.APIException):
        set_rollback()
        title = FRAMEWORK_TITLES.get(exc.status_code, "The call can't be answered")
        response = problem(str(exc.default_code).replace("_", "-"), title, exc.status_code, str(exc.detail))
        if exc.status_code == status.HTTP_401_UNAUTHORIZED:
            response["WWW-Authenticate"] = "Bearer"
        wait = getattr(exc, "wait", None)
        if wait:
            response["Retry-After"] = str(int(wait))
        return response
    return _unusable_bytes(exc)


def _unusable_bytes(exc: Exception) -> Response | None:
    """Answer what neither the JSON reader nor the database can take, though each of its parts is well-formed."""
    if isinstance(exc, RecursionError) and extract_tb(exc.__traceback__)[-1].filename == json.decoder.__file__:
        return problem(
            "malformed-body", "The body can't be read", 400, "The body nests too deeply; send a flat object."
        )
    if isinstance(exc, RequestDataTooBig):
        set_rollback()
        return problem(
            "body-too-large", "The body is too large", 413, "The body is larger than any call takes; send less."
        )
    if isinstance(exc, DataError):
        set_rollback()
        return problem("invalid-input", "A value can't be used", 422, UNUSABLE)
    return None


def _first_sentence(detail: Any, path: str = "") -> str:
    """Name the first field at fault, so that a terminal user need not read JSON."""
    if isinstance(detail, dict):
        key, value = next(iter(detail.items()))
        return _first_sentence(value, f"{path}.{key}" if path else str(key))
    if isinstance(detail, list):
        return _first_sentence(detail[0], path)
    return f"{path}: {detail}" if path and path != "non_field_errors" else str(detail)
