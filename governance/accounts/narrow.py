"""Narrow ``request.user`` to a signed-in User, once, for the type checker and for readers."""

from django.http import HttpRequest
from rest_framework.request import Request

from governance.accounts.models import Token, User
from governance.common.errors import Forbidden


def actor(request: HttpRequest | Request) -> User:
    """Return the signed-in person or service account behind a request.

    Raises:
        Forbidden: nobody is signed in.
    """
    user = request.user
    if not isinstance(user, User):
        raise Forbidden("Sign in first.")
    return user


class TokensNeverDecide(Forbidden):
    """A token stands for a machine; what needs a person's judgement needs the person's own session."""

    title = "A token can never decide"


def deciding_person(request: Request) -> User:
    """Return the person behind a browser session, for acts that count as a signature.

    Raises:
        TokensNeverDecide: the call came with a token, or from a service account.
    """
    user = actor(request)
    if isinstance(request.auth, Token) or user.is_service:
        raise TokensNeverDecide("Sign in to Placet in a browser and do it there.")
    return user


class TokenSpeaksForNobody(Forbidden):
    """What a script writes with a person's token would pass for that person's word."""

    title = "A token does not speak for a person"


def speaker(request: Request) -> User:
    """Return who says something: a person in their own session, or a service account with its token.

    Raises:
        TokenSpeaksForNobody: the call came with a person's token.
    """
    user = actor(request)
    if isinstance(request.auth, Token) and not user.is_service:
        raise TokenSpeaksForNobody("Sign in to Placet and write it there, or use the token of a service account.")
    return user
