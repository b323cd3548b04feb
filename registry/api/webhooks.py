"""Where MLflow sends its webhooks."""

import logging
from typing import Any

from django.db import transaction
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from kombu.exceptions import OperationalError
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import tasks, webhooks
from registry.errors import WebhookRefused

log = logging.getLogger(__name__)


class _Signed(BaseAuthentication):
    """The webhook's signature; it identifies the MLflow server, not a person."""

    def authenticate(self, request: Request) -> None:
        asked: Any = request._request
        length = asked.META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > webhooks.LARGEST:
            raise AuthenticationFailed(f"A webhook has at most {webhooks.LARGEST:,} bytes.")
        try:
            webhooks.verify(asked.headers, asked.body)
        except WebhookRefused as refused:
            raise AuthenticationFailed(refused.detail) from refused

    def authenticate_header(self, request: Request) -> str:
        return "X-MLflow-Signature"


class GateWebhooks(APIView):
    """``/api/v1/gate/webhooks``."""

    authentication_classes = [_Signed]
    permission_classes = [AllowAny]

    @extend_schema(request=OpenApiTypes.OBJECT, responses={202: None}, summary="MLflow says that something changed")
    def post(self, request: Request) -> Response:
        """Wake the watch over the aliases, at most every two seconds; what the webhook says is not believed."""
        asked: Any = request._request
        if webhooks.receive(asked.headers, asked.body):
            transaction.on_commit(_wake, robust=True)
        return Response(status=202)


def _wake() -> None:
    try:
        tasks.watch_aliases.delay()
        tasks.mirror_registry.delay()
    except OperationalError as error:
        log.warning("The broker does not answer (%s); the poll sees what MLflow spoke of.", error)
