"""Comments on an approval request over HTTP."""

import uuid
from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor, speaker
from governance.approvals import comments, selectors
from governance.approvals.api.views import locked_tag
from governance.approvals.models import Comment
from governance.common.pagination import lists, paged
from governance.common.preconditions import if_match


class CommentInput(serializers.Serializer[Any]):
    """What is said, and of whom the readers' attention is asked."""

    text = serializers.CharField(max_length=comments.LONGEST)
    mentions = serializers.ListField(
        child=serializers.CharField(max_length=254),
        required=False,
        max_length=comments.MOST_MENTIONS,
        help_text="E-mail addresses or names of people who may read the request.",
    )


class CommentMadeOutput(serializers.Serializer[Any]):
    """The comment that was written. Its text is not said back: what an ``Idempotency-Key`` keeps can't be erased."""

    id = serializers.UUIDField()
    written_at = serializers.DateTimeField()
    mentions = serializers.ListField(child=serializers.UUIDField(), help_text="Ids of the people named.")
    log_entry = serializers.UUIDField()


class SpeakerOutput(serializers.Serializer[Any]):
    """Who wrote it, and what they were to the request then."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    is_service = serializers.BooleanField()
    was = serializers.ListField(child=serializers.CharField(), help_text="requester, risk_officer, …")


class CommentOutput(CommentMadeOutput):
    """One comment; ``text`` is null once it was erased, ``erased_by`` and ``erased_at`` say by whom and when."""

    author = SpeakerOutput()
    text = serializers.CharField(allow_null=True)
    index = serializers.IntegerField(allow_null=True, help_text="Of its entry in the log; null for a moment.")
    erased_by = serializers.CharField(allow_blank=True)
    erased_at = serializers.DateTimeField(allow_null=True)


class Comments(APIView):
    """``/api/v1/approval-requests/{id}/comments``."""

    scope = {"GET": "promotions:read", "POST": "promotions:write"}

    @extend_schema(
        request=CommentInput, responses={201: CommentMadeOutput}, summary="Comment on a request without deciding on it"
    )
    @idempotent
    @if_match(locked_tag)
    def post(self, request: Request, request_id: uuid.UUID) -> Response:
        """Write a comment, in whatever state the request is. With a token it is the service account's, no person's."""
        author = speaker(request)
        payload = CommentInput(data=request.data)
        payload.is_valid(raise_exception=True)
        made = comments.write_comment(request_id=request_id, author=author, **payload.validated_data)
        headers = {"Location": f"/api/v1/approval-requests/{request_id}/comments"}
        return Response(CommentMadeOutput(made).data, status=status.HTTP_201_CREATED, headers=headers)

    @lists(CommentOutput, summary="List the comments on a request, newest first")
    def get(self, request: Request, request_id: uuid.UUID) -> Response:
        """Return what was said, newest first; an erased text is null."""
        approval = selectors.request_for(actor(request), request_id)
        rows = approval.comments.select_related("author")
        return paged(request, rows, newest_by="written_at", as_json=_as_json)


def _as_json(rows: Sequence[Comment]) -> Any:
    said = [
        {
            "id": row.comment.pk,
            "author": {
                "id": row.comment.author_id,
                "name": row.comment.author.name,
                "is_service": row.comment.author.is_service,
                "was": row.comment.author_was.split(",") if row.comment.author_was else [],
            },
            "text": row.text,
            "mentions": row.comment.mentions,
            "written_at": row.comment.written_at,
            "log_entry": row.comment.log_entry,
            "index": row.index,
            "erased_by": row.erased_by,
            "erased_at": row.erased_at,
        }
        for row in comments.as_said(rows)
    ]
    return CommentOutput(said, many=True).data
