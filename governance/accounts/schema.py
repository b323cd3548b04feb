"""How the API's own sign-ins are written in the OpenAPI description."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """A scoped, expiring API token as bearer."""

    target_class = "governance.accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        description = "A token, made with manage.py create_token; it can never decide."
        return {"type": "http", "scheme": "bearer", "description": description}
