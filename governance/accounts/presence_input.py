"""How a call of the API says that its signer is present: the password, or the proof that the session holds."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from governance.accounts import presence, single_sign_on
from governance.accounts.narrow import deciding_person
from governance.accounts.services import require_password

NEEDED = "Type your password for this signature."


class PresenceInput(serializers.Serializer[Any]):
    """The signer's own password, typed for this signature."""

    password = serializers.CharField(
        required=False,
        help_text="Your own, typed for this signature. Whoever signs in through the identity provider leaves it out, "
        "after /login/sso/again in the same session: what the provider said there holds for one signature.",
    )


def password_for(request: Request, given: str | None) -> str:
    """Return what a signing service takes for a password: what was typed, or else the proof that the session holds.

    The service spends it; a proof that was used or is too old is no better there than a wrong password.

    Raises:
        ValidationError: nothing was typed by somebody whom no identity provider can ask in our place.
    """
    if given:
        return given
    if not presence.is_by_provider(deciding_person(request)):
        raise serializers.ValidationError({"password": [NEEDED]})
    return single_sign_on.kept_proof(request)


def require_presence(request: Request, given: str | None) -> str:
    """Have the signer's word checked here, where the service that follows asks for none; return the signature's kind.

    Raises:
        SignInAgain, TooManyAttempts, SignInUnavailable: as for ``require_password``.
        ValidationError: as for :func:`password_for`.
    """
    return require_password(deciding_person(request), password_for(request, given))
