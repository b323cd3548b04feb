"""The record of an AI system over HTTP: what is asked of people, their answers, and the reviews of these."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.idempotency import idempotent
from governance.accounts.narrow import actor, deciding_person
from governance.common.preconditions import etag, if_match, lock
from governance.inventory import declaring, selectors, system_record
from governance.inventory.api.views import answered, locked_system_tag, system_of
from governance.inventory.models import Declaration
from governance.inventory.system_record import Answered


class DeclarationOutput(serializers.ModelSerializer[Declaration]):
    """One answer."""

    made_by = serializers.CharField(source="made_by.name")
    reviewed_by = serializers.CharField(source="reviewed_by.name", allow_null=True, default=None)
    taken_from = serializers.CharField(
        source="taken_from.system.slug", allow_null=True, default=None, help_text="The system whose answer it repeats."
    )

    class Meta:
        model = Declaration
        fields = [
            "id",
            "question",
            "number",
            "text",
            "made_by",
            "made_at",
            "taken_from",
            "verdict",
            "note",
            "reviewed_by",
            "reviewed_at",
        ]


class QuestionOutput(serializers.Serializer[Answered]):
    """One question, with the newest answer to it."""

    id = serializers.CharField(source="question.id")
    section = serializers.CharField(source="question.section")
    title = serializers.CharField(source="question.title")
    ask = serializers.CharField(source="question.ask")
    help = serializers.CharField(source="question.help")
    kind = serializers.ChoiceField(source="question.kind", choices=["line", "text", "choice"])
    choices = serializers.ListField(source="question.choices", child=serializers.CharField())
    points = serializers.ListField(
        source="question.points", child=serializers.CharField(), help_text="Points of the Act that it serves."
    )
    owed_by = serializers.CharField(source="question.owed_by", help_text="The role that owes an answer.")
    state = serializers.ChoiceField(choices=list(system_record.STATES))
    settled_by = serializers.CharField(
        source="settled.text", allow_null=True, help_text="What says it where nobody answers: then it is `measured`."
    )
    answer = DeclarationOutput(source="declaration", allow_null=True)


class RecordOutput(serializers.Serializer[Any]):
    """The whole record."""

    counts = serializers.DictField(child=serializers.IntegerField(), help_text="Questions by state.")
    questions = QuestionOutput(many=True)


class AnswersInput(serializers.Serializer[Any]):
    """Answers to some questions."""

    answers = serializers.DictField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False),
        help_text="Question id to text; an empty text takes back what was said.",
    )
    seen = serializers.DictField(
        child=serializers.IntegerField(min_value=0),
        required=False,
        default=dict,
        help_text="Question id to the number of the answer that you read (0 for none): nothing is written over others.",
    )


class ReuseInput(serializers.Serializer[Any]):
    """Which answers of another system's record to give here as well."""

    from_system = serializers.CharField(help_text="Id or slug.")
    questions = serializers.ListField(child=serializers.CharField(), allow_empty=False, max_length=200)


class RecordReviewInput(serializers.Serializer[Any]):
    """What the second person says."""

    verdict = serializers.ChoiceField(choices=Declaration.Verdict.choices)
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)


class DeclarationsMade(serializers.Serializer[Any]):
    """The answers that were new."""

    made = DeclarationOutput(many=True)


class Record(APIView):
    """``/api/v1/systems/{id}/record``."""

    @extend_schema(responses=RecordOutput, summary="The record of a system: questions, answers, reviews")
    def get(self, request: Request, system: str) -> Response:
        """Return every question that concerns the system's roles, answered or not."""
        rows = system_record.answered(system_of(request, system))
        return Response(RecordOutput({"counts": system_record.counts(rows), "questions": rows}).data)


class Declarations(APIView):
    """``/api/v1/systems/{id}/declarations``."""

    @extend_schema(
        request=AnswersInput, responses={201: DeclarationsMade}, summary="Answer questions of a system's record"
    )
    @idempotent
    @if_match(locked_system_tag)
    def post(self, request: Request, system: str) -> Response:
        """Give answers, all or none; those that say what stands already add nothing."""
        payload = AnswersInput(data=request.data)
        payload.is_valid(raise_exception=True)
        made = declaring.declare(ai_system=system_of(request, system), by=actor(request), **payload.validated_data)
        return Response(DeclarationsMade({"made": made}).data, status=status.HTTP_201_CREATED)


class Reuses(APIView):
    """``/api/v1/systems/{id}/declarations/reuses``."""

    @extend_schema(
        request=ReuseInput, responses={201: DeclarationsMade}, summary="Give another system's answers here as well"
    )
    @idempotent
    @if_match(locked_system_tag)
    def post(self, request: Request, system: str) -> Response:
        """Repeat answers of another system's record, as your own; each names where it was taken from."""
        payload = ReuseInput(data=request.data)
        payload.is_valid(raise_exception=True)
        made = declaring.reuse(
            ai_system=system_of(request, system),
            source=selectors.system_for(actor(request), payload.validated_data["from_system"]),
            questions=payload.validated_data["questions"],
            by=actor(request),
        )
        return Response(DeclarationsMade({"made": made}).data, status=status.HTTP_201_CREATED)


def _locked_tag(request: Request, system: str, declaration_id: uuid.UUID) -> str:
    ai_system = system_of(request, system)
    lock(selectors.declaration(ai_system, declaration_id))
    return etag(selectors.declaration(ai_system, declaration_id))


class DeclarationDetail(APIView):
    """``/api/v1/systems/{id}/declarations/{id}``."""

    @extend_schema(responses=DeclarationOutput, summary="One answer of a system's record")
    def get(self, request: Request, system: str, declaration_id: uuid.UUID) -> Response:
        """Return an answer, reviewed or not, with its ETag."""
        row = selectors.declaration(system_of(request, system), declaration_id)
        return answered(row, DeclarationOutput(row), status.HTTP_200_OK)


class DeclarationReviews(APIView):
    """``/api/v1/systems/{id}/declarations/{id}/reviews``."""

    @extend_schema(request=RecordReviewInput, responses={201: DeclarationOutput}, summary="Review an answer")
    @idempotent
    @if_match(_locked_tag)
    def post(self, request: Request, system: str, declaration_id: uuid.UUID) -> Response:
        """Accept or return an answer that somebody else gave; it is sealed then."""
        payload = RecordReviewInput(data=request.data)
        payload.is_valid(raise_exception=True)
        found = selectors.declaration(system_of(request, system), declaration_id)
        row = declaring.review(declaration_id=found.pk, by=deciding_person(request), **payload.validated_data)
        return answered(row, DeclarationOutput(row), status.HTTP_201_CREATED)
