"""Cursor pagination, newest first: stable while rows are added."""

from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """Pages of 50 (at most 200) by ``made_at``; follow ``next`` until it is null."""

    ordering = "-made_at"
    page_size_query_param = "limit"
    max_page_size = 200
