"""Token exchange over HTTP, by the names of RFC 8693."""

from typing import Any

from allauth.account.adapter import get_adapter
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import Throttled
from rest_framework.parsers import FormParser, JSONParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts import throttle
from governance.accounts.errors import ExchangeRefused
from governance.accounts.exchange import exchange

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT, ID_TOKEN = "urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 (a kind of token)
LONGEST = 100_000


class ExchangeInput(serializers.Serializer[Any]):
    """What the run was given by its issuer."""

    grant_type = serializers.ChoiceField(choices=[GRANT])
    subject_token = serializers.CharField(max_length=LONGEST, trim_whitespace=True, write_only=True)
    subject_token_type = serializers.ChoiceField(choices=[JWT, ID_TOKEN])
    scope = serializers.CharField(
        max_length=500, required=False, help_text="Fewer scopes than the workload identity has, with spaces between."
    )


class ExchangeOutput(serializers.Serializer[Any]):
    """A token of Placet's, shown this once."""

    access_token = serializers.CharField()
    issued_token_type = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")
    scope = serializers.CharField(help_text="With spaces between.")


class TokenExchange(APIView):
    """``/api/v1/token-exchange``."""

    permission_classes = [AllowAny]
    authentication_classes: list[type[BaseAuthentication]] = []
    parser_classes = [FormParser, JSONParser]

    @extend_schema(
        request=ExchangeInput,
        responses={
            200: ExchangeOutput,
            403: OpenApiResponse(description="The run is not trusted, or its token was exchanged before."),
            429: OpenApiResponse(description="Too many refusals; `Retry-After` says when to try again."),
        },
        summary="A run's own token for one of Placet's",
    )
    def post(self, request: Request) -> Response:
        """Exchange the token that GitHub, GitLab or another trusted issuer gave a run for a short-lived one.

        Each token is exchanged once. A refusal never says why; the server's log does. What comes of it can request and
        never decide.
        """
        asked = ExchangeInput(data=request.data)
        asked.is_valid(raise_exception=True)
        said: dict[str, str] = asked.validated_data
        try:
            made = exchange(subject_token=said["subject_token"], scopes=frozenset(said.get("scope", "").split()))
        except ExchangeRefused:
            if wait := throttle.too_many_tokens_from(get_adapter().get_client_ip(request)):
                raise Throttled(wait) from None
            raise
        answer = {
            "access_token": made.secret,
            "issued_token_type": ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": made.seconds,
            "scope": " ".join(made.scopes),
        }
        return Response(ExchangeOutput(answer).data, headers={"Cache-Control": "no-store"})
