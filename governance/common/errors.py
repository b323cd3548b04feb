"""The base of every refusal: what rule it keeps, its HTTP status and a sentence that says what to do."""

import re
from typing import Any, ClassVar

UNUSABLE = "A value holds a NUL, or is too large or too long."
"""What is said of a value that PostgreSQL can't hold, wherever it was typed."""


class DomainError(Exception):
    """A rule of Placet that a call would break. Subclasses are named after the rule.

    ``status`` follows one convention: 422 input, 409 state, 403 people, 404 unknown, 502/503 an outside system.
    """

    status: ClassVar[int] = 409
    title: ClassVar[str] = "The request conflicts with the present state"

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra

    @classmethod
    def code(cls) -> str:
        """Return the problem's slug: ``SelfApproval`` is ``self-approval``."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()


class InvalidInput(DomainError):
    """The input is well-formed, but one of its values can't be used."""

    status = 422
    title = "A value can't be used"


class Unknown(DomainError):
    """What the call names does not exist, or the caller may not see it."""

    status = 404
    title = "Not found"


class Forbidden(DomainError):
    """The caller is known, but has no role that allows this."""

    status = 403
    title = "Your roles do not allow this"


class OutsideSystemDown(DomainError):
    """A system that Placet depends on for this call does not answer."""

    status = 503
    title = "An outside system does not answer"
