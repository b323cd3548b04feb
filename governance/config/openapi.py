"""How the API's two kinds of bearer token stand in its OpenAPI description. Imported for its effect, registering."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


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
