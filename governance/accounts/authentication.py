"""Bearer tokens for the API. The request's ``auth`` is the token, so that a decision can refuse it."""

from allauth.account.adapter import get_adapter
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request

from governance.accounts import throttle
from governance.accounts.models import Token, User
from governance.accounts.services import token_digest
from governance.common import clock


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer placet_…``: the hash is looked up; expired and revoked ones are refused."""

    def authenticate(self, request: Request) -> tuple[User, Token] | None:
        words = get_authorization_header(request).decode("latin-1").split()
        if len(words) != 2 or words[0].lower() != "bearer":
            return None
        token = Token.objects.select_related("holder__sponsor").filter(digest=token_digest(words[1])).first()
        if token is None or token.revoked_at or token.expires_at <= clock.now() or not _active(token.holder):
            if wait := throttle.too_many_tokens_from(get_adapter().get_client_ip(request)):
                raise Throttled(wait)
            raise AuthenticationFailed(
                "The token is unknown, expired or revoked. An administrator makes one: manage.py create_token."
            )
        return token.holder, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _active(holder: User) -> bool:
    """Return whether the holder is active, and for a machine also the person who answers for it."""
    return holder.is_active and (holder.sponsor is None or holder.sponsor.is_active)
