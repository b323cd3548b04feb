"""Validations over HTTP, to read: working on one and signing it need a person at a page."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.narrow import actor
from governance.common.errors import InvalidInput
from governance.common.pagination import lists, paged
from governance.common.preconditions import etag
from governance.validation import selectors
from governance.validation.models import Opinion, State, Validation, ValidationTest


class ValidationTestOutput(serializers.ModelSerializer[ValidationTest]):
    """A test or a challenger, without the words."""

    evidence = serializers.CharField(source="evidence.payload_digest", allow_null=True, default=None)

    kind = serializers.CharField(help_text="test or challenger")
    outcome = serializers.CharField(help_text="passed, failed or inconclusive")

    class Meta:
        model = ValidationTest
        fields = ["kind", "outcome", "value", "low", "high", "evidence", "made_at"]


class ValidationFindingOutput(serializers.Serializer[Any]):
    """A finding that the validation raised."""

    finding = serializers.UUIDField(source="finding_id")
    severity = serializers.CharField(source="finding.severity")
    closed_at = serializers.DateTimeField(source="finding.closed_at", allow_null=True)


class ValidationOutput(serializers.ModelSerializer[Validation]):
    """A validation as far as it says so openly; what the validator wrote is read on its page."""

    reference = serializers.CharField(source="__str__")
    request = serializers.UUIDField(source="approval_id")
    system = serializers.CharField(source="approval.system.slug")
    subject_name = serializers.CharField(source="approval.subject_name")
    subject_digest = serializers.CharField(source="approval.subject_digest")
    validator = serializers.CharField(source="validator.actor_id")
    evidence = serializers.CharField(source="evidence.payload_digest", allow_null=True, default=None)
    state = serializers.CharField(help_text="planned, in_progress, signed or abandoned")

    class Meta:
        model = Validation
        fields = [
            "id",
            "reference",
            "request",
            "system",
            "subject_name",
            "subject_digest",
            "occasion",
            "state",
            "opinion",
            "validator",
            "opened_at",
            "begun_at",
            "settled_at",
            "report_digest",
            "evidence",
        ]


class ValidationDetailOutput(ValidationOutput):
    """The same with tests, challengers and findings."""

    tests = ValidationTestOutput(many=True)
    findings = ValidationFindingOutput(many=True, source="raised")

    class Meta(ValidationOutput.Meta):
        fields = [*ValidationOutput.Meta.fields, "tests", "findings"]


def _filtered(rows: QuerySet[Validation], request: Request) -> QuerySet[Validation]:
    for name, known in (("state", State.values), ("opinion", Opinion.values)):
        if value := request.query_params.get(name, ""):
            if value not in known:
                raise InvalidInput(f"{name} is one of {', '.join(known)}.")
            rows = rows.filter(**{name: value})
    if slug := request.query_params.get("system", ""):
        rows = rows.filter(approval__system__slug=slug)
    return rows


def _as_json(rows: Sequence[Validation]) -> Any:
    return ValidationOutput(rows, many=True).data


class Validations(APIView):
    """``/api/v1/validations``."""

    scope = "promotions:read"

    @lists(ValidationOutput, summary="Independent validations", filters=["state", "opinion", "system"])
    def get(self, request: Request) -> Response:
        """List the validations that the caller may read, newest first."""
        rows = _filtered(selectors.validations_for(actor(request)).select_related("evidence"), request)
        return paged(request, rows, newest_by="opened_at", as_json=_as_json)


class ValidationDetail(APIView):
    """``/api/v1/validations/{id}``."""

    scope = "promotions:read"

    @extend_schema(responses=ValidationDetailOutput, summary="One independent validation")
    def get(self, request: Request, validation_id: uuid.UUID) -> Response:
        """Return where it stands, what was tested and what came of it, with its ETag."""
        found = selectors.validation_for(actor(request), validation_id)
        findings = [link.finding for link in found.raised.select_related("finding").order_by("pk")]
        tag = etag(found, *found.tests.order_by("made_at", "pk"), *findings)
        return Response(ValidationDetailOutput(found).data, headers={"ETag": tag})
