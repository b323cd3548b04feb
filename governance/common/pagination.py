"""Every list of the API: pages of one shape, newest first, stable while rows are added."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from governance.common.errors import InvalidInput

M = TypeVar("M", bound=Model)
F = TypeVar("F", bound=Callable[..., Response])
T = TypeVar("T")
PAGE_SIZE, LARGEST_PAGE = 50, 200
NOT_OURS = "This cursor is not one of ours; start again without it and follow next."


class Pages(CursorPagination):
    """``{"results": […], "next": url or null, "previous": url or null}``."""

    page_size = PAGE_SIZE
    max_page_size = LARGEST_PAGE
    page_size_query_param = "limit"

    def __init__(self, newest_by: str) -> None:
        super().__init__()
        # The key parts rows of one moment, so that no page shows a row twice or leaves it out.
        self._order = (f"-{newest_by}", "-pk")

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        """Return our order; no caller changes it."""
        return self._order


def paged(request: Request, rows: QuerySet[M], *, newest_by: str, as_json: Callable[[Sequence[M]], Any]) -> Response:
    """Answer one page of ``rows``.

    Args:
        newest_by: the field with the moment that a row came about.
        as_json: turns the page's rows into what ``results`` holds.
    Raises:
        InvalidInput: ``limit`` is no number from 1 to 200, or ``cursor`` is not one that we gave out.
    """
    _limit(request)
    pages = Pages(newest_by)
    try:
        found = pages.paginate_queryset(rows, request)
    except (NotFound, ValidationError):
        raise InvalidInput(NOT_OURS) from None
    return pages.get_paginated_response(as_json(found or []))


def paged_sequence(request: Request, rows: Sequence[T], *, as_json: Callable[[Sequence[T]], Any]) -> Response:
    """Answer one page of rows that are no table's, in their own order; the shape is that of :func:`paged`.

    Raises:
        InvalidInput: as :func:`paged`.
    """
    limit, start = _limit(request), _place(request.query_params.get("cursor", ""))
    if start and start >= len(rows):
        raise InvalidInput(NOT_OURS)
    body = {
        "results": as_json(rows[start : start + limit]),
        "next": _at(request, start + limit) if start + limit < len(rows) else None,
        "previous": _at(request, max(0, start - limit)) if start else None,
    }
    return Response(body)


def _limit(request: Request) -> int:
    limit = request.query_params.get("limit", str(PAGE_SIZE))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= LARGEST_PAGE):
        raise InvalidInput(f"limit is a number from 1 to {LARGEST_PAGE}; without it a page has {PAGE_SIZE}.")
    return int(limit)


def _at(request: Request, place: int) -> str:
    cursor = urlsafe_b64encode(f"at={place}".encode()).decode()
    return replace_query_param(request.build_absolute_uri(), "cursor", cursor)


def _place(cursor: str) -> int:
    try:
        name, _, place = urlsafe_b64decode(cursor).decode().partition("=")
    except ValueError:
        raise InvalidInput(NOT_OURS) from None
    if cursor and not (name == "at" and place.isascii() and place.isdigit() and len(place) < 9):
        raise InvalidInput(NOT_OURS)
    return int(place) if cursor else 0


def lists(
    item: type[serializers.Serializer[Any]], *, summary: str, filters: Sequence[str | OpenApiParameter] = ()
) -> Callable[[F], F]:
    """Describe a method that answers pages of ``item``; a filter that is no field's value describes itself."""
    page = inline_serializer(
        f"{item.__name__.removesuffix('Output')}Page",
        fields={
            "results": item(many=True),
            "next": serializers.URLField(allow_null=True, help_text="The next page; null on the last one."),
            "previous": serializers.URLField(allow_null=True, help_text="The page before; null on the first one."),
        },
    )
    parameters = [
        OpenApiParameter("cursor", str, description="Where a page begins, as in next and previous; opaque."),
        OpenApiParameter("limit", int, description=f"Rows per page, 1 to {LARGEST_PAGE}; {PAGE_SIZE} by default."),
        *(
            OpenApiParameter(row, str, description="Only rows with this value.") if isinstance(row, str) else row
            for row in filters
        ),
    ]

    def describe(method: F) -> F:
        method.lists = True  # type: ignore[attr-defined]  # read by the OpenAPI description
        return extend_schema(responses=page, parameters=parameters, summary=summary)(method)

    return describe
