"""What the OpenAPI description says of every address alike: tokens, and the headers of the API's conventions."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key with the same request is done once and answered alike; at most 128 characters.",
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag that you read: if the resource has changed since, nothing is done and 412 says so.",
)
OWN_SCHEMES = {"gateToken", "webhookSignature"}


class Described(AutoSchema):
    """Adds the headers that a method's decorators read, so that no view repeats them."""

    def get_operation_id(self) -> str:
        """Return ``…_list`` for what answers pages, so that it differs from the one resource below it."""
        name = str(super().get_operation_id())
        lists = getattr(getattr(self.view, self.method.lower()), "lists", False)
        return name.removesuffix("_retrieve") + "_list" if lists else name

    def get_auth(self) -> list[Any]:
        """Leave out that nobody need sign in where a scheme of its own lets nobody else in."""
        found: list[Any] = super().get_auth()
        closed = any(name in OWN_SCHEMES for scheme in found for name in scheme)
        return [scheme for scheme in found if scheme] if closed else found

    def get_override_parameters(self) -> list[Any]:
        """Return the parameters that the method itself names none of."""
        handler = getattr(self.view, self.method.lower())
        marks = (("idempotent", IDEMPOTENCY_KEY), ("conditional", IF_MATCH))
        return [header for mark, header in marks if getattr(handler, mark, False)]


class PlacetToken(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """A person's or a service account's token."""

    target_class = "governance.accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token of Placet; it can request, never decide."}


class GateToken(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The secret that MLflow's plugin and Placet share."""

    target_class = "registry.api.views._GateToken"
    name = "gateToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "PLACET_GATE_TOKEN, for the MLflow server alone."}


class WebhookSignature(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """MLflow's signature under its webhooks, a scheme of its own in the description."""

    target_class = "registry.api.webhooks._Signed"
    name = "webhookSignature"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "X-MLflow-Signature"}
