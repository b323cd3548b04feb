"""What was in production at a time, over HTTP."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.narrow import actor
from registry import history, selectors

BY = [history.PROMOTION, history.BREAK_GLASS, history.ADOPTED, history.FOUND, history.UNSTATED]


class ProductionInput(serializers.Serializer[Any]):
    """Which of it."""

    alias = serializers.CharField(max_length=255, required=False, default="", allow_blank=True)
    at = serializers.DateTimeField(required=False, default=None, help_text="RFC 3339, with an offset.")


class ApproverOutput(serializers.Serializer[Any]):
    """One signature."""

    name = serializers.CharField()
    stage = serializers.CharField()
    decided_at = serializers.DateTimeField()


class WordOutput(serializers.Serializer[Any]):
    """On whose word a version was put there: of the change, and of the promotion where one approved it."""

    change = serializers.CharField(required=False, help_text="The write that put it there: AC-7.")
    changed_as = serializers.CharField(required=False, help_text="promotion, rollback, break_glass or revert.")
    changed_by = serializers.CharField(required=False, help_text="Placet itself, or a person's name.")
    adoption = serializers.CharField(required=False, help_text="By which it serves on without an approval.")
    promotion = serializers.CharField(required=False)
    requester = serializers.CharField(required=False)
    approvers = ApproverOutput(many=True, required=False)
    artifact_digest = serializers.CharField(required=False, allow_blank=True)
    manifest_digest = serializers.CharField(
        required=False, allow_blank=True, help_text="Of the evidence that was signed."
    )
    permit_digest = serializers.CharField(required=False, allow_blank=True)
    log_index = serializers.IntegerField(
        required=False, allow_null=True, help_text="The entry that the permit rests on."
    )


class SpanOutput(serializers.Serializer[Any]):
    """One version behind one alias without a break."""

    alias = serializers.CharField()
    version = serializers.IntegerField(allow_null=True, help_text="Null: Placet put one there, and MLflow had none.")
    created_at_ms = serializers.IntegerField(allow_null=True, help_text="MLflow uses numbers again.")
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)
    by = serializers.ChoiceField(choices=BY)
    word = WordOutput(allow_null=True, help_text="Null where it is nobody's: the reconciler found it.")
    finding = serializers.UUIDField(allow_null=True)


class ProductionOutput(serializers.Serializer[Any]):
    """Who was behind the protected aliases of a model."""

    model = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)
    spans = SpanOutput(many=True)


class Production(APIView):
    """``/api/v1/registered-models/{name}/production``."""

    scope = "promotions:read"

    @extend_schema(
        responses=ProductionOutput,
        summary="What was behind the protected aliases, from when to when, on whose word",
        parameters=[
            OpenApiParameter("alias", str, description="Only this one."),
            OpenApiParameter("at", str, description="Only what was there at this moment: RFC 3339 with an offset."),
        ],
    )
    def get(self, request: Request, name: str) -> Response:
        """Return spans by alias and time; where MLflow showed something that nobody approved, it says so."""
        asked = ProductionInput(data=request.query_params)
        asked.is_valid(raise_exception=True)
        row = selectors.model_for(actor(request), name)
        spans = history.timeline(row, **asked.validated_data)
        said = [asdict(span) | {"word": span.word or None} for span in spans]
        body = {"model": str(row), "at": asked.validated_data["at"], "spans": said}
        return Response(ProductionOutput(body).data)
