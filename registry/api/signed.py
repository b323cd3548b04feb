"""What the notary signs for loaders that ask seldom or nobody, over HTTP."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.common.errors import Unknown
from registry import revocations, signatures


class RevocationListOutput(serializers.Serializer[Any]):
    """The newest signed revocation list; what is in the envelope counts, the rest is for people."""

    envelope = serializers.DictField()
    number = serializers.IntegerField()
    issued_at = serializers.DateTimeField()
    next_update = serializers.DateTimeField()


class RevocationLists(APIView):
    """``/api/v1/permits/revocation-list``."""

    permission_classes = [AllowAny]
    authentication_classes: list[type[BaseAuthentication]] = []

    @extend_schema(responses=RevocationListOutput, summary="Which permits are not simply in force, signed")
    def get(self, request: Request) -> Response:
        """Return the newest list. Public as the permits are: digests, states and times, no model and no person."""
        row = revocations.newest()
        if row is None:
            raise Unknown("There is no revocation list yet: the notary signs one with the first permit.")
        return Response(RevocationListOutput(row).data)


class ModelSignatures(APIView):
    """``/api/v1/permits/{digest}/model-signature``."""

    permission_classes = [AllowAny]
    authentication_classes: list[type[BaseAuthentication]] = []

    @extend_schema(
        responses={(200, "application/json"): OpenApiTypes.OBJECT},
        summary="The files that a permit names, signed for the stock model_signing tool",
    )
    def get(self, request: Request, digest: str) -> HttpResponse:
        """Return the Sigstore bundle, byte by byte. Public as the permit; it names files and their digests."""
        row = signatures.of_permit(digest)
        return HttpResponse(row.bundle, content_type="application/json")
