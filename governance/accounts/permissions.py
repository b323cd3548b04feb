"""What a token's scopes open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission

from governance.accounts.models import Token

if TYPE_CHECKING:  # rest_framework.views reads the settings that name this module
    from rest_framework.request import Request
    from rest_framework.views import APIView


class HasScope(BasePermission):
    """A token needs the view's ``scope``; a signed-in person needs none.

    Who may write may read: ``promotions:write`` opens what ``promotions:read`` does. A view whose methods need
    different ones says which by method: ``{"GET": "promotions:read", …}``.
    """

    message = "This call takes no token; sign in."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.auth, Token):
            return bool(request.user and request.user.is_authenticated)
        scope = getattr(view, "scope", None)
        if isinstance(scope, Mapping):
            if not hasattr(view, str(request.method).lower()):
                return True  # the view does not take the method, which is what the caller is told
            scope = scope.get("GET" if request.method == "HEAD" else str(request.method))
        if scope is None:
            return False
        self.message = f"The token lacks the scope {scope}. Make one that has it, or sign in."
        subject, _, act = scope.partition(":")
        return scope in request.auth.scopes or (act == "read" and f"{subject}:write" in request.auth.scopes)
